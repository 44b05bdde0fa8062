"""What `netsh winhttp` prints: `show proxy` in any language, `show advproxy`, and the commands of `dump`.

Labels follow the display language, and their accents break on the way into a file. So none is matched: the order of
the lines says which is which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from prober.routes.windows.device import AdvancedProxy, Place, ShownProxy
from prober.routes.windows.registry_file import Complain

Lines = Sequence[tuple[int, str]]
"""Numbers from 1, and texts without their line ends."""

MAX_OBJECTS: Final = 64
_BRACKETED: Final = re.compile(r"[(（].*[)）]")
_PLACE: Final = re.compile(r":\d|=")
"""What a proxy text has and no sentence: a port, or a scheme before a proxy."""
_COMMAND: Final = re.compile(r"\s*(?:netsh\s+)?(?:winhttp\s+)?(set|reset)\s+(proxy|advproxy)\b(.*)", re.IGNORECASE)
_ARGUMENT: Final = re.compile(r'(?:(proxy-server|bypass-list)\s*=\s*)?(?:"([^"]*)"|(\S+))', re.IGNORECASE)
_TEXT_KEYS: Final = ("Proxy", "ProxyBypass", "AutoconfigUrl", "ConnectionName")
_BOOL_KEYS: Final = ("ProxyIsEnabled", "AutoConfigIsEnabled", "AutoDetect", "PerUserProxySettings")
TELLING_KEYS: Final = (*_BOOL_KEYS, "AutoconfigUrl", "ProxyBypass")
"""Entries that no other JSON is likely to have: one is enough to know the object of `show advproxy` by."""


def read_shown(lines: Lines, *, file: str, complain: Complain) -> ShownProxy | None:
    """`show proxy`, from its title on; None where the lines below it say nothing.

    Of the indented lines those with a colon and something behind it are proxy and bypass list; none = direct. A value
    in brackets is the word for "none".
    """
    indented = [(number, line.strip()) for number, line in lines if line[:1].isspace() and line.strip()]
    if not indented:
        return None
    values = [(number, value) for number, line in indented if (value := _behind_label(line))]
    place = Place(file, indented[0][0])
    if not values or (len(values) == 1 and not _PLACE.search(values[0][1])):
        if len(indented) > 1:
            complain(indented[1][0], "More than the one line that direct access has; taken for direct access.")
        return ShownProxy("", "", place)
    number, proxy = values[0]
    place = Place(file, number)
    if _BRACKETED.fullmatch(proxy):
        return ShownProxy("", "", place)
    if not _PLACE.search(proxy):
        complain(number, "Taken for the proxy, though it has no port.")
    if len(values) < 2:
        complain(number, "The line with the bypass list is missing.")
    for extra, _ in values[2:]:
        complain(extra, "Proxy and bypass list stand above already; the line was left out.")
    bypass = values[1][1] if len(values) > 1 else ""
    return ShownProxy(proxy, "" if _BRACKETED.fullmatch(bypass) else bypass, place)


def _behind_label(line: str) -> str:
    """The value of `Label :  value`; empty where there is no label. The wide colon is Chinese and Japanese."""
    found = re.match(r"[^:：]*[:：](.*)", line)
    return found[1].strip() if found else ""


def read_advanced(lines: Lines, *, file: str, complain: Complain) -> list[AdvancedProxy]:
    """Every object that `show advproxy` printed: what stands around them does not matter."""
    found: list[AdvancedProxy] = []
    text = "\n".join(line for _, line in lines)
    number, before = lines[0][0] if lines else 1, 0
    for offset, value, problem in _objects(text):
        number += text.count("\n", before, offset)
        before = offset
        if len(found) == MAX_OBJECTS:
            complain(number, f"More than {MAX_OBJECTS} objects; the rest were left out.")
            break
        if problem or not isinstance(value, dict):
            complain(number, f"The JSON of show advproxy cannot be read: {problem or 'it is no object'}.")
        else:
            found.append(advanced_from(value, Place(file, number), complain))
    return found


def _objects(text: str) -> Iterator[tuple[int, object, str]]:
    """Offsets and values of the JSON objects in a text, or why one cannot be read; that ends it."""
    decoder = json.JSONDecoder(strict=False)
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            yield error.pos, None, error.msg
            return
        except (ValueError, RecursionError):
            yield at, None, "a number or the nesting is beyond measure"
            return
        yield at, value, ""
        at = text.find("{", end)


def advanced_from(value: dict[str, object], place: Place, complain: Complain) -> AdvancedProxy:
    """The object of `show advproxy`. Keys compare without letter case: AutoConfigIsEnabled beside AutoconfigUrl."""
    given = {key.lower(): each for key, each in value.items()}
    texts: dict[str, str | None] = {}
    flags: dict[str, bool | None] = {}
    for key in _TEXT_KEYS:
        each = given.get(key.lower())
        if each is not None and not isinstance(each, str):
            complain(place.line, f'"{key}" is no text and was left out.')
        texts[key] = each.strip() if isinstance(each, str) else None
    for key in _BOOL_KEYS:
        each = given.get(key.lower())
        if each is not None and not isinstance(each, bool):
            complain(place.line, f'"{key}" is neither true nor false and was left out.')
        flags[key] = each if isinstance(each, bool) else None
    return AdvancedProxy(
        flags["ProxyIsEnabled"],
        texts["Proxy"] or "",
        texts["ProxyBypass"] or "",
        flags["AutoConfigIsEnabled"],
        texts["AutoconfigUrl"] or "",
        flags["AutoDetect"],
        flags["PerUserProxySettings"],
        texts["ConnectionName"] or None,
        place,
    )


def is_dump(line: str) -> bool:
    """Whether a line is a command that `netsh winhttp dump` prints."""
    return _COMMAND.fullmatch(line) is not None or line.strip().lower() == "pushd winhttp"


def read_dump(lines: Lines, *, file: str, complain: Complain) -> tuple[ShownProxy | None, list[AdvancedProxy]]:
    """The commands of `netsh winhttp dump`, which are those that would set it all again; the last one counts."""
    shown: ShownProxy | None = None
    advanced: list[AdvancedProxy] = []
    for number, line in lines:
        found = _COMMAND.fullmatch(line)
        if found is None:
            continue
        verb, noun, rest = found[1].lower(), found[2].lower(), found[3]
        if noun == "advproxy":
            advanced += _set_advanced(number, rest, file, complain) if verb == "set" else []
        elif verb == "reset":
            shown = ShownProxy("", "", Place(file, number))
        else:
            shown = _set_proxy(number, rest, file, complain) or shown
    return shown, advanced


def _set_proxy(number: int, rest: str, file: str, complain: Complain) -> ShownProxy | None:
    given: dict[str, str] = {}
    names = iter(("proxy-server", "bypass-list"))
    for found in _ARGUMENT.finditer(rest):
        name = found[1].lower() if found[1] else next(names, "")
        given.setdefault(name, found[2] if found[2] is not None else found[3])
    if not given.get("proxy-server"):
        complain(number, "set proxy without a proxy.")
        return None
    return ShownProxy(given["proxy-server"], given.get("bypass-list", ""), Place(file, number))


def _set_advanced(number: int, rest: str, file: str, complain: Complain) -> list[AdvancedProxy]:
    """`set advproxy setting-scope=machine settings={…}`: there, a text that is set is in use."""
    for _, value, problem in _objects(rest):
        if problem or not isinstance(value, dict):
            break
        found = advanced_from(value, Place(file, number), complain)
        scope = re.search(r"setting-scope\s*=\s*(user|machine)", rest, re.IGNORECASE)
        per_user = None if scope is None else scope[1].lower() == "user"
        enabled = bool(found.proxy) if found.proxy_enabled is None else found.proxy_enabled
        pac = bool(found.pac_url) if found.pac_enabled is None else found.pac_enabled
        return [
            AdvancedProxy(
                enabled,
                found.proxy,
                found.bypass,
                pac,
                found.pac_url,
                found.auto_detect,
                per_user if found.per_user is None else found.per_user,
                found.connection,
                found.place,
            )
        ]
    complain(number, "The settings of set advproxy cannot be read: expected settings={…} with JSON in it.")
    return []
