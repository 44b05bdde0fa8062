"""What was found in a vendor's list: entries, and remarks on everything that is not as it stands there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from prober.catalog.entry import Entry
from prober.catalog.errors import shown
from prober.catalog.intake.package import UnusableFile

MAX_ENTRIES: Final = 50_000
MAX_REMARKS: Final = 10_000
MAX_CHARACTERS: Final = 4 * 1024 * 1024
"""Of the rows that are read: texts that many cells share count each time."""


class Weight(StrEnum):
    """How much a remark matters."""

    UNCLEAR = "unclear"
    """Something that may name an endpoint was not understood: nothing, or less, came of it."""
    ADAPTED = "adapted"
    """It was understood and written in another way, since a catalog cannot say it as it stands."""
    ASIDE = "aside"
    """It names no endpoint: other sheets, headings, prose."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A place in a list and what came of it."""

    weight: Weight
    file: str
    place: str
    """`Microsoft Defender URLs!E7`, `record 12, urls[3]`, `line 7`; empty for the file as a whole."""
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.message}" if self.place else f"{self.file}: {self.message}"


@dataclass(slots=True)
class Intake:
    """Everything that one file says. The entries' targets have no ids yet.

    What is noted is bounded, since one cell can name thousands of endpoints: beyond the limits `add`, `remark` and
    `spend` raise UnusableFile.
    """

    file: str
    title: str
    """What the source of the entries is called."""
    dated: str | None = None
    """Its day, if it tells one."""
    service: str = "MDE"
    """Where its entries belong if neither they nor anybody else says otherwise."""
    about: str = ""
    whole: bool = True
    """Whether it is a whole list: what it does not have has vanished then."""
    entries: list[Entry] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    foreign: dict[str, str] = field(default_factory=dict)
    """What stands for a service and is none that is known, with the first place of each."""
    spent: int = 0
    """Characters read."""

    def add(self, entry: Entry) -> None:
        """Note an entry."""
        if len(self.entries) >= MAX_ENTRIES:
            raise UnusableFile(f"more than {MAX_ENTRIES:,} endpoints: not a list of the vendor's")
        self.entries.append(entry)

    def spend(self, characters: int) -> None:
        """Count what is about to be read."""
        self.spent += characters
        if self.spent > MAX_CHARACTERS:
            raise UnusableFile(f"rows with more than {MAX_CHARACTERS:,} characters: not a list of endpoints")

    def remark(self, weight: Weight, place: str, message: str) -> None:
        """Note something about a place."""
        if len(self.remarks) >= MAX_REMARKS:
            raise UnusableFile(f"more than {MAX_REMARKS:,} places are not understood: not a list of endpoints")
        self.remarks.append(Remark(weight, self.file, place, message))

    def unclear(self, place: str, text: str, why: str) -> None:
        """Note a text that was not understood."""
        self.remark(Weight.UNCLEAR, place, f"{shown(' '.join(text.split()))}: {why}")

    def count(self, weight: Weight) -> int:
        """How many remarks have this weight."""
        return sum(remark.weight is weight for remark in self.remarks)


def clouds_of(entries: Sequence[Entry]) -> frozenset[str]:
    """The clouds that any of them is in."""
    return frozenset(cloud for entry in entries for cloud in entry.target.cloud)
