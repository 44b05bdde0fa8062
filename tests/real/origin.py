"""The servers behind the proxies: HTTPS and HTTP on loopback, keeping a record of every request.

In-process, threads and the standard library: nothing of the prober is used to test the prober.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import trustme

BODY = b"reached\n"


@dataclass(frozen=True)
class Request:
    """One request as the origin saw it."""

    method: str
    target: str
    """The request target as sent: origin form is what a server must get."""
    host: str | None
    via: str | None
    """Set where a proxy understood the request; absent in a tunnel."""
    authorization: str | None
    """`Proxy-Authorization`, which must never come this far."""
    client: str
    """Address the connection came from: proxies of the tests leave from their own."""
    sni: str | None


@dataclass
class Record:
    """What an origin has seen. Appending to a list is atomic, so threads share it."""

    requests: list[Request] = field(default_factory=list)
    handshakes: list[str | None] = field(default_factory=list)
    """SNI of every TLS handshake."""

    def of(self, path: str) -> list[Request]:
        """The requests for this path."""
        return [request for request in self.requests if request.target == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin

    def do_GET(self) -> None:
        names: list[str | None] = getattr(self.connection, "names", [None])
        self.server.record.requests.append(
            Request(
                self.command,
                self.path,
                self.headers.get("Host"),
                self.headers.get("Via"),
                self.headers.get("Proxy-Authorization"),
                str(self.client_address[0]),
                names[0],
            )
        )
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(BODY)
        self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
        """Say nothing: the record is enough."""


class _NamedSocket(ssl.SSLSocket):
    names: list[str | None]


class Origin(ThreadingMixIn, TCPServer):
    """A server on a free loopback port; `tls` makes it HTTPS."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.record = Record()
        self.think = 0.0
        """Seconds it takes over each connection before it says anything; may be changed at any time."""
        self._tls = tls
        if tls is not None:
            self.show(tls)
        super().__init__((host, 0), _Handler)
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="origin")
        self._thread.start()

    def show(self, tls: ssl.SSLContext) -> None:
        """Serve with this certificate from now on."""
        tls.sslsocket_class = _NamedSocket
        tls.sni_callback = self._note_name
        self._tls = tls

    def _note_name(self, connection: Any, name: str | None, context: ssl.SSLContext) -> None:
        connection.names = [name]
        self.record.handshakes.append(name)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handshake in the connection's own thread: a silent client holds nobody up."""
        request.settimeout(20)
        time.sleep(self.think)
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


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests, with its files."""

    ca: trustme.CA
    roots: Path
    """PEM file with its root."""

    @classmethod
    def found(cls, folder: Path, name: str) -> Authority:
        """A new authority that keeps its files in this folder."""
        ca = trustme.CA(organization_name=name)
        roots = folder / f"{name}.pem"
        ca.cert_pem.write_to_path(str(roots))
        return cls(ca, roots)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A server's side of TLS with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        return context

    def server_file(self, folder: Path, *names: str) -> Path:
        """One PEM file with key, certificate for these names and root, as HAProxy and squid read it.

        The root is sent along, as many proxies do: an unknown one is then untrusted, not merely missing.
        """
        path = folder / f"{self.roots.stem}-server.pem"
        path.write_bytes(self.ca.issue_cert(*names).private_key_and_cert_chain_pem.bytes() + self.ca.cert_pem.bytes())
        return path


def dead_port() -> tuple[socket.socket, int]:
    """A loopback port that refuses for as long as the returned socket is kept: bound, never listening."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]
