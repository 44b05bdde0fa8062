"""Origins and proxies of the lab in a thread of their own, which a test can end, start again and listen to."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

from prober.lab.addresses import Addresses
from prober.lab.answers import Answers
from prober.lab.authorities import Authorities, pem
from prober.lab.link import Link
from prober.lab.listener import LOOPBACK, Listener
from prober.lab.origins import Certificates, Origin, Origins
from prober.lab.proxies import HttpProxy

T = TypeVar("T")
_PATIENCE: Final = 30.0
USER: Final = "lab"
PASSWORD: Final = "correct-horse-battery"


class Slow(Origin):
    """Waits a little at the beginning of each connection, and keeps how many of a host it had at once."""

    def __init__(self, answers: Answers, certificates: Certificates, delay: float) -> None:
        super().__init__("slow", answers, certificates)
        self.delay = delay
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()

    async def serve(self, link: Link) -> None:
        """What is counted lies within the probe: from its ClientHello to our first byte, or to its end."""
        host = await link.peek_server_name() or ""
        self.seen[host] += 1
        self.now[host] += 1
        self.most[host] = max(self.most[host], self.now[host])
        try:
            until = time.monotonic() + self.delay
            while time.monotonic() < until and not link.closed_by_peer:  # noqa: ASYNC110 # a link tells nobody
                await asyncio.sleep(0.01)
        finally:
            self.now[host] -= 1
        if not link.closed_by_peer:
            await super().serve(link)


class Echo(Listener):
    """A proxy that refuses everybody with whatever login they gave, in every place it can."""

    def __init__(self) -> None:
        super().__init__("echo")
        self.given = 0

    async def serve(self, link: Link) -> None:
        """One request."""
        head = (await link.read_until(b"\r\n\r\n", 65536)).decode("latin-1")
        lines = [line for line in head.split("\r\n") if line.lower().startswith("proxy-authorization:")]
        if not lines:
            link.write(b'HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
            await self.serve(link)
            return
        self.given += 1
        login = lines[0].split()[-1]
        clear = base64.b64decode(login).decode()
        name, _, password = clear.partition(":")
        link.write(
            f"HTTP/1.1 403 No {clear} {login}\r\nServer: echo {clear}\r\n"
            f"X-Squid-Error: ERR_ACCESS_DENIED {password}\r\n"
            f"Via: 1.1 {quote(password, safe='')}\r\nLocation: http://portal.test/?user={name}&basic={login}\r\n"
            f"Content-Length: 0\r\n\r\n".encode("latin-1")
        )


class Everywhere(Addresses):
    """Every name and port leads to one port."""

    def __init__(self, origins: Origins) -> None:
        super().__init__(origins)
        self._to = origins.tls

    def locate(self, host: str, port: int) -> int:
        """There."""
        return self._to.port


class Stage:
    """A context manager. `call` runs something on its loop."""

    def __init__(self, folder: Path, authorities: Authorities) -> None:
        self.folder = folder
        self.authorities = authorities
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage")
        answers, certificates = Answers((), authorities), Certificates((), authorities)
        self.origins = Origins((), authorities)
        self.origins.tls = Origin("tls-origin", answers, certificates)
        self.slow = Slow(answers, certificates, 0.1)
        self._echo = Echo()
        self._addresses = Everywhere(self.origins)
        self._proxies: dict[str, HttpProxy] = {}
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self.origins.start)
        self.call(self.slow.start)
        (self.folder / "roots.pem").write_bytes(pem(*self.authorities.public_roots))
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in self._proxies.values():
            self.call(proxy.close)
        self.call(self._echo.close)
        self.call(self.slow.close)
        self.call(self.origins.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await it on the stage's loop."""
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(_PATIENCE)

    @property
    def origin(self) -> int:
        """The port of the origin that answers for every host."""
        return self.origins.tls.port

    def proxy(self, name: str, *, login: bool = False) -> int:
        """Start a proxy; its port, which is the same when it is started again after `kill`."""
        assert name not in self._proxies
        proxy = HttpProxy(name, self._addresses, login=(USER, PASSWORD) if login else None)
        self.call(lambda: proxy.start(LOOPBACK, self._ports.get(name, 0)))
        self._proxies[name] = proxy
        self._ports[name] = proxy.port
        self._addresses.add(proxy)
        return proxy.port

    def echo(self) -> int:
        """Start the proxy that quotes passwords."""
        self.call(self._echo.start)
        return self._echo.port

    def echoed(self) -> int:
        """How many logins it has quoted."""
        return self._echo.given

    def kill(self, name: str) -> None:
        """End a proxy with all its connections: nobody listens on its port."""
        self.call(self._proxies.pop(name).close)

    def served(self, name: str) -> int:
        """Connections that a proxy took."""
        return self._proxies[name].served
