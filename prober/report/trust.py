"""The trust that a run was judged with, into its document and out of it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from prober.interception.holdings import SavedAnchor, TrustSnapshot
from prober.model import Anchor
from prober.report.document import Run
from prober.report.judgement import RootDoc, TrustDoc


def trust_document(snapshot: TrustSnapshot) -> TrustDoc:
    """A snapshot for a run document; `certificates_of` it belong into `run.certificates`."""
    return TrustDoc(
        shipped_version=snapshot.shipped_version,
        shipped_dated=snapshot.shipped_dated,
        with_shipped=snapshot.with_shipped,
        mozilla_sha256=snapshot.mozilla_sha256,
        roots=tuple(RootDoc(_digest(each.der), each.anchor.value, each.names, each.store) for each in snapshot.anchors),
        bridges=tuple(map(_digest, snapshot.bridges)),
        os_keys=snapshot.os_keys,
        pins=dict(snapshot.pins),
        interceptor_certificates=tuple(map(_digest, snapshot.interceptor_certificates)),
        interceptor_digests=snapshot.interceptor_digests,
        known_bad=dict(snapshot.known_bad),
    )


def certificates_of(snapshot: TrustSnapshot) -> Iterator[bytes]:
    """Every certificate (DER) that a snapshot names, for `collect_certificates`."""
    yield from (each.der for each in snapshot.anchors)
    yield from snapshot.bridges
    yield from snapshot.interceptor_certificates


def snapshot_of(run: Run) -> TrustSnapshot | None:
    """The trust that a run was judged with; None where its version did not say.

    Raises ValueError, with a clause that says what is wrong, where certificates are missing or a word is unknown.
    """
    trust = run.trust
    if trust is None:
        return None

    def certificate(digest: str) -> bytes:
        try:
            return run.certificates[digest]
        except KeyError:
            raise ValueError(f"a certificate of the trust it was judged with is missing: {digest}") from None

    return TrustSnapshot(
        shipped_version=trust.shipped_version,
        shipped_dated=trust.shipped_dated,
        with_shipped=trust.with_shipped,
        mozilla_sha256=trust.mozilla_sha256,
        anchors=tuple(
            SavedAnchor(certificate(each.sha256), _anchor(each.anchor), each.names, each.store) for each in trust.roots
        ),
        bridges=tuple(map(certificate, trust.bridges)),
        os_keys=trust.os_keys,
        pins=tuple(trust.pins.items()),
        interceptor_certificates=tuple(map(certificate, trust.interceptor_certificates)),
        interceptor_digests=trust.interceptor_digests,
        known_bad=tuple(trust.known_bad.items()),
    )


def _anchor(word: str) -> Anchor:
    try:
        return Anchor(word)
    except ValueError:
        raise ValueError(f"a root of the trust it was judged with is of a kind unknown here: {word}") from None


def _digest(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()
