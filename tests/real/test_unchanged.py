"""Nothing changes, fifty times, through a real squid, while the machine is idle and busy by turns: no difference."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from prober.diff import SavedRun, compare, diff_document, read_run, sides_of

from .changing import HOSTS, Board, diff

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]  # fifty runs of a program, one after another

ATTEMPTS = (*[3] * 41, *[5] * 10)
"""Of each run. With five a pair speaks for itself; with three most of its way must agree, five pairs at least."""
BUSY = 6
"""Every sixth run is made while the machine has more to do than it can; others test meanwhile, so not more often."""
ROUTES = ("direct", "plain", "bumping")


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Something else wants every core."""
    loop = [sys.executable, "-c", "while True: pass"]
    with contextlib.ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            stack.callback(stack.enter_context(subprocess.Popen(loop)).kill)
        yield


def test_fifty_unchanged_runs_do_not_differ(board: Board) -> None:
    """Each against the first one, against the one before, and against the first of as many attempts."""
    paths = []
    for number, attempts in enumerate(ATTEMPTS):
        with busy() if number % BUSY == 1 else contextlib.nullcontext():
            how = ("--attempts", str(attempts))
            paths.append(board.run(str(number), *how, routes=ROUTES, hosts=HOSTS[:5], few=256))
    runs = [read_run(path) for path in paths]
    for number, run in enumerate(runs[1:], 1):
        for other in {0, number - 1, ATTEMPTS.index(ATTEMPTS[number])} - {number}:
            assert differences(runs[other], run) == [], f"{number} against {other}"
    verdict = diff(paths[:1], paths[-1:])
    assert verdict.document.summary.text.startswith("No difference: 15 pairs of target and route compared. Egress lab")
    assert verdict.status == 0


def differences(before: SavedRun, after: SavedRun) -> list[str]:
    """Each with its cause."""
    document = diff_document(compare(sides_of([("before", before)], [("after", after)])))
    return [f"{each.kind}: {each.sentence}" for each in document.differences]
