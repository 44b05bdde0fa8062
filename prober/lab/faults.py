"""Hosts of the lab that are broken on purpose, each in one stated way: `LABEL.lab.test`, and every name below it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cryptography.x509.oid import ExtendedKeyUsageOID

from prober.lab.authorities import Authorities, Credential, days

DOMAIN: Final = "lab.test"


class Fault(StrEnum):
    """The ways to be broken; the value is the label of the host."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    SELF_SIGNED = "self-signed"
    WRONG_NAME = "wrong-name"
    WRONG_USAGE = "wrong-usage"
    INCOMPLETE = "incomplete"
    UNTRUSTED = "untrusted"
    REVOKED = "revoked"
    SILENT = "silent"
    RESET = "reset"
    HANGUP = "hangup"
    ALERT = "alert"
    OLD_TLS = "old-tls"
    CLIENT_CERT = "client-cert"
    MUTE = "mute"
    CUT = "cut"
    GARBAGE = "garbage"
    DRIP = "drip"
    HTML = "html"
    CLOSED = "closed"
    NOWHERE = "nowhere"

    @property
    def host(self) -> str:
        """The host that is broken this way."""
        return f"{self.value}.{DOMAIN}"


EXPLAINED: Final = {
    Fault.EXPIRED: "its certificate ran out yesterday",
    Fault.NOT_YET_VALID: "its certificate begins tomorrow",
    Fault.SELF_SIGNED: "its certificate is signed by nobody but itself",
    Fault.WRONG_NAME: "its certificate is for another name",
    Fault.WRONG_USAGE: "its certificate is for clients, not servers",
    Fault.INCOMPLETE: "it does not send its intermediate certificate",
    Fault.UNTRUSTED: "its authority is in nobody's store",
    Fault.REVOKED: "its authority has revoked its certificate",
    Fault.SILENT: "accepts and never answers the handshake",
    Fault.RESET: "resets the connection after the ClientHello",
    Fault.HANGUP: "closes the connection after the ClientHello",
    Fault.ALERT: "answers the ClientHello with the alert handshake_failure",
    Fault.OLD_TLS: "answers the ClientHello with the alert protocol_version",
    Fault.CLIENT_CERT: "insists on a client certificate",
    Fault.MUTE: "takes the HTTP request and never answers",
    Fault.CUT: "takes the HTTP request and closes",
    Fault.GARBAGE: "answers the HTTP request with something else",
    Fault.DRIP: "answers the HTTP request one byte a second",
    Fault.HTML: "answers every HTTP request with a web page",
    Fault.CLOSED: "its port is closed",
    Fault.NOWHERE: "a name that the lab's proxies cannot resolve",
}
_LABELS: Final = frozenset(fault.value for fault in Fault)


def fault_of(host: str) -> Fault | None:
    """How `host` is broken; None if it is not."""
    if not host.endswith("." + DOMAIN):
        return None
    label = host.removesuffix("." + DOMAIN).rpartition(".")[2]
    return Fault(label) if label in _LABELS else None


def credential(fault: Fault | None, host: str, authorities: Authorities) -> Credential | None:
    """The faulty certificate that a host with this fault shows; None where its certificate is a good one."""
    public = authorities.public[0]
    if fault is Fault.EXPIRED:
        return public.leaf([host], valid=days(91, -1))
    if fault is Fault.NOT_YET_VALID:
        return public.leaf([host], valid=days(-1, 90))
    if fault is Fault.SELF_SIGNED:
        return authorities.self_signed(host)
    if fault is Fault.WRONG_NAME:
        return public.leaf([f"other.{DOMAIN}"])
    if fault is Fault.WRONG_USAGE:
        return public.leaf([host], usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    if fault is Fault.INCOMPLETE:
        whole = authorities.withheld.leaf([host])
        return Credential(whole.key, whole.certificate)
    if fault is Fault.UNTRUSTED:
        leaf = authorities.stray.leaf([host])
        return Credential(leaf.key, leaf.certificate, (authorities.stray.certificate,))
    if fault is Fault.REVOKED:
        revoked = public.leaf([host])
        public.revoked.add(revoked.certificate.serial_number)
        return revoked
    return None
