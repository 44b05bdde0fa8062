"""The kinds of difference between two runs: a closed list, each with its severity and what it becomes backwards."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How much a kind of difference matters, gravest first."""

    REGRESSION = "regression"
    """Something that worked does not any more, or nobody looked whether it does."""
    WARNING = "warning"
    """Somebody should look at it before the change is signed off."""
    IMPROVEMENT = "improvement"
    INFORMATION = "information"


class Kind(StrEnum):
    """What a difference is about, in the order of the report."""

    NEWLY_UNREACHABLE = "newly-unreachable"
    NEWLY_INTERCEPTED = "newly-intercepted"
    NEWLY_BLOCKED = "newly-blocked"
    NEWLY_UNTRUSTED = "newly-untrusted"
    NEWLY_REVOKED = "newly-revoked"
    REVOCATION_LOST = "revocation-lost"
    NEWLY_UNEXPECTED_STATUS = "newly-unexpected-status"
    EGRESS_GONE = "egress-gone"
    ROUTE_GONE = "route-gone"
    NEWLY_SUSPECT = "newly-suspect"
    FAILURE_CHANGED = "failure-changed"
    ANCHOR_CHANGED = "anchor-changed"
    ISSUER_FAMILY_CHANGED = "issuer-family-changed"
    NEWLY_ON_FALLBACK = "newly-on-fallback"
    WAY_CHANGED = "way-changed"
    NEWLY_FLAPPING = "newly-flapping"
    SLOWER = "slower"
    TARGET_GONE = "target-gone"
    PAIR_GONE = "pair-gone"
    NEWLY_REACHABLE = "newly-reachable"
    NO_LONGER_INTERCEPTED = "no-longer-intercepted"
    NO_LONGER_BLOCKED = "no-longer-blocked"
    NO_LONGER_UNTRUSTED = "no-longer-untrusted"
    NO_LONGER_REVOKED = "no-longer-revoked"
    REVOCATION_BACK = "revocation-back"
    NO_LONGER_UNEXPECTED_STATUS = "no-longer-unexpected-status"
    NO_LONGER_SUSPECT = "no-longer-suspect"
    NO_LONGER_ON_FALLBACK = "no-longer-on-fallback"
    NO_LONGER_FLAPPING = "no-longer-flapping"
    FASTER = "faster"
    STATUS_CHANGED = "status-changed"
    ISSUING_CA_CHANGED = "issuing-ca-changed"
    LEAF_KEY_CHANGED = "leaf-key-changed"
    TARGET_CHANGED = "target-changed"
    EGRESS_ADDED = "egress-added"
    ROUTE_ADDED = "route-added"
    TARGET_ADDED = "target-added"
    PAIR_ADDED = "pair-added"

    @property
    def about(self) -> About:
        """What there is to say about it."""
        return KINDS[self]

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return KINDS[self].severity

    @property
    def backwards(self) -> Kind:
        """The kind of the same difference with the sides swapped."""
        return KINDS[self].backwards


@dataclass(frozen=True, slots=True)
class About:
    """What there is to say about a kind."""

    severity: Severity
    backwards: Kind
    heading: str
    meaning: str
    """A sentence for the documents and for `prober explain`."""


_K, _S = Kind, Severity
KINDS: Final = {
    _K.NEWLY_UNREACHABLE: About(
        _S.REGRESSION, _K.NEWLY_REACHABLE, "Newly unreachable", "It was reached before and is not any more."
    ),
    _K.NEWLY_INTERCEPTED: About(
        _S.REGRESSION, _K.NO_LONGER_INTERCEPTED, "Newly intercepted", "Somebody on the way opens its TLS now."
    ),
    _K.NEWLY_BLOCKED: About(
        _S.REGRESSION, _K.NO_LONGER_BLOCKED, "Newly answered by somebody else", "A block page or a portal answers now."
    ),
    _K.NEWLY_UNTRUSTED: About(
        _S.REGRESSION,
        _K.NO_LONGER_UNTRUSTED,
        "Certificate newly not trusted",
        "Its certificate was trusted before and is not any more, and no verdict on interception says why.",
    ),
    _K.NEWLY_REVOKED: About(
        _S.REGRESSION, _K.NO_LONGER_REVOKED, "Certificate newly revoked", "One of its certificates is revoked now."
    ),
    _K.REVOCATION_LOST: About(
        _S.REGRESSION,
        _K.REVOCATION_BACK,
        "Revocation newly out of reach",
        "The revocation of its certificates could be looked up before and cannot be any more.",
    ),
    _K.NEWLY_UNEXPECTED_STATUS: About(
        _S.REGRESSION,
        _K.NO_LONGER_UNEXPECTED_STATUS,
        "Newly another HTTP status than documented",
        "It answered with a documented status before and does not any more; where none is documented, with a server "
        "error (5xx) now and without one before.",
    ),
    _K.EGRESS_GONE: About(_S.REGRESSION, _K.EGRESS_ADDED, "Egress gone", "Nothing was probed from there this time."),
    _K.ROUTE_GONE: About(_S.REGRESSION, _K.ROUTE_ADDED, "Route gone", "Nothing was probed over it this time."),
    _K.NEWLY_SUSPECT: About(
        _S.WARNING, _K.NO_LONGER_SUSPECT, "Newly suspect", "There are signs of interception now, not enough for more."
    ),
    _K.FAILURE_CHANGED: About(
        _S.WARNING, _K.FAILURE_CHANGED, "Still unreachable, but otherwise", "Another stage, hop or reason than before."
    ),
    _K.ANCHOR_CHANGED: About(
        _S.WARNING, _K.ANCHOR_CHANGED, "Another kind of anchor", "Its chain ends at another kind of authority."
    ),
    _K.ISSUER_FAMILY_CHANGED: About(
        _S.WARNING, _K.ISSUER_FAMILY_CHANGED, "Another family of issuers", "Another make of authority signs it now."
    ),
    _K.NEWLY_ON_FALLBACK: About(
        _S.WARNING,
        _K.NO_LONGER_ON_FALLBACK,
        "Newly on a fallback",
        "The way listed first cannot be connected any more; the next one carries the traffic.",
    ),
    _K.WAY_CHANGED: About(_S.WARNING, _K.WAY_CHANGED, "Another way", "The route leads over other proxies."),
    _K.NEWLY_FLAPPING: About(
        _S.WARNING,
        _K.NO_LONGER_FLAPPING,
        "Newly flapping",
        "Its probes do not agree on whether it is reached; before, they did.",
    ),
    _K.SLOWER: About(_S.WARNING, _K.FASTER, "Slower", "The median of its probes rose, beyond what chance explains."),
    _K.TARGET_GONE: About(_S.WARNING, _K.TARGET_ADDED, "Targets gone", "Not probed from this egress this time."),
    _K.PAIR_GONE: About(_S.WARNING, _K.PAIR_ADDED, "Not probed this time", "Target and route are there, not together."),
    _K.NEWLY_REACHABLE: About(_S.IMPROVEMENT, _K.NEWLY_UNREACHABLE, "Newly reachable", "It is reached now."),
    _K.NO_LONGER_INTERCEPTED: About(
        _S.IMPROVEMENT, _K.NEWLY_INTERCEPTED, "No longer intercepted", "Nobody opens its TLS any more."
    ),
    _K.NO_LONGER_BLOCKED: About(
        _S.IMPROVEMENT, _K.NEWLY_BLOCKED, "No longer answered by somebody else", "It answers itself again."
    ),
    _K.NO_LONGER_UNTRUSTED: About(
        _S.IMPROVEMENT, _K.NEWLY_UNTRUSTED, "Certificate trusted again", "Its certificate is trusted now."
    ),
    _K.NO_LONGER_REVOKED: About(
        _S.IMPROVEMENT, _K.NEWLY_REVOKED, "No longer revoked", "None of its certificates is revoked any more."
    ),
    _K.REVOCATION_BACK: About(
        _S.IMPROVEMENT, _K.REVOCATION_LOST, "Revocation within reach again", "Revocation can be looked up now."
    ),
    _K.NO_LONGER_UNEXPECTED_STATUS: About(
        _S.IMPROVEMENT,
        _K.NEWLY_UNEXPECTED_STATUS,
        "HTTP status as documented again",
        "It answers with a documented status now.",
    ),
    _K.NO_LONGER_SUSPECT: About(
        _S.IMPROVEMENT, _K.NEWLY_SUSPECT, "No longer suspect", "There are no signs of interception any more."
    ),
    _K.NO_LONGER_ON_FALLBACK: About(
        _S.IMPROVEMENT, _K.NEWLY_ON_FALLBACK, "No longer on a fallback", "The way listed first works again."
    ),
    _K.NO_LONGER_FLAPPING: About(
        _S.IMPROVEMENT, _K.NEWLY_FLAPPING, "No longer flapping", "Its probes agree with each other now."
    ),
    _K.FASTER: About(
        _S.IMPROVEMENT, _K.SLOWER, "Faster", "The median of its probes fell, beyond what chance explains."
    ),
    _K.STATUS_CHANGED: About(
        _S.INFORMATION, _K.STATUS_CHANGED, "Another HTTP status", "Both are as documented, or nothing is documented."
    ),
    _K.ISSUING_CA_CHANGED: About(
        _S.INFORMATION, _K.ISSUING_CA_CHANGED, "Another issuer of the same family", "A sister of the authority signs."
    ),
    _K.LEAF_KEY_CHANGED: About(
        _S.INFORMATION, _K.LEAF_KEY_CHANGED, "Another key, same issuer", "Its certificate was replaced, with a new key."
    ),
    _K.TARGET_CHANGED: About(
        _S.INFORMATION, _K.TARGET_CHANGED, "Targets defined otherwise", "The catalog asks for something else now."
    ),
    _K.EGRESS_ADDED: About(_S.INFORMATION, _K.EGRESS_GONE, "Egress added", "Nothing was probed from there before."),
    _K.ROUTE_ADDED: About(_S.INFORMATION, _K.ROUTE_GONE, "Route added", "Nothing was probed over it before."),
    _K.TARGET_ADDED: About(_S.INFORMATION, _K.TARGET_GONE, "Targets added", "Not probed from this egress before."),
    _K.PAIR_ADDED: About(_S.INFORMATION, _K.PAIR_GONE, "Not probed before", "Target and route were, not together."),
}
"""Every kind, in the order of the report."""
ORDER: Final = {kind: index for index, kind in enumerate(Kind)}
SEVERITY_ORDER: Final = {severity: index for index, severity in enumerate(Severity)}

ANY: Final = "any"
NONE: Final = "none"


def parse_kinds(text: str) -> frozenset[Kind]:
    """The kinds that a comma-separated list of kinds and severities names (`--fail-on`).

    `regression` stands for all regressions, `warning` for those and all warnings, `any` for every kind, `none` for
    none. Raises ValueError with every unknown word.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == [NONE]:
        return frozenset()
    known = [*map(str, Severity), ANY, *map(str, Kind)]
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        near = {word: difflib.get_close_matches(word, known, 1) for word in unknown}
        said = "; ".join(f'"{word}"' + (f": did you mean {close[0]}?" if close else "") for word, close in near.items())
        raise ValueError(f"unknown {said or 'empty list'} (known: {', '.join(known)}, {NONE})")
    return frozenset(kind for word in words for kind in kinds_of(word))


def kinds_of(word: str) -> frozenset[Kind]:
    """The kinds that one known word stands for. Raises ValueError for another."""
    if word == ANY:
        return frozenset(Kind)
    if word == Severity.WARNING:
        return frozenset(kind for kind in Kind if kind.severity in (Severity.REGRESSION, Severity.WARNING))
    if word in set(Severity):
        return frozenset(kind for kind in Kind if kind.severity == word)
    return frozenset({Kind(word)})
