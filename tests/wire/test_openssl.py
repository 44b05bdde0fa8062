"""What is asked of OpenSSL directly is what pyOpenSSL would have said."""

from __future__ import annotations

import gc
import re
import threading
from pathlib import Path

import pytest
from OpenSSL import SSL, crypto

from prober.wire import openssl
from prober.wire.layer import Done
from prober.wire.lean_tls import LeanTls, lean_context
from prober.wire.openssl import agreed, give, has_staple, presented_chain, resumed, take, unread, watching
from prober.wire.tls import PROFILES, Tls, kept_once, new_context

from .handshakes import client, facts, shake
from .tls_peer import NO_ASK, STAPLE, TLS12, TLS13, Contexts, TlsPeer


@pytest.mark.parametrize("staple", [b"", STAPLE], ids=["bare", "stapled"])
@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_the_same_as_its_getters(contexts: Contexts, version: int, staple: bytes) -> None:
    layer = client()
    assert shake(layer, TlsPeer(contexts(version, NO_ASK, staple=staple, alpn=b"http/1.1")))[1] == Done()
    connection = layer._connection
    chain = connection.get_peer_cert_chain()
    assert chain
    assert presented_chain(connection) == tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in chain)
    found = agreed(connection)
    assert found.version == connection.get_protocol_version_name()
    assert found.cipher == connection.get_cipher_name()
    assert found.group == (connection.get_group_name() or "").lower()
    assert found.alpn == connection.get_alpn_proto_negotiated().decode() == "http/1.1"
    assert has_staple(connection) is (staple != b"")
    assert not resumed(connection)


def test_before_any_answer_there_is_nothing() -> None:
    layer = client()
    layer.start()
    connection = layer._connection
    assert presented_chain(connection) == ()
    assert agreed(connection)[1:] == ("", "", "")
    assert not has_staple(connection)


def test_bytes_in_and_out(contexts: Contexts) -> None:
    one, other = SSL.Connection(contexts(TLS13), None), client()
    one.set_accept_state()
    hello = other.start()
    assert take(other._connection) == b"", "all was taken"
    assert unread(one) == 0
    give(one, b"")
    give(one, hello)
    assert unread(one) == len(hello)
    with pytest.raises(SSL.WantReadError):
        one.do_handshake()
    assert unread(one) == 0
    said = take(one)
    assert len(said) > 500
    assert take(one) == b""
    assert other.feed(said)[1] == Done()


def test_nobody_is_watching_between_calls(contexts: Contexts) -> None:
    layer = client()
    assert not watching
    shake(layer, TlsPeer(contexts(TLS13)))
    layer.close_notify()
    assert not watching


def test_handshakes_of_many_threads_are_told_apart(contexts: Contexts) -> None:
    """An alert, or a request for a certificate, is that of its own handshake."""
    asking, plain = contexts(TLS13, SSL.VERIFY_PEER), contexts(TLS13, NO_ASK)
    wrong: list[int] = []

    def handshakes(number: int) -> None:
        for turn in range(20):
            asked = (number + turn) % 2 == 0
            layer = client()
            shake(layer, TlsPeer(asking if asked else plain))
            if facts(layer).client_cert_requested is not asked:
                wrong.append(number)

    threads = [threading.Thread(target=handshakes, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong
    assert not watching


def test_names_are_right_whatever_lay_at_their_address_before(contexts: Contexts) -> None:
    """Only OpenSSL's constants are remembered by their address; the name of a group belongs to its context."""
    for version in (TLS13, TLS12, TLS13):
        for groups in ("X25519:P-256", "P-256", "P-384:P-256"):
            context, serving = new_context(PROFILES["schannel"], (b"http/1.1",)), contexts(version, NO_ASK)
            openssl.set_groups(context, groups)
            layer = Tls("host.test", context)
            assert shake(layer, TlsPeer(serving))[1] == Done()
            found, connection = agreed(layer._connection), layer._connection
            assert found.version == connection.get_protocol_version_name()
            assert found.cipher == connection.get_cipher_name()
            assert found.group == (connection.get_group_name() or "").lower()
            del context, layer, connection
            gc.collect()
    assert len(openssl._texts) >= 4


def test_a_lean_handshake_calls_nobody(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Callbacks are what it leaves out."""
    told: list[int] = []

    class Counted(dict[object, openssl.Watcher]):
        def get(self, *_: object) -> None:  # type: ignore[override] # as the callback calls it
            told.append(1)

    monkeypatch.setattr(openssl, "watching", Counted())
    lean, peer = LeanTls("host.test", lean_context((b"http/1.1",))), TlsPeer(contexts(TLS13))
    assert shake(lean, peer)[1] == Done()
    assert told == []
    assert shake(client(), TlsPeer(contexts(TLS13)))[1] == Done()
    assert len(told) > 5


def test_nearly_all_that_is_used_pyopenssl_uses_itself() -> None:
    """So that a version without it breaks there first."""
    used = set(re.findall(r"_lib\.(\w+)", Path(openssl.__file__).read_text("utf-8")))
    theirs = "".join(path.read_text("utf-8") for path in Path(SSL.__file__).parent.glob("*.py"))
    inner = {"SSL_set_info_callback"}
    """Of SSL_CTX_set_info_callback."""
    assert {name for name in used - inner if not re.search(rf"\b_?lib\.{name}\b", theirs)} == set()


def test_the_same_certificate_is_kept_once() -> None:
    one, same, other = ((bytes([number]) * 900, b"issuer" * 200) for number in (1, 1, 2))
    found = [kept_once(each) for each in (one, same, other)]
    assert found == [one, same, other]
    assert found[0][0] is found[1][0]
    assert found[0][1] is found[1][1] is found[2][1], "an issuer's, in whichever chain"
    huge = bytes(20_000)
    assert kept_once((huge,))[0] is huge
    assert kept_once((bytes(bytearray(20_000)),))[0] is not huge, "what is of unusual size is not remembered"
    assert kept_once(()) == ()
