"""A run document becomes observations again, so that a saved run can be judged anew.

What comes back is equal to what was seen in everything that judgement uses: target, route, moment (to the millisecond),
failure, handshake with its chain, HTTP status and headers, purpose. What a proxy itself showed, the timings of hops and
the passwords of routes are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prober.interception.location import prefixes
from prober.model import (
    Hop,
    HopScheme,
    HttpFacts,
    Observation,
    Purpose,
    Required,
    Route,
    Scheme,
    ServerHello,
    Target,
    Timings,
    TlsFacts,
    TrustClass,
)
from prober.report.document import (
    HelloDoc,
    Result,
    RouteHopDoc,
    Run,
    SampleDoc,
    SampleTlsDoc,
    TargetDoc,
    TimingsDoc,
    TlsDoc,
)
from prober.report.finding import failure_of
from prober.report.sanitize import several


@dataclass(frozen=True, slots=True)
class Missing:
    """A probe of a run that cannot be judged again."""

    target: str
    """The target's id."""
    egress: str
    route: str
    why: str
    """What the document lacks, as a clause: `its certificates are not in the document`."""


class _Lacking(Exception):
    """The document does not hold what a value needs; the message says what."""


def observations_of(
    run: Run, missing: list[Missing] | None = None, *, egress: str | None = None
) -> Iterator[tuple[Target, Route, Observation]]:
    """Every probe of a run, pair by pair, each pair's oldest first; probes over prefixes under `prefix_route`s.

    What cannot be brought back is left out and appended to `missing`, once for each pair and reason. A joined run has
    several egress points, which must not be compared with each other: name one with `egress`.
    """
    routes = {route.name: route.hops for route in run.routes}
    for result in run.results:
        if egress is not None and result.egress != egress:
            continue
        lacking: dict[str, None] = {}
        yield from _pair(result, routes, run.certificates, lacking)
        if missing is not None:
            missing += (Missing(result.target.id, result.egress, result.route, why) for why in lacking)


def egresses_of(run: Run) -> tuple[str, ...]:
    """The egress points that a run has results of, in their order."""
    return tuple(dict.fromkeys(result.egress for result in run.results))


def prefix_route(route: Route, hops: int) -> Route:
    """The first `hops` proxies of a chain as a route of its own, `chain[:2]`: a name that no configured route can bear.

    Raises ValueError where there are not as many, or no more.
    """
    if not 0 <= hops < len(route.hops):
        raise ValueError(f"{hops} of {several(len(route.hops), 'proxy', 'proxies')} are no prefix of {route.name}")
    return prefixes(route)[hops]


def _pair(
    result: Result,
    routes: Mapping[str, tuple[RouteHopDoc, ...]],
    certificates: Mapping[str, bytes],
    lacking: dict[str, None],
) -> Iterator[tuple[Target, Route, Observation]]:
    try:
        target = _target(result)
        hops = result.via if result.via is not None else routes.get(result.route)
        if hops is None:
            raise _Lacking("its route is not in the document")
        route = Route(result.route, tuple(map(_hop, hops)))
    except _Lacking as why:
        lacking[str(why)] = None
        return
    samples: Sequence[Result | SampleDoc] = result.samples
    if any(_shortened(sample.tls) for sample in result.samples):
        lacking["its samples are of a version that kept no chains: only the result itself can be judged"] = None
        samples = ()
    for sample in samples or (result,):
        try:
            yield target, route, _observation(target, route, sample, certificates)
        except _Lacking as why:
            lacking[str(why)] = None
    for prefix in result.prefixes:
        try:
            shorter = prefix_route(route, prefix.hops)
            yield target, shorter, _observation(target, shorter, prefix.sample, certificates)
        except (_Lacking, ValueError) as why:
            lacking[f"a probe over its first {prefix.hops} proxies: {why}"] = None


def _target(result: Result) -> Target:
    document: TargetDoc = result.target
    try:
        scheme = Scheme(document.scheme)
    except ValueError:
        raise _Lacking(f"its scheme {document.scheme} is not known to this version") from None
    return Target(
        id=document.id,
        scheme=scheme,
        host=document.host,
        port=document.port,
        path=document.path,
        method=document.method,
        service=document.service,
        group=document.group,
        geography=document.geography,
        cloud=document.cloud,
        os=document.os,
        required=Required(document.required) if document.required in set(Required) else Required.YES,
        expected=() if result.http is None else result.http.expected,
        inspection_bypass=document.inspection_bypass,
        trust=TrustClass(document.trust) if document.trust in set(TrustClass) else None,
        client_certificate=document.client_certificate,
        proxy_login=document.proxy_login,
    )


def _hop(document: RouteHopDoc) -> Hop:
    try:
        return Hop(HopScheme(document.scheme), document.host, document.port)
    except ValueError:
        raise _Lacking(f"its route has a proxy of a kind unknown to this version ({document.scheme})") from None


def _observation(
    target: Target, route: Route, seen: Result | SampleDoc, certificates: Mapping[str, bytes]
) -> Observation:
    failure = None if seen.failure is None else failure_of(seen.failure)
    if failure is None and not seen.reachable:
        raise _Lacking("its failure is in words unknown to this version")
    http = _http(seen)
    through = seen.reachable or http is not None
    return Observation(
        target=target.id,
        route=route.name,
        at=_moment(seen.at),
        failure=failure,
        timings=_timings(seen.timings),
        peer=seen.peer,
        tls=None if seen.tls is None else _tls(seen.tls, certificates, through=through),
        http=http,
        purpose=_purpose(seen),
    )


def _purpose(seen: Result | SampleDoc) -> Purpose:
    if isinstance(seen, Result):
        return Purpose.ATTEMPT
    try:
        return Purpose(seen.purpose)
    except ValueError:
        raise _Lacking(f"made for a purpose unknown to this version ({seen.purpose})") from None


def _http(seen: Result | SampleDoc) -> HttpFacts | None:
    if isinstance(seen, Result):
        return None if seen.http is None else HttpFacts(seen.http.status, seen.http.headers)
    return None if seen.http_status is None else HttpFacts(seen.http_status, seen.http_headers)


def _tls(tls: TlsDoc | SampleTlsDoc, certificates: Mapping[str, bytes], *, through: bool) -> TlsFacts:
    """The handshake. Where the document does not say whether the key was proven, having come `through` it does."""
    digests = tuple(each.sha256 for each in tls.chain) if isinstance(tls, TlsDoc) else tls.chain or ()
    if any(digest not in certificates for digest in digests):
        raise _Lacking("its certificates are not in the document")
    return TlsFacts(
        version=tls.version,
        cipher=tls.cipher,
        group=tls.group,
        alpn=tls.alpn,
        client_cert_requested=bool(tls.client_cert_requested),
        ocsp_stapled=bool(tls.ocsp_stapled),
        chain=tuple(certificates[digest] for digest in digests),
        hello=_hello(tls.hello),
        key_proven=through if tls.key_proven is None else tls.key_proven,
    )


def _shortened(tls: SampleTlsDoc | None) -> bool:
    """Whether an older version kept of a chain the leaf's digest alone."""
    return tls is not None and tls.chain is None


def _hello(document: HelloDoc | None) -> ServerHello | None:
    if document is None:
        return None
    return ServerHello(document.version, document.cipher, document.group, document.extensions, document.retried)


def _timings(document: TimingsDoc) -> Timings:
    return Timings(
        dns=document.dns, connect=document.connect, tls=document.tls, ttfb=document.ttfb, total=document.total
    )


def _moment(instant: str) -> float:
    try:
        return datetime.fromisoformat(instant).timestamp()
    except ValueError:
        raise _Lacking(f"its moment {instant} does not exist") from None
