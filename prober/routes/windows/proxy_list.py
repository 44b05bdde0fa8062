"""A proxy text as Windows keeps it (`px:80`, `http=px:80;https=px:443`), read into hops for each kind of target.

`[scheme "="] [scheme "://"] host [":" port]`, several of them separated by semicolons or blanks. `https=px:443` names
the proxy *for* https URLs; the leg to it is plain HTTP all the same, unless `https://` stands in front of its host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prober.model import Hop, HopScheme, Scheme
from prober.routes.text import host_name, port_number, split_port


class Reading(StrEnum):
    """Whose rules a list is read by."""

    WINDOWS = "windows"
    """WinINET and WinHTTP: an item without `scheme=` serves every scheme that is not named."""
    CHROMIUM = "chromium"
    """The first item decides: bare = it alone, for everything; with `=` = per scheme, bare items are ignored."""


DEFAULT_PORTS: Final = {
    HopScheme.HTTP: 80,
    HopScheme.HTTPS: 443,
    HopScheme.SOCKS4: 1080,
    HopScheme.SOCKS5H: 1080,
}
"""Of texts without a port. Not those of `--via`, where nobody ever meant 80."""

KEYS: Final = ("http", "https", "ftp", "socks")
"""What may stand before the `=`."""

MAX_ITEMS: Final = 256
MAX_SHOWN: Final = 80
"""Characters of an item in a message."""
_PREFIX: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,15})://(.*)", re.DOTALL)
_HOP_SCHEMES: Final = {
    Reading.WINDOWS: {"http": HopScheme.HTTP, "https": HopScheme.HTTPS, "socks": HopScheme.SOCKS4},
    Reading.CHROMIUM: {
        "http": HopScheme.HTTP,
        "https": HopScheme.HTTPS,
        "socks4": HopScheme.SOCKS4,
        "socks": HopScheme.SOCKS5H,
        "socks5": HopScheme.SOCKS5H,
    },
}


@dataclass(frozen=True, slots=True)
class ProxyEntry:
    """One item of a list, kept though it may be unusable: a linter looks at these."""

    text: str
    """As written, cut, and without anything that could be a login."""
    key: str | None
    """What stands before the `=`, in lower case; None = the item is bare."""
    prefix: str | None
    """What stands before the `://`, in lower case."""
    hop: Hop | None
    """None where the item names no proxy; never with a login, Windows takes none from here."""
    has_port: bool


@dataclass(frozen=True, slots=True)
class ProxyList:
    """A proxy text, read."""

    text: str
    """As written, but for logins (see `masked`)."""
    reading: Reading
    entries: tuple[ProxyEntry, ...]
    problems: tuple[str, ...]
    """A sentence each: what was dropped, what was assumed."""

    def for_scheme(self, scheme: Scheme) -> tuple[Hop, ...]:
        """The proxies for targets of this scheme, one hop each, in the order they stand; none = direct."""
        key = "http" if scheme is Scheme.HTTP else "https"
        for wanted in (key, None, "socks"):
            if hops := tuple(each.hop for each in self.entries if each.key == wanted and each.hop is not None):
                return hops
        return ()

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every proxy that is named, once each."""
        return tuple(dict.fromkeys(each.hop for each in self.entries if each.hop is not None))


def parse_proxy_list(text: str, *, reading: Reading = Reading.WINDOWS) -> ProxyList:
    """A list as WinHTTP, WinINET or Chromium would read it. Never fails: what cannot be read is in `problems`."""
    problems: list[str] = []
    pieces = re.split(r"[;\s]+", text) if reading is Reading.WINDOWS else [each.strip() for each in text.split(";")]
    items = [_Item(piece, shown) for piece, shown in zip(pieces, _all_shown(pieces), strict=True) if piece]
    if len(items) > MAX_ITEMS:
        problems.append(f"The list has {len(items):,} items; only the first {MAX_ITEMS} were read.")
        del items[MAX_ITEMS:]
    if reading is Reading.CHROMIUM:
        items = _of_chromium(items, problems)
    return ProxyList(masked(text), reading, tuple(_entry(each, reading, problems) for each in items), tuple(problems))


@dataclass(frozen=True, slots=True)
class _Item:
    text: str
    shown: str
    """Fit for a message."""


def _all_shown(pieces: list[str]) -> list[str]:
    """A password may have a semicolon in it: nothing that stands before the last `@` is shown."""
    last = max((number for number, piece in enumerate(pieces) if "@" in piece), default=-1)
    texts = ["***" if number < last else masked(piece) for number, piece in enumerate(pieces)]
    return [text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…" for text in texts]


def _of_chromium(items: list[_Item], problems: list[str]) -> list[_Item]:
    """The items that count, commas between alternatives resolved."""
    kept: list[_Item] = []
    for number, item in enumerate(items):
        key, separator, rest = item.text.partition("=")
        if not separator and number:
            problems.append(f'"{item.shown}" is ignored: the first item has a "scheme=" and this one has none.')
            continue
        head, places = (f"{key}=", rest) if separator else ("", item.text)
        kept += [_Item(head + place.strip(), item.shown) for place in places.split(",") if place.strip()]
        if not separator:
            if items[1:]:
                problems.append(f'"{item.shown}" serves everything; what stands after it is ignored.')
            break
    return kept[:MAX_ITEMS]


def _entry(item: _Item, reading: Reading, problems: list[str]) -> ProxyEntry:
    head, separator, rest = item.text.partition("=")
    key = head.strip().lower() if separator else None
    if key is None:
        rest = item.text
    found = _PREFIX.fullmatch(rest)
    prefix, place = (found[1].lower(), found[2]) if found else (None, rest)
    schemes = _HOP_SCHEMES[reading]
    if key is not None and key not in KEYS:
        problems.append(f'"{item.shown}" is dropped: only {_of(KEYS)} stand before an "=".')
    elif prefix is not None and prefix not in schemes:
        problems.append(f'"{item.shown}" is dropped: of "{_of(schemes)}" none stands before its "://".')
    else:
        scheme = schemes[prefix] if prefix else HopScheme.SOCKS4 if key == "socks" else HopScheme.HTTP
        hop, has_port = _hop(item, place, scheme, problems)
        return ProxyEntry(item.shown, key, prefix, hop, has_port)
    return ProxyEntry(item.shown, key, prefix, None, has_port=False)


def _hop(item: _Item, place: str, scheme: HopScheme, problems: list[str]) -> tuple[Hop | None, bool]:
    _, at, place = place.rpartition("@")
    if at:
        problems.append(f'"{item.shown}": the login is left out, Windows takes none from a proxy text.')
    host_text, port_text = split_port(place.removesuffix("/"))
    try:
        host = _host(host_text)
        port = DEFAULT_PORTS[scheme] if port_text is None else port_number(port_text)
    except ValueError as error:
        # The sentence may quote the host; that is what stands after the last "@".
        problems.append(
            f'"{item.shown}" is dropped: {error if "***" not in item.shown else "it names no host and port"}.'
        )
        return None, port_text is not None
    if port_text is None:
        problems.append(f'"{item.shown}" has no port: {port} is assumed.')
    return Hop(scheme, host, port), port_text is not None


def _host(text: str) -> str:
    if ":" in text and not text.startswith("["):
        raise ValueError("an IPv6 address needs brackets, [2001:db8::1]:3128")
    return host_name(text)


def parse_static(text: str) -> Hop | str:
    """`TelemetryProxyServer`: `host:port` and nothing else. A text is the reason why it is not that."""
    if not text.strip():
        return "it is empty"
    if re.search(r"\s", text):
        return "it has a blank in it, and only HOST:PORT is taken"
    if "://" in text:
        return "a scheme stands in front, and only HOST:PORT is taken"
    if ";" in text or "," in text or "=" in text:
        return "it is a list, and only one HOST:PORT is taken"
    if "@" in text:
        return "a login is in it, and only HOST:PORT is taken"
    host_text, port_text = split_port(text)
    try:
        host = _host(host_text)
        if port_text is None:
            return "it has no port, and only HOST:PORT is taken"
        return Hop(HopScheme.HTTP, host, port_number(port_text))
    except ValueError as error:
        return str(error)


def masked(text: str) -> str:
    """A proxy text without what could be a login: all up to the last `@` is `***`."""
    return "***@" + text.rpartition("@")[2] if "@" in text else text


def _of(words: Iterable[str]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} and {last}"
