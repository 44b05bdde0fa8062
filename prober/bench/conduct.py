"""Carries an order out: the null run, then every route, one run at a time; keeps what was measured as documents.

Only one route is loaded at any time: two at once would measure one another. Whatever ends it, `document` has what was
measured until then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from prober.bench.comparison import LOOKS, Block, block, blocks, compare, sufficient
from prober.bench.document import SCHEMA, Bench, GroundDoc, MachineDoc, RunDoc
from prober.bench.findings import CapacityDoc, ComparisonDoc, FlipDoc
from prober.bench.habits import Habits
from prober.bench.knee import Step
from prober.bench.kpis import Kpis, kpis
from prober.bench.order import Mode, Order
from prober.bench.record import capacity_document, comparison_document, flip_document, phase_documents, run_document
from prober.bench.searches import Searches
from prober.bench.standing import Purpose
from prober.bench.validity import Validity, validity
from prober.bench.watching import Beginning, Watcher
from prober.engine.load.generators import CannotBeginError
from prober.load.slices import HealthSample, Measured, Slice
from prober.load.words import Load
from prober.model import Route, Target
from prober.report.build import rule_document
from prober.report.document import ProberDoc
from prober.report.scalars import instant


class Generator(Protocol):
    """What makes the load: `prober.engine.load.generators.Generators`."""

    async def run(
        self,
        load: Load,
        target: Target,
        route: Route,
        *,
        expected: int | None = None,
        on_slice: Callable[[Slice], None] | None = None,
        on_health: Callable[[HealthSample], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> Measured:
        """One run."""


@dataclass(frozen=True, slots=True)
class Done:
    """One run that was made."""

    load: Load
    measured: Measured
    kpis: Kpis
    validity: Validity


class Conduct:
    """One benchmark."""

    def __init__(
        self,
        order: Order,
        generator: Generator,
        *,
        prober: ProberDoc,
        machine: MachineDoc,
        grounds: Sequence[GroundDoc] = (),
        watchers: Sequence[Watcher] = (),
        notes: Sequence[str] = (),
        dropped: Sequence[Route] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`dropped` were asked for, and are not loaded; `notes` say why. `grounds` are the machines that make the load,
        where `machine` does not."""
        self._order = order
        self._generator = generator
        self._prober = prober
        self._machine = machine
        self._grounds = tuple(grounds)
        self._watchers = watchers
        self._wall = wall
        self._started = self._finished = wall()
        self._runs: list[RunDoc] = []
        self._dropped = tuple(dropped)
        self._hindered: list[str] = []
        """Routes whose load could not be made at least once: it did not begin, or a generator was lost."""
        self._capacities: list[CapacityDoc] = []
        self._null_capacity: CapacityDoc | None = None
        self._comparison: ComparisonDoc | None = None
        self._flips: list[FlipDoc] = []
        self._habits = Habits()
        self._notes = list(notes)
        self._expected: int | None = None
        self._carried_out = False
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End the run under way, and make no further one."""
        self._stop.set()

    async def carry_out(self) -> None:
        """Everything that was ordered, or until `stop`."""
        order = self._order
        try:
            if order.mode is Mode.FIND_CAPACITY:
                await self._searches()
            elif order.mode is Mode.COMPARE:
                await self._compared()
            else:
                self._expected = len(order.routes) + (order.null is not None)
                await self._null()
                for route in order.routes:
                    await self._run(route, Purpose.RUN, order.rate)
            self._carried_out = not self._stop.is_set()
        finally:
            self._finished = self._wall()

    def document(self) -> Bench:
        """Everything so far."""
        order = self._order
        routes = [*([order.null] if order.null is not None else []), *order.routes, *self._dropped]
        unmeasured = self._unmeasured()
        stopped = self._stopped(unmeasured)
        return Bench(
            schema=SCHEMA,
            prober=self._prober,
            started=instant(self._started),
            finished=instant(self._finished),
            complete=stopped is None,
            mode=order.mode.value,
            seed=order.load.seed,
            command=order.command,
            load=order.load_document,
            target=order.target_document,
            routes=tuple({route.name: rule_document(route) for route in routes}.values()),
            machine=self._machine,
            runs=tuple(self._runs),
            stopped=stopped,
            capacities=tuple(self._capacities),
            null_capacity=self._null_capacity,
            comparison=self._comparison,
            flips=tuple(self._flips),
            notes=tuple(self._notes),
            unmeasured=unmeasured,
            grounds=self._grounds,
        )

    def _unmeasured(self) -> tuple[str, ...]:
        """Routes of the order without a run; the null run is none of them, there may well be no way but the proxies."""
        measured = {run.route for run in self._runs}
        return tuple(route.name for route in (*self._order.routes, *self._dropped) if route.name not in measured)

    def _stopped(self, unmeasured: Sequence[str]) -> str | None:
        """Why it is not complete; None if it is."""
        if not self._carried_out:
            return "interrupted"
        if unmeasured:
            return f"{', '.join(unmeasured)} {'was' if len(unmeasured) == 1 else 'were'} not measured"
        return f"{', '.join(self._hindered)} could not be loaded every time" if self._hindered else None

    # modes

    async def _null(self) -> None:
        if self._order.null is not None:
            await self._run(self._order.null, Purpose.NULL, self._order.rate)

    async def _compared(self) -> None:
        """Rounds of blocks, each round with one seed, so that all routes get the same arrivals in it. The way without a
        proxy is measured in the rounds too, for reference; it begins the first, so that the target's keys are known.

        Where no number of rounds was given there are as many as it takes to find a difference of 10 %.
        """
        order = self._order
        null = None if order.null is None else order.null.name
        by_name = {route.name: route for route in (*([order.null] if order.null is not None else []), *order.routes)}
        turns = blocks(list(by_name), order.rounds or LOOKS[-1], order.load.seed)
        turns[: len(by_name)] = sorted(turns[: len(by_name)], key=lambda name: name != null)
        self._expected = None if order.rounds is None else len(turns)
        found: list[Block] = []
        made: list[str] = []
        for place, name in enumerate(turns):
            turn = place // len(by_name)
            purpose = Purpose.NULL if name == null else Purpose.BLOCK
            done = await self._run(by_name[name], purpose, order.rate, seed=order.load.seed + turn)
            if done is not None:
                made.append(name)
                if name != null and done.measured.stopped is None:
                    found.append(block(done.load, done.measured, turn, judged=done.validity))
            if self._stop.is_set():
                break
            whole = (place + 1) % len(by_name) == 0
            if order.rounds is None and whole and turn + 1 in LOOKS and sufficient(found):
                break
        if found:
            names = list(by_name)
            found.sort(key=lambda each: (names.index(each.route), each.round))  # the report's order of routes
            compared = compare(found, seed=order.load.seed)
            self._comparison = comparison_document(compared, order.rate, made)

    async def _searches(self) -> None:
        """First direct, roughly: what generator, machine and target bear. Then each route."""
        searches = Searches(self._order, self._step)
        null = await searches.null()
        if self._order.null is not None and null is not None:
            self._null_capacity = capacity_document(self._order.null.name, null)
        for route in self._order.routes:
            found = None if self._stop.is_set() else await searches.route(route)
            if found is not None:
                self._capacities.append(capacity_document(route.name, found))

    async def _step(self, route: Route, purpose: Purpose, step: Step) -> tuple[Kpis, Validity] | None:
        done = await self._run(route, purpose, step.rate, seconds=step.seconds)
        return None if done is None or self._stop.is_set() else (done.kpis, done.validity)

    # one run

    async def _run(
        self, route: Route, purpose: Purpose, rate: float, *, seed: int | None = None, seconds: float | None = None
    ) -> Done | None:
        """One run; None if it was not made or not begun."""
        if self._stop.is_set():
            return None
        load = self._order.at(rate, seed=seed, seconds=seconds)
        self._tell_begin(route, purpose, rate, load)
        try:
            measured = await self._generator.run(
                load,
                self._order.target,
                route,
                expected=self._order.expected,
                on_slice=self._second,
                on_health=self._health,
                stop=self._stop,
            )
        except CannotBeginError as error:
            if self._stop.is_set():
                return None  # interrupted before anything had begun
            self._note(f"{route.name} could not be loaded: {error.failure.reason.value}: {error.failure.detail}")
            self._hinder(route, purpose)
            return None
        if measured.lost:
            self._hinder(route, purpose)
        figures = kpis(load, measured)
        judged = validity(load, measured, figures)
        document = run_document(load, measured, figures, judged, purpose=purpose, rate=rate)
        self._runs.append(document)
        self._look_for_flips(route, purpose, load, measured)
        for watcher in self._watchers:
            watcher.ended(document)
        return Done(load, measured, figures, judged)

    def _hinder(self, route: Route, purpose: Purpose) -> None:
        if purpose is not Purpose.NULL and route.name not in self._hindered:
            self._hindered.append(route.name)

    def _look_for_flips(self, route: Route, purpose: Purpose, load: Load, measured: Measured) -> None:
        """What the leaf keys tell, against those of null runs and earlier runs if there are any."""
        if purpose is Purpose.NULL:
            self._habits.null(measured)
            return
        place = len(self._runs) - 1
        what = f"{purpose.value} at {self._runs[place].rate:,.0f}/s"
        seen = self._habits.saw(route.name, place, what, load, measured)
        found = [flip_document(route.name, each, place) for each in seen]
        known = {(flip.route, flip.kind) for flip in self._flips if flip.second is None}
        fresh = [flip for flip in found if (flip.route, flip.kind) not in known]  # what every run shows is said once
        self._flips += fresh
        for flip in fresh:
            self._tell(f"{flip.route}: {flip.text}")

    def _tell_begin(self, route: Route, purpose: Purpose, rate: float, load: Load) -> None:
        beginning = Beginning(
            route.name, purpose.value, rate, phase_documents(load), len(self._runs) + 1, self._expected
        )
        for watcher in self._watchers:
            watcher.begins(beginning)

    def _second(self, one: Slice) -> None:
        for watcher in self._watchers:
            watcher.second(one)

    def _health(self, sample: HealthSample) -> None:
        for watcher in self._watchers:
            watcher.health(sample)

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)
        self._tell(text)

    def _tell(self, text: str) -> None:
        for watcher in self._watchers:
            watcher.note(text)
