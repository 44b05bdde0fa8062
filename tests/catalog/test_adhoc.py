"""Targets given by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.catalog import CatalogErrors, parse_target, read_target_file
from prober.model import Scheme, Target


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path", "name"),
    [
        ("example.com", "tls", "example.com", 443, "/", "tls://example.com"),
        ("example.com:443", "tls", "example.com", 443, "/", "tls://example.com"),
        ("Example.COM.:8443", "tls", "example.com", 8443, "/", "tls://example.com:8443"),
        ("tls://example.com/", "tls", "example.com", 443, "/", "tls://example.com"),
        ("TLS://example.com:853", "tls", "example.com", 853, "/", "tls://example.com:853"),
        ("https://example.com", "https", "example.com", 443, "/", "https://example.com/"),
        ("https://example.com?q=1", "https", "example.com", 443, "/?q=1", "https://example.com/?q=1"),
        (
            "https://example.com:444/A/b?q=/x",
            "https",
            "example.com",
            444,
            "/A/b?q=/x",
            "https://example.com:444/A/b?q=/x",
        ),
        ("https://example.com/%20é", "https", "example.com", 443, "/%20%C3%A9", "https://example.com/%20%C3%A9"),
        ("https://example.com/a@b:c", "https", "example.com", 443, "/a@b:c", "https://example.com/a@b:c"),
        ("http://example.com/ca.crl", "http", "example.com", 80, "/ca.crl", "http://example.com/ca.crl"),
        ("http://example.com:443/", "http", "example.com", 443, "/", "http://example.com:443/"),
        ("[2001:DB8::1]", "tls", "2001:db8::1", 443, "/", "tls://[2001:db8::1]"),
        ("https://[::1]:8443/x", "https", "::1", 8443, "/x", "https://[::1]:8443/x"),
        ("127.0.0.1:9", "tls", "127.0.0.1", 9, "/", "tls://127.0.0.1:9"),
        ("bücher.example", "tls", "xn--bcher-kva.example", 443, "/", "tls://xn--bcher-kva.example"),
        ("_dmarc.example.com", "tls", "_dmarc.example.com", 443, "/", "tls://_dmarc.example.com"),
        ("localhost", "tls", "localhost", 443, "/", "tls://localhost"),
    ],
)
def test_forms(text: str, scheme: str, host: str, port: int, path: str, name: str) -> None:
    target = parse_target(text)
    assert (target.scheme.value, target.host, target.port, target.path, target.id) == (scheme, host, port, path, name)
    assert (target.service, target.expected, target.trust) == ("", (), None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the host is missing"),
        ("https://", "the host is missing"),
        (":443", "the host is missing"),
        ("example.com:", "not a port"),
        ("example.com:0", "not a port"),
        ("example.com:65536", "not a port"),
        ("example.com:４43", "not a port"),
        ("example.com:https", "not a port"),
        ("example.com/path", "write https://example.com/path"),
        ("tls://example.com/x", "no path"),
        ("ftp://example.com", 'unknown scheme "ftp"'),
        ("https://me:secret@example.com/", "user and password"),
        ("me@example.com", "user and password"),
        ("https://example.com/#top", "a fragment"),
        ("two words", "a space"),
        ("exa\x00mple.com", "cannot be printed"),
        ("example.com\\x", "backslash"),
        ("2001:db8::1", "stands in brackets"),
        ("[2001:db8::1", "stands in brackets"),
        ("[2001:db8::1]443", "stands in brackets"),
        ("[fe80::1%25eth0]", "a zone"),
        ("[example.com]", "not an IPv6 address"),
        ("256.1.1.1", "neither an IPv4 address"),
        ("1.2.3", "neither an IPv4 address"),
        ("*.example.com", "names no single host"),
        ("{workspace}.example.com", "names no single host"),
        ("-bad.example.com", "not a host name"),
        ("bad..example.com", "not a host name"),
        ("ex!ample.com", "letters, digits, hyphens and dots"),
        ("a" * 64 + ".example", "not a host name"),
        ("straße.example", "different hosts"),
        ("ü" * 100 + ".example", "no form in A-labels"),
        ("a" * 3000, "longer than"),
    ],
)
def test_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_target(text)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_user_and_password_is_never_repeated_in_the_message() -> None:
    for text in (
        "https://u:hunter2@example.com:x/",
        "u:hunter2@[::1",
        "https://u:hunter2@ex ample",
        "u:hunter2@h/p",
        "u:hunter2/x@h",
    ):
        with pytest.raises(ValueError, match=r"\w") as caught:
            parse_target(text)
        assert "hunter2" not in str(caught.value)


LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(
    st.sampled_from(["tls", "https", "http"]),
    st.lists(LABEL, min_size=1, max_size=4).map(".".join),
    st.integers(1, 65535),
)
def test_the_id_names_the_same_target_again(scheme: str, host: str, port: int) -> None:
    target = parse_target(f"{scheme}://{host}:{port}")
    assert (target.scheme, target.host, target.port) == (Scheme(scheme), host, port)
    assert parse_target(target.id) == target


def attempt(text: str) -> tuple[Target | None, ValueError | None]:
    try:
        return parse_target(text), None
    except ValueError as error:
        return None, error


@given(st.text(max_size=60) | st.text(alphabet="abh:/[]@?#.*tps1%é ", max_size=40))
def test_any_text_is_a_target_or_a_sentence(text: str) -> None:
    target, error = attempt(text)
    if target is None:
        assert type(error) is ValueError
        assert str(error).isprintable()
    else:
        assert parse_target(target.id) == target
        assert target.host.isascii()
        assert target.path.isascii()
        assert " " not in target.path


def test_a_file_of_targets(tmp_path: Path) -> None:
    file = tmp_path / "targets.txt"
    file.write_bytes(b"\xef\xbb\xbf# ours\r\nexample.com  # main\r\n\r\nhttps://example.com/x\r\ntls://example.com\n")
    assert [target.id for target in read_target_file(file)] == ["tls://example.com", "https://example.com/x"]


def test_every_wrong_line_of_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "targets.txt"
    file.write_bytes(b"example.com\nftp://x\nhttps://h/#f\n\xff\nexample.com:99999\n")
    with pytest.raises(CatalogErrors) as caught:
        read_target_file(file)
    assert [str(error) for error in caught.value.errors] == [
        f'{file}:2: unknown scheme "ftp": expected tls, https or http',
        f'{file}:3: "https://h/#f" has a fragment: leave out everything from the # on',
        f"{file}:4: not UTF-8 text",
        f'{file}:5: "99999" is not a port: expected a number from 1 to 65535',
    ]


def test_a_file_that_is_missing_or_has_nothing_in_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogErrors, match="cannot be read: No such file or directory"):
        read_target_file(tmp_path / "ghost")
    empty = tmp_path / "empty"
    empty.write_text("# nothing\n")
    with pytest.raises(CatalogErrors, match="no targets: expected one a line"):
        read_target_file(empty)
