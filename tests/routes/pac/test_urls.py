from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.routes.pac.urls import LONGEST, PacUrl, pac_url

SHOWN = {
    "https://www.example.com": ("https://www.example.com/", "www.example.com"),
    "https://www.example.com/path?q=1#f": ("https://www.example.com/", "www.example.com"),
    "HTTPS://WWW.Example.COM:443/": ("https://www.example.com/", "www.example.com"),
    "https://user:secret@www.example.com:8443/x": ("https://www.example.com:8443/", "www.example.com"),
    "https://a@b@www.example.com/": ("https://www.example.com/", "www.example.com"),
    "tls://www.example.com": ("https://www.example.com/", "www.example.com"),
    "tls://www.example.com:5671": ("https://www.example.com:5671/", "www.example.com"),
    "http://www.example.com": ("http://www.example.com/", "www.example.com"),
    "http://www.example.com:80/a/b?q=1#f": ("http://www.example.com/a/b?q=1", "www.example.com"),
    "http://www.example.com:/": ("http://www.example.com/", "www.example.com"),
    "http://www.example.com?q": ("http://www.example.com/?q", "www.example.com"),
    "http://www.example.com#f": ("http://www.example.com/", "www.example.com"),
    "http://user@www.example.com:8080/A%20b": ("http://www.example.com:8080/A%20b", "www.example.com"),
    "http://www.example.com/ü": ("http://www.example.com/%C3%BC", "www.example.com"),
    "http://bücher.example/": ("http://xn--bcher-kva.example/", "xn--bcher-kva.example"),
    "http://[2001:DB8::1]:8080/x": ("http://[2001:db8::1]:8080/x", "2001:db8::1"),
    "https://[::1]/x": ("https://[::1]/", "::1"),
    "http://192.0.2.1/": ("http://192.0.2.1/", "192.0.2.1"),
}


@pytest.mark.parametrize("text", SHOWN)
def test_what_a_script_sees(text: str) -> None:
    assert pac_url(text) == PacUrl(*SHOWN[text])


WRONG = {
    "": "without blanks",
    "www.example.com": "scheme is missing",
    "//www.example.com": "scheme is missing",
    "ftp://www.example.com/": '"ftp" is not a scheme',
    "http://": "host is missing",
    "http://a b/": "without blanks",
    "http://a/\x1b": "control characters",
    "http://::1/": "needs brackets",
    "http://a:99999/": "port is not between",
    "http://a:x/": "port is not a number",
    "http://300.1.1.1/": "is not an IPv4 address",
    "http://a/" + "x" * LONGEST: "at most",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ValueError, match=WRONG[text]):
        pac_url(text)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_url_or_a_sentence(user: str, rest: str) -> None:
    said = ""
    try:
        shown = pac_url(f"http://{user}:hunter2@host.example/{rest}")
    except ValueError as error:
        said = str(error)
    else:
        assert shown.url.isascii()
        assert "#" not in shown.url
    assert "hunter2" not in said
