"""Latency over proxies whose latency is known."""

from __future__ import annotations

from prober.load.words import Arrivals, Span
from prober.model import Target

from .apparatus import Run, steady_load, undisturbed
from .scripted_proxy import Script
from .theory import differences, single_server

SERVICE = 0.1
WORK = 0.025


def off(run: Run, theory: list[float], hop: float) -> list[str]:
    """What is not as it must be: the tunnel stage is the theory; response time is it and the rest."""
    spans = ((Span.TUNNEL, 1, run.tunnels(theory, hop)), (Span.RESPONSE, 0, run.responses(theory, hop)))
    return [
        f"{span} p{percent:g}: {1e3 * seen:.1f} ms measured, {1e3 * wanted:.1f} ms by theory"
        for span, hops, must in spans
        for percent, seen, wanted, well in differences(run.spans(span, hops), must)
        if not well
    ]


async def test_fixed_service_time(target: Target, hop: float) -> None:
    theory = [SERVICE] * 500
    load = steady_load(50, 10)
    run = await undisturbed(Script(service=SERVICE), load, target, off=lambda run: off(run, theory, hop))
    assert run.kpis.ended == 500
    assert run.validity.valid


async def test_queue_of_a_single_server(target: Target, hop: float) -> None:
    """Served so slowly that what two cores do to one another in milliseconds is little beside it."""
    load = steady_load(26, 10, arrivals=Arrivals.POISSON)
    theory = single_server(load, WORK)
    script = Script(service=WORK, queue=True)
    run = await undisturbed(script, load, target, off=lambda run: off(run, theory, hop))
    assert run.spans(Span.RESPONSE).percentile(99) > run.spans(Span.RESPONSE).percentile(50) > WORK
