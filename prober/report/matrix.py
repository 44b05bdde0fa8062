"""The counts behind the table: service and geography down, ways out across."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from prober.interception.verdict import Word
from prober.report.document import Result, Run
from prober.report.verdicts import is_mixed, untrusted_else, word_of

GIVEN: Final = "(given)"
"""Stands for the service of targets that were given by hand."""
SERVICE_ORDER: Final = ("MDE", "MDAV", "MDI", "MMA", "AMA", "COMMON")

Way = tuple[str, str]
"""Egress and route."""


@dataclass(slots=True)
class Cell:
    """What became of some targets over one way out."""

    total: int = 0
    reached: int = 0
    untrusted: int = 0
    """Certificates that are not trusted, and of which no verdict tells already."""
    odd_status: int = 0
    intercepted: int = 0
    """On every connection."""
    mixed: int = 0
    """Intercepted on some connections only."""
    suspect: int = 0
    blocked: int = 0
    revoked: int = 0
    revocation: int = 0
    """Certificates whose revocation cannot be looked up."""

    def add(self, result: Result) -> None:
        """Count one result."""
        self.total += 1
        self.reached += result.reachable
        self.untrusted += untrusted_else(result)
        self.odd_status += result.http is not None and result.http.as_expected is False
        word, mixed = word_of(result), is_mixed(result)
        self.intercepted += word == Word.INTERCEPTED and not mixed
        self.mixed += word == Word.INTERCEPTED and mixed
        self.suspect += word == Word.SUSPECT
        self.blocked += word == Word.BLOCKED
        self.revoked += result.revocation is not None and result.revocation.revoked is not None
        self.revocation += result.revocation is not None and result.revocation.reachable is False


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a service, or one geography of it."""

    service: str
    geography: str | None
    """None for the service as a whole."""
    cells: Mapping[Way, Cell]


@dataclass(slots=True)
class _Service:
    whole: dict[Way, Cell] = field(default_factory=dict)
    geographies: dict[str, dict[Way, Cell]] = field(default_factory=dict)


def ways_of(run: Run) -> tuple[Way, ...]:
    """The columns: the routes in their order, for each egress that has results."""
    order = {route.name: index for index, route in enumerate(run.routes)}
    seen = dict.fromkeys((result.egress, result.route) for result in run.results)
    if not seen:
        return tuple((run.egress, name) for name in order)
    return tuple(sorted(seen, key=lambda way: (way[0] != run.egress, way[0], order.get(way[1], len(order)))))


def way_name(way: Way, ways: Iterable[Way]) -> str:
    """The route's name; with the egress before it where there are several."""
    return f"{way[0]}/{way[1]}" if len({egress for egress, _ in ways}) > 1 else way[1]


def rows_of(run: Run) -> list[Row]:
    """All lines; a service with one geography has no lines below it, one without a probe has no cells."""
    services: dict[str, _Service] = {name: _Service() for name in run.summary.services_without_probes}
    for result in run.results:
        service = services.setdefault(result.target.service or GIVEN, _Service())
        way = (result.egress, result.route)
        service.whole.setdefault(way, Cell()).add(result)
        service.geographies.setdefault(result.target.geography, {}).setdefault(way, Cell()).add(result)
    rows: list[Row] = []
    for name in sorted(services, key=_service_order):
        service = services[name]
        rows.append(Row(name, None, service.whole))
        if len(service.geographies) > 1:
            geographies = sorted(service.geographies, key=lambda geography: (geography != "WW", geography))
            rows += (Row(name, geography, service.geographies[geography]) for geography in geographies)
    return rows


def duration_of(run: Run) -> float | None:
    """Seconds from start to end; None where the instants make no sense."""
    try:
        started, finished = map(datetime.fromisoformat, (run.started, run.finished))
    except ValueError:
        return None
    return max((finished - started).total_seconds(), 0.0)


def _service_order(name: str) -> tuple[int, str]:
    return (SERVICE_ORDER.index(name) if name in SERVICE_ORDER else len(SERVICE_ORDER), name)
