"""Reads PromQL just far enough to say which metrics and which of their labels an expression names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from prober.report.metrics import METRICS, Metric

FROM_THE_SCRAPE: Final = {"job", "instance", "le"}
"""Labels that Prometheus adds, and a histogram's own."""
FROM_OTHERS: Final = {
    "up",
    "ALERTS",
    "scrape_duration_seconds",
    "scrape_samples_post_metric_relabeling",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
}
"""Series that Prometheus makes, and those of prometheus-client about its process."""

_STRING: Final = re.compile(r'"(?:\\.|[^"\\])*"')
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SELECTOR: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
_MATCHER: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_KNOWN_PREFIXES: Final = ("prober_", "probe_", "process_", "scrape_", "up", "ALERTS")


def bare(expression: str) -> str:
    """Without what stands in quotes."""
    return _STRING.sub('""', expression)


def series_named(expression: str) -> set[str]:
    """Names of series: raw and recorded ones."""
    names = set(_NAME.findall(bare(expression)))
    return {name for name in names if ":" in name or name in ("up", "ALERTS") or name.startswith(_KNOWN_PREFIXES[:4])}


def metric_of(series: str) -> Metric | None:
    """The metric that a series belongs to; a histogram has three kinds of series, and no series of its bare name."""
    for suffix in ("_bucket", "_sum", "_count"):
        found = METRICS.get(series.removesuffix(suffix)) if series.endswith(suffix) else None
        if found is not None and found.kind == "histogram":
            return found
    found = METRICS.get(series)
    return None if found is None or found.kind == "histogram" else found


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each series with the labels its selector names."""
    for series, matchers in _SELECTOR.findall(bare(expression)):
        yield series, set(_MATCHER.findall(matchers))
