"""The scripted world of the engine's tests, for the generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio
import uvloop

from ..world import World


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    both = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    return both if item.path.name == "test_alarm.py" else {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Scripted peers; everything is closed at the end."""
    async with World() as world:
        yield world
