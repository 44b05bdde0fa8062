"""The monitor's state as a collector of prometheus-client: everything is made when it is asked for, nothing is kept.

It walks over all pairs in one go, which takes half a second for 20,000 series; scrapes are answered by
`exposition.Exposition`, which prints the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import Metric as PrometheusMetric

from prober.monitor.board import Board
from prober.monitor.metrics.columns import COLUMNS, go_number, label_value, pair_cells
from prober.monitor.metrics.counters import Counters, Group
from prober.monitor.metrics.facts import ProcessFacts
from prober.monitor.metrics.histogram import Counted
from prober.monitor.state import PairKey
from prober.report.metrics import METRICS, Scope

Intervals = Callable[[PairKey], float]
"""The configured seconds between two probes of a pair."""


def family(metric: str) -> PrometheusMetric:
    """A family without samples; name, HELP, TYPE and unit are those of the table of metrics."""
    about = METRICS[metric]
    name = metric.removesuffix("_total") if about.kind == "counter" else metric
    return PrometheusMetric(name, about.sentence, about.kind, "seconds" if name.endswith("_seconds") else "")


class MonitorCollector:
    """What `prober serve` exports of itself, for a `CollectorRegistry`."""

    def __init__(
        self, board: Board, counters: Counters, facts: Callable[[], ProcessFacts], intervals: Intervals
    ) -> None:
        self._board = board
        self._counters = counters
        self._facts = facts
        self._intervals = intervals

    def describe(self) -> Iterable[PrometheusMetric]:
        """All families, so that registering collects nothing."""
        return [family(name) for name, about in METRICS.items() if about.scope is not Scope.PROBE]

    def collect(self) -> Iterator[PrometheusMetric]:
        """All families with their samples; one that has none just now is there with its HELP."""
        yield from self._of_pairs()
        for group in (*self._counters.groups(), *self._facts().groups()):
            yield self._of_program(group)

    def _of_pairs(self) -> Iterator[PrometheusMetric]:
        found = {column.metric: family(column.metric) for column in COLUMNS}
        rows = []
        for key, state in self._board.pairs.items():
            labels = {name: label_value(value) for name, value in state.labels._asdict().items()}
            rows.append((labels, pair_cells(state.exported, self._intervals(key))))
        for place, column in enumerate(COLUMNS):
            names = METRICS[column.metric].own_labels
            for labels, cells in rows:
                cell = cells[place]
                if cell is None:
                    continue
                own, value = (cell, 1.0) if isinstance(cell, tuple) else (column.fixed, float(cell))
                found[column.metric].add_sample(
                    column.metric, labels | dict(zip(names, map(label_value, own), strict=True)), value
                )
        yield from found.values()

    def _of_program(self, group: Group) -> PrometheusMetric:
        found = family(group.metric)
        names = METRICS[group.metric].label_names
        for own, value in group.series.items():
            labels = dict(zip(names, map(label_value, (self._board.egress, *own)), strict=True))
            if isinstance(value, (int, float)):
                found.add_sample(group.metric, labels, value)
            else:
                _add_histogram(found, labels, value)
        return found


def _add_histogram(found: PrometheusMetric, labels: dict[str, str], value: Counted) -> None:
    """In the order of prometheus-client's own histograms: buckets, count, sum."""
    buckets = value.buckets
    for bound, count in buckets:
        found.add_sample(f"{found.name}_bucket", labels | {"le": go_number(bound)}, count)
    found.add_sample(f"{found.name}_count", labels, buckets[-1][1])
    found.add_sample(f"{found.name}_sum", labels, value.sum)
