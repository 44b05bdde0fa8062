"""Where a chain ends: the best path from its leaf to an anchor, or why there is none.

Missing intermediates are filled in from the shipped bridges and from what other routes of the same run sent, as a
client that follows Authority Information Access (Windows) would do over the network. Hosts, pins and dates of the
certificates are the business of `trust`; here they only choose between paths.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from prober.interception.anchors import Authority, Certificate, by_subject
from prober.interception.certificates import shown
from prober.interception.paths import End, Path, bag, find
from prober.interception.verify import OK, TIME_ERRORS, PathVerifier, signatures_hold, signed_by
from prober.model import Anchor, Reason

MAX_CHECKS: Final = 16
"""Paths verified for one chain."""
MAX_LEARNED: Final = 256
"""Intermediates kept from other routes."""


class Standing(IntEnum):
    """What a path to an anchor is worth for one host, best first."""

    TRUSTED = 0
    OS_ONLY = 1
    OUT_OF_SCOPE = 2
    NOT_PINNED = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """What the host asks of a path."""

    in_scope: Callable[[Authority], bool]
    """Whether an anchor may vouch for the host."""
    pins: frozenset[str] | None
    """SPKI digests of which one must be on the path; None = no pins for this host."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a chain ends."""

    anchor: Anchor
    path: Path
    """The path that decided. Its signatures hold, unless the anchor is `incomplete`."""
    reason: Reason | None = None
    """None = the path is good, dates apart."""
    detail: str = ""
    late: bool = False
    """OpenSSL refused the path for a date, and only for that."""
    added: tuple[str, ...] = ()
    """SHA-256 of certificates on the path that the peer did not send, the anchor apart."""
    forged: str | None = None
    """SHA-256 of a certificate we hold that the chain names as an issuer, by name and key, and that did not sign."""
    standing: Standing | None = None
    """What the path's anchor is worth for the host; None without an anchor."""


class ChainResolver:
    """Finds the ending of chains against a fixed set of anchors and a growing set of intermediates."""

    def __init__(self, authorities: Sequence[Authority], bridges: Iterable[Certificate]) -> None:
        self._authorities = tuple(authorities)
        self._by_subject = by_subject(self._authorities)
        self._bridges = bag(bridges)
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
            paths = find(certificate, self._bags(sent), self._anchors_of, facts.not_before)
            anchored = [path for path in paths if path.authority and path.authority.anchor is not Anchor.OS_ONLY]
            if any(self._verifier.check(path.ders, None) == OK for path in anchored[:MAX_CHECKS]):
                self._learned[facts.sha256] = certificate
                self._seen.add(facts.sha256)
                self._learned_bag = bag(self._learned.values())
                self._note_instants()

    def resolve(self, sent: Sequence[Certificate], terms: Terms, at: int) -> Ending:
        """The ending of a chain (leaf first, the rest in any order) on a host's terms, at a time."""
        pinned = self._pinned(sent, terms.pins)

        def anchors(subject_id: str) -> Sequence[Authority]:
            return [*pinned.get(subject_id, ()), *self._anchors_of(subject_id)]

        paths = find(sent[0], self._bags(sent), anchors, at)
        ending = self._anchored(paths, terms, at) or _unknown(paths) or self._incomplete(sent[0], paths)
        held = {certificate.facts.sha256 for certificate in sent}
        links = ending.path.certificates[:-1] if ending.path.authority else ending.path.certificates
        return replace(ending, added=tuple(c.facts.sha256 for c in links if c.facts.sha256 not in held))

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
            ((_standing(path, terms), path) for path in paths if path.authority),
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
        text = f"the path to {_name(path)} breaks a rule of RFC 5280 (OpenSSL code {code})"
        return Ending(anchor, path, Reason.CERT_INVALID, text, standing=standing)

    def _incomplete(self, leaf: Certificate, paths: list[Path]) -> Ending:
        """No path holds: the longest one by names, and whether one of ours is named on it that did not sign."""
        ways = [path.certificates if path.authority is None else path.certificates[:-1] for path in paths]
        path = Path(max(ways, key=len, default=()) or (leaf,), End.MISSING)
        forged, held = self._forged(path)
        if forged is not None and held is not None:
            text = f"{_subject(forged)} names {_subject(held)} as its issuer, but that key did not sign it"
            return Ending(Anchor.INCOMPLETE, path, Reason.CERT_UNTRUSTED, text, forged=held.facts.sha256)
        issuer = shown(path.certificates[-1].facts.issuer) or "an authority without a name"
        text = f"its issuer {issuer} was not sent, and none known here signed it"
        return Ending(Anchor.INCOMPLETE, path, Reason.CERT_INCOMPLETE_CHAIN, text)

    def _forged(self, path: Path) -> tuple[Certificate | None, Certificate | None]:
        """A certificate on the path that names one we hold as its issuer, by name and key, and that one."""
        for link in path.certificates:
            facts = link.facts
            held = [authority.certificate for authority in self._anchors_of(facts.issuer_id)]
            held += self._bridges.get(facts.issuer_id, [])
            named = [issuer for issuer in held if facts.aki is not None and issuer.facts.ski == facts.aki]
            if named and not any(signed_by(link.der, issuer.der) for issuer in named):
                return link, named[0]
        return None, None

    def _note_instants(self) -> None:
        certificates = [authority.certificate for authority in self._authorities]
        for held in (*self._bridges.values(), *self._learned_bag.values()):
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


def _unknown(paths: list[Path]) -> Ending | None:
    """A path that ends, with signatures that hold, at a self-signed certificate nobody knows."""
    closed = [path for path in paths if path.end is End.SELF_ISSUED]
    for path in closed[:MAX_CHECKS]:
        if not signatures_hold([*path.ders, path.ders[-1]]):
            continue
        if len(path.certificates) == 1:
            return Ending(Anchor.SELF_SIGNED_LEAF, path, Reason.CERT_UNTRUSTED, f"{_name(path)} is self-signed")
        text = f"it ends at {_name(path)}, a root that no store here has"
        return Ending(Anchor.UNKNOWN, path, Reason.CERT_UNTRUSTED, text)
    return None


def _name(path: Path) -> str:
    return _subject(path.certificates[-1])


def _subject(certificate: Certificate) -> str:
    return shown(certificate.facts.subject) or "a certificate without a subject"


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
