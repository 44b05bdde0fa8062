"""Each criterion fired, and not fired at its border."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.bench.criteria import LIMITED, Fault, Limits, Remark
from prober.bench.kpis import FailureShare, Figure, Kpis, SpanFigures, kpis
from prober.bench.profiles import hold_tunnels, steady
from prober.bench.validity import Validity, validity
from prober.load.histogram import Histogram
from prober.load.slices import HealthSample, Measured, Slice
from prober.load.words import Load, Measure, Skip, Span, Workload
from tests.bench.simulated import Proxy

LOAD = Load(workload=Workload.HANDSHAKE, phases=steady(100, 20), seed=1)
TUNNELS = Load(workload=Workload.TUNNEL, phases=hold_tunnels(100, 20), seed=1)
LATENESS = SpanFigures(2_000, 0, 0.001, 0.02, 0.001, 0.002, 0.003, 0.004)
SOUND = Kpis(
    seconds=20,
    offered=100,
    achieved=100,
    share=1.0,
    ended=2_000,
    failed=0,
    reset=0,
    connections=Figure(100, 100, 100),
    handshakes=Figure(100, 100, 100),
    transactions=Figure(),
    concurrent=Figure(100, 100, 100),
    throughput=Figure(),
    spans={"response": SpanFigures(2_000, 0.001, 0.002, 0.01), "lateness": LATENESS},
)


def seconds(well: list[int], offered: int = 100) -> list[Slice]:
    """A run as LOAD asks for: three seconds of ramp, then these."""
    ramp = [Slice(second, offered=offered, succeeded=offered) for second in range(3)]
    return ramp + [Slice(3 + place, offered=offered, succeeded=count) for place, count in enumerate(well)]


def starts(count: int, seconds: float, late: int = 0, most: float = 0.05) -> Histogram:
    """Lateness of so many starts, and of some that were late."""
    histogram = Histogram()
    for place in range(count):
        histogram.record(most if place < late else seconds)
    return histogram


def sample(second: int = 5, worker: int = 0, **other: float) -> HealthSample:
    sound = {"cpu": 0.3, "lag": 0.001, "descriptors": 100, "machine_cpu": 0.5} | other
    return HealthSample(
        second, worker, sound["cpu"], sound["lag"], int(sound["descriptors"]), machine_cpu=sound["machine_cpu"]
    )


def judged(
    figures: Kpis = SOUND,
    *,
    well: list[int] | None = None,
    health: list[HealthSample] | None = None,
    load: Load = LOAD,
    stopped: str | None = None,
    sources: int = 1,
    late: Histogram | None = None,
    lost: bool = False,
) -> Validity:
    slices = seconds(well or [100] * 20)
    if late is not None:
        slices[5].spans[Measure(Span.LATENESS)] = late
    measured = Measured("r", 0, slices, health or [sample()], stopped, lost, 28_000, sources, descriptor_limit=1_000)
    return validity(load, measured, figures)


def words(found: Validity) -> list[str]:
    return [each.word for each in found.reasons]


def failure(count: int, of: int, reason: str = "proxy-denied") -> FailureShare:
    return FailureShare("proxy", 1, reason, count, count / of, 0, 1)


def test_a_sound_run_is_valid() -> None:
    found = judged()
    assert found.valid
    assert not found.generator_limited
    assert words(found) == []
    assert [each.word for each in found.remarks] == [Remark.SHORT]


def test_a_simulated_run_is_valid_and_an_overloaded_one_is_not() -> None:
    measured = Proxy(0.001).run(LOAD)
    assert validity(LOAD, measured, kpis(LOAD, measured)).valid
    measured = Proxy(0.02).run(LOAD)
    found = validity(LOAD, measured, kpis(LOAD, measured))
    assert Fault.BEHIND in words(found)
    assert not found.generator_limited


@pytest.mark.parametrize(("failed", "of", "fires"), [(1, 100_000, False), (2, 100_000, True), (1, 99_999, True)])
def test_failed_at_most_one_in_100_000(failed: int, of: int, fires: bool) -> None:
    found = judged(replace(SOUND, ended=of, failed=failed, failures=(failure(failed, of),)))
    assert words(found) == [Fault.FAILED] * fires
    assert not found.generator_limited
    assert not fires or "proxy-denied (proxy, hop 1)" in found.reasons[0].text


@pytest.mark.parametrize(("reset", "of", "fires"), [(1, 100_000, False), (2, 100_000, True)])
def test_reset_at_most_one_in_100_000(reset: int, of: int, fires: bool) -> None:
    assert words(judged(replace(SOUND, ended=of, reset=reset))) == [Fault.RESET] * fires


def test_our_own_exhaustion_is_no_failure_of_the_proxy() -> None:
    found = judged(replace(SOUND, failed=50, failures=(failure(50, 2_000, "local-ports"),)))
    assert words(found) == [Fault.LOCAL]
    assert found.generator_limited
    both = (failure(50, 2_000, "local-ports"), failure(9, 2_000))
    found = judged(replace(SOUND, failed=59, failures=both))
    assert words(found) == [Fault.FAILED, Fault.LOCAL]
    assert "9 of 2,000" in found.reasons[0].text
    assert "proxy-denied" in found.reasons[0].text


@pytest.mark.parametrize(("share", "fires"), [(0.98, False), (0.9799, True), (1.02, False)])
def test_achieved_at_least_98_percent(share: float, fires: bool) -> None:
    found = judged(replace(SOUND, achieved=100 * share, share=share))
    assert words(found) == [Fault.BEHIND] * fires
    assert not found.generator_limited


@pytest.mark.parametrize(("dip", "fires"), [(96, False), (93, True), (0, True)])
def test_rate_is_constant_within_5_percent(dip: int, fires: bool) -> None:
    """Stretches of four seconds; the whole falls with the one that dips, so 96 are 3.2 % off."""
    assert words(judged(well=[100] * 8 + [dip] * 4 + [100] * 8)) == [Fault.UNSTEADY] * fires


def test_poisson_arrivals_are_not_unsteady() -> None:
    uneven = [Slice(second, offered=60 + 8 * second, succeeded=60 + 8 * second) for second in range(23)]
    measured = Measured("r", 0, uneven, [sample()])
    assert validity(LOAD, measured, SOUND).valid


def test_a_rate_of_few_operations_is_not_judged_by_stretches() -> None:
    measured = Measured("r", 0, seconds([10, 30] * 10, 20), [sample()])
    assert words(validity(LOAD, measured, SOUND)) == []


@pytest.mark.parametrize(("least", "most", "fires"), [(90, 110, False), (89, 100, True), (100, 111, True)])
def test_held_tunnels_within_10_percent(least: float, most: float, fires: bool) -> None:
    figures = replace(SOUND, offered=0, achieved=0, share=None, concurrent=Figure(least, 100, most))
    assert words(judged(figures, load=TUNNELS)) == [Fault.CONCURRENCY] * fires
    assert words(judged(figures)) == []


@pytest.mark.parametrize(("late", "fires"), [(0.005, False), (0.0051, True)])
def test_generator_late_by_5_ms_at_most(late: float, fires: bool) -> None:
    found = judged(late=starts(2_000, late))
    assert words(found) == [Fault.LATE] * fires
    assert found.generator_limited is fires


@pytest.mark.parametrize(("late", "fires"), [(20, False), (21, True)])
def test_the_p99_of_many_starts(late: int, fires: bool) -> None:
    assert words(judged(late=starts(2_000, 0.001, late))) == [Fault.LATE] * fires


@pytest.mark.parametrize(
    ("count", "late", "fires"),
    [(60, 1, False), (60, 2, False), (60, 3, True), (300, 6, False), (300, 7, True), (999, 15, False), (999, 16, True)],
)
def test_few_starts_are_judged_by_what_chance_may_do(count: int, late: int, fires: bool) -> None:
    found = judged(late=starts(count, 0.0001, late, 0.02))
    assert words(found) == [Fault.LATE] * fires
    assert found.generator_limited is fires
    if fires:
        name = {60: "the latest of 60", 300: "p95", 999: "p95"}[count]
        assert (
            f"{late} of {count} operations were started more than 5.0 ms after they were due" in found.reasons[0].text
        )
        assert f"({name} " in found.reasons[0].text


@pytest.mark.parametrize(
    ("skip", "word"), [(Skip.LATE, Fault.SKIPPED_LATE), (Skip.LOCAL, Fault.LOCAL), (Skip.IN_FLIGHT, Fault.IN_FLIGHT)]
)
def test_nothing_is_skipped_in_silence(skip: Skip, word: Fault) -> None:
    found = judged(replace(SOUND, skipped={skip.value: 1}))
    assert words(found) == [word]
    assert found.generator_limited is (skip is not Skip.IN_FLIGHT)


@pytest.mark.parametrize(("in_flight", "limited"), [(100, False), (99, True)])
def test_a_limit_below_a_second_of_work_is_our_own(in_flight: int, limited: bool) -> None:
    figures = replace(SOUND, skipped={"in-flight": 5})
    assert judged(figures, load=replace(LOAD, in_flight=in_flight)).generator_limited is limited


@pytest.mark.parametrize(("cpu", "fires"), [(0.8, False), (0.81, True)])
def test_a_generator_process_uses_80_percent_of_a_core_at_most(cpu: float, fires: bool) -> None:
    health = [sample(second, worker, cpu=cpu if worker else 0.1) for second in range(3, 23) for worker in (0, 1)]
    assert words(judged(health=health)) == [Fault.CPU] * fires


@pytest.mark.parametrize(
    ("machine", "fault", "remark"), [(0.8, False, False), (0.81, False, True), (0.98, False, True), (0.99, True, False)]
)
def test_a_busy_machine_is_remarked_on_and_a_full_one_a_fault(machine: float, fault: bool, remark: bool) -> None:
    found = judged(health=[sample(machine_cpu=machine)])
    assert words(found) == [Fault.MACHINE] * fault
    assert (Remark.MACHINE in [each.word for each in found.remarks]) is remark


@pytest.mark.parametrize(("stalls", "fires"), [(1, False), (2, True)])
def test_one_second_of_twenty_may_stand_still(stalls: int, fires: bool) -> None:
    health = [sample(second, lag=0.5 if second < 3 + stalls else 0.02) for second in range(3, 23)]
    assert words(judged(health=health)) == [Fault.LAG] * fires


def test_health_outside_the_sustain_phase_does_not_count() -> None:
    found = judged(health=[sample(1, cpu=1.0, lag=1.0, machine_cpu=1.0), sample(25, cpu=1.0)])
    assert found.valid
    assert Remark.NO_HEALTH in [each.word for each in found.remarks]


@pytest.mark.parametrize("figure", ["cpu", "machine_cpu", "lag"])
def test_the_generator_is_judged_while_tunnels_are_opened(figure: str) -> None:
    """Thirty seconds of work, then a minute of none: its mean would be a third."""
    load = replace(TUNNELS, phases=hold_tunnels(1_500, 60))
    health = [sample(second) for second in range(95)]
    for each in health[:30]:
        object.__setattr__(each, figure, 1.0)
    measured = Measured("r", 0, [Slice(second) for second in range(95)], health, descriptor_limit=1_000)
    figures = replace(SOUND, offered=0, achieved=0, share=None, seconds=60)
    word = {"cpu": Fault.CPU, "machine_cpu": Fault.MACHINE, "lag": Fault.LAG}[figure]
    found = validity(load, measured, figures)
    assert words(found) == [word]
    assert found.generator_limited
    assert validity(replace(LOAD, phases=load.phases), measured, figures).valid  # of others the opening is a ramp
    quiet = replace(measured, health=[sample(second) for second in range(95)])
    assert validity(load, quiet, figures).valid


def test_one_stand_still_while_few_tunnels_are_opened_is_chance() -> None:
    health = [sample(second, lag=0.5 if second == 1 else 0.001) for second in range(27)]
    measured = Measured("r", 0, seconds([100] * 22), health, descriptor_limit=1_000)
    assert validity(TUNNELS, measured, replace(SOUND, offered=0, share=None)).valid


def test_descriptors_and_ports_are_remarked_on() -> None:
    assert Remark.DESCRIPTORS in [each.word for each in judged(health=[sample(descriptors=901)]).remarks]
    assert Remark.DESCRIPTORS not in [each.word for each in judged(health=[sample(descriptors=900)]).remarks]
    many = replace(SOUND, connections=Figure(470, 470, 470))
    assert Remark.PORTS in [each.word for each in judged(many).remarks]
    few = replace(SOUND, connections=Figure(460, 466, 470))
    assert Remark.PORTS not in [each.word for each in judged(few).remarks]
    assert Remark.PORTS not in [each.word for each in judged(many, sources=2).remarks]


@pytest.mark.parametrize(("tunnels", "sources", "fires"), [(28_000, 1, False), (28_001, 1, True), (28_001, 2, False)])
def test_tunnels_that_are_held_need_ports(tunnels: int, sources: int, fires: bool) -> None:
    load = replace(TUNNELS, phases=hold_tunnels(tunnels, 20, rate=250))
    found = judged(replace(SOUND, offered=0, share=None), load=load, sources=sources)
    assert (Remark.PORTS in [each.word for each in found.remarks]) is fires


def test_a_proxy_that_may_admit_one_address_alone() -> None:
    denied = replace(SOUND, failed=50, failures=(failure(50, 2_000),))
    assert Remark.SOURCES not in [each.word for each in judged(denied).remarks]
    found = {each.word: each.text for each in judged(denied, sources=3).remarks}
    assert "from 3 local addresses in turn" in found[Remark.SOURCES]
    assert Remark.SOURCES not in [each.word for each in judged(sources=3).remarks]


@pytest.mark.parametrize(("count", "names"), [(9, "p50, p95, p99"), (199, "p95, p99"), (999, "p99"), (1_000, "")])
def test_too_few_samples_for_a_percentile(count: int, names: str) -> None:
    spans = SOUND.spans | {"response": SpanFigures(count, 0.001, 0.002, 0.01)}
    texts = [each.text for each in judged(replace(SOUND, spans=spans)).remarks if each.word is Remark.FEW_SAMPLES]
    assert len(texts) == bool(names)
    assert not names or f"too few for {names} (" in texts[0]


def test_a_run_that_was_stopped_or_measured_nothing() -> None:
    early = judged(stopped="more than half failed")
    assert (words(early), early.generator_limited) == ([Fault.STOPPED], False)
    nothing = judged(replace(SOUND, ended=0, share=None, offered=0, spans={}))
    assert words(nothing) == [Fault.NOTHING]


def test_a_generator_that_was_lost_says_nothing_of_the_proxy() -> None:
    found = judged(stopped="a generator process was killed by SIGKILL", lost=True)
    assert (words(found), found.generator_limited) == ([Fault.LOST], True)
    assert "was killed by SIGKILL, after 20 s of 28 s. That says nothing of the way" in found.reasons[0].text


def test_limits_are_the_users() -> None:
    figures = replace(SOUND, failed=20, failures=(failure(20, 2_000),))
    measured = Measured("r", 0, seconds([100] * 20), [sample()])
    assert not validity(LOAD, measured, figures).valid
    assert validity(LOAD, measured, figures, Limits(failed=0.01)).valid


def test_each_word_has_a_sentence_with_value_and_limit_and_what_to_do() -> None:
    worst = replace(
        SOUND,
        share=0.5,
        achieved=50,
        failed=100,
        reset=9,
        failures=(failure(90, 2_000), failure(10, 2_000, "local-descriptors")),
        spans={"response": SpanFigures(5, 1, 1, 1)},
        skipped={"late": 3, "in-flight": 4},
        concurrent=Figure(0, 50, 100),
    )
    health = [sample(machine_cpu=1.0, cpu=0.99, lag=0.3, descriptors=990)]
    load = replace(TUNNELS, phases=LOAD.phases)
    found = judged(
        worst, well=[100] * 10 + [0] * 10, health=health, load=load, stopped="it was interrupted.", late=starts(9, 0.05)
    )
    assert set(words(found)) == set(Fault) - {Fault.NOTHING, Fault.LOST}
    assert found.generator_limited
    for each in (*found.reasons, *found.remarks):
        assert each.text.endswith((".", "?"))
        assert each.text[0].isupper() or each.text[0].isdigit()
        assert any(letter.isdigit() for letter in each.text) or each.word is Fault.STOPPED
    assert set(Fault) > LIMITED
