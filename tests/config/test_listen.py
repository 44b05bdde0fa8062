"""serve.listen and serve.host_names: what is an address, and what is said of what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.config.load import ConfigErrors, load
from prober.config.texts import listen_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("[FE80::1%eth0]:1", ("fe80::1%eth0", 1)),
        ("[::]:0", ("::", 0)),
        (":9464", ("", 9464)),
        (":0", ("", 0)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
        ("LocalHost:80", ("localhost", 80)),
        ("prober.corp:443", ("prober.corp", 443)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert listen_address(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9464", "expected ADDRESS:PORT: did you mean :9464?"),
        ("localhost", "expected ADDRESS:PORT: did you mean localhost:9464?"),
        ("[::1]", "expected ADDRESS:PORT: did you mean [::1]:9464?"),
        ("", "expected ADDRESS:PORT"),
        ("::1:9464", "an IPv6 address needs brackets: [::1]:9464"),
        ("::", "an IPv6 address needs brackets"),
        ("http://127.0.0.1:9464", "expected ADDRESS:PORT without a scheme or path"),
        ("127.0.0.1:9464/metrics", "expected ADDRESS:PORT without a scheme or path"),
        ("127.0.0.1:65536", "the port is not between 0 and 65535"),
        ("127.0.0.1:", "the port is not between 0 and 65535"),
        ("127.0.0.1:-1", "the port is not between 0 and 65535"),
        ("127.0.0.1:٣", "the port is not between 0 and 65535"),
        ("127.0.0.1:http", "the port is not between 0 and 65535"),
        ("256.0.0.1:80", '"256.0.0.1" is not an IPv4 address'),
        ("[::g]:80", "the host is not an IPv6 address"),
        ("[127.0.0.1]:80", "the host is not an IPv6 address"),
        ("a b:80", "the host is missing or not a DNS name"),
        ("host%eth0:80", "a zone (%eth0) belongs to an IPv6 address in brackets"),
        ("[::1%]:80", "a zone (%eth0) belongs to an IPv6 address in brackets"),
    ],
)
def test_what_is_none(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        listen_address(text)
    assert str(caught.value).startswith(said)


def test_both_are_checked_with_everything_else_and_have_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prober.yaml").write_text(
        "serve:\n  listen: '9464'\n  host_names: [prober.corp, 'http://prober.corp']\n  interval: 0\n"
    )
    with pytest.raises(ConfigErrors) as caught:
        load(None, {}, {})
    assert [str(error) for error in caught.value.errors] == [
        "prober.yaml:2: serve.listen: expected ADDRESS:PORT: did you mean :9464?",
        "prober.yaml:3: serve.host_names[1]: the host is not an IPv6 address, or a colon is out of place",
        "prober.yaml:4: serve.interval: must be greater than 0",
    ]
    with pytest.raises(ConfigErrors, match=r"command line: serve\.listen: an IPv6 address needs brackets"):
        load(None, {}, {"serve.interval": 60.0, "serve.host_names": [], "serve.listen": "::1:1"})
