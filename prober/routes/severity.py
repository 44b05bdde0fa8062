"""How much a finding on a device's ways out matters."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Of lints and of what automatic discovery shows."""

    INFO = "info"
    """Worth knowing."""
    WARNING = "warning"
    """Likely to do something else than was meant, or to fail under some condition."""
    HIGH = "high"
    """Does not work, or weakens the device."""
