"""The table: what it says, that it fits, and that nothing from the wire can play with the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from prober.interception.verdict import (
    Attribution,
    Basis,
    Evidence,
    Family,
    Reference,
    Signer,
    Verdict,
    Why,
    Word,
)
from prober.model import Failure, HopFacts, HttpFacts, Observation, Reason, Route, Stage
from prober.report.build import build_result, instant, route_document, skipped_document, summary_of
from prober.report.document import NoteDoc, Run
from prober.report.table import render_svg, table_text, write_table

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07 [bold red]x[/] [link=http://evil.example]y[/link] :skull: \u202egpj\u2066 \u200b\x9b31m"
    "\r\nfake line\n=cmd()"
)


@pytest.mark.parametrize(
    ("name", "routes", "width", "ascii_only", "verbose", "judged"),
    [
        ("table-80", 4, 80, False, 0, False),
        ("table-80-ascii-9-routes", 9, 80, True, 0, False),
        ("table-140-9-routes", 9, 140, False, 0, False),
        ("table-80-1-route-verbose", 1, 80, False, 1, False),
        ("table-80-judged", 4, 80, False, 0, True),
        ("table-100-judged-ascii-verbose", 4, 100, True, 1, True),
    ],
)
def test_golden(
    world: ModuleType, name: str, routes: int, width: int, ascii_only: bool, verbose: int, judged: bool
) -> None:
    """After a wanted change: look at the new text, then write it to the golden file."""
    run = world.run_of(world.ROUTES[:routes], judged=judged)
    text = table_text(run, width=width, ascii_only=ascii_only, verbose=verbose)
    assert text == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("routes", [1, 4, 8, 9])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("judged", [False, True])
def test_it_fits(world: ModuleType, width: int, routes: int, ascii_only: bool, judged: bool) -> None:
    run = world.run_of(world.ROUTES[:routes], judged=judged)
    lines = table_text(run, width=width, ascii_only=ascii_only, verbose=judged).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    if ascii_only:
        assert all(line.isascii() for line in lines)


def test_every_route_and_region_is_there(world: ModuleType) -> None:
    text = table_text(world.run_of(world.ROUTES), width=80)
    matrix = text.split("✔ all reached")[0]
    for route in world.ROUTES:
        assert route.name[:15] in matrix
    for label in ("MDE", "  WW", "  EU", "  UK", "  US", "MDAV", "MDI", "MMA", "COMMON"):
        assert len(re.findall(rf"^{label} ", matrix, re.MULTILINE)) >= 2


def test_all_names_with_v(world: ModuleType) -> None:
    run = world.run_of(world.ROUTES[:2])
    assert "and 10 more (-v)" in table_text(run)
    verbose = table_text(run, verbose=1)
    assert "more" not in verbose
    refused = [result.target.host for result in run.results if result.failure and result.failure.hop == 1]
    assert len(refused) == 15
    assert all(host in verbose for host in refused)


def test_evidence_is_shown_with_v(world: ModuleType) -> None:
    run = world.run_of(judged=True)
    assert "evidence E3 E4 E10" in table_text(run, width=100)
    verbose = table_text(run, width=200, verbose=1)
    assert (
        "  E3    +6  the certificate's key is the key of the authority that signs on this route (50 targets)" in verbose
    )
    assert "  E9   (1)  no ALPN where direct agrees on http/1.1 (50 targets)" in verbose


def test_the_marks_tell_without_colour_what_they_are(world: ModuleType) -> None:
    text = table_text(world.run_of(judged=True), width=120)
    for mark in ("▲n intercepted", "◭n intercepted at times", "⊘n blocked", "△n suspect"):
        assert mark in text
    assert "intercepted" not in table_text(world.run_of())
    ascii_only = table_text(world.run_of(judged=True), width=120, ascii_only=True)
    assert "#n intercepted   %n intercepted at times   @n blocked   *n suspect" in ascii_only
    assert re.search(r"^MDE .* ok 29 #29$", ascii_only, re.MULTILINE)


def test_the_legend_breaks_between_its_items(world: ModuleType) -> None:
    for width in (60, 70, 80, 90):
        text = table_text(world.run_of(judged=True), width=width)
        legend = re.search(r"^✔ all reached.*?\n\n", text, re.MULTILINE | re.DOTALL)
        assert legend is not None
        assert all(re.match(r"\S+ \w", line) for line in legend[0].strip().splitlines())


def test_interrupted_and_empty_runs_say_so(world: ModuleType) -> None:
    assert "INTERRUPTED" in table_text(world.run_of(complete=False))
    nothing = msgspec.structs.replace(world.run_of(), results=(), summary=summary_of(()))
    assert table_text(nothing).rstrip().endswith("Nothing was probed.")


def test_a_clean_run_is_short(world: ModuleType) -> None:
    run = world.run_of(world.ROUTES[5:6], 8)
    run = msgspec.structs.replace(run, skipped=(), notes=(), summary=summary_of(run.results))
    lines = table_text(run).splitlines()
    assert lines[-1] == "8 targets, 1 route: 8 of 8 probes reached · 8.4 s"
    assert "Not reached" not in lines


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


def test_colour_on_a_terminal(world: ModuleType, terminal: Terminal) -> None:
    write_table(world.run_of(), terminal, width=80)
    assert re.search(r"\x1b\[[0-9;]*3[12]", terminal.getvalue())


def test_no_color_is_honoured(world: ModuleType, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    write_table(world.run_of(), terminal, width=80)
    codes = {code for each in re.findall(r"\x1b\[([0-9;]*)m", terminal.getvalue()) for code in each.split(";")}
    assert codes <= {"0", "1", "2", "3"}  # bold, dim and italic are no colours


def test_no_escapes_in_a_file(world: ModuleType, terminal: Terminal) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    write_table(world.run_of(), stream, width=80)
    stream.flush()
    stream.seek(0)
    assert stream.read() == table_text(world.run_of(), width=80)


def test_ascii_where_the_terminal_is_not_utf8(world: ModuleType) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    write_table(world.run_of(), stream, width=80)
    stream.flush()
    stream.seek(0)
    assert stream.read() == table_text(world.run_of(), width=80, ascii_only=True)


def hostile_verdict(word: Word, text: str) -> Verdict:
    """Every text in it is a stranger's."""
    return Verdict(
        word=word,
        basis=Basis.PROVEN,
        score=9,
        evidence=tuple(Evidence(id_, Family.KEY, 4, text, observed=text, expected=text) for id_ in ("E4", "E7")),
        reference=Reference("route", text, text, f"CN={text}", 0.0),
        attribution=Attribution(text, text, text, text, text),
        signer=Signer(f"CN={text}", text, f"CN=x{text}", text, (text,)),
        shared_key_with=(text,),
    )


def hostile_run(world: ModuleType, text: str) -> Run:
    """A run in which every string that a stranger can choose is `text`."""
    route = Route("r", (world.HQ,))
    target = replace(world.targets(1)[0], host=text[:50] or "x", service=text[:20], geography=text[:9])
    base = Observation(target=target.id, route="r", at=0.0)
    failed = replace(base, failure=Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, text, 403))
    reached = replace(
        base,
        tls=world.tls(text.replace("|", "")),
        http=HttpFacts(404, ((text, text),)),
        hops=(HopFacts(offered=(text,), login="accepted"),),
    )
    untrusted = world.judged(False, Failure(Stage.TLS, 0, Reason.CERT_UNTRUSTED, text), world.Anchor.UNKNOWN)
    odd = (
        None,
        hostile_verdict(Word.INTERCEPTED, text),
        replace(hostile_verdict(Word.SUSPECT, text), reason=Why.CONTRADICTING),
        replace(hostile_verdict(Word.SUSPECT, text), reason=Why.WEAK),
        hostile_verdict(Word.BLOCKED, text),
        replace(hostile_verdict(Word.CLEAN, text), policy_mismatch=True),
    )
    results = (
        build_result(target, route, [failed], None, "paris", facts=world.read),
        *(
            build_result(
                replace(target, id=f"y{number}"), route, [reached], untrusted, "paris", verdict=each, facts=world.read
            )
            for number, each in enumerate(odd)
        ),
    )
    run: Run = world.run_of(world.ROUTES[:1], 1)
    return msgspec.structs.replace(
        run,
        routes=(route_document(route),),
        results=results,
        skipped=(skipped_document({"host": text.encode("utf-8", "replace").decode()}, text, text),),
        notes=(NoteDoc("configuration", text),),
        summary=summary_of(results, (text,)),
        finished=instant(1e9),
    )


def assert_harmless(text: str) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]", text)


@pytest.mark.parametrize("ascii_only", [False, True])
def test_hostile_text_stays_text(world: ModuleType, ascii_only: bool) -> None:
    text = table_text(hostile_run(world, HOSTILE), verbose=1, ascii_only=ascii_only, width=200)
    assert_harmless(text)
    assert "[bold red]x[/]" in text
    assert "[link=http://evil.example]y[/link]" in text
    assert ":skull:" in text
    assert not re.search(r"^fake line", text, re.MULTILINE)


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(
    st.text(st.characters(categories=None) | st.sampled_from("[]/\\=\x1b\u202e\n"), max_size=80), st.integers(40, 120)
)
def test_any_text_is_harmless_and_fits(world: ModuleType, text: str, width: int) -> None:
    shown = table_text(hostile_run(world, text), width=width)
    assert_harmless(shown)
    assert max(map(cell_len, shown.splitlines())) <= width


def test_the_picture_needs_nothing_from_elsewhere(world: ModuleType) -> None:
    svg = render_svg(world.run_of())
    assert set(re.findall(r"https?://[^\s\"'<&)]+", svg)) <= {
        "http://www.w3.org/2000/svg",
        "http://10.0.0.6:8080",
        "https://proxy.corp:8443",
    }
    assert "@font-face" not in svg
    assert "@import" not in svg
    root = ElementTree.fromstring(svg)  # noqa: S314 # our own text
    text = "".join(root.itertext()).replace("\xa0", " ")
    assert "refused 15 of 57 targets with 403" in text
    assert not [name for element in root.iter() for name in element.attrib if name.endswith("href")]


def test_a_hostile_picture_is_harmless(world: ModuleType) -> None:
    svg = render_svg(hostile_run(world, HOSTILE + "<script>alert(1)</script>&x;"))
    root = ElementTree.fromstring(svg)  # noqa: S314 # our own text
    assert not [element.tag for element in root.iter() if element.tag.endswith("script")]
    assert_harmless(svg)
