"""What an agent's worker does when a benchmark asks: one benchmark at a time, and an end to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
from distributed import Worker

from prober.catalog import parse_target
from prober.cluster.load import there
from prober.cluster.load.words import Prepared, Wanted
from prober.engine.settings import ProbeSettings
from prober.load.words import Load, Phase, PhaseKind, Workload
from prober.model import Failure, Route
from prober.routes.overrides import Overrides

from ..engine.world import settings

WORKER = cast("Worker", None)


class Site:
    """Settings of a site."""

    def probe_settings(self, _: int) -> ProbeSettings:
        return settings()


def wanted(token: str, target: str = "tls://127.0.0.1:9") -> Wanted:
    return Wanted(
        token=token,
        processes=1,
        load=Load(workload=Workload.HANDSHAKE, phases=(Phase(PhaseKind.SUSTAIN, 1, 1, 1),), seed=1),
        target=parse_target(target),
        route=Route("direct"),
        overrides=Overrides(()),
    )


@pytest_asyncio.fixture
async def plugin(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    made = SimpleNamespace(loading=None, its_site=Site())
    monkeypatch.setattr(there, "plugin_of", lambda _: made)
    yield made
    if made.loading is not None:
        await made.loading.close()


async def test_one_benchmark_at_a_time(plugin: Any) -> None:
    """A second one would measure the first one's load."""
    assert isinstance(await there.prepare(wanted("first"), WORKER), Prepared)
    first = plugin.loading
    refused = await there.prepare(wanted("second"), WORKER)
    assert isinstance(refused, Failure)
    assert refused.detail == "it makes the load of another benchmark"
    assert plugin.loading is first
    assert isinstance(await there.prepare(wanted("first"), WORKER), Prepared)
    await there.leave("second", WORKER)  # it is not its to end
    assert not first.is_over
    await there.leave("first", WORKER)
    assert isinstance(await there.prepare(wanted("second"), WORKER), Prepared)
    with pytest.raises(RuntimeError, match="has ended here"):
        await there.hear("first", 0, WORKER)


async def test_a_name_that_is_not_there_is_told(plugin: Any) -> None:
    found = await there.prepare(wanted("first", "tls://nowhere.invalid:443"), WORKER)
    assert isinstance(found, Failure)
    assert "nowhere.invalid" in found.detail
