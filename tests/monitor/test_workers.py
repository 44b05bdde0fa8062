"""Crews that follow one another: what is counted goes on."""

from __future__ import annotations

from typing import Any

from prober.engine.lag import LagHistogram
from prober.engine.usage import Usage
from prober.monitor.metrics.facts import ProcessFacts
from prober.monitor.workers import Workers


class Scripted:
    """Stands for a crew."""

    def __init__(self, **cpu: float) -> None:
        self.in_flight, self.restarts = 1, 1
        self.lags = {name: LagHistogram() for name in cpu}
        self.usages = {name: Usage(1000, seconds, None) for name, seconds in cpu.items()}

    async def drain(self, grace: float) -> None:
        """Nothing runs."""

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""


async def test_processor_time_never_falls() -> None:
    first: Any = Scripted(one=5.0, two=3.0)
    second: Any = Scripted(one=0.5)
    third: Any = Scripted(one=0.25, two=1.0)
    workers = Workers(first)
    assert {name: usage.cpu for name, usage in workers.usages.items()} == {"one": 5.0, "two": 3.0}
    workers.replace(second, 0)
    assert {name: usage.cpu for name, usage in workers.usages.items()} == {"one": 5.5}
    workers.replace(third, 0)
    assert {name: usage.cpu for name, usage in workers.usages.items()} == {"one": 5.75, "two": 4.0}
    assert workers.usages["one"].memory == 1000
    await workers.close()


def test_what_a_system_does_not_say_is_absent() -> None:
    facts = ProcessFacts(
        pairs=1, in_flight=0, restarts=0, skipped=0, lags={},
        usages={"worker-1": Usage(None, 2.5, 12), "worker-2": Usage(4096, 0.0, None)},
    )  # fmt: skip
    found = {group.metric: dict(group.series) for group in facts.groups()}
    assert found["prober_process_resident_memory_bytes"] == {("worker-2",): 4096.0}
    assert found["prober_process_cpu_seconds_total"] == {("worker-1",): 2.5, ("worker-2",): 0.0}
    assert found["prober_process_open_fds"] == {("worker-1",): 12.0}
