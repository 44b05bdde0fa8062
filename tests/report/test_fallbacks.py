"""Ways that were passed over: one finding for each, and causes that do not mix up proxies under one rule."""

from __future__ import annotations

from types import ModuleType

import pytest

from prober.model import Failure, Hop, HopScheme, HttpFacts, Reason, Route, Stage
from prober.report.causes import Finding, Kind

from .test_causes import Bench

DOWN = Hop(HopScheme.HTTP, "10.0.0.6", 8080)
OTHER = Hop(HopScheme.HTTP, "10.0.0.9", 3128)
REFUSED = Failure(Stage.CONNECT, 1, Reason.TCP_REFUSED, "10.0.0.6:8080: Connection refused")
DENIED = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "403 Forbidden", 403)
EDR = Route("edr", (DOWN,), ((OTHER,), ()))


@pytest.fixture
def bench(world: ModuleType) -> Bench:
    return Bench(world)


def only(findings: list[Finding], kind: Kind) -> Finding:
    (found,) = [each for each in findings if each.kind is kind]
    return found


def test_who_was_passed_over_and_what_carried_it_instead(bench: Bench) -> None:
    bench.add(EDR, 3, passed_over=(REFUSED,), http=HttpFacts(200))
    bench.add(EDR, 4, skip=3, http=HttpFacts(200))
    finding = only(bench.findings(), Kind.FALLBACK)
    assert finding.sentence == (
        "proxy edr (hop 1, http://10.0.0.6:8080) could not be connected (tcp-refused): "
        "3 of 7 targets went over http://10.0.0.9:3128 instead"
    )
    assert "the next way of route edr carries the traffic" in finding.hint
    assert finding.detail == REFUSED.detail
    assert finding.words == "tcp-refused (stage connect, hop 1), passed over"


def test_down_to_direct(bench: Bench) -> None:
    late = Failure(Stage.CONNECT, 1, Reason.TCP_TIMEOUT, "no end after 3 s")
    bench.add(EDR, 2, passed_over=(REFUSED, late), http=HttpFacts(200))
    assert only(bench.findings(), Kind.FALLBACK).sentence == (
        "proxy edr (hop 1, http://10.0.0.6:8080) could not be connected (tcp-refused) and then "
        "proxy edr (hop 1, http://10.0.0.9:3128) could not be connected (tcp-timeout): "
        "all 2 targets went direct instead"
    )


def test_what_failed_there_too_is_counted_and_is_a_finding_of_its_own(bench: Bench) -> None:
    bench.add(EDR, 1, passed_over=(REFUSED,), failure=DENIED)
    bench.add(EDR, 3, skip=1, passed_over=(REFUSED,), http=HttpFacts(200))
    findings = bench.findings()
    assert only(findings, Kind.FALLBACK).sentence.endswith("instead, and 1 of them failed there too")
    unreachable = only(findings, Kind.UNREACHABLE)
    assert "http://10.0.0.9:3128" in unreachable.sentence, "the proxy that denied, not the one that was down"


def test_two_proxies_under_one_rule_are_two_causes(bench: Bench) -> None:
    bench.add(Route("pac", (DOWN,)), 2, DENIED)
    bench.add(Route("pac", (OTHER,)), 5, DENIED, skip=2)
    sentences = [each.sentence for each in bench.findings() if each.kind is Kind.UNREACHABLE]
    assert len(sentences) == 2
    assert "http://10.0.0.9:3128" in sentences[0]
    assert "5 of 7 targets" in sentences[0]
    assert "http://10.0.0.6:8080" in sentences[1]


def test_nothing_passed_over_nothing_said(bench: Bench) -> None:
    bench.add(EDR, 3, http=HttpFacts(200))
    assert [each for each in bench.findings() if each.kind is Kind.FALLBACK] == []
