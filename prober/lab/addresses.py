"""The lab's own name service: where a proxy of the lab may connect to. Everything else is refused: no open relay."""

from __future__ import annotations

import asyncio
from typing import Final

from prober.lab.faults import DOMAIN, Fault, fault_of
from prober.lab.link import Link
from prober.lab.listener import LOOPBACK, Listener
from prober.lab.origins import Origins

CONNECT_SECONDS: Final = 10.0
_LOOPBACK_NAMES: Final = frozenset({LOOPBACK, "localhost", "::1"})


class NameUnknownError(Exception):
    """No such name in the lab."""


class NotOursError(Exception):
    """A loopback port that belongs to somebody else."""


class Addresses:
    """Every name leads to the lab's origins, by port; proxies of the lab are reached by name or by their own port."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._proxies: dict[str, Listener] = {}

    def add(self, proxy: Listener) -> None:
        """Makes a proxy known as `NAME.proxy.lab.test`."""
        self._proxies[proxy_host(proxy.name)] = proxy

    def locate(self, host: str, port: int) -> int:
        """The loopback port that `host:port` stands for. Raises NameUnknownError, NotOursError."""
        if host in _LOOPBACK_NAMES:
            own = [proxy.port for proxy in self._proxies.values()]
            if port not in (self._origins.tls.port, self._origins.plain.port, self._origins.closed_port, *own):
                raise NotOursError(f"{host}:{port}")
            return port
        if host in self._proxies:
            return self._proxies[host].port
        fault = fault_of(host)
        if fault is Fault.NOWHERE:
            raise NameUnknownError(host)
        if fault is not Fault.CLOSED:
            if port == 443:
                return self._origins.tls.port
            if port == 80:
                return self._origins.plain.port
        return self._origins.closed_port

    async def connect(self, proxy: Listener, host: str, port: int) -> Link:
        """Connects on behalf of `proxy`. Raises NameUnknownError, NotOursError, TimeoutError, OSError."""
        target = self.locate(host, port)
        async with asyncio.timeout(CONNECT_SECONDS):
            return await proxy.dial(LOOPBACK, target)


def proxy_host(name: str) -> str:
    """The name of a proxy inside the lab."""
    return f"{name}.proxy.{DOMAIN}"
