"""docs/catalogs.md and the code name the same keys, words and numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prober.catalog import load, select
from prober.catalog import vocabulary as words
from prober.catalog.fields import FILE_KEYS, GROUP_KEYS, SOURCE_KEYS, TARGET_KEYS
from prober.catalog.reader import read_catalog

TEXT = (Path(__file__).parents[2] / "docs" / "catalogs.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return TEXT.split(f"{title}\n", 1)[1].split("\n#", 1)[0]


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("### Keys of the file", FILE_KEYS),
        ("### Keys of a source", SOURCE_KEYS),
        ("### Keys of a group", GROUP_KEYS),
        ("### Keys of a target", TARGET_KEYS),
    ],
)
def test_every_key_is_documented_and_nothing_else(title: str, keys: tuple[str, ...]) -> None:
    assert sorted(first_cells(section(title))) == sorted(keys)


@pytest.mark.parametrize(
    ("key", "valid"),
    [
        ("geography", words.GEOGRAPHIES),
        ("cloud", words.CLOUDS),
        ("os", words.OS_FAMILIES),
        ("required", words.REQUIRED),
        ("method", words.METHODS),
    ],
)
def test_every_word_of_a_closed_vocabulary_is_documented(key: str, valid: tuple[str, ...]) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{key}` |"))
    assert set(valid) <= set(re.findall(r"`([^`]+)`", row))


def test_placeholders_are_documented() -> None:
    assert first_cells(section("## What is selected")) == list(words.PLACEHOLDERS)


def test_the_example_is_a_sound_catalog() -> None:
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    file = read_catalog(example.group(1).encode(), "example.yaml")
    assert file.errors == ()
    assert len(file.entries) == 4


def test_the_numbers_are_those_of_the_catalogs() -> None:
    for name in words.BUNDLED:
        catalog = load([name])
        probeable = len(select(catalog, cloud="all", required="all").targets)
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
        assert row.endswith(f"| {len(catalog.entries)} | {probeable} |")
    everything = load()
    templates = sum(bool(entry.placeholders) and not entry.wildcard for entry in everything.entries)
    sentence = f"{len(everything.entries)} entries: 352 can be probed as they stand, {templates} are templates"
    assert sentence in TEXT


def test_ids_given_as_examples_exist() -> None:
    known = {entry.target.id for entry in load().entries}
    examples = re.findall(r"^ {4}((?:mde|mdi)\.\S+)$", TEXT, re.MULTILINE)
    assert len(examples) == 4
    assert {example.partition("@")[0] for example in examples} <= known
