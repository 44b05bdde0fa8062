"""The units: systemd accepts them and finds them hardened; they fit how `prober serve` behaves."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
SERVE = FOLDER / "prober-serve.service"
WORST_EXPOSURE = 1.5
"""As `systemd-analyze security` counts: 10 is no protection at all, below 2 is rare for something with a network."""


def settings(file: Path) -> dict[str, list[str]]:
    """Each key with its values in order."""
    found: dict[str, list[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";", "[")):
            found.setdefault(key, []).append(value)
    return found


def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


def test_it_fits_what_serve_does() -> None:
    unit = settings(SERVE)
    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    assert unit["KillMode"] == ["mixed"]
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == ["2"], "a wrong configuration does not get better by itself"
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert re.fullmatch(r"\d+s", unit["WatchdogSec"][0])
    assert int(unit["TimeoutStopSec"][0].removesuffix("s")) > 10, "more than serve.grace"
    [command] = unit["ExecStart"]
    assert command.split()[1] == "serve"
    assert unit["StateDirectory"] == ["prober"]
    assert unit["Environment"] == ["PROBER_SERVE__STATE=/var/lib/prober/prober.db"]
    assert unit["ProtectSystem"] == ["strict"]
    assert int(unit["LimitNOFILE"][0]) >= 16_384


def test_a_worker_without_memory_does_not_end_the_unit() -> None:
    assert settings(SERVE)["OOMPolicy"] == ["continue"]


def test_both_units_have_a_state_directory_of_their_own() -> None:
    """Their users are made up at the start: what one has made the other may not open."""
    check = FOLDER / "prober-check.service"
    theirs = {unit.name: settings(unit) for unit in (SERVE, check)}
    assert all(unit["DynamicUser"] == ["yes"] for unit in theirs.values())
    directories = {name: unit["StateDirectory"] for name, unit in theirs.items()}
    assert directories == {"prober-serve.service": ["prober"], "prober-check.service": ["prober-check"]}
    for name, unit in theirs.items():
        [directory] = unit["StateDirectory"]
        assert unit["WorkingDirectory"] == [f"/var/lib/{directory}"]
        paths = re.findall(r"/var/lib/([\w.-]+)", FOLDER.joinpath(name).read_text(encoding="utf-8"))
        assert set(paths) == {directory}, name


def test_passwords_come_as_credentials() -> None:
    text = (FOLDER / "prober-serve.service.d" / "passwords.conf").read_text(encoding="utf-8")
    [line] = re.findall(r"^LoadCredential=(\w+):(\S+)$", text, re.MULTILINE)
    assert f"/run/credentials/{SERVE.name}/{line[0]}" in text, "where prober.yaml finds it"


def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    """With the program that they start replaced by one that is there."""
    for unit in [*FOLDER.glob("*.service"), *FOLDER.glob("*.timer")]:
        text = unit.read_text(encoding="utf-8").replace("/opt/prober/bin/prober", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    shutil.copytree(FOLDER / "prober-serve.service.d", tmp_path / "prober-serve.service.d")
    for name in ("prober-serve.service", "prober-check.service", "prober-check.timer"):
        done = subprocess.run(
            [analyze(), "verify", "--man=no", tmp_path / name], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert str(tmp_path) not in done.stderr, "no remark on our own lines"
        assert name not in done.stderr


def test_systemd_finds_it_hardened() -> None:
    done = subprocess.run(
        [analyze(), "security", "--offline=true", "--no-pager", SERVE],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure is not None, done.stderr
    assert float(exposure[1]) <= WORST_EXPOSURE
