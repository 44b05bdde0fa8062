"""Certificates and handshakes for a run document: each certificate once, chains by digest where they repeat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache

from prober.interception.certificates import CertificateFacts
from prober.interception.trust import Trust
from prober.model import Observation, ServerHello, TlsFacts
from prober.report.document import CertificateDoc, HelloDoc, SampleTlsDoc, TlsDoc
from prober.report.scalars import instant, wire_text

CertificateReader = Callable[[bytes], CertificateFacts | None]
"""DER to facts; None if it does not parse."""


def collect_certificates(observations: Iterable[Observation], others: Iterable[bytes] = ()) -> dict[str, bytes]:
    """Every distinct certificate of the targets and of HTTPS proxies, by SHA-256; `others` are roots to keep too."""
    distinct: set[bytes] = set(others)
    for observation in observations:
        if observation.tls is not None:
            distinct.update(observation.tls.chain)
        for hop in observation.hops:
            if hop.tls is not None:
                distinct.update(hop.tls.chain)
    return dict(sorted((hashlib.sha256(der).hexdigest(), der) for der in distinct))


@lru_cache(maxsize=4096)
def certificate_document(der: bytes, facts: CertificateReader) -> CertificateDoc:
    """One certificate for a chain; made once for each distinct one."""
    digest = hashlib.sha256(der).hexdigest()
    seen = facts(der)
    if seen is None:
        return CertificateDoc(digest, None, None, None, None, None, None, ())
    return CertificateDoc(
        sha256=digest,
        spki_sha256=seen.spki_sha256,
        subject=wire_text(seen.subject),
        issuer=wire_text(seen.issuer),
        serial=seen.serial,
        not_before=_period(seen.not_before),
        not_after=_period(seen.not_after),
        sans=tuple(map(wire_text, seen.sans)),
    )


def tls_document(tls: TlsFacts | None, trust: Trust | None, facts: CertificateReader) -> TlsDoc | None:
    """The handshake with a target."""
    if tls is None:
        return None
    return TlsDoc(
        version=tls.version,
        cipher=tls.cipher,
        group=tls.group,
        alpn=tls.alpn,
        client_cert_requested=tls.client_cert_requested,
        ocsp_stapled=tls.ocsp_stapled,
        chain=tuple(certificate_document(der, facts) for der in tls.chain),
        anchor=None if trust is None else trust.anchor.value,
        hello=_hello(tls.hello),
        key_proven=tls.key_proven,
    )


def sample_tls(tls: TlsFacts | None, facts: CertificateReader) -> SampleTlsDoc | None:
    """The same in short, for one of several probes."""
    if tls is None:
        return None
    chain = tuple(certificate_document(der, facts) for der in tls.chain)
    return SampleTlsDoc(
        version=tls.version,
        cipher=tls.cipher,
        leaf_sha256=chain[0].sha256 if chain else None,
        leaf_spki_sha256=chain[0].spki_sha256 if chain else None,
        group=tls.group,
        alpn=tls.alpn,
        client_cert_requested=tls.client_cert_requested,
        ocsp_stapled=tls.ocsp_stapled,
        chain=tuple(each.sha256 for each in chain),
        hello=_hello(tls.hello),
        key_proven=tls.key_proven,
    )


@lru_cache(maxsize=1024)
def _hello(hello: ServerHello | None) -> HelloDoc | None:
    if hello is None:
        return None
    return HelloDoc(hello.version, hello.cipher, hello.group, hello.extensions, hello.retried)


def _period(at: float) -> str:
    """Certificates know whole seconds."""
    return instant(at).replace(".000Z", "Z")
