"""Certificate chains side by side: a pair's own beside the reference's, with what differs marked. Pure but for reading
certificates, each once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from prober.interception.certificates import certificate_facts
from prober.interception.comparison import Comparison
from prober.model import Observation
from prober.monitor.state import PairKey, PairState
from prober.report.certificates import certificate_document
from prober.report.document import CertificateDoc

NAMES: Final = 6
"""Alternative names shown of a certificate."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a certificate."""

    name: str
    own: str
    other: str
    differs: bool
    code: bool = False
    """Whether it is a digest or number, to be set as such."""


@dataclass(frozen=True, slots=True)
class Level:
    """The certificates in one place of both chains."""

    name: str
    fields: tuple[Field, ...]
    has_own: bool
    has_other: bool
    same: bool
    """Whether both are the very same certificate."""


@dataclass(frozen=True, slots=True)
class Side:
    """Whose chain it is."""

    route: str
    at: float
    """When it was seen: seconds since the epoch."""
    anchor: str
    version: str
    why: str = ""
    """Why it stands beside the other."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two chains."""

    own: Side
    other: Side | None
    levels: tuple[Level, ...]
    choices: tuple[str, ...]
    """Routes of the same target whose chains can stand here."""


def side_by_side(
    state: PairState, pairs: Mapping[PairKey, PairState], comparison: Comparison, wanted: str = ""
) -> SideBySide | None:
    """The pair's newest chain beside that of its reference, or of the route `wanted`. None without any chain."""
    mine = newest_chain(state)
    others = {
        other.route.name: (other, seen)
        for other in pairs.values()
        if other.target.id == state.target.id and other is not state and (seen := newest_chain(other)) is not None
    }
    if mine is None:
        return None
    name, why = _beside(state, others, comparison, wanted)
    own = _side(state, mine, comparison)
    theirs = others.get(name)
    other = None if theirs is None else _side(*theirs, comparison, why)
    levels = _levels(_chain(mine), () if theirs is None else _chain(theirs[1]))
    return SideBySide(own, other, tuple(levels), tuple(others))


def newest_chain(state: PairState) -> Observation | None:
    """The newest observation with certificates."""
    return next((each for each in reversed(state.recent) if each.tls is not None and each.tls.chain), None)


def _beside(
    state: PairState, others: Mapping[str, tuple[PairState, Observation]], comparison: Comparison, wanted: str
) -> tuple[str, str]:
    """The route to compare with, and why it."""
    if wanted in others:
        return wanted, "as you chose"
    reference = state.verdict.reference if state.verdict is not None else None
    if reference is not None and reference.kind == "route" and reference.name in others:
        return reference.name, "the reference of the verdict"
    for name, (other, seen) in others.items():
        trust = comparison.trust(seen, other.target)
        if trust is not None and trust.trusted:
            return name, "a route whose chain is trusted"
    return next(iter(others), ""), "another route"


def _side(state: PairState, seen: Observation, comparison: Comparison, why: str = "") -> Side:
    trust = comparison.trust(seen, state.target)
    version = "" if seen.tls is None else seen.tls.version
    return Side(state.route.name, seen.at, "" if trust is None else trust.anchor.value, version, why)


def _chain(seen: Observation) -> tuple[CertificateDoc, ...]:
    chain = () if seen.tls is None else seen.tls.chain
    return tuple(certificate_document(der, certificate_facts) for der in chain)


def _levels(own: Sequence[CertificateDoc], other: Sequence[CertificateDoc]) -> Iterator[Level]:
    for place, (one, two) in enumerate(zip_longest(own, other)):
        name = "Server certificate" if place == 0 else f"Issuer {place}, as sent"
        same = one is not None and two is not None and one.sha256 == two.sha256
        yield Level(name, tuple(_fields(one, two, compared=bool(other))), one is not None, two is not None, same)


def _fields(one: CertificateDoc | None, two: CertificateDoc | None, *, compared: bool) -> Iterator[Field]:
    both = compared and one is not None and two is not None
    for name, code, value in (
        ("Subject", False, _subject),
        ("Issuer", False, _issuer),
        ("Names", False, _names),
        ("Valid", False, _valid),
        ("Serial", True, _serial),
        ("Key (SPKI SHA-256)", True, _key),
        ("SHA-256", True, _digest),
    ):
        mine = "" if one is None else value(one)
        theirs = "" if two is None else value(two)
        if mine or theirs:
            yield Field(name, mine, theirs, both and mine != theirs, code)


def _subject(certificate: CertificateDoc) -> str:
    return "cannot be read" if certificate.subject is None else certificate.subject or "(empty)"


def _issuer(certificate: CertificateDoc) -> str:
    return certificate.issuer or ""


def _names(certificate: CertificateDoc) -> str:
    names = certificate.sans
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more


def _valid(certificate: CertificateDoc) -> str:
    if certificate.not_before is None or certificate.not_after is None:
        return ""
    return f"{certificate.not_before[:10]} to {certificate.not_after[:10]}"


def _serial(certificate: CertificateDoc) -> str:
    return certificate.serial or ""


def _key(certificate: CertificateDoc) -> str:
    return certificate.spki_sha256 or ""


def _digest(certificate: CertificateDoc) -> str:
    return certificate.sha256
