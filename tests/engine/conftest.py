"""Loops and the scripted world for the engine's tests."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio

from .world import World

ON_BOTH_LOOPS = (
    "test_documents.py",
    "test_link.py",
    "test_logins.py",
    "test_names_kept.py",
    "test_probe.py",
    "test_reasons.py",
    "test_resolver.py",
    "test_station.py",
    "test_wpad.py",
)
"""The product runs on uvloop, and on asyncio's own loop where there is none."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if sys.platform == "win32":
        return {"asyncio": asyncio.new_event_loop}
    import uvloop

    if item.path.name in ON_BOTH_LOOPS:
        return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Scripted peers and a prober to send against them; everything is closed at the end."""
    async with World() as world:
        yield world
