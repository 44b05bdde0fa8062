"""What an interceptor of the lab does: each trait of a forged certificate and of its TLS as a setting of its own.

Settings combine freely. `PRODUCTS` has them as real products were seen (squid 5.7 and mitmproxy 8.1 measured, sslsplit
0.5.5 from its source, the others as published captures describe them). Values only: `forgery` acts on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class LeafKey(StrEnum):
    """Whose key a forged certificate carries."""

    AUTHORITY = "authority"
    """The inspecting authority's own (squid, mitmproxy)."""
    SHARED = "shared"
    """One key for all hosts (sslsplit)."""
    OWN = "own"
    """A new one for each host (cloud gateways)."""


class KeyType(StrEnum):
    """Type of a shared or own key."""

    ECDSA = "ecdsa"
    RSA = "rsa"
    ORIGIN = "origin"
    """As the origin's."""


class Copied(StrEnum):
    """Parts that a forged certificate takes over from the origin's, octet for octet."""

    SUBJECT = "subject"
    NAMES = "names"
    """All subject alternative names."""
    VALIDITY = "validity"
    """Both ends, to the second."""
    SCTS = "scts"
    """The embedded certificate timestamps, whose signatures then do not hold."""
    POLICIES = "policies"
    POINTERS = "pointers"
    """Where issuer and revocation lists are to be had."""


class IssuerName(StrEnum):
    """What the forger calls itself."""

    OWN = "own"
    ORIGIN = "origin"
    """Exactly as the origin's real issuer, and so for each issuer it meets."""


class AuthorityKeyId(StrEnum):
    """The forged certificate's authorityKeyIdentifier."""

    FORGER = "forger"
    ORIGIN = "origin"
    """Copied; the forger's own certificate then claims that identifier too, or clients would not chain to it."""
    NONE = "none"


class Alpn(StrEnum):
    """What becomes of application protocols."""

    LOST = "lost"
    KEPT = "kept"
    """The client's offer goes to the origin, the origin's choice to the client."""


class Version(StrEnum):
    """The TLS version shown to the client."""

    FREE = "free"
    """The best that both speak, whatever the origin does."""
    ORIGIN = "origin"
    """That of the origin's side."""
    CAPPED = "capped"
    """1.2 at most."""
    RAISED = "raised"
    """1.3 at least."""


class Untrusted(StrEnum):
    """What an origin gets whose certificate does not verify."""

    MARKED = "marked"
    """An issuer called `Not trusted by "<authority>"`, and nothing sent after the leaf (squid)."""
    FORGED = "forged"
    """A forged certificate like any other: its users are told nothing (the worst of products)."""
    REFUSED = "refused"
    """The connection ends (mitmproxy)."""


@dataclass(frozen=True, slots=True)
class AuthorityName:
    """What an authority is called. The lab adds an OU, so that no name of it passes for a real one's."""

    common: str
    organization: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an interceptor opens, and how it forges."""

    bypass: Sequence[str] = ()
    """Domains left alone, with all below them."""
    every: int = 1
    """Open one tunnel in this many: the last of each such group."""

    key: LeafKey = LeafKey.AUTHORITY
    key_type: KeyType = KeyType.ECDSA
    copies: frozenset[Copied] = frozenset({Copied.SUBJECT, Copied.NAMES, Copied.VALIDITY})
    lifetime: tuple[float, float] = (1, 200)
    """Days before and after now, where the validity is not copied. No origin of the lab has the same by chance."""
    subject_organization: str | None = None
    """Put into the subject in place of any other (Zscaler puts its own)."""

    root: AuthorityName | None = None
    """The inspecting root's name; None = the authority given to the interceptor."""
    intermediate: AuthorityName | None = None
    """An authority between root and leaf; None = the root signs leaves itself."""
    issuer: IssuerName = IssuerName.OWN
    """With ORIGIN the authority that signs leaves, intermediate or root, gets that name."""
    authority_key_id: AuthorityKeyId = AuthorityKeyId.FORGER

    signer_sent: bool = True
    """Send the intermediate."""
    root_sent: int = 1
    """How many times the root is sent; squid does it twice."""
    padded: bool = False
    """Send what the origin sends after its own leaf, directly after the forged one."""

    version: Version = Version.FREE
    alpn: Alpn = Alpn.LOST
    client_certificate_request: bool = False
    """Ask the client for a certificate where the origin asks; it can never be passed on."""
    headers: Sequence[tuple[str, str]] = ()
    """Added to the answer inside the tunnel, such as Via."""
    untrusted: Untrusted = Untrusted.MARKED


class Product(StrEnum):
    """Interceptors by name."""

    SQUID = "squid"
    MITMPROXY = "mitmproxy"
    SSLSPLIT = "sslsplit"
    ZSCALER = "zscaler-like"
    AZURE_FIREWALL = "azure-firewall-like"
    ANTIVIRUS = "av-like"


_SUBJECT_AND_NAMES: Final = frozenset({Copied.SUBJECT, Copied.NAMES})

PRODUCTS: Final = {
    Product.SQUID: Policy(
        root=AuthorityName("Squid CA", "Example Corp"),
        root_sent=2,
        headers=(("X-Cache", "MISS from squid"), ("Via", "1.1 squid (squid/5.7)")),
    ),
    Product.MITMPROXY: Policy(
        root=AuthorityName("mitmproxy", "mitmproxy"),
        copies=_SUBJECT_AND_NAMES,
        lifetime=(2, 197),
        root_sent=0,
        alpn=Alpn.KEPT,
        untrusted=Untrusted.REFUSED,
    ),
    Product.SSLSPLIT: Policy(
        root=AuthorityName("Example Corp Root", "Example Corp"),
        key=LeafKey.SHARED,
        key_type=KeyType.RSA,
        copies=_SUBJECT_AND_NAMES,
        lifetime=(1, 364),
        untrusted=Untrusted.REFUSED,
    ),
    Product.ZSCALER: Policy(
        root=AuthorityName("Zscaler Root CA", "Zscaler Inc."),
        intermediate=AuthorityName("Zscaler Intermediate Root CA (zscalertwo.net)", "Zscaler Inc."),
        key=LeafKey.OWN,
        key_type=KeyType.RSA,
        copies=_SUBJECT_AND_NAMES,
        lifetime=(1, 13),
        subject_organization="Zscaler Inc.",
        root_sent=0,
        untrusted=Untrusted.REFUSED,
    ),
    Product.AZURE_FIREWALL: Policy(
        root=AuthorityName("Example Corp Root", "Example Corp"),
        intermediate=AuthorityName("Azure Firewall Manager CA", "Example Corp"),
        key=LeafKey.OWN,
        key_type=KeyType.RSA,
        copies=frozenset({Copied.NAMES}),
        lifetime=(1, 365),
        root_sent=0,
        version=Version.CAPPED,
        untrusted=Untrusted.REFUSED,
    ),
    Product.ANTIVIRUS: Policy(
        root=AuthorityName("ESET SSL Filter CA", "ESET, spol. s r. o."),
        key=LeafKey.OWN,
        key_type=KeyType.ORIGIN,
        alpn=Alpn.KEPT,
        version=Version.RAISED,
        root_sent=0,
        untrusted=Untrusted.FORGED,
    ),
}
