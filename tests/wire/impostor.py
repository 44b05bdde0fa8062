"""A server of TLS 1.3 made by hand (RFC 8446), because OpenSSL's own never shows a certificate whose key it lacks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CLIENT_HELLO_RANDOM_END = 4 + 2 + 32
X25519 = b"\x00\x1d"
ECDSA_P256 = b"\x04\x03"
CONTEXT = b" " * 64 + b"TLS 1.3, server CertificateVerify\x00"

Sign = Callable[[bytes], bytes]
"""What is signed (RFC 8446 section 4.4.3) to its signature with ECDSA over P-256."""


@dataclass(frozen=True)
class Impostor:
    """Answers a ClientHello with somebody's certificate (DER) and a signature; `finishes` with a right Finished."""

    certificate: bytes
    sign: Sign
    finishes: bool = True

    def __call__(self, client_hello: bytes) -> bytes:
        """The whole flight, for a ClientHello in one record."""
        hello = client_hello[5:]
        share = X25519PrivateKey.generate()
        secret = share.exchange(X25519PublicKey.from_public_bytes(_share_of(hello)))
        session = hello[CLIENT_HELLO_RANDOM_END + 1 :][: hello[CLIENT_HELLO_RANDOM_END]]
        extensions = _extension(43, b"\x03\x04") + _extension(
            51, X25519 + _sized(share.public_key().public_bytes_raw())
        )
        answer = _message(2, b"\x03\x03" + bytes(32) + _sized(session, 1) + b"\x13\x01\x00" + _sized(extensions))
        transcript = hello + answer
        early = hmac.digest(bytes(32), bytes(32), "sha256")
        handshake = hmac.digest(_expand(early, b"derived", _hash(b"")), secret, "sha256")
        traffic = _expand(handshake, b"s hs traffic", _hash(transcript))
        seal = AESGCM(_expand(traffic, b"key", b"", 16))
        vector = int.from_bytes(_expand(traffic, b"iv", b"", 12))
        flight = _record(0x16, answer)
        for number, make in enumerate((self._extensions, self._certificate, self._verify, self._finished)):
            message = make(transcript, traffic)
            transcript += message
            plain = message + b"\x16"
            header = b"\x17\x03\x03" + (len(plain) + 16).to_bytes(2, "big")
            flight += header + seal.encrypt((vector ^ number).to_bytes(12, "big"), plain, header)
        return flight

    def _extensions(self, _transcript: bytes, _traffic: bytes) -> bytes:
        return _message(8, _sized(b""))

    def _certificate(self, _transcript: bytes, _traffic: bytes) -> bytes:
        return _message(11, b"\x00" + _sized(_sized(self.certificate, 3) + _sized(b""), 3))

    def _verify(self, transcript: bytes, _traffic: bytes) -> bytes:
        return _message(15, ECDSA_P256 + _sized(self.sign(CONTEXT + _hash(transcript))))

    def _finished(self, transcript: bytes, traffic: bytes) -> bytes:
        key = _expand(traffic, b"finished", b"")
        right = hmac.digest(key, _hash(transcript), "sha256")
        return _message(20, right if self.finishes else bytes(32))


def _share_of(hello: bytes) -> bytes:
    """The client's key share for X25519; it stands behind its group and its length of 32."""
    at = hello.index(X25519 + b"\x00\x20") + 4
    return hello[at : at + 32]


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _expand(secret: bytes, label: bytes, context: bytes, size: int = 32) -> bytes:
    """HKDF-Expand-Label, one block (RFC 8446 section 7.1)."""
    info = size.to_bytes(2, "big") + _sized(b"tls13 " + label, 1) + _sized(context, 1)
    return hmac.digest(secret, info + b"\x01", "sha256")[:size]


def _sized(data: bytes, octets: int = 2) -> bytes:
    return len(data).to_bytes(octets, "big") + data


def _extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + _sized(content)


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _sized(body, 3)


def _record(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + b"\x03\x03" + _sized(content)
