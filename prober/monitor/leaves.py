"""Which leaf keys of a pair are news. Many servers behind one name have a key each and show them by turns: that is one
change for each key, not one for each probe. And whoever makes a new key for every connection is told of ten times."""

from __future__ import annotations

from collections import deque
from typing import Final

from prober.monitor.state import PairKey

KNOWN: Final = 16
"""Keys remembered of each pair: farms of more members are seen to change now and then."""
MANY: Final = 10
WITHIN: Final = 3600.0
"""Seconds: `MANY` changes of one pair within them, and further ones are passed over in silence."""


class LeafNews:
    """Says whether a leaf key is a change worth telling."""

    def __init__(self) -> None:
        self._changes: dict[PairKey, deque[float]] = {}

    def is_news(self, pair: PairKey, key: str, known: tuple[str, ...], at: float) -> bool:
        """Whether `key`, seen at `at` (seconds since the epoch), is one that the pair has not shown before."""
        if key in known:
            return False
        if not known:
            return True
        changes = self._changes.setdefault(pair, deque(maxlen=MANY))
        if len(changes) == MANY and 0 <= at - changes[0] < WITHIN:
            return False
        changes.append(at)
        return True

    def forget(self, pair: PairKey) -> None:
        """Drop a pair that is not probed any more."""
        self._changes.pop(pair, None)


def with_key(known: tuple[str, ...], key: str) -> tuple[str, ...]:
    """The keys known of a pair with one more, `KNOWN` at most: the oldest goes."""
    return (*known, key)[-KNOWN:]
