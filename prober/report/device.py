"""A device's settings explained: what each component would use, as a document and as lines for a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prober.model import Hop, HopScheme, Scheme
from prober.report.sanitize import sanitize, several
from prober.routes.severity import Severity
from prober.routes.windows.components import CAPABILITIES, Candidate, Component, Kind, Reading
from prober.routes.windows.device import Device
from prober.routes.windows.lints import Lint
from prober.routes.windows.proxy_list import ProxyList, masked

Line = tuple[str, str]
"""A line and its style: "", "bold", "dim", "red", "yellow"."""

MAX_ENTRIES_SHOWN: Final = 6
"""Of a bypass list, in a line for a person."""
MAX_TEXT: Final = 1500
"""Characters of a note."""
_STYLES: Final = {Severity.HIGH: "red", Severity.WARNING: "yellow", Severity.INFO: ""}


def as_document(device: Device, readings: Mapping[Component, Reading], lints: Sequence[Lint]) -> dict[str, Any]:
    """The answer as plain values: contract.md, `routes windows --format json`."""
    return {
        "files": dict(device.carriers),
        "components": {
            component.value: {
                "candidates": [_candidate(each) for each in reading.candidates],
                "notes": list(reading.notes),
            }
            for component, reading in readings.items()
        },
        "lints": [
            {
                "id": each.id,
                "severity": each.severity.value,
                "component": each.component.value,
                "text": each.text,
            }
            for each in lints
        ],
        "complaints": [{"place": str(each.place), "text": each.message} for each in device.complaints],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    ways = {name: _ways(candidate, scheme) for name, scheme in (("https", Scheme.HTTPS), ("http", Scheme.HTTP))}
    return {
        "kind": candidate.kind.value,
        "route": (ways["https"] or [[]])[0],
        "routes": ways,
        "pac_url": None if candidate.pac_url is None else masked(candidate.pac_url),
        "bypass": _written(candidate),
        "source": candidate.source,
        "place": None if candidate.place is None else str(candidate.place),
        "active": candidate.active,
        "confidence": candidate.confidence.value,
        "note": candidate.note,
    }


def _ways(candidate: Candidate, scheme: Scheme) -> list[list[dict[str, Any]]] | None:
    """Alternatives for targets of one kind, `[]` among them is direct; None = no setting names them (PAC, WPAD)."""
    if candidate.proxies is None:
        return [[]] if candidate.kind is Kind.DIRECT else None
    return [[_hop(hop)] for hop in candidate.proxies.for_scheme(scheme)] or [[]]


def _hop(hop: Hop) -> dict[str, Any]:
    return {"scheme": hop.scheme.value, "host": hop.host, "port": hop.port}


def _written(candidate: Candidate) -> list[str]:
    return [masked(each.text) for each in candidate.bypass.entries if not each.implicit] if candidate.bypass else []


def as_lines(
    device: Device,
    readings: Mapping[Component, Reading],
    lints: Sequence[Lint],
    *,
    width: int,
    ascii_only: bool = False,
) -> Iterator[Line]:
    """The answer for a person, wrapped to `width` columns and fit for a terminal."""
    sheet = _Sheet(width, ascii_only)
    for file, kind in device.carriers.items():
        yield from sheet.wrapped(f"{file}: {kind}", style="dim")
    for component, reading in readings.items():
        yield "", ""
        yield from _component(component, reading, sheet)
    yield "", ""
    yield from _lints(lints, sheet)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What is written on."""

    width: int
    ascii_only: bool

    def fit(self, text: str) -> str:
        """Bounded, on one line, nothing in it that drives a terminal."""
        return sanitize(text, limit=MAX_TEXT, ascii_only=self.ascii_only)

    def wrapped(self, text: str, *, first: str = "", rest: str = "", style: str = "") -> Iterator[Line]:
        for line in textwrap.wrap(
            self.fit(text), self.width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
        ):
            yield line, style


def _component(component: Component, reading: Reading, sheet: _Sheet) -> Iterator[Line]:
    about = CAPABILITIES[component]
    yield from sheet.wrapped(f"{component}: {about.name}, account {about.account}", rest="  ", style="bold")
    number = 0
    for candidate in reading.candidates:
        number += candidate.active
        yield from _way(f"{number}." if candidate.active else "-", candidate, sheet)
    for note in reading.notes:
        yield from sheet.wrapped(note, first="  * ", rest="    ")


def _way(number: str, candidate: Candidate, sheet: _Sheet) -> Iterator[Line]:
    style = "" if candidate.active else "dim"
    mark = candidate.confidence.value if candidate.active else "not used"
    start, space = f"  {number:<3}{candidate.kind:<8}", " " * 13
    what = sheet.fit(f"{_what(candidate)} [{mark}]")
    source = sheet.fit(candidate.source + (f" ({candidate.place})" if candidate.place else ""))
    if len(start) + len(what) + 2 + len(source) <= sheet.width:
        yield f"{start}{what}  {source}", style
    else:
        yield from sheet.wrapped(what, first=start, rest=space, style=style)
        yield from sheet.wrapped(source, first=space, rest=space + "  ", style=style)
    entries = _written(candidate)
    if entries:
        more = f" and {len(entries) - MAX_ENTRIES_SHOWN:,} more" if len(entries) > MAX_ENTRIES_SHOWN else ""
        shown = ", ".join(entries[:MAX_ENTRIES_SHOWN])
        yield from sheet.wrapped(f"except {shown}{more}", first=space, rest=space, style=style)
    if candidate.note:
        yield from sheet.wrapped(candidate.note, first=space, rest=space, style=style)


def _what(candidate: Candidate) -> str:
    if candidate.pac_url is not None:
        return masked(candidate.pac_url)
    if candidate.proxies is None:
        return {Kind.WPAD: "auto-detection", Kind.DIRECT: "no proxy"}.get(candidate.kind, "unreadable")
    return _proxies(candidate.proxies)


def _proxies(proxies: ProxyList) -> str:
    https, http = (_hops(proxies.for_scheme(scheme)) for scheme in (Scheme.HTTPS, Scheme.HTTP))
    if not proxies.hops:
        return "unreadable"
    return https if https == http else f"https: {https}, http: {http}"


def _hops(hops: Sequence[Hop]) -> str:
    return ", then ".join(hop.address if hop.scheme is HopScheme.HTTP else hop.url for hop in hops) or "direct"


def _lints(lints: Sequence[Lint], sheet: _Sheet) -> Iterator[Line]:
    if not lints:
        yield "No lints.", "bold"
        return
    counts = [(sum(each.severity is severity for each in lints), severity) for severity in Severity]
    said = ", ".join(
        f"{count} {severity}" if severity is Severity.HIGH else several(count, severity)
        for count, severity in reversed(counts)
        if count
    )
    yield f"{several(len(lints), 'lint')}: {said}", "bold"
    for each in lints:
        yield f"  {each.severity:<8} {each.id} ({each.component})", _STYLES[each.severity]
        yield from sheet.wrapped(each.text, first=" " * 11, rest=" " * 11)
