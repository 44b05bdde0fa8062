"""Verdicts on interception for a run document, and what results are counted by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prober.interception.verdict import Attribution, Evidence, Mixed, Reference, Signer, Verdict, Word
from prober.report.document import Result
from prober.report.judgement import (
    AttributionDoc,
    EvidenceDoc,
    InterceptionDoc,
    MixedDoc,
    ReferenceDoc,
    SignerDoc,
)
from prober.report.scalars import instant, wire_text

TOLD: Final = frozenset({Word.INTERCEPTED.value, Word.SUSPECT.value, Word.BLOCKED.value})
"""Verdicts that are findings of their own, and tell about the certificate what there is to tell."""


def word_of(result: Result) -> str | None:
    """The verdict's word; None where nothing was judged."""
    return None if result.interception is None else result.interception.verdict


def is_mixed(result: Result) -> bool:
    """Whether interception was seen on some connections of the pair only."""
    return result.interception is not None and result.interception.mixed is not None


def untrusted_else(result: Result) -> bool:
    """Whether the certificate is untrusted and no verdict says so already."""
    return result.trusted is False and word_of(result) not in TOLD


def interception_document(verdict: Verdict | None) -> InterceptionDoc | None:
    """A verdict as the document has it; None where nothing was judged."""
    if verdict is None:
        return None
    return InterceptionDoc(
        verdict=verdict.word.value,
        basis=verdict.basis.value,
        reason=None if verdict.reason is None else verdict.reason.value,
        confidence=None if verdict.confidence is None else verdict.confidence.value,
        score=verdict.score,
        evidence=tuple(map(_evidence, verdict.evidence)),
        reference=_reference(verdict.reference),
        attribution=_attribution(verdict.attribution),
        hop=verdict.hop,
        mixed=_mixed(verdict.mixed),
        policy_mismatch=verdict.policy_mismatch,
        families=_families(verdict.evidence),
        signer=_signer(verdict.signer),
        issuer_changed=verdict.issuer_changed,
        shared_key_with=tuple(map(wire_text, verdict.shared_key_with)),
    )


def _families(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.family.value for each in evidence if each.decides))


def _evidence(evidence: Evidence) -> EvidenceDoc:
    return EvidenceDoc(
        id=evidence.id,
        family=evidence.family.value,
        points=evidence.points,
        text=wire_text(evidence.text),
        decides=evidence.decides,
        observed=wire_text(evidence.observed),
        expected=wire_text(evidence.expected),
    )


def _reference(reference: Reference | None) -> ReferenceDoc | None:
    if reference is None:
        return None
    return ReferenceDoc(
        kind=reference.kind,
        name=wire_text(reference.name),
        spki_sha256=reference.spki_sha256,
        issuer=wire_text(reference.issuer),
        at=None if reference.at is None else instant(reference.at),
    )


def _attribution(attribution: Attribution | None) -> AttributionDoc | None:
    if attribution is None:
        return None
    return AttributionDoc(
        vendor=wire_text(attribution.vendor),
        product=wire_text(attribution.product),
        category=wire_text(attribution.category),
        confidence=wire_text(attribution.confidence),
        pattern=wire_text(attribution.pattern),
    )


def _signer(signer: Signer | None) -> SignerDoc | None:
    if signer is None:
        return None
    return SignerDoc(
        subject=wire_text(signer.subject),
        spki_sha256=signer.spki_sha256,
        root=wire_text(signer.root),
        root_spki_sha256=signer.root_spki_sha256,
        stores=signer.stores,
    )


def _mixed(mixed: Mixed | None) -> MixedDoc | None:
    return None if mixed is None else MixedDoc(mixed.intercepted, mixed.of)
