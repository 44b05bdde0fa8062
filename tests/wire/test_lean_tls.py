"""The lean handshake against a real server over memory BIOs: as the full one, but for what it leaves out."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Reason
from prober.wire.layer import NEED_MORE, Done, Failed, NotTls
from prober.wire.lean_tls import LeanTls, lean_context
from prober.wire.tls import ALPN_HTTP, MAX_HANDSHAKE, server_name

from .handshakes import shake
from .tls_peer import NO_ASK, REQUIRED, TLS12, TLS13, Contexts, TlsPeer
from .transcripts import Cut, bytewise, whole

CLEAR = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def client(**how: bool) -> LeanTls:
    return LeanTls("host.test", lean_context(ALPN_HTTP, **how))


@pytest.mark.parametrize("cut", [whole, bytewise], ids=["whole", "bytewise"])
@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_handshake_and_what_is_said_inside(contexts: Contexts, version: int, cut: Cut) -> None:
    layer = client()
    peer = TlsPeer(contexts(version, alpn=b"http/1.1"))
    assert layer.leaf is None
    assert shake(layer, peer, cut)[1] == Done()
    assert layer.leaf is not None
    assert layer.leaf.startswith(b"\x30\x82")
    assert layer.chain[0] == layer.leaf
    assert (layer.group or "").lower() == "x25519"
    assert peer.connection.get_servername() == b"host.test"
    assert peer.connection.get_cipher_name() in ("TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256")
    peer(layer.encrypt(b"hello" * 9000))
    assert peer.plain == b"hello" * 9000
    assert layer.decrypt(peer.say(b"world" * 9000)) == (b"world" * 9000, False)
    peer(layer.close_notify())
    assert peer.connection.get_shutdown()


def test_first_words_that_come_with_the_handshake_are_read_with_the_next(contexts: Contexts) -> None:
    layer = client()
    peer = TlsPeer(contexts(TLS12))
    sent, outcome = layer.feed(peer(layer.start()))
    assert outcome is NEED_MORE
    sent, outcome = layer.feed(peer(sent) + peer.say(b"early "))
    assert outcome == Done()
    assert layer.decrypt(peer.say(b"words")) == (b"early words", False)


def test_the_peer_says_goodbye(contexts: Contexts) -> None:
    layer = client()
    peer = TlsPeer(contexts(TLS13))
    shake(layer, peer)
    peer.connection.shutdown()
    assert layer.decrypt(peer.connection.bio_read(65536)) == (b"", True)
    assert layer.closed


def test_alerts_become_reasons(contexts: Contexts) -> None:
    old = client()
    said = old.start()
    assert said
    _, outcome = old.feed(b"\x15\x03\x03\x00\x02\x02\x28")  # handshake_failure
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TLS_HANDSHAKE
    assert "alert 40 (handshake_failure)" in outcome.detail
    version = client()
    version.start()
    _, outcome = version.feed(b"\x15\x03\x03\x00\x02\x02\x46")  # protocol_version
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TLS_VERSION


def test_a_version_that_we_refuse() -> None:
    layer = client()
    layer.start()
    hello = b"\x03\x01" + bytes(32) + b"\0\xc0\x13\0"  # TLS 1.0
    message = b"\x02" + len(hello).to_bytes(3) + hello
    sent, outcome = layer.feed(b"\x16\x03\x01" + len(message).to_bytes(2) + message)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TLS_VERSION
    assert sent[0] == 0x15


def test_a_client_certificate_is_missed_after_the_handshake(contexts: Contexts) -> None:
    layer = client()
    peer = TlsPeer(contexts(TLS13, REQUIRED))
    peer_says = peer(layer.start())
    sent, outcome = layer.feed(peer_says)
    assert outcome == Done()
    came, failed = layer.decrypt(peer(sent))
    assert came == b""
    assert isinstance(failed, Failed)
    assert failed.reason is Reason.CLIENT_CERT_REQUIRED


@pytest.mark.parametrize("cut", [whole, bytewise], ids=["whole", "bytewise"])
def test_clear_text(cut: Cut) -> None:
    layer = client()
    layer.start()
    outcome: object = NEED_MORE
    for piece in cut(CLEAR):
        if outcome is NEED_MORE:
            _, outcome = layer.feed(piece)
    assert isinstance(outcome, NotTls)
    assert outcome.status == 400
    other = client()
    other.start()
    other.feed(b"HT")
    assert isinstance(other.eof(), NotTls)


def test_closed_inside() -> None:
    layer = client()
    layer.start()
    outcome = layer.eof()
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TLS_HANDSHAKE_CLOSED


def test_too_much() -> None:
    layer = client()
    layer.start()
    for _ in range(MAX_HANDSHAKE // 16000 + 2):
        _, outcome = layer.feed(b"\x16\x03\x03\x3e\x80\x0b\x00\xff\xff" + bytes(15991))
        if isinstance(outcome, Failed):
            break
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TLS_HANDSHAKE


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_resumed(contexts: Contexts, version: int) -> None:
    context = contexts(version, NO_ASK)
    first = client(resume=True)
    peer = TlsPeer(context)
    shake(first, peer)
    assert not first.resumed
    first.decrypt(peer.say(b"ticket first"))
    session = first.session
    assert session is not None
    again = LeanTls("host.test", lean_context(ALPN_HTTP, resume=True), session)
    assert shake(again, TlsPeer(context))[1] == Done()
    assert again.resumed
    assert again.leaf is None


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_any_octets(data: bytes, like_tls: bool) -> None:
    layer = client()
    layer.start()
    _, outcome = layer.feed((b"\x16\x03\x03" if like_tls else b"") + data)
    assert outcome is NEED_MORE or isinstance(outcome, Failed | NotTls)
    assert isinstance(layer.eof(), Failed | NotTls)


def test_literal_addresses_go_without_a_name() -> None:
    assert server_name("host.test") == b"host.test"
    assert server_name("192.0.2.1") is None
    assert server_name("2001:db8::1") is None
    assert LeanTls("192.0.2.1", lean_context(())).start()


def test_contexts_are_shared() -> None:
    assert lean_context(ALPN_HTTP) is lean_context(ALPN_HTTP)


def test_nothing_waits_for_the_collector(contexts: Contexts) -> None:
    context = contexts(TLS13)
    gc.collect()
    gc.disable()
    try:
        shake(client(), TlsPeer(context))
        assert not [each for each in gc.get_objects() if isinstance(each, LeanTls)]
    finally:
        gc.enable()
