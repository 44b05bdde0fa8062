"""Where a certificate says that its revocation can be looked up: CRLs, OCSP responders, and its issuer's certificate.

Whoever made the certificate chose these addresses (RFC 5280 sections 4.2.1.13 and 4.2.2.1). So they are bounded in
length and number, only web addresses are taken, and what is left out is said.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from prober.interception.certificates import MAX_DER
from prober.interception.text import shown
from prober.model import DEFAULT_PORTS, Scheme, Target

MAX_URL: Final = 2_048
"""Characters of an address; longer ones are left out."""
MAX_EACH: Final = 5
"""Addresses of a kind that are taken from one certificate."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PORT: Final = re.compile(r"[0-9]{1,5}")


class SourceKind(StrEnum):
    """What is to be had at an address."""

    CRL = "crl"
    """A list of what the issuer has revoked."""
    OCSP = "ocsp"
    """A responder that answers for one certificate (RFC 6960)."""
    ISSUER = "ca-issuers"
    """The issuer's own certificate: no revocation, but without it a chain may not be complete."""

    @property
    def tells_revocation(self) -> bool:
        """Whether a working address of this kind lets a client look revocation up."""
        return self is not SourceKind.ISSUER


@dataclass(frozen=True, slots=True)
class Source:
    """One address in a certificate."""

    kind: SourceKind
    target: Target
    """What is asked there; its id is the address."""


@dataclass(frozen=True, slots=True)
class Sources:
    """All addresses of one certificate."""

    found: tuple[Source, ...] = ()
    """CRLs first, then OCSP, then the issuer's certificate; each in the certificate's order and once."""
    ignored: tuple[str, ...] = ()
    """What was left out, each as a sentence."""


@lru_cache(maxsize=2_048)
def sources_of(der: bytes) -> Sources:
    """The addresses in a certificate. Never raises: what does not parse has none, and says so."""
    if len(der) > MAX_DER:
        return Sources(ignored=(f"the certificate is larger than {MAX_DER} bytes",))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd serials and the like warn; they are nobody's business here
        try:
            published = list(_published(x509.load_der_x509_certificate(der)))
        except Exception:  # noqa: BLE001  parsing is lazy and a stranger's bytes raise a dozen unrelated types
            return Sources(ignored=("the certificate's extensions cannot be read",))
    return _sorted_out(published)


def web_target(url: str) -> Target:
    """What a GET of a web address asks for, over plain HTTP or TLS. Raises ValueError with why it is not followed."""
    if len(url) > MAX_URL:
        raise ValueError(f"an address of more than {MAX_URL} characters is not followed")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError(f"{shown(url, 80)} has characters that no address has")
    scheme = _SCHEME.match(url)
    if scheme is None or scheme[1].lower() not in ("http", "https"):
        kind = shown(scheme[1].lower(), 20) if scheme else "relative"
        raise ValueError(f"{kind} addresses are not followed: {shown(url, 80)}")
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address with a user or a password in it is not followed")
    spoken = Scheme(scheme[1].lower())
    host, port = _place(parts.netloc, spoken, url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    place = f"[{host}]" if ":" in host else host
    shown_port = "" if port == DEFAULT_PORTS[spoken] else f":{port}"
    return Target(
        id=f"{spoken.value}://{place}{shown_port}{path}",
        scheme=spoken,
        host=host,
        port=port,
        path=path,
        expected=(200,),
        proxy_login=False,  # Windows fetches these itself, as a service without a login
    )


def onward(location: str, asked: Target) -> Target:
    """Where a redirect leads (RFC 9110 section 10.2.2). Raises ValueError with why it is not followed."""
    try:
        return web_target(urljoin(asked.id, location[: MAX_URL + 1]))
    except ValueError as error:
        raise ValueError(f"a redirect is not followed: {error}") from None


def _published(certificate: x509.Certificate) -> Iterator[tuple[SourceKind, str]]:
    """Kind and address of everything published, as it stands there."""
    for kind, name in (*_distribution_points(certificate), *_access(certificate)):
        if isinstance(name, x509.UniformResourceIdentifier):
            yield kind, name.value


def _distribution_points(certificate: x509.Certificate) -> Iterator[tuple[SourceKind, x509.GeneralName]]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return
    for point in points:
        yield from ((SourceKind.CRL, name) for name in point.full_name or ())


def _access(certificate: x509.Certificate) -> Iterator[tuple[SourceKind, x509.GeneralName]]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return
    for wanted, kind in (
        (AuthorityInformationAccessOID.OCSP, SourceKind.OCSP),
        (AuthorityInformationAccessOID.CA_ISSUERS, SourceKind.ISSUER),
    ):
        yield from ((kind, each.access_location) for each in access if each.access_method == wanted)


def _sorted_out(published: Iterable[tuple[SourceKind, str]]) -> Sources:
    found: dict[tuple[SourceKind, str], Source] = {}
    ignored: dict[str, None] = {}
    counts = dict.fromkeys(SourceKind, 0)
    for kind, url in published:
        if counts[kind] >= MAX_EACH:
            ignored[f"more than {MAX_EACH} addresses of kind {kind}: the others are not followed"] = None
            continue
        counts[kind] += 1
        try:
            target = web_target(url)
        except ValueError as error:
            ignored[f"{kind}: {error}"] = None
        else:
            found.setdefault((kind, target.id), Source(kind, target))
    return Sources(tuple(found.values()), tuple(ignored))


def _place(netloc: str, scheme: Scheme, url: str) -> tuple[str, int]:
    """Host and port of an authority. Raises ValueError."""
    refused = ValueError(f"{shown(url, 80)} names no host that could be asked")
    bracketed = netloc.startswith("[")
    host, _, port_text = netloc[1:].partition("]") if bracketed else netloc.partition(":")
    port_text = port_text.removeprefix(":") if bracketed else port_text
    host = host.lower().removesuffix(".")
    if bracketed:
        if "%" in host or ":" not in host:
            raise refused
        try:
            host = str(ip_address(host))
        except ValueError:
            raise refused from None
    elif len(host) > 253 or _NAME.fullmatch(host) is None:
        raise refused
    if not port_text:
        return host, DEFAULT_PORTS[scheme]
    if _PORT.fullmatch(port_text) is None or not 1 <= int(port_text) <= 65_535:
        raise refused
    return host, int(port_text)
