"""A process's own state, second by second."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from prober.engine.load import health
from prober.engine.load.health import Health, machine_share


def test_each_second_once() -> None:
    samples = Health(0, waiting=lambda: 7)
    samples.begin()
    assert samples.samples(0.9, 0) == []
    samples.late(0.02)
    samples.late(0.3)
    samples.late(0.01)
    [first] = samples.samples(1.05, 3)
    assert (first.second, first.worker, first.lag, first.time_wait) == (0, 0, 0.3, 7)
    assert samples.samples(1.9, 3) == []
    [second] = samples.samples(2.0, 3)
    assert (second.second, second.lag) == (1, 0.0)
    [after] = samples.samples(5.5, 3)
    assert after.second == 4
    assert 0 <= after.machine_cpu <= 1
    assert after.cpu >= 0


def test_the_machine_is_busy_whoever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Niced programs give way only to those of their own session, where the scheduler groups by it."""
    times = SimpleNamespace(user=20.0, nice=45.0, system=5.0, idle=25.0, iowait=5.0)
    monkeypatch.setattr(health, "psutil", SimpleNamespace(cpu_times_percent=lambda _: times))
    assert machine_share() == pytest.approx(0.7)


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are POSIX's")
def test_what_is_open() -> None:
    samples = Health(1, waiting=lambda: 7)
    samples.begin()
    [sample] = samples.samples(1.0, 100)
    assert 103 <= sample.descriptors < 1000
    assert sample.memory > 1_000_000
    assert sample.time_wait == 0
