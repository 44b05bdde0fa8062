"""A world to report on: targets, routes, observations, and a reader that makes up facts for made-up certificates."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import pytest

from prober.interception.certificates import CertificateFacts
from prober.interception.trust import Trust
from prober.interception.verdict import (
    Attribution,
    Basis,
    Confidence,
    Evidence,
    Family,
    Mixed,
    Reference,
    Signer,
    Verdict,
    Why,
    Word,
)
from prober.model import (
    Anchor,
    Failure,
    Hop,
    HopFacts,
    HopScheme,
    HopTimings,
    HttpFacts,
    Observation,
    Reason,
    Route,
    Scheme,
    Secret,
    Stage,
    Target,
    Timings,
    TlsFacts,
)
from prober.report.build import build_result, instant, route_document, skipped_document, summary_of
from prober.report.document import SCHEMA, Environment, NoteDoc, ProberDoc, Run, SkippedDoc

STARTED = 1_795_309_623.25


def judged(trusted: bool, failure: Failure | None, anchor: Anchor) -> Trust:
    return Trust(trusted, failure, anchor, ())


def read(der: bytes) -> CertificateFacts | None:
    """Facts as `prober.interception.certificates` states them, from a made-up text `subject|issuer`."""
    subject, bar, issuer = der.decode("utf-8", "surrogateescape").partition("|")
    if not bar:
        return None
    made = dict.fromkeys(each.name for each in fields(CertificateFacts))
    facts: dict[str, Any] = made | {
        "sha256": hashlib.sha256(der).hexdigest(),
        "spki_sha256": hashlib.sha256(b"spki" + der).hexdigest(),
        "subject": subject,
        "issuer": issuer,
        "serial": "0a1b",
        "not_before": 1_767_225_600.0,
        "not_after": 1_798_761_600.0,
        "sans": ("a.example", "*.b.example"),
    }
    return CertificateFacts(**facts)


def tls(issuer: str = "CN=Microsoft TLS RSA Root G2") -> TlsFacts:
    chain = tuple(text.encode("utf-8", "replace") for text in (f"CN=leaf|{issuer}", f"{issuer}|CN=Root"))
    return TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "http/1.1", False, True, chain)


HQ = Hop(HopScheme.HTTP, "10.0.0.6", 8080, user="svc", password=Secret("hunter2"))
ROUTES = (
    Route("direct"),
    Route("hq", (HQ,)),
    Route("two", (Hop(HopScheme.SOCKS5H, "10.0.0.7", 1080), Hop(HopScheme.HTTPS, "proxy.corp", 8443))),
    Route("inspected", (Hop(HopScheme.HTTP, "10.9.9.9", 3128),)),
    Route("branch-office-lisbon", (Hop(HopScheme.HTTP, "10.20.0.1", 8080),)),
    Route("socks", (Hop(HopScheme.SOCKS4A, "10.0.0.8", 1080),)),
    Route("slow", (Hop(HopScheme.HTTP, "10.0.0.9", 8080),)),
    Route("v6", (Hop(HopScheme.HTTP, "fd00::6", 8080),)),
    Route("dead", (Hop(HopScheme.HTTP, "dead.corp", 8080),)),
)


def targets(count: int = 57) -> list[Target]:
    services = ("MDE",) * 4 + ("MDAV", "MDAV", "MDI", "COMMON")
    made = []
    for number in range(count):
        service = services[number % len(services)]
        scheme = Scheme.HTTP if service == "COMMON" else Scheme.HTTPS
        geography = ("WW", "EU", "UK", "US")[number // 8 % 4] if service in ("MDE", "MDAV") else "WW"
        made.append(
            Target(
                id=f"{service.lower()}.group.{number}",
                scheme=scheme,
                host=f"{geography.lower()}-{number}.{service.lower()}.example.com",
                port=80 if scheme is Scheme.HTTP else 443,
                path="/ping",
                service=service,
                group="group",
                geography=geography,
                expected=(200,) if service != "MDI" else (),
                inspection_bypass=True if service in ("MDE", "MDI") else None,
                client_certificate=service == "MDI",
            )
        )
    return made


def observe(target: Target, route: Route, number: int = 0) -> tuple[Observation, Trust | None]:
    """What this world shows: hq refuses every fourth target, `inspected` re-signs, `dead` does not resolve."""
    failure: Failure | None = None
    issuer = "CN=Microsoft TLS RSA Root G2"
    status = 200
    if route.name == "hq" and number % 4 == 0:
        failure = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "403 Forbidden; X-Squid-Error: ERR_ACCESS_DENIED 0", 403)
    elif route.name == "two" and number % 19 == 3:
        failure = Failure(Stage.PROXY, 2, Reason.PROXY_UPSTREAM_CONNECT, "503; ERR_CONNECT_FAIL 111", 503)
    elif route.name == "dead":
        failure = Failure(Stage.DNS, 1, Reason.DNS_NXDOMAIN, "dead.corp: NXDOMAIN from 10.0.0.2")
    elif route.name == "inspected" and target.scheme is not Scheme.HTTP:
        issuer = "CN=Corp Inspection CA,O=Corp,C=FR"
    elif number == 21:
        failure = Failure(Stage.TLS, 0, Reason.TLS_HANDSHAKE_CLOSED, "end of stream after ClientHello")
    elif number == 34:
        status = 503
    secure = target.scheme is not Scheme.HTTP and failure is None
    untrusted = Failure(Stage.TLS, 0, Reason.CERT_UNTRUSTED, f"chain ends in {issuer}")
    trust = judged(True, None, Anchor.VENDOR_PRIVATE)
    if "Corp" in issuer:
        trust = judged(False, untrusted, Anchor.UNKNOWN)
    hops = tuple(HopFacts(status=200 if failure is None else failure.status) for _ in route.hops)
    observation = Observation(
        target=target.id,
        route=route.name,
        at=STARTED + number / 64,
        failure=failure,
        timings=Timings(hops=tuple(HopTimings(connect=0.002) for _ in route.hops), tls=0.01, total=0.040000001),
        peer="203.0.113.7:443",
        tls=tls(issuer) if secure else None,
        http=HttpFacts(status, (("server", "Kestrel"),)) if failure is None else None,
        hops=hops,
    )
    return observation, trust if secure else None


CORP = "CN=Corp Inspection CA,O=Corp,C=FR"
GATEWAY = Attribution("Fortinet", "FortiGate", "enterprise-gateway", "high", "issuer_O exact:Fortinet")
EVIDENCE = {
    "E1": Evidence("E1", Family.ANCHOR, 3, "signed by Corp Inspection CA, which no store has"),
    "E2": Evidence(
        "E2", Family.CROSS_PATH, 4, "over direct another key is served, signed by Microsoft TLS RSA Root G2"
    ),
    "E3": Evidence("E3", Family.KEY, 6, "the certificate's key is the key of the authority that signs on this route"),
    "E4": Evidence("E4", Family.KEY, 5, "the same key was served for a.example, b.example, c.example and 9 more"),
    "E7": Evidence("E7", Family.PROTOCOL, 4, "over direct the server asks for a client certificate, here nobody does"),
    "E9": Evidence("E9", Family.PROTOCOL, 1, "no ALPN where direct agrees on http/1.1", decides=False),
    "E10": Evidence("E10", Family.SHAPE, 4, "it is valid from and until the same second as the real certificate"),
    "E11": Evidence("E11", Family.HTTP, 3, "a header inside the tunnel names Forcepoint"),
}


def evidence(*ids: str) -> tuple[Evidence, ...]:
    return tuple(sorted((EVIDENCE[id_] for id_ in ids), key=lambda each: -each.points))


def signer(subject: str = CORP, root: str = "CN=Corp Root,O=Corp,C=FR", *stores: str) -> Signer:
    key = hashlib.sha256(root.encode()).hexdigest()
    return Signer(subject, hashlib.sha256(subject.encode()).hexdigest(), root, key, stores)


def reference(name: str = "direct", issuer: str = "CN=Microsoft TLS RSA Root G2,O=Microsoft,C=US") -> Reference:
    return Reference("route", name, hashlib.sha256(b"real").hexdigest(), issuer, STARTED)


def intercepted(*more: str, **changes: Any) -> Verdict:
    proofs = evidence("E1", "E2", "E3", "E9", *more)
    verdict = Verdict(
        word=Word.INTERCEPTED,
        basis=Basis.PROVEN,
        confidence=Confidence.HIGH,
        score=sum(each.points for each in proofs),
        evidence=proofs,
        reference=reference(),
        attribution=GATEWAY,
        signer=signer(),
    )
    return replace(verdict, **changes)


def suspect(reason: Why, *ids: str, **changes: Any) -> Verdict:
    proofs = evidence(*ids)
    score = sum(each.points for each in proofs)
    verdict = Verdict(
        word=Word.SUSPECT, basis=Basis.PROVEN, reason=reason, score=score, evidence=proofs, reference=reference()
    )
    return replace(verdict, **changes)


def clean(basis: Basis = Basis.AUTHORITY, name: str = "") -> Verdict:
    return Verdict(word=Word.CLEAN, basis=basis, reference=reference(name) if name else None)


def verdict_of(target: Target, route: Route, number: int, observation: Observation) -> Verdict:
    """What this world's comparison says: `inspected` opens everything, `two` is odd here and there."""
    if observation.tls is None:
        return Verdict(word=Word.INCONCLUSIVE, reason=Why.NO_TLS)
    if route.name == "inspected":
        lost = ("E7",) if target.client_certificate else ()
        return intercepted("E4", "E10", *lost, hop=1, shared_key_with=("a.example", "b.example"))
    odd = {
        5: suspect(Why.WEAK, "E1", "E2", signer=signer("CN=Unheard Of CA", "CN=Unheard Of CA")),
        8: intercepted(mixed=Mixed(1, 10), confidence=Confidence.MEDIUM),
        9: Verdict(word=Word.BLOCKED, signer=signer("CN=DigiCert TLS,O=DigiCert", "CN=DigiCert Root", "mozilla")),
        12: suspect(Why.CONTRADICTING, "E11"),
    }
    if route.name == "two" and number in odd:
        return odd[number]
    if number % 19 == 4:
        return clean()
    return clean(Basis.PROVEN, "hq" if route.name == "direct" else "direct")


def run_of(
    routes: Sequence[Route] = ROUTES[:4], count: int = 57, *, complete: bool = True, judged: bool = False
) -> Run:
    results = []
    for route in routes:
        for number, target in enumerate(targets(count)):
            observation, trust = observe(target, route, number)
            verdict = verdict_of(target, route, number, observation) if judged else None
            results.append(build_result(target, route, [observation], trust, "paris", verdict=verdict, facts=read))
    skipped: list[SkippedDoc] = [
        skipped_document({"host": f"{{workspace}}.{name}.example.com", "service": "MDI", "group": "sensor"}, *why)
        for name in ("a", "b", "c")
        for why in [("needs a value for {workspace}", "--set workspace=NAME", "template")]
    ]
    skipped.append(skipped_document({"host": "*.blob.core.windows.net"}, "is a wildcard", None, "wildcard-host"))
    return Run(
        schema=SCHEMA,
        prober=ProberDoc("1.0.0", "3.11.2", "OpenSSL 3.5.4"),
        egress="paris",
        started=instant(STARTED),
        finished=instant(STARTED + 8.4),
        complete=complete,
        routes=tuple(map(route_document, routes)),
        summary=summary_of(results, ("MMA",)),
        skipped=tuple(skipped),
        results=tuple(results),
        notes=(NoteDoc("egress-without-ipv4", "This machine has no IPv4 way out."),),
        environment=Environment(loop_lag_max=0.012, concurrency=256),
    )


@pytest.fixture(scope="session")
def world() -> ModuleType:
    """This file's names, for tests that build on them."""
    return sys.modules[__name__]
