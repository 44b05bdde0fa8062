"""What a search may conclude in the light of the null search."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.bench.ceiling import NEAR, ROUGH_SECONDS, bounded, rough
from prober.bench.knee import Capacity, Ending, Terms

FOUND = Capacity(
    200.0,
    208.0,
    Ending.LATENCY,
    "At 208/s: p99 was late.",
    generator_limited=False,
    confirmed=True,
    at_least=False,
    low=199.0,
    high=208.0,
    baseline_p99=0.01,
    limit_p99=0.03,
    best_power=100.0,
    seen=(),
)


def null(knee: float | None, breaking: float | None, *, generator: bool = False) -> Capacity:
    return replace(FOUND, knee=knee, breaking=breaking, generator_limited=generator)


def test_clearly_below_the_null_runs_it_is_a_capacity() -> None:
    assert bounded(FOUND, null(208 / NEAR + 1, 400)) == FOUND
    assert bounded(FOUND, null(1_000, None)) == FOUND  # whatever was asked of it


@pytest.mark.parametrize("knee", [208 / NEAR - 1, 200.0, 50.0])
def test_near_the_null_runs_or_above_it_is_at_least(knee: float) -> None:
    seen = bounded(FOUND, null(knee, 260.0))
    assert (seen.at_least, seen.direct_limited, seen.high, seen.word) == (True, True, None, Ending.DIRECT)
    assert (seen.knee, seen.breaking) == (FOUND.knee, FOUND.breaking)
    assert seen.reason.startswith(FOUND.reason)
    assert "The target or this machine bore no more without a proxy either" in seen.reason
    assert f"direct held {knee:,.0f}/s, and broke at 260/s" in seen.reason


def test_the_generators_own_end_bounds_it_as_well() -> None:
    seen = bounded(FOUND, null(200.0, None, generator=True))
    assert seen.at_least
    assert "The generator bore no more without a proxy either: direct held 200/s. " in seen.reason


def test_a_null_run_that_never_held_says_nothing_of_any_proxy() -> None:
    seen = bounded(FOUND, null(None, 50.0))
    assert seen.at_least
    assert "already at the lowest rate" in seen.reason


def test_where_nothing_held_there_is_nothing_that_is_at_least() -> None:
    seen = bounded(replace(FOUND, knee=None, breaking=50.0), null(None, 50.0))
    assert (seen.at_least, seen.direct_limited) == (False, True)


@pytest.mark.parametrize("change", [{"breaking": None, "at_least": True}, {"generator_limited": True}])
def test_what_is_at_least_anyway_keeps_its_reason(change: dict[str, bool | None]) -> None:
    found = replace(FOUND, **change)  # type: ignore[arg-type] # either is of its field
    assert bounded(found, null(100, 120)) == found


def test_without_a_null_run_it_is_said_that_nobody_knows_whose_limit_it_was() -> None:
    seen = bounded(FOUND, None)
    assert replace(seen, reason=FOUND.reason) == FOUND
    assert "Without a null run" in seen.reason


def test_the_null_search_is_rough() -> None:
    terms = rough(Terms(50, 1_000, seconds=20))
    assert (terms.start, terms.most, terms.seconds, terms.confirmations) == (50, 1_000, ROUGH_SECONDS, 0)
    assert rough(Terms(50, 1_000, seconds=4)).seconds == 4
