"""A scheduler that is gone, whatever dask and tornado make of it, is something that can be said, not a crash."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from prober.cluster.errors import ClusterError
from prober.cluster.link import Link
from prober.cluster.security import Place

MET = [ValueError("IOStream is not idle; cannot convert to SSL"), OSError("closed"), TimeoutError(), RuntimeError("?")]


class Broken:
    """dask's client after its scheduler went: its calls end with what its reconnecting met."""

    def __init__(self, met: Exception) -> None:
        self._met = met
        self.closed = 0
        self.scheduler = self
        self.status = "connecting"

    async def _raise(self, *_: object, **__: object) -> Any:
        raise self._met

    identity = gather = cancel = run = _raise

    async def close(self, **_: object) -> None:
        self.closed += 1
        await self._raise()


@pytest.fixture(params=MET, ids=lambda error: type(error).__name__)
def broken(request: pytest.FixtureRequest) -> Broken:
    return Broken(request.param)


@pytest.fixture
def link(broken: Broken) -> Link:
    link = Link(Place("tcp", "127.0.0.1", 1), None)
    link._client = broken
    return link


async def test_saying_goodbye_to_nobody(link: Link, broken: Broken) -> None:
    """Seen: the reconnect under way raised a ValueError of tornado's through `close`, and the results were lost."""
    await link.__aexit__(None, None, None)
    assert broken.closed == 1


async def test_what_is_asked_of_nobody(link: Link) -> None:
    with pytest.raises(ClusterError, match=r"the scheduler at tcp://127\.0\.0\.1:1 is gone"):
        await link.agents()
    with pytest.raises(ClusterError, match="the agent at tcp://1"):
        await link.ask(asyncio.sleep, 0, address="tcp://1")
    assert await link.result(object()) is None
    await link.cancel(object())
    assert not link.is_up


async def test_cancellation_is_not_taken_for_a_loss(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    async def for_ever(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def result() -> object:
        return await link.result(object())

    for name, asked in (("identity", link.agents), ("gather", result)):
        monkeypatch.setattr(link._client, name, for_ever)
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(asked(), name="asked")
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
