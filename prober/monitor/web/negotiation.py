"""Which of the formats of a scrape a client is to get (RFC 9110 section 12, by the rules of prometheus-client).

What stands first counts where weights are equal or missing, as in prometheus-client, which looks at no weights;
Prometheus itself sends its wishes in the order of their weights. What is not offered is passed over, and who wants
nothing that is offered gets the text format that everybody reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from prober.monitor.metrics.formats import Format, Style

ESCAPINGS: Final = ("allow-utf-8", "underscores", "dots", "values")
_FORMATS: Final = {"application/openmetrics-text": Format.OPENMETRICS, "text/plain": Format.TEXT_1}
_MANY: Final = 32
"""Wishes that are looked at."""


class _Wish(NamedTuple):
    value: str
    parameters: dict[str, str]
    weight: float


def style_for(accept: str) -> Style:
    """The style for the value of an Accept header; several headers are joined with commas."""
    for wish in sorted(_wishes(accept), key=lambda wish: -wish.weight):
        found = _FORMATS.get(wish.value)
        version = wish.parameters.get("version", "")
        escaping = wish.parameters.get("escaping", "")
        if found is None or wish.weight <= 0:
            continue
        if found is Format.OPENMETRICS and not version:
            return Style(found)
        if _is_first_version(version):
            return Style(found, escaping if escaping in ESCAPINGS else "underscores")
    return Style()


def gzip_accepted(accept_encoding: str) -> bool:
    """Whether a client wants gzip; `gzip;q=0` says that it does not, and `*` speaks for what is not named."""
    weights = {wish.value: wish.weight for wish in _wishes(accept_encoding)}
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _wishes(header: str) -> Iterator[_Wish]:
    for part in header.split(",", _MANY)[:_MANY]:
        value, *rest = (each.strip() for each in part.split(";"))
        parameters = {
            name.strip().lower(): text.strip().strip('"')
            for name, equals, text in (each.partition("=") for each in rest)
        }
        yield _Wish(value.lower(), parameters, _weight(parameters.get("q", "1")))


def _weight(text: str) -> float:
    """A weight that cannot be read counts as none given."""
    try:
        weight = float(text)
    except ValueError:
        return 1.0
    return weight if math.isfinite(weight) else 1.0


def _is_first_version(version: str) -> bool:
    """1.0.0 and whatever else begins with 1: later ones may print samples in other ways."""
    first, *others = version.split(".")
    return first == "1" and all(part.isascii() and part.isdecimal() for part in others)
