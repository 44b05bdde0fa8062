"""A text in which endpoints are written for people: `https://*.x.example/y, z.example:8080 (Mac only)` and the like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prober.catalog.adhoc import normal_host
from prober.catalog.entry import PATH, is_host_pattern

PLACEHOLDER_WORDS: Final[Mapping[str, str]] = {
    "workspace": "workspace",
    "workspacename": "workspace",
    "workspaceid": "workspace_id",
    "yourworkspaceid": "workspace_id",
    "vmregion": "vm_region",
    "vmregionname": "vm_region",
    "virtualmachineregionname": "vm_region",
    "region": "region",
    "dce": "dce",
}
"""What stands between angle brackets in the vendor's lists, without blanks and hyphens, and the placeholder here."""
MAX_WORDS: Final = 2000
MAX_WORD: Final = 2048
"""Characters of a URL."""

_ASIDE: Final = re.compile(r"\(([^()]*)\)")
_SEPARATORS: Final = re.compile(r"[\s,;|•·]+")
_FILLERS: Final = frozenset({"and", "or", "&", "+", "-", "–", "—", "/", "n/a", "na", "none", "tbd", "new"})
_URL: Final = re.compile(r"(?:([a-z][a-z0-9+.-]*)://)?([^/?#:]*)(?::(\d{1,5}))?([/?#].*)?", re.IGNORECASE | re.DOTALL)
_ANGLED: Final = re.compile(r"<([^<>]{1,40})>|\[([A-Za-z][^\[\]]{0,39})\]")
_FOOTNOTE: Final = re.compile(r"[\u00b9\u00b2\u00b3\u2070-\u2079\u2020\u2021]+|\[\d{1,3}\](?=[\s,;]|$)")
"""Marks of notes below the table. IDNA would make digits of raised ones, and so another host of `a.example¹`."""
_NO_DOT: Final = "no host name: it has no dot"
_MANY_WORDS: Final = 3
_SCHEMES: Final = ("", "http", "https")


@dataclass(frozen=True, slots=True)
class Named:
    """An endpoint that a text names."""

    host: str
    """As catalogs have it: a name, `*.name` or a template."""
    scheme: str = ""
    """`http`, `https` or, where none is written, empty."""
    port: int | None = None
    path: str = ""
    """Empty where none is written; `/` counts as none."""
    adapted: str = ""
    """What is not as it stood there."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A part of a text of which nothing could be made."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says."""

    named: tuple[Named, ...]
    failed: tuple[NotUnderstood, ...]
    notes: tuple[str, ...]
    """What stands in parentheses."""


def read_endpoints(text: str) -> Reading:
    """The endpoints in `text`, separated by line breaks, blanks, commas, semicolons or bullets. Never raises."""
    # Wildcards are escaped where a list once was Markdown; [.] keeps mail programs from making links.
    plain = text.replace("\\*", "*").replace("[.]", ".").replace("\u200b", "").replace("\ufeff", "")
    plain = _FOOTNOTE.sub(" ", plain)
    plain = _ANGLED.sub(_placeholder, plain)
    notes = tuple(" ".join(note.split()) for note in _ASIDE.findall(plain) if note.strip())
    words = [word for word in _SEPARATORS.split(_ASIDE.sub(" ", plain)) if word]
    named: dict[Named, None] = {}
    failed: list[NotUnderstood] = []
    for word in words[:MAX_WORDS]:
        if word.lower() in _FILLERS:
            continue
        for each in _read_word(word.strip("\"'`“”‘’").rstrip(".")):
            if isinstance(each, Named):
                named[each] = None
            else:
                failed.append(each)
    if len(words) > MAX_WORDS:
        failed.append(NotUnderstood(" ".join(words[MAX_WORDS : MAX_WORDS + 3]), f"more than {MAX_WORDS} words"))
    return Reading(tuple(named), tuple(_as_prose(text, failed)), notes)


def _as_prose(text: str, failed: list[NotUnderstood]) -> list[NotUnderstood]:
    """Many words that are no hosts are a sentence, which is named once."""
    words = [each for each in failed if each.why == _NO_DOT]
    if len(words) <= _MANY_WORDS:
        return failed
    whole = NotUnderstood(text, f"a sentence: {len(words)} words are no host names")
    return [whole, *(each for each in failed if each.why != _NO_DOT)]


def _placeholder(match: re.Match[str]) -> str:
    word = re.sub(r"[\s_-]", "", match.group(1) or match.group(2)).lower()
    name = PLACEHOLDER_WORDS.get(word)
    # Kept in one piece, so that it is named as a whole when nothing can be made of it.
    return "{" + name + "}" if name else re.sub(r"\s", "_", match.group(0))


def _read_word(word: str) -> Iterator[Named | NotUnderstood]:
    if len(word) > MAX_WORD:
        yield NotUnderstood(word[:80], f"longer than {MAX_WORD} characters")
        return
    if "@" in re.split(r"[/?#]", word.partition("://")[2] or word, maxsplit=1)[0]:
        yield NotUnderstood("…@…", "an address with a user in it")  # perhaps with a password, so it is not repeated
        return
    match = _URL.fullmatch(word)
    if match is None:
        yield NotUnderstood(word, "no host name")
        return
    scheme, host, port, path = (match.group(1) or "").lower(), match.group(2), match.group(3), match.group(4) or ""
    if scheme not in _SCHEMES:
        yield NotUnderstood(word, f"the scheme {scheme} cannot be probed")
        return
    if port is not None and not 1 <= int(port) <= 65535:
        yield NotUnderstood(word, "no port: expected a number from 1 to 65535")
        return
    path = "" if path in ("", "/") else path.partition("#")[0]
    if path and not PATH.fullmatch(path):
        yield NotUnderstood(word, "a path begins with / and has printable ASCII only")
        return
    yield from _with_host(word, host, scheme, None if port is None else int(port), path)


def _with_host(word: str, host: str, scheme: str, port: int | None, path: str) -> Iterator[Named | NotUnderstood]:
    if any(unicodedata.category(letter) in ("No", "So", "Sm") for letter in host):  # IDNA makes letters of ™ and ½
        yield NotUnderstood(word, "no host name: it has a sign")
        return
    try:
        folded = host.lower().rstrip(".") if "*" in host or "{" in host else normal_host(host)
    except ValueError:
        yield NotUnderstood(word, "no host name")
        return
    if folded.startswith("*") and folded[1:2].isalnum() and is_host_pattern(folded[1:]) and "." in folded[1:]:
        # `*ecs.office.com`: a wildcard stands for whole labels here, as it does in certificates and most proxies.
        adapted = f"a wildcard stands for whole labels here: written as *.{folded[1:]} and {folded[1:]}"
        yield Named(f"*.{folded[1:]}", scheme, port, path, adapted)
        yield Named(folded[1:], scheme, port, path, adapted)
    elif not is_host_pattern(folded):
        star = "*" in folded and set(folded) != {"*"}
        yield NotUnderstood(word, "a wildcard is *. before a name here, nothing else" if star else "no host name")
    elif "." not in folded:
        yield NotUnderstood(word, _NO_DOT)
    else:
        yield Named(folded, scheme, port, path)
