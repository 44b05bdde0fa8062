"""SOCKS proxies of the lab: 4 and 4a, and 5 (RFC 1928) with or without a password (RFC 1929). CONNECT only."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import struct
from collections.abc import Sequence
from typing import Final

from prober.lab.addresses import Addresses, NameUnknownError, NotOursError
from prober.lab.link import Link
from prober.lab.listener import Listener
from prober.lab.proxies import REQUEST_SECONDS, TUNNEL_IDLE_SECONDS

_CONNECT: Final = 1
_ANONYMOUS, _PASSWORD, _NO_METHOD = 0x00, 0x02, 0xFF
_OK, _DENIED, _NO_HOST, _REFUSED, _BAD_COMMAND, _BAD_ADDRESS = 0, 2, 4, 5, 7, 8
_GRANTED_4, _REJECTED_4 = 0x5A, 0x5B
_TEXT_LIMIT: Final = 256
_NOWHERE: Final = b"\x01\x00\x00\x00\x00\x00\x00"
"""Bound address 0.0.0.0:0, as most servers answer."""


class SocksProxy(Listener):
    """Speaks the given versions; `login` (user, password) is asked for in version 5 and shuts version 4 out."""

    def __init__(
        self, name: str, addresses: Addresses, *, versions: Sequence[int], login: tuple[str, str] | None = None
    ) -> None:
        super().__init__(name)
        self._addresses = addresses
        self._versions = frozenset(versions)
        self._login = login

    async def serve(self, link: Link) -> None:
        """The handshake, then bytes both ways."""
        async with asyncio.timeout(REQUEST_SECONDS):
            version = (await link.read_exactly(1))[0]
            if version not in self._versions:
                return
            upstream = await (self._version_5(link) if version == 5 else self._version_4(link))
        if upstream is None:
            return
        try:
            await link.join(upstream, idle=TUNNEL_IDLE_SECONDS)
        finally:
            upstream.close()

    async def _version_5(self, link: Link) -> Link | None:
        offered = await link.read_exactly((await link.read_exactly(1))[0])
        method = _PASSWORD if self._login else _ANONYMOUS
        if method not in offered:
            link.write(bytes([5, _NO_METHOD]))
            return None
        link.write(bytes([5, method]))
        if self._login and not await self._password(link, self._login):
            return None
        _, command, _, kind = await link.read_exactly(4)
        host = await _address(link, kind)
        if host is None:
            link.write(bytes([5, _BAD_ADDRESS, 0]) + _NOWHERE)
            return None
        (port,) = struct.unpack("!H", await link.read_exactly(2))
        reply, upstream = await self._connect(host, port) if command == _CONNECT else (_BAD_COMMAND, None)
        link.write(bytes([5, reply, 0]) + _NOWHERE)
        return upstream

    async def _password(self, link: Link, login: tuple[str, str]) -> bool:
        version, length = await link.read_exactly(2)
        user = await link.read_exactly(length)
        password = await link.read_exactly((await link.read_exactly(1))[0])
        same = hmac.compare_digest(user + b"\0" + password, "\0".join(login).encode())
        right = version == 1 and same
        link.write(bytes([1, 0 if right else 1]))
        return right

    async def _version_4(self, link: Link) -> Link | None:
        command, port, number = struct.unpack("!BHI", await link.read_exactly(7))
        await link.read_until(b"\0", _TEXT_LIMIT)  # user id: nobody checks it
        if 0 < number < 256:  # 0.0.0.x, x not 0: version 4a, the name follows
            name = await link.read_until(b"\0", _TEXT_LIMIT)
            host = name[:-1].decode("ascii", "replace").lower().rstrip(".")
        else:
            host = str(ipaddress.IPv4Address(number))
        upstream = None
        if command == _CONNECT and self._login is None:
            _, upstream = await self._connect(host, port)
        link.write(struct.pack("!BBHI", 0, _REJECTED_4 if upstream is None else _GRANTED_4, 0, 0))
        return upstream

    async def _connect(self, host: str, port: int) -> tuple[int, Link | None]:
        try:
            return _OK, await self._addresses.connect(self, host, port)
        except NameUnknownError:
            return _NO_HOST, None
        except NotOursError:
            return _DENIED, None
        except OSError:
            return _REFUSED, None


async def _address(link: Link, kind: int) -> str | None:
    """The destination of a version 5 request; None for a kind of address there is not."""
    if kind == 1:
        return str(ipaddress.IPv4Address(await link.read_exactly(4)))
    if kind == 4:
        return str(ipaddress.IPv6Address(await link.read_exactly(16)))
    if kind == 3:
        name = await link.read_exactly((await link.read_exactly(1))[0])
        return name.decode("ascii", "replace").lower().rstrip(".")
    return None
