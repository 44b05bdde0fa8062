"""/api/v1/events: what changes comes, once and soon; whoever was away gets what is missing, or is told to ask anew."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from prober.monitor.page.events import Pace
from prober.monitor.page.live import Live
from prober.monitor.page.matrix import layout_of

from .page_boards import BRANCH, DIRECT, HQ, NOW, ROUTES, Play, denied, empty_stage, failed, reached, sample, well_stage
from .page_serving import Visit, read_html, visiting

QUICK = Pace(spacing=0.05, pulse=0.2)


def element(play: Play, target: str, route: str) -> str:
    return layout_of(play.board.pairs).ids[target, route]


def refuse(play: Play, at: float = NOW) -> str:
    """A target that is refused from now on; its id."""
    target = play.first()
    play.play(denied(target, HQ, at), denied(target, HQ, at + 1))
    return target.id


async def quiet(visit: Visit) -> str:
    """The token when everything is as it is."""
    await visit.live.panels()
    return visit.live.token


async def test_a_change_comes_as_it_is_shown() -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit:
        page = await visit.page("/")
        async with visit.events(str(page.one("body").attributes["data-token"])) as events:
            assert events.response.content_type == "text/event-stream"
            assert (await events.next()).name == "pulse"
            target = refuse(play)
            news = await events.next("news")
        after = await visit.page("/")
    assert set(news.data["cells"]) == {element(play, target, "hq")}
    html = news.data["cells"][element(play, target, "hq")]
    cell = read_html(html).one("td", "cell")
    assert cell.text == after.one(id=element(play, target, "hq")).text
    assert "proxy-denied" in cell.text
    ((group, (head, broken)),) = news.data["groups"].items()
    assert broken
    assert read_html(head).text == after.one(id=group).one("summary").text
    assert news.id == visit.live.token


async def test_what_looks_the_same_is_not_sent() -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit, visit.events(await quiet(visit)) as events:
        await events.next("pulse")
        for n in range(3):
            play.play(*(reached(target, route, NOW + n) for target in play.plan.targets for route in ROUTES))
        events_seen = [(await events.next()).name for _ in range(3)]
        assert events_seen == ["pulse"] * 3


async def test_many_changes_come_together() -> None:
    play = well_stage(sample(2))
    async with visiting(play, Pace(spacing=0.5, pulse=30)) as visit, visit.events(await quiet(visit)) as events:
        await events.next("pulse")
        first = play.plan.targets[0]
        play.play(*(failed(first, route, NOW + n) for n in range(2) for route in ROUTES))
        await events.next("news")
        for target in play.plan.targets[1:]:
            for route in ROUTES:
                play.play(*(failed(target, route, NOW + n) for n in range(2)))
            await asyncio.sleep(0)
        news = await events.next("news")
        told = set(news.data["cells"])
        while told != {each for key, each in layout_of(play.board.pairs).ids.items() if key[0] != first.id}:
            told |= set((await events.next("news")).data["cells"])


async def test_whoever_was_away_gets_what_is_missing() -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit:
        before = await quiet(visit)
        target = refuse(play)
        async with visit.events(before) as events:
            first = await events.next("news")
        assert element(play, target, "hq") in first.data["cells"]
        play.play(*(failed(play.first(), BRANCH, NOW + 10 + n) for n in range(2)))
        async with visit.events(before, last=first.id) as events:
            second = await events.next("news")
    assert set(second.data["cells"]) == {element(play, target, "branch")}


@pytest.mark.parametrize("token", ["", "x", "1.2.3", "…", "a.b", "{boot}.1.99999999", "{boot}.99.1", "{boot}.1.-1"])
async def test_whoever_comes_with_a_token_of_another_time_asks_anew(token: str) -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit:
        boot = visit.live.token.partition(".")[0]
        async with visit.events(token.format(boot=boot)) as events:
            assert (await events.next("news", "reload")).name == "reload"
            assert await events.ended()


async def test_a_reload_of_the_configuration_is_told() -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit, visit.events(await quiet(visit)) as events:
        await events.next("pulse")
        play.change(play.plan.targets[1:])
        assert (await events.next("news", "reload")).name == "reload"
        assert await events.ended()


async def test_the_prober_says_that_it_lives() -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit, visit.events(await quiet(visit)) as events:
        first = await events.next("pulse")
        play.clock = NOW + 7
        second = await events.next("pulse")
    assert first.data["last"] == second.data["last"]
    assert first.data["now"] == "2026-11-22T07:30:00.000Z"
    assert second.data["now"] == "2026-11-22T07:30:07.000Z"
    assert first.data["build"]


async def test_beyond_the_cap_it_says_so() -> None:
    async with visiting(well_stage(sample(1)), Pace(clients=2, pulse=0.1)) as visit:
        token = await quiet(visit)
        async with visit.events(token) as one, visit.events(token) as two:
            await one.next("pulse")
            await two.next("pulse")
            response, text = await visit.get("/api/v1/events")
            assert response.status == 503
            assert response.headers["Retry-After"] == "30"
            assert "2 pages are open already" in json.loads(text)["error"]["message"]
            assert (await visit.get("/"))[0].status == 200
        for _ in range(3):  # those that went make room; the third is the one that was refused
            await visit.ended.acquire()
        async with visit.events(await quiet(visit)) as three:
            await three.next("pulse")


async def test_it_ends_when_the_prober_does() -> None:
    async with visiting(well_stage(sample(1)), Pace()) as visit, visit.events(await quiet(visit)) as events:
        await events.next("pulse")
        visit.live.close()
        assert (await events.next()).name == "bye"
        assert await events.ended()
        assert (await visit.get("/api/v1/events"))[0].status == 503


async def test_a_client_that_does_not_read_is_cut_off_and_nothing_piles_up() -> None:
    play = well_stage(sample(3))
    async with visiting(play, Pace(spacing=0.001, pulse=30, patience=0.3)) as visit:
        host, _, port = visit.server.addresses[0].rpartition(":")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        with sock:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, (host, int(port)))
            request = f"GET /api/v1/events?from={await quiet(visit)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await loop.sock_sendall(sock, request.encode())
            await visit.begun.acquire()
            at = NOW
            async with asyncio.timeout(30):
                while visit.ended.locked():
                    at += 10
                    kind = failed if int(at / 10) % 2 else reached
                    for target in play.plan.targets:
                        play.play(*(kind(target, route, at + n) for n in range(2) for route in ROUTES))
                    await asyncio.sleep(0)
        assert not visit.live.clients


async def test_news_are_as_large_as_what_changed_and_not_as_often() -> None:
    """However long somebody was away: every element comes once."""
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit:
        before = await quiet(visit)
        target = play.first()
        for n in range(200):
            kind = failed if n % 2 else reached
            play.play(kind(target, DIRECT, NOW + 10 * n), kind(target, DIRECT, NOW + 10 * n + 1))
        news = visit.live.since(before)
    assert news is not None
    assert set(news.cells) == {element(play, target.id, "direct")}


async def test_nothing_is_kept_for_those_who_are_gone() -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit:
        for _ in range(5):
            async with visit.events(await quiet(visit)) as events:
                await events.next("pulse")
            await visit.ended.acquire()
        assert (await visit.json("/api/v1/status"))["streams"] == 0


async def test_what_an_earlier_process_knew_is_shown_and_told() -> None:
    """The page is there before the state file is read."""
    before, play = well_stage(sample(1)), empty_stage(sample(1))
    remembered = list(before.board.remembered(before.board.pairs))
    async with visiting(play, QUICK) as visit, visit.events(await quiet(visit)) as events:
        await events.next("pulse")
        assert play.board.restore(remembered) == len(play.board.pairs)
        news = await events.next("news")
        page = await visit.page("/")
    assert set(news.data["cells"]) == set(layout_of(play.board.pairs).ids.values())
    assert {each.attributes["data-marks"] for each in page.all("td", "cell")} == {"ok"}


async def test_following_ends_with_close() -> None:
    play = well_stage(sample(1))
    live = Live(play)
    live.close()
    live.close()
    before = live.token
    refuse(play)
    assert live.token == before


async def test_waiting_returns_at_once_when_something_is_new() -> None:
    play = well_stage(sample(1))
    live = Live(play)
    token = live.token
    task = asyncio.get_running_loop().create_task(live.changed(token, 60), name="waiting")
    await asyncio.sleep(0)
    refuse(play)
    await asyncio.wait_for(task, 5)
    await asyncio.wait_for(live.changed(token, 60), 5)  # it is new already
    task = asyncio.get_running_loop().create_task(live.pause(60), name="pausing")
    await asyncio.sleep(0)
    live.close()
    await asyncio.wait_for(task, 5)
