"""Who may vouch for a name: trust anchors from every source, and the bridges between them.

An anchor is a certificate with a class and a scope of names. Sources: Mozilla's store, the certificates shipped in
`data/` (`index.toml` says what each is), the operating system's store, and roots the user names.
"""

from __future__ import annotations

import binascii
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

from prober.interception.certificates import CertificateFacts, certificate_facts
from prober.model import Anchor

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)

MOZILLA: Final = "mozilla"
OS: Final = "os"
LEGACY: Final = "legacy"
VENDOR: Final = "vendor"
USER: Final = "user"
STORES: Final = (MOZILLA, OS, LEGACY, VENDOR, USER)
"""In the order in which they are told."""

_RANKS: Final = {
    Anchor.PUBLIC: 0,
    Anchor.PUBLIC_LEGACY: 1,
    Anchor.VENDOR_PRIVATE: 2,
    Anchor.PINNED: 3,
    Anchor.OS_ONLY: 4,
}


@dataclass(frozen=True, slots=True)
class UserRoot:
    """Roots handed in by the user."""

    pem: bytes
    """One or more certificates. They need not be self-signed."""
    anchor: Anchor = Anchor.PINNED
    """What to call a chain that ends there: `public`, `public_legacy`, `vendor_private` or `pinned`."""
    names: tuple[str, ...] = ()
    """Name suffixes they may vouch for (`corp.example`, also written `*.corp.example`); empty = any name."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that parsed, with its encoding."""

    der: bytes
    facts: CertificateFacts


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate at which a path may end."""

    certificate: Certificate
    anchor: Anchor
    names: tuple[str, ...] = ()
    """Name suffixes it may vouch for; empty = any name."""
    store: str = USER
    """Whose list it is on: MOZILLA, LEGACY, VENDOR, USER or OS."""

    @property
    def rank(self) -> int:
        """Order of preference when several paths hold."""
        return _RANKS[self.anchor]


@dataclass(frozen=True, slots=True)
class Shipped:
    """The content of `data/`."""

    version: int
    dated: str
    authorities: tuple[Authority, ...]
    bridges: tuple[Certificate, ...]


def certificates_in(pem: bytes) -> Iterator[Certificate]:
    """Every certificate of a PEM text that parses; anything else in it is passed over."""
    for block in _PEM.finditer(pem):
        try:
            der = binascii.a2b_base64(block[1])
        except binascii.Error:
            continue
        facts = certificate_facts(der)
        if facts is not None:
            yield Certificate(der, facts)


@lru_cache(maxsize=1)
def shipped() -> Shipped:
    """The certificates that travel with this package, read once."""
    folder = resources.files("prober.interception").joinpath("data")
    index = tomllib.loads(folder.joinpath("index.toml").read_text("utf-8"))
    names = tuple(index["vendor_names"])
    authorities: list[Authority] = []
    bridges: list[Certificate] = []
    for entry in index["certificate"]:
        (certificate,) = certificates_in(folder.joinpath(entry["file"]).read_bytes())
        match entry["class"]:
            case "bridge":
                bridges.append(certificate)
            case "vendor_private":
                authorities.append(Authority(certificate, Anchor.VENDOR_PRIVATE, names, VENDOR))
            case other:
                authorities.append(Authority(certificate, Anchor(other), (), LEGACY))
    return Shipped(int(index["version"]), str(index["dated"]), tuple(authorities), tuple(bridges))


@lru_cache(maxsize=1)
def mozilla_digests() -> frozenset[str]:
    """SHA-256 of Mozilla's roots as of this package's release: what a bundle of unknown making is held against."""
    text = resources.files("prober.interception").joinpath("data", "mozilla_roots.txt").read_text("utf-8")
    return frozenset(line.split()[0] for line in text.splitlines() if not line.startswith("#"))


def gather(
    mozilla_pem: bytes, os_pem: bytes | None, roots: Sequence[UserRoot], *, with_shipped: bool = True
) -> tuple[Authority, ...]:
    """All anchors; the shipped ones only `with_shipped`.

    A key known from anywhere else is not `os_only`, whichever certificate of it the machine has.

    Raises ValueError for a user root without a certificate, or of a class that no root can give.
    """
    authorities = [Authority(certificate, Anchor.PUBLIC, (), MOZILLA) for certificate in certificates_in(mozilla_pem)]
    if with_shipped:
        authorities += shipped().authorities
    for root in roots:
        authorities += _user_authorities(root)
    known = {authority.certificate.facts.spki_sha256 for authority in authorities}
    authorities += [
        Authority(certificate, Anchor.OS_ONLY, (), OS)
        for certificate in certificates_in(os_pem or b"")
        if certificate.facts.spki_sha256 not in known
    ]
    return tuple(authorities)


def by_subject(authorities: Iterable[Authority]) -> dict[str, list[Authority]]:
    """Anchors under `CertificateFacts.subject_id`. One without a name signs nothing, but may be a leaf itself."""
    index: dict[str, list[Authority]] = {}
    for authority in authorities:
        index.setdefault(authority.certificate.facts.subject_id, []).append(authority)
    return index


def _user_authorities(root: UserRoot) -> list[Authority]:
    if root.anchor not in _RANKS or root.anchor is Anchor.OS_ONLY:
        raise ValueError(f"a root cannot make a chain {root.anchor}: public, public_legacy, vendor_private or pinned")
    names = tuple(name.lower().lstrip("*.") for name in root.names)
    found = [Authority(certificate, root.anchor, names) for certificate in certificates_in(root.pem)]
    if not found:
        raise ValueError("no certificate in the PEM text of a trusted root")
    return found
