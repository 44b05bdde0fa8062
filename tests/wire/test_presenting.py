"""The client certificate goes to the keys it is meant for, and to nobody else: told by what the server received."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL, crypto

from prober.model import Reason
from prober.spki import spki_sha256
from prober.wire.identity import ClientCertificateError, read_identity
from prober.wire.layer import Done, Failed
from prober.wire.tls import ALPN_HTTP, PROFILES, new_context

from .handshakes import client, facts, shake
from .tls_peer import NO_ASK, OPTIONAL, REQUIRED, TLS12, TLS13, Contexts, TlsPeer, server_context, write_identity
from .transcripts import Cut, bytewise, reason_of, whole

VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
CUTS = pytest.mark.parametrize("cut", [whole, bytewise], ids=["whole", "bytewise"])


def certificates(file: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(file.read_bytes())


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def key_of(file: Path) -> str:
    digest = spki_sha256(der(certificates(file)[0]))
    assert digest is not None
    return digest


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's certificate with one issuer between it and its root."""
    folder = tmp_path_factory.mktemp("client")
    return write_identity(folder, trustme.CA().create_child_ca(), "client.test")


@pytest.fixture(scope="module")
def clean(identity: Path) -> frozenset[str]:
    """The key of `host.test`, as judged before."""
    return frozenset({key_of(identity)})


@pytest.fixture
def impostor(tmp_path: Path) -> Path:
    """Somebody else's certificate for the same name."""
    return write_identity(tmp_path, trustme.CA(), "host.test")


@dataclass
class Listening(TlsPeer):
    """Keeps the bytes that the client sent."""

    heard: bytes = field(default=b"")

    def __call__(self, data: bytes) -> bytes:
        self.heard += data
        return super().__call__(data)

    @property
    def presented(self) -> list[bytes]:
        """The certificates of the client, leaf first."""
        leaf = self.connection.get_peer_certificate()
        found = [] if leaf is None else [leaf, *(self.connection.get_peer_cert_chain() or [])]
        return [der(each.to_cryptography()) for each in found]


def withheld(outcome: object, key: str) -> bool:
    assert isinstance(outcome, Failed)
    assert "another key answered than the one judged clean" in outcome.detail
    return outcome.reason is Reason.TLS_HANDSHAKE and key in outcome.detail


@CUTS
@VERSIONS
@pytest.mark.parametrize("ask", [OPTIONAL, REQUIRED])
def test_the_right_key_receives_it_with_its_issuer(
    contexts: Contexts, ours: Path, clean: frozenset[str], version: int, ask: int, cut: Cut
) -> None:
    peer = Listening(contexts(version, ask))
    layer = client(certificate=ours, present=clean | {"0" * 64})
    assert shake(layer, peer, cut)[1] == Done()
    assert peer.presented == [der(each) for each in certificates(ours)]
    assert len(peer.presented) == 2
    assert facts(layer).key_proven
    assert facts(layer).client_cert_requested


@VERSIONS
@pytest.mark.parametrize("with_root", [False, True])
def test_what_stands_above_the_leaf_does_not_matter(tmp_path: Path, ours: Path, version: int, with_root: bool) -> None:
    """OpenSSL finds fault with issuers, too, and first: nothing is verified here but the leaf's key."""
    root = trustme.CA()
    file = write_identity(tmp_path, root.create_child_ca(), "host.test")
    if with_root:
        file.write_bytes(file.read_bytes() + root.cert_pem.bytes())
    peer = Listening(server_context(file, version, REQUIRED))
    layer = client(certificate=ours, present=frozenset({key_of(file)}))
    assert shake(layer, peer)[1] == Done()
    assert len(facts(layer).chain) == 2 + with_root
    assert len(peer.presented) == 2


@VERSIONS
def test_a_server_that_does_not_ask_receives_nothing(
    contexts: Contexts, ours: Path, clean: frozenset[str], version: int
) -> None:
    peer = Listening(contexts(version, NO_ASK))
    assert shake(client(certificate=ours, present=clean), peer)[1] == Done()
    assert peer.presented == []


@CUTS
@VERSIONS
@pytest.mark.parametrize("ask", [NO_ASK, OPTIONAL, REQUIRED])
def test_another_key_receives_nothing(
    impostor: Path, ours: Path, clean: frozenset[str], version: int, ask: int, cut: Cut
) -> None:
    peer = Listening(server_context(impostor, version, ask))
    layer = client(certificate=ours, present=clean)
    assert withheld(shake(layer, peer, cut)[1], key_of(impostor))
    assert not peer.done
    assert peer.presented == []
    assert [spki_sha256(each) for each in facts(layer).chain] == [key_of(impostor)]
    assert not facts(layer).key_proven
    assert "unknown ca" in peer.errors[0]  # it was told why, and told nothing else
    hello_and_alert = len(client().start()) + 64
    assert len(peer.heard) < hello_and_alert


@VERSIONS
def test_the_right_key_further_up_the_chain_is_not_the_servers(
    impostor: Path, identity: Path, ours: Path, clean: frozenset[str], version: int
) -> None:
    """An impostor may send the clean leaf along as if it were an issuer."""
    context = server_context(impostor, version, REQUIRED)
    context.add_extra_chain_cert(certificates(identity)[0])
    peer, layer = Listening(context), client(certificate=ours, present=clean)
    assert withheld(shake(layer, peer)[1], key_of(impostor))
    assert key_of(identity) in [spki_sha256(each) for each in facts(layer).chain]
    assert peer.presented == []


@VERSIONS
def test_a_leaf_that_another_reader_would_take_for_the_right_one(
    tmp_path: Path, impostor: Path, identity: Path, ours: Path, clean: frozenset[str], version: int
) -> None:
    """BER with open lengths: OpenSSL uses the impostor's key, a walk over its lengths would find the clean one."""
    evil, good = certificates(impostor)[0], certificates(identity)[0]
    spki = good.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    open_ended = b"\x30\x80" + algorithm[2:] + b"\x30\x80\x05\x00" + spki + bytes(4)
    tbs = evil.tbs_certificate_bytes
    content = tbs[4:].replace(algorithm, open_ended)
    body = b"\x30\x82" + len(content).to_bytes(2, "big") + content + der(evil)[4 + len(tbs) :]
    forged = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    assert len(open_ended) > 90
    assert open_ended in forged
    file = tmp_path / "forged.pem"
    pem = crypto.dump_certificate(crypto.FILETYPE_PEM, crypto.load_certificate(crypto.FILETYPE_ASN1, forged))
    file.write_bytes(pem + impostor.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0])
    peer, layer = Listening(server_context(file, version, REQUIRED)), client(certificate=ours, present=clean)
    assert withheld(shake(layer, peer)[1], "unreadable")
    assert peer.presented == []


@VERSIONS
def test_without_keys_nobody_receives_it(contexts: Contexts, ours: Path, identity: Path, version: int) -> None:
    peer = Listening(contexts(version, REQUIRED))
    assert withheld(shake(client(certificate=ours), peer)[1], key_of(identity))
    assert peer.presented == []


@VERSIONS
def test_keys_without_a_certificate_change_nothing(contexts: Contexts, clean: frozenset[str], version: int) -> None:
    peer = Listening(contexts(version, REQUIRED))
    assert reason_of(shake(client(present=clean), peer)[1]) is Reason.CLIENT_CERT_REQUIRED


@VERSIONS
def test_a_client_certificate_is_refused(contexts: Contexts, ours: Path, clean: frozenset[str], version: int) -> None:
    peer = Listening(contexts(version, REQUIRED, accept_certificates=False))
    layer = client(certificate=ours, present=clean)
    assert reason_of(shake(layer, peer)[1]) is Reason.CLIENT_CERT_UNUSABLE


@pytest.mark.parametrize("swapped", [False, True])
def test_a_second_handshake_with_another_key(
    contexts: Contexts, impostor: Path, identity: Path, ours: Path, clean: frozenset[str], swapped: bool
) -> None:
    """TLS 1.2: a server may ask only then, and the certificate it shows then is looked at anew."""
    layer, peer = client(certificate=ours, present=clean), Listening(contexts(TLS12))
    assert shake(layer, peer)[1] == Done()
    answering = impostor if swapped else identity
    peer.connection.use_certificate(certificates(answering)[0])
    peer.connection.use_privatekey(read_identity(str(answering)).key)
    peer.connection.set_verify(OPTIONAL, lambda *_: True)
    assert peer.connection.renegotiate()
    peer.connection.do_handshake()
    said, ended = peer.outgoing(), None
    for _ in range(5):
        _, ended = layer.decrypt(said)
        said = peer(layer.outgoing())
    if swapped:
        assert withheld(ended, key_of(impostor))
        assert peer.presented == []
    else:
        assert ended is False
        assert peer.presented == [der(each) for each in certificates(ours)]


def test_the_certificate_is_in_no_context(contexts: Contexts, ours: Path) -> None:
    """What a context holds, every handshake with it would present: even one that verifies nothing."""
    context = new_context(PROFILES["schannel"], ALPN_HTTP, read_identity(str(ours)))
    connection, peer = SSL.Connection(context, None), Listening(contexts(TLS13, REQUIRED))
    connection.set_connect_state()
    connection.set_verify(SSL.VERIFY_NONE)
    connection.set_app_data(client())
    for _ in range(3):
        try:
            connection.do_handshake()
            break
        except SSL.WantReadError:
            connection.bio_write(peer(connection.bio_read(65536)))
    peer(connection.bio_read(65536))
    assert "peer did not return a certificate" in peer.errors[0]


# files


@pytest.mark.parametrize("content", [None, "", "no PEM", "certificate only", "key only"])
def test_files_that_are_no_client_certificate(tmp_path: Path, identity: Path, content: str | None) -> None:
    path = tmp_path / "client.pem"
    key, _, rest = identity.read_text().partition("-----BEGIN CERTIFICATE")
    texts = {"certificate only": "-----BEGIN CERTIFICATE" + rest, "key only": key}
    if content is not None:
        path.write_text(texts.get(content, content))
    with pytest.raises(ClientCertificateError, match=r"client\.pem"):
        read_identity(str(path))
    new_context(PROFILES["schannel"], ALPN_HTTP)  # nothing is left in OpenSSL's error queue


def test_a_key_that_does_not_fit(tmp_path: Path, identity: Path) -> None:
    other = trustme.CA().issue_cert("other.test").private_key_pem.bytes().decode()
    path = tmp_path / "client.pem"
    path.write_text(other + "-----BEGIN CERTIFICATE" + identity.read_text().partition("-----BEGIN CERTIFICATE")[2])
    with pytest.raises(ClientCertificateError):
        read_identity(str(path))


def test_a_key_that_tls_does_not_use(tmp_path: Path, identity: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    key = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "client.pem"
    path.write_bytes(key + b"-----BEGIN CERTIFICATE" + identity.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2])
    with pytest.raises(ClientCertificateError, match="of a kind that TLS does not use"):
        read_identity(str(path))


def test_an_encrypted_key_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "client.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(ClientCertificateError, match="encrypted"):
        read_identity(str(file))


@pytest.mark.parametrize("kind", list(trustme.KeyType))
@pytest.mark.parametrize("order", ["key first", "key last", "text between"])
def test_files_as_they_are_found(tmp_path: Path, kind: trustme.KeyType, order: str) -> None:
    issued = trustme.CA().create_child_ca().issue_cert("client.test", key_type=kind)
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    key = issued.private_key_pem.bytes()
    path = tmp_path / "client.pem"
    orders = {
        "key first": key + chain,
        "key last": chain + key,
        "text between": b"Bag Attributes\n" + key + b"\n" + chain,
    }
    path.write_bytes(orders[order])
    assert len(read_identity(str(path)).issuers) == 1
