"""Whether `prober serve` disturbs itself: how late its probes begin, and its loops run, at shares of its capacity.

The capacity is measured first: the probes a second that come of a schedule that asks for more than it can do. Then
each share of it, with nobody looking and with a scrape every second. Limit: half the capacity, 99th percentile of the
lateness 5 ms at most, scraped or not. Percentiles are read from the program's own histograms, linear within a bucket.
"""

from __future__ import annotations

import dataclasses
import math

from benchmarks.speed.child import measured, progress
from benchmarks.speed.engine import Case, job
from benchmarks.speed.figures import Figure, Part
from benchmarks.speed.options import Asked
from benchmarks.speed.servers import Origin, Proxies, origin
from benchmarks.speed.serving import Seen, config, serving, watch

SHARES = (0.25, 0.5, 0.75, 1.0)
LATE = 5.0
"""Milliseconds, at `HALF` of the capacity."""
HALF = 0.5
_SOUND = 0.99
"""Share of the probes that have to reach their target."""
_TOO_MUCH = 1.5
"""Times what one core could do if nothing but probes ran on it."""


def run(asked: Asked) -> Part:
    """Capacity, then each share of it with and without scrapes."""
    part = Part(name="disturbance", about="prober serve at shares of its capacity: how late probes and loops are")
    part.notes.append("worker-1 on the client's core; the front, the origin and whoever scrapes on the others")
    with origin(asked.folder, asked.cores) as server:
        capacity = _capacity(asked, server, part)
        part.figures.append(Figure(name="capacity", unit="/s", values=(capacity,)))
        for share in SHARES:
            for every in (None, 1.0):
                name = f"{share:.0%} of capacity, {'a scrape every second' if every else 'not scraped'}"
                rate = capacity * share
                seen = _look(asked, server, rate, every)
                progress(f"disturbance: {name}: {seen}")
                part.raw.append({"case": name, "rate": rate, **dataclasses.asdict(seen)})
                part.figures.extend(_figures(name, seen, LATE if share == HALF else None))
    return part


def _capacity(asked: Asked, server: Origin, part: Part) -> float:
    """Probes a second that are made when more are asked for."""
    alone = job(asked, Case(name="capacity", scheme="https", names=True), server, Proxies())
    if alone is None:
        raise RuntimeError("a direct probe needs no proxy")
    seen = _look(asked, server, measured(alone).rate * _TOO_MUCH, None)
    progress(f"disturbance: asked for too much: {seen}")
    part.raw.append({"case": "capacity", **dataclasses.asdict(seen)})
    return seen.made / seen.seconds


def _look(asked: Asked, server: Origin, rate: float, every: float | None) -> Seen:
    """A fresh `prober serve` that is to make so many probes a second, looked at once it has settled."""
    amounts = asked.amounts
    targets = max(1, math.ceil(rate * amounts.interval))
    file = config(asked.folder, server, targets, amounts.interval)
    with serving(file, asked.cores, asked.folder / "serve.log") as watcher:
        watch(watcher, 2 * amounts.interval, every=None)  # the first probes of all come early, and judge every chain
        seen = watch(watcher, amounts.watched, every=every)
    if seen.reached == 0:
        raise SystemExit(f"prober serve reached none of its targets ({seen.made:.0f} probes)")
    return seen


def _figures(name: str, seen: Seen, limit: float | None) -> list[Figure]:
    sound = seen.reached >= _SOUND * seen.made and not seen.lost and not seen.skipped
    late = (seen.lateness["p99"] * 1e3,) if limit is None or sound else ()  # of a server in trouble nothing is met
    figures = [
        Figure(name=f"{name}: probes", unit="/s", values=(seen.made / seen.seconds,)),
        Figure(name=f"{name}: lateness p50", unit="ms", values=(seen.lateness["p50"] * 1e3,)),
        Figure(name=f"{name}: lateness p99", unit="ms", values=late, at_most=limit),
        Figure(name=f"{name}: reached", unit="%", values=(100 * seen.reached / seen.made,)),
        Figure(name=f"{name}: moments skipped", unit="", values=(seen.skipped,)),
    ]
    return figures + [
        Figure(name=f"{name}: loop lag p99, {process}", unit="ms", values=(lag * 1e3,))
        for process, lag in seen.lag.items()
    ]
