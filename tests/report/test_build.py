"""Observations become results."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import ModuleType

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception.verdict import Mixed, Verdict, Why, Word
from prober.model import (
    Anchor,
    Failure,
    HopFacts,
    HttpFacts,
    Observation,
    Purpose,
    Reason,
    Route,
    Scheme,
    ServerHello,
    Stage,
    Target,
    Timings,
)
from prober.report.build import (
    build_result,
    collect_certificates,
    headline,
    instant,
    route_document,
    skipped_document,
    summary_of,
)
from prober.report.document import HelloDoc, Result
from prober.report.failure_document import WindowsDoc
from prober.report.files import encode, encode_result

DIRECT = Route("direct")
DENIED = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "403 Forbidden", 403)
CLOSED = Failure(Stage.TLS, 0, Reason.TLS_HANDSHAKE_CLOSED, "early end")


def seen(at: float, failure: Failure | None = None) -> Observation:
    return Observation(target="x", route="direct", at=at, failure=failure)


@pytest.fixture
def target(world: ModuleType) -> Target:
    made: Target = world.targets(1)[0]
    return made


def result_of(world: ModuleType, target: Target, *observations: Observation, route: Route = DIRECT) -> Result:
    return build_result(target, route, observations, None, "paris", facts=world.read)


def test_instants() -> None:
    assert instant(0) == "1970-01-01T00:00:00.000Z"
    assert instant(1_795_309_623.25) == "2026-11-22T01:07:03.250Z"
    assert instant(1_795_309_623.9999) == "2026-11-22T01:07:04.000Z"
    assert instant(-1.5) == "1969-12-31T23:59:58.500Z"


def test_the_majority_and_of_it_the_latest() -> None:
    assert headline([seen(3), seen(1, CLOSED), seen(2)]).at == 3
    assert headline([seen(3, CLOSED), seen(1), seen(2, CLOSED)]).at == 3
    assert headline([seen(9), seen(4, CLOSED), seen(5, CLOSED)]).at == 5


def test_a_tie_counts_as_unreachable() -> None:
    assert headline([seen(1, CLOSED), seen(2)]).failure == CLOSED


def test_without_observation_there_is_no_result() -> None:
    with pytest.raises(ValueError, match=r"empty"):
        headline([])


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=9))
def test_headline_is_always_of_the_majority(drawn: list[tuple[int, bool]]) -> None:
    observations = [seen(at, None if reached else CLOSED) for at, reached in drawn]
    chosen = headline(observations)
    alike = [each for each in observations if each.reachable is chosen.reachable]
    assert len(alike) * 2 > len(observations) or (len(alike) * 2 == len(observations) and not chosen.reachable)
    assert chosen.at == max(each.at for each in alike)


def test_one_probe_has_no_samples(world: ModuleType, target: Target) -> None:
    assert result_of(world, target, seen(1)).samples == ()


def test_several_probes_are_all_kept_oldest_first(world: ModuleType, target: Target) -> None:
    good = replace(seen(2), tls=world.tls(), http=HttpFacts(200), peer="192.0.2.1:443", attempts=2)
    result = result_of(world, target, good, seen(1, CLOSED), replace(good, at=3.0))
    assert result.reachable
    assert result.at == instant(3)
    assert result.attempts == 5
    first, second, _ = result.samples
    assert (first.at, first.reachable, first.http_status, first.tls) == (instant(1), False, None, None)
    assert first.failure is not None
    assert first.failure.reason == "tls-handshake-closed"
    assert second.tls is not None
    assert second.tls.leaf_sha256 == hashlib.sha256(world.tls().chain[0]).hexdigest()
    assert second.tls.leaf_spki_sha256 is not None
    assert (second.peer, second.http_status) == ("192.0.2.1:443", 200)


def test_confirmations_are_kept_but_never_speak_for_the_pair(world: ModuleType, target: Target) -> None:
    again = replace(seen(5, CLOSED), purpose=Purpose.CONFIRMATION)
    assert headline([seen(1), again, replace(again, at=6.0)]).at == 1
    result = result_of(world, target, seen(1), again)
    assert (result.reachable, result.at) == (True, instant(1))
    assert [each.purpose for each in result.samples] == ["attempt", "confirmation"]
    with pytest.raises(ValueError, match=r"empty"):
        headline([again])


def test_a_probe_with_the_client_certificate_stands_for_the_attempts(world: ModuleType, target: Target) -> None:
    presented = replace(seen(2, CLOSED), purpose=Purpose.CLIENT_CERTIFICATE)
    assert headline([seen(1), presented, seen(3)]) is presented
    assert not result_of(world, target, seen(1), presented).reachable


def test_samples_hold_what_judgement_needs(world: ModuleType, target: Target) -> None:
    hello = ServerHello(0x0304, 0x1302, 29, (43, 51), retried=True)
    tls = replace(world.tls(), hello=hello, key_proven=False, client_cert_requested=True)
    result = result_of(world, target, replace(seen(1), tls=tls, http=HttpFacts(200, (("via", "1.1 x"),))), seen(2))
    assert result.tls is None
    first, _ = result.samples
    assert first.tls is not None
    assert first.tls.chain == tuple(hashlib.sha256(der).hexdigest() for der in tls.chain)
    assert first.tls.hello == HelloDoc(772, 4866, 29, (43, 51), True)
    assert (first.tls.key_proven, first.tls.client_cert_requested, first.tls.alpn) == (False, True, "http/1.1")
    assert first.http_headers == (("via", "1.1 x"),)


def test_prefixes_are_kept_beside_the_samples(world: ModuleType, target: Target) -> None:
    route = world.ROUTES[2]
    located = replace(seen(2), purpose=Purpose.LOCATE, route="two[:1]")
    result = build_result(target, route, [seen(1)], None, "x", prefixes=[(1, located)], facts=world.read)
    assert result.samples == ()
    (prefix,) = result.prefixes
    assert (prefix.hops, prefix.sample.at, prefix.sample.purpose) == (1, instant(2), "locate")


def test_a_result_says_its_own_way(world: ModuleType, target: Target) -> None:
    via = result_of(world, target, seen(1), route=world.ROUTES[2]).via
    assert via == route_document(world.ROUTES[2]).hops
    assert result_of(world, target, seen(1)).via == ()


def test_a_verdict_is_written_out_whole(world: ModuleType, target: Target) -> None:
    verdict = world.intercepted(
        "E4", hop=2, mixed=Mixed(1, 10), policy_mismatch=True, issuer_changed=True, shared_key_with=("a.example",)
    )
    result = build_result(target, DIRECT, [seen(1)], None, "x", verdict=verdict, facts=world.read)
    written = msgspec.to_builtins(result.interception)
    evidence, reference = written.pop("evidence"), written.pop("reference")
    assert [each["id"] for each in evidence] == ["E3", "E4", "E2", "E1", "E9"]
    assert [each["decides"] for each in evidence] == [True, True, True, True, False]
    assert reference == {
        "kind": "route",
        "name": "direct",
        "spki_sha256": hashlib.sha256(b"real").hexdigest(),
        "issuer": "CN=Microsoft TLS RSA Root G2,O=Microsoft,C=US",
        "at": "2026-11-22T01:07:03.250Z",
    }
    signer = written.pop("signer")
    assert (signer["subject"], signer["root"]) == ("CN=Corp Inspection CA,O=Corp,C=FR", "CN=Corp Root,O=Corp,C=FR")
    assert written == {
        "verdict": "intercepted",
        "basis": "proven",
        "reason": None,
        "confidence": "high",
        "score": 19,
        "attribution": {
            "vendor": "Fortinet",
            "product": "FortiGate",
            "category": "enterprise-gateway",
            "confidence": "high",
            "pattern": "issuer_O exact:Fortinet",
        },
        "hop": 2,
        "mixed": {"intercepted": 1, "of": 10},
        "policy_mismatch": True,
        "families": ("key", "cross-path", "anchor"),
        "issuer_changed": True,
        "shared_key_with": ("a.example",),
    }


def test_a_bare_verdict_has_nulls(world: ModuleType, target: Target) -> None:
    verdict = Verdict(word=Word.INCONCLUSIVE, reason=Why.NO_TLS)
    written = build_result(target, DIRECT, [seen(1)], None, "x", verdict=verdict, facts=world.read).interception
    assert written is not None
    assert (written.verdict, written.basis, written.reason) == ("inconclusive", "none", "no-tls")
    assert (written.confidence, written.reference, written.attribution, written.signer) == (None, None, None, None)
    assert (written.hop, written.mixed, written.evidence) == (None, None, ())


def test_as_expected(world: ModuleType, target: Target) -> None:
    def judged(expected: tuple[int, ...], status: int) -> bool | None:
        result = result_of(world, replace(target, expected=expected), replace(seen(1), http=HttpFacts(status)))
        assert result.http is not None
        return result.http.as_expected

    assert judged((200, 204), 204) is True
    assert judged((200, 204), 404) is False
    assert judged((), 404) is None


def test_a_failure_has_hint_and_windows_code(world: ModuleType, target: Target) -> None:
    failure = result_of(world, target, seen(1, DENIED), route=world.ROUTES[1]).failure
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason, failure.status) == ("proxy", 1, "proxy-denied", 403)
    assert target.address in failure.hint
    assert "http://10.0.0.6:8080" in failure.hint
    assert failure.windows == WindowsDoc(None, "0x80190193", "HTTP_E_STATUS_FORBIDDEN")


def test_what_a_socks_proxy_says_has_no_windows_code(world: ModuleType, target: Target) -> None:
    refused = Failure(Stage.PROXY, 1, Reason.PROXY_PROTOCOL_ERROR)
    failure = result_of(world, target, seen(1, refused), route=world.ROUTES[2]).failure
    assert failure is not None
    assert failure.windows is None


def test_trust_is_a_fact_of_its_own(world: ModuleType, target: Target) -> None:
    untrusted = Failure(Stage.TLS, 0, Reason.CERT_EXPIRED, "ended yesterday")
    judged = world.judged(False, untrusted, Anchor.PUBLIC)
    observation = replace(seen(1), tls=world.tls())
    result = build_result(target, DIRECT, [observation], judged, "paris", facts=world.read)
    assert (result.reachable, result.trusted, result.failure) == (True, False, None)
    assert result.trust_failure is not None
    assert result.trust_failure.windows == WindowsDoc(12037, "0x80072F05", "ERROR_WINHTTP_SECURE_CERT_DATE_INVALID")
    assert result.tls is not None
    assert result.tls.anchor == "public"
    leaf = result.tls.chain[0]
    assert (leaf.subject, leaf.issuer) == ("CN=leaf", "CN=Microsoft TLS RSA Root G2")
    assert (leaf.not_before, leaf.not_after) == ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")


def test_a_certificate_that_does_not_parse_keeps_its_digest(world: ModuleType, target: Target) -> None:
    observation = replace(seen(1), tls=replace(world.tls(), chain=(b"junk",)))
    result = result_of(world, target, observation)
    assert result.tls is not None
    assert result.tls.chain[0].sha256 == hashlib.sha256(b"junk").hexdigest()
    assert result.tls.chain[0].subject is None


def test_what_proxies_showed(world: ModuleType, target: Target) -> None:
    untrusted = Failure(Stage.PROXY_TLS, 1, Reason.CERT_UNTRUSTED, "self-signed")
    hop = HopFacts(407, ("basic", "ntlm"), "rejected", world.tls("CN=Corp"), untrusted)
    result = result_of(world, target, replace(seen(1), hops=(hop,)), route=world.ROUTES[1])
    (shown,) = result.hops
    assert (shown.status, shown.offered, shown.login) == (407, ("basic", "ntlm"), "rejected")
    assert shown.tls is not None
    assert shown.tls.trust_failure is not None
    assert shown.tls.trust_failure.windows == WindowsDoc(12188, "0x80072F9C", "ERROR_WINHTTP_SECURE_FAILURE_PROXY")
    assert shown.tls.chain[0].issuer == "CN=Corp"


def test_times_are_seconds_to_the_microsecond_and_unmeasured_is_null(world: ModuleType, target: Target) -> None:
    timings = result_of(world, target, replace(seen(1), timings=Timings(tls=0.0123456789))).timings
    assert (timings.tls, timings.dns) == (0.012346, None)


def test_no_secret_is_in_a_run(world: ModuleType) -> None:
    run = world.run_of()
    text = encode(run)
    assert b'"auth":"basic"' in text
    assert b"hunter2" not in text
    assert b"svc" not in text
    assert route_document(world.ROUTES[1]).hops[0].auth == "basic"


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(st.text(st.characters(categories=None), max_size=50))
def test_any_text_from_the_wire_can_be_written(text: str) -> None:
    target = Target(id="x", scheme=Scheme.HTTPS, host="a.example", port=443)
    observation = replace(
        seen(1, replace(CLOSED, detail=text)),
        http=HttpFacts(200, ((text, text),)),
        hops=(HopFacts(offered=(text,)),),
    )
    encode_result(build_result(target, DIRECT, [observation], None, "x", facts=lambda _: None)).decode()


def test_summary(world: ModuleType) -> None:
    run = world.run_of()
    counts = run.summary
    assert (counts.targets, counts.probes) == (57, 228)
    assert counts.reachable + counts.unreachable == counts.probes
    assert counts.unreachable == sum(result.failure is not None for result in run.results)
    assert counts.untrusted == 50
    assert counts.unexpected_status == 3
    assert (counts.intercepted, counts.suspect) == (None, None)
    assert counts.services_without_probes == ("MMA",)


def test_verdicts_are_counted(world: ModuleType) -> None:
    counts = world.run_of(judged=True).summary
    assert (counts.intercepted, counts.suspect, counts.mixed, counts.blocked) == (51, 2, 1, 1)
    nobody = world.run_of(world.ROUTES[:1], judged=True).summary
    assert (nobody.intercepted, nobody.suspect, nobody.mixed, nobody.blocked) == (0, 0, 0, 0)


def test_the_summary_of_joined_results_counts_them_all(world: ModuleType) -> None:
    one, two = world.run_of(world.ROUTES[:1]).results, world.run_of(world.ROUTES[1:2]).results
    joined, first, second = summary_of((*one, *two)), summary_of(one), summary_of(two)
    assert joined.probes == first.probes + second.probes
    assert joined.reachable == first.reachable + second.reachable
    assert joined.targets == first.targets == 57
    assert summary_of(()).probes == 0


def test_certificates_are_collected_once(world: ModuleType) -> None:
    tls, corp = world.tls(), world.tls("CN=Corp")
    observations = [
        replace(seen(1), tls=tls),
        replace(seen(2), tls=tls, hops=(HopFacts(tls=corp), HopFacts())),
        seen(3),
    ]
    found = collect_certificates(observations)
    assert set(found.values()) == {*tls.chain, *corp.chain}
    assert all(hashlib.sha256(der).hexdigest() == digest for digest, der in found.items())


def test_skipped_targets_keep_plain_values() -> None:
    skipped = skipped_document(
        {"cloud": ("commercial", "gcc"), "scheme": Scheme.HTTPS, "port": 443}, "why", "--set x", "template"
    )
    assert skipped.target == {"cloud": ["commercial", "gcc"], "scheme": "https", "port": 443}
    assert (skipped.why, skipped.option, skipped.kind) == ("why", "--set x", "template")
