"""What a comparison keeps of each pair and of each site."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from prober.interception.looks import Look
from prober.interception.route_index import Known, Site
from prober.interception.verdict import Verdict
from prober.model import Route, Target


@dataclass(slots=True)
class PairLooks:
    """What was seen of a target over a route, and the verdict on it for as long as it stands."""

    target: Target
    site: Site
    route: Route
    looks: deque[Look] | list[Look]
    """A list where nothing is dropped: a deque has room for 64 from the start, which tells with 100,000 pairs."""
    verdict: Verdict | None = None
    each: Sequence[Verdict] = ()
    """The verdict on each look, made together with `verdict`."""
    made_at: tuple[int, int] = (-1, -1)
    """Revisions of the site and of everything for which the verdict stands; -1 = other sites play no part."""
    clean: frozenset[str] = frozenset()
    """Leaf keys whose looks were judged clean."""
    content: tuple[object, ...] = ()
    """What the newest look shows; this and `alike` only where looks are dropped."""
    alike: int = 0
    """Looks in a row that showed it, those that have gone included."""
    silent: int = 0
    """Observations without a certificate since the last one with one."""


@dataclass(slots=True)
class SiteLooks:
    """The pairs of one site, and what is known of it, with the revision for which that holds."""

    pairs: list[PairLooks] = field(default_factory=list)
    revision: int = 0
    known: tuple[int, Known] | None = None
