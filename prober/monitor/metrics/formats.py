"""The formats of a scrape, and a scrape put together: lines made elsewhere, heads as prometheus-client makes them.

All formats print sample lines alike, as long as no sample has a time or an exemplar; ours have none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import escape_metric_name
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

END: Final = b"# EOF\n"
_SUFFIXES: Final = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


class Only:
    """What an encoder takes for a registry: one family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        """The family."""
        return (self._family,)


_openmetrics: Callable[[Only, str], bytes] = generate_openmetrics
"""prometheus-client publishes it without types."""


class Format(StrEnum):
    """Content types."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    TEXT_1 = "text/plain; version=1.0.0; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Style:
    """A format with the way in which it writes names that older readers would not take.

    `escaping` is None where the client named no version, so that it is not to be told one. All names here are fit for
    the oldest readers; only `dots` changes them nevertheless, since it is to be reversible.
    """

    format: Format = Format.TEXT
    escaping: str | None = None

    @property
    def content_type(self) -> str:
        """The header's value."""
        return self.format if self.escaping is None else f"{self.format}; escaping={self.escaping}"

    @property
    def renames(self) -> bool:
        """Whether names are changed."""
        return self.escaping == "dots"

    def name(self, metric: str) -> str:
        """A metric's name in this style."""
        return escape_metric_name(metric, self.escaping or "underscores")

    def head(self, family: Metric) -> bytes:
        """HELP, TYPE and UNIT of a family."""
        escaping = self.escaping or "underscores"
        if self.format is Format.OPENMETRICS:
            return _openmetrics(Only(family), escaping).removesuffix(END)
        return generate_latest(Only(family), escaping)


@dataclass(frozen=True, slots=True)
class Block:
    """One family: its lines as bytes, in pieces."""

    family: Metric
    """Without samples."""
    lines: tuple[bytes, ...]

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names at the beginning of its lines."""
        return tuple(self.family.name + suffix for suffix in _SUFFIXES.get(self.family.type, ("",)))


def blocks_of(families: Iterable[Metric]) -> Iterator[Block]:
    """Families that somebody else collected, without times, exemplars and dates of creation."""
    for family in families:
        bare = Metric(family.name, family.documentation, family.type, family.unit)
        lines = generate_latest(Only(family)).removeprefix(generate_latest(Only(bare)))
        yield Block(bare, (lines,) if lines else ())


def put_together(blocks: Iterable[Block], style: Style, names: frozenset[str] | None = None) -> Iterator[bytes]:
    """A whole scrape in pieces. With `names` only samples of these names, and families that have some.

    That is what prometheus-client's `name[]` does; it leaves out the UNIT line then, and so does this.
    """
    for block in blocks:
        family, lines = block.family, block.lines
        if names is not None:
            lines = tuple(_chosen(block, names))
            family = Metric(family.name, family.documentation, family.type)
            if not lines:
                continue
        yield style.head(family)
        yield from (_renamed(block, lines, style) if style.renames else lines)
    if style.format is Format.OPENMETRICS:
        yield END


def _chosen(block: Block, names: frozenset[str]) -> Iterator[bytes]:
    wanted = names.intersection(block.sample_names)
    if len(wanted) == len(block.sample_names):
        yield from block.lines
        return
    starts = tuple(f"{name}{{".encode() for name in wanted)
    for piece in block.lines if starts else ():
        chosen = b"".join([line + b"\n" for line in piece.split(b"\n") if line.startswith(starts)])
        if chosen:
            yield chosen


def _renamed(block: Block, lines: Iterable[bytes], style: Style) -> Iterator[bytes]:
    names = {name.encode(): style.name(name).encode() for name in block.sample_names}
    at_start = re.compile(rb"(?m)^(?:" + b"|".join(names) + rb")(?=[{ ])")
    for piece in lines:
        yield at_start.sub(lambda found: names[found.group()], piece)
