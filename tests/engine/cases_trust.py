"""Certificates that a real server shows and that must not be trusted; judged from what a probe captured."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from prober.model import Anchor, Reason

from ..interception.conftest import DAY, NOW, Issued, build
from .world import ORIGIN

Chain = list[Issued]
"""What the server sends, leaf first."""


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A chain with what must be said of it."""

    name: str
    reason: Reason
    anchor: Anchor
    detail: str
    """Words that must be in the detail."""
    chain: Callable[[], Chain]

    def __str__(self) -> str:
        return f"{self.reason}-{self.name}".replace(" ", "_")


@cache
def root() -> Issued:
    """The one authority that the judge trusts."""
    return build("Trusted Root", ca=True, organisation="Trusted Trust")


def _leaf(name: str = ORIGIN, **options: Any) -> Callable[[], Chain]:
    return lambda: [root().leaf(name, **options)]


def _self_signed() -> Chain:
    return [build(ORIGIN, names=(ORIGIN,))]


def _of_a_stranger() -> Chain:
    stranger = build("Corporate Inspection", ca=True)
    return [stranger.leaf(ORIGIN), stranger]


def _without_intermediate() -> Chain:
    return [root().ca("Issuing CA", organisation="Trusted Trust").leaf(ORIGIN)]


def _expired_intermediate() -> Chain:
    issuing = root().ca("Issuing CA", ends=NOW - DAY)
    return [issuing.leaf(ORIGIN), issuing]


def _outside_the_permitted_names() -> Chain:
    issuing = root().ca("Constrained CA", permitted="other.example.com")
    return [issuing.leaf(ORIGIN), issuing]


UNTRUSTED = [
    Untrusted("leaf", Reason.CERT_EXPIRED, Anchor.PINNED, "expired", _leaf(ends=NOW - DAY)),
    Untrusted("issuer", Reason.CERT_EXPIRED, Anchor.PINNED, "Issuing CA expired", _expired_intermediate),
    Untrusted("leaf", Reason.CERT_NOT_YET_VALID, Anchor.PINNED, "not valid before", _leaf(begins=NOW + DAY)),
    Untrusted("self-signed", Reason.CERT_UNTRUSTED, Anchor.SELF_SIGNED_LEAF, "self-signed", _self_signed),
    Untrusted("stranger", Reason.CERT_UNTRUSTED, Anchor.UNKNOWN, "Corporate Inspection", _of_a_stranger),
    Untrusted("leaf", Reason.CERT_NAME_MISMATCH, Anchor.PINNED, "other.example.com", _leaf("other.example.com")),
    Untrusted("leaf", Reason.CERT_INCOMPLETE_CHAIN, Anchor.INCOMPLETE, "Issuing CA", _without_intermediate),
    Untrusted(
        "for clients",
        Reason.CERT_WRONG_USAGE,
        Anchor.PINNED,
        "extended key usage",
        _leaf(eku=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
    ),
    Untrusted("constraint", Reason.CERT_INVALID, Anchor.PINNED, "RFC 5280", _outside_the_permitted_names),
]


def trusted() -> Chain:
    """The chain that all of these differ from."""
    issuing = root().ca("Issuing CA")
    return [issuing.leaf(ORIGIN), issuing]


def serving(chain: Chain) -> ssl.SSLContext:
    """A server's side of TLS that sends this chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.pem"
        key = chain[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(key + b"".join(issued.pem for issued in chain))
        context.load_cert_chain(path)
    return context
