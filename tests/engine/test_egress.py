"""What the routing table offers, without a packet."""

from __future__ import annotations

import errno
import socket

import pytest

from prober.engine.egress import has_way_out

from .world import no_descriptors_left


def answering(monkeypatch: pytest.MonkeyPatch, number: int | None) -> list[tuple[str, int]]:
    """Make every connect(2) end like that; the addresses asked for."""
    asked: list[tuple[str, int]] = []

    class Socket(socket.socket):
        def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override] # narrower is enough here
            assert self.type == socket.SOCK_DGRAM
            asked.append(address)
            if number is not None:
                raise OSError(number, "as the test says")

    monkeypatch.setattr(socket, "socket", Socket)
    return asked


@pytest.mark.parametrize(
    ("number", "way_out"),
    [(None, True), (errno.ENETUNREACH, False), (errno.EHOSTUNREACH, False), (errno.EADDRNOTAVAIL, False),
     (errno.EACCES, False)],
)  # fmt: skip
def test_the_routing_table_decides(monkeypatch: pytest.MonkeyPatch, number: int | None, way_out: bool) -> None:
    asked = answering(monkeypatch, number)
    assert has_way_out(socket.AF_INET) is way_out
    assert asked == [("192.0.2.1", 443)]


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_ipv6_is_asked_with_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, None)
    assert has_way_out(socket.AF_INET6) is True
    assert asked == [("2001:db8::1", 443)]


def test_a_family_that_the_system_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", unsupported)
    assert has_way_out(socket.AF_INET6) is False


def test_our_own_limits_are_not_the_network_s() -> None:
    with no_descriptors_left():
        assert has_way_out(socket.AF_INET) is True
