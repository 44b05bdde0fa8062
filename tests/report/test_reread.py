"""A saved run gives back what was seen, in everything that judgement uses, and says what it cannot give back."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import ModuleType

import msgspec
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception.anchors import UserRoot
from prober.interception.comparison import Comparison
from prober.interception.trust import TrustStore
from prober.model import (
    Anchor,
    Failure,
    Hop,
    HopScheme,
    HttpFacts,
    Observation,
    Purpose,
    Reason,
    Required,
    Route,
    Scheme,
    ServerHello,
    Stage,
    Target,
    Timings,
    TlsFacts,
    TrustClass,
)
from prober.report.build import build_result, collect_certificates, route_document, summary_of
from prober.report.document import PrefixDoc, Run
from prober.report.files import decode, encode
from prober.report.reread import Missing, egresses_of, observations_of, prefix_route
from prober.report.trust import certificates_of, snapshot_of, trust_document
from prober.report.verdicts import interception_document

Seen = tuple[Target, Route, Observation]
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SMALL = st.integers(0, 65535)
HELLO = st.builds(
    ServerHello,
    version=SMALL,
    cipher=SMALL,
    group=st.none() | SMALL,
    extensions=st.lists(SMALL, max_size=5).map(tuple),
    retried=st.booleans(),
)
TLS = st.builds(
    TlsFacts,
    version=TEXT,
    cipher=TEXT,
    group=st.none() | TEXT,
    alpn=st.none() | TEXT,
    client_cert_requested=st.booleans(),
    ocsp_stapled=st.booleans(),
    chain=st.lists(st.binary(max_size=20), max_size=3).map(tuple),
    hello=st.none() | HELLO,
    key_proven=st.booleans(),
)
FAILURE = st.builds(
    Failure,
    stage=st.sampled_from(Stage),
    hop=st.integers(0, 3),
    reason=st.sampled_from(Reason),
    detail=TEXT,
    status=st.none() | st.integers(100, 599),
)
MILLISECOND = st.integers(-62_135_596_800_000, 253_402_300_799_999).map(lambda at: at / 1000)
HTTP = st.builds(
    HttpFacts, status=st.integers(100, 599), headers=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
)
OBSERVATION = st.builds(
    Observation,
    target=st.just("t"),
    route=st.just("r"),
    at=MILLISECOND,
    failure=st.none() | FAILURE,
    timings=st.builds(Timings, tls=st.none() | st.integers(0, 10**9).map(lambda micro: micro / 1e6)),
    peer=st.none() | TEXT,
    tls=st.none() | TLS,
    http=st.none() | HTTP,
    purpose=st.sampled_from([Purpose.CONFIRMATION, Purpose.CLIENT_CERTIFICATE]),
)
HOPS = st.lists(st.builds(Hop, scheme=st.sampled_from(HopScheme), host=TEXT, port=SMALL), min_size=1, max_size=3)
TARGET = st.builds(
    Target,
    id=st.just("t"),
    scheme=st.sampled_from(Scheme),
    host=TEXT,
    port=SMALL,
    path=TEXT,
    method=TEXT,
    service=TEXT,
    group=TEXT,
    geography=TEXT,
    cloud=st.lists(TEXT, max_size=2).map(tuple),
    os=st.lists(TEXT, max_size=2).map(tuple),
    required=st.sampled_from(Required),
    inspection_bypass=st.none() | st.booleans(),
    trust=st.none() | st.sampled_from(TrustClass),
    client_certificate=st.booleans(),
    proxy_login=st.booleans(),
)


def run_with(world: ModuleType, target: Target, route: Route, seen: list[Observation], prefixes: list[Seen]) -> Run:
    shorter = [(len(each.hops), observation) for _, each, observation in prefixes]
    result = build_result(target, route, seen, None, "paris", prefixes=shorter)
    base: Run = world.run_of(world.ROUTES[:1], 1)
    return msgspec.structs.replace(
        base,
        routes=(route_document(route),),
        results=(result,),
        summary=summary_of([result]),
        certificates=collect_certificates([*seen, *(observation for _, _, observation in prefixes)]),
    )


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(
    TARGET,
    HOPS,
    OBSERVATION,
    st.lists(OBSERVATION, max_size=3),
    st.lists(OBSERVATION.map(lambda each: replace(each, purpose=Purpose.LOCATE)), max_size=2),
)
def test_what_was_seen_comes_back(
    world: ModuleType,
    target: Target,
    hops: list[Hop],
    first: Observation,
    more: list[Observation],
    located: list[Observation],
) -> None:
    route = Route("r", tuple(hops))
    seen = [replace(first, purpose=Purpose.ATTEMPT), *more]
    prefixes = [
        (target, shorter, replace(each, route=shorter.name))
        for number, each in enumerate(located)
        for shorter in [prefix_route(route, number % len(hops))]
    ]
    run = run_with(world, target, route, seen, prefixes)
    missing: list[Missing] = []
    found = list(observations_of(decode(encode(run)), missing))
    expected = [(target, route, each) for each in sorted(seen, key=lambda each: each.at)]
    assert found == [*expected, *prefixes]
    assert missing == []


def saved(world: ModuleType, **changes: object) -> Run:
    """One target over one route, probed twice."""
    target = world.targets(1)[0]
    observation = Observation(target=target.id, route="hq", at=1.0, tls=world.tls(), http=HttpFacts(200))
    made = run_with(world, target, world.ROUTES[1], [observation, replace(observation, at=2.0)], [])
    return msgspec.structs.replace(made, **changes)


def told(run: Run) -> tuple[int, list[str]]:
    missing: list[Missing] = []
    return len(list(observations_of(run, missing))), [each.why for each in missing]


def test_without_certificates_nothing_can_be_judged_and_that_is_said_once(world: ModuleType) -> None:
    run = saved(world, certificates={})
    missing: list[Missing] = []
    assert list(observations_of(run, missing)) == []
    assert missing == [Missing("mde.group.0", "paris", "hq", "its certificates are not in the document")]


def test_one_certificate_of_a_chain_is_not_enough(world: ModuleType) -> None:
    run = saved(world)
    del run.certificates[hashlib.sha256(world.tls().chain[1]).hexdigest()]
    assert told(run) == (0, ["its certificates are not in the document"])


def test_older_samples_without_chains_leave_the_result_itself(world: ModuleType) -> None:
    run = saved(world)
    (result,) = run.results
    samples = []
    for sample in result.samples:
        assert sample.tls is not None
        samples.append(msgspec.structs.replace(sample, tls=msgspec.structs.replace(sample.tls, chain=None)))
    run = msgspec.structs.replace(run, results=(msgspec.structs.replace(result, samples=tuple(samples)),))
    count, why = told(run)
    assert (count, why) == (
        1,
        ["its samples are of a version that kept no chains: only the result itself can be judged"],
    )


@pytest.mark.parametrize(("reached", "proven"), [(True, True), (False, False)])
def test_an_older_run_says_nothing_of_the_keys_proof(world: ModuleType, reached: bool, proven: bool) -> None:
    """Having come through the handshake it was proven; what broke off in it may not have been."""
    target = world.targets(1)[0]
    failure = None if reached else Failure(Stage.TLS, 0, Reason.TLS_HANDSHAKE)
    observation = Observation(target=target.id, route="hq", at=1.0, tls=world.tls(), failure=failure)
    run = run_with(world, target, world.ROUTES[1], [observation], [])
    (result,) = run.results
    assert result.tls is not None
    older = msgspec.structs.replace(result, tls=msgspec.structs.replace(result.tls, key_proven=None))
    ((_, _, back),) = observations_of(msgspec.structs.replace(run, results=(older,)))
    assert back.tls is not None
    assert back.tls.key_proven is proven


def test_a_rule_that_gives_each_target_its_own_way_is_kept(world: ModuleType) -> None:
    """`env` may send one target direct: what it shows must not count as the proxy's."""
    target = world.targets(1)[0]
    observation = Observation(target=target.id, route="env", at=1.0, tls=world.tls())
    run = run_with(world, target, Route("env"), [observation], [])
    run = msgspec.structs.replace(run, routes=(route_document(Route("env", (world.HQ,))),))
    ((_, route, _),) = observations_of(run)
    assert route == Route("env")


def test_an_older_run_says_the_way_with_its_routes(world: ModuleType) -> None:
    run = saved(world)
    results = tuple(msgspec.structs.replace(each, via=None) for each in run.results)
    run = msgspec.structs.replace(run, results=results)
    assert {route.hops for _, route, _ in observations_of(run)} == {(Hop(HopScheme.HTTP, "10.0.0.6", 8080),)}
    assert told(msgspec.structs.replace(run, routes=())) == (0, ["its route is not in the document"])


def test_words_of_a_later_version_are_missing_and_named(world: ModuleType) -> None:
    run = saved(world)
    (result,) = run.results
    first, second = result.samples
    assert told(_with(run, target=msgspec.structs.replace(result.target, scheme="quic")))[1] == [
        "its scheme quic is not known to this version"
    ]
    samples = (msgspec.structs.replace(first, purpose="dowsing"), second)
    assert told(_with(run, samples=samples)) == (1, ["made for a purpose unknown to this version (dowsing)"])
    samples = (msgspec.structs.replace(first, at="2020-13-41T00:00:00Z"), second)
    assert told(_with(run, samples=samples)) == (1, ["its moment 2020-13-41T00:00:00Z does not exist"])
    (hop,) = result.via or ()
    assert told(_with(run, via=(msgspec.structs.replace(hop, scheme="masque"),)))[1] == [
        "its route has a proxy of a kind unknown to this version (masque)"
    ]


def test_an_unknown_failure_is_not_taken_for_success(world: ModuleType) -> None:
    target = world.targets(1)[0]
    failed = Observation(target=target.id, route="hq", at=1.0, failure=Failure(Stage.DNS, 1, Reason.DNS_NXDOMAIN))
    run = run_with(world, target, world.ROUTES[1], [failed], [])
    (result,) = run.results
    assert result.failure is not None
    unknown = msgspec.structs.replace(result.failure, reason="dns-haunted")
    assert told(_with(run, failure=unknown)) == (0, ["its failure is in words unknown to this version"])


def test_unknown_levels_of_the_catalog_do_not_matter(world: ModuleType) -> None:
    run = saved(world)
    (result,) = run.results
    target = msgspec.structs.replace(result.target, required="somewhat", trust="cosmic")
    ((back, _, _), _) = observations_of(_with(run, target=target))
    assert (back.required, back.trust) == (Required.YES, None)


def test_egress_points_are_kept_apart(world: ModuleType) -> None:
    run = saved(world)
    (result,) = run.results
    joined = msgspec.structs.replace(run, results=(result, msgspec.structs.replace(result, egress="lyon")))
    assert egresses_of(joined) == ("paris", "lyon")
    assert len(list(observations_of(joined))) == 4
    assert len(list(observations_of(joined, egress="lyon"))) == 2


def test_a_prefix_is_shorter_than_its_chain(world: ModuleType) -> None:
    two = world.ROUTES[2]
    assert prefix_route(two, 1) == Route("two[:1]", two.hops[:1])
    assert prefix_route(two, 0).hops == ()
    for wrong in (-1, 2):
        with pytest.raises(ValueError, match="no prefix"):
            prefix_route(two, wrong)


def test_a_prefix_that_cannot_be_is_missing(world: ModuleType) -> None:
    run = saved(world)
    (result,) = run.results
    count, why = told(_with(run, prefixes=(PrefixDoc(7, result.samples[0]),)))
    assert count == 2
    assert why == ["a probe over its first 7 proxies: 7 of 1 proxy are no prefix of hq"]


def _with(run: Run, **changes: object) -> Run:
    return msgspec.structs.replace(run, results=(msgspec.structs.replace(run.results[0], **changes),))


def der_of(pem: trustme.Blob) -> bytes:
    return x509.load_pem_x509_certificate(pem.bytes()).public_bytes(Encoding.DER)


def test_a_run_judged_again_from_its_document_has_the_same_verdicts(world: ModuleType) -> None:
    """Real certificates through the real comparison: an interceptor on one route, and one connection in three on
    another."""
    inspector, public = trustme.CA(organization_name="Corp Inspection"), trustme.CA(organization_name="Public Root")
    judge = TrustStore(b"", None, [UserRoot(public.cert_pem.bytes(), Anchor.PUBLIC)])
    comparison = Comparison(judge)
    seen: list[tuple[Target, Route, list[Observation]]] = []
    for target in (world.targets(1)[0], replace(world.targets(2)[1], host="other.example")):
        real, forged = (
            tuple(map(der_of, (ca.issue_cert(target.host).cert_chain_pems[0], ca.cert_pem)))
            for ca in (public, inspector)
        )
        for route, chains in (
            (Route("direct"), [real] * 3),
            (world.ROUTES[1], [forged] * 2),
            (world.ROUTES[3], [real, forged, real]),
        ):
            observations = [
                Observation(
                    target=target.id,
                    route=route.name,
                    at=1_795_309_623.25 + number,
                    tls=replace(world.tls(), chain=chain),
                )
                for number, chain in enumerate(chains)
            ]
            seen.append((target, route, observations))
            for observation in observations:
                comparison.add(target, route, observation)
    results = tuple(
        build_result(target, route, observations, None, "paris", verdict=comparison.verdict(target.id, route.name))
        for target, route, observations in seen
    )
    base: Run = world.run_of(world.ROUTES[:1], 1)
    snapshot = judge.snapshot()
    run = msgspec.structs.replace(
        base,
        results=results,
        certificates=collect_certificates((each for _, _, found in seen for each in found), certificates_of(snapshot)),
        trust=trust_document(snapshot),
    )
    words = {each.interception.verdict for each in results if each.interception is not None}
    assert words == {"clean", "intercepted"}
    assert any(each.interception is not None and each.interception.mixed is not None for each in results)

    back = decode(encode(run))
    saved_trust = snapshot_of(back)
    assert saved_trust is not None
    again = Comparison(TrustStore.from_snapshot(saved_trust, b""))
    for target, route, observation in observations_of(back):
        again.add(target, route, observation)
    assert [interception_document(again.verdict(each.target.id, each.route)) for each in back.results] == [
        each.interception for each in results
    ]
