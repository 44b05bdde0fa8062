"""What the columns of the vendor's tables mean, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from prober.catalog.intake.workbook import Cell
from prober.catalog.vocabulary import CLOUDS

GOVERNMENT: Final = ("gcc", "gcc-high", "dod")


class Column(StrEnum):
    """A column that is understood."""

    ENDPOINT = "Endpoint/URL"
    SERVICE = "Service"
    GEOGRAPHY = "Geography"
    CATEGORY = "Category"
    PORT = "Port"
    DESCRIPTION = "Description"
    REQUIRED = "Required or Optional"
    OS = "OS"
    COMMENT = "Comments"
    CLOUD = "Cloud"
    """Beside Geography; alone it is that."""


_HEADINGS: Final[Mapping[Column, frozenset[str]]] = {
    Column.ENDPOINT: frozenset(
        {"endpoint url", "endpoint urls", "endpoints urls", "url", "urls", "endpoint", "endpoints", "dns record"}
        | {"dns records", "microsoft defender url", "host", "hosts", "fqdn"}
    ),
    Column.SERVICE: frozenset({"service", "services", "service name", "product", "service area", "servicearea"}),
    Column.GEOGRAPHY: frozenset({"geography", "geo", "region", "location", "tenant location"}),
    Column.CATEGORY: frozenset({"category", "categories"}),
    Column.PORT: frozenset({"port", "ports", "tcp port", "tcp ports", "tcpports"}),
    Column.DESCRIPTION: frozenset({"endpoint url description", "description", "purpose", "details"}),
    Column.REQUIRED: frozenset(
        {"required optional", "required or optional", "required", "type", "requirement", "optional required"}
    ),
    Column.OS: frozenset({"os", "operating system", "operating systems", "platform", "platforms", "supported os"}),
    Column.CLOUD: frozenset({"cloud", "clouds"}),
    Column.COMMENT: frozenset({"comment", "comments", "notes", "note", "remarks"}),
}

_GEOGRAPHIES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    **dict.fromkeys(("ww", "worldwide", "global", "all", "world wide"), ("WW", ())),
    **dict.fromkeys(("us", "usa", "united states", "unitedstates"), ("US", ())),
    **dict.fromkeys(("eu", "europe"), ("EU", ())),
    **dict.fromkeys(("uk", "united kingdom"), ("UK", ())),
    **dict.fromkeys(("au", "australia"), ("AU", ())),
    **dict.fromkeys(("ae", "uae", "united arab emirates"), ("AE", ())),
    **dict.fromkeys(("ch", "switzerland"), ("CH", ())),
    **dict.fromkeys(("in", "india"), ("IN", ())),
    **dict.fromkeys(("cn", "china"), ("CN", ("china",))),
    **dict.fromkeys(("us gov", "usgov", "us government", "gov"), ("USGov", GOVERNMENT)),
    "gcc": ("GCC", ("gcc",)),
    **dict.fromkeys(("gcc high", "gcchigh", "gcc h", "gcch"), ("GCCHigh", ("gcc-high",))),
    "dod": ("DoD", ("dod",)),
}

_SERVICES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("mde", "microsoft defender for endpoint", "defender for endpoint", "microsoft defender atp"), "MDE"
    ),
    **dict.fromkeys(
        ("mdav", "microsoft defender antivirus", "windows defender antivirus", "defender antivirus"), "MDAV"
    ),
    **dict.fromkeys(("microsoft defender smartscreen", "windows defender smartscreen", "smartscreen"), "MDAV"),
    **dict.fromkeys(("mdi", "microsoft defender for identity", "defender for identity"), "MDI"),
    **dict.fromkeys(("mma", "microsoft monitoring agent", "log analytics agent"), "MMA"),
    **dict.fromkeys(("ama", "azure monitor agent"), "AMA"),
    **dict.fromkeys(("m365", "microsoft 365"), "M365"),
    "common": "COMMON",
}
SERVICES: Final = frozenset(_SERVICES.values())
"""Services that lists name."""
_ASIDE: Final = re.compile(r"\([^()]*\)")
_PLURAL: Final = re.compile(r"\(s\)", re.IGNORECASE)
_AGENTS: Final = frozenset({"MMA", "AMA"})
"""Services that the vendor's lists have as a category of another one."""

_GROUPS: Final = (
    ("command and control", "c2"),
    ("cyber data", "cyber-data"),
    ("autoir", "autoir-blob"),
    ("automated investigation", "autoir-blob"),
    ("sample submission", "sample-blob"),
    ("sample storage", "sample-blob"),
)
"""The vendor sorts a region's hosts by region and says in the description what they are."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The columns of a table, by number."""

    columns: Mapping[int, Column] = field(default_factory=dict)
    systems: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Columns of one operating system: its family, and the column's own words."""
    unread: tuple[tuple[int, str], ...] = ()
    """Columns that nothing is made of, with their words."""

    def column(self, wanted: Column) -> int | None:
        """Where a column is, if it is there."""
        return next((number for number, column in self.columns.items() if column is wanted), None)


def heading(cells: Mapping[int, Cell]) -> Heading | None:
    """What a row of headings says; None if it is none: it needs a column of endpoints and another one that is known."""
    columns: dict[int, Column] = {}
    systems: dict[int, tuple[str, str]] = {}
    unread: list[tuple[int, str]] = []
    for number, cell in sorted(cells.items()):
        words = folded(cell.text)
        told = {words, _without_aside(cell.text)}
        column = next((each for each, names in _HEADINGS.items() if told & names), None)
        if column is not None and column not in columns.values():
            columns[number] = column
        elif column is None and (family := _family(words)):
            systems[number] = (family, " ".join(cell.text.split()))
        elif words:
            unread.append((number, cell.text))
    if Column.ENDPOINT not in columns.values() or len(columns) < 2:
        return None
    if Column.GEOGRAPHY not in columns.values():
        columns = {number: Column.GEOGRAPHY if each is Column.CLOUD else each for number, each in columns.items()}
    return Heading(columns, systems, tuple(unread))


def _without_aside(text: str) -> str:
    """Folded without what stands in parentheses: `URL(s) (FQDN)` is `urls`."""
    return folded(_ASIDE.sub(" ", _PLURAL.sub("s", text)))


def folded(text: str) -> str:
    """Words in lower case with single blanks between them."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _family(words: str) -> str:
    first = words.split(" ", 1)[0]
    if first in ("windows", "win", "server"):
        return "windows"
    if first in ("mac", "macos"):
        return "macos"
    return "linux" if first == "linux" else ""


def families(text: str) -> tuple[str, ...] | None:
    """The families that a cell under `OS` names; None if it says something else."""
    words = folded(text)
    if words in ("", "all", "any", "all supported"):
        return ()
    found: dict[str, None] = {}
    for part in re.split(r"[,;/&\n]| and ", text.lower()):
        family = _family(folded(part))
        if folded(part) and not family and not folded(part)[0].isdigit():  # `Windows 10, 11`
            return None
        if family:
            found[family] = None
    return tuple(found)


def geographies(text: str) -> list[tuple[str, tuple[str, ...]]] | None:
    """What a cell under `Geography` names, with the clouds that this decides; None if any of it is unknown."""
    parts = [folded(part) for part in re.split(r"[,;/&+\n]| and ", _ASIDE.sub(" ", text)) if folded(part)]
    whole = _GEOGRAPHIES.get(folded(text))
    if whole:
        return [whole]
    found = [_GEOGRAPHIES.get(part) for part in parts]
    # `Europe (EU)` says one thing twice; `US Gov (DoD)` says more than its first words.
    asides = [_GEOGRAPHIES.get(folded(aside)) for aside in _ASIDE.findall(text)]
    return None if not found or None in found or not set(asides) <= set(found) else [each for each in found if each]


def clouds(text: str) -> tuple[str, ...] | None:
    """The clouds that a cell beside a geography names, as `targets export` writes them; None if any is unknown."""
    found = tuple(dict.fromkeys(re.split(r"[\s,;]+", text.strip().lower()))) if text.strip() else ()
    return found if set(found) <= set(CLOUDS) else None


def ports(text: str) -> list[int] | None:
    """The TCP ports that a cell names; None if it says something else. An empty cell names none."""
    numbers = re.findall(r"\d+", text)
    rest = folded(re.sub(r"\d+", " ", text))
    if any(word not in ("tcp", "and", "or", "https", "http", "tls", "ssl") for word in rest.split()):
        return None
    found = [int(number) for number in dict.fromkeys(numbers) if len(number) <= 5]
    if len(found) != len(set(numbers)) or not all(1 <= port <= 65535 for port in found) or "-" in text:
        return None
    return found


def required(text: str) -> str | None:
    """`yes`, `optional` or `legacy`; None if a cell says something else."""
    words = folded(text)
    if words in ("required", "yes", "mandatory", "true", ""):
        return "yes"
    if words in ("legacy", "retired"):
        return "legacy"
    return "optional" if words in ("optional", "no", "false") or words.startswith("optional ") else None


def services(text: str) -> tuple[str, ...]:
    """The services that a text names (`Microsoft Defender Antivirus (MDAV)`, `MDE MDAV`); none otherwise."""
    whole = _without_aside(text) or folded(text)
    if whole in _SERVICES:
        return (_SERVICES[whole],)
    found = [_SERVICES.get(word) for word in whole.split()]
    if found and None not in found:
        return tuple(dict.fromkeys(each for each in found if each))
    # `Microsoft Defender for Endpoint US`: the region stands behind it.
    return tuple(dict.fromkeys(of for name, of in _SERVICES.items() if " " in name and whole.startswith(f"{name} ")))


def agent(category: str) -> str:
    """The agent that a category means, if it does: rows for the retired MMA stand among those of other services."""
    return next((each for each in services(category) if each in _AGENTS), "")


def group_name(category: str, description: str, sheet: str) -> str:
    """The group of a row, from what it says of itself: lower-case words joined by hyphens."""
    told = description.lower()
    for words, name in _GROUPS:
        if words in told:
            return name
    return slug(category) or slug(sheet) or "list"


def slug(text: str) -> str:
    """Lower-case words joined by hyphens, 40 characters at most; empty if there is nothing to make them of."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:40].strip("-")
