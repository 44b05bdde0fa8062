"""Carries a plan out: probes, keeps what was seen, and turns it into a run document at any moment.

After the attempts come the follow-ups: what contradicts another route is probed again, with `--locate` the beginnings
of chains, and client certificates are shown where the chain was judged clean. With `--revocation` the addresses follow
at which certificates have their revocation published.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence

from prober import __version__
from prober.check.directness import Directness, direct_note
from prober.check.followup import beginnings, confirmations, is_final, presentations, rechecks
from prober.check.plan import Plan
from prober.check.remarks import environment_of, notes_on
from prober.check.revocation import RevocationRound
from prober.engine.batches import Engine
from prober.engine.run import Pair, Run
from prober.engine.workers import WorkerPool
from prober.interception.baseline import Baseline
from prober.interception.comparison import Comparison, PairKey
from prober.interception.looks import Look
from prober.interception.trust import Trust
from prober.model import Observation, Purpose, Route, Target
from prober.report.build import (
    build_result,
    collect_certificates,
    headline,
    instant,
    rule_document,
    skipped_document,
    summary_of,
)
from prober.report.document import SCHEMA, ProberDoc, Result
from prober.report.document import Run as RunDocument
from prober.report.trust import certificates_of, trust_document

log = logging.getLogger(__name__)

OnPair = Callable[[Pair, Observation, int], None]
"""Called after each observation: the pair, what was seen, how many observations there are in all."""
Recheck = Callable[[RunDocument], Collection[PairKey]]
"""Looks at a run before its end and names the pairs to probe once more."""
_SLICE = 16
"""Judgements made at a stretch: a few milliseconds."""


class Conduct:
    """One run of a plan. `probe` may be cancelled; `document` then has what was measured until then."""

    def __init__(
        self,
        plan: Plan,
        *,
        wall: Callable[[], float] = time.time,
        directness: Directness | None = None,
        recheck: Recheck | None = None,
        engine: Callable[[], Engine] | None = None,
        interlude: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`engine` gives what probes, else it is this machine. `interlude` is waited for when all attempts are in,
        before anything follows from them."""
        self._plan = plan
        self._directness = directness or Directness()
        self._recheck = recheck
        self._make_engine = engine or self._engine
        self._interlude = interlude
        self._shortfall: str | None = None
        self._wall = wall
        self._started = self._finished = wall()
        self._seen: dict[PairKey, list[Observation]] = {}
        self._prefixes: dict[PairKey, list[tuple[int, Observation]]] = {}
        self._parents: dict[PairKey, PairKey] = {}
        self._pairs = {(pair.target.id, pair.route.name): pair for pair in plan.pairs}
        self._comparison = Comparison(plan.judge, baseline=plan.baseline, views=plan.views)
        self._revocation = None if plan.revocation is None else RevocationRound(plan.revocation)
        self._unjudged: deque[tuple[Target, Route, Observation]] = deque()
        self._told: set[PairKey] = set()
        self._complete = False
        self._lag = 0.0
        self._cpu_wait: float | None = None
        self.observed = 0
        self.expected = len(plan.pairs) * plan.attempts
        """Observations that a complete run has, as far as is known by now."""

    async def probe(self, on_pair: OnPair | None = None) -> None:
        """Probe everything, and whatever follows from it."""
        plan = self._plan

        def keep(pair: Pair, observation: Observation) -> None:
            self._keep(pair, observation)
            tell_log(pair, observation)
            if on_pair is not None:
                on_pair(pair, observation, self.observed)

        try:
            async with self._make_engine() as engine:
                await engine.probe(plan.pairs, keep, attempts=plan.attempts)
                if self._interlude is not None:
                    await self._interlude()
                for follow_up in (self._confirmations, self._beginnings, self._presentations, self._rechecks):
                    await self._directness.settle()
                    self._see_direct()
                    await self._judge_in_slices()
                    pairs = follow_up()
                    self.expected += len(pairs)
                    if pairs:
                        await engine.probe(pairs, keep)
                if self._revocation is not None:
                    await self._ask_for_revocation(self._revocation, engine, keep)
                await self._directness.settle()
            self._lag, self._cpu_wait = engine.worst_lag, engine.cpu_wait
            self._shortfall = engine.shortfall
            self._complete = self._shortfall is None
        finally:
            await self._directness.close()
            self._finished = self._wall()

    def result_when_done(self, pair: Pair) -> Result | None:
        """The pair's result as soon as all its attempts are there and no follow-up can change the verdict on it; judged
        with what is known by now. Given once."""
        key = (pair.target.id, pair.route.name)
        seen = self._seen.get(key, [])
        if pair.purpose is not Purpose.ATTEMPT or key in self._told or len(seen) < self._plan.attempts:
            return None
        if self._plan.probe.client_certificate(pair.target.host) is not None or self._revocation is not None:
            return None
        if self._recheck is not None:
            return None
        self._see_direct()
        self._judge()
        verdict = self._comparison.verdict(*key)
        if self._directness.pending and verdict.reference is not None:
            return None  # what it was compared with may turn out to be no reference
        if not is_final(verdict) or self._comparison.to_confirm(*key):
            return None
        self._told.add(key)
        return self._result(pair, seen)

    def results_left(self) -> Iterator[Result]:
        """Results that `result_when_done` has not given."""
        self._see_direct()
        self._judge()
        for key, seen in self._seen.items():
            if key not in self._told:
                self._told.add(key)
                yield self._result(self._pairs[key], seen)

    def document(self) -> RunDocument:
        """All results so far. What one route sent completes the chains of another, so they are judged together."""
        against = self._see_direct()
        self._judge()
        # in the plan's order: the same run gives the same document, whoever answered first
        results = tuple(self._result(pair, self._seen[key]) for key, pair in self._pairs.items() if key in self._seen)
        snapshot = self._plan.judge.snapshot(self._comparison.certificates_used())
        observations = [each for seen in self._seen.values() for each in seen]
        observations += [each for seen in self._prefixes.values() for _, each in seen]
        return RunDocument(
            schema=SCHEMA,
            prober=program(),
            egress=self._plan.egress,
            started=instant(self._started),
            finished=instant(self._finished),
            complete=self._complete,
            routes=tuple(map(rule_document, self._plan.rules)),
            summary=summary_of(results, self._plan.services_without_probes),
            skipped=tuple(
                skipped_document(each.target, each.why, each.option, each.kind.value) for each in self._plan.skipped
            ),
            results=results,
            notes=(
                *([direct_note(against)] if against else ()),
                *notes_on(
                    self._plan,
                    self._pairs,
                    self._seen,
                    interrupted=None if (self._complete or self._shortfall) else f"{self.observed} of {self.expected}",
                    lag=self._lag,
                    shortfall=self._shortfall,
                    unasked={} if self._revocation is None else self._revocation.left_out,
                ),
            ),
            environment=environment_of(self._plan, self._lag, self._cpu_wait),
            certificates=collect_certificates(observations, certificates_of(snapshot)),
            trust=trust_document(snapshot),
        )

    @property
    def complete(self) -> bool:
        """Whether every pair was probed, and whatever followed."""
        return self._complete

    def references(self) -> Iterator[Look]:
        """What other egress points can hold theirs against: `Comparison.references`."""
        self._see_direct()
        self._judge()
        return self._comparison.references()

    def hold_against(self, baseline: Baseline) -> None:
        """Judge by these references too; the plan's own baseline must be among them."""
        self._comparison.hold_against(baseline)

    def _engine(self) -> Engine:
        plan = self._plan
        return WorkerPool(plan.probe, workers=plan.workers) if plan.workers > 1 else Run(plan.probe, plan.proxies)

    # follow-ups

    def _confirmations(self) -> Sequence[Pair]:
        return confirmations(self._comparison, self._judged_pairs())

    def _beginnings(self) -> Sequence[Pair]:
        if not self._plan.locate:
            return ()
        wanted = beginnings(self._comparison, self._judged_pairs(), direct=self._plan.direct and not self._see_direct())
        self._parents = {(pair.target.id, pair.route.name): key for key, pair in wanted}
        return [pair for _, pair in wanted]

    def _presentations(self) -> Sequence[Pair]:
        if not self._plan.probe.client_certificates:
            return ()
        return presentations(self._comparison, self._judged_pairs(), self._seen, self._plan.probe.client_certificate)

    def _rechecks(self) -> Sequence[Pair]:
        if self._recheck is None:
            return ()
        return rechecks(self._judged_pairs(), self._seen, self._recheck(self.document()))

    async def _ask_for_revocation(
        self, asking: RevocationRound, engine: Engine, keep: Callable[[Pair, Observation], None]
    ) -> None:
        """Last of all, when every chain is known and judged."""
        await self._judge_in_slices()
        seen = [each for observations in self._seen.values() for each in observations]
        snapshot = self._plan.judge.snapshot(self._comparison.certificates_used())
        known = collect_certificates(seen, certificates_of(snapshot))
        for step, (key, pair) in enumerate(self._judged_pairs().items()):
            tls = headline(self._seen[key]).tls
            trust = self._trust(pair, self._seen[key])
            if tls is not None and tls.chain and trust is not None:
                asking.watch(key, tls.chain, trust, known)
            if step % _SLICE == 0:
                await asyncio.sleep(0)
        while pairs := await asyncio.to_thread(asking.next_wave):  # a script may be asked for the ways
            self.expected += len(pairs)
            await engine.probe(pairs, keep)

    def _see_direct(self) -> tuple[str, ...]:
        """What says that the direct way is not direct; then nothing is compared with it."""
        against = self._directness.evidence
        if against:
            self._comparison.distrust_direct()
        return against

    def _judged_pairs(self) -> dict[PairKey, Pair]:
        return {key: pair for key, pair in self._pairs.items() if key in self._seen}

    # what was seen

    def _keep(self, pair: Pair, observation: Observation) -> None:
        self.observed += 1
        if pair.purpose is Purpose.REVOCATION:  # of an authority's address, no target of the run
            if self._revocation is not None:
                self._revocation.keep(pair, observation)
            return
        self._directness.notice(pair, observation)
        key = (pair.target.id, pair.route.name)
        parent = self._parents.get(key) if pair.purpose is Purpose.LOCATE else None
        if parent is not None:
            self._prefixes.setdefault(parent, []).append((len(pair.route.hops), observation))
        else:
            seen = self._seen.get(key)
            if seen is None:
                self._seen[key] = [observation]  # a list that grows has room for four from its first on
            else:
                seen.append(observation)
        self._unjudged.append((pair.target, pair.route, observation))

    def _judge(self) -> None:
        """Take in what was seen since the last time: not while probes are being timed, if it can wait."""
        while self._unjudged:
            self._comparison.add(*self._unjudged.popleft())

    async def _judge_in_slices(self) -> None:
        """The same, and all verdicts, between batches; lets go of the loop, so that signals and timers are served."""
        step = 0
        while self._unjudged:  # somebody else may judge meanwhile
            self._comparison.add(*self._unjudged.popleft())
            step += 1
            if step % _SLICE == 0:
                await asyncio.sleep(0)
        for step, key in enumerate(self._judged_pairs()):
            self._comparison.verdict(*key)
            if step % _SLICE == 0:
                await asyncio.sleep(0)

    def _result(self, pair: Pair, observations: list[Observation]) -> Result:
        key = (pair.target.id, pair.route.name)
        return build_result(
            pair.target,
            pair.route,
            observations,
            self._trust(pair, observations),
            self._plan.egress,
            verdict=self._comparison.verdict(*key),
            prefixes=self._prefixes.get(key, ()),
            revocation=None if self._revocation is None else self._revocation.of(key),
        )

    def _trust(self, pair: Pair, observations: list[Observation]) -> Trust | None:
        return self._comparison.trust(headline(observations), pair.target)


def tell_log(pair: Pair, observation: Observation) -> None:
    """One line for each probe (`-v`), and what it saw on the way (`-vv`)."""
    if not log.isEnabledFor(logging.INFO):
        return
    failure, timings = observation.failure, observation.timings
    place = f"{pair.target.id} over {pair.route.name}"
    if pair.purpose is not Purpose.ATTEMPT:
        place += f" ({pair.purpose})"
    if observation.passed_over:
        place += f" (after {'; '.join(f'{each.reason}: {each.detail}' for each in observation.passed_over)})"
    status = f", status {observation.http.status}" if observation.http is not None else ""
    if failure is None:
        log.info("%s: reached in %.3f s%s", place, timings.total or 0.0, status)
    else:
        log.info("%s: %s, hop %d, %s: %s", place, failure.stage, failure.hop, failure.reason, failure.detail)
    log.debug(
        "%s: peer %s, %s, hops %s, tls %s", place, observation.peer, timings, observation.hops, _handshake(observation)
    )


def _handshake(observation: Observation) -> str:
    tls = observation.tls
    return (
        "none"
        if tls is None
        else f"{tls.version} {tls.cipher} {tls.group} alpn {tls.alpn}, {len(tls.chain)} certificates"
    )


def program() -> ProberDoc:
    """Versions of what made a run."""
    from OpenSSL import SSL

    openssl = SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode("ascii", "replace")
    return ProberDoc(version=__version__, python=sys.version.split()[0], openssl=openssl)
