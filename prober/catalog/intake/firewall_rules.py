"""What TestCloudConnection.exe prints for a workspace: hosts in sections headed `Firewall Rule: *.name`.

No output of the program is published; that it has such sections is. So the reading is wide: below a heading every word
that looks like a host name counts, and what does not fall under the heading's wildcard is named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from prober.catalog.entry import is_host_pattern
from prober.catalog.intake.columns import slug
from prober.catalog.intake.endpoint_text import MAX_WORD, Named, read_endpoints
from prober.catalog.intake.findings import Intake, Weight
from prober.catalog.intake.package import UnusableFile
from prober.catalog.intake.spreadsheet import entry_of
from prober.model import Required, Scheme, Target

MAX_LINES: Final = 100_000
_HEADING: Final = re.compile(r"firewall\s+rule\s*:\s*[\"'`“]?([^\s\"'`”=]+)", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"[\s\"'`<>|,;()\[\]=]+")
_HOSTLIKE: Final = re.compile(r"(?:https?://)?(?:[a-z0-9_-]+\.)+[a-z]{2,}(?::\d{1,5})?(?:/[!-~]*)?", re.IGNORECASE)


def is_firewall_rules(text: str) -> bool:
    """Whether a text has such a section."""
    return _HEADING.search(text) is not None


def decode(data: bytes) -> str:
    """Text as UTF-8 or, as PowerShell writes what it redirects, UTF-16 with a mark. Raises UnusableFile."""
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableFile("neither UTF-8 nor UTF-16 text, and no .xlsx workbook: save it as one of them") from None


def read_firewall_rules(text: str, file: str, title: str, clouds: Sequence[str] = ()) -> Intake:
    """The hosts of each section. They belong to the retired MMA, so they are `legacy`."""
    intake = Intake(
        file, title, None, "MMA", "Hosts of one workspace, as TestCloudConnection printed them", whole=False
    )
    pattern = ""
    lines = text.splitlines()
    for number, line in enumerate(lines[:MAX_LINES], start=1):
        place = f"line {number}"
        found = _HEADING.search(line)
        if found:
            pattern = _pattern(found.group(1), place, intake)
        for word in _BETWEEN.split(line[found.end() :] if found else line):
            if len(word) > MAX_WORD or not _HOSTLIKE.fullmatch(word.rstrip(".")):
                continue
            for failed in (reading := read_endpoints(word)).failed:
                intake.unclear(place, failed.text, failed.why)
            for named in reading.named:
                _take(named, pattern, place, tuple(clouds) or _clouds(named.host), intake)
    if len(lines) > MAX_LINES:
        intake.remark(
            Weight.UNCLEAR, f"line {MAX_LINES + 1}", "the rest is not read: not what TestCloudConnection prints"
        )
    return intake


def _pattern(text: str, place: str, intake: Intake) -> str:
    """The wildcard of a heading; `-` if it is none, so that what follows is not taken for another section's."""
    folded = text.lower().rstrip(".,;")
    if is_host_pattern(folded) and "." in folded:
        return folded
    intake.unclear(place, text, "expected a wildcard such as *.blob.core.windows.net")
    return "-"


def _take(named: Named, pattern: str, place: str, clouds: tuple[str, ...], intake: Intake) -> None:
    if not pattern:
        intake.remark(Weight.ASIDE, place, f"{named.host} stands before the first section")
        return
    if pattern == "-" or not falls_under(named.host, pattern):
        intake.unclear(place, named.host, f"does not fall under {pattern}" if pattern != "-" else "in no known section")
        return
    port = named.port or 443
    common = Target(
        id="",
        scheme=Scheme.HTTPS,
        host="",
        port=0,
        service=intake.service,
        group=slug(pattern.removeprefix("*.")),
        cloud=clouds,
        os=("windows",),
        required=Required.LEGACY,
    )
    entry = entry_of(
        named, port, Scheme.HTTPS, common, f"of one workspace, in place of {pattern}", (intake.file, place)
    )
    intake.add(entry)


def falls_under(host: str, pattern: str) -> bool:
    """Whether a wildcard (or a name, for itself) covers a host, wildcard or not."""
    if host == pattern:
        return True
    return pattern.startswith("*.") and host.removeprefix("*.").endswith(pattern[1:])


def _clouds(host: str) -> tuple[str, ...]:
    if host.endswith((".us", ".usgovcloudapi.net")):
        return ("gcc", "gcc-high", "dod")
    return ("china",) if host.endswith(".cn") else ("commercial",)
