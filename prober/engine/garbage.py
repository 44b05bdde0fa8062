"""Python's collector of cycles, kept out of the way of a process that holds much.

A full collection walks everything that is held: with 1,600 pairs 80–160 ms in which the loop stands still. What is
there after the start stays for weeks, and almost nothing here forms cycles; so it is set aside (`gc.freeze`), and full
collections, which then see only what is new, come less often. Reference counts free everything else as before.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 50)
"""New objects before a look at the youngest; looks at the youngest before one at the middle ones; and so on. Python's
own are (700, 10, 10): made for programs that end soon."""


def set_aside() -> None:
    """Call when much has been built that will stay: after the start, before a run, after a reload."""
    gc.set_threshold(*_THRESHOLDS)
    gc.unfreeze()  # what an earlier call set aside may be garbage by now
    gc.collect()
    gc.freeze()


@contextmanager
def kept_out() -> Iterator[None]:
    """For one run within a process that may go on with something else: afterwards all is as it was."""
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.set_threshold(*_THRESHOLDS)
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if not frozen:
            gc.unfreeze()
