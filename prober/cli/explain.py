"""`prober explain`: what a word, a Windows code or a metric means, and what to do."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Final

import typer

from prober.report.sanitize import sanitize, takes_unicode

if TYPE_CHECKING:
    from prober.report.glossary import Explanation

CONTEXT_SETTINGS: Final = {"ignore_unknown_options": True}
"""For registering the command: Windows writes HRESULTs as negative numbers, which must not be read as options."""


def explain(
    word: Annotated[
        str | None,
        typer.Argument(metavar="WORD|HRESULT|METRIC", help="As prober or Windows prints it. Without it: all words."),
    ] = None,
) -> None:
    """Say what a word means and what to do: a failure, a stage, a Windows code, a metric, a kind of difference."""
    from prober.report import glossary

    if word is None:
        _list({**glossary.words(), "differences": _kinds()})
        return
    found = glossary.explain(word) or _difference(word)
    if found is None:
        alike = glossary.nearest(word)
        advice = f"did you mean {' or '.join(alike)}?" if alike else "`prober explain` lists all words"
        typer.echo(f"prober: unknown word {sanitize(word, limit=100, ascii_only=True)!r}: {advice}", err=True)
        raise typer.Exit(2)
    _show(found)


def _kinds() -> list[str]:
    from prober.diff.kinds import Kind

    return list(map(str, Kind))


def _difference(word: str) -> Explanation | None:
    """A kind of difference between two runs."""
    from prober.diff.kinds import KINDS, Kind
    from prober.report.glossary import Explanation

    name = word.strip().lower()
    if name not in _kinds():
        return None
    about = KINDS[Kind(name)]
    more = (("Severity", about.severity.value), ("With the sides swapped", about.backwards.value))
    return Explanation(name, "difference", about.meaning, more)


def _show(found: Explanation) -> None:
    _write(f"{found.word} ({found.kind})")
    _write(found.meaning, indent=2)
    for label, text in found.more:
        _write(f"{label}: {text}", indent=2)


def _list(words: dict[str, list[str]]) -> None:
    for kind, known in words.items():
        _write(f"{kind}:")
        _write(", ".join(known), indent=2)


def _write(text: str, indent: int = 0) -> None:
    width = max(40, min(shutil.get_terminal_size((80, 24)).columns, 120))
    space = " " * indent
    text = sanitize(text, limit=20_000, ascii_only=not takes_unicode(sys.stdout))
    typer.echo(
        textwrap.fill(
            text, width, initial_indent=space, subsequent_indent=space, break_on_hyphens=False, break_long_words=False
        )
    )
