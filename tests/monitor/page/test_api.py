"""/api/v1: its paths, the state of pairs, the history, the prober itself, and what it says to bad questions."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from prober.monitor.memory.store import Store
from prober.monitor.page.api import MOST, api_routes
from prober.monitor.page.live import Live
from prober.monitor.page.marks import cell_of
from prober.monitor.page.page import page_routes
from prober.monitor.page.source import TransitionQuery
from prober.monitor.state import PairKey, Track

from .page_boards import HQ, NOW, ROUTES, empty_stage, failed, reached, sample, well_stage
from .page_serving import visiting
from .test_page import broken_pair, troubled

DOCUMENT = Path(__file__).parents[3] / "docs" / "monitoring-page.md"


def test_the_document_has_every_path_and_no_other() -> None:
    play = empty_stage(sample(1))
    live = Live(play)
    routes = {each.path for each in (*page_routes(play, live), *api_routes(play, live))}
    live.close()
    text = DOCUMENT.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `GET (/[^ `?]*)", text, re.MULTILINE)) == routes


def test_the_document_has_every_parameter() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| `GET /api/v1/transitions"))
    assert set(re.findall(r"`(\w+)=`", row)) == {"target", "route", "track", "since", "before", "cursor", "limit"}


async def test_a_reload_in_the_middle_that_drops_pairs_breaks_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = sample(100)
    play = well_stage(targets)
    answered = 0

    def interval(key: PairKey) -> float:
        """As the service has it; the first question for any sees to a reload at the next turn of the loop."""
        nonlocal answered
        if not answered:
            asyncio.get_running_loop().call_soon(play.change, targets[:1])
        answered += 1
        assert key in play.board.pairs
        return 30.0

    monkeypatch.setattr(play, "interval", interval)
    async with visiting(play) as visit:
        found = await visit.json("/api/v1/pairs")
        after = await visit.json("/api/v1/pairs")
    assert len(found["pairs"]) > len(after["pairs"]) == len(ROUTES)


async def test_pairs_say_what_is_confirmed_and_what_was_seen_last() -> None:
    play = troubled()
    async with visiting(play) as visit:
        found = await visit.json("/api/v1/pairs")
    assert found["egress"] == "paris"
    assert [(each["target"], each["route"]) for each in found["pairs"]] == list(play.board.pairs)
    for each in found["pairs"]:
        state = play.board.pairs[each["target"], each["route"]]
        exported = state.exported
        assert exported is not None
        assert each["state"] == cell_of(state).mark
        assert each["contradicted"] is state.contradicted
        assert each["interval"] == 30.0
        assert each["confirmed"]["reachable"] is exported.reachable
        assert (each["confirmed"]["failure"] or {}).get("reason", "") == (
            exported.failure.reason if exported.failure else ""
        )
        assert each["confirmed"]["verdict"] == exported.verdict
        assert each["last"]["reachable"] is state.recent[-1].reachable
        assert each["last"]["at"].endswith("Z")
        assert unquote(each["href"]) == f"/api/v1/pairs/{each['target']}/{each['route']}"
    flicker = [each for each in found["pairs"] if each["contradicted"]]
    assert [(each["confirmed"]["reachable"], each["last"]["reachable"]) for each in flicker] == [(True, False)]
    assert flicker[0]["last"]["failure"] == {"stage": "connect", "hop": 0, "reason": "tcp-timeout"}


async def test_before_the_first_probe_nothing_is_said() -> None:
    play = empty_stage(sample(1))
    async with visiting(play) as visit:
        found = await visit.json("/api/v1/pairs?route=hq")
    assert {each["state"] for each in found["pairs"]} == {"unknown"}
    assert {json.dumps((each["confirmed"], each["last"])) for each in found["pairs"]} == {"[null, null]"}


async def test_since_when_it_fails_and_since_when_like_this() -> None:
    play = well_stage(sample(1))
    target = play.first()
    from prober.model import Reason

    play.play(*(failed(target, HQ, NOW + n) for n in range(2)))
    play.play(*(failed(target, HQ, NOW + 100 + n, Reason.TCP_RESET) for n in range(2)))
    async with visiting(play) as visit:
        found = await visit.json(f"/api/v1/pairs/{target.id}/hq")
    assert found["pair"]["confirmed"]["since"] == "2026-11-22T07:30:00.000Z"
    assert found["pair"]["confirmed"]["failure_since"] == "2026-11-22T07:31:40.000Z"


async def test_a_pair_comes_with_its_last_observations() -> None:
    play = troubled()
    target, route = broken_pair(play, cell_of(next(iter(play.board.pairs.values()))).mark)
    async with visiting(play) as visit:
        found = await visit.json(f"/api/v1/pairs/{target}/{route}")
    assert found["pair"]["target"] == found["result"]["target"]["id"] == target
    assert len(found["result"]["samples"]) == 5


@pytest.mark.parametrize("name", ["https://given.example:8443/a/b?c=d&e", "a b%2Fc", "ümlaut/.."])
async def test_a_target_may_be_called_whatever(name: str) -> None:
    play = empty_stage([replace(sample(1)[0], id=name)])
    play.play(reached(play.first(), HQ, NOW))
    async with visiting(play) as visit:
        listed = await visit.json("/api/v1/pairs?route=hq")
        href = listed["pairs"][0]["href"]
        assert (await visit.json(href))["pair"]["target"] == name


async def test_a_pair_that_is_not_there() -> None:
    async with visiting(well_stage(sample(1))) as visit:
        response, text = await visit.get("/api/v1/pairs/nobody/hq")
    assert response.status == 404
    assert json.loads(text)["error"]["message"] == (
        "The target 'nobody' is not probed over a route 'hq': /api/v1/pairs lists what is."
    )


async def test_the_history_page_by_page() -> None:
    play = troubled()
    seen: list[int] = []
    async with visiting(play) as visit:
        path = "/api/v1/transitions?limit=7&route=cloud"
        while path:
            found = await visit.json(path)
            assert len(found["transitions"]) <= 7
            seen += [each["id"] for each in found["transitions"]]
            path = found["next"]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len([each for each in play.told if each.route == "cloud"]) > 14


async def test_the_history_between_two_moments() -> None:
    play = troubled()
    async with visiting(play) as visit:
        since, before = "2026-11-22T02:00:00Z", "2026-11-22T05:20:00%2B00:00"
        found = await visit.json(f"/api/v1/transitions?since={since}&before={before}&track=interception&limit=500")
        assert play.asked[-1] == TransitionQuery(
            track=Track.INTERCEPTION, since=NOW - 5.5 * 3600, before=NOW - 2 * 3600 - 600, limit=501
        )
    expected = [
        each
        for each in play.told
        if each.track is Track.INTERCEPTION and NOW - 5.5 * 3600 <= each.confirmed_at < NOW - 2 * 3600 - 600
    ]
    assert len(found["transitions"]) == len(expected) > 0
    assert found["next"] is None
    assert {each["track"] for each in found["transitions"]} == {"interception"}


async def test_the_history_of_what_is_not_probed_any_more() -> None:
    play = well_stage(sample(1))
    target = play.first()
    play.play(*(failed(target, HQ, NOW + n) for n in range(2)))
    play.change([each for each in play.plan.targets if each != target])
    async with visiting(play) as visit:
        found = await visit.json(f"/api/v1/transitions?target={target.id}")
    assert [each["after"] for each in found["transitions"]] == ["connect/0/tcp-timeout"]


@pytest.mark.parametrize("file", [True, False])
async def test_the_store_answers_what_the_api_asks(file: bool, tmp_path: Path) -> None:
    """The real one, written and in memory: moments and numbers, each alone and both."""
    play = troubled()
    store = Store(tmp_path / "state.db" if file else None, history_days=90)
    await store.open()
    try:
        store.record(play.told)
        for query in (
            TransitionQuery(before=NOW - 4.65 * 3600, limit=1000),
            TransitionQuery(since=NOW - 4.75 * 3600, before=NOW - 7000, limit=1000),
            TransitionQuery(route="hq", cursor=len(play.told) // 2, limit=5),
            TransitionQuery(track=Track.REACHABLE, before=NOW - 7000, cursor=len(play.told), limit=3),
        ):
            found = await store.transitions(
                target=query.target, route=query.route, track=query.track, since=query.since, until=query.before,
                before=query.cursor, limit=query.limit,
            )  # fmt: skip
            expected = await play.transitions(query)
            assert [each.transition for each in found] == [each.transition for each in expected]
            assert found
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("limit=0", {"limit": f"expected a whole number from 1 to {MOST}"}),
        (f"limit={MOST + 1}", {"limit": f"expected a whole number from 1 to {MOST}"}),
        ("limit=1e3&cursor=x", {"limit": "expected a whole number", "cursor": "expected a whole number"}),
        ("limit=٣", {"limit": "expected a whole number"}),
        ("since=2026-11-22", {"since": "expected a moment by RFC 3339 with its offset, such as 2026-11-22T07:12:03Z"}),
        ("since=2026-11-22T07:00:00", {"since": "expected a moment by RFC 3339 with its offset, such as "
                                       "2026-11-22T07:12:03Z"}),
        ("track=reachible&rout=hq", {"rout": "is not known here: did you mean route?",
                                     "track": "'reachible' is none: did you mean reachable?"}),
        ("route=a&route=b", {"route": "is given more than once"}),
        (f"target={'x' * 2049}", {"target": "is longer than 2048 characters"}),
    ],
)  # fmt: skip
async def test_bad_parameters_are_told_all_at_once(query: str, wrong: dict[str, str]) -> None:
    async with visiting(well_stage(sample(1))) as visit:
        response, text = await visit.get(f"/api/v1/transitions?{query}")
    assert response.status == 400
    error = json.loads(text)["error"]
    assert error["message"] == "The request has parameters that cannot be used."
    assert {each["parameter"]: each["message"] for each in error["errors"]} == wrong


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/pairs/x/hq"])
async def test_where_none_is_taken_every_parameter_is_wrong(path: str) -> None:
    async with visiting(well_stage(sample(1))) as visit:
        response, _ = await visit.get(f"{path}?route=hq")
    assert response.status == 400


async def test_the_prober_itself() -> None:
    play = well_stage(sample(1))
    play.facts = replace(
        play.facts, late=0.012, lag=None, reload_ok=False, reload_errors=2, restarts=1, lost=4, store_trouble="no space"
    )
    async with visiting(play) as visit:
        assert await visit.json("/api/v1/status") == {
            "version": "1.0",
            "egress": "paris",
            "now": "2026-11-22T07:30:00.000Z",
            "started": "2026-11-13T07:30:00.000Z",
            "ready": True,
            "pairs": len(play.board.pairs),
            "seen": len(play.board.pairs),
            "routes": [route.name for route in ROUTES],
            "in_flight": 3,
            "lateness": 0.012,
            "loop_lag": None,
            "skipped_starts": 0,
            "workers": {"processes": 2, "restarts": 1, "lost_probes": 4},
            "reload": {"ok": False, "at": "2026-11-20T07:30:00.000Z", "errors": 2},
            "store": {"file": "prober.db", "ok": False, "trouble": "no space"},
            "streams": 0,
        }


async def test_other_methods_are_refused() -> None:
    async with visiting(well_stage(sample(1))) as visit, visit.session.post(f"{visit.url}/api/v1/pairs") as response:
        assert response.status == 405
