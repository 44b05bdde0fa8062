"""Targets given by hand: `HOST[:PORT]`, `tls://…`, `https://…`, `http://…`, and files of them.

A sentence, never a guess: what is not one of these forms is refused with what to write instead. Names become A-labels
by IDNA 2003 (RFC 3490, what Python's own codec does); the few characters that IDNA 2008 treats differently are
refused, since they would name another host.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from pathlib import Path
from typing import Final
from urllib.parse import quote

from prober.catalog.entry import is_host
from prober.catalog.errors import CatalogError, CatalogErrors, shown
from prober.model import DEFAULT_PORTS, Scheme, Target, authority

MAX_LENGTH: Final = 2048
MAX_FILE_BYTES: Final = 16 * 1024 * 1024

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)
_PORT_AT_END: Final = re.compile(r"^[^:]*$|[\]:]\d*$|^\[[^\]]*\]$")
_DEVIATIONS: Final = frozenset("ßẞς\u200c\u200d")
_HOST_CHARACTERS: Final = re.compile(r"[a-z0-9_.-]+")


def parse_target(text: str) -> Target:
    """The target that `text` names; its id is the canonical URL, so the same target always has the same id.

    Raises `ValueError` with a sentence that says what is wrong and what was expected.
    """
    match = _URL.fullmatch(text)
    rest = match.group(2) if match else text
    end = next((index for index, character in enumerate(rest) if character in "/?"), len(rest))
    place, request = rest[:end], rest[end:]
    # First of all, so that no other sentence repeats a password.
    if "@" in place or ("@" in request and not _PORT_AT_END.search(place)):
        raise ValueError("user and password do not belong in a target: leave out everything up to the @")
    _check_text(text)
    scheme = _scheme(match.group(1)) if match else Scheme.TLS
    if match is None and request:
        raise ValueError(f"{shown(text)} has a path but no scheme: write https://{text} to ask for it")
    host, port = _address(place, scheme)
    path = _path(request, scheme)
    return Target(id=_canonical(scheme, host, port, path), scheme=scheme, host=host, port=port, path=path)


def read_target_file(path: str | Path) -> tuple[Target, ...]:
    """The targets of a file, one a line; empty lines and comments (`#` at the start or after a space) are left out.

    A target that stands there twice is taken once. Raises `CatalogErrors` with every line that is wrong.
    """
    file = str(path)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CatalogErrors([CatalogError(file, "", f"cannot be read: {error.strerror}")]) from None
    if len(data) > MAX_FILE_BYTES:
        raise CatalogErrors([CatalogError(file, "", f"larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")])
    targets: dict[str, Target] = {}
    errors: list[CatalogError] = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        try:
            line = re.split(r"(?:^|\s)#", raw.decode("utf-8"), maxsplit=1)[0].strip()
            if line:
                target = parse_target(line)
                targets.setdefault(target.id, target)
        except UnicodeDecodeError:
            errors.append(CatalogError(file, "", "not UTF-8 text", number))
        except ValueError as error:
            errors.append(CatalogError(file, "", str(error), number))
    if not targets and not errors:
        errors.append(CatalogError(file, "", "no targets: expected one a line"))
    if errors:
        raise CatalogErrors(errors)
    return tuple(targets.values())


def normal_host(text: str) -> str:
    """A host as the model keeps it: A-labels in lower case without the root's dot, or an IP literal without brackets.

    Raises `ValueError` with a sentence.
    """
    if text.startswith("["):
        return _ipv6(text)
    if not text:
        raise ValueError("the host is missing: expected HOST[:PORT] or a URL")
    if "*" in text or "{" in text:
        raise ValueError(f"{shown(text)} names no single host: give the host itself")
    host = _to_ascii(text).lower()
    if len(host) > 1 and host.endswith("."):
        host = host[:-1]
    if host.rsplit(".", 1)[-1].isdigit():
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise ValueError(f"{shown(text)} is neither an IPv4 address nor a host name") from None
    if not is_host(host):
        why = "" if _HOST_CHARACTERS.fullmatch(host) else ": letters, digits, hyphens and dots are allowed"
        raise ValueError(f"{shown(text)} is not a host name{why}")
    return host


def _check_text(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH} characters: not a target")
    if any(character.isspace() for character in text):
        raise ValueError(f"{shown(text)} has a space in it: expected one target")
    if not text.isprintable():
        raise ValueError(f"{shown(text)} has a character that cannot be printed")
    if "#" in text:
        raise ValueError(f"{shown(text)} has a fragment: leave out everything from the # on")
    if "\\" in text:
        raise ValueError(f"{shown(text)} has a backslash: write /")


def _scheme(word: str) -> Scheme:
    try:
        return Scheme(word.lower())
    except ValueError:
        raise ValueError(f"unknown scheme {shown(word)}: expected tls, https or http") from None


def _address(place: str, scheme: Scheme) -> tuple[str, int]:
    if place.count(":") > 1 and not place.startswith("["):
        raise ValueError(
            f"{shown(place)} has several colons: an IPv6 address stands in brackets, as in [2001:db8::1]:443"
        )
    match = _AUTHORITY.fullmatch(place)
    if match is None:
        raise ValueError(
            f"{shown(place)} is not HOST[:PORT]; an IPv6 address stands in brackets, as in [2001:db8::1]:443"
        )
    return normal_host(match.group(1)), _port(match.group(2), scheme)


def _port(text: str | None, scheme: Scheme) -> int:
    if text is None:
        return DEFAULT_PORTS[scheme]
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError(f"{shown(text)} is not a port: expected a number from 1 to 65535")
    return int(text)


def _ipv6(text: str) -> str:
    inner = text[1:-1]
    if "%" in inner:
        raise ValueError(f"{shown(text)} has a zone: a target is the same from everywhere, so it has none")
    try:
        return str(IPv6Address(inner))
    except AddressValueError:
        raise ValueError(f"{shown(text)} is not an IPv6 address") from None


def _to_ascii(text: str) -> str:
    if text.isascii():
        return text
    if _DEVIATIONS.intersection(text):
        raise ValueError(
            f"{shown(text)} has a letter that means different hosts to different programs: write it as xn--…"
        )
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"{shown(text)} is not a host name: it has no form in A-labels (IDNA)") from None


def _path(request: str, scheme: Scheme) -> str:
    if scheme is Scheme.TLS:
        if request not in ("", "/"):
            raise ValueError("tls:// is a bare handshake and has no path: write https:// to ask for one")
        return "/"
    # Everything printable stays as written; what is not ASCII is percent-encoded as UTF-8 (RFC 3986 section 2.5).
    path = quote(request, safe="!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~")
    return path if path.startswith("/") else "/" + path


def _canonical(scheme: Scheme, host: str, port: int, path: str) -> str:
    place = authority(host, port)
    if port == DEFAULT_PORTS[scheme]:
        place = place.rsplit(":", 1)[0]
    return f"{scheme.value}://{place}" + ("" if scheme is Scheme.TLS else path)
