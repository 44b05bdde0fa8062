"""How it ends: by whatever signal, at whatever moment; in order, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from .conftest import World
from .serving import Serving


def nothing_left(serving: Serving) -> None:
    """No process, no listener, no file beside the state's."""
    assert serving.left() == []
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(("127.0.0.1", serving.port))
    assert sorted(path.name for path in serving.folder.glob("prober.db*")) == ["prober.db"]
    for trouble in ("Traceback", "never retrieved", "was destroyed", "Exception ignored", "Warning"):
        assert trouble not in serving.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(world: World, number: signal.Signals) -> None:
    world.configure()
    serving = world.start("--workers", "2").ready()
    serving.seen()
    token = re.search(r'data-token="([^"]+)"', serving.ask("/").body)
    assert token
    with socket.create_connection(("127.0.0.1", serving.port)) as watcher:
        path = f"/api/v1/events?from={token[1]}"
        watcher.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{serving.port}\r\n\r\n".encode())
        assert b"200 OK" in watcher.recv(65536)
        serving.signal(number)
        assert serving.ended(8) == 0
        rest = b""
        while data := watcher.recv(65536):
            rest += data
        assert b"event: bye" in rest, "pages that are open are told"
    nothing_left(serving)


def test_the_second_signal_does_not_wait(world: World) -> None:
    world.configure(["a.silent.lab.test"], probe={"timeout": 60}, serve={"grace": 60})
    serving = world.start().ready()
    serving.until(lambda: serving.scrape().value("prober_probes_in_flight"), "a probe in flight")
    serving.signal(signal.SIGTERM)
    serving.until(lambda: serving.ask("/-/ready").status == 503, "the end begun")
    assert serving.ask("/-/healthy").status == 200, "alive until the end"
    began = time.monotonic()
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0
    assert time.monotonic() - began < 4
    nothing_left(serving)


def test_while_workers_start(world: World) -> None:
    world.configure()
    serving = world.start("--workers", "2")
    serving.until(lambda: len(serving.workers()) == 2, "workers on their way")
    serving.signal(signal.SIGTERM)
    assert serving.ended(8) == 0
    assert "listening" not in serving.log
    nothing_left(serving)


def test_while_the_configuration_is_read(world: World) -> None:
    """A signal that comes before there is a loop, which has no handlers yet."""
    world.configure()
    slow = world.folder / "slow.yaml"
    os.mkfifo(slow)
    serving = world.start("--config", str(slow))
    serving.until(lambda: held_up(serving.pid), "the configuration being read")
    serving.signal(signal.SIGHUP)
    serving.signal(signal.SIGTERM)
    assert serving.ended(8) == 0
    assert serving.log == ""


def held_up(pid: int) -> bool:
    """Whether a thread of a process waits for the other end of a named pipe."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        call = (task / "syscall").read_text().split()
        if call[0] == str(_OPENAT) and (task / "stat").read_text().rpartition(")")[2].split()[0] == "S":
            return True
    return False


_OPENAT = {"x86_64": 257, "aarch64": 56}.get(os.uname().machine, -1)


def test_during_a_reload_whose_disk_does_not_answer(world: World) -> None:
    """A file on a dead network drive: reading it never ends. That must keep nobody from ending."""
    world.configure()
    serving = world.start().ready()
    serving.seen()
    (world.folder / "prober.yaml").unlink()
    os.mkfifo(world.folder / "prober.yaml")
    serving.signal(signal.SIGHUP)
    serving.until(lambda: held_up(serving.pid), "the reload under way")
    before = serving.scrape().sum("prober_probes_total")
    serving.until(lambda: serving.scrape().sum("prober_probes_total") > before, "probing all the same")
    serving.signal(signal.SIGTERM)
    assert serving.ended(8) == 0
    nothing_left(serving)


def test_killed_outright_it_leaves_no_orphan_and_can_be_started_at_once(world: World) -> None:
    world.configure()
    serving = world.start("--workers", "2").ready()
    serving.seen()
    workers = serving.workers()
    assert len(workers) == 2
    serving.signal(signal.SIGKILL)
    assert serving.ended() == -signal.SIGKILL
    again = world.start(port=serving.port).ready()
    assert psutil.wait_procs(workers, timeout=8)[1] == []
    assert "Traceback" not in serving.log
    again.signal(signal.SIGTERM)
    assert again.ended(8) == 0
    nothing_left(again)
