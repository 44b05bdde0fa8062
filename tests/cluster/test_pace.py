"""How soon a run ends that nobody wants any more. Seconds are measured, so this runs alone (make test runs it last)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from .stage import staged, wait_until

pytestmark = [pytest.mark.alone, pytest.mark.timeout(120)]


def test_ctrl_c_is_over_within_two_seconds(tmp_path: Path) -> None:
    """The client has ended, and no agent of two sites holds a connection of its probes any more."""
    with staged(tmp_path) as (stage, origin):
        stage.agent("paris")
        stage.agent("berlin")
        check = stage.check(origin.targets(60))
        wait_until(lambda: len(origin.accepted) >= 70, "the middle of the run at both sites")
        began = time.monotonic()
        os.kill(check.pid, signal.SIGINT)
        wait_until(origin.left_alone, "the end of the probes at the agents")
        agents = time.monotonic() - began
        assert check.wait(30) == 3
        client = time.monotonic() - began
        assert agents < 2
        assert client < 2
        assert not stage.saved().complete
