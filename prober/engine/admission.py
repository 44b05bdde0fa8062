"""Who may start now: limits per process, per route and per host, in the order given as far as they allow.

Work that a limit holds back waits in a queue of its (route, host); the queue itself waits with the limit that holds
it, so finding the next probe costs the same with ten targets and with a hundred thousand. No clock, no tasks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Key = tuple[str, str]
"""Route name and host."""


@dataclass(slots=True)
class _Limit:
    free: int
    waiting: deque[Key] = field(default_factory=deque)


class Admission(Generic[Item]):
    """`add` work, take it with `next`, give the place back with `release`."""

    def __init__(self, *, total: int, per_route: int, per_host: int) -> None:
        self._free = total
        self._per_route = per_route
        self._per_host = per_host
        self._routes: dict[str, _Limit] = {}
        self._hosts: dict[str, _Limit] = {}
        self._queues: dict[Key, deque[Item]] = {}
        self._ready: deque[Key] = deque()
        self._known: set[Key] = set()  # keys in `_ready` or waiting at a limit
        self.waiting = 0
        self.in_flight = 0

    def add(self, item: Item, route: str, host: str) -> None:
        """Queue work for a route and a host."""
        key = (route, host)
        self._queues.setdefault(key, deque()).append(item)
        self.waiting += 1
        if key not in self._known:
            self._known.add(key)
            self._ready.append(key)

    def next(self) -> tuple[Item, str, str] | None:
        """The next piece of work that every limit allows, or None for now."""
        while self._ready and self._free > 0:
            key = self._ready.popleft()
            route = self._routes.setdefault(key[0], _Limit(self._per_route))
            host = self._hosts.setdefault(key[1], _Limit(self._per_host))
            held, other = (route, host) if route.free <= 0 else (host, route)
            if held.free <= 0:
                held.waiting.append(key)
                if other.free > 0 and other.waiting:  # the place that woke this key is for the next one then
                    self._ready.append(other.waiting.popleft())
                continue
            queue = self._queues[key]
            item = queue.popleft()
            self._free -= 1
            route.free -= 1
            host.free -= 1
            self.waiting -= 1
            self.in_flight += 1
            if queue:
                self._ready.append(key)
            else:
                del self._queues[key]
                self._known.discard(key)
            return item, *key
        return None

    def release(self, route: str, host: str) -> None:
        """A piece of work is over; whoever waited for its place may try again."""
        self._free += 1
        self.in_flight -= 1
        for limit in (self._routes[route], self._hosts[host]):
            limit.free += 1
            if limit.waiting:
                self._ready.append(limit.waiting.popleft())
