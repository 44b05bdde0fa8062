"""An agent stays, whatever its scheduler does while it is restarted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from prober.cluster import agent as module
from prober.cluster.agent import Agent
from prober.cluster.errors import ClusterError, UnreachableError
from prober.cluster.security import Place
from prober.config import load

PLACE = Place("tcp", "127.0.0.1", 1)


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
