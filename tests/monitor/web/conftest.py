"""Loops for the web server's tests."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

import pytest

ON_BOTH_LOOPS = ("test_connections.py", "test_lifecycle.py", "test_served_tls.py", "test_server.py")
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
