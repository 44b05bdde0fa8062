"""Names in certificates for people: out of a distinguished name the part that one says aloud."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

_PART: Final = re.compile(r"(?:[^,+\\]|\\.)+", re.DOTALL)
"""A piece between unescaped commas and pluses (RFC 4514 section 2.2)."""
_ESCAPED: Final = re.compile(r"\\([ \"#+,;<=>\\])")
"""What is escaped for the notation's sake alone. Hex pairs stay: they stand for what should not be shown."""


def common_name(distinguished: str) -> str:
    """The CN of a name in RFC 4514, else its O, else the whole name; the first CN where there are several."""
    parts = [piece.strip().partition("=") for piece in _PART.findall(distinguished)]
    for wanted in ("CN", "O"):
        for kind, _, value in parts:
            if kind.upper() == wanted and value:
                return _ESCAPED.sub(r"\1", value)
    return distinguished or "an authority without a name"


def commonest(texts: Iterable[str]) -> tuple[str, int]:
    """The text seen most often, the first of equals, and how many others there are; empty texts do not count."""
    counted = Counter(text for text in texts if text)
    return (counted.most_common(1)[0][0], len(counted) - 1) if counted else ("", 0)


def quoted(texts: Iterable[str]) -> str:
    """`"Corp CA 07"`, `"Corp CA 07" and 2 others`; nothing where there is no text."""
    first, others = commonest(texts)
    more = f" and {others} {'other' if others == 1 else 'others'}" if others else ""
    inner = first.replace('"', "'")
    return f'"{inner}"{more}' if first else ""
