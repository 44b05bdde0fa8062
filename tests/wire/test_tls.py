"""The TLS layer against a real server over memory BIOs, and against bytes no server should send."""

from __future__ import annotations

import pytest

from prober.model import Reason
from prober.wire.layer import NEED_MORE, Done, Failed, NotTls, Outcome
from prober.wire.tls import ALPN_BARE, ALPN_HTTP, MAX_HANDSHAKE

from .handshakes import client, facts, shake
from .tls_peer import NO_ASK, OPTIONAL, REQUIRED, STAPLE, TLS12, TLS13, Contexts, TlsPeer, records
from .transcripts import Cut, bytewise, play, reason_of, whole


def cut_at(at: int) -> Cut:
    return lambda data: [data[:at], data[at:]] if at < len(data) else [data]


@pytest.mark.parametrize("cut", [whole, bytewise], ids=["whole", "bytewise"])
@pytest.mark.parametrize("staple", [b"", STAPLE], ids=["bare", "stapled"])
@pytest.mark.parametrize("ask", [NO_ASK, OPTIONAL], ids=["", "asks"])
@pytest.mark.parametrize(("version", "name"), [(TLS12, "TLSv1.2"), (TLS13, "TLSv1.3")])
def test_a_handshake_records_everything(
    contexts: Contexts, version: int, name: str, ask: int, staple: bytes, cut: Cut
) -> None:
    layer = client()
    peer = TlsPeer(contexts(version, ask, staple=staple, alpn=b"http/1.1"))
    _, outcome = shake(layer, peer, cut)
    assert outcome == Done()
    seen = facts(layer)
    assert (seen.version, seen.group, seen.alpn) == (name, "x25519", "http/1.1")
    assert seen.cipher == ("TLS_AES_256_GCM_SHA384" if version == TLS13 else "ECDHE-ECDSA-AES256-GCM-SHA384")
    assert seen.client_cert_requested is (ask != NO_ASK)
    assert seen.ocsp_stapled is (staple != b"")
    assert len(seen.chain) == 1
    assert seen.chain[0].startswith(b"\x30\x82")
    assert peer.connection.get_servername() == b"host.test"
    peer(layer.encrypt(b"hello"))
    assert peer.plain == b"hello"
    assert layer.decrypt(peer.say(b"world")) == (b"world", False)


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_every_split_gives_the_same(contexts: Contexts, version: int) -> None:
    """Split everything the server says at one place, at each place in turn."""
    context = contexts(version)
    reference = shake(client(), TlsPeer(context))
    assert reference[1] == Done()
    for at in range(1, 1100):  # flights are between 50 and 1000 bytes long
        layer = client()
        assert shake(layer, TlsPeer(context), cut_at(at)) == reference, at
        assert facts(layer).chain


@pytest.mark.parametrize("cut", [whole, bytewise, cut_at(50), cut_at(51), cut_at(60)])
def test_leftover_is_plaintext_for_the_layer_above(contexts: Contexts, cut: Cut) -> None:
    """In TLS 1.2 the server has the last word of the handshake, so its first words may come along."""
    assert shake(client(), TlsPeer(contexts(TLS12)), cut, with_last=b"early \x00 words")[1] == Done(b"early \x00 words")


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_an_early_end_at_every_byte(contexts: Contexts, version: int) -> None:
    layer, peer = client(), TlsPeer(contexts(version))
    said = layer.start()
    assert reason_of(layer.eof()) is Reason.TLS_HANDSHAKE_CLOSED
    ends = 0
    outcome: Outcome = NEED_MORE
    while outcome is NEED_MORE:
        reply, said = peer(said), b""
        for byte in bytewise(reply):
            out, outcome = layer.feed(byte)
            said += out
            if outcome is NEED_MORE:
                assert reason_of(layer.eof()) is Reason.TLS_HANDSHAKE_CLOSED
                ends += 1
    assert ends > 700


def test_no_bytes_are_no_progress() -> None:
    layer = client()
    layer.start()
    assert layer.feed(b"") == (b"", NEED_MORE)


@pytest.mark.parametrize(
    ("offered", "alpn", "seen"),
    [(ALPN_BARE, b"h2", "h2"), (ALPN_BARE, b"http/1.1", "http/1.1"), (ALPN_HTTP, b"", None)],
)
def test_alpn(contexts: Contexts, offered: tuple[bytes, ...], alpn: bytes, seen: str | None) -> None:
    layer = client(offered)
    assert shake(layer, TlsPeer(contexts(alpn=alpn)))[1] == Done()
    assert facts(layer).alpn == seen


@pytest.mark.parametrize("cut", [whole, bytewise])
@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_required_client_certificate_that_we_lack(contexts: Contexts, version: int, cut: Cut) -> None:
    layer = client()
    assert reason_of(shake(layer, TlsPeer(contexts(version, REQUIRED)), cut)[1]) is Reason.CLIENT_CERT_REQUIRED
    assert facts(layer).client_cert_requested
    assert facts(layer).chain


# what no server should say


def alert(number: int, level: int = 2) -> bytes:
    return bytes([0x15, 3, 3, 0, 2, level, number])


SERVER_HELLO_10 = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" + bytes(range(32)) + b"\x00\xc0\x13\x00"


@pytest.mark.parametrize("number", [10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 90, 109,
                                    110, 112, 113, 115, 116, 120, 199])  # fmt: skip
def test_alerts_by_number(number: int) -> None:
    layer = client()
    outcome = play_all_cuts_of_tls(alert(number))
    expected = {70: Reason.TLS_VERSION, 116: Reason.CLIENT_CERT_REQUIRED}.get(number, Reason.TLS_HANDSHAKE)
    assert reason_of(outcome) is expected
    layer.start()
    failed = layer.feed(alert(number))[1]
    assert isinstance(failed, Failed)
    assert f"alert {number} (" in failed.detail


def play_all_cuts_of_tls(answer: bytes) -> Outcome:
    """In every cut the same verdict; the ClientHello is random, so only its size is compared."""
    cuts = [[answer], bytewise(answer), *([answer[:at], answer[at:]] for at in range(1, len(answer)))]
    ends = [play(client(), [cut]) for cut in cuts]
    assert len({end.verdict for end in ends}) == 1
    assert len({tuple(len(each) for each in end.sent) for end in ends}) == 1
    assert len({end.sent[1] for end in ends}) == 1
    return ends[0].outcome


def test_close_notify_instead_of_a_server_hello() -> None:
    assert reason_of(play_all_cuts_of_tls(alert(0, 1))) is Reason.TLS_HANDSHAKE_CLOSED


def test_tls_1_0_is_refused_as_a_version() -> None:
    assert reason_of(play_all_cuts_of_tls(SERVER_HELLO_10)) is Reason.TLS_VERSION
    layer = client()
    layer.start()
    sent, _ = layer.feed(SERVER_HELLO_10)
    assert records(sent) == [(0x15, 2)]
    assert sent.endswith(b"\x02\x46")


def test_a_warning_is_not_to_blame_for_our_own_refusal() -> None:
    outcome = play_all_cuts_of_tls(alert(112, 1) + SERVER_HELLO_10)
    assert reason_of(outcome) is Reason.TLS_VERSION


@pytest.mark.parametrize(
    ("answer", "http"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", True),
        (b"<html>", True),
        (b"\r\n \t<!DOCTYPE html>", True),
        (b"SSH-2.0-OpenSSH\r\n", False),
        (b"220 smtp ready\r\n", False),
        (b"HTTQ", False),
        (b"\x00\x00", False),
        (b"\x17\x03\x03\x00\x01\x00", False),
        (b" " * 100, False),
    ],
)
def test_clear_text_in_every_cut(answer: bytes, http: bool) -> None:
    outcome = play_all_cuts_of_tls(answer)
    assert isinstance(outcome, NotTls)
    assert outcome.looks_like_http is http
    assert len(outcome.first) <= 64
    for size in range(1, len(answer)):
        layer = client()
        if play(layer, [[answer[:size]]]).outcome is NEED_MORE:
            assert isinstance(layer.eof(), NotTls)


@pytest.mark.parametrize(
    "answer",
    [
        b"\x16\x03\x03\x00\x00",
        b"\x16\x03\x03\xff\xff",
        b"\x16\x00\x00\x00\x01\x00",
        b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",
        b"\x14\x03\x03\x00\x01\x02",
        b"\x16HTTP/1.1 200 OK",
        SERVER_HELLO_10[:5] + b"\x0b" + SERVER_HELLO_10[6:],
    ],
)
def test_broken_records_fail_or_wait(answer: bytes) -> None:
    layer = client()
    outcome = play(layer, [[answer]]).outcome
    if outcome is NEED_MORE:
        outcome = layer.eof()
    assert reason_of(outcome) in (Reason.TLS_HANDSHAKE, Reason.TLS_VERSION, Reason.TLS_HANDSHAKE_CLOSED)


@pytest.mark.parametrize(
    "record",
    [b"\x14\x03\x03\x00\x01\x01", alert(112, 1), b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\x00" * 16380],
    ids=["change_cipher_spec", "warnings", "a message without end"],
)
def test_an_endless_handshake_is_bounded(record: bytes) -> None:
    layer = client()
    layer.start()
    outcome: Outcome = NEED_MORE
    fed = 0
    while outcome is NEED_MORE:
        fed += len(record)
        assert fed <= MAX_HANDSHAKE + len(record)
        outcome = layer.feed(record)[1]
    assert reason_of(outcome) in (Reason.TLS_HANDSHAKE, Reason.TLS_VERSION)


def test_more_than_the_limit_at_once() -> None:
    layer = client()
    layer.start()
    outcome = layer.feed(b"\x16\x03\x03" + b"\x00" * MAX_HANDSHAKE)[1]
    assert isinstance(outcome, Failed)
    assert f"over {MAX_HANDSHAKE} bytes" in outcome.detail
