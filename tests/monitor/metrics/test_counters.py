"""What is counted, under which words, and that nothing else ever is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from prober.engine.run import Pair
from prober.model import Failure, HopTimings, Reason, Route, Stage, Timings
from prober.monitor.metrics.counters import Counters
from prober.monitor.metrics.histogram import LATE_SECONDS, STAGE_SECONDS, Counted, Histogram
from prober.monitor.state import PairState, Track, Transition, labels_of

from ..boards import DIRECT, HQ, NOW, REFUSED, TWO, key_of, pair, pairs, seen


def state_of(one: Pair) -> PairState:
    return PairState(one.target, one.route, labels_of("paris", one.target, one.route))


def series(counters: Counters, metric: str) -> Mapping[tuple[str, ...], float | Counted]:
    return next(group.series for group in counters.groups() if group.metric == metric)


def count(counters: Counters, metric: str, *labels: str) -> int:
    value = series(counters, metric)[labels]
    return int(value) if isinstance(value, (int, float)) else value.buckets[-1][1]


def counting(*of: Pair) -> Counters:
    counters = Counters()
    counters.keep(of)
    return counters


def test_what_is_known_beforehand_is_there_with_nothing() -> None:
    counters = counting(*pairs(targets=3, routes=(DIRECT, TWO)))
    assert set(series(counters, "prober_probes_total").values()) == {0}
    assert set(series(counters, "prober_probes_total")) == {
        (route, service, result)
        for route in ("direct", "two")
        for service in ("MDE", "MDAV")
        for result in ("success", "failure", "error")
    }
    assert len(series(counters, "prober_transitions_total")) == 2 * 2 * 4
    assert series(counters, "prober_failures_total") == {}
    stages = {"dns", "connect", "tls", "http", "total"}
    assert set(series(counters, "prober_stage_duration_seconds")) == {
        *(("direct", stage) for stage in stages),
        *(("two", stage) for stage in stages | {"proxy-tls", "proxy"}),
    }
    assert list(series(counters, "prober_hop_duration_seconds")) == [
        ("two", "1", "socks5h", "connect"),
        ("two", "1", "socks5h", "negotiate"),
        ("two", "2", "https", "tls"),
        ("two", "2", "https", "negotiate"),
    ]


def test_only_services_that_a_route_serves_are_counted_there() -> None:
    counters = counting(pair(0, DIRECT), pair(2, HQ))
    assert {key[:2] for key in series(counters, "prober_probes_total")} == {("direct", "MDE"), ("hq", "MDAV")}


def test_ends_of_probes() -> None:
    one = pair()
    counters = counting(one)
    for failure in (
        None,
        None,
        REFUSED,
        Failure(Stage.LOCAL, 0, Reason.LOCAL_DESCRIPTORS),
        Failure(Stage.CONFIG, 1, Reason.INTERNAL),
        Failure(Stage.TLS, 0, Reason.INTERNAL),
    ):
        counters.probed(state_of(one), seen(one, failure), 0.0)
    assert series(counters, "prober_probes_total") == {
        ("direct", "MDE", "success"): 2,
        ("direct", "MDE", "failure"): 1,
        ("direct", "MDE", "error"): 3,
    }
    assert series(counters, "prober_failures_total") == {
        ("direct", "MDE", "connect", "tcp-refused"): 1,
        ("direct", "MDE", "local", "local-descriptors"): 1,
        ("direct", "MDE", "config", "internal"): 1,
        ("direct", "MDE", "tls", "internal"): 1,
    }


def test_stages_have_the_words_of_failures_and_proxies_are_summed_up() -> None:
    one = pair(0, TWO)
    counters = counting(one)
    hops = (HopTimings(dns=0.5, connect=0.25, negotiate=1.0), HopTimings(tls=0.125, negotiate=2.0))
    timings = Timings(dns=0.0625, hops=hops, tls=3.0, ttfb=4.0, total=11.0)
    counters.probed(state_of(one), seen(one, timings=timings), 0.0)
    sums = {key[1]: value.sum for key, value in series(counters, "prober_stage_duration_seconds").items()}  # type: ignore[union-attr] # durations
    assert sums == {
        "dns": 0.5625,
        "connect": 0.25,
        "proxy-tls": 0.125,
        "proxy": 3.0,
        "tls": 3.0,
        "http": 4.0,
        "total": 11.0,
    }
    by_hop = {key[1:]: value.sum for key, value in series(counters, "prober_hop_duration_seconds").items()}  # type: ignore[union-attr]
    assert by_hop == {
        ("1", "socks5h", "connect"): 0.25,
        ("1", "socks5h", "negotiate"): 1.0,
        ("2", "https", "tls"): 0.125,
        ("2", "https", "negotiate"): 2.0,
    }


def test_a_quick_refusal_is_no_good_latency() -> None:
    one = pair()
    counters = counting(one)
    counters.probed(state_of(one), seen(one, REFUSED, timings=Timings(dns=0.001, total=0.002)), 0.0)
    assert count(counters, "prober_stage_duration_seconds", "direct", "dns") == 1
    assert count(counters, "prober_stage_duration_seconds", "direct", "total") == 0


def test_what_was_not_measured_is_not_counted_as_nothing() -> None:
    one = pair()
    counters = counting(one)
    counters.probed(state_of(one), seen(one, timings=Timings(hops=(HopTimings(),))), 0.0)
    assert all(value.buckets[-1][1] == 0 for value in series(counters, "prober_stage_duration_seconds").values())  # type: ignore[union-attr]


def test_hops_that_the_route_does_not_have_are_nobodys() -> None:
    one = pair(0, HQ)
    counters = counting(one)
    timings = Timings(hops=tuple(HopTimings(connect=1.0, tls=1.0, negotiate=1.0) for _ in range(50)))
    counters.probed(state_of(one), seen(one, timings=timings), 0.0)
    assert set(series(counters, "prober_hop_duration_seconds")) == {
        ("hq", "1", "http", "connect"),
        ("hq", "1", "http", "negotiate"),
    }


def test_transitions_and_losses() -> None:
    one = pair()
    counters = counting(one)
    change = Transition(NOW, NOW, one.target.id, "direct", Track.TRUST, "trusted", "cert-expired", NOW - 9)
    counters.transition(change)
    counters.transition(replace(change, target="gone"))
    counters.transition(replace(change, route="gone"))
    counters.lost()
    assert count(counters, "prober_transitions_total", "direct", "MDE", "trust") == 1
    assert sum(map(int, series(counters, "prober_transitions_total").values())) == 1  # type: ignore[arg-type] # numbers
    assert count(counters, "prober_probes_lost_total") == 1


def test_lateness_is_counted_for_every_probe() -> None:
    one = pair()
    counters = counting(one)
    counters.probed(state_of(one), seen(one), 0.049)
    counters.probed(state_of(pair(7, HQ)), seen(pair(7, HQ)), 0.051)
    buckets = dict(counters.lateness.buckets)
    assert (buckets[0.02], buckets[0.05], buckets[0.1]) == (0, 1, 2)


def test_what_limits_hold_back_is_counted_apart() -> None:
    one = pair()
    counters = counting(one)
    counters.probed(state_of(one), seen(one), 0.002, 7.0)
    counters.probed(state_of(one), seen(one), 0.002)
    assert counters.lateness.sum == pytest.approx(0.004)
    assert (counters.waits.sum, counters.waits.count) == (7.0, 2)


def test_a_reload_keeps_what_stays_and_drops_what_goes() -> None:
    before = pairs(targets=3, routes=(DIRECT, HQ))
    counters = counting(*before)
    for one in before:
        counters.probed(state_of(one), seen(one, REFUSED), 0.0)
    generation = counters.generation
    after = [pair(0, DIRECT), pair(1, Route("new"))]
    counters.keep(after)
    assert counters.generation == generation + 1
    assert series(counters, "prober_probes_total") == {
        ("direct", "MDE", "success"): 0,
        ("direct", "MDE", "failure"): 2,
        ("direct", "MDE", "error"): 0,
        ("new", "MDE", "success"): 0,
        ("new", "MDE", "failure"): 0,
        ("new", "MDE", "error"): 0,
    }
    assert set(series(counters, "prober_failures_total")) == {("direct", "MDE", "connect", "tcp-refused")}
    assert {key[0] for key in series(counters, "prober_stage_duration_seconds")} == {"direct", "new"}
    assert series(counters, "prober_hop_duration_seconds") == {}
    assert count(counters, "prober_stage_duration_seconds", "direct", "dns") == 3
    counters.probed(state_of(before[-1]), seen(before[-1], REFUSED), 0.0)
    assert {key[:2] for key in series(counters, "prober_probes_total")} == {("direct", "MDE"), ("new", "MDE")}


def test_the_keys_of_pairs_play_no_part() -> None:
    """Two targets of one service share their counters."""
    counters = counting(*pairs(targets=2))
    for one in pairs(targets=2):
        assert key_of(one)[1] == "direct"
        counters.probed(state_of(one), seen(one), 0.0)
    assert count(counters, "prober_probes_total", "direct", "MDE", "success") == 2


def test_histograms_count_at_their_bounds() -> None:
    found = Histogram((1.0, 2.0))
    for seconds in (0.0, 1.0, 1.5, 2.0, 2.1, -5.0, float("nan"), float("inf")):
        found.observe(seconds)
    assert found.buckets == ((1.0, 3), (2.0, 5), (float("inf"), 6))
    assert found.count == 6
    assert found.sum == pytest.approx(6.6)


@pytest.mark.parametrize("bounds", [STAGE_SECONDS, LATE_SECONDS])
def test_bounds_rise_and_hold_the_limits(bounds: tuple[float, ...]) -> None:
    assert list(bounds) == sorted(set(bounds))
    assert bounds[0] == 0.001
    assert bounds[-1] >= 10.0
    assert 0.05 in bounds
    assert 10.0 in bounds
