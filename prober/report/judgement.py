"""What a run document says about interception: the verdict on a pair, and the trust it was judged with.

Words (verdict, basis, reason, families) are plain strings, so that a document of a later version can be read. What
they mean stands in `prober.interception.verdict` and in the glossary.
"""

from __future__ import annotations

from msgspec import Struct, field

from prober.report.scalars import Count, Digest, Instant


class EvidenceDoc(Struct, frozen=True):
    """One fact that speaks for interception."""

    id: str
    family: str
    points: int
    text: str
    """May quote the peer: escape before showing."""
    decides: bool = True
    """Whether its points count towards the threshold; the others only order and explain."""
    observed: str = ""
    expected: str = ""


class ReferenceDoc(Struct, frozen=True):
    """What the pair was compared with."""

    kind: str
    """`route`, `egress` (another one of the same run), `baseline` or `pin`."""
    name: str
    """The route's name, `egress/route`, of the baseline's route, or the pin's host."""
    spki_sha256: str
    """Key of the leaf seen there."""
    issuer: str
    """Who signed it; empty for a pin."""
    at: Instant | None
    """When it was seen; null for a pin."""


class AttributionDoc(Struct, frozen=True):
    """Whose product it seems to be, by the names it uses: never a reason for a verdict by itself."""

    vendor: str
    product: str
    category: str
    confidence: str
    pattern: str
    """What matched."""


class SignerDoc(Struct, frozen=True):
    """Who signed the leaf."""

    subject: str
    """The issuer's name as the leaf has it."""
    spki_sha256: str | None
    """Its key, if its certificate is at hand."""
    root: str
    """Name of the certificate at which the path ends."""
    root_spki_sha256: str | None
    stores: tuple[str, ...]
    """Where the root's key is known: `mozilla`, `os`, `legacy`, `vendor`, `user`."""


class MixedDoc(Struct, frozen=True):
    """Some connections of the pair were intercepted and some were not."""

    intercepted: Count
    of: Count


class InterceptionDoc(Struct, frozen=True):
    """The verdict on one target over one route."""

    verdict: str
    basis: str
    reason: str | None
    confidence: str | None
    score: int
    evidence: tuple[EvidenceDoc, ...]
    """Strongest first."""
    reference: ReferenceDoc | None
    attribution: AttributionDoc | None
    hop: Count | None
    """Where interception begins: 1 = the first proxy, 0 = already without any proxy, null = not known."""
    mixed: MixedDoc | None
    policy_mismatch: bool
    """Keys are pinned for this host and none of them is on the path."""
    families: tuple[str, ...] = ()
    """Distinct families of the evidence that decides."""
    signer: SignerDoc | None = None
    issuer_changed: bool = False
    """Anchored here and in the reference, but signed by another family of issuers: information, no finding."""
    shared_key_with: tuple[str, ...] = ()
    """Hosts that were served the same leaf key on this route, a few of them."""


class RootDoc(Struct, frozen=True):
    """An authority that vouched, or might have; its certificate stands in `run.certificates`."""

    sha256: Digest
    anchor: str
    """What it makes of a chain that ends there: `public`, `os_only`, `pinned`, …"""
    names: tuple[str, ...] = ()
    """Name suffixes it may vouch for; empty = any name."""
    store: str = "user"
    """Where it is from: `mozilla`, `os`, `legacy`, `vendor`, `user`."""


class TrustDoc(Struct, frozen=True):
    """The trust in force when the run was judged, so that it can be judged again with the same.

    Certificates are digests of those in `run.certificates`.
    """

    shipped_version: int = 0
    shipped_dated: str = ""
    """Version and date of the certificates that travel with the program."""
    with_shipped: bool = True
    mozilla_sha256: str = ""
    """Digest of Mozilla's bundle."""
    roots: tuple[RootDoc, ...] = ()
    """The user's, and of all others those that chains of this run end at."""
    bridges: tuple[Digest, ...] = ()
    """Certificates between authorities that completed chains of this run."""
    os_keys: tuple[str, ...] = ()
    """Keys of those roots that the machine's own store had as well."""
    pins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Host or `*.suffix` to the keys (SPKI SHA-256) it may have."""
    interceptor_certificates: tuple[Digest, ...] = ()
    """Authorities that the user named as interceptors."""
    interceptor_digests: tuple[str, ...] = ()
    """The same, of whom only a digest (of certificate or key) was given."""
    known_bad: dict[str, str] = field(default_factory=dict)
    """Digest and name of known bad authorities beyond those that travel with the program."""
