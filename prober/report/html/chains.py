"""The certificate chains that a target showed, side by side: each distinct one once, with the routes that showed it.
Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from prober.report.document import CertificateDoc, Result

MAX_CHAINS: Final = 5
"""Columns; what is beyond is counted."""
MAX_LEVELS: Final = 10
MAX_NAMED: Final = 3
"""Names listed of the largest group of routes."""
NAMES: Final = 6
"""Alternative names shown of a certificate."""


@dataclass(frozen=True, slots=True)
class Column:
    """One chain."""

    over: str
    """Names of the ways that showed it."""
    anchors: tuple[str, ...]
    version: str
    reference: bool
    """Whether verdicts compared others with it."""
    trust: str
    """Why it is not trusted: a `cert-…` word; empty where it is, or was not judged."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a certificate: a text for each chain, and whether it is another than the first chain's."""

    name: str
    cells: tuple[tuple[str, bool], ...]
    code: bool


@dataclass(frozen=True, slots=True)
class Level:
    """The certificates in one place of all chains."""

    name: str
    same: bool
    """Whether they are one and the same: then each field has one cell."""
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Chains:
    """All distinct chains of a target, the reference first."""

    columns: tuple[Column, ...]
    levels: tuple[Level, ...]
    more: int
    """Chains that are not shown."""
    longer: bool
    """Whether a chain has more certificates than are shown."""


def chains_of(results: Mapping[str, Result]) -> Chains | None:
    """The chains that a target's results (by the way's name) have; None where there is none."""
    members: dict[tuple[str, ...], list[tuple[str, Result]]] = {}
    for way, result in results.items():
        if result.tls is not None and result.tls.chain:
            members.setdefault(tuple(each.sha256 for each in result.tls.chain), []).append((way, result))
    if not members:
        return None
    referred = {
        verdict.reference.name
        for result in results.values()
        if (verdict := result.interception) is not None
        and verdict.verdict != "clean"
        and verdict.reference is not None
        and verdict.reference.kind == "route"
    }
    ordered = sorted(members.values(), key=lambda found: (not _is_reference(found, referred), not _trusted(found)))
    shown = ordered[:MAX_CHAINS]
    chains = [_chain(found) for found in shown]
    over = names_of([[way for way, _ in found] for found in ordered])
    return Chains(
        columns=tuple(_column(found, over[found[0][0]], referred) for found in shown),
        levels=tuple(_levels([chain[:MAX_LEVELS] for chain in chains])),
        more=len(ordered) - len(shown),
        longer=any(len(chain) > MAX_LEVELS for chain in chains),
    )


def names_of(lists: Sequence[Sequence[str]]) -> dict[str, str]:
    """Lists of ways as texts, by the first of each: all names, but for the longest list, of which the others tell."""
    longest = max(lists, key=len, default=[])
    texts = {each[0]: ", ".join(each) for each in lists}
    if len(longest) > MAX_NAMED + 1:
        texts[longest[0]] = f"{len(longest)} routes ({', '.join(longest[:MAX_NAMED])} and others)"
    return texts


_Found = Sequence[tuple[str, Result]]


def _is_reference(found: _Found, referred: set[str]) -> bool:
    return any(result.route in referred and result.trusted for _, result in found)


def _trusted(found: _Found) -> bool:
    return any(result.trusted for _, result in found)


def _chain(found: _Found) -> tuple[CertificateDoc, ...]:
    tls = found[0][1].tls
    return () if tls is None else tls.chain


def _column(found: _Found, over: str, referred: set[str]) -> Column:
    handshakes = [result.tls for _, result in found if result.tls is not None]
    failures = (result.trust_failure for _, result in found)
    return Column(
        over=over,
        anchors=tuple(dict.fromkeys(tls.anchor for tls in handshakes if tls.anchor)),
        version=", ".join(dict.fromkeys(tls.version for tls in handshakes)),
        reference=_is_reference(found, referred),
        trust=next((failure.reason for failure in failures if failure is not None), ""),
    )


def _levels(chains: Sequence[Sequence[CertificateDoc]]) -> Iterator[Level]:
    for place, certificates in enumerate(zip_longest(*chains)):
        digests = {None if each is None else each.sha256 for each in certificates}
        same = len(digests) == 1
        compared = certificates[:1] if same else certificates
        yield Level(
            name="Server certificate" if place == 0 else f"Issuer {place}, as sent",
            same=same and len(chains) > 1,
            fields=tuple(_fields(compared, leaf=place == 0)),
        )


def _fields(certificates: Sequence[CertificateDoc | None], *, leaf: bool) -> Iterator[Field]:
    """Lines of one level; of the issuers the telling ones only."""
    rows = [None if each is None else _texts(each) for each in certificates]
    names = next((tuple(row) for row in rows if row is not None), ())
    for name in names if leaf else ("Subject", "Issuer", "Valid", "SHA-256"):
        texts = ["" if row is None else row[name] for row in rows]
        if any(texts):
            first = texts[0]
            cells = tuple((text, bool(number) and text != first) for number, text in enumerate(texts))
            yield Field(name, cells, name in ("Serial", "Key (SPKI)", "SHA-256"))


def _texts(certificate: CertificateDoc) -> dict[str, str]:
    subject = certificate.subject
    return {
        "Subject": "cannot be read" if subject is None else subject or "(empty)",
        "Issuer": certificate.issuer or "",
        "Names": _names(certificate.sans),
        "Valid": _valid(certificate),
        "Serial": certificate.serial or "",
        "Key (SPKI)": certificate.spki_sha256 or "",
        "SHA-256": certificate.sha256,
    }


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more


def _valid(certificate: CertificateDoc) -> str:
    if certificate.not_before is None or certificate.not_after is None:
        return ""
    return f"{certificate.not_before[:10]} to {certificate.not_after[:10]}"
