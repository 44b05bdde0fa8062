"""Carries a plan out: probes, keeps what was seen, and turns it into a run document at any moment."""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator

from prober import __version__
from prober.check.plan import Plan
from prober.engine.egress import has_way_out
from prober.engine.run import Pair, Run
from prober.engine.stores import machine_roots
from prober.engine.workers import WorkerPool
from prober.interception.certificates import certificate_facts
from prober.interception.trust import Trust
from prober.model import Observation
from prober.report.build import (
    build_result,
    collect_certificates,
    headline,
    instant,
    route_document,
    skipped_document,
    summary_of,
)
from prober.report.document import SCHEMA, Environment, NoteDoc, ProberDoc, Result
from prober.report.document import Run as RunDocument
from prober.report.notes import NoteId, note
from prober.routes.environment import EnvironmentRoute

log = logging.getLogger(__name__)

OnPair = Callable[[Pair, Observation, int], None]
"""Called after each observation: the pair, what was seen, how many observations there are in all."""
_LAG_WORTH_A_NOTE = 0.25


class Conduct:
    """One run of a plan. `probe` may be cancelled; `document` then has what was measured until then."""

    def __init__(self, plan: Plan, *, wall: Callable[[], float] = time.time) -> None:
        self._plan = plan
        self._wall = wall
        self._started = self._finished = wall()
        self._seen: dict[tuple[str, str], list[Observation]] = {}
        self._pairs = {(pair.target.id, pair.route.name): pair for pair in plan.pairs}
        self._complete = False
        self._lag = 0.0
        self.observed = 0

    @property
    def expected(self) -> int:
        """Observations that a complete run has."""
        return len(self._plan.pairs) * self._plan.attempts

    async def probe(self, on_pair: OnPair | None = None) -> None:
        """Probe everything."""
        plan = self._plan

        def keep(pair: Pair, observation: Observation) -> None:
            self._seen.setdefault((pair.target.id, pair.route.name), []).append(observation)
            self.observed += 1
            if observation.tls is not None:
                plan.judge.learn(observation.tls.chain)
            tell_log(pair, observation)
            if on_pair is not None:
                on_pair(pair, observation, self.observed)

        try:
            async with self._engine() as engine:
                await engine.probe(plan.pairs, keep, attempts=plan.attempts)
            self._lag = engine.worst_lag
            self._complete = True
        finally:
            self._finished = self._wall()

    def _engine(self) -> Run | WorkerPool:
        plan = self._plan
        return WorkerPool(plan.probe, workers=plan.workers) if plan.workers > 1 else Run(plan.probe, plan.proxies)

    def result_when_done(self, pair: Pair) -> Result | None:
        """The pair's result as soon as all its attempts are there: judged with what is known by now."""
        seen = self._seen.get((pair.target.id, pair.route.name), [])
        return self._result(pair, seen) if len(seen) == self._plan.attempts else None

    def results_cut_short(self) -> Iterator[Result]:
        """Results of pairs with some of their attempts, but not all."""
        for key, seen in self._seen.items():
            if len(seen) < self._plan.attempts:
                yield self._result(self._pairs[key], seen)

    def document(self) -> RunDocument:
        """All results so far. What one route sent completes the chains of another, so they are judged together."""
        # in the plan's order: the same run gives the same document, whoever answered first
        results = tuple(self._result(pair, self._seen[key]) for key, pair in self._pairs.items() if key in self._seen)
        return RunDocument(
            schema=SCHEMA,
            prober=program(),
            egress=self._plan.egress,
            started=instant(self._started),
            finished=instant(self._finished),
            complete=self._complete,
            routes=tuple(
                route_document(rule.https if isinstance(rule, EnvironmentRoute) else rule) for rule in self._plan.rules
            ),
            summary=summary_of(results, self._plan.services_without_probes),
            skipped=tuple(
                skipped_document(each.target, each.why, each.option, each.kind.value) for each in self._plan.skipped
            ),
            results=results,
            notes=tuple(self._notes()),
            environment=self._environment(),
            certificates=collect_certificates(each for seen in self._seen.values() for each in seen),
        )

    def _result(self, pair: Pair, observations: list[Observation]) -> Result:
        return build_result(
            pair.target,
            pair.route,
            observations,
            self._trust(pair, observations),
            self._plan.egress,
            facts=certificate_facts,
        )

    def _trust(self, pair: Pair, observations: list[Observation]) -> Trust | None:
        chosen = headline(observations)
        if chosen.tls is None or not chosen.tls.chain:
            return None
        return self._plan.judge.judge(chosen.tls.chain, pair.target.host, chosen.at)

    def _notes(self) -> Iterator[NoteDoc]:
        plan = self._plan
        for warning in plan.warnings:
            yield note(NoteId.CONFIGURATION, warning)
        if plan.descriptors.clamped:
            found = plan.descriptors
            text = (
                f"{found.allowed} probes at once instead of {found.asked}: "
                f"the limit of open descriptors is {found.limit} (raise it with ulimit -n)"
            )
            yield note(NoteId.CONCURRENCY_CLAMPED, text)
        if not self._complete:
            yield note(
                NoteId.INTERRUPTED,
                f"Interrupted after {self.observed} of {self.expected} probes; what was measured is reported.",
            )
        yield from self._ipv6_notes()
        if machine_roots() is None:
            yield note(NoteId.OS_TRUST_STORE_MISSING)
        if self._lag > _LAG_WORTH_A_NOTE:
            yield note(
                NoteId.LOOP_LAG,
                f"The prober's own event loop was up to {self._lag:.2f} s late: timings around then are too long.",
            )

    def _ipv6_notes(self) -> Iterator[NoteDoc]:
        """The services do not support devices that have IPv6 only, so whatever has no IPv4 is named."""
        proxies: set[str] = set()
        targets: set[str] = set()
        for key, observations in self._seen.items():
            pair = self._pairs[key]
            for hop in {hop for observation in observations for hop in observation.ipv6_only}:
                (targets if hop == 0 else proxies).add(pair.target.host if hop == 0 else pair.route.hops[hop - 1].host)
        if proxies:
            yield note(NoteId.PROXY_IPV6_ONLY, f"{note(NoteId.PROXY_IPV6_ONLY).text} ({', '.join(sorted(proxies))})")
        if targets:
            yield note(NoteId.TARGET_IPV6_ONLY, f"{note(NoteId.TARGET_IPV6_ONLY).text} ({', '.join(sorted(targets))})")
        if self._leaves_the_machine() and not has_way_out(socket.AF_INET):
            yield note(NoteId.EGRESS_WITHOUT_IPV4)

    def _leaves_the_machine(self) -> bool:
        """Whether any probe went, or tried to go, further than loopback."""
        peers = [each.peer for seen in self._seen.values() for each in seen]
        return any(peer is None or not _is_loopback(peer) for peer in peers)

    def _environment(self) -> Environment:
        probe = self._plan.probe
        return Environment(
            loop_lag_max=round(self._lag, 6),
            concurrency=probe.concurrency,
            descriptors=self._plan.descriptors.limit,
            timeout=probe.timeout,
            retries=probe.retries,
            attempts=self._plan.attempts,
            profile=probe.profile,
            family=probe.family,
            platform=sys.platform,
        )


def tell_log(pair: Pair, observation: Observation) -> None:
    """One line for each probe (`-v`), and what it saw on the way (`-vv`)."""
    if not log.isEnabledFor(logging.INFO):
        return
    failure, timings = observation.failure, observation.timings
    place = f"{pair.target.id} over {pair.route.name}"
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


def _is_loopback(peer: str) -> bool:
    return ipaddress.ip_address(peer.rsplit(":", 1)[0].strip("[]")).is_loopback
