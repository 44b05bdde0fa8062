"""Who is blamed: stage, hop and reason of every way a stack can fail."""

from __future__ import annotations

import pytest

from prober.model import Reason, Stage
from prober.wire.exchange import Exchange
from prober.wire.stack import Rung, Stack

from .tls_peer import REQUIRED, TLS12, TLS13, Contexts, TlsPeer
from .transcripts import target
from .worlds import ANSWER, OK, Cutter, HttpPeer, blame, connect, drive, https, make, tls


@pytest.mark.parametrize("cut", [None, -1])
@pytest.mark.parametrize(
    ("behind", "reason"),
    [
        (b"<html>Please log in", "proxy-captive"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "proxy-captive"),
        (b"SSH-2.0-OpenSSH", "proxy-protocol-error"),
        (b"\x00\x01", "proxy-protocol-error"),
    ],
)
def test_clear_text_behind_a_proxy(behind: bytes, reason: str, cut: int | None) -> None:
    stack = make([(connect("p2.test:80"), "proxy", 1), (connect(), "proxy", 2), (tls(), "tls", 0)])
    drive(stack, HttpPeer([OK], HttpPeer([OK + behind])), Cutter(cut))
    assert blame(stack) == ("proxy", 2, reason)


@pytest.mark.parametrize("cut", [None, -1])
@pytest.mark.parametrize("answer", [b"<html>", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 smtp\r\n"])
def test_clear_text_without_a_proxy(answer: bytes, cut: int | None) -> None:
    stack = make([(tls(), "tls", 0)])
    drive(stack, lambda _: answer if stack.failure is None else b"", Cutter(cut))
    assert blame(stack) == ("tls", 0, "tls-handshake")
    stack = make([(tls(), "proxy-tls", 1), (connect(), "proxy", 1)])
    drive(stack, lambda _: answer if stack.failure is None else b"", Cutter(cut))
    assert blame(stack) == ("proxy-tls", 1, "tls-handshake")


def test_a_portal_that_closes_before_it_can_be_told() -> None:
    stack = make([(connect(), "proxy", 1), (tls(), "tls", 0)])
    drive(stack, HttpPeer([OK + b"HTT"]))
    assert stack.failure is None
    stack.receive_eof()
    assert blame(stack) == ("proxy", 1, "proxy-protocol-error")


def test_200_and_then_the_end() -> None:
    stack = make([(connect(), "proxy", 1), (tls(), "tls", 0)])
    drive(stack, HttpPeer([OK]))
    stack.receive_eof()
    assert blame(stack) == ("tls", 0, "tls-handshake-closed")


def test_a_refusal_of_the_second_proxy() -> None:
    stack = make([(connect("p2.test:80"), "proxy", 1), (connect(), "proxy", 2), (tls(), "tls", 0)])
    drive(stack, HttpPeer([OK], HttpPeer([b"HTTP/1.1 403 No\r\n\r\n"])))
    assert blame(stack) == ("proxy", 2, "proxy-denied")
    assert stack.failure is not None
    assert stack.failure.status == 403


def test_a_reset_blames_the_rung_in_progress_and_the_first_failure_stands() -> None:
    stack = make([(connect(), "proxy", 1), (tls(), "tls", 0)])
    drive(stack, HttpPeer([OK]))
    stack.fail(Reason.TCP_RESET, "ECONNRESET")
    assert blame(stack) == ("tls", 0, "tcp-reset")
    stack.fail(Reason.INTERNAL, "later", Stage.PROXY, 7, 500)
    assert blame(stack) == ("tls", 0, "tcp-reset")
    assert stack.receive(b"\x16") == b""
    other = make([(tls(), "tls", 0)])
    other.fail(Reason.PROXY_TIMEOUT, "caller knows", Stage.PROXY, 3, 504)
    assert blame(other) == ("proxy", 3, "proxy-timeout")


@pytest.mark.parametrize(("status", "reason"), [(403, "proxy-denied"), (407, "proxy-auth-required")])
@pytest.mark.parametrize("last_hop", [0, 2])
def test_a_proxys_answer_to_a_plain_request_is_the_last_proxys(status: int, reason: str, last_hop: int) -> None:
    """The second proxy has no rung of its own: the request itself goes to it."""
    exchange = Exchange(target(), user_agent="ua", proxied=True, via_proxy=True)
    rungs = [Rung(connect("p2.test:80"), Stage.PROXY, 1), Rung(exchange, Stage.HTTP, 0)]
    stack = Stack(rungs, last_hop=last_hop)
    drive(stack, HttpPeer([OK], HttpPeer([f"HTTP/1.1 {status} No\r\n\r\n".encode()])))
    assert blame(stack) == ("proxy", last_hop, reason)


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("cut", [None, -1])
def test_a_missing_client_certificate(contexts: Contexts, version: int, cut: int | None) -> None:
    """In TLS 1.3 the complaint comes when the request is already on its way."""
    context = contexts(version, REQUIRED)
    stack = make([(tls(), "tls", 0), (https(), "http", 0)])
    drive(stack, TlsPeer(context, HttpPeer([ANSWER])), Cutter(cut))
    assert blame(stack) == ("tls", 0, "client-cert-required")
    stack = make([(tls(), "proxy-tls", 1), (connect(), "proxy", 1), (tls(), "tls", 0)])
    drive(stack, TlsPeer(context, HttpPeer([OK])), Cutter(cut))
    assert blame(stack) == ("proxy-tls", 1, "proxy-client-cert-required")


def test_a_missing_client_certificate_inside_a_tunnel(contexts: Contexts) -> None:
    stack = make([(tls(), "proxy-tls", 1), (connect(), "proxy", 1), (tls(), "tls", 0), (https(), "http", 0)])
    drive(stack, TlsPeer(contexts(), HttpPeer([OK], TlsPeer(contexts(TLS13, REQUIRED), HttpPeer([ANSWER])))))
    assert blame(stack) == ("tls", 0, "client-cert-required")


def test_a_plain_failure_of_the_proxys_tls(contexts: Contexts) -> None:
    stack = make([(tls(), "proxy-tls", 1), (connect(), "proxy", 1)])
    drive(stack, lambda _: b"\x15\x03\x03\x00\x02\x02\x28" if stack.failure is None else b"")
    assert blame(stack) == ("proxy-tls", 1, "tls-handshake")
