"""Proxy URLs and `--via [NAME=]CHAIN` become hops and routes.

Pure: no file, no socket, no environment is read here. A text may hold a password, so no message quotes a part of it
that could be one: what is quoted is a scheme that is nearly right, or an IPv4 address that is not.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from prober.model import HOP_DEFAULT_PORTS, Hop, HopScheme, Route, Secret

ROUTE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
RESERVED_NAMES: Final = ("direct", "env")
"""`--via direct` and `--via env` mean something of their own."""

LONGEST_URL: Final = 4096
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_DEVIATIONS: Final = frozenset("ßς\u200c\u200d")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class RouteError:
    """What is wrong with a text, and where."""

    path: str
    """The place: `routes.two[1].url`, `--via two, hop 2`."""
    message: str
    """A sentence for a person, the nearest valid name included. Never holds a password."""


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """`: did you mean X?`, or the whole list if nothing is near; starts with a colon."""
    names = list(valid)
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if near:
        return f": did you mean {near[0]}?"
    return f": expected one of {', '.join(names)}" if names else ": none is known here"


def host_name(text: str) -> str:
    """A host as a lower-case DNS name (A-labels, RFC 5891) or an IP literal without brackets.

    Raises ValueError with a sentence.
    """
    if text.startswith("[") or text.endswith("]") or ":" in text:
        inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        try:
            return str(ipaddress.IPv6Address(inner))
        except ValueError:
            raise ValueError("the host is not an IPv6 address, or a colon is out of place") from None
    if text and text.replace(".", "").isdigit():
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise ValueError(f'"{text}" is not an IPv4 address') from None
    name = text.removesuffix(".")
    if _DEVIATIONS & set(name):
        raise ValueError("the host has a letter that IDNA 2003 and 2008 encode differently: write its xn-- form")
    try:
        name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("the host is not a DNS name") from None
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("the host is missing or not a DNS name")
    return name


def port_number(text: str) -> int:
    """A TCP port, 1 to 65535. Raises ValueError with a sentence that does not quote it: see the module's docstring."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError("the port is not a number")
    if len(text) > 5 or not 1 <= int(text) <= 65535:
        raise ValueError("the port is not between 1 and 65535")
    return int(text)


def split_port(text: str) -> tuple[str, str | None]:
    """`HOST[:PORT]` as texts; an IPv6 literal stays whole, its port needs brackets around it."""
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        if rest and not rest.startswith(":"):
            return text, None
        return host + bracket, rest[1:] if rest else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def credential_problem(scheme: HopScheme, user: str | None, password: str | None) -> str | None:
    """Why this scheme cannot carry these credentials, or None; never quotes them."""
    if password is not None and user is None:
        return "a password without a user"
    if user is None:
        return None
    if _CONTROL.search(user) or _CONTROL.search(password or ""):
        return "user and password cannot contain control characters"
    if scheme in (HopScheme.SOCKS4, HopScheme.SOCKS4A):
        if password is not None:
            return f"{scheme} has a user id but no password: drop it, or use socks5"
        return "the user id is longer than 255 bytes" if len(user.encode()) > 255 else None
    if scheme.is_http:
        return "a user for Basic authentication cannot contain a colon (RFC 7617)" if ":" in user else None
    if not user:
        return "SOCKS 5 needs a user of 1 to 255 bytes (RFC 1929)"
    for word, value in (("user", user), ("password", password or "")):
        if len(value.encode()) > 255:
            return f"the {word} is longer than the 255 bytes that SOCKS 5 carries (RFC 1929)"
    return None


def parse_hop(url: str, *, where: str, errors: list[RouteError], default_scheme: HopScheme | None = None) -> Hop | None:
    """One proxy URL as a hop; None if it is wrong, and then `errors` has grown by every reason.

    `default_scheme` is for texts that may come without one, as in the environment (`HTTPS_PROXY=proxy:8080`).
    """
    problems: list[str] = []
    hop = _hop(url, default_scheme, problems)
    errors.extend(RouteError(where, problem) for problem in problems)
    return None if problems else hop


def _hop(url: str, default_scheme: HopScheme | None, problems: list[str]) -> Hop | None:
    if len(url) > LONGEST_URL:
        problems.append(f"a proxy URL is at most {LONGEST_URL} characters long")
        return None
    if not url or _CONTROL.search(url) or any(letter.isspace() for letter in url):
        problems.append("expected a proxy URL such as http://proxy.corp:8080, without blanks")
        return None
    scheme, rest = _scheme(url, default_scheme, problems)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if "@" in tail:
        problems.append("an unescaped / ? or # before the @: write them as %2F %3F %23")
        return None
    if tail not in ("", "/"):
        problems.append("a proxy URL has no path, query or fragment")
    userinfo, at, place = authority.rpartition("@")
    user, password = _credentials(userinfo, problems) if at else (None, None)
    host, port = _place(place, problems)
    if scheme is None or host is None:
        return None
    problem = credential_problem(scheme, user, password)
    if problem:
        problems.append(problem)
    secret = None if password is None else Secret(password)
    return Hop(scheme, host, port or HOP_DEFAULT_PORTS[scheme], user, secret)


def _scheme(url: str, default: HopScheme | None, problems: list[str]) -> tuple[HopScheme | None, str]:
    text, separator, rest = url.partition("://")
    if not separator or not _SCHEME.fullmatch(text):
        if default is not None and not separator:
            return default, url
        problems.append("the scheme is missing: expected a proxy URL such as http://proxy.corp:8080")
        return None, rest if separator else url
    try:
        return HopScheme(text.lower()), rest
    except ValueError:
        hint = did_you_mean(text, list(HopScheme))
        problems.append(f'unknown scheme "{text}"{hint}' if "mean" in hint else f"unknown scheme{hint}")
        return None, rest


def _credentials(userinfo: str, problems: list[str]) -> tuple[str | None, str | None]:
    user, colon, password = userinfo.partition(":")
    decoded = [_decoded(part, problems) for part in (user, password)]
    return decoded[0], decoded[1] if colon else None


def _decoded(text: str, problems: list[str]) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        problems.append("a % in user or password that is not followed by two hex digits: write it as %25")
        return ""
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        problems.append("user or password is not UTF-8 once its %XX are decoded")
        return ""


def _place(place: str, problems: list[str]) -> tuple[str | None, int | None]:
    text, port_text = split_port(place)
    host = port = None
    try:
        if ":" in text and not text.startswith("["):
            raise ValueError("an IPv6 address needs brackets: [::1]:8080")
        host = host_name(text)
    except ValueError as error:
        problems.append(str(error))
    try:
        port = None if port_text is None else port_number(port_text)
    except ValueError as error:
        problems.append(str(error))
    return host, port


def name_problem(name: str) -> str | None:
    """Why this cannot be a route's name, or None. The name is not quoted: it may be a password gone astray."""
    if not ROUTE_NAME.fullmatch(name):
        return "a route's name is 1 to 40 letters, digits, _ . or -"
    return None


def split_name(text: str) -> tuple[str | None, str]:
    """`[NAME=]CHAIN` as name and chain; an `=` inside a URL does not make a name."""
    head, separator, chain = text.partition("=")
    if not separator or re.search(r"://|^pac\+|^wpad:", head, re.IGNORECASE):
        return None, text
    return head, chain


def parse_via(text: str, errors: list[RouteError], *, where: str = "--via") -> Route | None:
    """`[NAME=]CHAIN` as a route: comma-separated proxy URLs, outermost first, or `direct`.

    `env` needs the environment and `NAME` alone needs the configuration: both are prober.config.routes' business.
    Returns None if something is wrong, and then `errors` has grown by every reason.
    """
    name, chain = split_name(text)
    before = len(errors)
    if name is not None:
        problem = name_problem(name)
        if problem is None and name in RESERVED_NAMES and chain != name:
            problem = f'the name "{name}" is taken: --via {name} has a meaning of its own'
        if problem:
            errors.append(RouteError(where, problem))
        else:
            where = f"{where} {name}"
    hops = _chain(chain, where, errors)
    if len(errors) > before:
        return None
    return Route(name or chain_name(hops), hops)


def _chain(chain: str, where: str, errors: list[RouteError]) -> tuple[Hop, ...]:
    if chain == "direct":
        return ()
    if not chain:
        errors.append(RouteError(where, "expected proxy URLs, separated by commas, or direct"))
        return ()
    hops = []
    for number, url in enumerate(chain.split(","), start=1):
        place = f"{where}, hop {number}"
        if url in RESERVED_NAMES:
            errors.append(RouteError(place, f"{url} stands alone: it cannot be one hop of several"))
        elif hop := parse_hop(url, where=place, errors=errors):
            hops.append(hop)
    return tuple(hops)


def chain_name(hops: tuple[Hop, ...]) -> str:
    """The name of an unnamed chain: stable, made from schemes, hosts and ports, never from users."""
    if not hops:
        return "direct"
    full = "_".join(f"{hop.scheme}-{hop.host.replace(':', '.')}-{hop.port}" for hop in hops)
    if len(full) <= 40:
        return full
    return f"{full[:31]}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"


def masked_url(text: str) -> str:
    """A proxy URL fit to be shown: the password as `***`; anything odd is hidden altogether."""
    scheme, separator, rest = text.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        return "***"
    userinfo, at, place = rest.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9._-]*(:[0-9]{1,5})?/?|\[[0-9A-Fa-f:.]*\](:[0-9]{1,5})?/?", place):
        return f"{scheme}://***"
    if not at:
        return text
    user, colon, _ = userinfo.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}@{place}"


def without_login(url: str) -> str:
    """A URL without user and password, for people; file URLs and paths stay as they are."""
    return re.sub(r"^(?!file:)([A-Za-z][A-Za-z0-9+.-]+:[/\\]*)[^/\\?#]*@", r"\1", url, flags=re.IGNORECASE)
