"""One benchmark after another over simulated proxies: what is run, in which order, and what is made of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from msgspec import structs

from prober.bench.comparison import Block
from prober.bench.document import ReasonDoc, RunDoc, ValidityDoc
from prober.bench.onepage import summary
from prober.bench.order import Mode
from prober.bench.showing import rendered
from prober.bench.standing import Purpose, State, has_findings, standings
from prober.bench.watching import Beginning
from prober.engine.load.generators import CannotBeginError
from prober.load.slices import HealthSample, Slice
from prober.model import Failure, Hop, HopScheme, Reason, Route, Stage

from .made import PROXIES, ROUNDS, Simulated, comparison, conducted, order, runs, search
from .queues import FORGED_KEY, ORIGIN_KEY, Queue


class Told:
    """Notes everything."""

    def __init__(self) -> None:
        self.beginnings: list[Beginning] = []
        self.seconds: list[int] = []
        self.samples = 0
        self.runs: list[RunDoc] = []
        self.notes: list[str] = []

    def begins(self, beginning: Beginning) -> None:
        self.beginnings.append(beginning)

    def second(self, one: Slice) -> None:
        self.seconds.append(one.second)

    def health(self, sample: HealthSample) -> None:
        self.samples += 1

    def ended(self, run: RunDoc) -> None:
        self.runs.append(run)

    def note(self, text: str) -> None:
        self.notes.append(text)


async def test_the_null_run_comes_first_and_everybody_is_told() -> None:
    told, generator = Told(), Simulated()
    conduct = conducted(order(Mode.RUN, "tinyproxy", "squid"), generator, (told,))
    await conduct.carry_out()
    assert [name for name, _, _ in generator.made] == ["direct", "tinyproxy", "squid"]
    assert [(each.route, each.purpose, each.number, each.of) for each in told.beginnings] == [
        ("direct", "null", 1, 3), ("tinyproxy", "run", 2, 3), ("squid", "run", 3, 3)
    ]  # fmt: skip
    assert tuple(told.runs) == conduct.document().runs
    assert len(told.seconds) == sum(len(run.seconds) for run in told.runs)
    assert told.samples
    assert conduct.document().complete


async def test_without_a_null_run() -> None:
    generator = Simulated()
    conduct = conducted(order(Mode.RUN, "tinyproxy", null=False), generator)
    await conduct.carry_out()
    assert [name for name, _, _ in generator.made] == ["tinyproxy"]
    (only,) = standings(conduct.document())
    assert not only.null
    assert all(each.p50_more is None for each in only.added)


def test_what_a_proxy_adds_stage_by_stage() -> None:
    null, tiny, squid, flaky = standings(runs())
    assert (null.null, null.state) == (True, State.VALID)
    added = {each.measure: each for each in squid.added}
    tunnel, tls, service = added["tunnel[1]"], added["target-tls"], added["service"]
    assert tunnel.p50 == tunnel.p50_more  # only a proxy has it
    assert tls.p50_more == pytest.approx(0.0071 - 0.0022, rel=0.15)
    assert None not in (tls.p50, tls.p50_more, service.p50_more)
    assert (tls.p50_more or 0) < (tls.p50 or 0)
    assert (service.p50_more or 0) > (tls.p50_more or 0)
    assert (tiny.state, flaky.state) == (State.VALID, State.INVALID)
    assert [each.measure for each in squid.added] == ["connect[1]", "tunnel[1]", "target-tls", "response", "service"]


def test_inspection_that_ends_is_found_to_the_second() -> None:
    (flip,) = runs().flips
    assert (flip.route, flip.kind) == ("squid", "fails-open")
    assert flip.second == pytest.approx(12, abs=0.02)
    assert flip.run == [run.route for run in runs().runs].index("squid")
    assert has_findings(runs())


def test_a_search_finds_the_knee() -> None:
    (capacity,) = search().capacities
    assert capacity.knee is not None
    assert capacity.knee == pytest.approx(200, rel=0.08)  # 4 servers of 20 ms
    assert capacity.breaking is not None
    assert capacity.breaking > capacity.knee
    assert capacity.confirmed
    assert not capacity.generator_limited
    purposes = {run.purpose for run in search().runs}
    assert purposes == {Purpose.NULL, Purpose.QUALIFY, Purpose.STEP, Purpose.BISECT, Purpose.CONFIRM}
    standing = standings(search())[1]
    assert standing.rate == capacity.knee
    assert not has_findings(search())


def test_blocks_are_interleaved_and_each_round_has_one_seed() -> None:
    made = [run for run in comparison().runs if run.purpose == Purpose.BLOCK]
    assert len(made) == 3 * ROUNDS
    for turn in range(ROUNDS):
        mine = made[3 * turn : 3 * turn + 3]
        assert {run.route for run in mine} == {"tinyproxy", "twin", "squid"}
        assert {run.seed for run in mine} == {7 + turn}
    assert len({tuple(run.route for run in made[3 * turn : 3 * turn + 3]) for turn in range(ROUNDS)}) > 1


@pytest.mark.parametrize(("enough_at", "made"), [(3, 3), (5, 5), (8, 8), (99, 8)])
async def test_without_a_number_rounds_go_on_until_they_are_enough(
    monkeypatch: pytest.MonkeyPatch, enough_at: int, made: int
) -> None:
    looked: list[int] = []

    def sufficient(found: Sequence[Block]) -> bool:
        looked.append(len(found) // 2)
        return looked[-1] >= enough_at

    monkeypatch.setattr("prober.bench.conduct.LOOKS", (3, 5, 8))
    monkeypatch.setattr("prober.bench.conduct.sufficient", sufficient)
    conduct = conducted(order(Mode.COMPARE, "tinyproxy", "twin", rounds=None, null=False))
    await conduct.carry_out()
    document = conduct.document()
    assert looked == [look for look in (3, 5, 8) if look <= made]
    assert len(document.runs) == 2 * made
    assert document.comparison is not None
    assert document.comparison.blocks == made
    assert document.complete


def test_what_is_unlike_is_told_apart_and_twins_are_not() -> None:
    compared = comparison().comparison
    assert compared is not None
    found = {(each.a, each.b): each for each in compared.differences if each.percentile == "p50"}
    assert not found["tinyproxy", "twin"].distinguishable
    assert found["tinyproxy", "squid"].distinguishable
    assert found["tinyproxy", "squid"].low > 0
    tiers = [each.routes for each in compared.tiers if each.percentile == "p50"]
    assert [set(each) for each in tiers] == [{"tinyproxy", "twin"}, {"squid"}]
    merged = standings(comparison())[1]
    assert merged.kpis is not None
    assert merged.kpis.ended == sum(run.kpis.ended for run in merged.runs)
    assert len(merged.runs) == ROUNDS


@pytest.mark.parametrize(
    ("limited", "state"), [(1, State.VALID), (ROUNDS // 2, State.VALID), (ROUNDS // 2 + 1, State.GENERATOR_LIMITED)]
)
def test_blocks_together_are_what_most_of_them_are(limited: int, state: State) -> None:
    late = ReasonDoc("generator-late", "The generator itself was late.")
    document = comparison()
    left = iter(range(limited))
    made = tuple(
        structs.replace(run, validity=ValidityDoc(valid=False, generator_limited=True, reasons=(late,)))
        if run.route == "tinyproxy" and next(left, None) is not None
        else run
        for run in document.runs
    )
    (found,) = (each for each in standings(structs.replace(document, runs=made)) if each.route == "tinyproxy")
    assert found.state is state
    assert found.validity is not None
    assert found.validity.reasons == (late,), "told in any case"


async def test_a_stop_ends_it_and_what_was_measured_is_there() -> None:
    generator = Simulated()
    conduct = conducted(order(Mode.RUN, "tinyproxy", "squid"), generator)
    generator.before = lambda made: conduct.stop() if made == 1 else None
    await conduct.carry_out()
    document = conduct.document()
    assert [run.route for run in document.runs] == ["direct", "tinyproxy"]
    assert not document.complete
    assert document.stopped == "interrupted"
    assert not document.runs[1].validity.valid
    assert [each.state for each in standings(document)] == [State.VALID, State.INVALID, State.NOT_RUN]


async def test_the_order_of_a_comparison_is_what_was_run() -> None:
    """Without a number of rounds, where the plan has 120 of them."""
    generator = Simulated()
    conduct = conducted(order(Mode.COMPARE, "tinyproxy", "twin", rounds=None), generator)
    generator.before = lambda made: conduct.stop() if made == 7 else None
    looked: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prober.bench.conduct.LOOKS", (1, 2, 3, 120))
        patch.setattr("prober.bench.conduct.sufficient", lambda found: looked.append(len(found)))
        await conduct.carry_out()
    generator_run = [name for name, _, _ in generator.made]
    compared = conduct.document().comparison
    assert compared is not None
    assert list(compared.order) == generator_run
    assert len(generator_run) == 8
    assert looked == [2, 4]  # nobody asks whether it is enough after it was stopped


async def test_the_null_run_is_in_every_round_and_begins_the_first() -> None:
    generator = Simulated()
    conduct = conducted(order(Mode.COMPARE, "tinyproxy", "twin"), generator)
    await conduct.carry_out()
    made = [name for name, _, _ in generator.made]
    assert made[0] == "direct"
    rounds = [made[3 * turn : 3 * turn + 3] for turn in range(ROUNDS)]
    assert all(set(each) == {"direct", "tinyproxy", "twin"} for each in rounds)
    assert len({each.index("direct") for each in rounds}) > 1
    document = conduct.document()
    assert document.comparison is not None
    assert list(document.comparison.order) == made
    ranked = {name for tier in document.comparison.tiers for name in tier.routes}
    assert ranked == {"tinyproxy", "twin"}
    assert {run.purpose for run in document.runs if run.route == "direct"} == {Purpose.NULL}
    null, tiny, _ = standings(document)
    assert len(null.runs) == ROUNDS
    assert tiny.null_rate == document.comparison.rate


async def test_a_block_carries_its_verdict_into_the_comparison() -> None:
    conduct = conducted(order(Mode.COMPARE, "flaky", "twin", rounds=4))
    await conduct.carry_out()
    compared = conduct.document().comparison
    assert compared is not None
    flaky, twin = compared.fitness
    assert (flaky.route, flaky.word, flaky.blocks, flaky.invalid) == ("flaky", "failures", 4, 4)
    assert flaky.failed == sum(run.kpis.failed for run in conduct.document().runs if run.route == "flaky") > 0
    assert (twin.route, twin.word, twin.failed, twin.skipped) == ("twin", "", 0, 0)
    assert {each.word for each in compared.differences} == {"failures"}
    assert any(each.startswith("flaky: ") and "operations failed" in each for each in compared.remarks)


async def test_inspection_that_is_gone_in_the_next_run_names_both() -> None:
    """A licence that is used up between two blocks: within each of them nothing changes."""
    generator = Simulated({**PROXIES, "squid": Queue(key=lambda _: FORGED_KEY)})
    conduct = conducted(order(Mode.COMPARE, "squid", "twin", rounds=4), generator)

    def used_up(made: int) -> None:
        if made == 6:
            generator.proxies = {**PROXIES, "squid": Queue(key=lambda _: ORIGIN_KEY)}

    generator.before = used_up
    await conduct.carry_out()
    document = conduct.document()
    assert [(each.route, each.kind) for each in document.flips] == [("squid", "intercepted"), ("squid", "fails-open")]
    gone = document.flips[1]
    assert gone.run is not None
    assert gone.before is not None
    assert (document.runs[gone.before].route, document.runs[gone.run].route) == ("squid", "squid")
    assert gone.before < 6 <= gone.run
    assert f"Run {gone.before + 1} (block at 100/s) was inspected; in run {gone.run + 1} " in gone.text
    assert has_findings(document)


async def test_a_target_that_breaks_first_makes_no_capacity_of_a_proxys() -> None:
    """Direct and proxy wait for the same slow origin; the fast proxy in front of it adds nothing."""
    slow = Queue(service=0.02, origin=True)
    generator = Simulated({"direct": replace(slow, hops=0), "fast": slow})
    conduct = conducted(order(Mode.FIND_CAPACITY, "fast", rate=50.0), generator)
    await conduct.carry_out()
    document = conduct.document()
    (capacity,) = document.capacities
    null = document.null_capacity
    assert null is not None
    assert null.knee is not None
    assert null.breaking is not None
    assert 120 < null.knee < 220  # 4 servers of 20 ms
    assert capacity.knee is not None
    assert (capacity.at_least, capacity.direct_limited, capacity.high) == (True, True, None)
    assert capacity.word == "direct-limited"
    assert f"direct held {null.knee:,.0f}/s, and broke at {null.breaking:,.0f}/s" in capacity.reason
    for format_ in ("table", "markdown", "html"):
        flat = " ".join(rendered(document, format_).split())
        assert "direct (null run, searched roughly): held" in flat
        assert f"at least {capacity.knee:,.0f}/s" in flat
        assert not re.search(r"fast:? bears \d", flat)


@pytest.mark.parametrize("mode", [Mode.FIND_CAPACITY, Mode.COMPARE])
async def test_a_stop_ends_searches_and_comparisons(mode: Mode) -> None:
    generator = Simulated()
    conduct = conducted(order(mode, "small", "twin"), generator)
    generator.before = lambda made: conduct.stop() if made == 3 else None
    await conduct.carry_out()
    assert len(conduct.document().runs) == 4
    assert not conduct.document().complete


class Refusing(Simulated):
    """One route cannot be begun."""

    async def run(self, load, target, route, **more):  # type: ignore[no-untyped-def] # as the one it stands for
        if route.name == "squid":
            raise CannotBeginError(Failure(Stage.DNS, 1, Reason.DNS_NXDOMAIN, "squid.corp: no such name"))
        return await super().run(load, target, route, **more)


async def test_a_route_that_cannot_begin_is_said_and_the_others_go_on() -> None:
    told = Told()
    conduct = conducted(order(Mode.RUN, "squid", "tinyproxy"), Refusing(PROXIES), (told,))
    await conduct.carry_out()
    document = conduct.document()
    assert [run.route for run in document.runs] == ["direct", "tinyproxy"]
    assert document.notes == ("squid could not be loaded: dns-nxdomain: squid.corp: no such name",)
    assert told.notes == list(document.notes)
    assert (document.complete, document.unmeasured) == (False, ("squid",))
    assert document.stopped == "squid was not measured"
    assert "not complete: squid was not measured" in summary(document, standings(document))
    assert "loaded 1 of 2 routes" in summary(document, standings(document))
    assert [(each.route, each.state) for each in standings(document)][1] == ("squid", State.NOT_RUN)


async def test_a_route_that_was_dropped_before_is_in_the_document_and_it_is_not_complete() -> None:
    dead = Route("dead", (Hop(HopScheme.HTTP, "127.0.0.1", 9),))
    conduct = conducted(order(Mode.RUN, "tinyproxy"), dropped=(dead,))
    await conduct.carry_out()
    document = conduct.document()
    assert (document.complete, document.unmeasured) == (False, ("dead",))
    assert [(each.route, each.state) for each in standings(document)][-1] == ("dead", State.NOT_RUN)


async def test_a_null_run_that_cannot_begin_is_said_and_the_routes_are_complete() -> None:
    """In a company there may well be no way but the proxies."""

    class Closed(Simulated):
        async def run(self, load, target, route, **more):  # type: ignore[no-untyped-def] # as the one it stands for
            if not route.hops:
                raise CannotBeginError(Failure(Stage.DNS, 0, Reason.DNS_NXDOMAIN, "no such name"))
            return await super().run(load, target, route, **more)

    conduct = conducted(order(Mode.RUN, "tinyproxy"), Closed(PROXIES))
    await conduct.carry_out()
    assert conduct.document().complete
    assert conduct.document().notes == ("direct could not be loaded: dns-nxdomain: no such name",)


async def test_a_generator_that_is_lost_leaves_it_incomplete() -> None:
    class Dying(Simulated):
        async def run(self, load, target, route, **more):  # type: ignore[no-untyped-def] # as the one it stands for
            measured = await super().run(load, target, route, **more)
            measured.stopped, measured.lost = "a generator process was killed by SIGKILL", bool(route.hops)
            return measured

    conduct = conducted(order(Mode.RUN, "squid"), Dying(PROXIES))
    await conduct.carry_out()
    document = conduct.document()
    assert (document.complete, document.stopped) == (False, "squid could not be loaded every time")
    assert [run.validity.generator_limited for run in document.runs] == [False, True]


async def test_no_breaking_point_is_made_of_a_generator_that_is_lost() -> None:
    class Dying(Simulated):
        async def run(self, load, target, route, **more):  # type: ignore[no-untyped-def] # as the one it stands for
            measured = await super().run(load, target, route, **more)
            if route.hops and self.made[-1][1] > 200:
                measured.stopped, measured.lost = "a generator process was killed by SIGKILL", True
            return measured

    conduct = conducted(order(Mode.FIND_CAPACITY, "squid"), Dying(PROXIES))
    await conduct.carry_out()
    (found,) = conduct.document().capacities
    assert found.generator_limited
    assert found.breaking is None


async def test_an_interruption_before_anything_began_is_no_fault_of_the_route() -> None:
    class Early(Simulated):
        async def run(self, load, target, route, **more):  # type: ignore[no-untyped-def] # as above
            more["stop"].set()
            raise CannotBeginError(Failure(Stage.CONFIG, 0, Reason.INTERNAL, "interrupted before it began"))

    conduct = conducted(order(Mode.RUN, "squid"), Early(PROXIES))
    await conduct.carry_out()
    document = conduct.document()
    assert (document.complete, document.stopped, document.notes) == (False, "interrupted", ())


@pytest.mark.parametrize("mode", [Mode.FIND_CAPACITY, Mode.COMPARE])
async def test_searches_and_comparisons_without_one_of_their_routes_are_not_complete(mode: Mode) -> None:
    conduct = conducted(order(mode, "squid", "small", rounds=3), Refusing(PROXIES))
    await conduct.carry_out()
    document = conduct.document()
    assert (document.complete, document.unmeasured) == (False, ("squid",))
    assert "squid" not in {each.route for each in document.capacities}
    if document.comparison is not None:
        assert "squid" not in document.comparison.order


async def test_a_route_that_could_not_begin_once_is_said() -> None:
    class Once(Simulated):
        async def run(self, load, target, route, **more):  # type: ignore[no-untyped-def] # as the one it stands for
            if route.name == "squid" and load.seed == 8:
                raise CannotBeginError(Failure(Stage.DNS, 1, Reason.DNS_NXDOMAIN, "squid.corp: no such name"))
            return await super().run(load, target, route, **more)

    conduct = conducted(order(Mode.COMPARE, "squid", "twin", rounds=3), Once(PROXIES))
    await conduct.carry_out()
    document = conduct.document()
    assert (document.complete, document.unmeasured) == (False, ())
    assert document.stopped == "squid could not be loaded every time"
