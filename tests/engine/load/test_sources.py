"""Addresses to connect from: the system's choice unless loopback needs more."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from prober.engine.load import sources
from prober.engine.load.sources import local_ports, sources_for, unusable, waiting_ports

linux = pytest.mark.skipif(sys.platform != "linux", reason="the rule for loopback is Linux's")


@pytest.fixture(autouse=True)
def _usual_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "local_ports", lambda: 28232)


@linux
def test_as_many_as_the_rate_needs() -> None:
    assert sources_for("127.0.0.1", 200) == ()
    assert sources_for("127.0.0.1", 500) == ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    assert len(sources_for("127.0.0.5", 1e9)) == 200
    assert len(set(sources_for("127.0.0.5", 1e9))) == 200


@linux
def test_as_many_as_the_tunnels_need() -> None:
    assert sources_for("127.0.0.1", 50, held=14_000) == ()
    assert sources_for("127.0.0.1", 50, held=30_000) == ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    assert len(sources_for("127.0.0.1", 50, held=50_000)) == 4
    assert len(sources_for("127.0.0.1", 500, held=30_000)) == 3  # the ports that are held do not wait


def test_elsewhere_the_system_chooses() -> None:
    for peer in ("192.0.2.1", "::1", "fe80::1%lo"):
        assert sources_for(peer, 1e6) == ()


def test_as_given() -> None:
    assert sources_for("192.0.2.1", 1, ["192.0.2.7"]) == ("192.0.2.7",)


def test_what_this_machine_does_not_have() -> None:
    assert list(unusable(["127.0.0.1", "192.0.2.7"])) == [("192.0.2.7", "this machine does not have it")]


def test_ports_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 1000 < local_ports() <= 65536
    assert waiting_ports() >= 0

    def unreadable(*_: object, **__: object) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", unreadable)
    assert local_ports() == 28232
    assert waiting_ports() == 0
