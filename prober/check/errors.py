"""Input that cannot be worked with."""

from __future__ import annotations

from collections.abc import Sequence


class PlanErrors(Exception):
    """Every mistake with its place."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)
