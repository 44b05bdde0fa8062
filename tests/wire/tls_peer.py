"""A TLS server over memory BIOs, and what it needs to be one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import ocsp
from OpenSSL import SSL

_LATER = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
STAPLE = _LATER.public_bytes(serialization.Encoding.DER)
"""Must be well-formed: OpenSSL 4 drops what it cannot parse."""
NO_ASK = SSL.VERIFY_NONE
OPTIONAL = SSL.VERIFY_PEER
REQUIRED = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
TLS12 = SSL.TLS1_2_VERSION
TLS13 = SSL.TLS1_3_VERSION
_FULL_RENEGOTIATION = 0x10000
"""SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION, which pyOpenSSL does not name."""
Contexts = Callable[..., SSL.Context]
"""`server_context` with the certificate filled in."""


def write_identity(folder: Path, authority: trustme.CA, name: str) -> Path:
    """A PEM file with key, certificate and chain."""
    path = folder / f"{name}.pem"
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


def server_context(
    identity: Path,
    version: int = TLS13,
    ask: int = NO_ASK,
    *,
    staple: bytes = b"",
    alpn: bytes = b"",
    accept_certificates: bool = True,
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.use_certificate_chain_file(str(identity))
    context.use_privatekey_file(str(identity))
    context.set_verify(ask, lambda *_: accept_certificates)
    context.set_session_id(b"tests")
    context.set_options(_FULL_RENEGOTIATION)
    context.set_ocsp_server_callback(lambda *_: staple)
    if alpn:
        context.set_alpn_select_callback(lambda *_: alpn)
    return context


@dataclass
class TlsPeer:
    """One connection of the server; `inside` answers what is said through it."""

    context: SSL.Context
    inside: Callable[[bytes], bytes] | None = None
    plain: bytes = b""
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = SSL.Connection(self.context, None)
        self.connection.set_accept_state()
        self.done = False

    def __call__(self, data: bytes) -> bytes:
        """Take bytes of the client; returns bytes for it."""
        if data:
            self.connection.bio_write(data)
        try:
            if not self.done:
                self.connection.do_handshake()
                self.done = True
            while True:
                got = self.connection.recv(65536)
                self.plain += got
                if self.inside is not None and (reply := self.inside(got)):
                    self.connection.sendall(reply)
        except (SSL.WantReadError, SSL.ZeroReturnError):
            pass
        except SSL.Error as error:
            self.errors.append(str(error))
        return self.outgoing()

    def outgoing(self) -> bytes:
        data = b""
        try:
            while True:
                data += self.connection.bio_read(65536)
        except SSL.WantReadError:
            return data

    def say(self, data: bytes) -> bytes:
        self.connection.sendall(data)
        return self.outgoing()

    def close(self) -> bytes:
        self.connection.shutdown()
        return self.outgoing()


def records(data: bytes) -> list[tuple[int, int]]:
    """Type and length of each TLS record."""
    found = []
    while data:
        size = int.from_bytes(data[3:5], "big")
        found.append((data[0], size))
        data = data[5 + size :]
    return found
