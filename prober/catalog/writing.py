"""Entries as a catalog: the text that `prober.catalog.reader` reads back to the same entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prober.catalog.entry import Entry
from prober.catalog.yaml_text import Value, mapping, scalar
from prober.model import DEFAULT_PORTS, Scheme

DECLARED: Final[Mapping[str, str]] = {
    "workspace": "The MDI workspace (instance) name",
    "workspace_id": "The Log Analytics workspace's id (a GUID)",
    "vm_region": "The Azure region of the machine",
    "dce": "The data collection endpoint with its suffix",
    "region": "The Azure region of the data collection endpoint",
}
"""Placeholders that the vendor's lists use, with their meaning."""

CANNOT_LOG_IN: Final = frozenset({"MDE", "MDAV", "MMA", "COMMON"})
"""Services that cannot log in to a proxy (docs/catalogs.md, `proxy_login`)."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a catalog says of itself."""

    service: str
    about: str = ""
    sources: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Name and date by short id."""


def write_catalog(head: Head, named: Sequence[tuple[str, Entry, str]]) -> str:
    """A catalog of entries, each with its id and the id of its source. Groups come in the order they are met; those of
    another service than the file's say so."""
    lines = ["# Made by `prober targets import`. The format is described in docs/catalogs.md.", ""]
    lines.append(f"service: {scalar(head.service)}")
    if head.about:
        lines.append(f"about: {scalar(head.about)}")
    if head.service in CANNOT_LOG_IN:
        lines.append("proxy_login: no")
    names = dict.fromkeys(name for _, entry, _ in named for name in entry.placeholders)
    if names:
        lines += ["", "placeholders:", *(placeholder_line(name) for name in names)]
    if head.sources:
        lines += ["", "sources:", *(source_line(name, *told) for name, told in head.sources.items())]
    lines += ["", "groups:", *group_lines(named, head.service)]
    return "\n".join(lines) + "\n"


def placeholder_line(name: str, indent: int = 2) -> str:
    """The declaration of a placeholder."""
    return f"{' ' * indent}{name}: {scalar(DECLARED.get(name, name))}"


def source_line(name: str, title: str, date: str, indent: int = 2) -> str:
    """The declaration of a source."""
    return f"{' ' * indent}{name}: {{name: {scalar(title)}, date: {scalar(date)}}}"


def group_lines(named: Iterable[tuple[str, Entry, str]], service: str, indent: int = 2) -> list[str]:
    """The groups of these entries in a file of this service; what all entries of a group share is in its defaults."""
    groups: dict[tuple[str, str], list[dict[str, Value]]] = {}
    for name, entry, source in named:
        own = entry.target.service or service
        values = _values(name, entry, source)
        if (own in CANNOT_LOG_IN) != (service in CANNOT_LOG_IN):
            values["proxy_login"] = "no" if own in CANNOT_LOG_IN else "yes"
        groups.setdefault((own, entry.target.group), []).append(values)
    space = " " * indent
    lines: list[str] = []
    for (own, group), targets in groups.items():
        shared = _shared(targets)
        lines += ["", f"{space}- name: {scalar(group)}"] if lines else [f"{space}- name: {scalar(group)}"]
        lines += [f"{space}  service: {scalar(own)}"] if own != service else []
        if shared:
            lines += mapping(shared, indent=indent + 2, lead="defaults: ")
        lines.append(f"{space}  targets:")
        for target in targets:
            rest = {key: of for key, of in target.items() if key not in shared}
            lines += mapping(rest, indent=indent + 4)
    return lines


def _shared(targets: Sequence[dict[str, Value]]) -> dict[str, Value]:
    if len(targets) < 2:
        return {}
    first, *others = targets
    keys = [key for key in first if key not in ("id", "host", "expansion")]
    return {key: first[key] for key in keys if all(other.get(key) == first[key] for other in others)}


def _values(name: str, entry: Entry, source: str) -> dict[str, Value]:
    """The keys of a target that differ from what holds anyway."""
    target = entry.target
    found: dict[str, Value] = {"id": name, "host": target.host}
    if target.scheme is not Scheme.HTTPS:
        found["scheme"] = target.scheme.value
    if target.port != DEFAULT_PORTS[target.scheme]:
        found["port"] = str(target.port)
    if target.method != "GET":
        found["method"] = target.method
    if target.path != "/":
        found["path"] = target.path
    if target.geography != "WW":
        found["geography"] = target.geography
    if target.cloud != ("commercial",):
        found["cloud"] = target.cloud
    if target.os:
        found["os"] = target.os
    if target.os_note:
        found["os_note"] = target.os_note
    if target.required.value != "yes":
        found["required"] = target.required.value
    if target.inspection_bypass is not None:
        found["inspection_bypass"] = "yes" if target.inspection_bypass else "no"
    if source:
        found["source"] = [source]
    if entry.note:
        found["note"] = entry.note
    if entry.expansion:
        found["expansion"] = entry.expansion
    return found
