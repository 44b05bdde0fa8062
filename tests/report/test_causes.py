"""One cause is one finding, however many targets and routes it touches."""

from __future__ import annotations

import re
from dataclasses import replace
from types import ModuleType

import msgspec
import pytest

from prober.model import Anchor, Failure, HopFacts, HttpFacts, Observation, Reason, Route, Stage
from prober.report.build import build_result, route_document, summary_of
from prober.report.causes import Finding, Kind, findings_of
from prober.report.document import PassedOverDoc, RouteHopDoc, Run
from prober.report.failure_document import FailureDoc


class Bench:
    """Puts failures where a test wants them."""

    def __init__(self, world: ModuleType) -> None:
        self.world = world
        self.results: list[object] = []

    def add(self, route: Route, count: int, failure: Failure | None = None, *, skip: int = 0, **facts: object) -> None:
        for target in self.world.targets(skip + count)[skip:]:
            observation = Observation(target=target.id, route=route.name, at=0.0, failure=failure)
            observation = replace(observation, **facts)  # type: ignore[arg-type] # fields of an observation
            judged = self.world.judged(True, None, "public") if observation.tls else None
            self.results.append(build_result(target, route, [observation], judged, "paris", facts=self.world.read))

    def findings(self) -> list[Finding]:
        base: Run = self.world.run_of(self.world.ROUTES[:1], 1)
        results = tuple(self.results)
        run = msgspec.structs.replace(
            base,
            routes=tuple(map(route_document, self.world.ROUTES)),
            results=results,
            summary=summary_of(results),  # type: ignore[arg-type] # results they are
        )
        return findings_of(run)


@pytest.fixture
def bench(world: ModuleType) -> Bench:
    return Bench(world)


DENIED = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "403 Forbidden", 403)
CLOSED = Failure(Stage.TLS, 0, Reason.TLS_HANDSHAKE_CLOSED, "early end")


def test_a_proxys_refusals_are_one_finding(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 14, DENIED)
    bench.add(world.ROUTES[1], 43, skip=14)
    (finding,) = bench.findings()
    assert finding.sentence == "proxy hq (hop 1, http://10.0.0.6:8080) refused 14 of 57 targets with 403"
    assert finding.hint.startswith("Allow these names at proxy hq")
    assert finding.words == "proxy-denied (stage proxy, hop 1)"
    assert finding.windows == "Windows shows about 0x80190193 HTTP_E_STATUS_FORBIDDEN"
    assert finding.detail == "403 Forbidden"
    assert len(finding.names) == 14
    assert finding.results == 14


def test_other_statuses_hops_and_routes_are_other_findings(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 2, DENIED)
    bench.add(world.ROUTES[1], 1, replace(DENIED, status=451), skip=2)
    bench.add(world.ROUTES[2], 2, DENIED)
    bench.add(world.ROUTES[2], 3, replace(DENIED, hop=2), skip=2)
    assert [finding.results for finding in bench.findings()] == [3, 2, 2, 1]


def test_a_targets_own_failure_over_all_routes_is_one_finding(world: ModuleType, bench: Bench) -> None:
    for route in world.ROUTES[:3]:
        bench.add(route, 2, CLOSED)
        bench.add(route, 8, skip=2)
    (finding,) = bench.findings()
    assert finding.sentence == "2 of 10 targets over all 3 routes closed the connection in the TLS handshake"
    assert finding.results == 6
    assert "route" not in finding.hint


def test_many_routes_are_not_all_named(world: ModuleType, bench: Bench) -> None:
    for number, route in enumerate(world.ROUTES):
        bench.add(route, 2, CLOSED if number < 6 else None)
    (finding,) = bench.findings()
    assert finding.sentence.startswith("all 2 targets over 6 of 9 routes (direct, hq, two and others) closed")


def test_a_single_target_is_named_once(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[0], 1, CLOSED)
    bench.add(world.ROUTES[0], 3, skip=1)
    (finding,) = bench.findings()
    assert finding.sentence == "ww-0.mde.example.com closed the connection in the TLS handshake"
    assert finding.names == ()


def test_untrusted_certificates_go_by_issuer(world: ModuleType) -> None:
    findings = [each for each in findings_of(world.run_of()) if each.kind is Kind.UNTRUSTED]
    (finding,) = findings
    assert finding.sentence == (
        "50 of 57 targets over inspected showed a certificate of an unknown authority, "
        "issued by CN=Corp Inspection CA,O=Corp,C=FR"
    )
    assert "on or behind route inspected" in finding.hint


def test_untrusted_certificates_of_two_issuers_are_two_findings(world: ModuleType) -> None:
    run = world.run_of()
    other = "CN=Another CA"
    odd = next(index for index, each in enumerate(run.results) if each.trusted is False)
    results = list(run.results)
    tls = results[odd].tls
    leaf = msgspec.structs.replace(tls.chain[0], issuer=other)
    tls = msgspec.structs.replace(tls, chain=(leaf, *tls.chain[1:]))
    results[odd] = msgspec.structs.replace(results[odd], tls=tls)
    findings = findings_of(msgspec.structs.replace(run, results=tuple(results)))
    untrusted = [each for each in findings if each.kind is Kind.UNTRUSTED]
    assert [each.results for each in untrusted] == [49, 1]
    assert untrusted[1].sentence.endswith(f"issued by {other}")


def test_an_https_proxys_own_certificate(world: ModuleType, bench: Bench) -> None:
    failure = Failure(Stage.PROXY_TLS, 2, Reason.CERT_EXPIRED, "ended yesterday")
    bench.add(world.ROUTES[2], 3, hops=(HopFacts(), HopFacts(tls=world.tls(), tls_failure=failure)))
    (finding,) = bench.findings()
    assert finding.kind is Kind.UNTRUSTED
    assert finding.sentence == (
        "proxy two (hop 2, https://proxy.corp:8443) showed an expired certificate; "
        "all 3 targets went through it all the same"
    )
    assert "trust_roots" in finding.hint


def test_a_finding_tells_details_of_its_own_matter_only(world: ModuleType) -> None:
    """A target's untrusted certificate is no detail of the proxy's login, nor of the proxy's own certificate."""
    of_proxy = Failure(Stage.PROXY_TLS, 1, Reason.CERT_EXPIRED, "the proxy's ended yesterday")
    of_target = Failure(Stage.TLS, 0, Reason.CERT_UNTRUSTED, "a stranger signed the target's")
    route = world.ROUTES[2]
    results = []
    for target in world.targets(2):
        observation = Observation(
            target=target.id,
            route=route.name,
            at=0.0,
            tls=world.tls(),
            http=HttpFacts(404),
            hops=(HopFacts(tls=world.tls(), tls_failure=of_proxy, offered=("basic",), login="accepted"), HopFacts()),
        )
        judged = world.judged(False, of_target, Anchor.UNKNOWN)
        results.append(build_result(target, route, [observation], judged, "paris", facts=world.read))
    base: Run = world.run_of(world.ROUTES[:1], 1)
    run = msgspec.structs.replace(
        base, routes=tuple(map(route_document, world.ROUTES)), results=tuple(results), summary=summary_of(results)
    )
    told = {(finding.kind, finding.detail) for finding in findings_of(run)}
    assert told == {
        (Kind.UNTRUSTED, of_proxy.detail),
        (Kind.UNTRUSTED, of_target.detail),
        (Kind.STATUS, ""),
        (Kind.LOGIN, ""),
    }


def test_odd_statuses(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[0], 2, http=HttpFacts(404))
    bench.add(world.ROUTES[0], 2, http=HttpFacts(200), skip=2)
    (finding,) = bench.findings()
    assert (finding.kind, finding.sentence) == (
        Kind.STATUS,
        "2 of 4 targets answered 404 where 200 is documented",
    )


def test_a_login_that_was_needed_is_a_finding(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 3, hops=(HopFacts(status=200, offered=("basic", "ntlm"), login="accepted"),))
    (finding,) = bench.findings()
    assert finding.kind is Kind.LOGIN
    assert finding.sentence == (
        "proxy hq (hop 1, http://10.0.0.6:8080) asked for a login (basic, ntlm) and accepted it for all 3 targets"
    )


def test_names_carry_the_port_where_it_is_not_443(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[0], 8, CLOSED)
    (finding,) = bench.findings()
    assert "ww-7.common.example.com:80" in finding.names
    assert "ww-0.mde.example.com" in finding.names


def test_words_of_a_later_version_are_shown_as_they_are(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 2, DENIED)
    bench.results = [
        msgspec.structs.replace(
            result,  # type: ignore[type-var] # a result
            failure=msgspec.structs.replace(result.failure, reason="proxy-melted", hop=0),  # type: ignore[attr-defined]
        )
        for result in bench.results
    ]
    (finding,) = bench.findings()
    assert finding.sentence == "all 2 targets: proxy-melted"
    assert finding.hint


def test_several_egress_points_are_told_apart(world: ModuleType) -> None:
    run = world.run_of(world.ROUTES[:1])
    other = tuple(msgspec.structs.replace(result, egress="lyon") for result in run.results)
    both = msgspec.structs.replace(run, results=(*run.results, *other))
    (finding, *_) = findings_of(both)
    assert "over both routes" in finding.sentence
    assert finding.results == 2


def test_a_proxy_of_several_egress_points_is_named_with_its_own(world: ModuleType) -> None:
    run = world.run_of(world.ROUTES[:2], judged=True)
    other = tuple(msgspec.structs.replace(result, egress="lyon") for result in run.results)
    found = findings_of(msgspec.structs.replace(run, results=(*run.results, *other)))
    sentences = [finding.sentence for finding in found]
    assert len(sentences) == len(set(sentences))
    assert sum("proxy paris/hq (hop 1, http://10.0.0.6:8080)" in sentence for sentence in sentences) == 1
    assert sum("proxy lyon/hq (hop 1, http://10.0.0.6:8080)" in sentence for sentence in sentences) == 1
    assert any("proxy lyon/hq (hop 1" in finding.hint for finding in found)


def test_no_failure_no_finding(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[0], 5)
    assert bench.findings() == []


def test_every_proxy_in_every_word_of_a_finding_has_its_egress(world: ModuleType) -> None:
    run = world.run_of(judged=True)
    refused = FailureDoc("connect", 1, "tcp-refused", "refused", "Start it.", None)
    passed = PassedOverDoc((RouteHopDoc("http", "10.0.0.9", 8080, "none"),), refused)
    first, *rest = run.results
    here = (msgspec.structs.replace(first, passed_over=(passed,)), *rest)
    there = tuple(msgspec.structs.replace(result, egress="lyon") for result in here)
    found = findings_of(msgspec.structs.replace(run, results=(*here, *there)))
    kinds = {finding.kind for finding in found}
    assert {Kind.UNREACHABLE, Kind.INTERCEPTED, Kind.FALLBACK} <= kinds
    said = [word for finding in found for word in (finding.sentence, finding.hint, finding.detail)]
    named = {name for text in said for name in re.findall(r"proxy (\S+) \(hop", text)}
    assert {name.partition("/")[0] for name in named} == {"paris", "lyon"}
    # What is in front of a fallback, and where an inspection begins, are proxies like any other.
    assert any(finding.kind is Kind.FALLBACK and "proxy lyon/direct (hop 1" in finding.sentence for finding in found)
    assert any(
        finding.kind is Kind.INTERCEPTED and re.search(r"proxy lyon/\S+ \(hop", finding.hint + finding.detail)
        for finding in found
    )
