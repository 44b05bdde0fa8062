"""Runs a load over a scripted proxy and tells what both of them saw.

A machine that has something else to do spoils a measurement of milliseconds. Whether it did is not guessed from the
figures that a test is about: the generator says so of itself (`validity`), and the proxy of its own answers. Such a run
is made again, a few times; the figures that are asked for stay what they are.

Where no run was undisturbed, or figures were off in all of them, a canary decides whose fault that is (`Troubles`).
Work in which nothing of the prober is was held up on this machine too: then milliseconds cannot be measured here now,
and the test is skipped, saying so. It was not: then the prober is wrong or disturbs itself, and the test fails.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import trustme

from prober.bench.criteria import LIMITED
from prober.bench.kpis import Kpis, kpis, sustained, within
from prober.bench.validity import Validity, validity
from prober.engine.load.generators import Generators
from prober.load.histogram import Histogram
from prober.load.slices import Measured
from prober.load.words import Arrivals, Load, Measure, Phase, PhaseKind, Span, Workload
from prober.model import Hop, HopScheme, Route, Scheme, Target

from .canary import most_lost
from .scripted_proxy import Script
from .theory import followed_by

ATTEMPTS: Final = 4
CANARY_SECONDS: Final = 2.0
MOST_LOST: Final = 0.02
"""Share of a core's time that somebody else may have: what moves the slowest in a hundred operations, and a bit."""
MOST_LATE: Final = 0.002
"""Seconds after the scripted moment within which the proxy has given 95 of 100 answers, if it was not held up."""
Unmeasurable = pytest.skip.Exception
"""Nothing can be said on this machine now."""
_PROGRAM: Final = Path(__file__).with_name("scripted_proxy.py")


@dataclass(frozen=True)
class Answered:
    """A CONNECT as the proxy saw it."""

    at: float
    """When it came, in seconds since the epoch."""
    wanted: float
    """Seconds until the script wanted it answered."""
    took: float
    """Seconds until it was."""
    how: str
    """`passed`, `refused` or `bumped`."""


class ScriptedProxy:
    """A running one."""

    def __init__(self, script: Script) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), script.to_json()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.route = Route("scripted", (Hop(HopScheme.HTTP, "127.0.0.1", self.port),))
        self.answered: list[Answered] = []
        """All that it answered, in the order in which it did; known once it has ended."""

    def end(self) -> None:
        """Have it end."""
        told, _ = self._process.communicate(timeout=30)
        self.answered += [Answered(*each) for each in json.loads(told)]


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[ScriptedProxy]:
    """A proxy, ended at the end."""
    proxy = ScriptedProxy(script)
    try:
        yield proxy
    finally:
        proxy.end()


@contextlib.contextmanager
def lab_origin() -> Iterator[Target]:
    """The origin that comes with prober, in a process of its own."""
    command = [sys.executable, "-m", "prober", "lab", "origin", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.match(r"origin on 127\.0\.0\.1:(\d+): ", process.stdout.readline())
        assert found is not None
        port = int(found[1])
        yield Target(id=f"tls://127.0.0.1:{port}", scheme=Scheme.TLS, host="127.0.0.1", port=port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def forged_certificate(folder: Path) -> str:
    """A PEM file with which a proxy opens TLS to 127.0.0.1, of an authority of its own."""
    path = folder / "forged.pem"
    inspector = trustme.CA(
        organization_name="Corp", organization_unit_name="Inspection", key_type=trustme.KeyType.ECDSA
    )
    path.write_bytes(inspector.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes())
    return str(path)


def steady_load(
    rate: float, seconds: int, *, arrivals: Arrivals = Arrivals.CONSTANT, in_flight: int = 1000, seed: int = 7
) -> Load:
    """A second to settle, then the stretch that counts."""
    phases = (
        Phase(PhaseKind.RAMP_UP, 1, rate, rate),
        Phase(PhaseKind.SUSTAIN, seconds, rate, rate),
        Phase(PhaseKind.COLLECTION, 5, 0, 0),
    )
    return Load(workload=Workload.HANDSHAKE, phases=phases, seed=seed, arrivals=arrivals, in_flight=in_flight)


@dataclass(frozen=True)
class Run:
    """A run, and the proxy's account of it."""

    load: Load
    measured: Measured
    kpis: Kpis
    validity: Validity
    answered: Sequence[Answered]

    @property
    def stalled_from(self) -> float:
        """When the first CONNECT came that had to wait for a stall's end, in seconds since the run's start."""
        return next(each.at for each in self.answered if each.wanted > 1) - self.measured.begun

    @property
    def trouble(self) -> list[str]:
        """Why this machine was in the way; empty if it was not."""
        found = [reason.text for reason in self.validity.reasons if reason.word in LIMITED]
        return [*found, self.late_proxy] if self.late_proxy else found

    @property
    def late_proxy(self) -> str:
        """Whether the proxy itself was held up; empty if it was not."""
        late = sorted(each.took - each.wanted for each in self.answered if each.wanted < 1)  # a stall's end is a crowd
        most = late[int(0.95 * len(late))] if late else 0.0
        return f"the scripted proxy was late: p95 {1e3 * most:.1f} ms" if most > MOST_LATE else ""

    @property
    def held_up(self) -> list[str]:
        """Why milliseconds cannot be told from this run: the generator began late, or the origin answered unevenly."""
        late = self.spans(Span.LATENESS).percentile(99)
        tls = self.spans(Span.TARGET_TLS).percentiles((50, 95))
        found = [f"the generator was late: p99 {1e3 * late:.1f} ms"] if late > MOST_LATE else []
        if tls[95] - tls[50] > MOST_LATE:
            found.append(f"the origin was held up: TLS p50 {1e3 * tls[50]:.1f} ms, p95 {1e3 * tls[95]:.1f} ms")
        late_answers = sorted(each.took - each.wanted for each in self.answered)
        if late_answers[int(0.99 * len(late_answers))] > MOST_LATE:
            found.append("the scripted proxy was late: p99")
        return found

    def tunnels(self, theory: Sequence[float], hop: float) -> list[float]:
        """What the tunnel stage must be, if answers take as long as `theory` has it: with what the way to such a proxy
        costs (`hop_cost`), and as much later as the proxy says of itself that its answers were."""
        late = statistics.median(each.took - each.wanted for each in self.answered)
        return [each + late + hop for each in theory]

    def responses(self, theory: Sequence[float], hop: float) -> list[float]:
        """The same of whole operations: with starting, connecting and TLS with the target as they were measured."""
        more = self.spans(Span.LATENESS).percentile(50) + self.spans(Span.CONNECT, 1).percentile(50)
        return followed_by(self.tunnels(theory, hop), self.spans(Span.TARGET_TLS), more)

    def spans(self, span: Span, hop: int = 0) -> Histogram:
        """A span over the sustain phase."""
        whole = Histogram()
        for each in within(self.measured.slices, sustained(self.load)):
            found = each.spans.get(Measure(span, hop))
            if found is not None:
                whole.add(found)
        return whole


async def run_over(proxy: ScriptedProxy, load: Load, target: Target) -> Run:
    """One run."""
    async with Generators(1) as generators:
        measured = await generators.run(load, target, proxy.route)
    return judged(load, measured, proxy.answered)


def judged(load: Load, measured: Measured, answered: Sequence[Answered]) -> Run:
    """A run with what is made of it."""
    figures = kpis(load, measured)
    return Run(load, measured, figures, validity(load, measured, figures), answered)


async def hop_cost(target: Target) -> float:
    """Median seconds of the tunnel stage over a scripted proxy that answers at once: two processes of Python have to be
    woken for it, and that is none of the delay which a script asks for."""
    run = await undisturbed(Script(), steady_load(25, 6), target)
    return run.spans(Span.TUNNEL, 1).percentile(50)


class Troubles:
    """What was in the way of one measurement, attempt for attempt."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._machines = 0

    def add(self, text: str) -> None:
        """An attempt came to nothing. Blocks for some seconds: asks the canary."""
        lost = most_lost(CANARY_SECONDS)
        self._machines += lost > MOST_LOST
        self._told.append(f"{text} (canary: {lost:.1%} of a core lost)")

    @property
    def outcome(self) -> BaseException:
        """What to raise when no attempt is left."""
        text = "\n".join([f"{len(self._told)} attempts, all disturbed:", *self._told])
        if 2 * self._machines >= len(self._told):
            return Unmeasurable(f"this machine holds up whatever runs on it: {text}")
        return AssertionError(text)


async def undisturbed(
    script: Script,
    load: Load,
    target: Target,
    *,
    off: Callable[[Run], list[str]] | None = None,
) -> Run:
    """A run in which nothing of this machine was in the way. With `off`, which says what of a run is not as it must be,
    not for milliseconds either: then a figure that is off has to be so in every attempt. Skips the test, or fails it,
    after some attempts (`Troubles`)."""
    troubles = Troubles()
    for _ in range(ATTEMPTS):
        with scripted(script) as proxy:
            run = await run_over(proxy, load, target)
        found = [*run.trouble, *([] if off is None else run.held_up or off(run))]
        if not found:
            return run
        troubles.add(" ".join(found))
    raise troubles.outcome
