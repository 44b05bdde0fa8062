"""Revocation in the run document: where it is published for each certificate of a chain, and what came of asking."""

from __future__ import annotations

from msgspec import Struct

from prober.report.failure_document import FailureDoc
from prober.report.scalars import Digest, Instant


class SourceDoc(Struct, frozen=True):
    """One address in a certificate."""

    kind: str
    """`crl`, `ocsp` or `ca-issuers`; the last is no revocation, but the issuer's own certificate."""
    url: str
    works: bool | None
    """Whether a client can rest on what it answers; null = not known."""
    failure: FailureDoc | None
    """Why it does not work."""
    says: str
    """What it answered, or why nothing is known: escape before showing."""


class RevocationCertificateDoc(Struct, frozen=True):
    """One certificate with its sources."""

    sha256: Digest
    reachable: bool | None
    """Whether one of its sources works; null = not known, or it names none."""
    sources: tuple[SourceDoc, ...]
    ignored: tuple[str, ...]
    """Addresses in it that are not followed, each as a sentence."""
    revoked_at: Instant | None = None
    """When its authority revoked it, if it did and says when."""


class RevocationDoc(Struct, frozen=True):
    """Whether a client that checks revocation could do so for a chain."""

    reachable: bool | None
    """False if the revocation of one of its certificates cannot be looked up; null = not known, or none names a source.
    Says nothing on whether the target is reached."""
    failure: FailureDoc | None
    """Why not: `revocation-unreachable`, with the place where the first source failed."""
    revoked: FailureDoc | None
    """`cert-revoked`, if one of its certificates is."""
    route: str
    """The route over which the sources were asked."""
    certificates: tuple[RevocationCertificateDoc, ...]
    """All but the root, leaf first."""
