"""The frame of a chart: plot area, grid, axes with titles and units, legend. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from prober.bench.html.drawing import Scale, element, joined, line, text

WIDTH: Final = 960.0
LEFT: Final = 72.0
RIGHT: Final = 20.0
_LETTER: Final = 7.0
"""Pixels of a letter of a label, about."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A rectangle with two scales."""

    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        """Pixels."""
        return self.x.start

    @property
    def right(self) -> float:
        """Pixels."""
        return self.x.end

    @property
    def top(self) -> float:
        """Pixels."""
        return self.y.end

    @property
    def bottom(self) -> float:
        """Pixels."""
        return self.y.start

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point in pixels."""
        return self.x.at(x), self.y.at(y)


def grid(
    plot: Plot,
    *,
    title: str,
    form: Callable[[float], str] | None = None,
    x_title: str = "",
    x_form: Callable[[float], str] | None = None,
    x_ticks: Sequence[float] | None = None,
) -> Markup:
    """Grid lines, tick labels and titles. The title of the y axis stands above it, to be read without turning one's
    head; without `form` or `x_form` an axis has no labels (nor, the y axis, lines)."""
    parts = [element("rect", x=plot.left, y=plot.top, width=plot.right - plot.left, height=plot.bottom - plot.top,
                     class_="area")]  # fmt: skip
    if form is not None:
        for value in plot.y.ticks:
            y = plot.y.at(value)
            parts += (line(plot.left, y, plot.right, y, "grid"), text(plot.left - 8, y + 4, form(value), "tick", "end"))
    for value in plot.x.ticks if x_ticks is None else x_ticks:
        x = plot.x.at(value)
        parts.append(line(x, plot.top, x, plot.bottom, "grid"))
        if x_form is not None:
            parts.append(text(x, plot.bottom + 17, x_form(value), "tick", "middle"))
    parts.append(line(plot.left, plot.bottom, plot.right, plot.bottom, "axis"))
    parts.append(text(4, plot.top - 9, title, "title"))
    if x_title:
        parts.append(text((plot.left + plot.right) / 2, plot.bottom + 36, x_title, "title", "middle"))
    return joined(parts)


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend."""

    words: str
    class_: str
    kind: str = "line"
    """`line`, `bar`, or a marker's name."""


def legend(keys: Iterable[Key], x: float, y: float, *, right: float = WIDTH - RIGHT) -> tuple[Markup, float]:
    """Entries in a row, wrapped; and how far down they reach."""
    parts: list[Markup] = []
    place = x
    for key in keys:
        width = 34 + len(key.words) * _LETTER
        if place + width > right and place > x:
            place, y = x, y + 18
        if key.kind == "line":
            parts.append(line(place, y - 4, place + 22, y - 4, key.class_))
        elif key.kind == "bar":
            parts.append(element("rect", x=place + 4, y=y - 10, width=14, height=11, class_=key.class_))
        else:
            parts.append(marker(key.kind, place + 11, y - 4, key.class_))
        parts.append(text(place + 28, y, key.words, "key"))
        place += width + 8
    return joined(parts), y


def marker(kind: str, x: float, y: float, class_: str, size: float = 4.5) -> Markup:
    """A point: `circle`, `square`, `diamond`, `triangle`, `cross`."""
    if kind == "circle":
        return element("circle", cx=x, cy=y, r=size, class_=class_)
    if kind == "cross":
        left, right, top, bottom = (f"{each:.1f}" for each in (x - size, x + size, y - size, y + size))
        d = f"M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}"
        return element("path", d=d, class_=f"{class_} open")
    corners = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "diamond": ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        "triangle": ((0, -1.3), (1.25, 1), (-1.25, 1)),
    }[kind]
    d = "".join(f"{'L' if n else 'M'}{x + dx * size:.1f} {y + dy * size:.1f}" for n, (dx, dy) in enumerate(corners))
    return element("path", d=f"{d}Z", class_=class_)


@dataclass(slots=True)
class Figure:
    """One chart, ready to be put into the page."""

    title: str
    """Heading above it."""
    about: str
    """What it shows, for those who do not see it."""
    height: float
    parts: list[Markup] = field(default_factory=list)
    caption: str = ""
    width: float = WIDTH
    folded: bool = False
    """Whether it is shown when asked for only."""

    @property
    def svg(self) -> Markup:
        """The drawing."""
        return element(
            "svg",
            element("title", self.title),
            element("desc", self.about),
            *self.parts,
            viewBox=f"0 0 {self.width:.0f} {self.height:.0f}",
            role="img",
            class_="chart",
        )


# labels of ticks


def plain(value: float) -> str:
    """`0`, `0.5`, `120`, `1,500`, `20k`."""
    if abs(value) >= 20_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:g}"


def milliseconds(seconds: float) -> str:
    """`0.5`, `20`, `1,500`: seconds as milliseconds for an axis that names the unit."""
    value = seconds * 1000
    return f"{value:,.0f}" if value >= 1 else f"{value:.3g}"
