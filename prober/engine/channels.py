"""Channels to name servers. c-ares keeps answers on its own account; what runs for ever must not notice.

From version 1.31 on a channel of c-ares remembers answers, and that a name does not exist, for up to an hour, and the
Python binding has no switch for it. So where one wants to know how things are now, a channel is asked for a name once:
the next question goes to a new one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiodns
import pycares

_MOST_ASKED: Final = 1024
"""What c-ares keeps of one channel's questions is bounded by leaving the channel."""


@dataclass(slots=True, eq=False)
class _Channel:
    resolver: aiodns.DNSResolver
    asked: set[str] = field(default_factory=set)
    """Names, `_MOST_ASKED` at most; whatever the family, since it is answers of one type that c-ares keeps."""
    open: int = 0
    """Questions under way."""

    def knows(self, host: str) -> bool:
        """Whether it must not be asked for this name."""
        return host in self.asked or len(self.asked) >= _MOST_ASKED


class Channels:
    """Channels to the system's name servers or to `servers`; with `afresh` one that has not heard of the name yet.

    `timeout` is seconds for a try. Close it when no question is under way.
    """

    def __init__(self, servers: Sequence[str], *, timeout: float, tries: int, afresh: bool) -> None:
        self._servers = list(servers) or None
        self._timeout = timeout
        self._tries = tries
        self._afresh = afresh
        self._current: dict[bool, _Channel] = {}
        self._left: set[_Channel] = set()
        """Replaced, with a question still under way."""

    @contextlib.asynccontextmanager
    async def channel(self, host: str) -> AsyncIterator[aiodns.DNSResolver]:
        """A channel for one question."""
        search = "." not in host
        old = self._current.get(search)
        if old is None or (self._afresh and old.knows(host)):
            channel = self._current[search] = self._make(search=search)
            self._left |= {old} if old is not None else set()
        else:
            channel = old
        channel.open += 1
        channel.asked |= {host} if self._afresh else set()
        try:
            await self._close_left()
            yield channel.resolver
        finally:
            channel.open -= 1
            await self._close_left()

    def _make(self, *, search: bool) -> _Channel:
        """Search domains only for single labels: catalog names are absolute, and a search list multiplies queries."""
        flags = pycares.ARES_FLAG_EDNS | (0 if search else pycares.ARES_FLAG_NOSEARCH)
        return _Channel(aiodns.DNSResolver(self._servers, timeout=self._timeout, tries=self._tries, flags=flags))

    async def _close_left(self) -> None:
        for channel in [each for each in self._left if not each.open]:
            self._left.discard(channel)
            await channel.resolver.close()

    async def close(self) -> None:
        """Close them all."""
        channels = [*self._current.values(), *self._left]
        self._current.clear()
        self._left.clear()
        for channel in channels:
            await channel.resolver.close()
