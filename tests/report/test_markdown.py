"""Markdown for tickets: what it says, and that nothing in it means anything to a renderer."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from prober.report.document import NoteDoc, Run
from prober.report.finding import Kind
from prober.report.markdown import _TITLES, MAX_TEXT, _cell, code, escaped, write_markdown
from prober.report.matrix import Cell
from prober.report.sanitize import sanitize

GOLDEN = Path(__file__).parent / "golden"
PLAIN = {"text", "code_inline"}
HOSTILE = (
    *(
        "# big",
        "1. one",
        "12) twelve",
        "- item",
        "+ item",
        "==",
        "---",
        "> quote",
        "    code",
        "~~~",
        "```",
        "| a | b |",
    ),
    *(
        "[x](http://e.example)",
        "![x](y)",
        "<script>alert(1)</script>",
        "<!-- ",
        "&lt;b&gt;",
        "&#60;",
        "**b** _i_ ~~s~~",
    ),
    *("`c`", "``` `@someone", "@someone", "a@b.example", "owner/repo#12", "#12", "!7", "https://evil.example/x"),
    *("www.evil.example", "WWW.evil.example", "$x$", "[^1]", "a\\", "\\", "`", "x\n# y"),
)


def text_of(run: Run) -> str:
    stream = io.StringIO()
    write_markdown(run, stream)
    return stream.getvalue()


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def test_golden(world: ModuleType) -> None:
    """After a wanted change: look at the new text, then write it to the golden file."""
    text = text_of(world.run_of(judged=True))
    assert text == (GOLDEN / "markdown-judged.md").read_text(encoding="utf-8")


def test_the_matrix_is_a_table_with_every_way(world: ModuleType) -> None:
    tokens = parsed(text_of(world.run_of(judged=True)))
    kinds = [token.type for token in tokens]
    rows = kinds.count("tr_open")
    assert kinds.count("th_open") + kinds.count("td_open") == rows * 5
    headings = [tokens[place + 1].content for place, kind in enumerate(kinds) if kind == "heading_open"]
    assert headings == ["prober, paris: 2026-11-22 01:07:03Z", "Findings by cause", "Not probed", "Notes"]


def test_a_run_in_which_all_is_well_is_short(world: ModuleType) -> None:
    run = world.run_of(world.ROUTES[:1], 3)
    text = text_of(msgspec.structs.replace(run, skipped=(), notes=()))
    assert "Nothing is wrong." in text
    assert "###" not in text


def test_every_kind_has_a_title() -> None:
    assert set(_TITLES) == set(Kind)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text_in_every_place(world: ModuleType, text: str) -> None:
    run: Run = world.run_of(world.ROUTES[:2], 9, judged=True)
    target = run.results[0].target
    named = msgspec.structs.replace(target, service=text, geography=text, host=text)
    results = tuple(msgspec.structs.replace(each, target=named, egress=text) for each in run.results)
    before = parsed(text_of(run))
    changed = msgspec.structs.replace(run, results=results, egress=text, notes=(NoteDoc("x", text),))
    after = parsed(text_of(changed))
    allowed = {token.type for token in before} | {"inline"}
    assert {token.type for token in after} <= allowed
    children = {child.type for token in after for child in token.children or ()}
    assert children <= {*PLAIN, "strong_open", "strong_close"}


def test_addresses_and_mentions_are_taken_apart() -> None:
    text = escaped("see https://evil.example or www.evil.example, @someone, a@b.example, #12, owner/repo#12, !7")
    assert "://" not in text.replace("\\://", "")
    assert not re.search(r"(?i)www\.", text)
    assert not re.search(r"(?<!`)[@#!](?=\w)", text)


@given(st.text(max_size=60) | st.sampled_from(HOSTILE) | st.text(alphabet="`\\*_[]()<>!@#|~ a1.-+", max_size=30))
@example("`@a")
@example("\\`@a`")
def test_a_renderer_shows_just_the_text(text: str) -> None:
    fit = sanitize(text, limit=MAX_TEXT).strip()
    for before, after in (("", ""), ("- ", ""), ("1. **x", "**")):
        inline = [token for token in parsed(before + escaped(text) + after) if token.type == "inline"]
        assert len(inline) == bool(fit or after)
        shown = "".join(child.content for token in inline for child in token.children or ())
        assert shown == ("x" if after else "") + fit
        kinds = {child.type for token in inline for child in token.children or ()}
        assert kinds <= {*PLAIN, "strong_open", "strong_close"}


@given(st.text(min_size=1, max_size=60) | st.text(alphabet="` a", min_size=1, max_size=12))
def test_code_holds_whatever_it_is_given(text: str) -> None:
    fit = sanitize(text, limit=MAX_TEXT)
    if not fit.strip():
        return
    (inline,) = [token for token in parsed(f"- x {code(text)} y") if token.type == "inline"]
    (span,) = [child for child in inline.children or () if child.type == "code_inline"]
    assert span.content == fit


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (Cell(total=3, reached=3), "✅ 3"),
        (Cell(total=3, reached=2), "❌ 2/3"),
        (Cell(total=3, reached=3, intercepted=1), "❌ 3, 1 intercepted"),
        (Cell(total=3, reached=3, mixed=1), "❌ 3, 1 intercepted at times"),
        (Cell(total=3, reached=3, blocked=2), "❌ 3, 2 blocked"),
        (Cell(total=3, reached=3, revoked=1), "❌ 3, 1 revoked"),
        (Cell(total=3, reached=3, suspect=1, untrusted=2), "⚠️ 3, 1 suspect, 2 untrusted"),
        (Cell(total=3, reached=3, revocation=1, odd_status=1), "⚠️ 3, 1 revocation out of reach, 1 other status"),
        (Cell(), "·"),
        (None, "·"),
    ],
)
def test_a_cell_says_how_grave_it_is(cell: Cell | None, said: str) -> None:
    assert _cell(cell) == said
