"""The two sides of a comparison from their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prober.diff.saved import read_run
from prober.diff.sides import Side, Sides, SidesError, beside
from prober.diff.state import Reducer
from prober.report.files import RunFileError


def read_sides(before: Sequence[Path], after: Sequence[Path]) -> Sides:
    """Saved runs, put side by side. Raises SidesError with every file that cannot be read and every contradiction."""
    unread: list[str] = []
    reducer = Reducer()
    sides = [_side(paths, reducer, unread) for paths in (before, after)]
    if unread:
        raise SidesError([*unread, *sides[0].errors, *sides[1].errors])
    return beside(*sides)


def _side(paths: Sequence[Path], reducer: Reducer, unread: list[str]) -> Side:
    side = Side()
    for path in paths:  # one at a time: what a side keeps of a file is a third of it
        try:
            side.add(str(path), read_run(path), reducer)
        except RunFileError as error:
            unread.append(str(error))
    return side
