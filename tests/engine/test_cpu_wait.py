from __future__ import annotations

from pathlib import Path

import pytest

from prober.engine.cpu_wait import CpuWait, worse


def test_the_share_of_what_passed_since(tmp_path: Path) -> None:
    source = tmp_path / "schedstat"
    source.write_text("1000 9000 3\n")
    wait = CpuWait(source)
    assert wait.share == 0.0
    source.write_text("4000 10000 5\n")
    assert wait.share == pytest.approx(0.25)


@pytest.mark.parametrize("text", [None, "", "x y z", "7"])
def test_a_system_that_does_not_say(tmp_path: Path, text: str | None) -> None:
    source = tmp_path / "schedstat"
    if text is not None:
        source.write_text(text)
    assert CpuWait(source).share is None


def test_of_this_very_thread() -> None:
    wait = CpuWait()
    sum(range(100_000))
    assert wait.share is None or 0 <= wait.share <= 1


def test_the_worse_of_two() -> None:
    assert worse(None, None) is None
    assert worse(0.5, None) == worse(None, 0.5) == worse(0.2, 0.5) == 0.5
