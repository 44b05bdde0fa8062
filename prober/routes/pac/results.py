"""What FindProxyForURL returned, as ways out in the order in which they are tried."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from prober.model import Hop, HopScheme
from prober.routes.pac.reading import Reading
from prober.routes.text import host_name, port_number, split_port

MOST_ITEMS: Final = 64
"""Items of a list that are looked at."""

_KINDS: Final = {
    "PROXY": (HopScheme.HTTP, 80),
    "HTTP": (HopScheme.HTTP, 80),
    "HTTPS": (HopScheme.HTTPS, 443),
    "SOCKS": (HopScheme.SOCKS4, 1080),
    "SOCKS4": (HopScheme.SOCKS4, 1080),
    "SOCKS5": (HopScheme.SOCKS5H, 1080),
}
"""SOCKS 4 as Chromium has it: the client resolves the name. With SOCKS 5 the proxy does."""
_DOUBTFUL_ON_WINDOWS: Final = ("HTTP", "HTTPS", "SOCKS5")
_BLANKS: Final = " \t\r\n\f\v"


@dataclass(frozen=True, slots=True)
class ResultList:
    """What a result means in one reading."""

    ways: tuple[tuple[Hop, ...], ...]
    """In order, never empty; () is direct. The next one is tried when the connection to a proxy fails, never because of
    an HTTP status."""
    remarks: tuple[str, ...] = ()
    """Sentences: what was dropped and why, what is doubtful."""


def parse_result(text: str, reading: Reading) -> ResultList:
    """The ways of a result such as `PROXY a:8080; DIRECT`. Malformed items are dropped; nothing left is direct."""
    ways: list[tuple[Hop, ...]] = []
    remarks: list[str] = []
    items = [item.strip(_BLANKS) for item in text.split(";", MOST_ITEMS)]
    if len(items) > MOST_ITEMS:
        remarks.append(f"only the first {MOST_ITEMS} items are looked at")
        del items[MOST_ITEMS:]
    for item in items:
        if not item:
            continue
        try:
            way = _way(item, reading)
        except ValueError as error:
            remarks.append(f"{_quoted(item)} is dropped: {error}")
            continue
        ways.append(way)
        doubt = _doubt(item, reading)
        if doubt and doubt not in remarks:
            remarks.append(doubt)
    if not ways:
        remarks.append("nothing usable is left: direct" if any(items) else "an empty result: direct")
        return ResultList(((),), tuple(remarks))
    if reading is Reading.WINHTTP and len(ways) > 1:
        remarks.append(f"WinHTTP uses the first item only: {len(ways) - 1} more would be tried by a browser")
        del ways[1:]
    return ResultList(tuple(ways), tuple(remarks))


def _way(item: str, reading: Reading) -> tuple[Hop, ...]:
    keyword, place = _parted(item)
    if keyword == "DIRECT":
        if place:
            raise ValueError("DIRECT takes no host")
        return ()
    if keyword == "HTTP" and reading is Reading.CHROMIUM:
        raise ValueError("Chromium does not know HTTP, write PROXY")
    kind = _KINDS.get(keyword)
    if kind is None:
        raise ValueError("expected DIRECT, PROXY, HTTPS, SOCKS, SOCKS4 or SOCKS5")
    if not place:
        raise ValueError(f"{keyword} needs a host")
    if re.search(r"[\s/@]", place):
        raise ValueError("expected HOST:PORT behind the keyword, no URL")
    scheme, port = kind
    host_text, port_text = split_port(place)
    if ":" in host_text and not host_text.startswith("["):
        raise ValueError("an IPv6 address needs brackets")
    host = host_name(host_text)
    return (Hop(scheme, host, port if port_text is None else port_number(port_text)),)


def _parted(item: str) -> tuple[str, str]:
    keyword, _, place = re.sub(r"[\t\r\n\f\v]", " ", item).partition(" ")
    return keyword.upper(), place.strip()


def _doubt(item: str, reading: Reading) -> str | None:
    keyword = _parted(item)[0]
    if reading is Reading.WINHTTP and keyword in _DOUBTFUL_ON_WINDOWS:
        return f"whether Windows takes {keyword} items is doubtful"
    return None


def _quoted(item: str) -> str:
    """For a remark, which goes into saved runs: a login, which no client takes from here, is left out."""
    item = re.sub(r"\S+@", "***@", item)
    return f'"{item[:80]}…"' if len(item) > 80 else f'"{item}"'
