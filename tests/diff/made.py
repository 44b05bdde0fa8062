"""Saved results made by hand: a target that is reached and trusted, and whatever a test changes about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from prober.diff import Comparison, DiffDoc, compare, diff_document, sides_of
from prober.diff.saved import (
    SavedCertificate,
    SavedFailure,
    SavedHop,
    SavedHopTimings,
    SavedHttp,
    SavedPassedOver,
    SavedResult,
    SavedRoute,
    SavedRun,
    SavedSample,
    SavedSampleTls,
    SavedSigner,
    SavedTarget,
    SavedTimings,
    SavedTls,
    SavedVerdict,
)
from prober.report.document import SCHEMA, Run
from prober.report.files import decode

HQ: Final = SavedHop("http", "10.0.0.6", 8080)
SPARE: Final = SavedHop("http", "10.0.0.7", 8080)
ISSUER: Final = "CN=Microsoft Azure RSA TLS Issuing CA 07,O=Microsoft Corporation,C=US"
SISTER: Final = "CN=Microsoft Azure RSA TLS Issuing CA 08,O=Microsoft Corporation,C=US"
OTHER: Final = "CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1,O=DigiCert Inc,C=US"
DENIED: Final = SavedFailure("proxy", 1, "proxy-denied", "403 Forbidden", 403)
REFUSED: Final = SavedFailure("connect", 1, "tcp-refused", "connection refused")
TIMED_OUT: Final = SavedFailure("tls", 0, "tls-timeout", "nothing came")
EXPIRED: Final = SavedFailure("tls", 0, "cert-expired", "it ran out")
CLEAN: Final = SavedVerdict("clean")
OPENED: Final = SavedVerdict("intercepted", hop=1, signer=SavedSigner("CN=Corp CA,O=Corp", "CN=Corp Root,O=Corp"))
SUSPECT: Final = SavedVerdict("suspect", "weak-evidence", signer=SavedSigner("CN=Who,O=Who"))
NO_TLS: Final = SavedVerdict("inconclusive", "no-tls")


def tls(key: str = "a", issuer: str = ISSUER, anchor: str = "public") -> SavedTls:
    """A handshake whose leaf has this key."""
    return SavedTls((SavedCertificate(f"key-{key}", issuer),), anchor)


def result(host: str = "a.example", route: str = "hq", egress: str = "paris", **changes: Any) -> SavedResult:
    """A target reached over a proxy (over none on `direct`)."""
    made = SavedResult(
        target=SavedTarget(f"id.{host}", "MDE", host, 443, "https", "/"),
        egress=egress,
        route=route,
        reachable=True,
        trusted=True,
        trust_failure=None,
        failure=None,
        tls=tls(),
        http=SavedHttp(200, True),
        interception=CLEAN,
        samples=(),
        via=() if route == "direct" else (HQ,),
    )
    return replace(made, **changes)


def failed(host: str = "a.example", route: str = "hq", egress: str = "paris", **changes: Any) -> SavedResult:
    """The same, not reached."""
    values: dict[str, Any] = {"reachable": False, "failure": DENIED, "trusted": None, "tls": None, "http": None}
    return result(host, route, egress, **{**values, "interception": NO_TLS, **changes})


def sample(failure: SavedFailure | None = None, *, at: int = 0, total: float = 0.04, **changes: Any) -> SavedSample:
    """One of several probes."""
    made = SavedSample(
        at=f"2026-11-22T10:00:{at:02}.000Z",
        reachable=failure is None,
        failure=failure,
        timings=timings(total),
        tls=SavedSampleTls("key-a") if failure is None else None,
        http_status=200 if failure is None else None,
    )
    return replace(made, **changes)


def timings(total: float, negotiate: float = 0.004) -> SavedTimings:
    """Most of it before the answer."""
    hop = SavedHopTimings(connect=0.002, negotiate=negotiate)
    return SavedTimings(hops=(hop,), tls=0.01, ttfb=0.02, total=total)


def over_spare(failure: SavedFailure = REFUSED) -> dict[str, Any]:
    """What a fallback looks like."""
    return {"via": (SPARE,), "passed_over": (SavedPassedOver((HQ,), failure),)}


def run(results: Iterable[SavedResult], *, complete: bool = True, egress: str = "paris") -> SavedRun:
    """A run of these."""
    routes = (SavedRoute("direct", ()), SavedRoute("hq", (HQ,)))
    return SavedRun(
        SCHEMA, egress, "2026-11-22T10:00:00.000Z", "2026-11-22T10:00:09.000Z", complete, routes, list(results)
    )


def compared(before: Sequence[SavedResult], after: Sequence[SavedResult]) -> Comparison:
    """Two runs of these results."""
    return compare(sides_of([("before.json", run(before))], [("after.json", run(after))]))


def told(before: Sequence[SavedResult], after: Sequence[SavedResult]) -> DiffDoc:
    """The same as a document."""
    return diff_document(compared(before, after))


def kinds(before: SavedResult, after: SavedResult) -> list[str]:
    """The kinds by which two results of one pair differ."""
    return [change.kind.value for change in compared([before], [after]).changes]


def document(results: Iterable[SavedResult], egress: str = "paris", **changes: Any) -> dict[str, Any]:
    """These results as a whole run document, with everything that is not compared."""
    made = [_whole(each) for each in results]
    routes = [
        {"name": "direct", "hops": [], "rule": None},
        {"name": "hq", "hops": [{**msgspec.to_builtins(HQ), "auth": "none"}], "rule": None},
    ]
    counts = dict.fromkeys(("targets", "probes", "reachable", "unreachable", "untrusted", "intercepted", "suspect"), 0)
    run = {
        "schema": SCHEMA,
        "prober": {"version": "0.1.0", "python": "3.11.2", "openssl": "OpenSSL 3.5.4"},
        "egress": egress,
        "started": "2026-11-22T10:00:00.000Z",
        "finished": "2026-11-22T10:00:09.000Z",
        "complete": True,
        "routes": routes,
        "summary": {**counts, "services_without_probes": []},
        "skipped": [],
        "results": made,
    }
    return {**run, **changes}


def saved(path: Path, results: Iterable[SavedResult], egress: str = "paris", **changes: Any) -> Path:
    """The same as a file."""
    path.write_bytes(msgspec.json.encode(document(results, egress, **changes)))
    return path


def whole_run(results: Iterable[SavedResult], egress: str = "paris") -> Run:
    """The same as the program holds it."""
    return decode(msgspec.json.encode(document(results, egress)))


def _whole(result: SavedResult) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(result)
    found["target"] |= {"group": "g", "geography": "WW", "cloud": ["commercial"], "required": "yes"}
    found |= {"at": "2026-11-22T10:00:01.000Z", "timings": msgspec.to_builtins(timings(0.04)), "peer": None}
    if found["tls"] is not None:
        found["tls"] |= {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "group": None, "alpn": None}
        found["tls"] |= {"client_cert_requested": False, "ocsp_stapled": False}
        for each in found["tls"]["chain"]:
            each["sha256"] = hashlib.sha256(f"whole {each['spki_sha256']}".encode()).hexdigest()
            each["spki_sha256"] = hashlib.sha256(each["spki_sha256"].encode()).hexdigest()
            each |= {"subject": "CN=x", "serial": "01", "not_before": None, "not_after": None, "sans": []}
    if found["http"] is not None:
        found["http"] |= {"expected": [200]}
    if found["interception"] is not None:
        found["interception"] |= {"basis": "none", "confidence": None, "score": 0, "evidence": [], "reference": None}
        found["interception"] |= {"policy_mismatch": False}
        if found["interception"]["signer"] is not None:
            found["interception"]["signer"] |= {"spki_sha256": None, "root_spki_sha256": None, "stores": []}
    if found["revocation"] is not None:
        found["revocation"] |= {"route": result.route, "certificates": []}
    for each in found["samples"]:
        each["peer"] = None
        if each["tls"] is not None:
            key = hashlib.sha256(each["tls"]["leaf_spki_sha256"].encode()).hexdigest()
            each["tls"] = {"version": "TLSv1.3", "cipher": "x", "leaf_sha256": None, "leaf_spki_sha256": key}
    whole: dict[str, Any] = _with_advice(found)
    return whole


def _with_advice(found: Any) -> Any:
    """Failures and proxies get the fields that comparisons pass over."""
    if isinstance(found, list | tuple):
        return [_with_advice(each) for each in found]
    if not isinstance(found, dict):
        return found
    more: dict[str, Any] = {"hint": "", "windows": None} if {"stage", "hop", "reason"} <= found.keys() else {}
    if found.keys() == {"scheme", "host", "port"}:
        more = {"auth": "none"}
    return {**{key: _with_advice(value) for key, value in found.items()}, **more}
