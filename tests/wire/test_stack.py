"""Layers on top of each other, and who is blamed for what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from OpenSSL import SSL

from prober.model import Reason, Stage
from prober.wire.exchange import Exchange
from prober.wire.layer import Challenge
from prober.wire.socks import Socks5
from prober.wire.stack import Rung, Stack, as_login

from .tls_peer import NO_ASK, TLS12, TLS13, Contexts, TlsPeer
from .transcripts import LOGIN, target
from .worlds import ANSWER, OK, Cutter, FixedPeer, HttpPeer, Peer, blame, connect, drive, https, make, socks5, tls

ASKED = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"


World = tuple[Callable[[], Stack], Callable[[], Peer]]


def worlds(contexts: Contexts) -> dict[str, World]:
    """Every combination once: the stack and its opposite number."""
    context = contexts()
    old = contexts(TLS12)

    def origin(chosen: object = None) -> TlsPeer:
        return TlsPeer(old if chosen else context, HttpPeer([ANSWER]))

    return {
        "direct": (lambda: make([(tls(), "tls", 0), (https(), "http", 0)]), origin),
        "CONNECT in CONNECT": (
            lambda: make(
                [
                    (connect("p2.test:8080"), "proxy", 1),
                    (connect(), "proxy", 2),
                    (tls(), "tls", 0),
                    (https(), "http", 0),
                ]
            ),
            lambda: HttpPeer([OK], HttpPeer([OK], origin())),
        ),
        "TLS in TLS": (
            lambda: make(
                [(tls(), "proxy-tls", 1), (connect(), "proxy", 1), (tls(), "tls", 0), (https(), "http", 0)],
            ),
            lambda: TlsPeer(context, HttpPeer([OK], origin())),
        ),
        "TLS 1.2 in TLS 1.2": (
            lambda: make(
                [(tls(), "proxy-tls", 1), (connect(), "proxy", 1), (tls(), "tls", 0), (https(), "http", 0)],
            ),
            lambda: TlsPeer(old, HttpPeer([OK], origin("old"))),
        ),
        "SOCKS5, HTTPS proxy, TLS, HTTP": (
            lambda: make(
                [
                    (Socks5("p2.test", 8443), "proxy", 1),
                    (tls(), "proxy-tls", 2),
                    (connect(), "proxy", 2),
                    (tls(), "tls", 0),
                    (https(), "http", 0),
                ]
            ),
            lambda: socks5(b"p2.test", 8443, TlsPeer(context, HttpPeer([OK], origin()))),
        ),
        "absolute form in TLS": (
            lambda: make(
                [
                    (tls(), "proxy-tls", 1),
                    (Exchange(target(), user_agent="ua", proxied=True, via_proxy=True), "http", 0),
                ]
            ),
            lambda: TlsPeer(context, HttpPeer([ANSWER])),
        ),
    }


NAMES = [
    "direct",
    "CONNECT in CONNECT",
    "TLS in TLS",
    "TLS 1.2 in TLS 1.2",
    "SOCKS5, HTTPS proxy, TLS, HTTP",
    "absolute form in TLS",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", [None, -1], ids=["whole", "bytewise"])
def test_chains_reach_the_target(contexts: Contexts, name: str, at: int | None) -> None:
    make_stack, make_peer = worlds(contexts)[name]
    stack = make_stack()
    drive(stack, make_peer(), Cutter(at))
    assert stack.finished
    assert stack.over
    assert stack.failure is None
    assert stack.position == len(stack.rungs)
    last = stack.rung.layer
    assert isinstance(last, Exchange)
    assert last.status == 200
    assert stack.receive(b"late bytes") == b""
    assert stack.receive_eof() == b""
    assert stack.failure is None


@pytest.mark.parametrize("name", NAMES)
def test_chains_do_not_care_about_segments(contexts: Contexts, name: str) -> None:
    make_stack, make_peer = worlds(contexts)[name]
    total = drive(make_stack(), make_peer())
    step = 3 if name == "direct" else 11  # test_tls splits at every byte; here it is about passing on
    for at in range(1, total, step):
        stack = make_stack()
        drive(stack, make_peer(), Cutter(at))
        assert stack.finished, (at, stack.failure)


@pytest.mark.parametrize("name", NAMES)
def test_chains_always_know_where_they_ended(contexts: Contexts, name: str) -> None:
    make_stack, make_peer = worlds(contexts)[name]
    total = drive(make_stack(), make_peer())
    for end in range(0, total, 29):
        stack, left = make_stack(), [end]
        peer = make_peer()

        def short(data: bytes, peer: Peer = peer, left: list[int] = left) -> bytes:
            reply = peer(data)[: left[0]]
            left[0] -= len(reply)
            return reply

        drive(stack, short)
        if stack.finished:
            continue
        before = stack.rung
        stack.receive_eof()
        stage, hop, reason = blame(stack)
        if isinstance(before.layer, Exchange) and before.layer.proxied:  # the proxy's doing, whatever was asked of it
            assert (stage, hop, reason) == ("proxy", 1, "proxy-closed")
        else:
            assert (stage, hop) == (before.stage.value, before.hop)
            assert reason in ("proxy-closed", "tls-handshake-closed", "http-closed")


def test_an_empty_stack_is_finished() -> None:
    stack = Stack([])
    assert stack.finished
    assert stack.start() == stack.receive(b"x") == stack.receive_eof() == stack.farewell() == b""


# sessions


@pytest.mark.parametrize("cut", [None, -1])
@pytest.mark.parametrize("ends", ["inner", "outer", "both"])
def test_the_answer_and_the_goodbye_in_one_segment(contexts: Contexts, ends: str, cut: int | None) -> None:
    """What came before a close_notify is not lost, and the end of the body is seen."""
    page = b"HTTP/1.0 200 OK\r\n\r\nMSCF"
    origin = TlsPeer(contexts(), lambda _: page)
    proxy = TlsPeer(contexts(), HttpPeer([OK], origin))
    exchange = Exchange(target(path="/a.cab"), user_agent="ua")
    stack = make([(tls(), "proxy-tls", 1), (connect(), "proxy", 1), (tls(), "tls", 0), (exchange, "http", 0)])

    def peer(data: bytes) -> bytes:
        reply = proxy(data)
        if origin.plain:
            if ends in ("inner", "both"):
                reply += proxy.say(origin.close())
            if ends in ("outer", "both"):
                reply += proxy.close()
        return reply

    said = stack.start()
    while said and not stack.over:
        said = b"".join([stack.receive(segment) for segment in Cutter(cut)(peer(said))])
    assert stack.finished, stack.failure


@pytest.mark.parametrize("cut", [None, -1])
def test_the_answer_and_a_fault_in_one_segment(contexts: Contexts, cut: int | None) -> None:
    origin = TlsPeer(contexts(TLS12), HttpPeer([ANSWER]))
    stack = make([(tls(), "tls", 0), (https(), "http", 0)])
    broken = b"\x17\x03\x03\x00\x20" + b"\x00" * 32
    drive(stack, lambda data: reply + broken if (reply := origin(data)) and origin.plain else reply, Cutter(cut))
    assert stack.finished
    assert stack.failure is None
    assert (stack.farewell() == b"") is (cut is None), "a session that has broken says nothing more"


def test_a_fault_between_messages_is_the_sessions(contexts: Contexts) -> None:
    proxy = TlsPeer(contexts(), HttpPeer([OK]))
    stack = make([(tls(), "proxy-tls", 1), (connect(), "proxy", 1), (tls(), "tls", 0)])
    drive(stack, proxy)
    alert = stack.receive(b"\x17\x03\x03\x00\x20" + b"\x00" * 32)
    assert blame(stack) == ("proxy-tls", 1, "tls-handshake")
    assert alert.startswith(b"\x17")  # we say why, encrypted


def test_the_proxy_says_goodbye_inside_the_targets_handshake(contexts: Contexts) -> None:
    proxy = TlsPeer(contexts(), HttpPeer([OK]))
    stack = make([(tls(), "proxy-tls", 1), (connect(), "proxy", 1), (tls(), "tls", 0)])
    drive(stack, proxy)
    stack.receive(proxy.close())
    assert blame(stack) == ("tls", 0, "tls-handshake-closed")


def test_goodbye_with_the_end_of_the_handshake(contexts: Contexts) -> None:
    peer = TlsPeer(contexts(TLS12))
    stack = make([(tls(), "tls", 0), (https(), "http", 0)])
    middle = stack.receive(peer(stack.start()))
    stack.receive(peer(middle) + peer.close())
    assert blame(stack) == ("http", 0, "http-closed")


def test_a_new_handshake_in_the_middle(contexts: Contexts) -> None:
    """TLS 1.2 servers may ask for a certificate once they have seen the request."""
    origin = TlsPeer(contexts(TLS12))
    stack = make([(tls(), "tls", 0), (https(), "http", 0)])
    drive(stack, origin)
    assert origin.plain.startswith(b"GET / ")
    assert origin.connection.renegotiate()
    origin.connection.do_handshake()
    said = stack.receive(origin.outgoing())
    while said:
        said = stack.receive(origin(said))
    assert origin.connection.total_renegotiations() == 1
    stack.receive(origin.say(ANSWER))
    assert stack.finished


def test_farewell_reaches_every_peer(contexts: Contexts) -> None:
    make_stack, _ = worlds(contexts)["TLS in TLS"]
    origin = TlsPeer(contexts(), HttpPeer([ANSWER]))
    proxy = TlsPeer(contexts(), HttpPeer([OK], origin))
    stack = make_stack()
    drive(stack, proxy)
    assert stack.finished
    proxy(stack.farewell())
    assert origin.connection.get_shutdown() & 2  # SSL_RECEIVED_SHUTDOWN
    assert not origin.errors
    assert not proxy.errors


# logins and guards


def test_a_login_through_the_stack(contexts: Contexts) -> None:
    inside = HttpPeer([ASKED, OK], TlsPeer(contexts(), HttpPeer([ANSWER])))
    proxy = TlsPeer(contexts(), inside)
    stack = make(
        [(tls(), "proxy-tls", 1), (connect(can_login=True), "proxy", 1), (tls(), "tls", 0), (https(), "http", 0)]
    )
    drive(stack, proxy)
    assert isinstance(stack.challenge, Challenge)
    assert not stack.over
    assert stack.receive(b"") == b""
    said = stack.login(*LOGIN)
    assert stack.challenge is None
    while said:
        reply = proxy(said)
        said = stack.receive(reply) if reply else b""
    assert stack.finished
    assert b"Proxy-Authorization: Basic " not in inside.heads[0]
    assert b"Proxy-Authorization: Basic " in inside.heads[1]


def test_a_login_refused_by_us_leaves_the_refusal() -> None:
    stack = make([(connect(can_login=True), "proxy", 1), (tls(), "tls", 0)])
    drive(stack, HttpPeer([ASKED]))
    stack.refuse_login()
    assert blame(stack) == ("proxy", 1, "proxy-auth-required")
    stack.refuse_login()
    assert blame(stack) == ("proxy", 1, "proxy-auth-required")


@pytest.mark.parametrize("then", ["eof", "bytes"])
def test_what_follows_an_open_challenge_does_not_hide_it(then: str) -> None:
    """A proxy that closes after its 407: more of the page, and the end, may come before anybody has decided."""
    stack = make([(connect(can_login=True), "proxy", 1), (tls(), "tls", 0)])
    drive(stack, HttpPeer([b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nConnection: close\r\n\r\n"]))
    assert stack.challenge is not None
    if then == "eof":
        stack.receive_eof()
    else:
        stack.receive(b"<html>" * 20_000)
    assert stack.failure is None
    stack.refuse_login()
    assert blame(stack) == ("proxy", 1, "proxy-auth-required")


def test_only_layers_with_a_login_can_log_in() -> None:
    with pytest.raises(TypeError, match="Tls cannot log in"):
        as_login(tls())
    assert as_login(connect()).login_state == "none"


def test_a_guard_may_stop_before_the_proxy_hears_anything(contexts: Contexts) -> None:
    seen: list[Stage] = []

    def guard(stack: Stack, rung: Rung) -> None:
        seen.append(rung.stage)
        stack.fail(Reason.CERT_UNTRUSTED, "not this proxy")

    proxy = TlsPeer(contexts(TLS13, NO_ASK), HttpPeer([OK]))
    stack = make([(tls(), "proxy-tls", 1), (connect(), "proxy", 1)], guard)
    drive(stack, proxy)
    assert seen == [Stage.PROXY_TLS]
    assert blame(stack) == ("proxy-tls", 1, "cert-untrusted")
    assert proxy.plain == b""
    assert not stack.finished


def test_a_guard_sees_every_rung_once(contexts: Contexts) -> None:
    seen: list[int] = []
    stack = make(
        [(Socks5("h", 1), "proxy", 1), (connect(), "proxy", 2)], lambda stack, rung: seen.append(stack.position)
    )
    steps = [(b"\x05\x01\x00", b"\x05\x00"), (b"\x05\x01\x00\x03\x01h\x00\x01", b"\x05\x00\x00\x01" + b"\x00" * 6)]
    drive(stack, FixedPeer(steps, HttpPeer([OK])))
    assert stack.finished
    assert seen == [0, 1]


def test_the_goodbye_reaches_the_innermost_session_through_all_others(contexts: Contexts) -> None:
    origin = TlsPeer(contexts(), lambda _: ANSWER)
    second = TlsPeer(contexts(), HttpPeer([OK], origin))
    first = TlsPeer(contexts(), HttpPeer([OK], second))
    exchange = Exchange(target(), user_agent="ua")
    stack = make(
        [
            (tls(), "proxy-tls", 1), (connect(), "proxy", 1), (tls(), "proxy-tls", 2), (connect(), "proxy", 2),
            (tls(), "tls", 0), (exchange, "http", 0),
        ]
    )  # fmt: skip
    drive(stack, first)
    assert stack.finished
    first(stack.farewell())
    assert origin.connection.get_shutdown() & SSL.RECEIVED_SHUTDOWN
    assert not second.connection.get_shutdown() & SSL.RECEIVED_SHUTDOWN
    assert first.errors == second.errors == origin.errors == []
