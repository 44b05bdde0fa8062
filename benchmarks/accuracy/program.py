"""The command line of the sweep: worlds spread over processes until enough cells are there."""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.accuracy import cost, tables
from benchmarks.accuracy.sweep import Outcome, judged

CHUNK = 12
"""Worlds given to a process at a time: one of each scenario."""
FORGED_SHARE = 4
"""One forged cell is wanted for this many clean ones."""


def main(about: str) -> None:
    """Sweep, measure, print."""
    asked = _arguments(about)
    if asked.world is not None:
        outcome = judged(asked.world, leave_out=False, tell=True)
        print("\n".join(tables.world(outcome)))
        return
    began = time.perf_counter()
    with ProcessPoolExecutor(asked.processes) as pool:
        costs = None if asked.no_cost else pool.submit(cost.measure, asked.chains)
        outcomes = list(_sweep(pool, asked))
        seconds = time.perf_counter() - began
        print("\n".join(tables.report(outcomes, seconds, asked.seed)), flush=True)
        measured = costs.result() if costs is not None else None
    if measured is not None:
        print("\n".join(cost.lines(measured)))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = used.ru_utime + used.ru_stime
    print(f"\nall of it took {time.perf_counter() - began:.0f} s, of the processors' time {busy:.0f} s")
    if asked.json is not None:
        whole = {"seed": asked.seed, "worlds": [_plain(each) for each in outcomes], "cost": measured}
        asked.json.write_text(json.dumps(whole), encoding="utf-8")
    raise SystemExit(1 if tables.false_positives(outcomes) else 0)


def _arguments(about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first world; the others count up from it")
    parser.add_argument("--cells", type=int, default=12_000, help="clean cells wanted; a quarter as many forged ones")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 16))
    parser.add_argument("--json", type=Path, help="write everything there")
    parser.add_argument("--world", type=int, metavar="SEED", help="tell the story of one world, and nothing else")
    parser.add_argument("--no-leave-out", action="store_true", help="skip what each evidence id contributes")
    parser.add_argument("--no-cost", action="store_true", help="skip time and memory of judging")
    parser.add_argument("--chains", type=int, default=100_000, help="distinct forged chains for the memory figure")
    return parser.parse_args()


def _sweep(pool: ProcessPoolExecutor, asked: argparse.Namespace) -> Iterator[Outcome]:
    """Worlds in the order of their seeds until enough cells of both sorts are there: the same for any number of
    processes."""
    work = partial(_chunk, leave_out=not asked.no_leave_out)
    waiting: list[Future[list[Outcome]]] = []
    start, clean, forged = asked.seed, 0, 0
    while clean < asked.cells or forged < asked.cells // FORGED_SHARE:
        while len(waiting) < asked.processes * 3:
            waiting.append(pool.submit(work, start))
            start += CHUNK
        for outcome in waiting.pop(0).result():
            clean += sum(not cell.adversary for cell in outcome.cells)
            forged += sum(bool(cell.adversary) for cell in outcome.cells)
            yield outcome
    for each in waiting:
        each.cancel()


def _chunk(start: int, leave_out: bool) -> list[Outcome]:
    return [judged(seed, leave_out) for seed in range(start, start + CHUNK)]


def _plain(outcome: Outcome) -> dict[str, object]:
    lost = [{"evidence": id_, "known": known, "cells": count} for (id_, known), count in outcome.lost.items()]
    return {"seed": outcome.seed, "cells": [asdict(cell) for cell in outcome.cells], "lost": lost}
