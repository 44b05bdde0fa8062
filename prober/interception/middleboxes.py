"""Whose inspection product a chain, or an answer, seems to be of. By names alone: never a reason for a verdict."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

from prober.interception.certificates import CertificateFacts
from prober.interception.recent import Recent
from prober.interception.text import shown
from prober.interception.verdict import Attribution

_KNOWN: Final = 4096
"""Paths whose answer is kept: matching some hundred patterns takes a millisecond."""
MAX_PATTERN: Final = 300
"""Characters of a pattern."""
MAX_MATCHED: Final = 128
"""Characters of a value that a pattern gets to see: twice what X.520 allows a common name."""
MAX_HEADER: Final = 256
"""Characters of a header's value that a pattern gets to see."""

_COLUMNS: Final = ("vendor", "product", "category", "field", "pattern", "confidence", "source")
_HTTP_COLUMNS: Final = ("header", "pattern", "product", "source")
_CATEGORIES: Final = (
    "cloud-swg",
    "enterprise-gateway",
    "endpoint-av",
    "parental",
    "malware",
    "debug-proxy",
    "open-source",
    "own",
)
_FIELDS: Final = tuple(f"{whose}_{kind}" for whose in ("issuer", "root") for kind in ("CN", "O", "OU"))
_CONFIDENCES: Final = ("high", "medium", "low")

Names = Sequence[tuple[str, str]]
Matcher = Callable[[str], bool]


class MiddleboxErrors(ValueError):
    """All that is wrong with a list of middleboxes, each error with its line."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Row:
    """One name of one product."""

    vendor: str
    product: str
    category: str
    field: str
    pattern: str
    confidence: str
    matches: Matcher

    @property
    def attribution(self) -> Attribution:
        """What a match says."""
        matched = f"{self.field} {self.pattern}"
        return Attribution(self.vendor, self.product, self.category, self.confidence, matched)


class Middleboxes:
    """Names of inspection products; of several that match, the surest counts, then the first."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(sorted(rows, key=lambda row: _CONFIDENCES.index(row.confidence)))
        self._known: Recent[tuple[Names, ...], tuple[Attribution | None]] = Recent(_KNOWN)

    def attribution(self, leaf: CertificateFacts, others: Sequence[CertificateFacts] = ()) -> Attribution | None:
        """Whose product signed a path: its leaf, and the certificates above it in order."""
        issuers = tuple(pair for facts in (leaf, *others) for pair in facts.issuer_names)
        last = others[-1] if others else leaf
        roots = (*last.issuer_names, *(last.subject_names if others else ()))
        known = self._known.get((issuers, roots))
        if known is None:
            known = (self._attribution(issuers, roots),)
            self._known.put((issuers, roots), known)
        return known[0]

    def _attribution(self, issuers: Names, roots: Names) -> Attribution | None:
        for row in self.rows:
            whose, _, kind = row.field.partition("_")
            if any(row.matches(value) for value in _values(issuers if whose == "issuer" else roots, kind)):
                return row.attribution
        return None

    def names_product(self, organisation: str) -> str | None:
        """The product, if this organisation (of a leaf's subject) is the maker of one, by a name that is no guess."""
        value = organisation.strip()[:MAX_MATCHED]
        for row in self.rows:
            if row.field == "issuer_O" and row.confidence != "low" and row.matches(value):
                return f"{row.vendor} {row.product}"
        return None


@lru_cache(maxsize=8)
def load_middleboxes(extra: str | None = None) -> Middleboxes:
    """The shipped names, after those of `extra`: the text of a user's file in the form of `data/middleboxes.tsv`.

    Raises MiddleboxErrors with all errors of that text.
    """
    shipped = _rows(_data("middleboxes.tsv"))
    return Middleboxes([*(_rows(extra) if extra else ()), *shipped])


def attribution(leaf: CertificateFacts, others: Sequence[CertificateFacts] = ()) -> Attribution | None:
    """Whose product signed a path, by the shipped names; see `Middleboxes.attribution`."""
    return load_middleboxes().attribution(leaf, others)


def http_product(headers: Sequence[tuple[str, str]]) -> str | None:
    """The inspection product that names itself in the headers of an answer (names in lower case)."""
    for header, matches, product in _http_products():
        if any(name == header and matches(value[:MAX_HEADER]) for name, value in headers):
            return product
    return None


def telling(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Those of an answer's headers that can say anything of a proxy; the age of what a cache holds is none."""
    names = _telling_names()
    return tuple(header for header in headers if header[0] in names)


@lru_cache(maxsize=1)
def _telling_names() -> frozenset[str]:
    return frozenset({"via", *(header for header, _, _ in _http_products())})


@lru_cache(maxsize=1)
def _http_products() -> tuple[tuple[str, Matcher, str], ...]:
    return tuple(
        (cells["header"], _matcher(cells["pattern"]), cells["product"])
        for _, cells in _table(_data("http_products.tsv"), _HTTP_COLUMNS, [])
    )


def _values(names: Names, kind: str) -> Iterator[str]:
    return (value[:MAX_MATCHED] for short, value in names if short == kind)


def _data(name: str) -> str:
    return resources.files("prober.interception").joinpath("data", name).read_text("utf-8")


def _rows(text: str) -> list[Row]:
    errors: list[str] = []
    rows: list[Row] = []
    for number, cells in _table(text, _COLUMNS, errors):
        wrong = list(_wrong(cells))
        errors += [f"line {number}: {error}" for error in wrong]
        if not wrong:
            values = {name: cells[name] for name in ("vendor", "product", "category", "field", "pattern", "confidence")}
            rows.append(Row(**values, matches=_matcher(cells["pattern"])))
    if errors:
        raise MiddleboxErrors(errors)
    return rows


def _table(text: str, columns: Sequence[str], errors: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows with their line numbers; a header line, `#` for remarks, tabs between cells."""
    header: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        (cells,) = csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE)
        if header is None:
            header = cells
            if tuple(cells) != tuple(columns):
                errors.append(f"line {number}: the first line must name the columns: {' '.join(columns)}")
                return
        elif len(cells) != len(columns):
            errors.append(f"line {number}: {len(cells)} cells between tabs, not {len(columns)}")
        else:
            yield number, dict(zip(header, cells, strict=True))


def _wrong(cells: dict[str, str]) -> Iterator[str]:
    for name, allowed in (("category", _CATEGORIES), ("field", _FIELDS), ("confidence", _CONFIDENCES)):
        if cells[name] not in allowed:
            yield f"{name} {shown(cells[name], 40)!r} is none of {', '.join(allowed)}"
    if not cells["vendor"].strip() or not cells["product"].strip():
        yield "vendor and product must be named"
    try:
        _matcher(cells["pattern"])
    except (ValueError, OverflowError, RecursionError, re.error) as error:  # which is no ValueError
        yield f"pattern {shown(cells['pattern'], 60)!r}: {error}"


def _matcher(pattern: str) -> Matcher:
    """Raises ValueError or re.error for a pattern that is none."""
    form, colon, text = pattern.partition(":")
    if not colon or not text or len(pattern) > MAX_PATTERN:
        raise ValueError(f"wants exact:, substr: or regex: and a text, {MAX_PATTERN} characters at most")
    match form:
        case "exact":
            return text.__eq__
        case "substr":
            return lambda value: text in value
        case "regex":
            compiled = re.compile(text)
            return lambda value: compiled.search(value) is not None
    raise ValueError("begins with none of exact:, substr:, regex:")
