"""Whether a probe costs the same however many there are: processor time, memory, lateness; workers; what is in flight.

Sizes are pairs, all distinct: targets with names of their own × routes without proxies, as `prober check` runs them,
from the plan to the document. Limits: the cost of a probe is flat within 10 % over all sizes; 4 kB for a finished one
(what a run keeps of it: observation, looks, verdict); 70 kB for each in flight. kB are 1000 octets.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import msgspec

from benchmarks.speed.child import measured, progress
from benchmarks.speed.figures import Figure, Part, ratio
from benchmarks.speed.jobs import CheckJob, Job, SilentJob, Spent, WorkersJob
from benchmarks.speed.options import Asked
from benchmarks.speed.servers import Origin, origin, silent

FLAT = 1.10
FINISHED = 4_000.0
IN_FLIGHT = 70_000.0
"""Octets."""


def run(asked: Asked) -> Part:
    """All sizes in turn, small ones more often; workers; in flight."""
    part = Part(name="scale", about="prober check with many pairs, with workers, with many probes in flight")
    part.notes.append("processor time of the client alone; the lateness is the worst of its loop in the run")
    amounts = asked.amounts
    with origin(asked.folder, asked.cores) as server:
        sizes: dict[int, list[Spent]] = {n: [] for n in amounts.pairs if asked.wants(_pairs(n))}
        for number in range(amounts.rounds):
            for pairs, most in zip(amounts.pairs, amounts.pair_rounds, strict=True):
                if number < most and pairs in sizes:
                    sizes[pairs].append(_measured(part, _pairs(pairs), _check(asked, server, pairs)))
        part.figures.extend(_of_sizes(sizes, largest=max(amounts.pairs)))
        if asked.wants("workers"):
            part.figures.extend(_of_workers(_worked(part, asked, server)))
    held = f"{amounts.held:,} in flight"
    if asked.wants(held):
        with silent(asked.cores) as port:
            job = SilentJob(cores=asked.cores.client, port=port, probes=amounts.held, seconds=amounts.held_seconds)
            part.figures.extend(_in_flight(held, _measured(part, held, job)))
    return part


def _pairs(count: int) -> str:
    return f"{count:,} pairs"


def _worked(part: Part, asked: Asked, server: Origin) -> dict[int, list[Spent]]:
    amounts = asked.amounts
    workers: dict[int, list[Spent]] = {1: [], 2: []}
    for _ in range(amounts.rounds):
        for count, seen in workers.items():
            job = WorkersJob(
                cores=asked.cores.all,
                port=server.port,
                probes=amounts.probes,
                warm=amounts.warm,
                in_flight=amounts.in_flight,
                workers=count,
            )
            seen.append(_measured(part, f"{count} workers", job))
    return workers


def _check(asked: Asked, server: Origin, pairs: int) -> CheckJob:
    amounts = asked.amounts
    return CheckJob(
        cores=asked.cores.client,
        port=server.port,
        root=server.root,
        targets=pairs // amounts.routes,
        routes=amounts.routes,
        in_flight=amounts.in_flight,
        warm=amounts.warm,
    )


def _measured(part: Part, name: str, told: Job) -> Spent:
    spent = measured(told)
    progress(f"scale: {name}: {spent.each:.0f} µs {spent.more}")
    part.raw.append({"case": name, **msgspec.to_builtins(spent)})
    return spent


def _of_sizes(sizes: dict[int, list[Spent]], *, largest: int) -> list[Figure]:
    figures: list[Figure] = []
    kinds: tuple[tuple[str, str, Callable[[Spent], float]], ...] = (
        ("document, processor time each", "µs", lambda took: took.more["document_cpu_s"] / took.count * 1e6),
        ("worst lateness of the loop", "ms", lambda took: took.more["late_s"] * 1e3),
        ("kept of a finished probe", "B", lambda took: took.more["kept_bytes_each"]),
        ("kept with its part of the document", "B", lambda took: took.more["with_document_bytes_each"]),
        ("memory at most", "MB", lambda took: took.more["peak_bytes"] / 1e6),
    )
    for pairs, seen in sizes.items():
        each = tuple(took.each for took in seen)
        figures.append(Figure(name=f"{_pairs(pairs)}: processor time each", unit="µs", values=each))
        for name, unit, of in kinds:
            limit = FINISHED if pairs == largest and name == "kept of a finished probe" else None
            values = tuple(of(took) for took in seen)
            figures.append(Figure(name=f"{_pairs(pairs)}: {name}", unit=unit, values=values, at_most=limit))
    if len(sizes) < 2:
        return figures
    costs = [statistics.median(took.each for took in seen) for seen in sizes.values()]
    figures.append(Figure(name="dearest size over cheapest", unit="×", values=(max(costs) / min(costs),), at_most=FLAT))
    return figures


def _of_workers(workers: dict[int, list[Spent]]) -> list[Figure]:
    figures: list[Figure] = []
    for count, seen in workers.items():
        name = f"{count} worker{'s' if count > 1 else ''}"
        each = tuple(took.each for took in seen)
        figures.append(Figure(name=f"{name}: processor time each, all processes", unit="µs", values=each))
        walls = tuple(took.count / took.wall for took in seen)
        figures.append(Figure(name=f"{name}: probes a second, origin on the same cores", unit="/s", values=walls))
    both = [[took.each for took in seen] for seen in workers.values()]
    figures.append(ratio("processor time each, 2 workers over 1", both[1], both[0]))
    return figures


def _in_flight(name: str, spent: Spent) -> list[Figure]:
    return [
        Figure(name=f"{name}: memory for each", unit="B", values=(spent.more["bytes_each"],), at_most=IN_FLIGHT),
        Figure(name=f"{name}: memory at most", unit="MB", values=(spent.more["peak_bytes"] / 1e6,)),
        Figure(name=f"{name}: processor time each, its end included", unit="µs", values=(spent.each,)),
    ]
