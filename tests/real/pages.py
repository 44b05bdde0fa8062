"""Origins for blackbox_exporter and /probe: in threads, standard library and `cryptography` only, every kind of answer
and every kind of certificate.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BODY = b"some words\n" * 100
MODIFIED = "Mon, 05 Jan 2026 10:00:00 GMT"
SUBJECT = x509.Name(
    [
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "desk@example.test"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Zürich, + <front>"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "one"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "two"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "#Corp"),
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
    ]
)
"""A name with everything in it that Go writes in a way of its own."""


def leaf_context(
    folder: Path,
    ca: trustme.CA | None,
    names: Sequence[str],
    *,
    until: dt.datetime | None = None,
    rsa_key: bool = False,
    subject: x509.Name = SUBJECT,
) -> ssl.SSLContext:
    """A server's side of TLS with a certificate of its own making; without an authority it signs itself."""
    key: Any = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    signer: Any = key
    issuer = subject
    if ca is not None:
        signer = serialization.load_pem_private_key(ca.private_key_pem.bytes(), None)
        issuer = x509.load_pem_x509_certificate(ca.cert_pem.bytes()).subject
    alternatives = [_alternative(name) for name in names]
    certificate = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), 0x00AB_CDEF)
        .not_valid_before(dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(until or dt.datetime(2031, 5, 6, 7, 8, 9, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    file = folder / f"leaf-{len(list(folder.iterdir()))}.pem"
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Pages

    def do_GET(self) -> None:
        bare = self.path.partition("?")[0]
        self.server.asked.append(self.path)
        if bare.startswith("/to/"):
            status, _, location = bare.removeprefix("/to/").partition("/")
            self._say(int(status), b"moved\n", Location=self.server.places.get(location, "/" + location))
        elif bare == "/chunked":
            self._chunked()
        elif bare == "/missing":
            self._say(404, b"not here\n")
        elif bare == "/empty":
            self._say(204, None)
        elif bare == "/loop":
            self._say(302, b"", Location="/loop")
        elif bare == "/bare-302":
            self._say(302, b"nowhere\n")
        else:
            self._say(200, BODY, **{"Last-Modified": MODIFIED})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _say(self, status: int, body: bytes | None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def _chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
        """Say nothing."""


class Pages(ThreadingMixIn, TCPServer):
    """A web server on a free loopback port. `/to/STATUS/PLACE` redirects to what `places` has, or to `/PLACE`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.places: dict[str, str] = {}
        self.asked: list[str] = []
        self._tls = tls
        super().__init__((host, 0), _Handler)
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="pages")
        self._thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handshake in the connection's own thread."""
        request.settimeout(20)
        with contextlib.suppress(OSError):
            if self._tls is None:
                _Handler(request, client_address, self)
                return
            with self._tls.wrap_socket(request, server_side=True) as secured:
                _Handler(secured, client_address, self)

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self._thread.join()
        self.server_close()
