"""Which processes this one has."""

from __future__ import annotations

import os
from pathlib import Path


def children() -> set[str]:
    """Processes below this one, zombies too (Linux)."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:  # gone meanwhile
                continue
            if parent == str(os.getpid()):
                found.add(folder.name)
    return found
