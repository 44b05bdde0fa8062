"""YAML text into nodes: lines, and everything that is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.catalog.document import MAX_BYTES, MAX_DEPTH, List, Map, Scalar, read_document


def problems(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [str(error) for error in read_document(data, "f.yaml").errors]


def test_nodes_know_their_lines_and_scalars_stay_text() -> None:
    root = read_document(b"a: yes\nb:\n  - 2026-10-18\n  - {c: '~', d: ~}\n", "f.yaml").root
    assert isinstance(root, Map)
    assert root.lines == {"a": 1, "b": 2}
    assert root.items["a"] == Scalar(1, "yes", True)
    items = root.items["b"]
    assert isinstance(items, List)
    assert items.items[0] == Scalar(3, "2026-10-18", True)
    inner = items.items[1]
    assert isinstance(inner, Map)
    assert inner.line == 4
    quoted, bare = inner.items["c"], inner.items["d"]
    assert isinstance(quoted, Scalar)
    assert isinstance(bare, Scalar)
    assert not quoted.is_null
    assert bare.is_null


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.yaml: empty: expected the keys of a catalog"),
        ("# nothing\n", "f.yaml: empty: expected the keys of a catalog"),
        ("a: [b, c\nd: e", "f.yaml:2: not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
        ("a: 1\n\tb: 2", "f.yaml:2: not valid YAML"),
        ('a: "x\x01"', "f.yaml:1: not valid YAML: a character that YAML does not allow"),
        (b"a: 1\nb: \xff\n", "f.yaml:2: not UTF-8 text"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: a second document: expected one catalog a file"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "f.yaml:4: b.c: the key stands on line 3 already"),
        ("a: &x 1\n", "f.yaml:1: a: anchors and aliases are not allowed"),
        ("a: !!python/object:os.system x\n", "f.yaml:1: a: tags are not allowed"),
        ("? [a]\n: b\n", "f.yaml:1: a key must be text"),
        ("[" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("{a: " * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        (b"a" * (MAX_BYTES + 1), "f.yaml: larger than 4 MiB: not a catalog"),
    ],
)
def test_what_is_refused(text: str | bytes, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert expected in found[0]


def test_structural_mistakes_come_together_and_leave_the_rest_readable() -> None:
    document = read_document(b"a: &x [1]\nb: *x\nc: 1\nc: 2\n", "f.yaml")
    assert [error.line for error in document.errors] == [1, 2, 4]
    assert isinstance(document.root, Map)
    assert list(document.root.items) == ["a", "b", "c"]


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert problems(b"\xef\xbb\xbfa: 1\n") == []


@given(st.binary(max_size=300) | st.text(alphabet="ab:[]{}-,&*!?|>'\"# \n\t1", max_size=200).map(str.encode))
def test_any_bytes_give_a_tree_or_errors(data: bytes) -> None:
    document = read_document(data, "f.yaml")
    assert document.errors or document.root is not None
