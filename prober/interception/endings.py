"""What is said of where a chain ends, and on what terms. Values only: `chains` and `unanchored` find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from prober.interception.anchors import Authority, Certificate
from prober.interception.certificates import shown
from prober.interception.paths import Path
from prober.model import Anchor, Reason


class Standing(IntEnum):
    """What a path to an anchor is worth for one host, best first."""

    TRUSTED = 0
    OS_ONLY = 1
    OUT_OF_SCOPE = 2
    NOT_PINNED = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """What the host asks of a path."""

    in_scope: Callable[[Authority], bool]
    """Whether an anchor may vouch for the host."""
    pins: frozenset[str] | None
    """SPKI digests of which one must be on the path; None = no pins for this host."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a chain ends."""

    anchor: Anchor
    path: Path
    """The path that decided. Its signatures hold, unless the anchor is `incomplete`."""
    reason: Reason | None = None
    """None = the path is good, dates apart."""
    detail: str = ""
    late: bool = False
    """OpenSSL refused the path for a date, and only for that."""
    added: tuple[str, ...] = ()
    """SHA-256 of certificates on the path that the peer did not send, the anchor apart."""
    forged: str | None = None
    """SHA-256 of a certificate we hold that the chain names as an issuer, by name and key, and that did not sign."""
    standing: Standing | None = None
    """What the path's anchor is worth for the host; None without an anchor."""
    known_bad: str | None = None
    """The known bad authority on the path."""
    interceptor: str | None = None
    """The user's own inspection authority on the path."""


def named(certificate: Certificate) -> str:
    """A certificate for a text."""
    return shown(certificate.facts.subject) or "a certificate without a subject"
