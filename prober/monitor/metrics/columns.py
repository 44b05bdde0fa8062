"""A pair's state as numbers: the one place that says which series a pair has.

Both the collector and the exposition read `COLUMNS` and `pair_cells`; a test holds their answers against each other
byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from prometheus_client.utils import floatToGoString

from prober.interception.verdict import Word
from prober.monitor.state import Exported, Outcome

Cell = float | tuple[str, ...] | None
"""A number, or the values of an info's own labels (its number is 1), or nothing."""


class Column(NamedTuple):
    """One number of each pair."""

    metric: str
    fixed: tuple[str, ...] = ()
    """Values of the metric's own labels, where the column has them."""
    is_info: bool = False
    """Whether the pair says the values of the metric's own labels."""


COLUMNS: Final = (
    Column("prober_target_reachable"),
    Column("prober_target_trusted"),
    Column("prober_target_intercepted"),
    *(Column("prober_interception_verdict", (word.value,)) for word in Word),
    Column("prober_failure_info", is_info=True),
    Column("prober_target_state_since_timestamp_seconds"),
    Column("prober_target_interval_seconds"),
    Column("prober_last_probe_reachable"),
    Column("prober_last_probe_trusted"),
    Column("prober_last_probe_intercepted"),
    Column("prober_last_probe_failure_info", is_info=True),
    Column("prober_last_probe_timestamp_seconds"),
    Column("prober_probe_duration_seconds"),
    Column("prober_tls_leaf_not_after_timestamp_seconds"),
    Column("prober_tls_issuer_info", is_info=True),
    Column("prober_http_status_code"),
)
"""In the order of a scrape; those of one metric stand together."""

_INTERVAL: Final = COLUMNS.index(Column("prober_target_interval_seconds"))


def pair_cells(exported: Exported | None, interval: float) -> tuple[Cell, ...]:
    """A pair's values, one for each of `COLUMNS`. `interval` is in seconds."""
    if exported is None:
        return tuple(interval if place == _INTERVAL else None for place in range(len(COLUMNS)))
    verdict, last = exported.verdict, exported.last
    issuer = None if exported.issuer is None or exported.anchor is None else (exported.issuer, exported.anchor)
    return (
        exported.reachable,
        exported.trusted,
        exported.intercepted,
        *(None if verdict is None else word is verdict for word in Word),
        _failure(exported.failure),
        exported.since,
        interval,
        exported.last_reachable,
        exported.last_trusted,
        _intercepted(exported.last_verdict),
        _failure(last),
        exported.last_at,
        exported.duration,
        exported.not_after,
        issuer,
        exported.status,
    )


def _failure(outcome: Outcome | None) -> tuple[str, ...] | None:
    return None if outcome is None or outcome.reached else (outcome.stage, str(outcome.hop), outcome.reason)


def _intercepted(word: Word | None) -> bool | None:
    return None if word is None or word is Word.INCONCLUSIVE else word is Word.INTERCEPTED


go_number: Callable[[float], str] = floatToGoString
"""A number as prometheus-client prints it: it publishes the function without types."""


def label_value(text: str) -> str:
    """Text that UTF-8 can carry: a lone surrogate from a configuration file must not cost the whole scrape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
