"""Nothing is called added unless a valid null run at about the same rate is there to subtract."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from prober.bench.added import baseline
from prober.bench.document import RunDoc, ValidityDoc
from prober.bench.html.page import render_html
from prober.bench.onepage import remarks_of, summary
from prober.bench.showing import rendered
from prober.bench.standing import Purpose, standings

from .made import runs

NULL, TINY = runs().runs[:2]


def null(rate: float, *, valid: bool = True) -> RunDoc:
    return replace(NULL, rate=rate, validity=ValidityDoc(valid=valid, generator_limited=False))


@pytest.mark.parametrize(("rate", "taken"), [(100, True), (91, True), (109, True), (89, False), (111, False)])
def test_the_rate_is_within_a_tenth(rate: float, taken: bool) -> None:
    found = baseline([null(rate)], 100)
    assert (found.kpis is not None) is taken
    assert found.rate == (rate if taken else None)
    assert found.why == ("" if taken else f"at 100/s: the nearest null run was at {rate}/s")


def test_an_invalid_null_run_is_none() -> None:
    found = baseline([null(100, valid=False)], 100)
    assert (found.kpis, found.rate, found.why) == (None, None, "the null run at 100/s was not valid")


def test_the_nearest_that_is_valid() -> None:
    assert baseline([null(108), null(103), null(100, valid=False)], 100).rate == 103


def test_of_rounds_half_are_enough_and_only_the_valid_ones_count() -> None:
    found = baseline([null(100), null(100, valid=False)], 100)
    assert found.kpis == NULL.kpis
    assert baseline([null(100), null(100, valid=False), null(100, valid=False)], 100).kpis is None


def test_no_null_run_no_word() -> None:
    assert baseline([], 100).why == ""


def test_the_null_runs_rate_is_shown_beside_what_is_added() -> None:
    found = standings(runs())
    assert [each.null_rate for each in found] == [None, 100, 100, 100]
    assert "ms against direct at 100/s" in summary(runs(), found)
    assert "; direct at 100/s" in rendered(runs(), "table")
    assert "; direct at 100/s" in rendered(runs(), "markdown")
    assert "more than direct at 100/s" in render_html(runs())


def test_what_is_not_added_says_why_in_every_form() -> None:
    slower = replace(NULL, rate=50.0)
    unlike = replace(runs(), runs=(slower, *runs().runs[1:]))
    assert slower.purpose == Purpose.NULL
    found = standings(unlike)
    assert all(more is None for each in found for stage in each.added for more in (stage.p50_more, stage.p95_more))
    says = "tinyproxy, squid, flaky: nothing is called added, at 100/s: the nearest null run was at 50/s."
    assert says in remarks_of(found)
    for format_ in ("table", "markdown", "html"):
        assert says in " ".join(rendered(unlike, format_).split())
    assert "against direct" not in summary(unlike, found)
