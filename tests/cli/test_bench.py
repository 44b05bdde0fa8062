"""`prober bench`: what it refuses, what it shows of saved ones, and one small benchmark against the lab's origin."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from prober import catalog, config
from prober.bench.saved import load, save
from prober.cli.bench_command import command_again
from prober.cli.main import app

from ..bench.made import comparison, runs
from .conftest import Done, environment

THEIRS = next(e.target.host for e in catalog.load().entries if "*" not in e.target.host and "{" not in e.target.host)


def bench(*arguments: str | Path) -> Done:
    done = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "140"}).invoke(app, ["bench", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


# refused


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--target is missing"),
        (["--target", f"https://{THEIRS}/"], "this is the vendor's"),
        (["--target", f"https://{THEIRS}/", "--i-may-load-this", "--resolve", "*=127.0.0.1"], "this is the vendor's"),
        (["--target", f"tls://{THEIRS.upper()}", "--via", "http://127.0.0.1:1"], "this is the vendor's"),
        (["--target", "lab", "--via", f"x=http://{THEIRS}:80", "--i-may-load-this"], "this is the vendor's"),
        (["--target", "https://192.0.2.1/"], "--i-may-load-this if it is yours"),
        (["--target", "https://127.0.0.1/", "--via", "x=http://192.0.2.1:3128"], "proxy 1 of x 192.0.2.1"),
        (["--target", "https://some.corp/", "--no-direct", "--via", "http://127.0.0.1:1"], "looks the name up"),
        (["--target", "https://127.0.0.1:9/", "--rate", "5001"], "--max-rate 5001"),
        (["--target", "https://192.0.2.1/", "--i-may-load-this", "--rate", "201"], "without --max-rate 201"),
        (["--target", "lab", "--listen", "nonsense"], "--listen nonsense"),
        (["--target", "lab", "--save", "bench.txt"], "--save bench.txt"),
        (["--target", "lab", "--via", "nowhere"], "nowhere"),
        (["--from", "x.json", "--rate", "5", "--target", "lab"], "without --rate, --target"),
        (["--target", "lab", "--source", "192.0.2.7"], "--source 192.0.2.7: this machine does not have it"),
        (["--target", "lab", "--egress", "paris"], "--egress needs --scheduler"),
        (["--target", "lab", "--tls", "certs"], "--tls needs --scheduler"),
        (["--target", "https://127.0.0.1/", "--scheduler", "tcp://192.0.2.1"], "plain TCP is for loopback only"),
        (["--target", "https://127.0.0.1/", "--scheduler", "tcp://127.0.0.1:9"], "no scheduler at tcp://127.0.0.1:9"),
    ],
)  # fmt: skip
def test_refused_with_exit_code_2(arguments: list[str], says: str) -> None:
    done = bench(*arguments)
    assert done.code == 2
    assert says in done.err
    assert done.out == ""


def test_all_that_agents_have_themselves_is_refused_at_once() -> None:
    done = bench(
        "--scheduler", "tcp://127.0.0.1:9", "--target", "lab", "--source", "127.0.0.1", "-4", "--resolve", "*=127.0.0.1"
    )  # fmt: skip
    assert done.code == 2
    for option in ("--source", "-4", "--resolve"):
        assert f"{option} with --scheduler: each agent has its own" in done.err
    assert "--target lab with --scheduler" in done.err


def test_no_password_is_repeated() -> None:
    done = bench("--target", "https://192.0.2.1/", "--via", "x=http://me:hunter2@192.0.2.9:3128")
    assert done.code == 2
    assert "hunter2" not in done.err


def test_nothing_gets_through() -> None:
    """A probe comes first: what does not work is not loaded, and said as `check` would."""
    done = bench("--target", "https://127.0.0.1:9/", "--rate", "5", "--duration", "1")
    assert done.code == 3
    assert "direct is not loaded, a single probe over it fails: tcp-refused" in done.err


# saved ones


@pytest.mark.parametrize(
    ("format_", "begins", "holds"),
    [
        ("table", "prober 1.0.0 loaded", "Not valid"),
        ("html", "<!doctype html>", "Content-Security-Policy"),
        ("markdown", "# Load on 3 routes", "## Stages"),
        ("json", "{", '"schema": "prober.bench/1"'),
    ],
)
def test_a_saved_one_in_every_form(tmp_path: Path, format_: str, begins: str, holds: str) -> None:
    path, file = tmp_path / "bench.json.zst", tmp_path / "report"
    save(runs(), path)
    done = bench("--from", path, "--format", format_)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert holds in done.out
    assert bench("--from", path, "--format", format_, "--output", file) == Done(0, "", "")
    assert file.read_text(encoding="utf-8").startswith(begins)


def test_a_saved_one_can_be_packed_anew(tmp_path: Path) -> None:
    first, second = tmp_path / "bench.json", tmp_path / "bench.json.gz"
    save(comparison(), first)
    assert bench("--from", first, "--save", second).code == 0
    assert load(second) == comparison()


def test_files_that_are_no_benchmark(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in ("", "{}", '{"schema":"prober.run/1"}', "\x1f\x8b"):
        path.write_text(text, encoding="latin-1")
        done = bench("--from", path)
        assert done.code == 2
        assert str(path) in done.err
    assert bench("--from", tmp_path / "none.json").code == 2


# for real, and small


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "prober", "bench", *map(str, arguments)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_labs_origin_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    with started("--target", "lab", "--rate", "40", "--duration", "2", "--ramp", "1", "--save", path) as program:
        out, err = program.communicate(timeout=100)
    assert program.returncode in (0, 1), err  # how busy this machine is decides
    made = load(path)
    (run,) = made.runs
    assert (run.route, run.purpose, made.complete, made.target.lab) == ("direct", "run", True, True)
    assert run.kpis.offered == 40
    assert run.kpis.spans["target-tls"].count == run.kpis.ended - run.kpis.failed
    assert made.target.addresses == ("127.0.0.1",)
    assert made.command[:4] == ("prober", "bench", "--target", "lab")
    assert "--seed" in made.command
    assert "--workers" in made.command
    assert "loaded 1 route to tls://127.0.0.1:" in out
    assert "   1 s  offered " in err


def test_ctrl_c_ends_it_and_what_was_measured_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    with started("--target", "lab", "--rate", "20", "--duration", "600", "--save", path, "--format", "json") as program:
        assert program.stderr is not None
        seen = [next(line for line in program.stderr if line.startswith("   2 s"))]
        family = psutil.Process(program.pid).children(recursive=True)
        assert len(family) >= 2, "the origin and a generator"
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
    assert program.returncode == 3, (seen, err)
    document = json.loads(out)
    assert (document["complete"], document["stopped"]) == (False, "interrupted")
    assert document["runs"][0]["kpis"]["seconds"] < 100
    assert load(path).runs[0].stopped
    assert not [each for each in family if each.is_running()]


def test_killed_it_leaves_no_process_behind() -> None:
    with started("--target", "lab", "--rate", "20", "--duration", "600") as program:
        assert program.stderr is not None
        assert next(line for line in program.stderr if line.startswith("   1 s"))
        family = psutil.Process(program.pid).children(recursive=True)
        program.kill()
        program.communicate(timeout=60)
    _, left = psutil.wait_procs(family, timeout=30)
    assert len(family) >= 2, "the origin and a generator"
    assert not left


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_before_the_first_run(number: signal.Signals) -> None:
    """The target accepts and says nothing: the single probe that comes first waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with started("--target", f"tls://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "100") as program:
            peer, _ = silent.accept()
            program.send_signal(number)
            out, err = program.communicate(timeout=60)
        peer.close()
    assert (program.returncode, out) == (3, "")
    assert err.splitlines()[-1] == "error: interrupted before anything was loaded"


def test_the_command_for_having_it_again_has_the_routes_of_the_file(tmp_path: Path) -> None:
    """Whoever types it elsewhere has no such file; logins stay out of it."""
    (tmp_path / "prober.yaml").write_text(
        "routes:\n  hq: [{url: 'http://127.0.0.1:3128', user: me}, {url: 'socks5h://127.0.0.1:1080'}]\n"
        "  out: [{url: 'http://127.0.0.1:8'}]\n"
    )
    loaded = config.load(tmp_path / "prober.yaml", {}, {})
    nothing_typed: Any = SimpleNamespace(command=SimpleNamespace(params=[]), params={"seed": 1})
    assert command_again(nothing_typed, loaded, 3) == (
        "prober", "bench", "--via", "hq=http://127.0.0.1:3128,socks5h://127.0.0.1:1080",
        "--via", "out=http://127.0.0.1:8", "--no-direct", "--workers", "3", "--seed", "1",
    )  # fmt: skip


def test_metrics_while_it_runs() -> None:
    with started("--target", "lab", "--rate", "20", "--duration", "600", "--listen", "127.0.0.1:0") as program:
        assert program.stderr is not None
        url = next(line for line in program.stderr if line.startswith("metrics: ")).split()[1]
        assert next(line for line in program.stderr if line.startswith("   1 s"))
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 # our own
            text = answer.read().decode()
        program.send_signal(signal.SIGTERM)
        _, err = program.communicate(timeout=60)
    assert 'prober_bench_run_info{purpose="run",route="direct"} 1.0' in text
    assert 'prober_bench_offered_total{route="direct"}' in text
    assert program.returncode == 3, err
