"""A run as Markdown, for tickets and for comments on pull requests: CommonMark with GitHub's tables.

Nothing from the wire keeps a meaning: punctuation is escaped, HTML is entities, and what renderers look for in plain
text (mentions, addresses, references to issues) stands in code spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from prober.report.causes import findings_of
from prober.report.document import Run
from prober.report.finding import Finding, Kind
from prober.report.matrix import Cell, Row, Way, rows_of, way_name, ways_of
from prober.report.paragraph import moment, paragraph_of
from prober.report.sanitize import sanitize, several
from prober.report.unprobed import by_kind

NAMES_SHOWN: Final = 20
"""Names listed for a finding."""
MAX_PARAGRAPH: Final = 6000
MAX_TEXT: Final = 1000
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]|~^$])")
"""ASCII punctuation that means something inside a line; a backslash takes the meaning (CommonMark 2.4)."""
_ADDRESS: Final = re.compile(r"(?i)(?=://)|(?<=www)(?=\.)")
"""Where renderers begin to see an address in plain text (GFM 6.9)."""
_NUMBER: Final = re.compile(r"(\d+)[.)]")
_OPENING: Final = ("#", "+", "-", "=")
"""What at the beginning of a line makes it a list, a heading or a rule."""
_CAUGHT: Final = re.compile(r"[@#!~%$&](?=\w)")
"""What refers to a person or an issue in GitHub or GitLab, backslash or not: they look at the text once rendered."""
_TITLES: Final = {
    Kind.UNREACHABLE: "not reached",
    Kind.INTERCEPTED: "TLS intercepted",
    Kind.CLIENT_CERTIFICATE: "client certificates lost on the way",
    Kind.BLOCKED: "answered by somebody else",
    Kind.REVOKED: "certificate revoked",
    Kind.REVOCATION: "revocation cannot be looked up",
    Kind.DIRECT: "direct is not direct",
    Kind.SUSPECT: "perhaps intercepted",
    Kind.UNTRUSTED: "certificate not trusted",
    Kind.STATUS: "unexpected HTTP status",
    Kind.FALLBACK: "not over the first way listed",
    Kind.LOGIN: "only with a login to the proxy",
}


def write_markdown(run: Run, stream: TextIO) -> None:
    """Write summary, matrix and findings."""
    findings = findings_of(run)
    stream.write(f"## prober, {escaped(run.egress)}: {moment(run.started)}\n\n")
    stream.write(f"{escaped(paragraph_of(run, findings), limit=MAX_PARAGRAPH)}\n")
    rows, ways = rows_of(run), ways_of(run)
    if rows and ways:
        stream.write("\n" + "\n".join(_matrix(rows, ways)) + "\n")
    if findings:
        stream.write("\n### Findings by cause\n\n")
        stream.writelines(f"{line}\n" for number, each in enumerate(findings, 1) for line in _finding(number, each))
    left_out = [group.sentence for group in by_kind(run.skipped)]
    if left_out:
        stream.write("\n### Not probed\n\n" + "".join(f"- {escaped(each)}\n" for each in left_out))
    if run.notes:
        stream.write("\n### Notes\n\n" + "".join(f"- {escaped(note.text)}\n" for note in run.notes))


def escaped(text: str, *, limit: int = MAX_TEXT) -> str:
    """Text on one line without any meaning to a renderer."""
    pieces: list[str] = []
    end = 0
    fit = sanitize(text, limit=limit).strip()
    for found in _CAUGHT.finditer(fit):
        pieces += (_plain(fit[end : found.start()], first=not end), f"`{found.group()}`")
        end = found.end()
    return "".join((*pieces, _plain(fit[end:], first=not end)))


def code(text: str, *, limit: int = MAX_TEXT) -> str:
    """Text as a code span, whatever backticks it has (CommonMark 6.1)."""
    fit = sanitize(text, limit=limit)
    fence = "`" * (max(map(len, re.findall("`+", fit)), default=0) + 1)
    room = " " if fit.startswith(("`", " ")) or fit.endswith(("`", " ")) else ""
    return f"{fence}{room}{fit}{room}{fence}"


def _plain(text: str, *, first: bool) -> str:
    """Escaped; an ampersand or an angle bracket becomes an entity, which no renderer takes for HTML."""
    text = _SPECIAL.sub(r"\\\1", text)
    text = _ADDRESS.sub(r"\\", text)
    number = _NUMBER.match(text)
    if first and number:
        text = f"{number[1]}\\{text[number.end(1) :]}"
    elif first and text[:1] in _OPENING:
        text = f"\\{text}"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _matrix(rows: Sequence[Row], ways: Sequence[Way]) -> Iterator[str]:
    yield "| | " + " | ".join(escaped(way_name(way, ways), limit=60) for way in ways) + " |"
    yield "|---|" + "---|" * len(ways)
    for row in rows:
        head = (
            f"**{escaped(row.service)}**"
            if row.geography is None
            else f"{escaped(row.service)} {escaped(row.geography)}"
        )
        yield f"| {head} | " + " | ".join(_cell(row.cells.get(way)) for way in ways) + " |"


def _cell(cell: Cell | None) -> str:
    """`✅ 12`, `❌ 3/12, 2 intercepted`."""
    if cell is None or not cell.total:
        return "·"
    counts = (
        (cell.intercepted, "intercepted"),
        (cell.mixed, "intercepted at times"),
        (cell.blocked, "blocked"),
        (cell.revoked, "revoked"),
        (cell.suspect, "suspect"),
        (cell.untrusted, "untrusted"),
        (cell.revocation, "revocation out of reach"),
        (cell.odd_status, "other status"),
    )
    said = [f"{count} {word}" for count, word in counts if count]
    grave = cell.reached < cell.total or cell.intercepted or cell.mixed or cell.blocked or cell.revoked
    sign = "❌" if grave else "⚠️" if said else "✅"
    reached = f"{cell.total}" if cell.reached == cell.total else f"{cell.reached}/{cell.total}"
    return ", ".join([f"{sign} {reached}", *said])


def _finding(number: int, finding: Finding) -> Iterator[str]:
    indent = " " * (len(str(number)) + 2)
    yield f"{number}. **{escaped(finding.sentence)}** ({_TITLES[finding.kind]}, {several(finding.results, 'pair')})"
    yield f"{indent}- {escaped(finding.hint)}"
    ids = " ".join(proof.id for proof in finding.evidence)
    about = [finding.words and code(finding.words), escaped(finding.windows), f"evidence {escaped(ids)}" if ids else ""]
    if any(about):
        yield f"{indent}- {', '.join(filter(None, about))}"
    if finding.detail:
        yield f"{indent}- {code(finding.detail, limit=400)}"
    if finding.names:
        more = len(finding.names) - NAMES_SHOWN
        names = ", ".join(code(name, limit=260) for name in finding.names[:NAMES_SHOWN])
        yield f"{indent}- {names}{f' and {more:,} more' if more > 0 else ''}"
