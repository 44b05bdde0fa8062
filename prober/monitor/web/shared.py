"""What many ask for at once is made once, and by one at a time: a flood of page views costs a few of them.

An answer is shared if nothing has changed since it was made, or if it was begun after the question: as with scrapes
(`metrics/exposition.py`), a hundred that ask at the same moment cost two. Who waits is let go in turn, one in each
round of the event loop, and what is sent goes in pieces, so that neither holds up anybody else.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from aiohttp import web

from prober.monitor.web.negotiation import gzip_accepted

V = TypeVar("V")

WAITING: Final = 16
"""Different answers of one kind that wait for their turn, at most."""
_PIECE: Final = 65_536
"""Bytes that are handed to a client at a time."""
_LEVEL: Final = 4
"""Of gzip: half the time of level 6, and a tenth more bytes."""
_GZIP: Final = 31
"""zlib's window bits for a gzip container."""
_RETRY: Final = 2
"""Seconds."""


@dataclass(frozen=True, slots=True)
class _Made(Generic[V]):
    number: int
    state: object
    value: V


class Shared(Generic[V]):
    """Makes answers of one kind, by key. Belongs to the event loop.

    What is kept: the answers that somebody is waiting for, and the newest one unless `keep` is false.
    """

    def __init__(self, waiting: int = WAITING, *, keep: bool = True) -> None:
        self._most = waiting
        self._keep = keep
        self._turn = asyncio.Lock()
        self._wanted: dict[Hashable, int] = {}
        self._kept: dict[Hashable, _Made[V]] = {}
        self.made = 0
        """How many were begun."""

    async def get(self, key: Hashable, state: object, make: Callable[[], Awaitable[V]]) -> V:
        """The answer to `key`. One made before is as good if `state` is not None and equal to what it was then.

        Raises HTTPServiceUnavailable if too many different ones wait.
        """
        before = self.made
        if key not in self._wanted and len(self._wanted) >= self._most:
            raise web.HTTPServiceUnavailable(
                text="Too many different pages are being made: try again.\n", headers={"Retry-After": str(_RETRY)}
            )
        self._wanted[key] = self._wanted.get(key, 0) + 1
        try:
            async with self._turn:
                found = self._kept.get(key)
                if found is None or (found.number <= before and (state is None or found.state != state)):
                    await asyncio.sleep(0)  # between two, others have their turn, and who comes now shares this one
                    self.made += 1
                    found = _Made(self.made, state, await make())
                    self._kept = {old: self._kept[old] for old in self._kept if old in self._wanted}
                    self._kept[key] = found
                return found.value
        finally:
            self._wanted[key] -= 1
            if not self._wanted[key]:
                del self._wanted[key]
                newest = self._kept.get(key)
                if newest is not None and not (self._keep and newest.number == self.made):
                    del self._kept[key]


@dataclass(frozen=True, slots=True)
class Body:
    """The content of an answer, to be sent to many: nobody changes it."""

    pieces: tuple[bytes, ...]
    kind: str
    """`text/html; charset=utf-8`, say."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    _packed: list[tuple[bytes, ...]] = field(default_factory=list)
    _packing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def gzip(self) -> tuple[bytes, ...]:
        """The same by gzip, made when it is first wanted."""
        async with self._packing:
            if not self._packed:
                self._packed.append(await asyncio.to_thread(_packed, self.pieces))
            return self._packed[0]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send it, piece by piece as the client takes it."""
        headers = {**self.headers, "Content-Type": self.kind, "Vary": "Accept-Encoding"}
        pieces = self.pieces
        if gzip_accepted(", ".join(request.headers.getall("Accept-Encoding", ()))):
            pieces = await self.gzip()
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(sum(map(len, pieces)))
        if request.method == "HEAD":
            return web.Response(status=self.status, headers=headers)
        response = web.StreamResponse(status=self.status, headers=headers)
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
        await response.write_eof()
        return response


def body_of(
    parts: Iterable[str | bytes], kind: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Body:
    """An answer's content from its parts, in pieces fit for a socket."""
    pieces: list[bytes] = []
    small: list[bytes] = []
    size = 0
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode(errors="replace")
        small.append(data)
        size += len(data)
        if size >= _PIECE:
            whole = b"".join(small)
            pieces += (whole[start : start + _PIECE] for start in range(0, len(whole), _PIECE))
            small, size = [], 0
    if small:
        pieces.append(b"".join(small))
    return Body(tuple(pieces), kind, status, dict(headers or {}))


def _packed(pieces: Iterable[bytes]) -> tuple[bytes, ...]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    whole = b"".join([*map(packer.compress, pieces), packer.flush()])
    return tuple(whole[start : start + _PIECE] for start in range(0, len(whole), _PIECE))
