"""The words of a verdict on interception, with its evidence. Values only: `comparison` says how they come about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Word(StrEnum):
    """What is said about one target over one route."""

    CLEAN = "clean"
    INTERCEPTED = "intercepted"
    SUSPECT = "suspect"
    BLOCKED = "blocked"
    """A page of somebody else's (captive portal, block page) with a public certificate for another name."""
    INCONCLUSIVE = "inconclusive"


class Basis(StrEnum):
    """What the verdict rests on."""

    PROVEN = "proven"
    """Another route of the same run: its key is the same (clean), or is another one and anchored (intercepted)."""
    AUTHORITY = "authority"
    """Who signs, or how the certificate itself is made; no second observation was needed."""
    PINNED = "pinned"
    CONVERGENCE = "convergence"
    """Targets that have nothing to do with each other end at the same unknown signer on this route."""
    BASELINE = "baseline"
    """A run saved earlier."""
    NONE = "none"


class Why(StrEnum):
    """The `reason` of a verdict that needs one."""

    NO_TLS = "no-tls"
    """There was no TLS, or it did not come as far as a certificate."""
    KEY_NOT_PROVEN = "key-not-proven"
    """The handshake broke off before the peer proved to hold the key."""
    CHAIN_INCOMPLETE = "chain-incomplete"
    CLOCK = "clock"
    """Only dates are wrong: of the certificate, or of a clock."""
    UNREADABLE = "unreadable"
    """The certificate does not parse, or breaks rules that have nothing to do with who signed it."""
    NOT_RETERMINATED_BY_PROXY = "not-reterminated-by-proxy"
    """The direct route shows the same key: nobody on this route put in another one."""
    CONSISTENT_UNANCHORED = "consistent-unanchored"
    """All routes show the same key, which no store knows: a private authority, or something they all pass."""
    WRONG_NAME = "wrong-name"
    """A public certificate, but for another name, on more than this route."""
    CONTRADICTING = "authority-but-contradicting"
    """The chain is anchored, yet the handshake or the answer contradicts another route."""
    NOT_REPEATED = "not-repeated"
    """The evidence would do, but it was seen once only."""
    WEAK = "weak-evidence"
    """An unknown signer, and not enough beside it."""


class Confidence(StrEnum):
    """How sure `intercepted` is."""

    HIGH = "high"
    MEDIUM = "medium"


class Family(StrEnum):
    """Kinds of evidence that do not depend on each other."""

    ANCHOR = "anchor"
    CROSS_PATH = "cross-path"
    KEY = "key"
    CONVERGENCE = "convergence"
    NAME = "name"
    PROTOCOL = "protocol"
    SHAPE = "shape"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that speaks for interception."""

    id: str
    """`E1` … as in docs/interception.md."""
    family: Family
    points: int
    text: str
    """For people; may quote the peer: bounded and without control characters, yet not escaped for HTML."""
    decides: bool = True
    """Whether its points count towards the threshold. The others only order and explain: a private twin of a service
    (split DNS) shows them too."""
    observed: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose product it seems to be, by the names it uses. Never a reason for a verdict by itself."""

    vendor: str
    product: str
    category: str
    """`cloud-swg`, `enterprise-gateway`, `endpoint-av`, `parental`, `malware`, `debug-proxy`, `open-source`, `own`."""
    confidence: str
    """`high`, `medium` or `low`."""
    pattern: str
    """What matched: `issuer_O exact:Zscaler Inc.`"""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed the leaf."""

    subject: str
    """RFC 4514; the issuer's name as the leaf has it."""
    spki_sha256: str | None
    """Its key, if its certificate is at hand."""
    root: str
    """RFC 4514 name of the certificate at which the path ends."""
    root_spki_sha256: str | None
    stores: tuple[str, ...]
    """Where the root's key is known: `mozilla`, `os`, `legacy`, `vendor`, `user`."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the observation was compared with."""

    kind: str
    """`route`, `egress` (another one of the same run), `baseline` or `pin`."""
    name: str
    """The route's name, `egress/route`, of the baseline's route, or the pin's host."""
    spki_sha256: str
    """Key of the leaf seen there."""
    issuer: str
    """RFC 4514 name of who signed it; empty for a pin."""
    at: float | None
    """When it was seen: seconds since the epoch; None for a pin."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """Some connections of a pair were intercepted and some were not."""

    intercepted: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement on one target over one route, from all that was observed of it."""

    word: Word
    basis: Basis = Basis.NONE
    reason: Why | None = None
    confidence: Confidence | None = None
    score: int = 0
    """Sum of all points."""
    evidence: tuple[Evidence, ...] = ()
    """Strongest first."""
    reference: Reference | None = None
    attribution: Attribution | None = None
    signer: Signer | None = None
    hop: int | None = None
    """The hop where interception begins, 1 = the first proxy; 0 = already without any proxy (this machine, or
    something before the first hop); None = not known."""
    mixed: Mixed | None = None
    policy_mismatch: bool = False
    """Pins for this host exist and none of them is on the path."""
    issuer_changed: bool = False
    """Anchored here and there, but signed by another family of issuers: information, no finding."""
    shared_key_with: tuple[str, ...] = ()
    """Hosts that were served the same leaf key on this route, a few of them."""
