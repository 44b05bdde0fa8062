"""Routes compared over interleaved blocks: alike, slower, too few, missing."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.bench.capacity import Search
from prober.bench.comparison import Block, RemarkWord, block, blocks, compare, sufficient
from prober.bench.fitness import Unfit
from prober.bench.flips import flips
from prober.bench.knee import Terms
from prober.bench.kpis import kpis
from prober.bench.pairs import Difference, distinguish, enough, holm, tiers
from prober.bench.profiles import steady
from prober.bench.validity import validity
from prober.load.histogram import Histogram
from prober.load.words import Load, Measure, Skip, Span, Workload
from tests.bench.simulated import REFUSED, Proxy


def made(
    speeds: dict[str, float], rounds: int = 20, samples: int = 200, noise: float = 0.03, seed: int = 1
) -> list[Block]:
    """Blocks of routes whose response times are exponential around their speed (seconds), the machine wandering by
    half from round to round, blocks by `noise`."""
    dice = random.Random(seed)  # noqa: S311 - the same each time
    found: list[Block] = []
    for turn in range(rounds):
        machine = dice.uniform(1, 1.5)
        for route, speed in speeds.items():
            own = speed * machine * dice.lognormvariate(0, noise)
            histogram = Histogram()
            for place in range(samples):
                histogram.record(own * (0.5 + (place + dice.random()) / samples))
            found.append(Block(route, turn, histogram, samples))
    return found


def of(found: tuple[Difference, ...], a: str, b: str, percentile: str = "p50") -> Difference:
    return next(each for each in found if (each.a, each.b, each.percentile) == (a, b, percentile))


@given(
    st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=5, unique=True), st.integers(1, 20), st.integers()
)
@settings(max_examples=30, deadline=None)
def test_every_round_has_every_route_once(names: list[str], count: int, seed: int) -> None:
    order = blocks(names, count, seed)
    assert order == blocks(names, count, seed)
    for turn in range(count):
        assert Counter(order[turn * len(names) : (turn + 1) * len(names)]) == Counter(names)


def test_orders_differ_from_round_to_round() -> None:
    order = blocks(["a", "b"], 200, 1)
    first = Counter(order[::2])
    assert 70 < first["a"] < 130


def test_alike_and_slower() -> None:
    found = compare(made({"a": 0.010, "b": 0.010, "slow": 0.012}), seed=1, percents=(50.0, 95.0))
    alike, slower = of(found.differences, "a", "b"), of(found.differences, "a", "slow")
    assert not alike.distinguishable
    assert alike.low < 0 < alike.high
    assert alike.confidence == pytest.approx(0.95, abs=0.04)
    assert slower.distinguishable
    assert slower.share_low < 0.2 < slower.share_high
    assert slower.share == pytest.approx(0.2, abs=0.03)
    standing = next(each for each in found.standings if (each.route, each.percentile) == ("a", "p50"))
    assert slower.difference == pytest.approx(slower.share * standing.value)
    assert slower.low == pytest.approx(slower.share_low * standing.value)
    assert 0 < slower.detectable < slower.difference
    assert standing.low is not None
    assert standing.high is not None
    assert standing.low < standing.value < standing.high
    assert (standing.ended, standing.failed) == (20 * 200, 0)
    assert [each.routes for each in found.tiers if each.percentile == "p50"] == [("a", "b"), ("slow",)] or [
        each.routes for each in found.tiers if each.percentile == "p50"
    ] == [("b", "a"), ("slow",)]
    assert [each.place for each in found.tiers] == [1, 2, 1, 2]
    assert found.remarks == ()
    assert found.rounds == 20


def test_a_drifting_machine_does_not_blur_pairs() -> None:
    """The machine wanders by half, which each route's own interval shows; the pair's interval is narrow."""
    found = compare(made({"a": 0.010, "b": 0.0105}, noise=0.01), seed=1, percents=(50.0,))
    (only,) = found.differences
    assert only.distinguishable
    mine, other = found.standings
    assert mine.high is not None
    assert other.low is not None
    assert mine.high > other.low
    assert only.share_high - only.share_low < 0.03


def test_the_smallest_detectable_difference_shrinks_with_rounds() -> None:
    sizes = [
        compare(made({"a": 0.01, "b": 0.01}, rounds), seed=1, percents=(50.0,)).differences[0].detectable_share
        for rounds in (10, 20, 40)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_enough_is_when_every_pair_would_show_the_difference() -> None:
    few = compare(made({"a": 0.01, "b": 0.01, "c": 0.01}, 20, noise=0.15), seed=1, percents=(50.0,))
    many = compare(made({"a": 0.01, "b": 0.01, "c": 0.01}, 80, noise=0.15), seed=1, percents=(50.0,))
    assert not enough(few.differences)
    assert enough(many.differences, 0.12)
    calm = made({"a": 0.01, "b": 0.01}, 20, noise=0.03)
    assert sufficient(calm)
    assert not sufficient(calm, share=0.01)
    assert not sufficient([each for each in calm if each.route == "a"])
    assert not sufficient([])
    assert enough(few.differences, 0.5)
    one_pair = [replace(each, detectable_share=0.01 if each.b == "b" else 0.2) for each in few.differences]
    assert not enough(one_pair)
    assert not enough(())


def test_five_rounds_cannot_tell_and_it_is_said() -> None:
    found = compare(made({"a": 0.01, "b": 0.02}, rounds=5), seed=1, percents=(50.0, 95.0))
    assert not any(each.distinguishable for each in found.differences)
    (remark,) = found.remarks
    assert remark.word is RemarkWord.FEW_ROUNDS
    assert "7 rounds or more" in remark.text
    found = compare(made({"a": 0.01, "b": 0.02}, rounds=7), seed=1, percents=(50.0, 95.0))
    assert all(each.distinguishable for each in found.differences)
    assert found.remarks == ()


def test_percentiles_with_too_few_samples_are_left_out() -> None:
    found = compare(made({"a": 0.01, "b": 0.02}), seed=1)
    assert {each.percentile for each in found.differences} == {"p50", "p95"}
    (remark,) = found.remarks
    assert remark.word is RemarkWord.FEW_SAMPLES
    assert "p99 needs 1,000 samples" in remark.text


def test_percentiles_that_are_left_out_make_no_more_rounds_necessary() -> None:
    """Nine tests of three routes need nine rounds; without p99 it is six, and eight rounds do."""
    speeds = {"a": 0.010, "b": 0.010, "c": 0.030}
    words = [each.word for each in compare(made(speeds, rounds=8, samples=1_000), seed=1).remarks]
    assert words == [RemarkWord.FEW_ROUNDS]
    few = compare(made(speeds, rounds=8, samples=200), seed=1)
    assert [each.word for each in few.remarks] == [RemarkWord.FEW_SAMPLES]
    assert of(few.differences, "a", "c").distinguishable


def test_rounds_that_one_route_lacks_are_no_pairs() -> None:
    whole = made({"a": 0.01, "b": 0.012})
    found = compare([each for each in whole if each.route == "a" or each.round < 12], seed=1, percents=(50.0,))
    assert found.differences[0].rounds == 12
    (remark,) = found.remarks
    assert remark.word is RemarkWord.MISSING
    assert "12 of 20" in remark.text


def test_a_route_alone_has_a_standing_and_no_difference() -> None:
    found = compare(made({"a": 0.01}), seed=1, percents=(50.0,))
    assert len(found.standings) == 1
    assert (found.differences, found.tiers, found.remarks) == ((), (), ())


def test_nothing_compared_is_nothing() -> None:
    found = compare([], seed=1)
    assert (found.rounds, found.standings, found.differences) == (0, (), ())


def test_blocks_without_a_success_are_not_compared() -> None:
    empty = [Block("dead", turn, Histogram(), 100, 100) for turn in range(20)]
    found = compare([*made({"a": 0.01}), *empty], seed=1, percents=(50.0,))
    assert found.differences == ()
    standing = next(each for each in found.standings if each.route == "dead")
    assert (standing.value, standing.ended, standing.failed) == (0.0, 2_000, 2_000)
    assert [each.word for each in found.remarks] == [RemarkWord.LOST, RemarkWord.FEW_SAMPLES]
    assert [(each.routes, each.word) for each in found.tiers] == [(("dead",), "not-comparable")]
    assert (found.fitness[1].word, found.fitness[0].word) == (Unfit.FAILURES, "")


def lossy(found: list[Block], route: str, **fields: Any) -> list[Block]:
    return [replace(each, **fields) if each.route == route else each for each in found]


@pytest.mark.parametrize(
    ("fields", "word", "says"),
    [
        ({"ended": 400, "failed": 200}, Unfit.FAILURES, "4,000 of 8,000 operations failed (50 %)"),
        ({"skipped": 2}, Unfit.NOT_STARTED, "40 of 4,040 operations were not started (0.99 %)"),
        (
            {"valid": False, "generator_limited": True},
            Unfit.GENERATOR,
            "20 of 20 blocks were not valid, 20 of them generator-limited",
        ),
    ],
)
def test_survivors_are_not_ranked(fields: dict[str, Any], word: Unfit, says: str) -> None:
    """The one that loses half of its operations is the fastest by what is left."""
    found = lossy(made({"half-dead": 0.005, "sound": 0.006, "slow": 0.009}), "half-dead", **fields)
    seen = compare(found, seed=1, percents=(50.0,))
    assert [(each.routes, each.word) for each in seen.tiers] == [
        (("sound",), ""), (("slow",), ""), (("half-dead",), "not-comparable")
    ]  # fmt: skip
    assert [each.place for each in seen.tiers] == [1, 2, 3]
    for other in ("sound", "slow"):
        pair = of(seen.differences, "half-dead", other)
        assert (pair.word, pair.distinguishable) == (word, False)
        assert pair.low > 0  # what was measured is there nevertheless
    assert of(seen.differences, "sound", "slow").distinguishable
    (remark,) = seen.remarks
    assert remark.word is RemarkWord.LOST
    assert remark.text.startswith(f"half-dead: {says}.")
    assert "not comparable" in remark.text


def test_the_only_one_that_is_fit_is_not_called_the_fastest() -> None:
    found = compare(lossy(made({"a": 0.005, "b": 0.006}), "b", skipped=2), seed=1, percents=(50.0,))
    assert [(each.routes, each.place, each.word) for each in found.tiers] == [(("b",), 1, "not-comparable")]


def test_some_invalid_blocks_are_said_and_do_not_forbid_a_comparison() -> None:
    found = made({"a": 0.005, "b": 0.006})
    found = [replace(each, valid=each.round >= 4, generator_limited=each.round == 0) for each in found]
    seen = compare(found, seed=1, percents=(50.0,))
    assert of(seen.differences, "a", "b").distinguishable
    assert [each.text for each in seen.remarks] == [
        f"{route}: 4 of 20 blocks were not valid, 1 of them generator-limited." for route in ("a", "b")
    ]
    assert [(each.invalid, each.generator_limited, each.word) for each in seen.fitness] == [(4, 1, "")] * 2


def test_a_block_knows_what_was_lost_and_what_it_was_worth() -> None:
    load = Load(workload=Workload.HANDSHAKE, phases=steady(100, 10), seed=1)
    measured = Proxy(0.004, refuses=0.1).run(load)
    measured.slices[5].skipped[Skip.LATE] = 3
    measured.slices[0].skipped[Skip.LATE] = 4  # not of the sustain phase
    judged = validity(load, measured, kpis(load, measured))
    found = block(load, measured, 7, judged=judged)
    assert (found.skipped, found.valid, found.generator_limited) == (3, False, judged.generator_limited)


def test_holm() -> None:
    """Levels rise with the rank until one fails; from there on they stay."""
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == pytest.approx([0.05 / 3, 0.05 / 2, 0.05 / 2, 0.05 / 4])
    assert holm([0.9, 0.9], 0.05) == [0.025, 0.025]
    assert holm([], 0.05) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(deadline=None)
def test_holm_rejects_as_the_textbook_does(probabilities: list[float]) -> None:
    ordered = sorted(probabilities)
    textbook = 0
    while textbook < len(ordered) and ordered[textbook] <= 0.05 / (len(ordered) - textbook):
        textbook += 1
    levels = holm(probabilities, 0.05)
    rejected = sum(each <= level for each, level in zip(probabilities, levels, strict=True))
    assert rejected == textbook


def test_ten_equals_are_rarely_called_different() -> None:
    """45 pairs at two percentiles: without the correction nearly every table would have one."""
    wrong = 0
    for seed in range(40):
        dice = random.Random(seed)  # noqa: S311 - the same each time
        tables = {
            f"r{route}": {turn: (dice.lognormvariate(0, 0.1), dice.lognormvariate(0, 0.1)) for turn in range(20)}
            for route in range(10)
        }
        values = {(route, name): 1.0 for route in tables for name in ("p50", "p95")}
        wrong += any(each.distinguishable for each in distinguish(tables, values, (50.0, 95.0)))
    assert wrong <= 6


def test_a_tier_is_begun_by_whoever_differs_from_its_first() -> None:
    found = compare(made({"a": 0.010, "b": 0.0102, "c": 0.0104}, noise=0.03, seed=3), seed=1, percents=(50.0,))
    template = found.differences[0]

    def pair(a: str, b: str, apart: bool) -> Difference:
        return replace(template, a=a, b=b, distinguishable=apart)

    values = {("a", "p50"): 0.010, ("b", "p50"): 0.0102, ("c", "p50"): 0.0104}
    chain = [pair("a", "b", False), pair("b", "c", False), pair("a", "c", True)]
    assert [each.routes for each in tiers("p50", values, chain)] == [("a", "b"), ("c",)]
    apart = [pair("a", "b", True), pair("b", "c", True), pair("a", "c", True)]
    assert [each.routes for each in tiers("p50", values, apart)] == [("a",), ("b",), ("c",)]
    alike = [pair("a", "b", False), pair("b", "c", False), pair("a", "c", False)]
    assert [each.routes for each in tiers("p50", values, alike)] == [("a", "b", "c")]


def test_a_block_is_the_sustain_phase_of_a_run() -> None:
    load = Load(workload=Workload.HANDSHAKE, phases=steady(100, 10), seed=1)
    measured = Proxy(0.004, refuses=0.1).run(load)
    found = block(load, measured, 7)
    assert (found.route, found.round, found.ended) == ("proxy", 7, 1_000)
    assert found.failed == sum(each.failed[REFUSED] for each in measured.slices[3:13])
    assert found.histogram.count == found.ended - found.failed
    assert found.histogram.percentile(50) == pytest.approx(0.004, rel=0.01)
    assert block(load, measured, 7, Measure(Span.LATENESS)).histogram.count == 1_000


def test_every_result_can_be_written_as_json() -> None:
    load = Load(workload=Workload.HANDSHAKE, phases=steady(100, 10), seed=1)
    measured = Proxy(0.004, refuses=0.1, key=lambda moment: ("ab", f"CN={'x' * (1 + int(moment))}")).run(load)
    seen = kpis(load, measured)
    judgement = validity(load, measured, seen)
    search = Search(Terms(50, 100))
    step = search.next()
    assert step is not None
    search.saw(step, seen, judgement)
    compared = compare(made({"a": 0.01, "b": 0.02}, rounds=7), seed=1)
    found = flips(load, measured)
    assert found
    for each in (seen, judgement, search.result, compared, *found, *measured.health):
        assert msgspec.json.decode(msgspec.json.encode(each), type=type(each)) == each
