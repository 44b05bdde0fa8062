"""Messages between the prober and the process of a PAC script: a length, one letter for the kind, and JSON.

No pickle: the other end runs a stranger's script. Both ends bound what they take. The standard library alone, because
the process of the script loads nothing else of ours.
"""

from __future__ import annotations

import struct
from typing import Final

HEAD: Final = struct.Struct(">Ic")
"""Octets of the JSON that follows, and the kind."""
MOST_DOWN: Final = 16 * 1024 * 1024
"""Octets of a message to the script's process."""
MOST_UP: Final = 1024 * 1024
"""Octets of a message from there."""

LIBRARY_AFTER: Final = 1_100_000
"""Empty lines in front of the library, more than a script can have: in a backtrace a line says whose it is."""

SETUP: Final = b"S"
"""Down, once: library, script, settings of the library, limits."""
BATCH: Final = b"U"
"""Down: moment and zone of a run that begins, and URLs with their hosts."""
TOLD: Final = b"T"
"""Down: addresses of a name as a list; null = the limit is reached."""
LOADED: Final = b"L"
"""Up: what came of loading the script."""
QUESTION: Final = b"Q"
"""Up: a name to be resolved."""
ANSWER: Final = b"A"
"""Up: what came of one URL."""
BROKEN: Final = b"X"
"""Up: the process itself has a fault, which it names; it ends."""


def framed(kind: bytes, payload: bytes) -> bytes:
    """A message ready to be written."""
    return HEAD.pack(len(payload), kind) + payload
