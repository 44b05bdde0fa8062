"""Who may start now: limits per process, per route and per host, in the order given as far as they allow.

Work that a limit holds back waits in a queue of its (route, host); the queue itself waits with the limit that holds
it, so finding the next probe costs hardly more with a hundred thousand targets than with ten. Of all that may start,
what was added first does: a target's routes are probed close together. No clock, no tasks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Generic, TypeVar

Item = TypeVar("Item")
Key = tuple[str, str]
"""Route name and host."""
Turn = tuple[int, Key]
"""The number of the first piece of work in a queue, and the queue."""


@dataclass(slots=True)
class _Limit:
    free: int
    waiting: list[Turn] = field(default_factory=list)
    """A heap."""


class Admission(Generic[Item]):
    """`add` work, take it with `next`, give the place back with `release`."""

    def __init__(self, *, total: int, per_route: int, per_host: int) -> None:
        self._free = total
        self._per_route = per_route
        self._per_host = per_host
        self._routes: dict[str, _Limit] = {}
        self._hosts: dict[str, _Limit] = {}
        self._queues: dict[Key, deque[tuple[int, Item]]] = {}
        self._ready: list[Turn] = []  # a heap; each queue is in it or waits at one limit
        self._added = 0
        self.waiting = 0
        self.in_flight = 0

    def add(self, item: Item, route: str, host: str) -> None:
        """Queue work for a route and a host."""
        key = (route, host)
        if key not in self._queues:
            self._queues[key] = deque()
            heappush(self._ready, (self._added, key))
        self._queues[key].append((self._added, item))
        self._added += 1
        self.waiting += 1

    def next(self) -> tuple[Item, str, str] | None:
        """The next piece of work that every limit allows, or None for now."""
        while self._ready and self._free > 0:
            turn = heappop(self._ready)
            key = turn[1]
            route = self._routes.setdefault(key[0], _Limit(self._per_route))
            host = self._hosts.setdefault(key[1], _Limit(self._per_host))
            held, other = (route, host) if route.free <= 0 else (host, route)
            if held.free <= 0:
                heappush(held.waiting, turn)
                if other.free > 0 and other.waiting:  # the place that woke this key is for the next one then
                    heappush(self._ready, heappop(other.waiting))
                continue
            queue = self._queues[key]
            _, item = queue.popleft()
            self._free -= 1
            route.free -= 1
            host.free -= 1
            self.waiting -= 1
            self.in_flight += 1
            if queue:
                heappush(self._ready, (queue[0][0], key))
            else:
                del self._queues[key]
            return item, *key
        return None

    def release(self, route: str, host: str) -> None:
        """A piece of work is over; whoever waited for its place may try again."""
        self._free += 1
        self.in_flight -= 1
        for limits, name, most in (
            (self._routes, route, self._per_route),
            (self._hosts, host, self._per_host),
        ):
            limit = limits[name]
            limit.free += 1
            if limit.waiting:
                heappush(self._ready, heappop(limit.waiting))
            elif limit.free == most:
                del limits[name]  # idle: who is fed for ever meets any number of hosts


class Pace:
    """Spaces starts evenly: at most `rate` a second, None = no limit. A late start does not make the next ones come in
    a burst. Moments are seconds on the caller's clock."""

    def __init__(self, rate: float | None) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0

    def wait(self, now: float) -> float:
        """Seconds until something may start."""
        return max(0.0, self._next - now) if self._interval else 0.0

    def start(self, now: float) -> None:
        """Something starts."""
        self._next = max(self._next, now) + self._interval
