"""Web Proxy Auto-Discovery: the URLs at which a device looks for its PAC script, and whose they are. Pure.

Windows takes what DHCP says in option 252 first, then asks DNS for `wpad` in its domain and in the domains above it
(devolution). Whoever answers decides about every proxy of the device, so where devolution ends is a question of safety:
`wpad.co.uk` and `wpad.com` have been registered by strangers for exactly that.

Here it ends at the organisation's domain, one label below a public suffix. The Public Suffix List says what one is; it
comes with the package `publicsuffixlist`, dated and versioned as certifi's roots are, its private section included
(`azurewebsites.net`), and an unknown top-level domain counts as a suffix (`corp.local` is an organisation's). A rule of
thumb about two-letter countries would not know `kobe.jp`, and would ask. Windows itself counts labels: its *devolution
level* is that of the forest's root domain, 2 at least. A `level` given here ends devolution sooner; where it would end
it later, in a public suffix, the name is shown and not asked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from prober.routes.text import host_name, port_number, without_login

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

LOWEST_LEVEL: Final = 2
"""Windows devolves no further than to two labels."""
_LONGEST_NAME: Final = 253
_LONGEST_OPTION: Final = 4096
_MOST_URLS: Final = 8
_LONGEST_SHOWN: Final = 100
_RESERVED: Final = frozenset({"local", "internal", "test", "invalid", "localhost", "example", "onion", "alt"})
"""Top-level domains that nobody can get (RFC 2606, RFC 6761, RFC 6762, RFC 9476; ICANN for `internal`)."""


class Origin(StrEnum):
    """Who names a candidate."""

    DHCP = "dhcp"
    """Option 252."""
    DNS = "dns"
    """`wpad` in the domain, or in one above it."""


class Whose(StrEnum):
    """Whether a host is the organisation's."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"
    """An address, or a name without a dot: nothing in it says whose it is."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One URL at which a device looks."""

    origin: Origin
    url: str
    """May hold a login where DHCP's text does: show it with `without_login`."""
    host: str
    whose: Whose


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A name at which devolution does not arrive here."""

    host: str
    why: str
    by_devices: bool = False
    """Whether a device with the level that was given would ask it."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Where a device of one domain looks, in its order."""

    domain: str
    level: int | None
    organisation: str | None
    """The domain that ends devolution; None if the given one is itself a public suffix."""
    own: tuple[str, ...]
    """All domains that count as inside."""
    each: tuple[Candidate, ...]
    not_asked: tuple[NotAsked, ...]
    problems: tuple[str, ...]
    """Sentences about option 252: what is in it and cannot be used."""

    def whose(self, host: str) -> Whose:
        """Whether a host is inside one of the domains."""
        name = host.lower().rstrip(".")
        if "." not in name or _is_address(name):
            return Whose.UNKNOWN
        return Whose.INSIDE if any(_is_below(name, domain) for domain in self.own) else Whose.OUTSIDE

    @property
    def undelegated(self) -> str | None:
        """The top-level domain, if it is neither in the public suffix list nor reserved for good: it may be sold."""
        top = self.domain.rpartition(".")[2]
        if top in _RESERVED or _suffixes().publicsuffix(self.domain, accept_unknown=False) is not None:
            return None
        return top


def candidates(
    domain: str, *, level: int | None = None, option_252: str | None = None, own: Iterable[str] = ()
) -> Candidates:
    """Where a device of this domain looks for a script: what option 252 says, then DNS.

    `own` are further domains of the organisation. Raises ValueError with a sentence.
    """
    name = _domain(domain)
    if level is not None and level < LOWEST_LEVEL:
        raise ValueError(f"the devolution level is {LOWEST_LEVEL} at least, in Windows too")
    organisation = _suffixes().privatesuffix(name)
    inside = [organisation] if organisation is not None else []
    inside += [_own_domain(each) for each in own]
    asked, not_asked = _devolved(name, level, organisation)
    urls, problems = option_252_urls(option_252) if option_252 is not None else ((), ())
    frame = Candidates(name, level, organisation, tuple(dict.fromkeys(inside)), (), not_asked, problems)
    told = [(Origin.DHCP, url, _host(url)) for url in urls]
    found = [(Origin.DNS, f"http://{host}/wpad.dat", host) for host in asked]
    each = tuple(Candidate(origin, url, host, frame.whose(host)) for origin, url, host in told + found)
    return Candidates(name, level, organisation, frame.own, each, not_asked, problems)


def _devolved(name: str, level: int | None, organisation: str | None) -> tuple[list[str], tuple[NotAsked, ...]]:
    """Names to ask, longest first, and those between them and two labels that are not asked."""
    labels = name.split(".")
    fewest = len(labels) + 1 if organisation is None else organisation.count(".") + 1
    asked: list[str] = []
    not_asked: list[NotAsked] = []
    for count in range(len(labels), 1, -1):  # one label is a top-level domain, out of the question for Windows as well
        suffix = ".".join(labels[-count:])
        host = f"wpad.{suffix}"
        whole = count == len(labels)
        if count < fewest:
            by_devices = whole or (level is not None and count >= level)
            not_asked.append(NotAsked(host, f"{suffix} is a public suffix: anybody may be there", by_devices))
        elif level is not None and count < level and not whole:
            not_asked.append(NotAsked(host, f"below the devolution level {level}"))
        elif len(host) > _LONGEST_NAME:
            not_asked.append(NotAsked(host, f"longer than {_LONGEST_NAME} characters"))
        else:
            asked.append(host)
    return asked, tuple(not_asked)


def option_252_urls(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The http and https URLs in what DHCP says, and a sentence for everything else in it.

    NULs, blanks and quotes around are trimmed; octets in hexadecimal, as systemd and Windows keep them, are read, and
    octal escapes, as dhclient writes them. Several URLs may be separated by blanks, or by a comma or semicolon.
    """
    problems: list[str] = []
    if len(text) > _LONGEST_OPTION:
        return (), (f"option 252 is longer than {_LONGEST_OPTION} characters",)
    words = re.split(r"[\s\0]+|[,;](?=\s*https?://)", _plain(text), flags=re.IGNORECASE)
    urls: list[str] = []
    for word in dict.fromkeys(word.strip("\"',;") for word in words):
        problem = url_problem(word) if word else None
        if problem:
            problems.append(f"option 252: {without_login(word)[:_LONGEST_SHOWN]!r}: {problem}")
        elif word:
            urls.append(word)
    if not urls and not problems:
        problems.append("option 252 is empty")
    if len(urls) > 1:
        problems.append("option 252 holds several URLs: Windows reads one; they are tried in order here")
    if len(urls) > _MOST_URLS:
        problems.append(f"option 252 holds more than {_MOST_URLS} URLs: the others are left out")
    return tuple(urls[:_MOST_URLS]), tuple(problems)


def _plain(text: str) -> str:
    bare = text.strip(" \t\r\n\0\"'")
    digits = re.sub(r"^0x|[\s:-]", "", bare)
    if len(digits) % 2 == 0 and re.fullmatch(r"[0-9A-Fa-f]{2,}", digits):
        bare = bytes.fromhex(digits).decode("latin-1")
    return re.sub(r"\\([0-3][0-7]{2})", lambda found: chr(int(found[1], 8)), bare)


def url_problem(url: str) -> str | None:
    """Why a PAC script cannot be fetched from here, or None. A login in the URL is not quoted."""
    url = without_login(url)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url)
    if scheme is None:
        return "not a URL"
    if not re.match(r"https?://", url, re.IGNORECASE):
        return f"a PAC script is fetched by http:// or https://, not by {scheme[1][:20]}:"
    try:
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        _host(url)
        port = re.search(r":([^:\]]*)$", place)
        if port and port[1]:
            port_number(port[1])
    except ValueError as error:
        return str(error)
    return None if url.isprintable() else "it has characters that cannot be printed"


def _host(url: str) -> str:
    """The host of a URL, without brackets. Raises ValueError."""
    host = urlsplit(url).hostname or ""
    return host_name(f"[{host}]" if ":" in host else host)


def _domain(text: str) -> str:
    name = host_name(text.strip().strip("."))
    if _is_address(name):
        raise ValueError(f"WPAD looks in a DNS domain such as corp.example; {name} is an address")
    if "." not in name:
        raise ValueError(f"WPAD looks in a domain of two labels at least, such as corp.example; {name} has one")
    return name


def _own_domain(text: str) -> str:
    name = _domain(text)
    if _suffixes().privatesuffix(name) is None:
        raise ValueError(f"{name} is a public suffix: everybody is in it")
    return name


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_below(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


@cache
def _suffixes() -> PublicSuffixList:
    """Mozilla's list; reading it takes a tenth of a second, which only those pay who look for a script."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
