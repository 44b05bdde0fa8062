"""When a server has proved to hold its key: a chain alone can be replayed by anybody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL

from prober.model import Reason
from prober.wire import tls
from prober.wire.layer import NEED_MORE, Done
from prober.wire.openssl import set_groups

from .handshakes import client, facts, shake
from .impostor import Impostor
from .tls_peer import NO_ASK, REQUIRED, STAPLE, TLS12, TLS13, Contexts, TlsPeer, records, server_context
from .transcripts import Cut, bytewise, reason_of, whole


@pytest.fixture(scope="module")
def leaf(identity: Path) -> bytes:
    return x509.load_pem_x509_certificates(identity.read_bytes())[0].public_bytes(Encoding.DER)


def signer(key: object) -> Callable[[bytes], bytes]:
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return lambda data: key.sign(data, ec.ECDSA(SHA256()))


@pytest.mark.parametrize("staple", [b"", STAPLE], ids=["bare", "stapled"])
@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_the_states_that_prove_it(
    contexts: Contexts, version: int, staple: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the state machine, each told when the next message has come."""
    seen: list[bytes] = []
    real = tls.Tls.pass_through

    def note(layer: tls.Tls, state: bytes) -> None:
        seen.append(state)
        real(layer, state)

    monkeypatch.setattr(tls.Tls, "pass_through", note)
    shake(client(), TlsPeer(contexts(version, REQUIRED, staple=staple)))
    proof, other = tls.KEY_EXCHANGE_STATE, tls.CERTIFICATE_VERIFY_STATE
    if version == TLS13:
        proof, other = other, proof
    assert (seen.count(proof), seen.count(other), seen.count(tls.CERTIFICATE_REQUEST_STATE)) == (1, 0, 1)
    assert seen.index(b"SSLv3/TLS read server certificate") < seen.index(proof)
    if version == TLS13:
        assert seen[-1] == proof, "nothing more is asked"
    else:
        assert seen.index(proof) < seen.index(b"SSLv3/TLS write client certificate")


@pytest.mark.parametrize("cut", [whole, bytewise], ids=["whole", "bytewise"])
@pytest.mark.parametrize(("version", "number"), [(TLS12, 0x0303), (TLS13, 0x0304)])
def test_a_finished_handshake_proves_it(contexts: Contexts, version: int, number: int, cut: Cut) -> None:
    layer = client()
    assert shake(layer, TlsPeer(contexts(version)), cut)[1] == Done()
    assert facts(layer).key_proven
    hello = facts(layer).hello
    assert hello is not None
    assert (hello.version, hello.group) == (number, 29 if version == TLS13 else None)
    assert hello.cipher == (0x1302 if version == TLS13 else 0xC02C)
    assert not hello.retried


def test_a_retry_is_seen(contexts: Contexts) -> None:
    context = contexts(TLS13)
    set_groups(context, "P-384")
    layer = client()
    assert shake(layer, TlsPeer(context))[1] == Done()
    hello = facts(layer).hello
    assert hello is not None
    assert (hello.retried, hello.group) == (True, 24)


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_failing_after_the_proof(contexts: Contexts, version: int) -> None:
    layer = client()
    assert reason_of(shake(layer, TlsPeer(contexts(version, REQUIRED)))[1]) is Reason.CLIENT_CERT_REQUIRED
    assert facts(layer).key_proven


def rsa_server(folder: Path, ask: int) -> SSL.Context:
    file = folder / "rsa.pem"
    issued = trustme.CA().issue_cert("host.test", key_type=trustme.KeyType.RSA)
    issued.private_key_and_cert_chain_pem.write_to_path(str(file))
    context = server_context(file, TLS12, ask)
    context.set_cipher_list(b"AES128-SHA:@SECLEVEL=0")
    return context


@pytest.mark.parametrize(("ask", "proven"), [(NO_ASK, True), (REQUIRED, False)])
def test_without_ephemeral_keys_only_the_end_proves_it(tmp_path: Path, ask: int, proven: bool) -> None:
    """RFC 5246 section 7.4.7.1: whoever can answer our Finished has decrypted what the key's holder alone can."""
    layer = client()
    _, outcome = shake(layer, TlsPeer(rsa_server(tmp_path, ask)))
    assert (outcome == Done()) is proven
    assert facts(layer).cipher == "AES128-SHA"
    assert len(facts(layer).chain) == 1
    assert facts(layer).key_proven is proven


def test_a_chain_without_a_proof_at_every_byte(contexts: Contexts) -> None:
    """TLS 1.2: the connection ends somewhere in the server's flight. That ServerKeyExchange was taken is known when
    the message behind it has come."""
    end = len(TlsPeer(contexts(TLS12))(client().start())) + 20  # signatures vary in length
    proven, with_chain = [], []
    for size in range(1, end):
        layer, peer = client(), TlsPeer(contexts(TLS12))
        flight = peer(layer.start())
        assert layer.feed(flight[:size])[1] is NEED_MORE
        assert reason_of(layer.eof()) is Reason.TLS_HANDSHAKE_CLOSED
        known = layer.facts is not None and layer.facts.chain != ()
        with_chain.append(known)
        proven.append(known and facts(layer).key_proven)
        assert proven[-1] is (size >= len(flight))
    assert proven.count(True) > 0
    assert with_chain.count(True) > proven.count(True) + 50


def test_a_broken_signature_proves_nothing_in_tls_1_2(contexts: Contexts) -> None:
    layer, peer = client(), TlsPeer(contexts(TLS12))
    flight = bytearray(peer(layer.start()))
    done = records(bytes(flight))[-1][1] + 5
    flight[-done - 1] ^= 1  # the last byte of ServerKeyExchange is the signature's
    assert reason_of(layer.feed(bytes(flight))[1]) is Reason.TLS_HANDSHAKE
    assert len(facts(layer).chain) == 1
    assert not facts(layer).key_proven


def test_a_replayed_chain_proves_nothing_in_tls_1_3(leaf: bytes) -> None:
    impostor = Impostor(leaf, signer(ec.generate_private_key(ec.SECP256R1())))
    layer = client()
    assert reason_of(layer.feed(impostor(layer.start()))[1]) is Reason.TLS_HANDSHAKE
    assert facts(layer).chain == (leaf,)
    assert not facts(layer).key_proven
    assert facts(layer).hello is not None


@pytest.mark.parametrize("finishes", [True, False])
def test_the_keys_holder_proves_it_in_tls_1_3(leaf: bytes, identity: Path, finishes: bool) -> None:
    holder = Impostor(leaf, signer(load_pem_private_key(identity.read_bytes(), None)), finishes)
    layer = client()
    outcome = layer.feed(holder(layer.start()))[1]
    assert (outcome == Done()) is finishes
    assert facts(layer).chain == (leaf,)
    assert facts(layer).key_proven
