"""`--format jsonl` into a reader that has seen enough, or onto a full disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = (sys.executable, "-m", "prober", "check", "--format", "jsonl")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_reader_that_goes_away_ends_the_run_quietly(tmp_path: Path, workers: str) -> None:
    names = tmp_path / "targets.txt"
    names.write_text("".join(f"tls://127.0.0.1:{port}\n" for port in range(20_000, 21_000)))
    program = subprocess.Popen(
        [*CHECK, "--workers", workers, f"@{names}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert program.stdout is not None
    assert program.stdout.readline().startswith(b'{"target"')
    program.stdout.close()
    assert program.stderr is not None
    said = program.stderr.read().decode()
    program.stderr.close()
    assert program.wait(30) == 3  # cut short
    assert "Traceback" not in said
    assert "broke" not in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*CHECK, "--output", "/dev/full", "tls://127.0.0.1:1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1] == "error: the report could not be written: No space left on device"
