"""Verdicts on what was seen, with the families of the sites as public authorities."""

from __future__ import annotations

from collections.abc import Iterable

from prober.engine.run import Pair
from prober.engine.stores import machine_roots, mozilla_roots
from prober.interception.anchors import UserRoot
from prober.interception.comparison import Comparison
from prober.interception.trust import TrustStore
from prober.interception.verdict import Verdict
from prober.model import Anchor, Observation, Scheme

from .sites import Sites


class Judged:
    """A comparison, asked by host and route."""

    def __init__(self, sites: Sites, seen: Iterable[tuple[Pair, Observation]]) -> None:
        roots = [UserRoot(family.roots.read_bytes(), Anchor.PUBLIC) for family in sites.public]
        self.comparison = Comparison(TrustStore(mozilla_roots(), machine_roots(), roots))
        for pair, observation in seen:
            self.comparison.add(pair.target, pair.route, observation)

    def of(self, host: str, route: str, scheme: Scheme = Scheme.HTTPS) -> Verdict:
        """The verdict on this host over this route."""
        return self.comparison.verdict(f"{scheme}-{host}", route)


def ids(verdict: Verdict) -> set[str]:
    """Of the evidence."""
    return {each.id for each in verdict.evidence}
