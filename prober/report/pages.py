"""The page of failure words: `python -m prober.report.pages > docs/failures.md` writes it, a test keeps it."""

from __future__ import annotations

import sys

from prober.failures import advice
from prober.model import Reason
from prober.report.glossary import STAGES, generic_action
from prober.windows_codes import AMBIGUOUS, shown_codes

_HEAD = """\
# Failure words

A failure says where (`stage`), at whom (`hop`: 0 is the target itself, 1… are the proxies, outermost first) and why
(`reason`). The words are closed and stable: they are labels of metrics and keys of reports. What was actually seen
stands in `detail`. `prober explain WORD` prints the same as this page; it also takes Windows codes (`0x80072EE7`,
`12007`, `-2147012889`).

"Windows shows about" is a mapping for orientation, not an observation. Where a TLS or certificate fault has no code
here, Windows shows 12175 (0x80072F8F), which stands for all of them; every such fault on the way to an HTTPS
proxy (stage `proxy-tls`) is 12188 (0x80072F9C).

`--retries` tries again after what came back quickly and often passes by itself; each word says whether it counts.

<!-- Written by `python -m prober.report.pages`: edit prober/failure_table.py instead. -->

## Stages

| stage | means |
|---|---|
"""


def failures_page() -> str:
    """docs/failures.md."""
    stages = "".join(f"| `{stage}` | {meaning} |\n" for stage, meaning in STAGES.items())
    return f"{_HEAD}{stages}\n## Reasons\n\n" + "\n".join(map(_section, Reason))


def _section(reason: Reason) -> str:
    entry = advice(reason)
    codes = [
        f"{code.hresult} {code.name}" if code.code is None else f"{code.code} ({code.hresult}) {code.name}"
        for code in shown_codes(reason)
    ]
    windows = ", or ".join(codes) or "nothing of its own"
    if reason in AMBIGUOUS:
        windows += "; nothing tells which, so a report leaves it open"
    return (
        f"### `{reason}`\n\n{entry.meaning}\n\n"
        f"- **Likely causes:** {'; '.join(entry.causes)}\n"
        f"- **What to do:** {generic_action(reason)}\n"
        f"- **Tried again:** {entry.retry}\n"
        f"- **Windows shows about:** {windows}\n"
    )


if __name__ == "__main__":
    sys.stdout.write(failures_page())
