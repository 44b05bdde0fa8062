"""The closed list of kinds, and the page that lists it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from prober.diff import document
from prober.diff.kinds import KINDS, Kind, Severity, kinds_of, parse_kinds

PAGE = (Path(__file__).parents[2] / "docs" / "diff.md").read_text("utf-8")
PLACES: dict[str, type[msgspec.Struct]] = {
    "diff": document.DiffDoc,
    "diff.before[]": document.SourceDoc,
    "diff.summary": document.SummaryDoc,
    "diff.table[]": document.RowDoc,
    "diff.differences[]": document.DifferenceDoc,
    "diff.differences[].pairs[]": document.PairDoc,
    "diff.differences[].pairs[].speed": document.SpeedDoc,
}


def test_every_kind_is_explained_in_the_order_of_the_report() -> None:
    assert list(KINDS) == list(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_backwards_and_back_again(kind: Kind) -> None:
    assert kind.backwards.backwards is kind
    if kind.severity is Severity.REGRESSION:
        added = kind in (Kind.EGRESS_GONE, Kind.ROUTE_GONE)  # to look at more is no improvement
        assert kind.backwards.severity is (Severity.INFORMATION if added else Severity.IMPROVEMENT)
    if kind.severity is Severity.IMPROVEMENT:
        assert kind.backwards.severity in (Severity.REGRESSION, Severity.WARNING)


def test_the_page_lists_every_kind() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| `([a-z-]+)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [(str(k), str(k.severity), str(k.backwards), k.about.meaning) for k in Kind]


@pytest.mark.parametrize("place", PLACES)
def test_the_page_lists_every_field(place: str) -> None:
    part = PAGE.split(f"### `{place}`\n", 1)[1].split("\n#", 1)[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(PLACES[place].__struct_fields__)


def test_words_of_fail_on() -> None:
    assert parse_kinds("none") == frozenset()
    assert parse_kinds("any") == frozenset(Kind)
    assert parse_kinds(" slower , newly-flapping") == {Kind.SLOWER, Kind.NEWLY_FLAPPING}
    regressions = parse_kinds("regression")
    assert Kind.NEWLY_UNREACHABLE in regressions
    assert Kind.SLOWER not in regressions
    assert parse_kinds("warning") == regressions | {kind for kind in Kind if kind.severity is Severity.WARNING}
    assert kinds_of("information") == {kind for kind in Kind if kind.severity is Severity.INFORMATION}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty list"),
        ("slow", '"slow": did you mean slower?'),
        ("regresion,xyzzy", '"regresion": did you mean regression?; "xyzzy"'),
        ("none,slower", '"none"'),
    ],
)
def test_every_unknown_word_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="known: regression") as refused:
        parse_kinds(text)
    assert said in str(refused.value)
