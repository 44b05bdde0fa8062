"""Which part of the matrix is shown: a GET form's fields, and whether a row or a cell fits. static/filters.js does the
same in the browser; a test holds the two against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final
from urllib.parse import urlencode

from prober.model import Target
from prober.monitor.page.marks import LABELS, Cell, Mark

MAX_TEXT: Final = 200
STATES: Final[Mapping[str, str]] = {
    "broken": "anything wrong",
    "pending": "being confirmed",
    **{mark.value: LABELS[mark] for mark in Mark},
}
"""Values of the field `state`, with their words."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The fields of the form; empty = any."""

    q: str = ""
    """Text in the target's id, host, port or group."""
    service: str = ""
    geography: str = ""
    route: str = ""
    state: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filter:
        """From a query: unknown fields and states are left out, long text is cut."""
        given = {field.name: query.get(field.name, "").strip()[:MAX_TEXT] for field in fields(cls)}
        if given["state"] not in STATES:
            given["state"] = ""
        return cls(**given)

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return any(getattr(self, field.name) for field in fields(self))

    @property
    def query(self) -> str:
        """As a query string, without what is empty."""
        return urlencode([(field.name, value) for field in fields(self) if (value := getattr(self, field.name))])

    def takes_group(self, service: str, geography: str) -> bool:
        """Whether rows of a group can fit."""
        return self.service in ("", service) and self.geography in ("", geography)

    def takes_route(self, route: str) -> bool:
        """Whether the route's column is shown."""
        return self.route in ("", route)

    def takes_row(self, text: str, cells: Iterable[tuple[str, Cell]]) -> bool:
        """Whether a row of a group that fits is shown: `text` is `searched(target)`, the cells are by route."""
        if self.q and self.q.lower() not in text:
            return False
        shown = [cell for route, cell in cells if self.takes_route(route)]
        if not shown:
            return False
        return not self.state or any(self.state in cell.tokens for cell in shown)


def searched(target: Target) -> str:
    """What the text field looks through."""
    return f"{target.id} {target.scheme}://{target.address}{target.path} {target.group}".lower()
