"""Pages written from the words themselves; tests keep them.

`python -m prober.report.pages > docs/failures.md` writes the page of failure words, and
`python -m prober.report.pages docs/interception.md` the tables in that page, between their marks; docs/monitoring.md
has some too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from prober.failures import advice
from prober.interception.evidence import CATALOGUE
from prober.model import Reason
from prober.report.glossary import STAGES, generic_action
from prober.report.metrics import METRICS, Scope
from prober.report.verdict_words import BASES, CAVEATS, REASONS, VERDICTS, Said
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

The words of verdicts on interception, with their evidence, stand in [interception](interception.md).

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


def filled(page: str) -> str:
    """A page with its tables written anew: what stands between `<!-- NAME -->` and `<!-- end of NAME -->`.

    A mark without its end gets one. Raises KeyError for a page that marks no table known here.
    """
    tables = {"verdicts": _said(VERDICTS.items()), "bases": _said(BASES.items()), "reasons": _said(REASONS.items())}
    tables["evidence"] = _evidence_table()
    tables |= {f"metrics of {scope}": _metrics_table(scope) for scope in Scope}
    marked = [name for name in tables if f"<!-- {name} -->" in page]
    if not marked:
        raise KeyError("the page marks no table")
    for name in marked:
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, after = page.partition(start)
        if end in after:
            after = after.partition(end)[2]
        page = f"{before}{start}\n{tables[name]}{end}{after}"
    return page


def _said(words: Iterable[tuple[object, Said]]) -> str:
    rows = "".join(f"| `{word}` | {said.meaning} | {said.do} |\n" for word, said in words)
    return f"| word | means | what to do |\n|---|---|---|\n{rows}"


def _evidence_table() -> str:
    rows = (
        f"| `{id_}` | {about.family} | {about.points if about.decides else f'({about.points})'} "
        f"| {about.meaning} | {CAVEATS[id_].meaning} |\n"
        for id_, about in CATALOGUE.items()
    )
    head = (
        "| id | family | points (in brackets: do not decide) | what was seen | may also be |\n|---|---|---|---|---|\n"
    )
    return head + "".join(rows)


def _metrics_table(scope: Scope) -> str:
    rows = (
        f"| `{name}` | {metric.kind} | {metric.labels or '–'} | {metric.sentence} |\n"
        for name, metric in METRICS.items()
        if metric.scope is scope
    )
    return "| metric | type | labels of its own | says |\n|---|---|---|---|\n" + "".join(rows)


def main(arguments: list[str]) -> None:
    """Write the page of failures to standard output, or fill the page named."""
    if not arguments:
        sys.stdout.write(failures_page())
        return
    page = Path(arguments[0])
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
