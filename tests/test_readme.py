"""Figures in the README that the code knows better."""

from __future__ import annotations

import re
from pathlib import Path

from prober.catalog import load, select
from prober.catalog.vocabulary import BUNDLED
from prober.diff import Kind
from prober.model import Reason

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_number_of_reasons() -> None:
    assert re.findall(r"one of (\d+) closed reasons", README) == [str(len(Reason))]


def test_the_number_of_endpoints() -> None:
    everything = select(load(BUNDLED), cloud="all", required="all")
    assert re.findall(r"\| (\d+) endpoints of MDE", README) == [str(len(everything.targets))]


def test_the_number_of_kinds_of_difference() -> None:
    assert re.findall(r"(\d+) kinds of difference", README) == [str(len(Kind))]


def test_the_number_of_recipes() -> None:
    words = {"Eight": 8, "Nine": 9, "Ten": 10}
    (said,) = re.findall(r"^## (\w+) recipes$", README, re.MULTILINE)
    recipes = README[README.index(" recipes\n") : README.index("## What it looks at")]
    assert len(re.findall(r"^\*\*", recipes, re.MULTILINE)) == words[said]


def test_every_page_it_names_is_there() -> None:
    named = re.findall(r"\]\(([\w./-]+)\)", README)
    assert "docs/table.svg" in named
    assert [name for name in named if not (ROOT / name).is_file()] == []
