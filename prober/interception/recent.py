"""A bounded memory of what was worked out before."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `limit` results; when full, the oldest eighth goes.

    Insertion order, not use, decides: a look-up stays one dictionary access, and what a flood of strangers pushed out
    is worked out again on its next use.
    """

    __slots__ = ("_entries", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """What was put under `key`, or None."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Remember `value`."""
        entries = self._entries
        if len(entries) >= self._limit and key not in entries:
            for old in list(entries)[: max(1, self._limit // 8)]:
                del entries[old]
        entries[key] = value
