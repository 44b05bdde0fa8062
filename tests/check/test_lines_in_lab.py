"""Lines of JSON and the progress of a run with follow-ups: each result once, early where it is final, and a total that
grows."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from prober.check.conduct import Conduct
from prober.check.live import JsonLines, Progress
from prober.engine.run import Pair
from prober.lab.policy import LeafKey, Policy
from prober.model import Observation, Purpose, Target
from prober.report.document import Run

from .labs import EVERYWHERE, INSPECTED, ONE, TARGETS, Scene, Ways, in_lab, target

QUIET: Final = Policy(key=LeafKey.OWN)
CLOSED: Final = target("closed.lab.test", trust=None)
HOSTS: Final = [each.host for each in TARGETS]
STRETCH: Final = 3
"""Routes in EVERYWHERE."""

Key = tuple[str, str]


@dataclass
class Told:
    """What was written and when."""

    early: list[dict[str, Any]] = field(default_factory=list)
    """While the run went on."""
    rest: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[Purpose, Key, int]] = field(default_factory=list)
    """Each observation, with the number of lines there were right after it."""
    run: Run | None = None

    @property
    def document(self) -> Run:
        assert self.run is not None
        return self.run


def key_of(line: dict[str, Any]) -> Key:
    return line["target"]["host"], line["route"]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(
    path: Path,
    ways: Ways = EVERYWHERE,
    targets: Sequence[Target] = TARGETS,
    *,
    stop_after: int | None = None,
    **how: Any,
) -> Told:
    """A run, one probe at a time, written as lines; cancelled after so many observations."""

    async def play(scene: Scene) -> Told:
        found = Told()
        conduct = Conduct(scene.plan(ways, targets, probe__concurrency=1, **how))
        running: asyncio.Task[None]

        def observed(pair: Pair, observation: Observation, count: int) -> None:
            lines.observed(conduct, pair, observation)
            written = len(lines_of(path))
            found.steps.append((pair.purpose, (pair.target.host, pair.route.name), written))
            if count == stop_after:
                running.cancel()

        with JsonLines(path) as lines:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(conduct.probe(observed), name="a run that is written down")
            found.early = lines_of(path)
            lines.rest(conduct)
        everything = lines_of(path)
        assert everything[: len(found.early)] == found.early
        found.rest = everything[len(found.early) :]
        found.run = conduct.document()
        return found

    return in_lab(play, QUIET)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lines.jsonl"


def test_each_result_once_and_final_ones_early(path: Path) -> None:
    found = told(path, targets=[*TARGETS, CLOSED])
    early, rest = [*map(key_of, found.early)], [*map(key_of, found.rest)]
    everything = [(each.target.host, each.route) for each in found.document.results]
    assert sorted(early + rest) == sorted(everything), "none twice, none forgotten"
    assert set(rest) == {(host, "inspected") for host in HOSTS}
    assert {key for key in early if key[0] == CLOSED.host} == {(CLOSED.host, route) for route in EVERYWHERE}
    for number, (purpose, key, written) in enumerate(found.steps):
        before = found.steps[number - 1][2] if number else 0
        final = purpose is Purpose.ATTEMPT and key not in rest
        assert written - before == final, "right after its last attempt, or not before the end"


def test_what_is_told_early_has_the_verdict_of_the_end(path: Path) -> None:
    found = told(path)
    at_the_end = {(each.target.host, each.route): each for each in found.document.results}
    for line in found.early:
        result = at_the_end[key_of(line)]
        assert result.interception is not None
        assert line["interception"]["verdict"] == result.interception.verdict == "clean"
        assert line["trusted"] is result.trusted is True
    for line in found.rest:
        assert line["interception"]["verdict"] == "intercepted"
        assert [sample["purpose"] for sample in line["samples"]] == ["attempt", "confirmation"]


def test_with_attempts_after_the_last_of_them(path: Path) -> None:
    found = told(path, targets=TARGETS[:1], attempts=3)
    assert [written for _, _, written in found.steps] == [0] * 6 + [1, 2, 2]
    assert [len(line["samples"]) for line in found.early + found.rest] == [3, 3, 3]


def test_without_a_reference_everything_waits(path: Path) -> None:
    found = told(path, INSPECTED)
    assert found.early == []
    assert [*map(key_of, found.rest)] == [(host, "inspected") for host in HOSTS]


def test_what_waits_for_a_client_certificate_is_told_with_it(path: Path) -> None:
    async def certificate(scene: Scene) -> bytes:
        return (scene.lab.directory / "client.pem").read_bytes()

    file = path.with_name("client.pem")
    file.write_bytes(in_lab(certificate))
    strict = target("client-cert.lab.test", trust=None, expected=())
    found = told(path, targets=[strict, TARGETS[0]], trust__client_certificates={"client-cert.lab.test": str(file)})
    assert {key_of(line) for line in found.early} == {(ONE, "direct"), (ONE, "open")}
    reached = {key_of(line)[1]: line["reachable"] for line in found.rest if key_of(line)[0] == strict.host}
    assert reached["direct"] is reached["open"] is True
    assert len(found.early + found.rest) == 2 * STRETCH


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5, 9, 10, 12, 14])
def test_an_interrupted_run_writes_the_rest(path: Path, stop_after: int) -> None:
    found = told(path, stop_after=stop_after)
    assert found.document.complete is False
    assert len(found.steps) == stop_after
    keys = [*map(key_of, found.early + found.rest)]
    assert sorted(keys) == sorted((each.target.host, each.route) for each in found.document.results)
    assert len(keys) == min(stop_after, len(HOSTS) * STRETCH)


class Screen:
    """A terminal on stderr that remembers."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True


def test_the_total_grows_when_follow_ups_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")

    async def play(scene: Scene) -> None:
        plan = scene.plan(EVERYWHERE)
        conduct = Conduct(plan)
        with Progress("2 targets", lambda: conduct.expected, enabled=True) as progress:
            await conduct.probe(lambda pair, seen, _count: progress.observed(conduct, pair, seen))

    in_lab(play, QUIET)
    counts = [tuple(map(int, each)) for each in re.findall(r"(\d+)/(\d+)", screen.text)]
    assert (0, 9) in counts
    assert counts[-1] == (15, 15)
    assert counts == sorted(counts), "it never goes back"
    assert "not reached" not in screen.text
