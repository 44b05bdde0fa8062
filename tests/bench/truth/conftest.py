"""An origin for the whole session: what is behind every scripted proxy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.engine.loop import run_loop
from prober.model import Target

from .apparatus import hop_cost, lab_origin


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    with lab_origin() as target:
        yield target


@pytest.fixture(scope="session")
def hop(target: Target) -> float:
    """Seconds."""
    return run_loop(hop_cost(target))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several attempts take their time; beside other tests none would be worth anything."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.alone)
            item.add_marker(pytest.mark.timeout(400))
            if "PYTEST_XDIST_WORKER" in os.environ:
                item.add_marker(pytest.mark.skip("measures milliseconds: run it by itself (pytest -m alone)"))
