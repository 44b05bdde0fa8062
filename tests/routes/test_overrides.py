from __future__ import annotations

import pytest

from prober.routes.overrides import Override, Overrides, parse_override


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("A.example", "1.2.3.4", Override("a.example", None, "1.2.3.4", None)),
        ("a.example:443", "1.2.3.4:8443", Override("a.example", 443, "1.2.3.4", 8443)),
        ("*", "::1", Override("*", None, "::1", None)),
        ("*:80", "[::1]:8080", Override("*", 80, "::1", 8080)),
        ("[::2]:1", "[::1]", Override("::2", 1, "::1", None)),
        ("::2", "127.0.0.1", Override("::2", None, "127.0.0.1", None)),
    ],
)
def test_an_entry(key: str, value: str, expected: Override) -> None:
    assert parse_override(key, value) == expected


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("a.example", "b.example", '"b.example" is not IP'),
        ("a.example", "", "is not IP"),
        ("a.example", "1.2.3.4:x", "the port is not a number"),
        ("a.example", "1.2.3.4:70000", "the port is not between"),
        ("a.example:0", "1.2.3.4", "the port is not between"),
        ("*.example", "1.2.3.4", "the host is missing or not a DNS name"),
        ("", "1.2.3.4", "the host is missing"),
    ],
)
def test_what_is_wrong_with_an_entry(key: str, value: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_override(key, value)


def test_the_narrowest_entry_wins() -> None:
    pairs = {"a:1": "10.0.0.1", "a": "10.0.0.2", "*:1": "10.0.0.3", "*": "10.0.0.4"}
    overrides = Overrides(parse_override(*pair) for pair in pairs.items())

    def found(host: str, port: int) -> str | None:
        entry = overrides.find(host, port)
        return entry.address if entry else None

    assert [found("a", 1), found("a", 2), found("b", 1), found("b", 2)] == list(pairs.values())
    assert len(list(overrides)) == len(overrides) == 4
    assert Overrides().find("a", 1) is None
