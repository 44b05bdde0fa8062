"""The pairs in the state file: which rows there are, and how they are changed into what is to be remembered.

What is written follows what changes. Of a steady pair that is one small sample for each probe; its states, the shape
of what it shows and its certificates are there already. New samples come at the end of their table and old ones go at
its beginning, so that the pages of a second's work lie side by side.

`Rows` is the index of the file in memory: it says which of a pair's observations are written, and counts who uses a
shape or a certificate. It is of one connection; after a failed transaction it is thrown away and read again.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, NamedTuple, Self

from prober.model import Observation
from prober.monitor.memory.remembering import (
    SUM,
    DamagedError,
    Facts,
    Shape,
    check_sample,
    decode_observation,
    decode_shape,
    digest_of,
    encode_shape,
    encode_times,
    facts_of,
    sealed_sample,
)
from prober.monitor.memory.remembering_states import decode_states, encode_states
from prober.monitor.state import WINDOW, PairKey, Remembered

Key = tuple[str, PairKey]
"""Egress and pair."""
_CHUNK: Final = 64
"""Pairs worked out before the database gets its turn, and with it the event loop."""


@dataclass(slots=True)
class _Shape:
    """A shape in the file."""

    id: int
    digest: bytes
    certificates: frozenset[bytes]
    uses: int = 0


@dataclass(slots=True)
class _Certificate:
    id: int
    uses: int = 0


class _Sample(NamedTuple):
    """An observation in the file. No two of a pair have begun at the same moment and taken equally long."""

    at: float
    total: float | None
    id: int
    shape: _Shape
    noted: int


@dataclass(slots=True)
class _Row:
    """A pair in the file."""

    id: int
    identity: str
    states: bytes
    samples: list[_Sample] = field(default_factory=list)
    """Oldest first."""


@dataclass(slots=True)
class _Changes:
    """Rows to write and to delete, in this order."""

    pairs: list[tuple[int, str, str, str, str, bytes]] = field(default_factory=list)
    certificates: list[tuple[int, bytes]] = field(default_factory=list)
    shapes: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    samples: list[tuple[int, int, int, int, float, float | None, bytes]] = field(default_factory=list)
    gone: dict[str, list[tuple[int]]] = field(default_factory=lambda: defaultdict(list))

    def write(self, connection: sqlite3.Connection) -> None:
        for statement, rows in (
            ("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?, ?)", self.pairs),
            ("INSERT INTO certificates VALUES (?, ?)", self.certificates),
            ("INSERT INTO shapes VALUES (?, ?, ?)", self.shapes),
            ("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)", self.samples),
        ):
            if rows:
                connection.executemany(statement, rows)
        for table, ids in self.gone.items():
            connection.executemany(f"DELETE FROM {table} WHERE id = ?", ids)  # noqa: S608 # tables of this module


class _Parts:
    """An observation, encoded."""

    __slots__ = ("at", "certificates", "shape", "times", "total")

    def __init__(self, observation: Observation, hide: Callable[[str], str]) -> None:
        self.at, self.total = observation.at, observation.timings.total
        if not math.isfinite(self.at):
            raise ValueError(f"no moment: {self.at}")
        self.shape, self.certificates = encode_shape(observation, hide)
        self.times = encode_times(observation)


class Rows:
    """What lies in the file, by pair. `hide` takes out of texts what must not be in a file."""

    def __init__(self, hide: Callable[[str], str] = str) -> None:
        self._hide = hide
        self._rows: dict[Key, _Row] = {}
        self._shapes: dict[bytes, _Shape] = {}
        self._certificates: dict[bytes, _Certificate] = {}
        self._pair_ids = count(1)
        self._shape_ids = count(1)
        self._sample_ids = count(1)
        self._certificate_ids = count(1)
        self.newest: tuple[float, float] | None = None
        """The running clock and the wall clock at the newest sample that was read."""
        self.damaged = 0
        """Rows that were read and could not be used."""

    def __len__(self) -> int:
        return len(self._rows)

    # reading

    @classmethod
    def read(cls, connection: sqlite3.Connection, hide: Callable[[str], str] = str) -> Self:
        """What there is. Within a transaction: rows that are damaged, or that nobody uses, are deleted."""
        rows = cls(hide)
        changes = _Changes()
        by_id = {shape.id: shape for shape in rows._read_shapes(connection, changes)}
        pairs = {row.id: row for row in rows._read_pairs(connection, changes)}
        largest = 0
        for number, pair, shape, noted, at, total, data in connection.execute("SELECT * FROM samples ORDER BY id"):
            largest = max(largest, number)
            try:
                check_sample(data, at, total, pair, shape, noted)
                sample = _Sample(at, total, number, by_id[shape], noted)
                pairs[pair].samples.append(sample)
            except (KeyError, DamagedError):
                rows._damage(changes, "samples", number)
                continue
            sample.shape.uses += 1
            rows.newest = (noted, at)
        rows._sample_ids = count(largest + 1)
        rows._drop_unused(changes)
        changes.write(connection)
        return rows

    def _read_shapes(self, connection: sqlite3.Connection, changes: _Changes) -> Iterator[_Shape]:
        largest = 0
        for number, der in connection.execute("SELECT id, der FROM certificates"):
            largest = max(largest, number)
            if isinstance(der, bytes):
                self._certificates[hashlib.sha256(der).digest()] = _Certificate(number)
            else:
                self._damage(changes, "certificates", number)
        self._certificate_ids = count(largest + 1)
        largest = 0
        for number, digest, data in connection.execute("SELECT id, digest, data FROM shapes"):
            largest = max(largest, number)
            try:
                shape = _Shape(number, digest, _verified(digest, data).certificates())
            except DamagedError:
                self._damage(changes, "shapes", number)
                continue
            if not shape.certificates <= self._certificates.keys():
                self._damage(changes, "shapes", number)
                continue
            for certificate in shape.certificates:
                self._certificates[certificate].uses += 1
            self._shapes[digest] = shape
            yield shape
        self._shape_ids = count(largest + 1)

    def _read_pairs(self, connection: sqlite3.Connection, changes: _Changes) -> Iterator[_Row]:
        largest = 0
        for number, egress, target, route, identity, states in connection.execute("SELECT * FROM pairs"):
            largest = max(largest, number)
            try:
                decode_states((target, route), identity, states)
            except DamagedError:
                self._damage(changes, "pairs", number)
                continue
            row = self._rows[egress, (target, route)] = _Row(number, identity, states)
            yield row
        self._pair_ids = count(largest + 1)

    def _damage(self, changes: _Changes, table: str, number: int) -> None:
        self.damaged += 1
        changes.gone[table].append((number,))

    def _drop_unused(self, changes: _Changes) -> None:
        """What nobody refers to: left behind by damaged rows."""
        for shape in [shape for shape in self._shapes.values() if not shape.uses]:
            self._drop_shape(shape, changes)
        for digest in [digest for digest, each in self._certificates.items() if not each.uses]:
            changes.gone["certificates"].append((self._certificates.pop(digest).id,))

    def load(self, connection: sqlite3.Connection, egress: str) -> list[Remembered]:
        """What is remembered of an egress point's pairs."""
        facts = self._facts(connection)
        samples: dict[int, bytes] = dict(connection.execute("SELECT id, data FROM samples"))
        found: list[Remembered] = []
        for (place, key), row in self._rows.items():
            if place != egress:
                continue
            recent = tuple(
                decode_observation(*key, sample.at, sample.total, samples[sample.id][:-SUM], facts[sample.shape.id])
                for sample in row.samples  # their checksums were looked at when they were read
                if sample.shape.id in facts
            )
            if recent:
                found.append(replace(decode_states(key, row.identity, row.states), recent=recent))
        return found

    def egresses(self) -> set[str]:
        """Egress points of which something is remembered."""
        return {place for place, _ in self._rows}

    def _facts(self, connection: sqlite3.Connection) -> dict[int, Facts]:
        """What the shapes say, by their numbers; those in words that this version does not know are left out."""
        ders = (row[0] for row in connection.execute("SELECT der FROM certificates"))
        certificates = {hashlib.sha256(der).digest(): der for der in ders}
        facts: dict[int, Facts] = {}
        for number, data in connection.execute("SELECT id, data FROM shapes"):
            try:
                facts[number] = facts_of(decode_shape(data), certificates)
            except DamagedError:
                self.damaged += 1
        return facts

    # writing

    def write(self, connection: sqlite3.Connection, batch: Sequence[tuple[Key, Remembered]], noted: float) -> int:
        """Within a transaction: have the file say what is to be remembered, at `noted` on the running clock. Returns
        how many pairs were left out because they cannot be encoded."""
        failed = 0
        for start in range(0, len(batch), _CHUNK):
            changes = _Changes()
            for key, remembered in batch[start : start + _CHUNK]:
                try:
                    self._update(key, remembered, int(noted), changes)
                except (ValueError, TypeError, OverflowError):
                    failed += 1
            changes.write(connection)
        return failed

    def forget_old(self, connection: sqlite3.Connection, before: float) -> int:
        """Within a transaction: delete pairs of which nothing was noted since that moment of the running clock."""
        old = [key for key, row in self._rows.items() if not row.samples or row.samples[-1].noted < before]
        changes = _Changes()
        for key in old:
            row = self._rows.pop(key)
            changes.gone["pairs"].append((row.id,))
            for sample in row.samples:
                self._drop_sample(sample, changes)
        changes.write(connection)
        return len(old)

    def _update(self, key: Key, remembered: Remembered, noted: int, changes: _Changes) -> None:
        """Raises ValueError and its like before anything is changed."""
        row = self._rows.get(key)
        written = row.samples if row is not None and row.identity == remembered.identity else []
        recent = remembered.recent[-WINDOW:]
        same = _overlap(written, recent)
        states = encode_states(remembered)
        parts = [_Parts(observation, self._hide) for observation in recent[same:]]
        if row is None:
            row = self._rows[key] = _Row(next(self._pair_ids), "", b"")
        if row.states != states or row.identity != remembered.identity:
            row.states, row.identity = states, remembered.identity
            changes.pairs.append((row.id, key[0], *key[1], row.identity, states))
        kept = written[len(written) - same :]
        gone = row.samples[: len(row.samples) - len(kept)]
        row.samples = [*kept, *(self._add_sample(row, each, noted, changes) for each in parts)]
        for sample in gone:
            self._drop_sample(sample, changes)

    def _add_sample(self, row: _Row, parts: _Parts, noted: int, changes: _Changes) -> _Sample:
        shape = self._shape_of(parts, changes)
        shape.uses += 1
        sample = _Sample(parts.at, parts.total, next(self._sample_ids), shape, noted)
        data = sealed_sample(parts.times, parts.at, parts.total, row.id, shape.id, noted)
        changes.samples.append((sample.id, row.id, shape.id, noted, parts.at, parts.total, data))
        return sample

    def _shape_of(self, parts: _Parts, changes: _Changes) -> _Shape:
        digest = digest_of(parts.shape)
        shape = self._shapes.get(digest)
        if shape is not None:
            return shape
        for sha256, der in parts.certificates.items():
            held = self._certificates.get(sha256)
            if held is None:
                held = self._certificates[sha256] = _Certificate(next(self._certificate_ids))
                changes.certificates.append((held.id, der))
            held.uses += 1
        shape = self._shapes[digest] = _Shape(next(self._shape_ids), digest, frozenset(parts.certificates))
        changes.shapes.append((shape.id, digest, parts.shape))
        return shape

    def _drop_sample(self, sample: _Sample, changes: _Changes) -> None:
        changes.gone["samples"].append((sample.id,))
        sample.shape.uses -= 1
        if not sample.shape.uses:
            self._drop_shape(sample.shape, changes)

    def _drop_shape(self, shape: _Shape, changes: _Changes) -> None:
        del self._shapes[shape.digest]
        changes.gone["shapes"].append((shape.id,))
        for digest in shape.certificates:
            certificate = self._certificates[digest]
            certificate.uses -= 1
            if not certificate.uses:
                del self._certificates[digest]
                changes.gone["certificates"].append((certificate.id,))


def _overlap(written: Sequence[_Sample], recent: Sequence[Observation]) -> int:
    """How many of the newest written are the oldest of the recent ones: what follows is new."""
    ours = [(sample.at, sample.total) for sample in written]
    theirs = [(observation.at, observation.timings.total) for observation in recent]
    return next(
        size for size in range(min(len(ours), len(theirs)), -1, -1) if ours[len(ours) - size :] == theirs[:size]
    )


def _verified(digest: object, data: object) -> Shape:
    if not isinstance(data, bytes) or digest_of(data) != digest:
        raise DamagedError("the digest does not fit")
    return decode_shape(data)
