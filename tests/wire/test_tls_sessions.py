"""What an established TLS session carries, answers and survives."""

from __future__ import annotations

import pytest

from prober.model import Reason
from prober.wire.layer import NEED_MORE, Done, Failed, Outcome
from prober.wire.tls import ALPN_HTTP, Tls, shared_context

from .handshakes import client, facts, shake
from .tls_peer import OPTIONAL, TLS12, TLS13, Contexts, TlsPeer


def established(contexts: Contexts, version: int = TLS13) -> tuple[Tls, TlsPeer]:
    layer, peer = client(), TlsPeer(contexts(version))
    assert shake(layer, peer)[1] == Done()
    return layer, peer


@pytest.mark.parametrize("size", [1, 16384, 16385, 100_000])
@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_long_messages_travel_whole(contexts: Contexts, version: int, size: int) -> None:
    layer, peer = established(contexts, version)
    message = bytes(i % 251 for i in range(size))
    peer(layer.encrypt(message))
    assert peer.plain == message
    assert layer.decrypt(peer.say(message)) == (message, False)
    assert layer.encrypt(b"") == b""


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_goodbye_in_both_directions(contexts: Contexts, version: int) -> None:
    layer, peer = established(contexts, version)
    assert not layer.closed
    assert layer.decrypt(peer.say(b"last words") + peer.close()) == (b"last words", True)
    assert layer.closed
    assert layer.close_notify() != b""
    assert layer.encrypt(b"too late") == b""


def test_close_notify_in_the_segment_that_ends_the_handshake(contexts: Contexts) -> None:
    layer, peer = client(), TlsPeer(contexts(TLS12))
    middle, outcome = layer.feed(peer(layer.start()))
    assert outcome is NEED_MORE
    finish = peer(middle)
    assert peer.done
    assert layer.feed(finish + peer.say(b"bye") + peer.close())[1] == Done(b"bye")
    assert layer.closed


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_broken_record_fails_and_nothing_more_is_sent(contexts: Contexts, version: int) -> None:
    layer, peer = established(contexts, version)
    record = bytearray(peer.say(b"hello"))
    record[-1] ^= 1
    plain, ended = layer.decrypt(bytes(record))
    assert plain == b""
    assert isinstance(ended, Failed)
    assert ended.reason is Reason.TLS_HANDSHAKE
    assert layer.outgoing() != b""  # the alert
    assert layer.encrypt(b"anything") == b""
    assert layer.close_notify() == b""


def test_a_new_handshake_is_answered_and_data_waits_for_it(contexts: Contexts) -> None:
    """TLS 1.2: some servers ask for a client certificate only after they have seen the request."""
    layer, peer = established(contexts, TLS12)
    peer.connection.set_verify(OPTIONAL, lambda *_: True)
    assert peer.connection.renegotiate()
    peer.connection.do_handshake()
    assert layer.decrypt(peer.outgoing()) == (b"", False)
    said = layer.outgoing() + layer.encrypt(b"waiting")
    for _ in range(5):
        reply = peer(said)
        plain, ended = layer.decrypt(reply)
        assert (plain, ended) == (b"", False)
        said = layer.outgoing()
    assert peer.plain == b"waiting"
    assert peer.connection.total_renegotiations() == 1
    assert facts(layer).client_cert_requested


def test_tls_in_tls(contexts: Contexts) -> None:
    context = contexts()
    outer, inner = client(), client()
    inner_peer = TlsPeer(context, bytes.upper)
    outer_peer = TlsPeer(context, inner_peer)
    assert shake(outer, outer_peer)[1] == Done()
    said = inner.start()
    outcome: Outcome = NEED_MORE
    while outcome is NEED_MORE:
        plain, ended = outer.decrypt(outer_peer(outer.encrypt(said)))
        assert ended is False
        said, outcome = inner.feed(plain)
    assert outcome == Done()
    plain, _ = outer.decrypt(outer_peer(outer.encrypt(said + inner.encrypt(b"hello"))))
    assert inner.decrypt(plain) == (b"HELLO", False)


def test_no_session_is_resumed(contexts: Contexts) -> None:
    context = contexts()
    for _ in range(3):
        layer, peer = client(), TlsPeer(context)
        assert shake(layer, peer)[1] == Done()
        assert facts(layer).chain, "a resumed session shows no certificate"
    assert shared_context("schannel", ALPN_HTTP) is shared_context("schannel", ALPN_HTTP)
    assert shared_context("schannel-pq", ALPN_HTTP) is not shared_context("schannel", ALPN_HTTP)
