"""One of the vendor's files, whatever its kind, into entries; and catalogs, so that both can be compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prober.catalog.entry import Entry
from prober.catalog.intake.findings import Intake
from prober.catalog.intake.firewall_rules import decode, is_firewall_rules, read_firewall_rules
from prober.catalog.intake.microsoft365 import read_microsoft365
from prober.catalog.intake.package import UnusableFile, looks_like_workbook, read_bounded
from prober.catalog.intake.plain import is_list, is_table, read_plain, read_table
from prober.catalog.intake.spreadsheet import one_line, read_spreadsheet
from prober.model import Required

_JSON: Final = re.compile(r"\s*[\[{]")
_STRONGER: Final = (Required.YES, Required.OPTIONAL, Required.LEGACY)


def read_list(path: Path, clouds: Sequence[str] = ()) -> Intake:
    """What a file of the vendor's says: each endpoint once, without ids. `clouds` hold where the file does not say.

    Its kind is told by its content: a workbook, JSON, text with firewall rules, a table, one host a line.
    The date is the file's own word, or the day it was last changed. Raises UnusableFile.
    """
    data = read_bounded(path)
    title, name = one_line(path.name) or "list", str(path)
    if looks_like_workbook(data):
        intake = read_spreadsheet(data, name, title, clouds)
    else:
        text = decode(data)
        if _JSON.match(text):
            intake = read_microsoft365(text.encode(), name, title, clouds)
        elif is_firewall_rules(text):
            intake = read_firewall_rules(text, name, title, clouds)
        elif is_table(text):
            intake = read_table(text, name, title, clouds)
        elif is_list(text):
            intake = read_plain(text, name, title, clouds)
        else:
            raise UnusableFile(
                "not one of the vendor's lists: expected an .xlsx workbook, the Microsoft 365 endpoints JSON, text "
                "with a section headed 'Firewall Rule:', a table with a column URL, or one host a line"
            )
    if intake.dated is None:
        intake.dated = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
    intake.entries = joined(intake.entries)
    return intake


def joined(entries: Sequence[Entry]) -> list[Entry]:
    """Each request once for each service, geography and cloud, in the order they came, with what all rows say of it."""
    found: dict[tuple[object, ...], Entry] = {}
    for entry in entries:
        target = entry.target
        key = (target.service, target.host, target.port, target.scheme, target.path, target.geography, target.cloud)
        found[key] = _both(found[key], entry) if key in found else entry
    return list(found.values())


def _both(one: Entry, other: Entry) -> Entry:
    """The stronger requirement counts; no operating system named on either side means any."""
    families = tuple(dict.fromkeys((*one.target.os, *other.target.os))) if one.target.os and other.target.os else ()
    level = min(one.target.required, other.target.required, key=_STRONGER.index)
    os_note = one.target.os_note if one.target.os_note == other.target.os_note else ""
    note = "; ".join(dict.fromkeys(part for part in (one.note, other.note) if part))[:400]
    return replace(one, target=replace(one.target, os=families, os_note=os_note, required=level), note=note)
