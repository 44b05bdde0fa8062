"""`prober demo` as a user runs it."""

from __future__ import annotations

import subprocess
import sys

from prober.lab.tour import STOPS


def test_the_demo_ends_by_itself_and_explains_every_route() -> None:
    command = [sys.executable, "-W", "error", "-m", "prober", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    table, _, told = done.stdout.partition("What the table shows")
    for stop in STOPS:
        assert stop.route in table
        assert f"  {stop.route}: " in told
    assert "as the lab was built" in told
