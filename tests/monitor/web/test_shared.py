"""A flood of page views costs a few: what is asked for at once is made once, one at a time, and sent in pieces."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from aiohttp import web

from prober.monitor.page import api, rendering
from prober.monitor.web import shared
from prober.monitor.web.shared import Body, Shared, body_of

from ..page.page_boards import NOW, Play, catalog, denied, empty_stage, well_stage
from ..page.page_serving import visiting


class Maker:
    """Makes numbers, when it is let."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = 0
        self.at_once = self.most_at_once = 0

    async def __call__(self) -> int:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        number = self.begun
        try:
            await self.go.wait()
        finally:
            self.at_once -= 1
        return number


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_at_once_shares_and_nobody_gets_what_was_begun_before() -> None:
    once: Shared[int] = Shared()
    make = Maker()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(once.get("a", None, make))
        await settled()
        others = [tasks.create_task(once.get("a", None, make)) for _ in range(99)]
        await settled()
        make.go.set()
    assert first.result() == 1
    assert {task.result() for task in others} == {2}
    assert make.begun == once.made == 2


async def test_where_nothing_has_changed_the_last_one_will_do() -> None:
    make = Maker()
    make.go.set()
    keeping: Shared[int] = Shared()
    assert [await keeping.get("a", state, make) for state in (1, 1, 2, 2, 1)] == [1, 1, 2, 2, 3]
    assert await keeping.get("b", 1, make) == 4
    assert await keeping.get("a", 1, make) == 5, "only the newest is kept"
    forgetting: Shared[int] = Shared(keep=False)
    assert [await forgetting.get("a", 1, make) for _ in range(2)] == [6, 7]


async def test_one_at_a_time_and_few_that_wait() -> None:
    once: Shared[int] = Shared(3)
    make = Maker()
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(once.get(key, None, make)) for key in "abcabc"]
        await settled()
        with pytest.raises(web.HTTPServiceUnavailable) as full:
            await once.get("d", None, make)
        assert full.value.headers["Retry-After"] == "2"
        more = tasks.create_task(once.get("b", None, make))
        make.go.set()
    assert (make.begun, make.most_at_once) == (3, 1)
    assert len({task.result() for task in [*asked, more]}) == 3
    assert once._kept.keys() <= {"a", "b", "c"}
    assert len(once._kept) <= 1
    assert not once._wanted


async def test_who_goes_away_or_fails_leaves_it_to_the_next() -> None:
    once: Shared[int] = Shared()
    make = Maker()
    async with asyncio.TaskGroup() as tasks:
        gone = tasks.create_task(once.get("a", None, make))
        await settled()
        next_one = tasks.create_task(once.get("a", None, make))
        await settled()
        gone.cancel()
        await settled()
        make.go.set()
    assert next_one.result() == 2

    async def breaks() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await once.get("a", None, breaks)
    assert await once.get("a", None, make) == 3


async def test_a_body_in_pieces() -> None:
    text = "".join(map(str, range(50_000)))
    body = body_of([text[:10], text[10:200_000], text[200_000:]], "text/plain")
    assert b"".join(body.pieces).decode() == text
    assert max(map(len, body.pieces)) <= shared._PIECE
    packed = await asyncio.gather(body.gzip(), body.gzip())
    assert packed[0] is packed[1]
    assert gzip.decompress(b"".join(packed[0])).decode() == text


@pytest.fixture(scope="module")
def play() -> Play:
    return well_stage(catalog(40))


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/?q=a", "/api/v1/pairs", "/api/v1/results", "/transitions", "/pair?target=TARGET&route=ROUTE"),
        *("/pair?target=no&route=no", "/api/v1/pairs/TARGET/ROUTE"),
    ],
)
async def test_a_hundred_at_once_cost_few(path: str, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    target, route = next(iter(play.board.pairs))
    path = path.replace("TARGET", target).replace("ROUTE", route)
    made: list[Body] = []
    real = shared.body_of

    def counting(*given: object, **named: object) -> Body:
        made.append(real(*given, **named))  # type: ignore[arg-type] # passed on as it came
        return made[-1]

    for module in (api, rendering):
        monkeypatch.setattr(module, "body_of", counting)
    async with visiting(play) as visit:
        answers = await asyncio.gather(*(visit.get(path) for _ in range(100)))
        assert {response.status for response, _ in answers} == {404 if "=no" in path else 200}
        assert len({text for _, text in answers}) == 1
        assert 1 <= len(made) <= 4
        plain, packed = await visit.get(path, **{"Accept-Encoding": "identity"}), await visit.get(path)
    assert plain[1] == packed[1]
    assert (plain[0].headers.get("Content-Encoding"), packed[0].headers["Content-Encoding"]) == (None, "gzip")
    assert plain[0].headers["Vary"] == "Accept-Encoding"


async def test_too_many_different_ones_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    play = empty_stage(catalog(10))
    go, entered = asyncio.Event(), asyncio.Semaphore(0)
    real = play.transitions

    async def slow(query: object) -> object:
        entered.release()
        await go.wait()
        return await real(query)  # type: ignore[arg-type] # passed on as it came

    async with visiting(play) as visit:
        monkeypatch.setattr(play, "transitions", slow)
        async with asyncio.TaskGroup() as tasks:
            for path in ("/transitions?target=", "/api/v1/transitions?target="):
                waiting = [tasks.create_task(visit.get(f"{path}{number}")) for number in range(shared.WAITING + 1)]
                await entered.acquire()
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                response, text = done.pop().result()
                assert (response.status, response.headers["Retry-After"]) == (503, "2")
                if path.startswith("/api"):
                    assert json.loads(text)["error"]["status"] == 503
            go.set()


async def test_a_list_is_of_now() -> None:
    """Documents of pairs are kept, until anything about them changes."""
    play = well_stage(catalog(10))
    key = next(iter(play.board.pairs))
    async with visiting(play) as visit:
        before = await visit.json("/api/v1/pairs")
        state = play.board.pairs[key]
        play.play(denied(state.target, state.route, NOW))
        after = await visit.json("/api/v1/pairs")
        changed = [one["target"] for one, other in zip(before["pairs"], after["pairs"], strict=True) if one != other]
        assert key[0] in changed
        play.change(play.plan.targets[1:], ())
        assert (await visit.json("/api/v1/pairs"))["pairs"] == []
