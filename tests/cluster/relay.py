"""A TCP relay between agents and a scheduler that can fall silent, as a link does that is cut: nobody is told."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import Final

_SIZE: Final = 65536


class Relay:
    """Listens on loopback and passes on to the place of a URL."""

    def __init__(self, url: str) -> None:
        scheme, _, place = url.partition("://")
        host, _, port = place.rpartition(":")
        self._to = (host, int(port))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"
        self._flows = threading.Event()
        self._flows.set()
        self._ended = threading.Event()
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def cut(self) -> None:
        """Nothing passes any more, either way; connections stay."""
        self._flows.clear()

    def mend(self) -> None:
        """What was said meanwhile arrives."""
        self._flows.set()

    def close(self) -> None:
        """End everything."""
        self._ended.set()
        self._flows.set()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._to)
            except OSError:
                near.close()
                continue
            thread = threading.Thread(target=self._pass, args=(near, far), name="relayed", daemon=True)
            thread.start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, selectors.DefaultSelector() as both:
            both.register(near, selectors.EVENT_READ, far)
            both.register(far, selectors.EVENT_READ, near)
            while not self._ended.is_set():
                ready = both.select(timeout=0.2)
                self._flows.wait()  # set at the end, too
                for key, _ in ready:
                    if not self._passed(key):
                        return

    def _passed(self, key: selectors.SelectorKey) -> bool:
        try:
            data = key.fileobj.recv(_SIZE)  # type: ignore[union-attr] # only sockets are registered
            if data:
                key.data.sendall(data)
            return bool(data)
        except OSError:
            return False
