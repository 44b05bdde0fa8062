"""An agent stays, whatever its scheduler does while it is restarted."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

import pytest

from prober.cluster import agent as module
from prober.cluster.agent import Agent
from prober.cluster.errors import ClusterError, UnreachableError
from prober.cluster.security import Place
from prober.config import load

PLACE = Place("tcp", "127.0.0.1", 1)


@pytest.mark.parametrize("stage", ["first", "worker"])
async def test_a_signal_is_heard_while_nobody_answers(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its first look is over, and while its worker waits for the scheduler."""
    ended = asyncio.Event()
    closed: list[object] = []

    async def until_signal(_: object) -> None:
        await ended.wait()

    class Nanny:
        """One whose scheduler does not answer."""

        def __await__(self) -> Any:
            ended.set()
            yield from asyncio.Event().wait().__await__()

        async def close(self, **_: object) -> None:
            closed.append(self)

    async def reach(*_: object) -> None:
        if stage == "first":
            ended.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "until_signal", until_signal)
    monkeypatch.setattr(module, "reach", reach)
    monkeypatch.setattr(Agent, "_nanny", lambda *_: Nanny())
    await asyncio.wait_for(Agent(PLACE, None, load(None, {}, {}), "paris").serve(lambda _: None), 20)
    assert len(closed) == (stage == "worker")


async def test_what_keeps_a_worker_from_starting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()
    told: list[str] = []

    async def until_signal(_: object) -> None:
        await ended.wait()

    async def reach(*_: object) -> None:
        return None

    class Nanny:
        async def _fail(self) -> None:
            ended.set()
            raise RuntimeError("Nanny failed to start.") from OSError(99, "Cannot assign requested address")

        def __await__(self) -> Any:
            return self._fail().__await__()

        async def close(self, **_: object) -> None:
            pass

    monkeypatch.setattr(module, "until_signal", until_signal)
    monkeypatch.setattr(module, "reach", reach)
    monkeypatch.setattr(Agent, "_nanny", lambda *_: Nanny())
    await Agent(PLACE, None, load(None, {}, {}), "paris").serve(told.append)
    assert told == ["no worker for tcp://127.0.0.1:1: [Errno 99] Cannot assign requested address; trying again"]


async def test_an_address_that_is_not_this_machine_s() -> None:
    agent = Agent(Place("tls", "127.0.0.1", 1), None, load(None, {}, {}), "paris", "192.0.2.7")
    with pytest.raises(ClusterError, match=r"--listen 192\.0\.2\.7: "):
        await agent._try_first()


def test_no_two_have_one_name() -> None:
    """Of two containers each is process 1, and with the host's network both may have its name."""
    agent = Agent(PLACE, None, load(None, {}, {}), "paris")
    with tempfile.TemporaryDirectory() as room:
        assert agent._nanny(None, room).name != agent._nanny(None, room).name


@pytest.mark.parametrize("met", [UnreachableError, ClusterError])
async def test_a_scheduler_that_is_going_down_says_no(met: type[ClusterError], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends between its hello and ours looks like one that refuses our certificate."""
    answers: list[ClusterError | None] = [None, met(["refused"]), None]
    ended = asyncio.Event()
    told: list[str] = []

    async def reach(*_: object) -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    async def offer(*_: object) -> bool:
        ended.set()
        return True

    async def until_signal(_: object) -> None:
        await ended.wait()

    monkeypatch.setattr(module, "reach", reach)
    monkeypatch.setattr(module, "_FIRST", 0.0)
    monkeypatch.setattr(module, "until_signal", until_signal)
    monkeypatch.setattr(Agent, "_offer", offer)
    await Agent(PLACE, None, load(None, {}, {}), "paris").serve(told.append)
    assert told == ["refused; trying again"]
    assert not answers


async def test_certificates_that_do_not_fit_end_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reach(*_: object) -> Any:
        raise ClusterError(["refused"])

    monkeypatch.setattr(module, "reach", reach)
    with pytest.raises(ClusterError, match="refused"):
        await Agent(PLACE, None, load(None, {}, {}), "paris").serve(lambda _: None)
