"""Kinds of figures in a benchmark's document, with their bounds."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

MAX_HISTOGRAM: Final = 400_000
"""Characters of an encoded histogram; real ones have a few thousand."""

Amount = Annotated[float, Meta(ge=0, le=1e15)]
"""Seconds, rates, bits per second."""
Share = Annotated[float, Meta(ge=0, le=1e6)]
"""Mostly 0 to 1; a core's share may be a bit more."""
Change = Annotated[float, Meta(ge=-1e15, le=1e15)]
Encoded = Annotated[str, Meta(max_length=MAX_HISTOGRAM)]
