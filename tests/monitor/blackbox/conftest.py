"""Loops of /probe's tests: uvloop, as the product runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio

from .stage import Stage


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if sys.platform == "win32":
        return {"asyncio": asyncio.new_event_loop}
    import uvloop

    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    """/probe with everything on loopback allowed; closed at the end."""
    async with Stage(allow=["127.0.0.1:*", "localhost:*", "[::1]:*"]) as stage:
        yield stage
