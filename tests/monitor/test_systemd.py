"""What systemd hears."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.monitor.systemd import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        path = str(tmp_path / "notify")
        listening.bind(path)
        listening.setblocking(False)
        yield path, listening


def test_states_arrive(manager: tuple[str, socket.socket]) -> None:
    path, listening = manager
    notifier = Notifier({"NOTIFY_SOCKET": path})
    notifier.ready("two\nlines")
    assert listening.recv(4096) == b"READY=1\nSTATUS=two lines"
    notifier.reloading()
    first, second = listening.recv(4096).split(b"\n")
    assert first == b"RELOADING=1"
    assert int(second.removeprefix(b"MONOTONIC_USEC=")) > 0
    notifier.alive()
    notifier.stopping()
    assert [listening.recv(64), listening.recv(64)] == [b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the abstract namespace is Linux's")
def test_abstract_sockets_are_known() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0prober-{os.getpid()}")
        listening.setblocking(False)
        Notifier({"NOTIFY_SOCKET": f"@prober-{os.getpid()}"}).alive()
        assert listening.recv(64) == b"WATCHDOG=1"


def test_without_systemd_and_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}, {"NOTIFY_SOCKET": "x" * 500}):
        notifier = Notifier(environ)
        notifier.ready("")
        notifier.alive()


def test_a_busy_manager_does_not_stop_us(manager: tuple[str, socket.socket]) -> None:
    path, listening = manager
    notifier = Notifier({"NOTIFY_SOCKET": path})
    for _ in range(10_000):  # far beyond what the socket takes
        notifier.alive()
    assert listening.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000"}, 15.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "30000000"}, None),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, None),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "0"}, None),
        ({"NOTIFY_SOCKET": "/x"}, None),
    ],
)
def test_signs_of_life_are_wanted_twice_in_what_systemd_waits(environ: dict[str, str], interval: float | None) -> None:
    assert Notifier(environ).watchdog_interval == interval
