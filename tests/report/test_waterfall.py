"""A probe's stages one after another: in their order, never beyond the whole, with what belongs to none at the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.report.document import HopTimingsDoc, TimingsDoc
from prober.report.waterfall import waterfall

HOP = HopTimingsDoc(dns=0.1, connect=0.2, tls=0.3, negotiate=0.4)


def timings(total: float | None = None, *, hops: int = 0, **more: float | None) -> TimingsDoc:
    stages = {"dns": None, "connect": None, "tls": None, "ttfb": None, **more}
    return TimingsDoc(hops=(HOP,) * hops, total=total, **stages)


def names(*args: object, **more: object) -> list[str]:
    found = waterfall(*args, **more)  # type: ignore[arg-type] # as the test says
    assert found is not None
    return [bar.name for bar in found.bars]


def test_stages_come_in_the_order_in_which_they_happen() -> None:
    given_ = timings(hops=1, dns=0.1, tls=0.1, ttfb=0.1)
    hop = ["DNS, hop 1", "TCP, hop 1", "TLS, hop 1", "way through, hop 1"]
    assert names(given_) == [*hop, "DNS", "TLS", "first byte"]


def test_a_name_that_is_resolved_for_a_proxy_stands_before_its_negotiation() -> None:
    given_ = timings(hops=2, dns=0.1, tls=0.1)
    second = names(given_, own_name_at=2)
    assert second.index("DNS") == second.index("way through, hop 2") - 1
    first = names(given_, own_name_at=1)
    assert first.index("DNS") == first.index("way through, hop 1") - 1
    # The probe ended before that hop: the name was resolved all the same, and comes last.
    assert names(given_, own_name_at=3)[-2:] == ["DNS", "TLS"]


@pytest.mark.parametrize(("total", "there"), [(1.0, False), (1.019, False), (1.03, True), (4.0, True)])
def test_time_of_no_stage_is_shown_where_it_is_worth_a_bar(total: float, there: bool) -> None:
    assert ("everything else" in names(timings(total, connect=1.0))) is there


def test_what_is_left_of_a_failure_is_its_stage() -> None:
    found = waterfall(timings(10.0, connect=1.0), failed=("tls", 0))
    assert found is not None
    last = found.bars[-1]
    assert (last.name, last.kind, last.seconds, last.start, last.width) == ("failed: tls", "failed", 9.0, 10.0, 90.0)
    assert names(timings(10.0), failed=("proxy", 2)) == ["failed: proxy, hop 2"]


def test_nothing_measured_has_no_picture() -> None:
    assert waterfall(timings()) is None
    assert waterfall(timings(0.0)) is None


seconds = st.none() | st.floats(0, 1e6)


@given(seconds, seconds, seconds, seconds, seconds, st.integers(0, 3), st.booleans())
def test_no_bar_leaves_the_picture(
    dns: float | None, connect: float | None, tls: float | None, ttfb: float | None, total: float | None, hops: int,
    failed: bool,
) -> None:  # fmt: skip
    given_ = timings(total, hops=hops, dns=dns, connect=connect, tls=tls, ttfb=ttfb)
    found = waterfall(given_, failed=("tls", 0) if failed else None)
    if found is None:
        return
    starts = [bar.start for bar in found.bars]
    assert all(bar.start >= 0 and bar.start + bar.width <= 100.01 for bar in found.bars)
    assert all(bar.width > 0 for bar in found.bars)
    assert starts == sorted(starts)
