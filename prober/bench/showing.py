"""A benchmark as any of its reports, to standard output or to a file."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from prober.bench.document import Bench
from prober.report.output import write_text


def write_report(bench: Bench, format_: str, path: Path | None) -> None:
    """Write it as `table`, `json`, `html` or `markdown`, to standard output or atomically to a file. Raises OSError."""
    if path is None and format_ == "table":
        from prober.bench.table import write_table

        write_table(bench, sys.stdout)  # which knows its terminal
        sys.stdout.flush()
        return
    write_text(rendered(bench, format_), path)


def rendered(bench: Bench, format_: str) -> str:
    """The report as a text."""
    if format_ == "json":
        from prober.bench.saved import encode

        return encode(bench, indent=2).decode() + "\n"
    if format_ == "html":
        from prober.bench.html.page import render_html

        return render_html(bench)
    stream = io.StringIO()
    if format_ == "markdown":
        from prober.bench.markdown import write_markdown

        write_markdown(bench, stream)
    else:
        from prober.bench.table import write_table

        write_table(bench, stream, width=140)
    return stream.getvalue()
