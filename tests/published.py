"""A web server on loopback that publishes PAC scripts, and keeps what it was asked for."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator


class Published(http.server.ThreadingHTTPServer):
    """`scripts` are texts by path; what is not among them is answered with 404."""

    daemon_threads = True

    def __init__(self) -> None:
        self.scripts: dict[str, str] = {}
        self.asked: list[str] = []
        """Path of each request."""
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def put(self, answer: str, path: str = "/proxy.pac") -> str:
        """Publish a script that returns this for every URL; its URL."""
        return self.put_script(f'return "{answer}";', path)

    def put_script(self, body: str, path: str = "/proxy.pac") -> str:
        """The same with a body of its own."""
        self.scripts[path] = f"function FindProxyForURL(url, host) {{ {body} }}"
        return self.url(path)

    def url(self, path: str = "/proxy.pac") -> str:
        """Whether there is something or not."""
        return f"http://127.0.0.1:{self.port}{path}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Published

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        text = self.server.scripts.get(self.path)
        body = b"no such script" if text is None else text.encode()
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Type", "application/x-ns-proxy-autoconfig")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def published() -> Iterator[Published]:
    """A running server."""
    with Published() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="PAC scripts")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
