"""The label `issuer`: the one place where text from the wire reaches a label, and how that stays bounded.

contract.md: sanitised, 128 bytes, one live series a pair, and `(churning)` once a pair has shown ten unknown issuers
within an hour. Issuers of chains that end in a root of the public web, the vendor or the user do not count: nobody can
make them up, and a farm may well have a dozen. Those of a root that only this machine has do: it may be an inspection
product's, which can sign under any name it likes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from prober.interception.comparison import PairKey
from prober.model import Anchor
from prober.report.sanitize import sanitize

MAX_BYTES: Final = 128
CHURNING: Final = "(churning)"
MANY: Final = 10
WITHIN: Final = 3600.0
"""Seconds."""
_KNOWN: Final = (Anchor.PUBLIC, Anchor.PUBLIC_LEGACY, Anchor.VENDOR_PRIVATE, Anchor.PINNED)


class IssuerLabels:
    """Turns issuers into labels; remembers the unknown ones of each pair, `MANY` at most."""

    def __init__(self) -> None:
        self._unknown: dict[PairKey, OrderedDict[str, float]] = {}

    def label(self, key: PairKey, issuer: str, anchor: Anchor, at: float) -> str:
        """The label for an issuer seen on a pair at `at`, seconds since the epoch."""
        text = bounded(issuer)
        if anchor in _KNOWN:
            return text
        seen = self._unknown.setdefault(key, OrderedDict())
        for old in [each for each, when in seen.items() if not 0 <= at - when <= WITHIN]:  # or the clock was set back
            del seen[old]
        seen[text] = at
        seen.move_to_end(text)
        while len(seen) > MANY:
            seen.popitem(last=False)
        return CHURNING if len(seen) >= MANY else text

    def forget(self, key: PairKey) -> None:
        """Drop a pair that is not probed any more."""
        self._unknown.pop(key, None)


def bounded(text: str) -> str:
    """Text on one line without characters that mislead, of at most `MAX_BYTES` bytes in UTF-8, cut at a character."""
    shown = sanitize(text, limit=MAX_BYTES)
    data = shown.encode("utf-8", "backslashreplace")
    if len(data) <= MAX_BYTES:
        return shown
    return data[: MAX_BYTES - 3].decode("utf-8", "ignore") + "…"
