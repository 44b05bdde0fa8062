"""Whoever sits on the wire decides neither how many series there are nor what stands in their labels.

An adversary answers every probe: with certificates whose names change each time, statuses and failure details of its
own, headers and names of any length. Afterwards, and all along, there are no more series than the configuration allows,
and its texts are in one label, `issuer`, cleaned and cut.
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Sequence

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from prometheus_client.samples import Sample

from prober.engine.run import Pair
from prober.interception.verdict import Word
from prober.model import (
    Anchor,
    Failure,
    HopFacts,
    HopScheme,
    HopTimings,
    HttpFacts,
    Observation,
    Reason,
    Stage,
    Timings,
)
from prober.monitor.issuers import CHURNING, MANY, MAX_BYTES
from prober.monitor.metrics.histogram import LATE_SECONDS, STAGE_SECONDS
from prober.report.metrics import METRICS, Scope

from ...interception.forging import Made, make, new_key
from ..boards import NOW, STRANGER, chain_for, key_of, pairs, tls_of
from .scrapes import Monitored

MARK = "0wn3d"
"""In every text that the adversary makes."""
EVIL = f'{MARK}"}} 1\n# HELP x\\ \x1b[31m\u202e\x00'
KEY = new_key()
ROUNDS = 70


class Adversary:
    """Makes up answers. No two chains are alike."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 # a test that is to be the same each time
        self.chains = 0

    def text(self) -> str:
        """Some of it long, some of it odd."""
        tail = "".join(self.random.choices(string.printable + "é日\u2028\u202e", k=self.random.choice((5, 40, 300))))
        return EVIL + tail

    def name(self) -> x509.Name:
        self.chains += 1
        odd = x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.text(), _validate=False)
        return x509.Name([odd, x509.NameAttribute(NameOID.COMMON_NAME, f"{MARK} {self.chains}")])

    def chain(self, host: str) -> tuple[bytes, ...]:
        """Self-signed, forged in an authority's name, with a root of its own, or real."""
        kind = self.random.randrange(4)
        if kind == 0:
            return (make(self.name(), key=KEY, names=[host]).der,)
        if kind == 1:
            signer = Made(STRANGER.certificate, KEY)
            return (make(self.name(), signer=signer, key=KEY, names=[host], issuer=self.name()).der,)
        if kind == 2:
            root = make(self.name(), key=KEY, ca=True)
            return make(self.name(), signer=root, key=KEY, names=[host]).der, root.der, b"\x30\x03no DER"
        return chain_for(host)

    def failure(self, hops: int) -> Failure | None:
        if self.random.random() < 0.5:
            return None
        return Failure(
            self.random.choice(list(Stage)),
            self.random.randint(0, hops),
            self.random.choice(list(Reason)),
            self.text(),
            self.random.choice((None, 407, -1, 10**6)),
        )

    def observation(self, of: Pair, at: float) -> Observation:
        roll = self.random.random
        hops = len(of.route.hops)
        timings = Timings(
            dns=roll(),
            connect=roll(),
            hops=tuple(HopTimings(roll(), roll(), roll(), roll()) for _ in range(self.random.randint(0, hops + 3))),
            tls=roll() * 40,
            ttfb=roll(),
            total=roll() * 50,
        )
        return Observation(
            target=of.target.id,
            route=of.route.name,
            at=at,
            failure=self.failure(hops),
            timings=timings,
            peer=self.text(),
            tls=None if roll() < 0.5 else tls_of(self.chain(of.target.host)),
            http=None
            if roll() < 0.3
            else HttpFacts(self.random.choice((200, 599, 999, 0)), (("server", self.text()),)),
            hops=tuple(HopFacts(999, (self.text(),), self.text()) for _ in range(hops)),
        )


def bound(of: Sequence[Pair], processes: int) -> dict[str, int]:
    """The most samples each metric may have, from the configuration alone."""
    routes = {pair.route.name: pair.route for pair in of}
    served = len({(pair.route.name, pair.target.service) for pair in of})
    hops = [hop for route in routes.values() for hop in route.hops]
    phases = (
        len(hops) + sum(1 for route in routes.values() if route.hops) + sum(h.scheme is HopScheme.HTTPS for h in hops)
    )
    durations, latenesses = len(STAGE_SECONDS) + 3, len(LATE_SECONDS) + 3
    most = {name: len(of) for name, about in METRICS.items() if about.scope is Scope.PAIR}
    most |= {name: 1 for name, about in METRICS.items() if about.scope is Scope.PROGRAM}
    return most | {
        "prober_interception_verdict": len(of) * len(Word),
        "prober_probes_total": served * 3,
        "prober_transitions_total": served * 4,
        "prober_failures_total": served * len(Stage) * len(Reason),
        "prober_stage_duration_seconds": len(routes) * 7 * durations,
        "prober_hop_duration_seconds": phases * durations,
        "prober_schedule_lateness_seconds": latenesses,
        "prober_admission_wait_seconds": latenesses,
        "prober_event_loop_lag_seconds": processes * latenesses,
        "prober_process_resident_memory_bytes": processes,
        "prober_process_cpu_seconds_total": processes,
        "prober_process_open_fds": processes,
    }


def metric_of(sample: Sample) -> str:
    for suffix in ("", "_bucket", "_count", "_sum"):
        if (name := sample.name.removesuffix(suffix)) in METRICS:
            return name
    raise AssertionError(sample.name)


def texts_of(samples: Sequence[Sample]) -> Iterator[tuple[str, str]]:
    """Metric and text of all labels but the one that may quote the wire."""
    for sample in samples:
        for label, text in sample.labels.items():
            if (metric_of(sample), label) != ("prober_tls_issuer_info", "issuer"):
                yield f"{sample.name}.{label}", text


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_answer_makes_a_label(seed: int) -> None:
    of = pairs(targets=5, routes=3)
    monitored = Monitored(of)
    adversary = Adversary(seed)
    most = bound(of, processes=2)
    closed = {
        *(text for state in monitored.board.pairs.values() for text in state.labels),
        *(scheme.value for one in of for scheme in (hop.scheme for hop in one.route.hops)),
        *map(str, [*Stage, *Reason, *Word, *Anchor]),
        *("success", "failure", "error", "total", "connect", "tls", "negotiate", "front", "worker-1"),
        *("reachable", "trust", "interception", "certificate"),
        *(str(number) for number in range(3)),
    }
    issuers: dict[tuple[str, str], set[str]] = {}
    for turn in range(ROUNDS):
        for one in of:
            observation = adversary.observation(one, NOW + turn * 30)
            taken = monitored.board.take(key_of(one), observation)
            assert taken is not None
            monitored.counters.probed(taken.state, observation, adversary.random.random())
            for change in taken.transitions:
                monitored.counters.transition(change)
        if turn % 15 and turn < ROUNDS - 1:
            continue
        samples = await monitored.samples()
        counts: dict[str, int] = {}
        for sample in samples:
            name = metric_of(sample)
            counts[name] = counts.get(name, 0) + 1
            if name == "prober_tls_issuer_info":
                text = sample.labels["issuer"]
                assert len(text.encode()) <= MAX_BYTES
                assert text.isprintable()
                issuers.setdefault((sample.labels["target"], sample.labels["route"]), set()).add(text)
        assert not {name: count for name, count in counts.items() if count > most[name]}
        build = {("prober_build_info." + label) for label in ("version", "python", "openssl")}
        foreign = {
            (where, text)
            for where, text in texts_of(samples)
            if text not in closed and where not in build and not where.endswith(".le")
        }
        assert not foreign
    assert adversary.chains > 400
    assert counts["prober_failures_total"] > 200
    assert any(CHURNING in labels for labels in issuers.values())
    assert any(MARK in text for labels in issuers.values() for text in labels)
    public = 1  # the real one, shown now and then
    assert max(map(len, issuers.values())) <= MANY + public


async def test_no_reload_leaves_anything_behind() -> None:
    """Routes and services come and go for ever: what they counted goes with them."""
    adversary = Adversary(3)
    monitored = Monitored([])
    for turn in range(20):
        of = pairs(targets=2, routes=2 + turn % 3)
        renamed = [Pair(one.target, one.route.__class__(f"{one.route.name}-{turn}", one.route.hops)) for one in of]
        monitored.board.change("paris", renamed, monitored.board.judge, confirm=2, same_trust=True)
        monitored.counters.keep(renamed)
        for one in renamed:
            monitored.take(one, adversary.observation(one, NOW + turn))
        most = bound(renamed, processes=2)
        samples = await monitored.samples()
        assert len(samples) <= sum(most.values())
        routes = {sample.labels["route"] for sample in samples if "route" in sample.labels}
        assert routes == {one.route.name for one in renamed}
    assert len(monitored.exposition._pairs) == len(renamed)
    assert len(monitored.exposition._program._starts) <= sum(most.values())
