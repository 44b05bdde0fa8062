"""Starting and ending processes of this program's own."""

from __future__ import annotations

import signal
import sys


def command(program: str) -> tuple[str, ...]:
    """How to run a program text, in which `{path!r}` stands for the parent's module path: both are the same program.

    The working directory is no place for modules (`-P`).
    """
    return sys.executable, "-P", "-c", program.format(path=sys.path)


def ending(code: int | None) -> str:
    """How a process ended, in words. The kernel's own shortage of memory shows as SIGKILL."""
    if code is None or code >= 0:
        return f"ended with exit code {code} (its messages are above)"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
