"""What `prober serve` says before it serves; tests/serve has the program as it runs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prober.cli.main import app

from .conftest import RunProber

CONFIG = """\
catalogs: [own.yaml]
egress: paris
routes:
  direct: []
  hq: [{url: "http://svc:hunter22@proxy.corp:8080"}]
serve: {interval: 60, intervals: {CONTOSO/slow: 600}}
"""
CATALOG = """\
service: CONTOSO
groups:
  - {name: web, targets: [{id: a, host: a.contoso.test}, {id: b, host: b.contoso.test}]}
  - {name: slow, targets: [{id: s, host: s.contoso.test}]}
"""


def test_help_says_what_matters(prober: RunProber) -> None:
    done = prober("serve", "--help")
    assert done.code == 0
    said = " ".join(done.out.replace("│", " ").split())
    for word in ("--web.listen-address", "--web.config.file", "127.0.0.1:9464", "--state", "--no-state", "prober.db",
                 "--shard", "--workers", "--interval", "--confirm", "--dry-run", "SIGHUP", "/-/reload", "SIGTERM",
                 "/probe", "Prometheus", "Exit codes", "Examples:", "kill -HUP"):  # fmt: skip
        assert word in said, word


def test_a_dry_run_shows_every_pair_and_starts_nothing(prober: RunProber, tmp_path: Path) -> None:
    (tmp_path / "prober.yaml").write_text(CONFIG)
    (tmp_path / "own.yaml").write_text(CATALOG)
    done = prober("serve", "--dry-run", "--web.listen-address", "192.0.2.1:1", "--workers", "3")
    assert done.code == 0
    lines = [line.split("\t") for line in done.out.splitlines()]
    assert lines == [
        [f"contoso.{name}", route, hops, f"every {seconds} s"]
        for name, seconds in (("web.a", 60), ("web.b", 60), ("slow.s", 600))
        for route, hops in (("direct", "direct"), ("hq", "http://proxy.corp:8080"))
    ]
    assert done.err.splitlines()[-1] == "6 pairs (shard 0/1), 0.1 probes a second"
    assert "hunter22" not in done.out + done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.yaml", "prober.yaml"]


def test_shares_of_a_dry_run_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prober.yaml").write_text(CONFIG)
    (tmp_path / "own.yaml").write_text(CATALOG)
    monkeypatch.chdir(tmp_path)

    def pairs(*options: str) -> list[str]:
        done = CliRunner().invoke(app, ["serve", "--dry-run", *options])
        assert done.exit_code == 0
        return done.stdout.splitlines()

    parts = [pairs("--shard", f"{number}/3") for number in range(3)]
    assert sorted(line for part in parts for line in part) == sorted(pairs())


def test_signals_are_as_before_when_it_has_ended(tmp_path: Path) -> None:
    (tmp_path / "prober.yaml").write_text(CONFIG)
    (tmp_path / "own.yaml").write_text(CATALOG)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    config = (tmp_path / "prober.yaml").read_text().replace("own.yaml", str(tmp_path / "own.yaml"))
    (tmp_path / "prober.yaml").write_text(config)
    done = CliRunner().invoke(app, ["serve", "--dry-run", "--config", str(tmp_path / "prober.yaml")])
    assert done.exit_code == 0
    assert [signal.getsignal(number) for number in numbers] == before
