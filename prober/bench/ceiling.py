"""What the null search bounds: a route that breaks where direct does has not shown a limit of its own. Pure.

The null search is rough (it doubles, and ends at a quarter) and without confirmation: it says where the generator, this
machine and the target end, not how much each of them bears.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from prober.bench.knee import Capacity, Ending, Terms

NEAR: Final = 0.9
"""Of the null search's knee: a route that breaks below it has broken clearly before the rest did. A breaking point is
known to 5 %, and moves by about as much from one search to the next. The null run's knee is known to 25 % and is the
lower end of that, so "at least" is said too often rather than too seldom."""
ROUGH_SECONDS: Final = 10.0
"""Sustain phase of the null search's steps, at most."""


def rough(terms: Terms) -> Terms:
    """The terms of the null search for a search on these."""
    seconds = min(terms.seconds, ROUGH_SECONDS)
    return replace(terms, factor=2.0, precision=0.25, confirmations=0, seconds=seconds)


def bounded(capacity: Capacity, null: Capacity | None) -> Capacity:
    """What a search on a way over proxies has found, in the light of the null search; None = none was made."""
    if capacity.breaking is None or capacity.generator_limited:
        return capacity  # "at least" anyway
    if null is None:
        untold = "Without a null run nothing tells whether that was the proxy's limit or the target's."
        return replace(capacity, reason=f"{capacity.reason} {untold}")
    if null.breaking is None and not null.generator_limited:
        return capacity  # direct held whatever was asked of it
    if capacity.breaking < NEAR * (null.knee or 0.0):
        return capacity
    return replace(
        capacity,
        word=Ending.DIRECT,
        reason=f"{capacity.reason} {_broke_too(null)}",
        at_least=capacity.knee is not None,
        high=None,
        direct_limited=True,
    )


def _broke_too(null: Capacity) -> str:
    who = "The generator" if null.generator_limited else "The target or this machine"
    if null.knee is None:
        return f"{who} broke without a proxy too, already at the lowest rate: the proxy's own limit is not known."
    beyond = "" if null.breaking is None else f", and broke at {null.breaking:,.0f}/s"
    held = f"direct held {null.knee:,.0f}/s{beyond}"
    return f"{who} bore no more without a proxy either: {held}. The proxy's own limit is not known."
