"""As the unit and the image have it: every address, users, nothing writable but the state, few system calls."""

from __future__ import annotations

import base64
import ctypes
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import bcrypt
import pytest

from .confined import LIBRARY, allowed, sets_of_systemd
from .conftest import World
from .places import read_only
from .serving import Samples, Serving, free_port

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "prober-serve.service"
USER, PASSWORD = "prometheus", "correct-horse-battery"
LOGIN = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
WRONG = {"Authorization": "Basic " + base64.b64encode(f"{USER}:wrong".encode()).decode()}


@pytest.fixture
def confined() -> list[str]:
    """What to put before a command so that it can call what the unit allows, and no more."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        pytest.skip(f"{error}: apt-get install libseccomp2")
    return [sys.executable, str(Path(__file__).with_name("confined.py")), str(UNIT)]


def scraped(serving: Serving) -> Samples:
    answer = serving.ask("/metrics", headers=LOGIN)
    assert answer.status == 200, answer
    return Samples(answer.body)


def pairs(serving: Serving) -> float | None:
    return scraped(serving).value("prober_scheduled_pairs")


def test_the_filter_is_there_and_lets_out_what_the_unit_names(confined: Sequence[str]) -> None:
    """The premise of the next test."""
    calls = allowed(UNIT.read_text(encoding="utf-8"), sets_of_systemd())
    assert {"prlimit64", "setrlimit", "execve", "openat", "connect"} <= calls
    assert not {"setpriority", "sched_setaffinity", "chroot", "mount", "ptrace"} & calls
    tries = "import os\ntry:\n    os.setpriority(os.PRIO_PROCESS, 0, 5)\nexcept PermissionError:\n    print('refused')"
    done = subprocess.run(
        [*confined, sys.executable, "-c", tries], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "refused\n"


def test_it_works_as_deployed(world: World, confined: Sequence[str]) -> None:
    state, port = world.folder / "state", free_port()
    state.mkdir()
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (world.folder / "web.yml").write_text(f"basic_auth_users:\n  {USER}: {hashed}\n")
    settings = world.configure(serve={"web_config": "web.yml"})
    before = {each.name for each in world.folder.iterdir()}
    serving = world.start(
        *("--web.listen-address", f"0.0.0.0:{port}", "--log-format", "json"),
        port=port,
        environ={"PROBER_SERVE__STATE": str(state / "prober.db")},
        wrap=[*read_only(world.folder, state), *confined],
    )
    serving.ready()
    assert serving.ask("/-/healthy").status == 200
    assert serving.ask("/metrics").status == 401
    assert serving.ask("/metrics", headers=WRONG).status == 401
    assert serving.ask("/", headers=LOGIN).status == 200
    serving.until(
        lambda: (scraped(serving).value("prober_probes_total", result="success") or 0) >= 2,
        "probes that reached a target",
    )
    assert pairs(serving) == 2
    assert scraped(serving).value("prober_state_store_ok") == 1

    world.configure(("a.contoso.test",), serve={"web_config": "web.yml"})
    serving.signal(signal.SIGHUP)
    serving.until(lambda: pairs(serving) == 1, "the new configuration")
    world.rewrite(settings)

    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0, serving.log[-4000:]
    assert serving.left() == []
    assert (state / "prober.db").stat().st_size > 0
    written = {each.name for each in world.folder.iterdir()} - before
    assert written == {serving.log_file.name}, "beside what the test itself keeps"
    for word in ("Traceback", "not permitted", "Read-only"):
        assert word not in serving.log, serving.log[-4000:]


def test_the_place_is_read_only_but_for_the_state(tmp_path: Path) -> None:
    """The other premise."""
    state = tmp_path / "state"
    state.mkdir()
    tries = "touch state/yes && ! touch no 2>/dev/null"
    subprocess.run([*read_only(tmp_path, state), "sh", "-c", tries], cwd=tmp_path, timeout=60, check=True)
    assert [each.name for each in tmp_path.iterdir()] == ["state"]
    assert [each.name for each in state.iterdir()] == ["yes"]
