"""Figures in the README that the code knows better."""

from __future__ import annotations

import re
from pathlib import Path

from prober.model import Reason

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def test_the_number_of_reasons() -> None:
    assert re.findall(r"one of (\d+) closed reasons", README) == [str(len(Reason))]
