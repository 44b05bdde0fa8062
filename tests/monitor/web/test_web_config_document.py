"""docs/web-config.md says what the code does: its table of keys, their words and the numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prober.monitor.web import web_config
from prober.monitor.web.go_names import CLIENT_AUTH, CURVES, VERSIONS
from prober.monitor.web.limits import Limits
from prober.monitor.web.passwords import LoginLimits
from prober.monitor.web.shared import WAITING
from prober.monitor.web.web_config import HEADERS, HIGHEST_COST, MOST_USERS, read_web_config

TEXT = (Path(__file__).parents[3] / "docs" / "web-config.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## The web configuration file")[2].partition("\n## ")[0]
ROWS: list[tuple[str, str]] = re.findall(r"^\| (`.*?) \| (.*) \|$", SECTION, re.MULTILINE)
KEYS = [key for keys, _ in ROWS for key in re.findall(r"`([\w.]+)`", keys)]


def said_of(key: str) -> str:
    """The row of a key."""
    return next(said for keys, said in ROWS if re.search(rf"\b{key}`", keys))


def test_the_table_has_the_keys_of_the_code_once() -> None:
    last = [key.rpartition(".")[2] for key in KEYS]
    assert sorted(last) == sorted([*web_config._TLS_KEYS, "http2", "headers", "basic_auth_users", "rate_limit"])


@pytest.mark.parametrize("key", KEYS)
def test_the_reader_knows_each_key(key: str) -> None:
    """In the section that the table says; keys without one are those of the row before."""
    section, _, name = key.rpartition(".")
    top = {"basic_auth_users": "", "rate_limit": "", "http2": "http_server_config", "headers": "http_server_config"}
    section = section or top.get(name, "tls_server_config")
    text = f"{section}: {{{name}: }}\n" if section else f"{name}:\n"
    _, errors = read_web_config(text, Path("web.yml"))
    assert not [error for error in errors if "unknown" in str(error)]
    _, errors = read_web_config(text.replace(name, f"{name}x"), Path("web.yml"))
    assert [error for error in errors if "unknown" in str(error)]


def test_the_words_of_the_code_are_there() -> None:
    for word in filter(None, CLIENT_AUTH):
        assert f"`{word}`" in said_of("client_auth_type")
    for word in VERSIONS:
        assert f"`{word}`" in said_of("min_version")
    for word in CURVES:
        assert f"`{word}`" in said_of("curve_preferences")
    assert "five" in said_of("headers")
    assert len(HEADERS) == 5
    assert f"cost 4 to {HIGHEST_COST}" in said_of("basic_auth_users")
    assert f"{MOST_USERS:,}" in said_of("basic_auth_users")


def test_the_numbers_of_the_code_are_there() -> None:
    logins, limits = LoginLimits(), Limits()
    assert f"Beyond {logins.each} waiting from one address" in TEXT
    assert f"beyond {logins.waiting} in all" in TEXT
    assert logins.patience == 5
    assert "after five seconds" in TEXT
    assert f"{WAITING} of each kind" in TEXT
    assert f"| live pages | {limits.streams} |" in TEXT
    assert f"| between two requests | {limits.idle:g} s |" in TEXT
