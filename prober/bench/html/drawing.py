"""Elements of SVG as text, everything escaped; scales with round ticks. Pure.

Colours and line styles are classes of the style sheet: the page's policy allows no style attribute, and so one drawing
serves light, dark and paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from prober.report.sanitize import sanitize

MAX_LABEL: Final = 80
"""Characters of a label in a drawing."""
MAX_TEXT: Final = 2_000
"""Characters of any text in a drawing."""


def element(name: str, *content: Markup | str, **attributes: object) -> Markup:
    """One element. `class_` is `class`, underscores are hyphens; None leaves an attribute out. Text is made
    fit to be shown, and escaped."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(
        each if isinstance(each, Markup) else escape(sanitize(each, limit=MAX_TEXT)) for each in content
    )
    return Markup(f"<{name}{given}>{inner}</{name}>" if content else f"<{name}{given}/>")  # noqa: S704 # escaped above


def _number(value: object) -> str:
    """Coordinates to a tenth of a pixel."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)


def joined(parts: Iterable[Markup]) -> Markup:
    """Several elements as one text."""
    return Markup("\n").join(parts)


def text(x: float, y: float, words: str, class_: str = "", anchor: str = "start", **more: object) -> Markup:
    """A text at its base line, fit to be shown."""
    shown = sanitize(words, limit=MAX_LABEL)
    return element("text", shown, x=x, y=y, class_=class_ or None, text_anchor=anchor, **more)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Sequence[tuple[float, float] | None], class_: str) -> Markup:
    """A line through points, interrupted where there is none; a point alone is drawn as a dot."""
    commands: list[str] = []
    dots: list[Markup] = []
    begun: list[tuple[float, float]] = []
    for point in (*points, None):
        if point is not None:
            begun.append(point)
        elif begun:
            if len(begun) == 1:
                dots.append(element("circle", cx=begun[0][0], cy=begun[0][1], r=1.6, class_=f"{class_} dot"))
            else:
                commands += (f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(begun))
            begun = []
    drawn = [element("path", d="".join(commands), class_=class_)] if commands else []
    return joined([*drawn, *dots])


def steps(points: Sequence[tuple[float, float]], width: float) -> list[tuple[float, float] | None]:
    """The corners of a staircase with a tread of `width` from each point on."""
    return [corner for x, y in points for corner in ((x, y), (x + width, y))]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to pixels, linear or logarithmic; what is beyond the ends is put at them."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    count: int = 5
    """Ticks of a linear one, about."""

    def at(self, value: float) -> float:
        """The pixel of a value."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round values between the ends."""
        return log_ticks(self.low, self.high) if self.log else linear_ticks(self.low, self.high, self.count)


def linear(values: Iterable[float], start: float, end: float, *, count: int = 5, zero: bool = True) -> Scale:
    """A linear scale around values, its ends round."""
    found = [value for value in values if math.isfinite(value)]
    low, high = min(found, default=0.0), max(found, default=1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        high = low + 1
    step = _step(high - low, count)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end, count=count)


def logarithmic(values: Iterable[float], start: float, end: float, *, least: float = 1e-5) -> Scale:
    """A logarithmic scale around values, its ends 1, 2 or 5 times a power of ten."""
    found = [max(value, least) for value in values if math.isfinite(value)]
    low, high = min(found, default=0.001), max(found, default=1.0)
    low, high = _round_down(low), _round_up(high)
    if high < low * 9.9:
        high = _round_up(low * 9.9)
    return Scale(low, high, start, end, log=True)


def linear_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round values."""
    step = _step(high - low, count)
    first = math.ceil(low / step - 1e-9)
    return [step * (first + number) for number in range(int((high - low) / step + 1e-6) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten; the powers alone where there are many."""
    wide = math.log10(high / low) > 3.2
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = (factor * 10.0**power for power in range(first, last + 1) for factor in ((1,) if wide else (1, 2, 5)))
    return [value for value in found if low * 0.999 <= value <= high * 1.001]


def _step(span: float, count: int) -> float:
    raw = span / max(count, 1)
    magnitude = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next((factor * magnitude for factor in (1, 2, 5) if factor * magnitude >= raw * 0.999), 10 * magnitude)


def _round_down(value: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return max(factor * magnitude for factor in (1, 2, 5) if factor * magnitude <= value * 1.001)


def _round_up(value: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return min(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= value * 0.999)
