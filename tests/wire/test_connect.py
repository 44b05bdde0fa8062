"""CONNECT: any 2xx opens the tunnel, everything else is read as what it is; logins on the same connection."""

from __future__ import annotations

import pytest

from prober.model import Reason
from prober.wire.connect import Connect
from prober.wire.http1 import MAX_HEAD, basic
from prober.wire.layer import NEED_MORE, Challenge, Done, Failed
from prober.wire.login import MAX_REFUSAL_BODY

from .transcripts import LOGIN, Played, bytewise, end_early, play, play_all_cuts, reason_of

REQUEST = (
    b"CONNECT host.test:443 HTTP/1.1\r\nHost: host.test:443\r\nUser-Agent: ua\r\nProxy-Connection: keep-alive\r\n\r\n"
)
AUTHORISED = REQUEST[:-2] + f"Proxy-Authorization: {basic(*LOGIN)}\r\n\r\n".encode()
OK = b"HTTP/1.1 200 Connection established\r\n\r\n"
ASKED = b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="r"\r\n'


def anonymous() -> Connect:
    return Connect("host.test:443", user_agent="ua")


def with_login() -> Connect:
    return Connect("host.test:443", user_agent="ua", can_login=True)


OPENING = [
    OK,
    b"HTTP/1.0 200 OK\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
    b"HTTP/1.1 200\r\n\r\n",
    b"HTTP/1.1 200 OK\nVia: old\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 201 Created\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 299 Whatever\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    b"HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
]


@pytest.mark.parametrize("reply", OPENING)
@pytest.mark.parametrize("leftover", [b"", b"\x16\x03\x03\x00\x01\x00", b"hello\r\n\r\n"])
def test_any_2xx_opens_and_the_rest_travels_on(reply: bytes, leftover: bytes) -> None:
    played = play_all_cuts(anonymous, [reply + leftover])
    assert played == Played((REQUEST, b""), Done(leftover))


@pytest.mark.parametrize("reply", OPENING)
def test_an_early_end_is_proxy_closed(reply: bytes) -> None:
    assert end_early(anonymous, [reply]) == {Reason.PROXY_CLOSED}


def test_ipv6_stays_in_brackets() -> None:
    assert (
        Connect("[2001:db8::1]:443", user_agent="ua")
        .start()
        .startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n")
    )


@pytest.mark.parametrize(
    ("reply", "reason", "status"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n<html>", Reason.PROXY_DENIED, 403),
        (b"HTTP/1.0 502 Bad Gateway\n\n", Reason.PROXY_UPSTREAM_CONNECT, 502),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n", Reason.PROXY_CAPTIVE, 302),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Reason.PROXY_PROTOCOL_ERROR, 101),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n", Reason.NOT_A_PROXY, 404),
        (ASKED + b"\r\n", Reason.PROXY_AUTH_REQUIRED, 407),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.PROXY_PROTOCOL_ERROR, None),
        (b"\x05\x00", Reason.PROXY_PROTOCOL_ERROR, None),
        (b"\x15\x03\x01\x00\x02\x02\x46", Reason.PROXY_PROTOCOL_ERROR, None),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", Reason.PROXY_PROTOCOL_ERROR, None),
        (b"HTTP/1.1 100 C\r\n\r\n" * 17, Reason.PROXY_PROTOCOL_ERROR, None),
    ],
)
def test_refusals(reply: bytes, reason: Reason, status: int | None) -> None:
    played = play_all_cuts(anonymous, [reply])
    assert isinstance(played.outcome, Failed)
    assert (played.outcome.reason, played.outcome.status) == (reason, status)
    assert "host.test:443" in played.outcome.detail


def test_an_endless_head_is_refused() -> None:
    layer = anonymous()
    layer.start()
    outcome = layer.feed(b"HTTP/1.1 200 OK\r\nA: ")[1]
    fed = 0
    while outcome is NEED_MORE:
        fed += 1000
        assert fed < MAX_HEAD + 2000
        outcome = layer.feed(b"a" * 1000)[1]
    assert reason_of(outcome) is Reason.PROXY_PROTOCOL_ERROR


BODIES = [
    (b"Content-Length: 0\r\n\r\n", b""),
    (b"Content-Length: 6\r\n\r\n", b"<html>"),
    (b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\n<ht\r\n3\r\nml>\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize(("framing", "body"), BODIES)
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_login_on_the_same_connection(framing: bytes, body: bytes, before: bytes) -> None:
    played = play_all_cuts(with_login, [before + ASKED + framing + body, OK + b"rest"], login=True)
    assert played == Played((REQUEST, AUTHORISED, b""), Done(b"rest"))


def test_what_the_login_came_to_is_told() -> None:
    layer = with_login()
    play(layer, [[ASKED + b"Content-Length: 0\r\n\r\n"], [OK]], login=True)
    assert (layer.status, layer.offered, layer.login_state) == (200, ("basic",), "accepted")
    layer = with_login()
    play(layer, [[ASKED + b"Content-Length: 0\r\n\r\n"], [ASKED + b"\r\n"]], login=True)
    assert (layer.status, layer.offered, layer.login_state) == (407, ("basic",), "rejected")
    layer = with_login()
    play(layer, [[OK]])
    assert (layer.status, layer.offered, layer.login_state) == (200, (), "none")


def test_a_rejected_login() -> None:
    asked = ASKED + b"Content-Length: 0\r\n\r\n"
    played = play_all_cuts(with_login, [asked, asked], login=True)
    assert reason_of(played.outcome) is Reason.PROXY_AUTH_FAILED
    played = play_all_cuts(with_login, [asked, b"HTTP/1.1 401 No\r\n\r\n"], login=True)
    assert reason_of(played.outcome) is Reason.PROXY_AUTH_FAILED  # seen from tinyproxy
    played = play_all_cuts(with_login, [asked, b"HTTP/1.1 403 No\r\n\r\n"], login=True)
    assert reason_of(played.outcome) is Reason.PROXY_DENIED


def test_a_401_to_nobody_is_no_demand_of_the_proxy() -> None:
    """Only after a login does 401 stand for 407: before it, the password would go to whoever asks like a server."""
    reply = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n'
    assert reason_of(play_all_cuts(with_login, [reply]).outcome) is Reason.PROXY_AUTH_REQUIRED


def test_a_login_sent_at_once() -> None:
    def ready() -> Connect:
        layer = with_login()
        layer.preauthorise(*LOGIN)
        return layer

    assert play_all_cuts(ready, [OK]) == Played((AUTHORISED, b""), Done())
    assert reason_of(play_all_cuts(ready, [ASKED + b"\r\n"]).outcome) is Reason.PROXY_AUTH_FAILED


@pytest.mark.parametrize(
    "rest",
    [
        b"Connection: close\r\nContent-Length: 0\r\n\r\n",
        b"Proxy-Connection: close\r\nContent-Length: 5\r\n\r\n",
        b"\r\n",
        b"\r\n<html>",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Content-Length: 1048576\r\n\r\n" + b"a" * 2**20,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 2**17,
    ],
    ids=["close", "proxy-close", "until-eof", "until-eof-body", "broken chunk", "1 MB", "1 MB of chunks"],
)
def test_a_407_that_ends_the_connection(rest: bytes) -> None:
    reply = ASKED + rest
    segments = [reply[i : i + 4096] for i in range(0, len(reply), 4096)]
    cuts = [[reply], segments, [*bytewise(reply[:400]), reply[400:]]]
    for cut in cuts:
        outcome = play(with_login(), [[each for each in cut if each]]).outcome
        assert isinstance(outcome, Challenge)
        assert (outcome.reusable, outcome.offered) == (False, ("basic",))
        assert outcome.refusal.reason is Reason.PROXY_AUTH_REQUIRED


def test_the_page_of_a_407_is_bounded() -> None:
    layer = with_login()
    layer.start()
    outcome = layer.feed(ASKED + b"Content-Length: 9999999\r\n\r\n")[1]
    fed = 0
    while outcome is NEED_MORE:
        fed += 10_000
        assert fed <= MAX_REFUSAL_BODY + 10_000
        outcome = layer.feed(b"a" * 10_000)[1]
    assert isinstance(outcome, Challenge)


def test_a_proxy_that_closes_inside_its_407_leaves_the_challenge() -> None:
    whole = ASKED + b"Content-Length: 5\r\n\r\nhello"
    assert end_early(with_login, [whole]) == {Reason.PROXY_CLOSED, "challenge"}
    layer = with_login()
    assert play(layer, [[whole[:-1]]]).outcome is NEED_MORE
    outcome = layer.eof()
    assert isinstance(outcome, Challenge)
    assert not outcome.reusable


def test_a_proxy_that_hangs_up_on_the_login_leaves_the_challenge() -> None:
    """It had promised to keep the connection: the login may go out on another one. Once it answers, it answered."""
    asked = ASKED + b"Content-Length: 0\r\n\r\n"
    layer = with_login()
    assert play(layer, [[asked]], login=True).outcome is NEED_MORE
    outcome = layer.eof()
    assert isinstance(outcome, Challenge)
    assert (outcome.reusable, outcome.offered) == (False, ("basic",))
    assert outcome.refusal.status == 407
    layer = with_login()
    play(layer, [[asked], [OK[:20]]], login=True)
    assert reason_of(layer.eof()) is Reason.PROXY_CLOSED


@pytest.mark.parametrize(
    ("offers", "schemes"),
    [
        (b"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n", "negotiate, ntlm"),
        (b'Proxy-Authenticate: Digest realm="a, Basic b", nonce="x", qop="auth"\r\n', "digest"),
        (b"", None),
    ],
)
def test_a_407_without_basic_is_final(offers: bytes, schemes: str | None) -> None:
    reply = b"HTTP/1.1 407 No\r\n" + offers + b"Content-Length: 2\r\n\r\nno"
    played = play_all_cuts(with_login, [reply])
    assert isinstance(played.outcome, Failed)
    assert played.outcome.reason is Reason.PROXY_AUTH_REQUIRED
    assert (f"offering {schemes}" in played.outcome.detail) is (schemes is not None)


def test_without_credentials_no_challenge_is_raised() -> None:
    assert reason_of(play_all_cuts(anonymous, [ASKED + b"\r\n"]).outcome) is Reason.PROXY_AUTH_REQUIRED
