"""SOCKS 4, 4a and 5: every reply, every cut, other servers on the port."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest

from prober.model import Reason
from prober.wire.layer import NEED_MORE, Challenge, Done, Layer
from prober.wire.socks import Socks4, Socks5

from .transcripts import LOGIN, Played, end_early, play, play_all_cuts, reason_of

V4 = IPv4Address("192.0.2.1")
V6 = IPv6Address("2001:db8::1")
GRANTED4 = b"\x00\x5a\x00\x00\x00\x00\x00\x00"
NAME = b"\x05\x01\x00\x03\x09host.test\x01\xbb"
GRANTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
USER, PASSWORD = (each.encode() for each in LOGIN)
SECRET = b"\x01" + bytes([len(USER)]) + USER + bytes([len(PASSWORD)]) + PASSWORD


@pytest.mark.parametrize(
    ("layer", "hello"),
    [
        (lambda: Socks4(V4, 443), b"\x04\x01\x01\xbb\xc0\x00\x02\x01\x00"),
        (lambda: Socks4(V4, 443, user_id="me"), b"\x04\x01\x01\xbb\xc0\x00\x02\x01me\x00"),
        (lambda: Socks4("host.test", 443), b"\x04\x01\x01\xbb\x00\x00\x00\x01\x00host.test\x00"),
        (lambda: Socks4("host.test", 80, user_id="me"), b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00host.test\x00"),
    ],
)
@pytest.mark.parametrize("leftover", [b"", b"\x16\x03\x01 rest"])
def test_socks4(layer: Callable[[], Layer], hello: bytes, leftover: bytes) -> None:
    assert play_all_cuts(layer, [GRANTED4 + leftover]) == Played((hello, b""), Done(leftover))
    assert end_early(layer, [GRANTED4]) == {Reason.PROXY_CLOSED}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0x5B, Reason.PROXY_UPSTREAM_CONNECT),
        (0x5C, Reason.PROXY_AUTH_REQUIRED),
        (0x5D, Reason.PROXY_AUTH_FAILED),
        (0x00, Reason.PROXY_PROTOCOL_ERROR),
        (0xFF, Reason.PROXY_PROTOCOL_ERROR),
    ],
)
def test_socks4_refusals(code: int, reason: Reason) -> None:
    played = play_all_cuts(lambda: Socks4(V4, 443), [b"\x00" + bytes([code]) + b"\0" * 6 + b"more"])
    assert reason_of(played.outcome) is reason


@pytest.mark.parametrize(
    ("address", "request_"),
    [
        ("host.test", NAME),
        (V4, b"\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"),
        (V6, b"\x05\x01\x00\x04" + V6.packed + b"\x01\xbb"),
        ("a" * 255, b"\x05\x01\x00\x03\xff" + b"a" * 255 + b"\x01\xbb"),
    ],
)
@pytest.mark.parametrize(
    "granted",
    [
        GRANTED,
        b"\x05\x00\x00\x04" + b"\x00" * 18,
        b"\x05\x00\x00\x03\x00\x00\x00",
        b"\x05\x00\x00\x03\x05proxy\x00\x50",
        b"\x05\x00\x00\x03\xff" + b"p" * 255 + b"\x00\x50",
    ],
    ids=["bound v4", "bound v6", "empty name", "name", "long name"],
)
def test_socks5_without_login(address: IPv4Address | IPv6Address | str, request_: bytes, granted: bytes) -> None:
    def make() -> Layer:
        return Socks5(address, 443)

    played = play_all_cuts(make, [b"\x05\x00", granted + b"rest"])
    assert played == Played((b"\x05\x01\x00", request_, b""), Done(b"rest"))
    assert end_early(make, [b"\x05\x00", granted]) == {Reason.PROXY_CLOSED}


def with_login() -> Socks5:
    return Socks5("host.test", 443, can_login=True)


def ready() -> Socks5:
    layer = with_login()
    layer.preauthorise(*LOGIN)
    return layer


@pytest.mark.parametrize("make", [with_login, ready])
@pytest.mark.parametrize("version", [b"\x01", b"\x05"], ids=["RFC 1929", "misread"])
def test_socks5_with_a_password(make: Callable[[], Socks5], version: bytes) -> None:
    played = play_all_cuts(make, [b"\x05\x02", version + b"\x00", GRANTED + b"rest"], login=True)
    assert played == Played((b"\x05\x02\x00\x02", SECRET, NAME, b""), Done(b"rest"))
    early = end_early(make, [b"\x05\x02", version + b"\x00", GRANTED], login=True)
    assert early == {Reason.PROXY_CLOSED, Reason.PROXY_AUTH_FAILED}


def test_socks5_password_is_not_sent_where_nobody_asks() -> None:
    layer = ready()
    played = play(layer, [[b"\x05\x00"], [GRANTED]])
    assert played == Played((b"\x05\x02\x00\x02", NAME, b""), Done())
    assert (layer.login_state, layer.offered, layer.status) == ("none", (), 0)


def test_socks5_replies_in_one_segment() -> None:
    """A proxy that answers before it is asked; odd, but nothing is lost."""
    assert play(Socks5("host.test", 443), [[b"\x05\x00" + GRANTED + b"rest"]]).outcome == Done(b"rest")
    assert play(ready(), [[b"\x05\x02\x01\x00" + GRANTED + b"rest"]]).outcome == Done(b"rest")


def test_socks5_challenge() -> None:
    layer = with_login()
    outcome = play(layer, [[b"\x05\x02"]]).outcome
    assert isinstance(outcome, Challenge)
    assert (outcome.offered, outcome.reusable, outcome.refusal.reason) == (
        ("password",),
        True,
        Reason.PROXY_AUTH_REQUIRED,
    )


def test_socks5_rejected_password() -> None:
    layer = with_login()
    played = play(layer, [[b"\x05\x02"], [b"\x01\x01"]], login=True)
    assert reason_of(played.outcome) is Reason.PROXY_AUTH_FAILED
    assert layer.login_state == "rejected"
    layer = with_login()
    play(layer, [[b"\x05\x02"]], login=True)
    assert reason_of(layer.eof()) is Reason.PROXY_AUTH_FAILED
    assert layer.login_state == "rejected"
    layer = with_login()
    play(layer, [[b"\x05\x02"], [b"\x01\x00"]], login=True)
    assert reason_of(layer.eof()) is Reason.PROXY_CLOSED
    assert layer.login_state == "accepted"


def test_socks5_long_logins_are_cut_to_what_the_protocol_carries() -> None:
    assert Socks5("h", 1).login("u" * 300, "p" * 300) == b"\x01\xff" + b"u" * 255 + b"\xff" + b"p" * 255


@pytest.mark.parametrize(
    ("rep", "reason"),
    [
        (1, Reason.PROXY_INTERNAL),
        (2, Reason.PROXY_DENIED),
        (3, Reason.PROXY_UPSTREAM_CONNECT),
        (4, Reason.PROXY_UPSTREAM_CONNECT),
        (5, Reason.PROXY_UPSTREAM_CONNECT),
        (6, Reason.PROXY_UPSTREAM_TIMEOUT),
        (7, Reason.PROXY_PROTOCOL_ERROR),
        (8, Reason.PROXY_PROTOCOL_ERROR),
        (9, Reason.PROXY_PROTOCOL_ERROR),
        (255, Reason.PROXY_PROTOCOL_ERROR),
    ],
)
@pytest.mark.parametrize("rest", [b"", b"\x00\x01\x00\x00\x00\x00\x00\x00"])
def test_socks5_refusals(rep: int, reason: Reason, rest: bytes) -> None:
    layer = Socks5("host.test", 443)
    assert reason_of(play(layer, [[b"\x05\x00"], [b"\x05" + bytes([rep]) + rest]]).outcome) is reason
    assert layer.status == rep
    played = play_all_cuts(lambda: Socks5("host.test", 443), [b"\x05\x00", b"\x05" + bytes([rep]) + rest])
    assert reason_of(played.outcome) is reason


@pytest.mark.parametrize(
    ("make", "messages", "reason"),
    [
        (with_login, [b"\x05\xff"], Reason.PROXY_AUTH_REQUIRED),
        (lambda: Socks5("h", 1), [b"\x05\xff"], Reason.PROXY_AUTH_REQUIRED),
        (lambda: Socks5("h", 1), [b"\x05\x02"], Reason.PROXY_PROTOCOL_ERROR),
        (with_login, [b"\x05\x01"], Reason.PROXY_PROTOCOL_ERROR),
        (ready, [b"\x05\x02", b"\x02\x00"], Reason.PROXY_PROTOCOL_ERROR),
        (lambda: Socks5("h", 1), [b"\x05\x00", b"\x04\x00"], Reason.PROXY_PROTOCOL_ERROR),
        (lambda: Socks5("h", 1), [b"\x05\x00", b"\x05\x00\x00\x02\x00\x00"], Reason.PROXY_PROTOCOL_ERROR),
    ],
    ids=["none acceptable", "no login held", "not offered", "gssapi", "login version", "version", "address type"],
)
def test_socks5_protocol_errors(make: Callable[[], Layer], messages: list[bytes], reason: Reason) -> None:
    assert reason_of(play_all_cuts(make, messages).outcome) is reason


@pytest.mark.parametrize("make", [lambda: Socks4(V4, 443), lambda: Socks5("host.test", 443), with_login])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.NOT_A_PROXY),
        (b"<html>", Reason.NOT_A_PROXY),
        (b"\r\n\r\n<html>", Reason.NOT_A_PROXY),
        (b"\x15\x03\x01\x00\x02\x02\x46", Reason.NOT_A_PROXY),
        (b"\x16\x03\x03\x00\x30", Reason.NOT_A_PROXY),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.PROXY_PROTOCOL_ERROR),
        (b"\x01\x00", Reason.PROXY_PROTOCOL_ERROR),
        (b" " * 200, Reason.PROXY_PROTOCOL_ERROR),
    ],
)
def test_another_kind_of_server_in_every_cut(make: Callable[[], Layer], answer: bytes, reason: Reason) -> None:
    assert reason_of(play_all_cuts(make, [answer]).outcome) is reason
    for size in range(1, len(answer)):  # it did answer, only not in SOCKS
        layer = make()
        if play(layer, [[answer[:size]]]).outcome is NEED_MORE:
            assert reason_of(layer.eof()) in (Reason.NOT_A_PROXY, Reason.PROXY_PROTOCOL_ERROR)


def test_versions_of_each_other() -> None:
    assert reason_of(play_all_cuts(lambda: Socks4(V4, 1), [b"\x05\x00"]).outcome) is Reason.PROXY_PROTOCOL_ERROR
    assert reason_of(play_all_cuts(lambda: Socks5(V4, 1), [GRANTED4]).outcome) is Reason.PROXY_PROTOCOL_ERROR


def test_anonymous_first_offers_no_password_until_it_is_demanded() -> None:
    """A server that would do without a login may choose one if it is offered: our doing, not its demand."""
    asking = Socks5("target.test", 443, can_login=True, anonymous_first=True)
    assert asking.start() == b"\x05\x01\x00"
    sent, outcome = asking.feed(b"\x05\xff")
    assert sent == b""
    assert isinstance(outcome, Challenge)
    assert (outcome.reusable, outcome.offered, outcome.refusal.reason) == (
        False,
        ("password",),
        Reason.PROXY_AUTH_REQUIRED,
    )
    again = Socks5("target.test", 443, can_login=True, anonymous_first=True)
    again.preauthorise("u", "p")
    assert again.start() == b"\x05\x02\x00\x02"
    assert again.feed(b"\x05\x02")[0] == b"\x01\x01u\x01p"


def test_anonymous_first_is_content_without_a_login() -> None:
    layer = Socks5("target.test", 443, can_login=True, anonymous_first=True)
    layer.start()
    sent, outcome = layer.feed(b"\x05\x00")
    assert sent.startswith(b"\x05\x01\x00\x03")
    assert outcome is NEED_MORE
    assert layer.offered == ()
