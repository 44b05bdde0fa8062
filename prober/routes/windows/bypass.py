"""Bypass lists (`<local>;*.lan;10.*`): whom WinHTTP and WinINET reach without their proxy.

An entry is `[scheme "://"] pattern [":" port]`, entries are separated by semicolons or blanks, and a star is any run
of characters. There are no suffix rules (`contoso.com` is that name alone), no names are resolved for the list, and no
CIDR blocks: `10.0.0.0/8` is a text like any other, which no host ever equals.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self

from prober.model import Scheme
from prober.routes.text import split_port

LOCAL: Final = "<local>"
"""Every name without a dot."""
NO_LOOPBACK: Final = "<-loopback>"
"""Takes the implicit entries away."""
IMPLICIT: Final = ("localhost", "loopback", "127.0.0.1", "[::1]")
"""What WinINET leaves out without being told."""
MAX_ENTRIES: Final = 4096

_SCHEME: Final = re.compile(r"([A-Za-z*][A-Za-z0-9+.*-]{0,15})://(.*)")
_BLOCK: Final = re.compile(r"[0-9A-Fa-f.:\[\]]+/[0-9.]{1,15}")
_SCHEMES: Final = {Scheme.HTTP: "http", Scheme.HTTPS: "https", Scheme.TLS: "https"}


@dataclass(frozen=True, slots=True)
class BypassEntry:
    """One entry, taken apart."""

    text: str
    """As written."""
    pattern: str
    """The host's, in lower case, without the brackets of an IPv6 literal; or `<local>`, `<-loopback>`."""
    scheme: str | None = None
    """In lower case; None = any."""
    port: int | None = None
    implicit: bool = False
    """Not written by anybody: WinINET's own."""

    @property
    def has_inner_star(self) -> bool:
        """Whether a star stands elsewhere than at the left, where WinHTTP may not take it."""
        return "*" in self.pattern[1:]

    @property
    def is_block(self) -> bool:
        """Whether it was meant as a CIDR block, which Windows does not know."""
        if "/" not in self.pattern:
            return False
        try:
            ipaddress.ip_network(self.pattern, strict=False)
        except ValueError:
            return False
        return True

    def matches(self, scheme: Scheme, host: str, port: int) -> bool:
        """Whether it sends a target direct. The host as in `Target.host`."""
        if self.scheme not in (None, "*", _SCHEMES[scheme]) or self.port not in (None, port):
            return False
        if self.pattern == LOCAL:
            return "." not in host and ":" not in host
        return self.pattern != NO_LOOPBACK and _glob(self.pattern, host.lower().strip("[]"))


@dataclass(frozen=True, slots=True)
class BypassList:
    """A bypass text, read."""

    text: str
    """As written."""
    entries: tuple[BypassEntry, ...] = ()
    """The implicit ones at the end."""
    problems: tuple[str, ...] = ()
    """A sentence each."""

    @classmethod
    def parse(cls, text: str, *, implicit_loopback: bool = False) -> Self:
        """A list; never fails. `implicit_loopback` is WinINET's rule, unless the list has `<-loopback>`."""
        words = [word for word in re.split(r"[;\s]+", text) if word]
        problems = []
        if len(words) > MAX_ENTRIES:
            problems.append(f"The bypass list has {len(words):,} entries; only the first {MAX_ENTRIES:,} were read.")
        entries = [_entry(word) for word in words[:MAX_ENTRIES]]
        if implicit_loopback and not any(each.pattern == NO_LOOPBACK for each in entries):
            entries += [BypassEntry(each, each.strip("[]"), implicit=True) for each in IMPLICIT]
        return cls(text, tuple(entries), tuple(problems))

    def matches(self, scheme: Scheme, host: str, port: int) -> str | None:
        """The first entry that sends this target direct, as it was written; None = it takes the proxy."""
        return next((each.text for each in self.entries if each.matches(scheme, host, port)), None)

    def __bool__(self) -> bool:
        return bool(self.entries)


def _entry(word: str) -> BypassEntry:
    if word.lower() in (LOCAL, NO_LOOPBACK):
        return BypassEntry(word, word.lower())
    found = _SCHEME.fullmatch(word)
    scheme, place = (found[1].lower(), found[2]) if found else (None, word)
    if scheme or not _BLOCK.fullmatch(place):
        place = place.partition("/")[0]
    pattern, port_text = split_port(place.lower())
    if port_text is None or port_text == "*":
        port = None
    elif port_text.isascii() and port_text.isdigit() and len(port_text) <= 5:
        port = int(port_text)
    else:
        pattern, port = place.lower(), None
    return BypassEntry(word, pattern.removeprefix("[").removesuffix("]"), scheme, port)


def _glob(pattern: str, text: str) -> bool:
    """Only stars are special. A search for each part between stars: a regular expression could be made to crawl."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
