"""What is seen while a benchmark runs: lines for logs, a panel for terminals."""

from __future__ import annotations

import io

from prober.bench.live import SHOWN, Lines, Live
from prober.bench.order import Mode
from prober.bench.watching import Beginning

from .made import conducted, order


class Terminal(io.StringIO):
    """A terminal of 100 columns."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


async def test_a_line_a_second_and_one_for_each_run() -> None:
    said: list[str] = []
    await conducted(order(Mode.RUN, "flaky", "tinyproxy"), watchers=(Lines(said.append),)).carry_out()
    assert said[0] == "run 1 of 3: direct at 100/s (null), 28 s"
    first = next(line for line in said if line.startswith("   5 s"))
    assert first.startswith("   5 s  offered 100  achieved ")
    assert "p50 2." in first
    assert first.endswith(" ms")
    ends = [line for line in said if " at 100/s: achieved " in line]
    assert [line.partition(" ")[0] for line in ends] == ["direct", "flaky", "tinyproxy"]
    assert "; not valid: " in ends[1]
    assert ends[2].endswith("; valid")


async def test_a_stall_is_seen_as_it_happens() -> None:
    said: list[str] = []
    await conducted(order(Mode.RUN, "flaky", null=False), watchers=(Lines(said.append),)).carry_out()
    stalled = next(line for line in said if line.startswith("   8 s"))
    assert "p50 1,4" in stalled or "p50 1,5" in stalled  # due in a stall of 2 s, counted from when they were due


async def test_the_panel_keeps_the_last_seconds() -> None:
    stream = Terminal()
    with Live(stream) as live:
        await conducted(order(Mode.RUN, "tinyproxy"), watchers=(live,)).carry_out()
        panel = live.text()
    assert "tinyproxy at 100/s (run)" in panel
    assert "offered" in panel
    assert "generator: busiest process 3" in panel
    assert len([line for line in panel.splitlines() if line.strip() and line.split()[0].isdigit()]) == SHOWN
    assert "tinyproxy at 100/s: achieved 100/s, failed 0" in stream.getvalue()


def test_the_panel_before_anything_and_hostile_notes() -> None:
    stream = Terminal()
    with Live(stream) as live:
        assert live.text().strip() == ""
        live.begins(Beginning("hq", "run", 10.0, (), 1))
        assert "run 1: hq at 10/s" in live.text()
        live.note("issuer \x1b[2J\u202e evil")
    assert "\\x1b[2J\\u202e evil" in stream.getvalue()
