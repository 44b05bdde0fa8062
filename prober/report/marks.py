"""The signs that pages put on a target over a route: one word each, a glyph of its own shape, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Mark(StrEnum):
    """What is to be said of a pair, the gravest first. The first that holds is the cell's own."""

    UNREACHABLE = "unreachable"
    INTERCEPTED = "intercepted"
    BLOCKED = "blocked"
    SUSPECT = "suspect"
    UNTRUSTED = "untrusted"
    STATUS = "status"
    """Another HTTP status than documented."""
    UNKNOWN = "unknown"
    """Nothing is confirmed yet."""
    OK = "ok"

    @property
    def broken(self) -> bool:
        """Whether somebody should look."""
        return self not in (Mark.OK, Mark.UNKNOWN)

    @property
    def stops(self) -> bool:
        """Whether a service that needs the target cannot work like this; the other marks leave a doubt."""
        return self in (Mark.UNREACHABLE, Mark.INTERCEPTED, Mark.BLOCKED)


GLYPHS: Final[Mapping[Mark, str]] = MappingProxyType(
    {
        Mark.UNREACHABLE: "✕",
        Mark.INTERCEPTED: "◆",
        Mark.BLOCKED: "⊘",
        Mark.SUSPECT: "◇",
        Mark.UNTRUSTED: "!",
        Mark.STATUS: "≠",
        Mark.UNKNOWN: "·",
        Mark.OK: "✓",
    }
)
"""Each is of another shape: colour is never needed to tell them apart."""
LABELS: Final[Mapping[Mark, str]] = MappingProxyType(
    {
        Mark.UNREACHABLE: "unreachable",
        Mark.INTERCEPTED: "intercepted",
        Mark.BLOCKED: "blocked",
        Mark.SUSPECT: "suspect",
        Mark.UNTRUSTED: "untrusted certificate",
        Mark.STATUS: "unexpected status",
        Mark.UNKNOWN: "not known yet",
        Mark.OK: "well",
    }
)
MEANINGS: Final[Mapping[Mark, str]] = MappingProxyType(
    {
        Mark.UNREACHABLE: "the target does not answer over this route",
        Mark.INTERCEPTED: "somebody opens the TLS connection",
        Mark.BLOCKED: "a block page or a portal answers",
        Mark.SUSPECT: "it looks intercepted, without proof",
        Mark.UNTRUSTED: "no authority that may vouches for the certificate, or it has run out",
        Mark.STATUS: "it answers with another HTTP status than documented",
        Mark.UNKNOWN: "nothing is confirmed yet",
        Mark.OK: "reached, and nothing is wrong",
    }
)
