"""/api/v1/results: the current state as a run document, which `prober judge` can read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prober.check.rejudge import judge_again
from prober.cli.main import app
from prober.config import load
from prober.model import Reason
from prober.monitor.held import confirmed
from prober.monitor.page import results
from prober.monitor.page.results import Selection, document_of, encoded, standing
from prober.report.build import summary_of
from prober.report.files import decode
from prober.report.reread import Missing, observations_of

from .page_boards import (
    DIRECT,
    HQ,
    NOW,
    ROUTES,
    Play,
    catalog,
    denied,
    empty_stage,
    failed,
    reached,
    sample,
    well_stage,
)
from .page_serving import visiting
from .test_page import troubled


async def bytes_of(play: Play) -> bytes:
    run = await document_of(play, list(play.board.pairs.values()))
    return b"".join([piece async for piece in encoded(run)])


async def test_the_document_is_one_that_check_could_have_written() -> None:
    play = troubled()
    run = decode(await bytes_of(play))
    assert run == await document_of(play, list(play.board.pairs.values()))
    assert run.schema == "prober.run/1"
    assert run.egress == "paris"
    assert run.complete
    assert [each.name for each in run.routes] == [route.name for route in ROUTES]
    assert len(run.results) == len(play.board.pairs)
    assert run.summary == summary_of(run.results, play.plan.services_without_probes)
    assert run.summary.unreachable
    assert run.summary.intercepted
    assert [each.target["id"] for each in run.skipped] == [each.target["id"] for each in play.plan.skipped]
    assert run.environment is not None
    assert '"svc"' not in (await bytes_of(play)).decode()


async def test_results_are_those_of_the_confirmed_state() -> None:
    play = troubled()
    run = await document_of(play, list(play.board.pairs.values()))
    for result in run.results:
        state = play.board.pairs[result.target.id, result.route]
        reach = confirmed(state.reach)
        assert reach is not None
        assert result.reachable is reach.value.reached
        assert (result.failure.reason if result.failure else "") == reach.value.reason
        assert len(result.samples) == len(state.recent)
        assert result.interception is not None
        assert state.verdict is not None
        assert result.interception.verdict == state.verdict.word
    flicker = [state for state in play.board.pairs.values() if state.contradicted]
    assert flicker
    for state in flicker:
        result = next(r for r in run.results if (r.target.id, r.route) == state.key)
        assert result.reachable
        assert not result.samples[-1].reachable


def test_an_observation_that_agrees_with_the_confirmed_state_stands_for_it() -> None:
    play = empty_stage(sample(1))
    target = play.first()
    state = play.board.pairs[target.id, "hq"]
    assert standing(state) is None
    play.play(failed(target, HQ, NOW))
    assert standing(state) is state.recent[-1]  # nothing is confirmed yet: the newest
    play.play(reached(target, HQ, NOW + 1), denied(target, HQ, NOW + 2))
    assert standing(state) is state.recent[1]
    play.play(failed(target, HQ, NOW + 3, Reason.TCP_RESET))
    assert standing(state) is state.recent[-1]


async def test_it_can_be_read_and_judged_again() -> None:
    """What is anchored, opened and refused comes out as it was, from the document alone."""
    play = troubled()
    run = decode(await bytes_of(play))
    missing: list[Missing] = []
    seen = list(observations_of(run, missing))
    assert not missing
    assert len(seen) == sum(len(state.recent) for state in play.board.pairs.values())
    again = judge_again(run, load(None, {}, {}, via=(), no_direct=False))
    assert not again.missing
    for before, after in zip(run.results, again.run.results, strict=True):
        assert before.interception is not None
        assert after.interception is not None
        assert after.interception.verdict == before.interception.verdict
        assert after.trusted == before.trusted
        assert after.reachable == before.reachable


async def test_prober_judge_reads_what_was_fetched(tmp_path: Path) -> None:
    play = troubled()
    async with visiting(play) as visit:
        _, text = await visit.get("/api/v1/results")
    file = tmp_path / "now.json"
    file.write_text(text, encoding="utf-8")
    result = await asyncio.to_thread(CliRunner().invoke, app, ["judge", str(file), "--format", "json", "--quiet"])
    assert result.exit_code == 1, result.stderr  # there are findings
    judged = json.loads(result.stdout)
    assert judged["summary"]["intercepted"] == json.loads(text)["summary"]["intercepted"] > 0


async def test_before_anything_was_seen() -> None:
    play = empty_stage(sample(1))
    run = decode(await bytes_of(play))
    assert run.results == ()
    assert not run.complete
    assert run.started == run.finished == "2026-11-22T07:30:00.000Z"
    play.play(reached(play.first(), DIRECT, NOW))
    run = decode(await bytes_of(play))
    assert [each.reachable for each in run.results] == [True]
    assert not run.complete


@pytest.mark.parametrize(
    ("query", "selection"),
    [
        ("route=hq", Selection(route="hq")),
        ("service=MDAV&route=cloud", Selection(service="MDAV", route="cloud")),
        ("target=mdav.maps.wdcp", Selection(target="mdav.maps.wdcp")),
    ],
)
async def test_filters(query: str, selection: Selection) -> None:
    play = troubled()
    async with visiting(play) as visit:
        _, text = await visit.get(f"/api/v1/results?{query}")
    run = decode(text.encode())
    expected = [key for key, state in play.board.pairs.items() if selection.takes(state)]
    assert 0 < len(expected) < len(play.board.pairs)
    assert [(result.target.id, result.route) for result in run.results] == expected
    assert run.summary.probes == len(expected)


async def test_wrong_filters_are_told_all_at_once() -> None:
    async with visiting(troubled()) as visit:
        response, text = await visit.get("/api/v1/results?route=clod&service=MDEE&rout=x&target=a&target=b")
    assert response.status == 400
    errors = {each["parameter"]: each["message"] for each in json.loads(text)["error"]["errors"]}
    assert errors["route"] == "'clod' is none: did you mean cloud?"
    assert errors["service"].startswith("'MDEE' is none: ")
    assert errors["rout"] == "is not known here: did you mean route?"
    assert "target" in errors


async def test_what_has_not_changed_is_not_sent_again() -> None:
    play = well_stage(sample(1))
    async with visiting(play) as visit:
        response, _ = await visit.get("/api/v1/results")
        tag = response.headers["ETag"]
        assert tag.startswith('W/"')
        for given in (tag, tag.removeprefix("W/"), f'"x", {tag}'):
            same, text = await visit.get("/api/v1/results", **{"If-None-Match": given})
            assert (same.status, text) == (304, "")
            assert same.headers["ETag"] == tag
        other, _ = await visit.get("/api/v1/results?route=hq", **{"If-None-Match": tag})
        assert other.status == 200
        play.play(reached(play.first(), HQ, NOW + 1))
        changed, _ = await visit.get("/api/v1/results", **{"If-None-Match": tag})
        assert changed.status == 200
        assert changed.headers["ETag"] != tag
        after = changed.headers["ETag"]
        play.change(play.plan.targets)  # a reload, and be it to the same
        assert (await visit.get("/api/v1/results", **{"If-None-Match": after}))[0].status == 200
    async with visiting(play) as another:  # another process: its revisions begin anew
        assert (await another.get("/api/v1/results", **{"If-None-Match": after}))[0].status == 200


async def test_many_who_ask_at_once_get_the_same_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    play = well_stage(sample(1))
    made = 0
    real = results.result_of

    def counted(*args: object, **options: object) -> object:
        nonlocal made
        made += 1
        return real(*args, **options)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(results, "result_of", counted)
    async with visiting(play) as visit:
        answers = await asyncio.gather(*(visit.get("/api/v1/results") for _ in range(8)))
    assert len({text for _, text in answers}) == 1
    assert made == len(play.board.pairs)


async def test_head_asks_for_no_body() -> None:
    async with (
        visiting(well_stage(sample(1))) as visit,
        visit.session.head(f"{visit.url}/api/v1/results") as response,
    ):
        assert response.status == 200
        assert response.headers["ETag"]
        assert await response.read() == b""


async def test_the_loop_is_free_meanwhile() -> None:
    play = well_stage(catalog(60))
    turns = 0
    ended = asyncio.Event()

    async def other_work() -> None:
        nonlocal turns
        while not ended.is_set():
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(other_work(), name="other work")
    run = await document_of(play, list(play.board.pairs.values()))
    making = turns
    pieces = [piece async for piece in encoded(run)]
    ended.set()
    await task
    assert making >= len(run.results) // results.SLICE
    assert len(pieces) > 2
    assert turns - making >= len(pieces) - 1
    assert max(map(len, pieces)) < 1024 * 1024


def test_a_pair_that_went_meanwhile_is_left_as_it_was() -> None:
    play = well_stage(sample(1))
    states = list(play.board.pairs.values())

    async def changing() -> None:
        task = asyncio.get_running_loop().create_task(document_of(play, states), name="document")
        await asyncio.sleep(0)
        play.change(play.plan.targets[2:], ROUTES[:1])
        run = await task
        assert len(run.results) == len(states)

    asyncio.run(changing())
