"""What this process uses, against what psutil says."""

from __future__ import annotations

import os
import sys
import time

import psutil
import pytest

from prober.engine.usage import usage


@pytest.mark.skipif(sys.platform != "linux", reason="known on Linux only")
def test_what_the_system_says() -> None:
    process = psutil.Process()
    before = usage()
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(7)]
    filled = bytearray(os.urandom(1)) * 50_000_000
    after = usage()
    for each in held:
        os.close(each)
    assert before.descriptors is not None
    assert after.descriptors == before.descriptors + 7
    assert before.memory is not None
    assert after.memory is not None
    assert 40_000_000 < after.memory - before.memory < 80_000_000
    assert after.memory == pytest.approx(process.memory_info().rss, rel=0.1)
    assert len(filled) == 50_000_000


def test_processor_time_grows_with_work() -> None:
    before, end = usage().cpu, time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert usage().cpu - before >= 0.05


def test_a_system_that_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    found = usage()
    assert (found.memory, found.descriptors) == (None, None)
    assert found.cpu > 0
