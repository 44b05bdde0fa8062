"""What systemd is told by the program as a whole, over a socket of the test's own."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from .conftest import World
from .serving import PATIENCE


class Manager:
    """Stands for systemd."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.2)
        self.heard: list[tuple[float, dict[str, str]]] = []

    def listen(self, seconds: float) -> None:
        """Hear what comes within some seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                message = self.socket.recv(4096).decode()
            except TimeoutError:
                continue
            self.heard.append((time.monotonic(), dict(line.partition("=")[::2] for line in message.split("\n"))))

    def until(self, word: str) -> dict[str, str]:
        """Hear until a word comes that was not heard before; all of that message."""
        known = len(self.heard)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.listen(0.05)
            for _, message in self.heard[known:]:
                if word in message:
                    return message
        pytest.fail(f"{word} was not said; heard {self.heard}")


@pytest.fixture
def manager(world: World) -> Iterator[Manager]:
    manager = Manager(str(world.folder / "notify"))
    yield manager
    manager.socket.close()


def test_what_systemd_is_told(world: World, manager: Manager) -> None:
    settings = world.configure()
    environ = {"NOTIFY_SOCKET": str(world.folder / "notify"), "WATCHDOG_USEC": "1000000"}
    serving = world.start(environ=environ)
    ready = manager.until("READY")
    assert ready["STATUS"] == "2 pairs"
    assert serving.ask("/-/ready").status == 200, "it is, when it says so"
    assert manager.heard[0][1] in (ready, {"WATCHDOG": "1"})

    manager.heard.clear()
    manager.listen(2.0)
    signs = [at for at, message in manager.heard if "WATCHDOG" in message]
    assert 3 <= len(signs) <= 5, "every half second: half of what systemd waits"
    assert max(after - before for before, after in pairwise(signs)) < 1.0

    serving.signal(signal.SIGHUP)
    reloading = manager.until("RELOADING")
    assert int(reloading["MONOTONIC_USEC"]) / 1e6 == pytest.approx(time.monotonic(), abs=PATIENCE)
    if not any("READY" in message for at, message in manager.heard if at > manager.heard[0][0]):
        manager.until("READY")

    world.rewrite({**settings, "nonsense": 1})
    serving.signal(signal.SIGHUP)
    said = ""
    while "failed" not in said:
        said = manager.until("READY")["STATUS"]
    assert said == "2 pairs; the last reload failed"

    serving.signal(signal.SIGTERM)
    manager.until("STOPPING")
    assert serving.ended() == 0
