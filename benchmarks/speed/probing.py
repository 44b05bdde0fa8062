"""Probes of prober's engine in the client process, and what is made of each observation at once.

What is done for a result is what `prober check` (check/conduct.py: comparison, trust, result) and `prober serve`
(monitor/board.py) do, with a comparison that keeps as many looks of a pair as the monitor's does. The pairs are few
and come again and again, as a monitor's do: the first look at a chain, about a millisecond, belongs to the warm-up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.client import Meter
from benchmarks.speed.jobs import Judged, ProbeJob, Spent
from prober.engine.run import OnObservation, Pair, Run
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates, mozilla_roots
from prober.interception.anchors import UserRoot
from prober.interception.comparison import Comparison
from prober.interception.trust import TrustStore
from prober.interception.verdict import Verdict, Word
from prober.model import Anchor, Hop, HopScheme, Observation, Route, Scheme, Target
from prober.monitor.board import Board
from prober.monitor.state import WINDOW
from prober.report.build import build_result
from prober.report.document import Result
from prober.report.files import encode_result
from prober.routes.overrides import Overrides, parse_override

EGRESS = "benchmark"
HOST = "127.0.0.1"
TIMEOUT = 30.0
PORT = 443
"""Of targets with names, in place of the origin's own."""


def settings(in_flight: int, port: int, timeout: float = TIMEOUT) -> ProbeSettings:
    """As many probes at once as asked for, whoever they are for; names on port 443 lead to the origin."""
    return ProbeSettings(
        timeout=timeout,
        retries=0,
        profile="schannel",
        family="ipv4-first",
        concurrency=in_flight,
        per_route=in_flight,
        per_host=in_flight,
        rate=None,
        overrides=Overrides([parse_override(f"*:{PORT}", f"{HOST}:{port}")]),
    )


def trusted(root: str) -> TrustStore:
    """Mozilla's roots, and the origin's as if it were one of them: then nothing is suspicious and all is judged."""
    return TrustStore(mozilla_roots(), None, [UserRoot(Path(root).read_bytes(), Anchor.PUBLIC)])


def target(number: int, scheme: Scheme, port: int, *, named: bool) -> Target:
    """One of many; told apart by its id, and by its host where it has a name."""
    host, at = (f"t{number}.lab.test", PORT) if named else (HOST, port)
    return Target(id=f"t{number}", scheme=scheme, host=host, port=at, service="BENCH")


class Judge:
    """Takes observations in as the program does; `words` counts the verdicts."""

    def __init__(self, judged: Judged, pairs: Sequence[Pair], trust: TrustStore) -> None:
        self.words: Counter[Word] = Counter()
        self._trust = trust
        self._comparison = Comparison(trust, window=WINDOW)
        self._board = Board(EGRESS, pairs, trust, confirm=2)
        ways: dict[Judged, OnObservation] = {
            Judged.FACTS: lambda _pair, _observation: None,
            Judged.RESULT: self._keep,
            Judged.JSON: self._json,
            Judged.BOARD: self._take,
        }
        self.take = ways[judged]

    def _keep(self, pair: Pair, observation: Observation) -> None:
        self._result(pair, observation)

    def _result(self, pair: Pair, observation: Observation) -> Result:
        comparison = self._comparison
        comparison.add(pair.target, pair.route, observation)
        verdict = comparison.verdict(pair.target.id, pair.route.name)
        self._count(verdict)
        trust = comparison.trust(observation, pair.target)
        return build_result(pair.target, pair.route, [observation], trust, EGRESS, verdict=verdict)

    def _json(self, pair: Pair, observation: Observation) -> None:
        encode_result(self._result(pair, observation))

    def _take(self, pair: Pair, observation: Observation) -> None:
        taken = self._board.take((pair.target.id, pair.route.name), observation)
        if taken is not None and taken.state.verdict is not None:
            self._count(taken.state.verdict)

    def _count(self, verdict: Verdict) -> None:
        self.words[verdict.word] += 1


async def probe(job: ProbeJob, meter: Meter) -> Spent:
    """Make the probes. Ends the process if one fails, or is not what it was meant to be."""
    hops = tuple(Hop(HopScheme(scheme), HOST, port, trust_roots=job.hop_roots) for scheme, port in job.hops)
    route = Route("direct" if not hops else "proxied", hops)
    scheme = Scheme(job.scheme)
    pairs = [Pair(target(n, scheme, job.port, named=job.names), route) for n in range(job.targets)]
    judge = Judge(job.judged, pairs, trusted(job.root))
    seen = _checked(judge.take, job.version)
    async with Run(settings(job.in_flight, job.port), ProxyCertificates(hops)) as run:
        await run.probe(_round(pairs, job.warm), seen)
        judge.words.clear()
        due = _round(pairs, job.probes)
        meter.start()
        await run.probe(due, seen)
        spent = meter.spent(job.probes)
    if job.judged is not Judged.FACTS and judge.words != {Word.CLEAN: job.probes}:
        raise SystemExit(f"the verdicts are {dict(judge.words)}: this would measure something else")
    return spent


def _round(pairs: Sequence[Pair], count: int) -> list[Pair]:
    return [pairs[number % len(pairs)] for number in range(count)]


def _checked(take: OnObservation, version: str) -> OnObservation:
    """What did not reach its target, or spoke another version of TLS, would make the figure another one's."""

    def seen(pair: Pair, observation: Observation) -> None:
        tls = observation.tls
        if observation.failure is not None or tls is None or tls.version != version or not tls.chain:
            raise SystemExit(f"a probe came to {observation.failure}, TLS {tls.version if tls else 'none'}")
        take(pair, observation)

    return seen
