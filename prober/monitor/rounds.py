"""Probes are handed out when due, and what they found goes its way: *schedule → crew → board → counters, store*.

The front hands a pair to a worker `AHEAD` of its time, and the worker begins it on the moment: what the front is busy
with delays no probe. A pair is handed out again only when its last probe is over, so there are never two of the same at
once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from prober.check.conduct import tell_log
from prober.engine.crew import Assigned, Crew, Probed
from prober.engine.run import Pair
from prober.model import Observation
from prober.monitor.board import Board, Taken
from prober.monitor.inforce import InForce
from prober.monitor.lately import Lately
from prober.monitor.losses import AGAIN, Losses
from prober.monitor.memory.store import Store
from prober.monitor.metrics.counters import Counters
from prober.monitor.schedule import Schedule
from prober.monitor.state import PairKey, identity_of
from prober.monitor.telling import tell_transition
from prober.monitor.workers import Workers

AHEAD: Final = 0.5
"""Seconds by which a pair is handed to its worker before its time: more than the front is ever busy at a stretch."""
_BETWEEN: Final = 0.05
"""Seconds between the probes that confirm one contradiction: the reference first."""
_LOOKS: Final = 2
"""Times `serve.confirm` that a pair is probed between two of its slots, to confirm something: once for itself and once
as another's reference. Whatever contradicts what for however long, it is a bounded multiple of the ordinary pace."""
_NEAR: Final = 0.05
"""Seconds before its moment in which a probe stays with the worker that has it: it may have begun when we ask."""


@dataclass(frozen=True, slots=True)
class _Handed:
    """A pair that was handed to a worker."""

    assigned: Assigned
    crew: Crew
    at: float
    """When the probe is to begin: seconds on the monotonic clock."""


class Rounds:
    """The probes of what is in force. It knows no loop: `hand_out` is called when something is due, `wake` when that is
    earlier than it was."""

    def __init__(
        self,
        start: InForce,
        board: Board,
        workers: Workers,
        store: Store,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self.in_force = start
        self.board = board
        self.workers = workers
        self.store = store
        self.counters = Counters()
        self.lateness = Lately()
        self.schedule: Schedule[PairKey] = Schedule(wall() - monotonic(), name=board.egress)
        self.ending = False
        """Whether nothing is made up for any more."""
        self._monotonic = monotonic
        self._wall = wall
        self._wake = wake
        self._pairs = _by_key(start)
        self._handed: dict[PairKey, _Handed] = {}
        self._losses = Losses()
        self._dirty: dict[PairKey, None] = {}

    def begin(self) -> None:
        """Put what is in force on the schedule; the board knows by now what is remembered of it."""
        self.counters.keep(self.in_force.pairs)
        self._put_on_schedule()

    def hand_out(self, now: float) -> float | None:
        """Hand out what is due; the moment of the turn that is wanted next, or None if nothing is ever due."""
        for due in self.schedule.due(now, AHEAD):
            self._hand_out(due.key, due.planned)
        following = self.schedule.next_at()
        return None if following is None else following - AHEAD

    def flush(self) -> None:
        """Give the store the states that have changed."""
        if self._dirty:
            self.store.remember(self.board.egress, list(self.board.remembered(self._dirty)))
            self._dirty = {}

    def change(self, fresh: InForce, crew: Crew | None) -> None:
        """Another configuration, with other workers if need be. What stays keeps its state and its moment."""
        before = self.in_force
        self.flush()
        self.in_force = fresh
        self._pairs = _by_key(fresh)
        settings = fresh.loaded.settings
        _, gone = self.board.change(
            settings.egress,
            fresh.pairs,
            fresh.plan.judge,
            confirm=settings.serve.confirm,
            baseline=fresh.plan.baseline,
            same_trust=fresh.trust_digest == before.trust_digest,
        )
        self.counters.keep(fresh.pairs)
        self._put_on_schedule()
        for key in gone:
            self._dirty.pop(key, None)
            self._losses.forget(key)
            self._take_back(key)
        if crew is not None:
            self.workers.replace(crew, before.loaded.settings.serve.grace)
            self._hand_over()
        self._wake()

    # one probe

    def _hand_out(self, key: PairKey, at: float) -> None:
        pair = self._pairs[key]
        present = self._present(key, pair)
        if present:
            pair = Pair(pair.target, pair.route, present=present)
        crew = self.workers.crew
        self._handed[key] = _Handed(crew.assign(pair, at, partial(self._over, pair, crew)), crew, at)

    def _present(self, key: PairKey, pair: Pair) -> frozenset[str]:
        """Leaf keys to which the client certificate may be shown: those of a chain that was judged clean, where the
        server asked for one."""
        state = self.board.pairs[key]
        if self.in_force.plan.probe.client_certificate(pair.target.host) is None:
            return frozenset()
        asked = any(each.tls is not None and each.tls.client_cert_requested for each in state.recent)
        return self.board.comparison.clean_keys(*key) if asked else frozenset()

    def _over(self, pair: Pair, crew: Crew, probed: Probed | None) -> None:
        key = _key(pair)
        self._handed.pop(key, None)
        now = self._monotonic()
        if self.schedule.done(key, now):
            self._wake()
        if not self._still(pair):
            return
        if probed is None:
            probed = self._lost(pair, crew, now)
        elif self._losses.doubtful(key, probed, self.in_force.plan.probe.timeout):
            self.counters.lost()
            self._hurry(key, now + AGAIN)
            return
        if probed is None:
            return
        taken = self.board.take(key, probed.observation)
        if taken is None:
            return
        self._dirty[key] = None
        self.counters.probed(taken.state, probed.observation, probed.late, probed.waited)
        self.lateness.add(probed.late, now)
        self._tell(pair, probed.observation, taken)
        serve = self.in_force.loaded.settings.serve
        after = min(serve.confirm_after, self.in_force.intervals[key])
        for place, other in enumerate(taken.confirm):
            self._hurry(other, now + after + place * _BETWEEN, most=_LOOKS * serve.confirm)

    def _lost(self, pair: Pair, crew: Crew, now: float) -> Probed | None:
        """Nothing came of a probe: its worker died, or it is a former worker that begins nothing any more. What is to
        be known of it all the same, if it is not made again soon."""
        key = _key(pair)
        if self.ending:
            return None
        if crew is not self.workers.crew:
            self._hurry(key, now)
            return None
        self.counters.lost()
        pause = self._losses.lost(key, self.in_force.intervals[key], self.schedule.phase_of(key))
        if pause is None:
            return Probed(self._losses.said(pair, self._wall()), begun=now, late=0.0)
        self._hurry(key, now + pause)
        return None

    def _still(self, pair: Pair) -> bool:
        """Whether a pair that was handed out is in force as it was: a reload may have given its name to another."""
        current = self._pairs.get(_key(pair))
        if current is None or (current.target is pair.target and current.route is pair.route):
            return current is not None
        return identity_of(current.target, current.route) == identity_of(pair.target, pair.route)

    def _hurry(self, key: PairKey, at: float, *, most: int | None = None) -> None:
        self.schedule.hurry(key, at, most=most)
        self._wake()

    def _tell(self, pair: Pair, observation: Observation, taken: Taken) -> None:
        tell_log(pair, observation)
        for transition in taken.transitions:
            self.counters.transition(transition)
            tell_transition(transition)
        if taken.transitions:
            self.flush()  # a change and the state that it led to are written together, or neither
            self.store.record(taken.transitions)

    # the schedule

    def _put_on_schedule(self) -> None:
        now = self._monotonic()
        self.schedule.put(self.in_force.intervals, now, name=self.board.egress)
        for key, state in self.board.pairs.items():
            if not state.recent and key not in self._handed:
                self.schedule.soon(key, now)

    def _take_back(self, key: PairKey) -> None:
        """Nobody wants what was handed out under this name. If it names something else now, that is probed instead."""
        handed = self._handed.pop(key, None)
        if handed is not None:
            handed.assigned.cancel()  # after which nobody calls `_over`
            now = self._monotonic()
            self.schedule.done(key, now)
            self.schedule.hurry(key, max(now, handed.at))

    def _hand_over(self) -> None:
        """What the former workers have not begun is for the new ones, at its moment."""
        near = self._monotonic() + _NEAR
        for key, handed in list(self._handed.items()):
            if handed.at > near:
                handed.assigned.cancel()
                self._hand_out(key, handed.at)


def _by_key(in_force: InForce) -> dict[PairKey, Pair]:
    return {_key(pair): pair for pair in in_force.pairs}


def _key(pair: Pair) -> PairKey:
    return pair.target.id, pair.route.name
