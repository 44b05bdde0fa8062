"""Stalls: that none is hidden (coordinated omission), and whose they are."""

from __future__ import annotations

import asyncio
import signal
import socket
import time

import psutil

from prober.bench.criteria import Fault
from prober.engine.load.generators import Generators
from prober.load.slices import HealthSample
from prober.load.words import Load, Skip, Span
from prober.model import Target

from .apparatus import Run, judged, scripted, steady_load, undisturbed
from .scripted_proxy import Script
from .theory import differences, in_sustain, percentile, stalled, tolerance

STALL = 2.0
RATE = 25
SERVICE = 0.010
"""Seconds: what has waited for the end of a stall must not come in one crowd, or handshakes hold up one another."""


def closed_loop(port: int, target: Target, count: int) -> list[float]:
    """Measures as many tools do: one CONNECT after the other, `RATE` a second where the proxy lets it, each from when
    it was sent."""
    question = f"CONNECT {target.address} HTTP/1.1\r\nHost: {target.address}\r\n\r\n".encode()
    found: list[float] = []
    for _ in range(count):
        begun = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port)) as talk:
            talk.sendall(question)
            talk.recv(1000)
        found.append(time.perf_counter() - begun)
        time.sleep(max(0.0, 1 / RATE - found[-1]))
    return found


async def test_a_stall_is_seen_in_full(target: Target, hop: float) -> None:
    """One operation in four is due within it. What has waited for its end is then served one by one."""
    script = Script(stall_at=4 * RATE, stall=STALL, service=SERVICE, queue=True)

    def off(run: Run) -> list[str]:
        theory = stalled(run.load, run.stalled_from, STALL, service=SERVICE)
        assert percentile(theory, 95) > STALL / 2
        return [
            f"p{percent:g}: {1e3 * seen:.0f} ms measured, {1e3 * wanted:.0f} ms by theory"
            for percent, seen, wanted, well in differences(run.spans(Span.RESPONSE), run.responses(theory, hop))
            if not well
        ]

    run = await undisturbed(script, steady_load(RATE, 8), target, off=off)
    assert abs(run.spans(Span.RESPONSE).most - STALL) <= tolerance(STALL)


def test_a_closed_loop_sees_it_once(target: Target) -> None:
    """What the test above is about: the same stall, and p99 of who asks and waits says nothing of it."""
    with scripted(Script(stall_at=4 * RATE, stall=STALL, service=SERVICE, queue=True)) as proxy:
        seconds = closed_loop(proxy.port, target, 6 * RATE)
    assert percentile(seconds, 100) > 0.9 * STALL
    assert percentile(seconds, 99) < STALL / 10


async def test_what_is_beyond_the_limit_is_counted(target: Target) -> None:
    """As many as may be under way are started; all others that are due in the stall are skipped, and the run is not
    valid: nobody can take what is left of it for the whole."""
    limit = 20
    load = steady_load(RATE, 4, in_flight=limit)
    run = await undisturbed(Script(stall_at=2 * RATE, stall=STALL), load, target)
    due = sum(each > 0 for each in stalled(load, run.stalled_from, STALL))
    skipped = sum(each.skipped[Skip.IN_FLIGHT] for each in run.measured.slices)
    assert abs(skipped - (due - limit)) <= 2
    assert run.kpis.skipped == {Skip.IN_FLIGHT.value: skipped}
    assert Fault.IN_FLIGHT in [reason.word for reason in run.validity.reasons]
    assert run.validity.generator_limited, "the limit is less than a second of work"


async def test_a_generator_that_stands_still_says_so(target: Target) -> None:
    """Service time does not show it; response time, lateness and the verdict do, and what was left out is counted."""
    load = steady_load(RATE, 6)
    run, begin, end = await frozen(target, load, 1.4)
    late = [end - moment for moment in in_sustain(load) if begin <= moment < end]
    skipped = run.kpis.skipped[Skip.LATE.value]
    assert abs(skipped - sum(each > load.most_late for each in late)) <= 2
    lateness, response, service = (run.spans(span) for span in (Span.LATENESS, Span.RESPONSE, Span.SERVICE))
    assert 0.9 * load.most_late < lateness.most <= 1.05 * load.most_late
    assert response.most >= lateness.most
    assert response.percentile(95) > 2 * service.percentile(95)
    assert run.validity.generator_limited
    assert {Fault.LATE, Fault.SKIPPED_LATE, Fault.LAG} <= {reason.word for reason in run.validity.reasons}


async def frozen(target: Target, load: Load, seconds: float) -> tuple[Run, float, float]:
    """A run whose generator is stopped by a signal in its third second, and when that was, since the run's start."""
    loop = asyncio.get_running_loop()
    moments: list[float] = []

    with scripted(Script()) as proxy:
        known = psutil.Process().children()

        def signalled(process: psutil.Process, number: int) -> None:
            process.send_signal(number)
            moments.append(time.time())

        def freeze(sample: HealthSample) -> None:
            if sample.second == 1:
                [process] = set(psutil.Process().children()) - set(known)
                signalled(process, signal.SIGSTOP)
                loop.call_later(seconds, signalled, process, signal.SIGCONT)

        async with Generators(1) as generators:
            measured = await generators.run(load, target, proxy.route, on_health=freeze)
    begin, end = (each - measured.begun for each in moments)
    return judged(load, measured, proxy.answered), begin, end
