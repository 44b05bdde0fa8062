"""References from beyond a run's own looks: a run saved earlier, or other egress points of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from prober.interception.looks import Look
from prober.interception.route_index import Site, site_of


class Baseline:
    """Anchored, clean looks by site."""

    def __init__(
        self, looks: Mapping[Site, tuple[Look, ...]], *, without: str | None = None, beside: Baseline | None = None
    ) -> None:
        """`without` leaves out what was seen at an egress point; what `beside` has of a site comes first."""
        self._looks = looks
        self._without = without
        self._beside = beside

    @classmethod
    def of(cls, looks: Iterable[Look]) -> Baseline:
        """From `Comparison.references()` of a saved run; of equal keys the newest look is kept."""
        found: dict[Site, dict[str, Look]] = {}
        for look in sorted(looks, key=_newest_first):
            found.setdefault(site_of(look.target), {}).setdefault(look.view.key, look)
        return cls({site: tuple(keys.values()) for site, keys in found.items()})

    @classmethod
    def among(cls, looks: Iterable[tuple[str, Look]]) -> Baseline:
        """From the looks of several egress points, each with the name of its own; `seen_from` is for one of them.

        Of equal keys the newest look is kept, and the newest of another egress point: whoever has the first of them
        is held against the second. So one table does for all.
        """
        found: dict[Site, list[Look]] = {}
        known: dict[tuple[Site, str], str] = {}
        for egress, look in sorted(looks, key=lambda each: (*_newest_first(each[1]), each[0])):
            site = site_of(look.target)
            first = known.setdefault((site, look.view.key), egress)
            kept = found.setdefault(site, [])
            if first == egress:
                new = not any(each.view.key == look.view.key for each in kept)
            else:
                new = all(each.view.key != look.view.key or each.egress == first for each in kept)
            if new:
                kept.append(replace(look, egress=egress))
        return cls({site: tuple(kept) for site, kept in found.items()})

    def seen_from(self, egress: str, beside: Baseline | None) -> Baseline:
        """What the others saw. `beside` comes first: what a user names counts before what a run finds."""
        return Baseline(self._looks, without=egress, beside=beside)

    def __len__(self) -> int:
        return len(self._looks)

    def looks(self, site: Site) -> tuple[Look, ...]:
        """Looks at a site, newest first; empty if it was not seen."""
        held = self._looks.get(site, ())
        if self._without is not None:
            others: dict[str, Look] = {}
            for look in held:
                if look.egress != self._without:
                    others.setdefault(look.view.key, look)
            held = tuple(others.values())
        return held if self._beside is None else (*self._beside.looks(site), *held)


def _newest_first(look: Look) -> tuple[float, int, str, str]:
    return -look.at, look.hops, look.route, look.view.key
