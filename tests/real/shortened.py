"""Copies of the rules in which hours are seconds, so that a test sees them fire and resolve. Thresholds stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

WINDOWS: Final = {
    "5m": "5s", "10m": "6s", "30m": "8s", "1h": "9s", "2h": "10s", "6h": "14s", "1d": "4m", "3d": "5m",
}  # fmt: skip
"""What each window becomes: the order stays, and each holds several scrapes."""
_WAIT: Final = "1s"
"""What each `for` becomes."""


def shortened(rules: str) -> str:
    """The rules with short windows, offsets and waits, evaluated all the time. KeyError for a window not listed."""
    rules = re.sub(r"\[(\d+[smhd])\]", lambda match: f"[{WINDOWS[match[1]]}]", rules)
    rules = re.sub(r"\boffset (\d+[smhd])", lambda match: f"offset {WINDOWS[match[1]]}", rules)
    rules = re.sub(r"^(\s+)for: \d+[smhd]$", rf"\1for: {_WAIT}", rules, flags=re.MULTILINE)
    return re.sub(r"^\s+interval: \d+[smhd]\n", "", rules, flags=re.MULTILINE)


def write_shortened(source: Path, target: Path) -> None:
    """Every file of rules in `source`, shortened, into the new folder `target`."""
    target.mkdir()
    for file in source.glob("*.yml"):
        (target / file.name).write_text(shortened(file.read_text(encoding="utf-8")), encoding="utf-8")
