"""References from beyond a run's own looks: a run saved earlier, or other egress points of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prober.interception.looks import Look
from prober.interception.route_index import Site, site_of


class Baseline:
    """Anchored, clean looks by site."""

    def __init__(self, looks: Mapping[Site, tuple[Look, ...]]) -> None:
        self._looks = looks

    @classmethod
    def of(cls, looks: Iterable[Look], beside: Baseline | None = None) -> Baseline:
        """From `Comparison.references()` of the saved run or of the others; of equal keys the newest look is kept.
        Those of `beside` come first: what a user names counts before what a run finds."""
        found: dict[Site, dict[str, Look]] = {}
        for look in sorted(looks, key=lambda look: (-look.at, look.hops, look.route, look.view.key)):
            found.setdefault(site_of(look.target), {}).setdefault(look.view.key, look)
        held = {site: tuple(keys.values()) for site, keys in found.items()}
        if beside is not None:
            held |= {site: (*looks, *held.get(site, ())) for site, looks in beside._looks.items()}
        return cls(held)

    def __len__(self) -> int:
        return len(self._looks)

    def looks(self, site: Site) -> tuple[Look, ...]:
        """Looks at a site, newest first; empty if it was not seen."""
        return self._looks.get(site, ())
