"""An origin as a program, for a network namespace of its own: `lone_origin.py ADDRESS CERTIFICATE` serves HTTP at
port 80 and HTTPS at 443. The standard library only."""

from __future__ import annotations

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = b"reached\n"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
        """Say nothing."""


def main(address: str, certificate: str) -> None:
    """Serve until the end of the process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    secured = ThreadingHTTPServer((address, 443), _Handler)
    secured.socket = context.wrap_socket(secured.socket, server_side=True)
    threading.Thread(target=secured.serve_forever, daemon=True).start()
    ThreadingHTTPServer((address, 80), _Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
