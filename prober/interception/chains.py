"""Where a chain ends: the best path from its leaf to an anchor, or why there is none.

Missing intermediates are filled in from the shipped bridges and from what other routes of the same run sent, as a
client that follows Authority Information Access (Windows) would do over the network. Hosts, pins and dates of the
certificates are the business of `trust`; here they only choose between paths.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from prober.interception.anchors import Authority, Certificate, by_subject
from prober.interception.certificates import CertificateFacts, shown
from prober.interception.endings import Ending, Standing, Terms, named
from prober.interception.issuers import IssuerNames, of_one_house
from prober.interception.marks import Marks
from prober.interception.paths import Path, bag, find
from prober.interception.unanchored import closed, marked, open_ended, with_added
from prober.interception.verify import OK, TIME_ERRORS, PathVerifier, Signatures, signatures_hold
from prober.model import Anchor, Reason

__all__ = ["MAX_CHECKS", "MAX_LEARNED", "ChainResolver", "Ending", "Standing", "Terms"]

MAX_CHECKS: Final = 16
"""Paths verified for one chain."""
MAX_LEARNED: Final = 256
"""Intermediates kept from other routes."""


class ChainResolver:
    """Finds the ending of chains against a fixed set of anchors and a growing set of intermediates."""

    def __init__(self, authorities: Sequence[Authority], bridges: Sequence[Certificate], marks: Marks) -> None:
        self._authorities = tuple(authorities)
        self._by_subject = by_subject(self._authorities)
        self._bridges = bag(bridges)
        self._marks = marks
        self._inspection = bag(marks.certificates)
        self._names = IssuerNames()
        trusted = [a for a in self._authorities if a.anchor is not Anchor.OS_ONLY and not marks.on((a.certificate,))]
        public = [a.certificate for a in trusted if a.anchor is not Anchor.PINNED]
        self._names.add((c.facts for c in (*public, *bridges)), organisations=True)
        self._names.add((a.certificate.facts for a in trusted), organisations=False)
        self._own = [a for a in trusted if a.anchor is Anchor.PINNED and a.names]
        self._learned: dict[str, Certificate] = {}
        self._learned_bag: dict[str, list[Certificate]] = {}
        self._seen = {c.facts.sha256 for held in self._bridges.values() for c in held}
        self._seen |= {authority.certificate.facts.sha256 for authority in self._authorities}
        self._verifier = PathVerifier()
        self._instants: list[int] = []
        self._note_instants()

    @property
    def generation(self) -> int:
        """Grows with every intermediate learned: an ending that was not good may be better now."""
        return len(self._learned)

    def learned(self, sha256: str) -> CertificateFacts | None:
        """An intermediate learned, by the digest of its certificate."""
        certificate = self._learned.get(sha256)
        return None if certificate is None else certificate.facts

    def knows_issuer_of(self, facts: CertificateFacts) -> bool:
        """Whether the issuer that a certificate names is a familiar one. Anybody may claim such a name."""
        return self._names.named_by(facts)

    def steady(self, sent: Iterable[Certificate], at: int) -> tuple[int, int]:
        """The span around `at` in which no certificate in play begins or ends to be valid: (from, until before)."""
        low, high = _span(self._instants, at)
        own_low, own_high = _span(sorted(_instants(sent)), at)
        return max(low, own_low), min(high, own_high)

    def learn(self, sent: Sequence[Certificate]) -> None:
        """Keep the intermediates of a chain for completing others: only those that lead to an anchor by signature."""
        for certificate in reversed(sent[1:]):
            facts = certificate.facts
            if facts.sha256 in self._seen or not facts.is_ca or facts.self_issued:
                continue
            if len(self._learned) >= MAX_LEARNED:
                return
            paths = self._usable(find(certificate, self._bags(sent), self._anchors_of, facts.not_before))
            anchored = [path for path in paths if path.authority and path.authority.anchor is not Anchor.OS_ONLY]
            good = next((path for path in anchored[:MAX_CHECKS] if self._verifier.check(path.ders, None) == OK), None)
            if good is not None:
                own = good.authority is not None and good.authority.anchor is Anchor.PINNED
                self._learned[facts.sha256] = certificate
                self._seen.add(facts.sha256)
                self._names.add([facts], organisations=not own)
                self._learned_bag = bag(self._learned.values())
                self._note_instants()

    def resolve(self, sent: Sequence[Certificate], terms: Terms, at: int) -> Ending:
        """The ending of a chain (leaf first, the rest in any order) on a host's terms, at a time."""
        pinned = self._pinned(sent, terms.pins)

        def anchors(subject_id: str) -> Sequence[Authority]:
            return [*pinned.get(subject_id, ()), *self._anchors_of(subject_id)]

        def known(facts: CertificateFacts) -> bool:
            """A root of the user's own makes its house's names familiar where it may vouch."""
            own = (a.certificate.facts for a in self._own if terms.in_scope(a))
            return self._names.named_by(facts) or any(of_one_house(facts, root) for root in own)

        paths = find(sent[0], [*self._bags(sent), self._inspection], anchors, at)
        signatures = Signatures()
        ending = self._anchored(paths, terms, at)
        if ending is None or ending.anchor is Anchor.OS_ONLY:
            ending = (
                marked(paths, self._marks, signatures)
                or ending
                or closed(paths, signatures, self._held)
                or open_ended(sent[0], paths, signatures, self._held, known)
            )
        return with_added(ending, sent)

    def last_expiry(
        self, sent: Sequence[Certificate], terms: Terms, at: int, worth: Sequence[Standing]
    ) -> float | None:
        """When the last good path of such worth ceases to be valid; a path does with the first of its certificates."""
        pinned = self._pinned(sent, terms.pins)

        def anchors(subject_id: str) -> Sequence[Authority]:
            return [*pinned.get(subject_id, ()), *self._anchors_of(subject_id)]

        paths = self._usable(find(sent[0], self._bags(sent), anchors, at))
        ends = sorted(
            ((min(c.facts.not_after for c in path.certificates), path) for path in paths if path.valid_at(at)),
            key=lambda item: -item[0],
        )
        for end, path in ends[:MAX_CHECKS]:
            if _standing(path, terms) in worth and self._verifier.check(path.ders, at, keep=False) == OK:
                return end
        return None

    def _usable(self, paths: Iterable[Path]) -> list[Path]:
        """Paths to an anchor on which nobody stands who shall not be trusted."""
        return [path for path in paths if path.authority and not self._marks.on(path.certificates)]

    def _held(self, subject_id: str) -> list[Certificate]:
        """All that is held of an authority: anchors, bridges, what was learned."""
        anchors = [authority.certificate for authority in self._anchors_of(subject_id)]
        return [*anchors, *self._bridges.get(subject_id, ()), *self._learned_bag.get(subject_id, ())]

    def _bags(self, sent: Sequence[Certificate]) -> list[dict[str, list[Certificate]]]:
        return [bag(sent[1:]), self._bridges, self._learned_bag]

    def _anchors_of(self, subject_id: str) -> Sequence[Authority]:
        return self._by_subject.get(subject_id, ())

    def _pinned(self, sent: Sequence[Certificate], pins: frozenset[str] | None) -> dict[str, list[Authority]]:
        """A pinned key is an anchor for its host, be it the leaf's or an issuer's, sent or held."""
        if not pins:
            return {}
        certificates = [*sent, *(authority.certificate for authority in self._authorities)]
        return by_subject(Authority(c, Anchor.PINNED) for c in certificates if c.facts.spki_sha256 in pins)

    def _anchored(self, paths: list[Path], terms: Terms, at: int) -> Ending | None:
        ranked = sorted(
            ((_standing(path, terms), path) for path in self._usable(paths)),
            key=lambda item: (item[0], _preference(item[1], at)),
        )
        fallback: tuple[Standing, Ending] | None = None
        for standing, path in ranked[:MAX_CHECKS]:
            if fallback is not None and standing > fallback[0]:
                break
            ending = self._checked(path, standing, at)
            if ending is None:
                continue
            if not ending.late and ending.reason is not Reason.CERT_INVALID:
                return ending
            if fallback is None or (ending.late and not fallback[1].late):
                fallback = (standing, ending)
        return fallback[1] if fallback else None

    def _checked(self, path: Path, standing: Standing, at: int) -> Ending | None:
        """The ending that a path to an anchor gives; None if its signatures do not hold."""
        if path.authority is None:
            return None
        keep = path.authority in self._anchors_of(path.authority.certificate.facts.subject_id)
        code = self._verifier.check(path.ders, at, keep=keep)
        late = code in TIME_ERRORS
        if late:
            code = self._verifier.check(path.ders, None, keep=keep)
        anchor = path.authority.anchor
        if code == OK:
            reason, detail = _standing_reason(standing, path.authority)
            return Ending(anchor, path, reason, detail, late, standing=standing)
        if not signatures_hold(path.ders):
            return None
        text = f"the path to {named(path.certificates[-1])} breaks a rule of RFC 5280 (OpenSSL code {code})"
        return Ending(anchor, path, Reason.CERT_INVALID, text, standing=standing)

    def _note_instants(self) -> None:
        certificates = [authority.certificate for authority in self._authorities]
        for held in (*self._bridges.values(), *self._learned_bag.values(), *self._inspection.values()):
            certificates += held
        self._instants = sorted(_instants(certificates))


def _standing(path: Path, terms: Terms) -> Standing:
    authority = path.authority
    if authority is None or authority.anchor is Anchor.OS_ONLY:
        return Standing.OS_ONLY
    if not terms.in_scope(authority):
        return Standing.OUT_OF_SCOPE
    if terms.pins is not None and not any(c.facts.spki_sha256 in terms.pins for c in path.certificates):
        return Standing.NOT_PINNED
    return Standing.TRUSTED


def _preference(path: Path, at: int) -> tuple[bool, int, bool, int]:
    """A leaf that is itself an anchor first, then by class, then what is in date, then the shorter one."""
    rank = path.authority.rank if path.authority else 0
    return len(path.certificates) > 1, rank, not path.valid_at(at), len(path.certificates)


def _standing_reason(standing: Standing, authority: Authority) -> tuple[Reason | None, str]:
    name = shown(authority.certificate.facts.subject)
    match standing:
        case Standing.TRUSTED:
            return None, ""
        case Standing.OS_ONLY:
            return Reason.CERT_UNTRUSTED, f"only a root installed on this machine vouches for it: {name}"
        case Standing.OUT_OF_SCOPE:
            return Reason.CERT_UNTRUSTED, f"it ends at {name}, which may not vouch for this name"
        case Standing.NOT_PINNED:
            return (
                Reason.CERT_UNTRUSTED,
                f"it ends at {name}, but none of the keys pinned for this name is on the path",
            )


def _instants(certificates: Iterable[Certificate]) -> set[int]:
    """Seconds at which a judgement may change: each bound and the second after, since OpenSSL says which counts."""
    return {
        int(bound) + after
        for certificate in certificates
        for bound in (certificate.facts.not_before, certificate.facts.not_after)
        for after in (0, 1)
    }


def _span(instants: Sequence[int], at: int) -> tuple[int, int]:
    place = bisect_right(instants, at)
    low = instants[place - 1] if place else -(2**62)
    high = instants[place] if place < len(instants) else 2**62
    return low, high
