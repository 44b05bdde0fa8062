"""What is seen while a run goes on and when it is over: streams, files, signals, workers. Real processes, loopback."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from prober.check.live import JsonLines, probe_until_done, write_report
from prober.engine.run import OnObservation, Pair
from prober.report.files import load

Start = Callable[..., "subprocess.Popen[bytes]"]
ESCAPE = b"\x1b["


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROBER_") and name != "NO_COLOR"}
    return {**kept, "COLUMNS": "100", "TERM": "xterm-256color", "PYTHONWARNINGS": "error", **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prober", "check", "--fail-on", "none", *arguments]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `prober check` and leaves it running; ended with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, **how: Any) -> subprocess.Popen[bytes]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(), **how}
        running.append(subprocess.Popen(command(*arguments), **streams))
        return running[-1]

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def check(*arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(command(*arguments), capture_output=True, timeout=60, check=False, env=environment(**more))
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


# progress


def on_a_terminal(arguments: Sequence[str], **how: Any) -> tuple[int, bytes, bytes]:
    """Exit code, stdout (a pipe), and what a terminal on stderr showed."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            command(*arguments), stdout=subprocess.PIPE, stderr=theirs, env=environment(), **how
        ) as process:
            os.close(theirs)
            assert process.stdout is not None
            shown, out, streams = b"", b"", {ours, process.stdout.fileno()}
            while streams:
                for stream in select.select(list(streams), [], [])[0]:
                    try:
                        data = os.read(stream, 65536)
                    except OSError:  # EIO: the other end of the terminal is closed
                        data = b""
                    if not data:
                        streams.discard(stream)
                    elif stream == ours:
                        shown += data
                    else:
                        out += data
            return process.wait(60), out, shown
    finally:
        os.close(ours)


def test_progress_is_on_the_terminal_of_stderr_only(web: int) -> None:
    code, out, shown = on_a_terminal(["--format", "json", f"http://127.0.0.1:{web}/"])
    assert code == 0
    assert json.loads(out)["complete"] is True
    assert "1 target × 1 route".encode() in shown
    assert b"1/1" in shown
    assert ESCAPE in shown


@pytest.mark.parametrize("more", [["--quiet"], ["--format", "jsonl"]])
def test_no_progress_where_it_is_not_wanted(web: int, more: list[str]) -> None:
    """Lines on standard output may go to the same terminal, so they go without a bar."""
    code, out, shown = on_a_terminal([f"http://127.0.0.1:{web}/", *more])
    assert code == 0
    assert out
    assert shown == b""


def test_no_progress_without_a_terminal(web: int) -> None:
    done = check(f"http://127.0.0.1:{web}/")
    assert done.stderr == b""
    assert b"1 of 1 probe reached" in done.stdout
    assert ESCAPE not in done.stdout


# reports


def test_a_report_in_a_file_is_whole_or_not_there(web: int, tmp_path: Path) -> None:
    target = f"http://127.0.0.1:{web}/"
    report = tmp_path / "report.json"
    report.write_text("before")
    report.chmod(0o640)
    done = check("--format", "json", "--output", str(report), target)
    assert (done.returncode, done.stdout) == (0, b"")
    assert load(report).complete is True
    assert report.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [report]


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    given: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report.json"
    report.write_text("before")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(given.Conduct(given.plan_of(["a.example"])).document(), "json", report)
    assert report.read_text() == "before"
    assert list(tmp_path.iterdir()) == [report]


@pytest.mark.parametrize("form", ["json", "csv", "svg"])
def test_reports_for_programs_are_utf8_whatever_the_locale(web: int, form: str) -> None:
    more = ("--fail-on", "none", "--egress", "Zürich", f"http://127.0.0.1:{web}/")
    done = check("--format", form, *more, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert ("✔" if form == "svg" else "Zürich") in done.stdout.decode("utf-8")


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_a_full_disk_is_told_and_the_saved_run_is_there(web: int, tmp_path: Path, form: str) -> None:
    saved = tmp_path / "run.json"
    arguments = command("--format", form, "--save", str(saved), f"http://127.0.0.1:{web}/")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            arguments, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False, env=environment()
        )
    assert done.returncode == 3
    assert done.stderr == b"error: the report could not be written: No space left on device\n"
    assert [result.reachable for result in load(saved).results] == [True]


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_reader_that_leaves_ends_it_quietly_and_the_saved_run_is_there(
    start: Start, web: int, silent: int, tmp_path: Path, form: str, workers: str
) -> None:
    saved = tmp_path / "run.json"
    reader, writer = os.pipe()
    os.close(reader)
    targets = [f"http://127.0.0.1:{web}/{number}" for number in range(4)]
    targets += [f"tls://127.0.0.1:{silent}"] * (form == "jsonl")  # what would take its time is not waited for
    process = start(
        "--format", form, "--timeout", "50", "--workers", workers, "--save", str(saved), *targets, stdout=writer
    )
    os.close(writer)
    _, errors = process.communicate(timeout=40)
    assert (process.returncode, errors) == (3, b"")
    run = load(saved)
    assert run.complete is (form == "json")
    assert run.results


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_program_started_without_streams_does_its_work(web: int, tmp_path: Path, form: str) -> None:
    saved = tmp_path / "run.json"
    line = command("--format", form, "--workers", "2", "--save", str(saved), f"http://127.0.0.1:{web}/")
    closing = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *line]
    assert subprocess.run(closing, timeout=60, check=False, env=environment()).returncode == 0
    assert [result.reachable for result in load(saved).results] == [True]


def test_lines_that_cannot_be_begun_are_a_mistake(web: int) -> None:
    done = check("--format", "jsonl", "--output", "/proc/none.jsonl", f"http://127.0.0.1:{web}/")
    assert done.returncode == 2
    assert done.stderr == b"error: --output /proc/none.jsonl: No such file or directory\n"


def test_no_permission_to_write_is_found_before_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from prober.cli.main import app

    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for option in ("--save", "--output"):
        done = CliRunner().invoke(app, ["check", option, str(tmp_path / "run.json"), "a.example"])
        assert done.exit_code == 2
        assert f"{option} {tmp_path}/run.json: no permission to write" in done.stderr


# lines as they come


@pytest.mark.parametrize("to_file", [False, True])
def test_a_line_is_there_while_the_run_goes_on(
    start: Start, web: int, silent: int, tmp_path: Path, to_file: bool
) -> None:
    lines = tmp_path / "lines.jsonl"
    os.mkfifo(lines)
    targets = (f"tls://127.0.0.1:{silent}", f"http://127.0.0.1:{web}/")
    more = ("--output", str(lines)) if to_file else ()
    process = start("--format", "jsonl", "--timeout", "50", *more, *targets)
    assert process.stdout is not None
    with lines.open("rb") if to_file else process.stdout as stream:
        line = stream.readline()
        assert process.poll() is None
    assert json.loads(line)["target"]["id"] == targets[1]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 3


def test_a_result_is_written_once_after_its_last_attempt(given: ModuleType, scripted: Any, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    counts: list[int] = []

    def script(pairs: Sequence[Pair], tell: OnObservation) -> None:
        for _ in range(2):
            for pair in pairs:
                tell(pair, given.seen(pair))
                counts.append(len(lines.read_text().splitlines()))

    conduct = scripted(given.plan_of(["a.example", "b.example"], attempts=2), script)
    with JsonLines(lines) as writer:
        assert probe_until_done(conduct, [writer]) is True
    assert counts == [0, 0, 1, 2]
    assert [len(json.loads(line)["samples"]) for line in lines.read_text().splitlines()] == [2, 2]


# workers


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_dies_makes_the_run_incomplete(
    start: Start, web: int, silent: int, tmp_path: Path, number: signal.Signals
) -> None:
    saved = tmp_path / "run.json"
    quick = [f"http://{name}.test:{web}/" for name in ("one", "two")]
    slow = [f"tls://three.test:{silent}", f"https://four.test:{silent}/"]
    how = ("--workers", "2", "--resolve", "*=127.0.0.1", "--timeout", "50")
    process = start(*how, "--format", "jsonl", "--save", str(saved), *quick, *slow)
    assert process.stdout is not None
    told = {json.loads(process.stdout.readline())["target"]["id"] for _ in quick}
    assert told == set(quick)
    children = psutil.Process(process.pid).children()
    assert len(children) == 2
    children[0].send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert f"a worker process was killed by {number.name} before its share was done".encode() in errors
    assert b"Traceback" not in errors
    run = load(saved)
    assert run.complete is False
    assert {result.target.id for result in run.results} == set(quick)
    assert "interrupted" in {note.id for note in run.notes}
    assert not [child for child in children if child.is_running()]


# families


@pytest.mark.parametrize(
    ("option", "target", "resolve", "peer"),
    [
        ("-4", "http://127.0.0.1:{web}/", None, "127.0.0.1"),
        ("-6", "http://[::1]:{web6}/", None, "[::1]"),
        ("-4", "http://name.example:{web}/", "name.example=127.0.0.1", "127.0.0.1"),
        ("-6", "http://name.example:{web6}/", "name.example=[::1]", "[::1]"),
        # what is written out is meant: a literal and an override stand above the choice of a family
        ("-6", "http://127.0.0.1:{web}/", None, "127.0.0.1"),
        ("-4", "http://[::1]:{web6}/", None, "[::1]"),
        ("-6", "http://name.example:{web}/", "*=127.0.0.1", "127.0.0.1"),
        ("-4", "http://name.example/", "name.example:80=[::1]:{web6}", "[::1]"),
    ],
)
def test_families(web: int, web6: int, option: str, target: str, resolve: str | None, peer: str) -> None:
    ports = {"web": web, "web6": web6}
    more = ("--resolve", resolve.format(**ports)) if resolve else ()
    done = check(option, "--format", "json", "--retries", "0", *more, target.format(**ports))
    (result,) = json.loads(done.stdout)["results"]
    assert result["reachable"] is True, result["failure"]
    assert result["peer"].rpartition(":")[0] == peer


def test_both_families_at_once_are_a_mistake() -> None:
    done = check("-4", "-6", "a.example")
    assert done.returncode == 2
    assert done.stderr == b"error: command line: -4, -6: give one of them\n"
