"""What a PAC script may cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a script, of one call, and of a run (one `evaluate`)."""

    script: int = MIB
    """Octets of the script in UTF-8. Chromium takes less than 1 MB, WinHTTP's old documents say 1 MB."""
    memory: int = 64 * MIB
    """Octets that the engine may allocate."""
    address_space: int = 1024 * MIB
    """Octets of the whole process, its interpreter and stack included; a second wall behind `memory`."""
    load_seconds: float = 3.0
    """Processor time for loading the script."""
    call_seconds: float = 1.0
    """Processor time for one URL."""
    process_seconds: int = 3600
    """Processor time of a process in all; a second wall behind the two above."""
    answer_seconds: float = 15.0
    """Wall-clock time for one URL, not counting name resolution: for a process that waits instead of working."""
    run_seconds: float = 60.0
    """Wall-clock time of a run, not counting name resolution; URLs after that are not evaluated."""
    breaches: int = 3
    """Times in a run that the process may be ended for a limit. URLs after that are not evaluated."""
    call_names: int = 64
    """Distinct names that one URL may have resolved, beyond those known already."""
    run_names: int = 20_000
    """Distinct names that a run may have resolved."""
    name_seconds: float = 5.0
    """Wall-clock time for one name; beyond it the name counts as not resolvable."""
    addresses: int = 32
    """Addresses of one name that are kept."""
    result: int = 16 * 1024
    """Characters of a result."""
    calls: int = 500
    """Calls recorded for each URL."""
    traced: int = 64 * 1024
    """Characters of the record of these calls."""
    alerts: int = 50
    """Alerts kept for each URL."""
    alert: int = 500
    """Characters of an alert."""
