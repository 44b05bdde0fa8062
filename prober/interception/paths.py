"""Every way a chain may lead from its leaf to an anchor, by names alone, nearest first.

OpenSSL commits itself to one issuer at each step; with cross-signed roots, expired bridges and look-alikes in the bag
that can be the wrong one. So the ways are listed here, within a budget that a hostile bag cannot stretch, and each is
then checked on its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from prober.interception.anchors import Authority, Certificate

MAX_DEPTH: Final = 10
"""Certificates on a path."""
MAX_STEPS: Final = 300
"""Partial paths looked at for one chain."""

Bag = Mapping[str, Sequence[Certificate]]
"""Certificates to build with, under `CertificateFacts.subject_id`."""


class End(Enum):
    """How a path ends."""

    ANCHOR = auto()
    """At an anchor."""
    SELF_ISSUED = auto()
    """At a certificate that names itself as issuer and is no anchor."""
    MISSING = auto()
    """At a certificate whose issuer is nowhere."""


@dataclass(frozen=True, slots=True)
class Path:
    """Certificates, each naming the next as its issuer. No signature has been looked at."""

    certificates: tuple[Certificate, ...]
    """Leaf first; the anchor last, if there is one."""
    end: End
    authority: Authority | None = None

    @property
    def ders(self) -> list[bytes]:
        """The encodings, leaf first."""
        return [certificate.der for certificate in self.certificates]

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each certificate, leaf first."""
        return tuple(certificate.facts.sha256 for certificate in self.certificates)

    def valid_at(self, at: float) -> bool:
        """Whether all validity periods hold `at` (seconds since the epoch)."""
        return all(certificate.facts.valid_at(at) for certificate in self.certificates)


def bag(certificates: Iterable[Certificate]) -> dict[str, list[Certificate]]:
    """Index certificates for `find`; doubles fall away, nameless ones too, since nobody can name them as issuer."""
    index: dict[str, list[Certificate]] = {}
    seen: set[str] = set()
    for certificate in certificates:
        facts = certificate.facts
        if facts.subject_id and facts.sha256 not in seen:
            seen.add(facts.sha256)
            index.setdefault(facts.subject_id, []).append(certificate)
    return index


def find(
    leaf: Certificate, bags: Sequence[Bag], anchors: Callable[[str], Sequence[Authority]], at: float
) -> list[Path]:
    """All paths from `leaf`, shortest first; on equal length those with fitting key identifiers and times first.

    `anchors` gives the anchors of a subject id. Breadth first, at most MAX_STEPS partial paths.
    """
    open_paths: deque[tuple[Certificate, ...]] = deque([(leaf,)])
    found = [
        Path((leaf,), End.ANCHOR, authority)
        for authority in anchors(leaf.facts.subject_id)
        if authority.certificate.facts.sha256 == leaf.facts.sha256
    ]
    steps = 0
    while open_paths and steps < MAX_STEPS:
        steps += 1
        path = open_paths.popleft()
        last = path[-1]
        issuers = anchors(last.facts.issuer_id) if last.facts.issuer_id else ()
        found += [
            Path((*path, authority.certificate), End.ANCHOR, authority)
            for authority in issuers
            if not _same_authority(authority.certificate, last)
        ]
        onward = _onward(path, bags, at) if len(path) < MAX_DEPTH else []
        open_paths.extend((*path, issuer) for issuer in onward)
        if last.facts.self_issued:
            found.append(Path(path, End.SELF_ISSUED))
        elif not onward and not issuers:
            found.append(Path(path, End.MISSING))
    return found


def _onward(path: tuple[Certificate, ...], bags: Sequence[Bag], at: float) -> list[Certificate]:
    """Certificates that the end of `path` may name as its issuer, likeliest first."""
    last = path[-1]
    if not last.facts.issuer_id:
        return []
    candidates = {
        certificate.facts.sha256: certificate
        for index in bags
        for certificate in index.get(last.facts.issuer_id, ())
        if not any(_same_authority(certificate, used) for used in path)
    }
    return sorted(
        candidates.values(),
        key=lambda certificate: (not _identifiers_fit(last, certificate), not certificate.facts.valid_at(at)),
    )


def _same_authority(one: Certificate, other: Certificate) -> bool:
    """Same name and same key: another certificate of it leads nowhere new, and round in circles."""
    return one.facts.subject_id == other.facts.subject_id and one.facts.spki_sha256 == other.facts.spki_sha256


def _identifiers_fit(child: Certificate, issuer: Certificate) -> bool:
    return child.facts.aki is None or issuer.facts.ski is None or child.facts.aki == issuer.facts.ski
