"""Verdicts as findings: grouped by way out, signer and product; said so that an operator can act."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import msgspec
import pytest

from prober.interception.verdict import Basis, Confidence, Mixed, Reference, Verdict, Why, Word
from prober.model import Anchor, Failure, Observation, Reason, Route, Stage
from prober.report.build import build_result, route_document, summary_of
from prober.report.causes import Finding, Kind, findings_of
from prober.report.document import Result, Run

UNTRUSTED = Failure(Stage.TLS, 0, Reason.CERT_UNTRUSTED, "chain ends in CN=Corp Inspection CA")


class Bench:
    """Puts verdicts where a test wants them."""

    def __init__(self, world: ModuleType) -> None:
        self.world = world
        self.results: list[Result] = []

    def add(
        self,
        route: Route,
        count: int,
        verdict: Verdict | None,
        *,
        skip: int = 0,
        issuer: str = "CN=Corp Inspection CA",
        trusted: bool = False,
        **target: Any,
    ) -> None:
        for each in self.world.targets(skip + count)[skip:]:
            observation = Observation(target=each.id, route=route.name, at=0.0, tls=self.world.tls(issuer))
            trust = self.world.judged(trusted, None if trusted else UNTRUSTED, Anchor.UNKNOWN)
            self.results.append(
                build_result(
                    replace(each, **target),
                    route,
                    [observation],
                    trust,
                    "paris",
                    verdict=verdict,
                    facts=self.world.read,
                )
            )

    def fine(self, route: Route, count: int, *, skip: int = 0) -> None:
        self.add(route, count, self.world.clean(), skip=skip, trusted=True)

    def findings(self, *kinds: Kind) -> list[Finding]:
        base: Run = self.world.run_of(self.world.ROUTES[:1], 1)
        run = msgspec.structs.replace(
            base,
            routes=tuple(map(route_document, self.world.ROUTES)),
            results=tuple(self.results),
            summary=summary_of(self.results),
        )
        return [each for each in findings_of(run) if not kinds or each.kind in kinds]


@pytest.fixture
def bench(world: ModuleType) -> Bench:
    return Bench(world)


def test_forty_targets_of_one_inspector_are_one_finding(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 12, world.intercepted("E4", hop=1, shared_key_with=("x.example", "y.example")))
    bench.fine(world.ROUTES[1], 53, skip=12)
    bench.fine(world.ROUTES[0], 65)
    (finding,) = bench.findings()
    assert finding.kind is Kind.INTERCEPTED
    assert finding.sentence == (
        'through hq: 12 of 65 targets are signed by "Corp Inspection CA" under "Corp Root" '
        "(Fortinet FortiGate, high confidence), in no public store; direct shows Microsoft TLS RSA Root G2; "
        "the same key was served for 14 unrelated hosts"
    )
    assert finding.detail == "it begins at proxy hq (hop 1, http://10.0.0.6:8080)"
    assert finding.hint == (
        "Exempt the 12 names below from TLS inspection on hq; the vendor demands it for 9 of them. "
        "Defender checks who signed."
    )
    assert len(finding.names) == 12
    assert finding.words == "intercepted (basis proven, high confidence, score 19)"
    assert finding.windows == "Windows shows about 0x80072F0D ERROR_WINHTTP_SECURE_INVALID_CA"
    assert [(proof.id, proof.points, proof.decides, proof.targets) for proof in finding.evidence] == [
        ("E3", 6, True, 12),
        ("E4", 5, True, 12),
        ("E2", 4, True, 12),
        ("E1", 3, True, 12),
        ("E9", 1, False, 12),
    ]


def test_names_are_counted_where_names_are_meant(world: ModuleType, bench: Bench) -> None:
    """Two targets may be two paths of one host: an allow list has it once."""
    bench.add(world.ROUTES[1], 2, world.intercepted(), host="one.example", port=443, inspection_bypass=True)
    bench.add(world.ROUTES[1], 1, world.intercepted(), skip=2, host="two.example", inspection_bypass=True)
    (finding,) = bench.findings()
    assert "all 3 targets" in finding.sentence
    assert finding.names == ("one.example", "two.example")
    assert finding.hint.startswith("Exempt the 2 names below from TLS inspection on hq; the vendor demands it. ")


def test_what_is_intercepted_is_not_told_again_as_untrusted(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 1, world.intercepted())
    bench.add(world.ROUTES[1], 1, world.suspect(Why.WEAK, "E1"), skip=1)
    bench.add(world.ROUTES[1], 1, Verdict(word=Word.BLOCKED), skip=2)
    bench.add(world.ROUTES[1], 1, Verdict(word=Word.INCONCLUSIVE, reason=Why.CONSISTENT_UNANCHORED), skip=3)
    assert [(each.kind, each.results) for each in bench.findings()] == [
        (Kind.INTERCEPTED, 1),
        (Kind.BLOCKED, 1),
        (Kind.SUSPECT, 1),
        (Kind.UNTRUSTED, 1),
    ]


def test_other_signers_products_and_hops_are_other_findings(world: ModuleType, bench: Bench) -> None:
    two = world.ROUTES[2]
    bench.add(two, 4, world.intercepted(hop=1))
    bench.add(two, 3, world.intercepted(hop=2), skip=4)
    bench.add(two, 2, world.intercepted(hop=1, signer=world.signer("CN=Other", "CN=Other Root")), skip=7)
    bench.add(two, 1, world.intercepted(hop=1, attribution=None), skip=9)
    assert [each.results for each in bench.findings()] == [4, 3, 2, 1]


def test_rotating_signers_under_one_root_are_one_finding(world: ModuleType, bench: Bench) -> None:
    for number in range(3):
        verdict = world.intercepted(signer=world.signer(f"CN=Inspection {number}"), attribution=None)
        bench.add(world.ROUTES[1], 3 - number, verdict, skip=number * 3)
    (finding,) = bench.findings()
    assert '"Inspection 0" and 2 others under "Corp Root", in no public store' in finding.sentence


def test_one_cause_over_several_ways_is_one_finding_unless_a_proxy_of_one_is_known(
    world: ModuleType, bench: Bench
) -> None:
    for route in world.ROUTES[:3]:
        bench.add(route, 2, world.intercepted(hop=0, reference=None, basis=Basis.CONVERGENCE))
    (finding,) = bench.findings()
    assert finding.sentence.startswith("through all 3 routes: all 2 targets are signed by")
    assert finding.detail == "it begins before the first proxy: on this machine, or on the way out of it"
    assert "on this machine or in front of its first proxy" in finding.hint
    bench.results.clear()
    for route in world.ROUTES[:3]:
        bench.add(route, 2, world.intercepted(hop=1))
    assert len(bench.findings()) == 3


def test_the_direct_route_is_no_proxy(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[0], 1, world.intercepted(hop=0, reference=None))
    bench.fine(world.ROUTES[1], 2)
    (finding,) = bench.findings()
    assert finding.sentence.startswith("direct: ww-0.mde.example.com is signed by")
    assert finding.hint.startswith("Exempt ww-0.mde.example.com from TLS inspection on this machine or on its way out")


def test_a_direct_route_on_which_somebody_answers_is_not_this_machines_fault(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[0], 1, world.intercepted(hop=None, reference=None))
    (finding,) = bench.findings()
    assert finding.hint.startswith("Exempt ww-0.mde.example.com from TLS inspection on the way out of this machine")


def test_mixed_connections_are_counted(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 1, world.intercepted(mixed=Mixed(1, 10), confidence=Confidence.MEDIUM))
    bench.add(world.ROUTES[1], 3, world.intercepted(), skip=1)
    often, seldom = bench.findings()
    assert often.results == 3
    assert seldom.sentence.startswith("through hq: on 1 of 10 connections ww-0.mde.example.com is signed by")
    assert "medium confidence" in seldom.words


def test_several_bases_and_scores_are_all_named(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 2, world.intercepted("E10"))
    bench.add(world.ROUTES[1], 1, world.intercepted(basis=Basis.CONVERGENCE, confidence=Confidence.MEDIUM), skip=2)
    (finding,) = bench.findings()
    assert finding.words == "intercepted (basis proven 2, convergence 1, confidence high 2, medium 1, score 14 to 18)"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (Reference("baseline", "direct", "ab", "CN=Microsoft TLS G2", 1.0), "the baseline has Microsoft TLS G2"),
        (Reference("pin", "a.example", "ab", "", None), "another key is pinned"),
        (Reference("route", "open", "ab", "O=No Common Name", 1.0), "open shows No Common Name"),
    ],
)
def test_every_kind_of_reference_is_named(world: ModuleType, bench: Bench, reference: Reference, said: str) -> None:
    bench.add(world.ROUTES[1], 1, world.intercepted(reference=reference, policy_mismatch=True))
    (finding,) = bench.findings()
    assert finding.sentence.endswith(f"; {said}; none of the pinned keys is on the path")
    assert "policy_mismatch" in finding.words


@pytest.mark.parametrize(
    ("stores", "said"),
    [
        ((), "in no public store"),
        (("os",), "in no public store but in this machine's own"),
        (("user",), "in the roots you named"),
        (("mozilla", "os"), "in Mozilla's store, this machine's own store"),
    ],
)
def test_where_the_signer_is_known(world: ModuleType, bench: Bench, stores: tuple[str, ...], said: str) -> None:
    signer = world.signer("CN=Corp", "CN=Corp", *stores)
    bench.add(world.ROUTES[1], 1, world.intercepted(signer=signer, reference=None, attribution=None))
    (finding,) = bench.findings()
    assert finding.sentence.endswith(f'is signed by "Corp", {said}')


def test_a_signer_whose_certificate_is_not_at_hand(world: ModuleType, bench: Bench) -> None:
    signer = replace(world.signer(), root_spki_sha256=None, root="")
    bench.add(world.ROUTES[1], 1, world.intercepted(signer=signer, reference=None))
    (finding,) = bench.findings()
    assert finding.sentence.endswith("whose own certificate was not sent and is in no store")


def test_a_chain_of_proxies_asks_for_locate_until_that_was_done(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[2], 1, world.intercepted())
    assert "--locate" in bench.findings()[0].hint
    bench.results.clear()
    bench.add(world.ROUTES[1], 1, world.intercepted())
    assert "--locate" not in bench.findings()[0].hint


@pytest.mark.parametrize(
    ("reason", "has_reference", "sentence", "hint"),
    [
        (Why.NOT_REPEATED, True, "seen once and did not come again", "--attempts 10"),
        (Why.WEAK, True, "too little beside that", "a private twin of the service looks the same"),
        (Why.WEAK, False, "too little beside that", "something to compare with: a direct route, --baseline"),
        (Why.CONTRADICTING, True, "yet a header inside the tunnel names Forcepoint", "Ask who runs hq"),
    ],
)
def test_a_suspicion_says_what_is_missing(
    world: ModuleType, bench: Bench, reason: Why, has_reference: bool, sentence: str, hint: str
) -> None:
    verdict = world.suspect(reason, "E11", signer=world.signer())
    bench.add(world.ROUTES[1], 1, verdict if has_reference else replace(verdict, reference=None))
    (finding,) = bench.findings()
    assert finding.kind is Kind.SUSPECT
    assert sentence in finding.sentence
    assert hint in finding.hint
    assert finding.words.startswith(f"suspect, {reason} (basis proven")


def test_suspicions_of_different_reasons_are_apart(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 2, world.suspect(Why.WEAK, "E1"))
    bench.add(world.ROUTES[1], 1, world.suspect(Why.NOT_REPEATED, "E1"), skip=2)
    assert [each.results for each in bench.findings()] == [2, 1]


def test_a_block_page_is_told_by_the_name_it_has(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 3, Verdict(word=Word.BLOCKED), issuer="CN=DigiCert TLS,O=DigiCert")
    (finding,) = bench.findings()
    assert finding.kind is Kind.BLOCKED
    assert finding.sentence == (
        'through hq: all 3 targets were answered with the certificate of a.example, signed by "DigiCert TLS": '
        "a block page, a captive portal, or a front end that is set up wrongly"
    )
    assert finding.hint.startswith("Allow the 3 names below on hq")


def test_a_lost_request_for_a_client_certificate_is_a_failure_of_its_own(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 2, world.intercepted("E7", hop=1), client_certificate=True)
    client, intercepted = sorted(bench.findings(), key=lambda finding: finding.kind)
    assert (client.kind, intercepted.kind) == (Kind.CLIENT_CERTIFICATE, Kind.INTERCEPTED)
    assert client.sentence == (
        "through hq: all 2 targets no longer ask for a client certificate, as over direct: somebody on the way "
        "answers in the service's place; the service knows its clients by their certificates and cannot work like this"
    )
    assert [proof.id for proof in client.evidence] == ["E7"]
    assert "E7" in [proof.id for proof in intercepted.evidence]


def test_a_lost_request_alone_is_told_once(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 1, world.suspect(Why.CONTRADICTING, "E7"), trusted=True, client_certificate=False)
    (finding,) = bench.findings()
    assert finding.kind is Kind.CLIENT_CERTIFICATE
    assert "cannot work" not in finding.sentence
    assert finding.words.startswith("suspect, authority-but-contradicting")


def test_pins_that_do_not_fit_a_clean_chain_are_told_as_such(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 2, replace(world.clean(), policy_mismatch=True), issuer="CN=DigiCert TLS")
    (finding,) = bench.findings()
    assert finding.kind is Kind.UNTRUSTED
    assert finding.sentence == ('through hq: all 2 targets show none of the pinned keys; signed by "DigiCert TLS"')
    assert "--pin" in finding.hint


def test_clean_and_inconclusive_are_no_findings(world: ModuleType, bench: Bench) -> None:
    bench.fine(world.ROUTES[1], 3)
    bench.add(world.ROUTES[0], 3, Verdict(word=Word.INCONCLUSIVE, reason=Why.CLOCK), trusted=True)
    assert bench.findings() == []


def test_a_verdict_of_a_later_version_does_no_harm(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 1, world.intercepted())
    (result,) = bench.results
    later = msgspec.structs.replace(result.interception, verdict="haunted")  # type: ignore[type-var] # a verdict
    bench.results = [msgspec.structs.replace(result, interception=later)]
    assert [each.kind for each in bench.findings()] == [Kind.UNTRUSTED]


def test_interception_comes_right_after_what_is_not_reached(world: ModuleType) -> None:
    kinds = list(dict.fromkeys(each.kind for each in findings_of(world.run_of(judged=True))))
    assert kinds == [
        Kind.UNREACHABLE,
        Kind.INTERCEPTED,
        Kind.CLIENT_CERTIFICATE,
        Kind.BLOCKED,
        Kind.SUSPECT,
        Kind.STATUS,
    ]
