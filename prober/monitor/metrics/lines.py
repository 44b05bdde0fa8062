"""Sample lines in the text formats of Prometheus and OpenMetrics, which print them alike: name, labels, number.

What stays the same from scrape to scrape is made once and kept as text: a pair's labels and numbers until its state
changes, a counter's labels until the configuration does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from prober.monitor.metrics.columns import COLUMNS, Cell, Column, go_number, label_value, pair_cells
from prober.monitor.metrics.histogram import Counted
from prober.monitor.state import PairState
from prober.report.metrics import METRICS, PAIR_LABELS

_INFO_VALUE: Final = "} 1.0\n"


def escaped(value: str) -> str:
    """A label's value as it stands between its quotes."""
    return label_value(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def labels_text(labels: Iterable[tuple[str, str]]) -> str:
    """What stands in the braces: sorted by name, as prometheus-client has it."""
    return ",".join([f'{name}="{escaped(value)}"' for name, value in sorted(labels)])


_PAIR_NAMES: Final = tuple(sorted(PAIR_LABELS))
_OWN_NAMES: Final = tuple(METRICS[column.metric].own_labels for column in COLUMNS)
_ORDERS: Final = tuple(
    tuple((*_PAIR_NAMES, *names).index(name) for name in sorted((*_PAIR_NAMES, *names))) for names in _OWN_NAMES
)
"""For each column: which of the pair's labels and then its own comes first, second and so on."""


class PairLines:
    """One pair's part of a scrape: its labels and numbers as text. Never changes; another is made for another state."""

    __slots__ = ("_interval", "_of", "_parts", "_revision", "_state", "cells", "labels")
    labels: str
    """What stands in the braces of all its lines but those of infos."""
    cells: tuple[str, ...]
    """For each column a number, or the labels of an info; empty = no series."""
    _parts: tuple[str, ...]
    """The pair's labels one by one, sorted by name."""

    def __init__(self, state: PairState, interval: float, before: PairLines | None = None) -> None:
        own = state.labels
        self._state = state
        self._revision = state.revision
        self._interval = interval
        self._of = own
        if before is not None and before._of == own:
            self._parts, self.labels = before._parts, before.labels
        else:
            self._parts = tuple([f'{name}="{escaped(getattr(own, name))}"' for name in _PAIR_NAMES])
            self.labels = ",".join(self._parts)
        cells = pair_cells(state.exported, interval)
        self.cells = tuple([self._cell(place, cell) for place, cell in enumerate(cells)])

    def _cell(self, place: int, cell: Cell) -> str:
        if cell is None:
            return ""
        if isinstance(cell, bool):
            return "1.0" if cell else "0.0"
        if not isinstance(cell, tuple):
            return go_number(cell)
        own = [f'{name}="{escaped(text)}"' for name, text in zip(_OWN_NAMES[place], cell, strict=True)]
        parts = (*self._parts, *own)
        return ",".join([parts[index] for index in _ORDERS[place]])

    def are_of(self, state: PairState, interval: float) -> bool:
        """Whether this is the text of that state as it is now."""
        return self._state is state and self._revision == state.revision and self._interval == interval


def column_lines(column: Column, place: int, pairs: Sequence[PairLines]) -> str:
    """The lines of the column at that place for some pairs."""
    start = f"{column.metric}{{"
    if column.is_info:
        return "".join([f"{start}{cell}{_INFO_VALUE}" for pair in pairs if (cell := pair.cells[place])])
    # Closed labels (`verdict`) come after all of the pair's in the alphabet, or the order would not be the library's.
    own = labels_text(zip(_OWN_NAMES[place], column.fixed, strict=True)) if column.fixed else ""
    end = f",{own}}} " if own else "} "
    return "".join([f"{start}{pair.labels}{end}{cell}\n" for pair in pairs if (cell := pair.cells[place])])


class ProgramLines:
    """Lines of counters, histograms and facts; keeps the texts of their labels."""

    def __init__(self) -> None:
        self._egress = ""
        self._generation = -1
        self._starts: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}

    def use(self, egress: str, generation: int) -> None:
        """Say whose lines come now: with another egress or configuration all labels are made anew."""
        if (egress, generation) != (self._egress, self._generation):
            self._egress, self._generation = egress, generation
            self._starts.clear()

    def lines(self, metric: str, own: tuple[str, ...], value: float | Counted) -> str:
        """All lines of one series (a histogram: its buckets, count and sum)."""
        starts = self._starts.get((metric, own))
        if isinstance(value, (int, float)):
            if starts is None:
                starts = self._keep(metric, own, (f"{metric}{{{self._labels(metric, own)}}} ",))
            return f"{starts[0]}{go_number(value)}\n"
        buckets = value.buckets
        if starts is None or len(starts) != len(buckets) + 2:
            starts = self._keep(metric, own, self._histogram_starts(metric, own, [bound for bound, _ in buckets]))
        counts = [go_number(count) for _, count in buckets]
        numbers = (*counts, counts[-1], go_number(value.sum))
        return "".join([f"{start}{number}\n" for start, number in zip(starts, numbers, strict=True)])

    def _keep(self, metric: str, own: tuple[str, ...], starts: tuple[str, ...]) -> tuple[str, ...]:
        self._starts[metric, own] = starts
        return starts

    def _labels(self, metric: str, own: tuple[str, ...], *more: tuple[str, str]) -> str:
        return labels_text((*zip(METRICS[metric].label_names, (self._egress, *own), strict=True), *more))

    def _histogram_starts(self, metric: str, own: tuple[str, ...], bounds: Sequence[float]) -> tuple[str, ...]:
        texts = [self._labels(metric, own, ("le", go_number(bound))) for bound in bounds]
        labels = self._labels(metric, own)
        return (
            *(f"{metric}_bucket{{{text}}} " for text in texts),
            f"{metric}_count{{{labels}}} ",
            f"{metric}_sum{{{labels}}} ",
        )
