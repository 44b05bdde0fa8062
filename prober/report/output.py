"""Where a report goes: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

from prober.report.files import replace_file


def write_text(text: str, path: Path | None, *, mode: int = 0o600) -> None:
    """Write a report to standard output, or atomically to a file, of this mode if it is new. Raises OSError."""
    data = text.encode()
    if path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)  # for programs: UTF-8 whatever the locale
        sys.stdout.buffer.flush()
    elif path.exists() and not path.is_file():
        with path.open("wb") as device:  # a pipe, as in --output >(gzip): there is nothing to replace
            device.write(data)
    else:
        replace_file(path, data, mode=mode)
