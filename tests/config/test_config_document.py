from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.config.document import MOST_NODES, parse, scalar


def test_values_and_their_lines() -> None:
    document = parse('a: 1\nb:\n  - x\n  - {c: null, "d e": 2.5}\n')
    assert document.value == {"a": 1, "b": ["x", {"c": None, "d e": 2.5}]}
    assert document.faults == []
    assert {path: document.lines[path] for path in [("b",), ("b", 1), ("b", 1, "d e")]} == {
        ("b",): 2,
        ("b", 1): 4,
        ("b", 1, "d e"): 4,
    }


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("NO", "NO"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2025-01-01", "2025-01-01"),
        ("010", 10),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("true", True),
        ("~", None),
        ("10.0.0.6", "10.0.0.6"),
        ("[1]", "[1]"),
        ("", None),
        ("9" * 41, float("9" * 41)),
    ],
)
def test_bare_words_follow_yaml_1_2(word: str, value: object) -> None:
    assert scalar(word) == value


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a: 1\na: 2", 2, "duplicate key: it stands already in line 1"),
        ("a: [1", 1, "not YAML"),
        ("\n*: 127.0.0.1", 2, "a key that begins with * needs quotes"),
        ("a: 1\n---\nb: 2", 2, "not YAML"),
        ("? [a]\n: 1", 1, "a key must be text"),
        ("a: !!python/object/apply:os.system [x]", 1, "the tag tag:yaml.org,2002:python/object/apply"),
        ("a: !!binary aGk=", 1, "the tag tag:yaml.org,2002:binary is not used here"),
        ("a: \x00", None, "has a character that YAML forbids"),
        ("[" * 40 + "]" * 40, 1, "too many values or levels"),
        ("&a [*a]", 1, "too many values or levels"),
        ("[" * 5000, None, "nested too deeply"),
    ],
)
def test_what_is_wrong_with_a_text(text: str, line: int | None, sentence: str) -> None:
    faults = parse(text).faults
    assert len(faults) == 1
    assert faults[0].line == line or sentence == "not YAML"
    assert sentence in faults[0].message


def test_aliases_cannot_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    document = parse("\n".join(lines))
    assert any("too many" in fault.message for fault in document.faults)
    assert len(document.lines) < 2 * MOST_NODES


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    parse(text)
    scalar(text)
