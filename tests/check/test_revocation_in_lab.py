"""`--revocation` against the lab: one route whose proxy refuses the authorities' host, while every target answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from prober.check.findings import FailOn, has_findings
from prober.interception.revocation_sources import SourceKind
from prober.lab.authorities import PKI_HOST, Authorities
from prober.lab.policy import Copied, Policy
from prober.model import Target
from prober.report.causes import findings_of
from prober.report.finding import Finding, Kind
from prober.report.revocation_document import RevocationDoc, SourceDoc
from prober.report.table import table_text

from .labs import DIRECT, INSPECTED, ONE, OPEN, PRIVATE, TARGETS, TWO, Scene, Seen, Ways, in_lab, target

BLOCKED: Final[Ways] = {"blocked": ("no-revocation",)}
REVOKED: Final = target("revoked.lab.test", trust=None)
MAPS: Final = target(ONE, service="MDAV", group="maps")
HOSTS: Final = [each.host for each in TARGETS]


def asked(
    ways: Ways,
    targets: list[Target] | tuple[Target, ...] = TARGETS,
    *,
    policy: Policy | None = None,
    keys: Authorities | None = None,
    dialled: list[tuple[str, str, int]] | None = None,
    **how: Any,
) -> Seen:
    """A run that looks at revocation; `dialled` gets what the lab's proxies connected to."""

    async def play(scene: Scene) -> Seen:
        seen = await scene.run(ways, targets, **{"revocation": True, **how})
        if dialled is not None:
            dialled.extend(scene.dialled)
        return seen

    return in_lab(play, policy, targets=targets, keys=keys)


def revocation(seen: Seen, host: str, route: str) -> RevocationDoc:
    found = seen.result(host, route).revocation
    assert found is not None
    return found


def sources(seen: Seen, host: str, route: str) -> list[SourceDoc]:
    return [source for each in revocation(seen, host, route).certificates for source in each.sources]


def found(seen: Seen, kind: Kind) -> list[Finding]:
    return [each for each in findings_of(seen.run) if each.kind is kind]


@pytest.fixture(scope="module")
def both() -> Seen:
    """Direct and over the proxy that refuses."""
    return asked({**DIRECT, **BLOCKED})


def test_what_works_is_said_with_its_sources(both: Seen) -> None:
    for host in HOSTS:
        told = revocation(both, host, "direct")
        assert (told.reachable, told.failure, told.revoked, told.route) == (True, None, None, "direct")
        assert len(told.certificates) == 2, "the leaf and its issuing authority; nobody looks up a root"
        for each in told.certificates:
            assert each.reachable is True
            assert [source.kind for source in each.sources] == ["crl", "ocsp", "ca-issuers"]
            assert all(source.works for source in each.sources)
        says = {source.kind: source.says.partition(" good until")[0] for source in told.certificates[0].sources}
        assert (says["crl"], says["ca-issuers"]) == ("a list", "the issuer's certificate")


def test_the_blocked_route_has_the_finding_and_stays_reachable(both: Seen) -> None:
    for host in HOSTS:
        assert both.result(host, "blocked").reachable
        told = revocation(both, host, "blocked")
        assert told.reachable is False
        failure = told.failure
        assert failure is not None
        assert (failure.stage, failure.hop, failure.reason) == ("proxy", 1, "revocation-unreachable")
        assert f"crl http://{PKI_HOST}/" in failure.detail
        assert "proxy-denied (stage proxy, hop 1)" in failure.detail
        assert failure.windows is not None
        assert failure.windows.hresult == "0x80072F19"
        for source in sources(both, host, "blocked"):
            assert source.works is False
            assert source.failure is not None
            assert (source.failure.reason, source.failure.hop, source.failure.status) == ("proxy-denied", 1, 403)
    (finding,) = found(both, Kind.REVOCATION)
    assert {route for _, (_, route) in finding.members} == {"blocked"}
    assert finding.results == len(HOSTS)
    assert "proxy blocked (hop 1" in finding.sentence
    assert PKI_HOST in finding.hint


def test_counts_and_exit_codes(both: Seen) -> None:
    summary = both.run.summary
    assert (summary.unreachable, summary.revocation_unreachable, summary.revoked) == (0, len(HOSTS), 0)
    assert has_findings(both.run, (FailOn.REVOCATION,))
    assert not has_findings(both.run, (FailOn.UNREACHABLE, FailOn.UNTRUSTED, FailOn.SUSPECT, FailOn.INTERCEPTED))


def test_the_table_says_so(both: Seen) -> None:
    text = table_text(both.run, width=100, ascii_only=True)
    assert "Revocation cannot be looked up, which Windows does" in text
    assert "revocation: 3 cannot be looked up, 3 can be looked up" in text
    assert "revocation out of reach" in text, "the mark in the matrix has a legend"


def test_each_address_is_asked_once_a_route() -> None:
    dialled: list[tuple[str, str, int]] = []
    seen = asked({**OPEN, **BLOCKED}, dialled=dialled)
    distinct = {(source.kind, source.url) for host in HOSTS for source in sources(seen, host, "open")}
    assert len([host for proxy, host, _ in dialled if (proxy, host) == ("open", PKI_HOST)]) == len(distinct)
    assert not [host for proxy, host, _ in dialled if (proxy, host) == ("no-revocation", PKI_HOST)]


def test_all_addresses_over_one_route() -> None:
    dialled: list[tuple[str, str, int]] = []
    seen = asked({**OPEN, **BLOCKED}, revocation="blocked", dialled=dialled)
    for route in ("open", "blocked"):
        told = revocation(seen, ONE, route)
        assert (told.reachable, told.route) == (False, "blocked")
    assert PKI_HOST not in {host for _, host, _ in dialled}
    sentences = [each.sentence for each in found(seen, Kind.REVOCATION)]
    assert any("over open" in each and "asked over blocked" in each for each in sentences)


def test_nobody_asks_without_the_option() -> None:
    dialled: list[tuple[str, str, int]] = []
    seen = asked(OPEN, revocation=False, dialled=dialled)
    assert seen.result(ONE, "open").revocation is None
    assert seen.run.summary.revocation_unreachable is None
    assert PKI_HOST not in {host for _, host, _ in dialled}


def test_a_revoked_certificate_is_a_fact() -> None:
    seen = asked(DIRECT, [REVOKED], keys=Authorities())
    result = seen.result(REVOKED.host, "direct")
    told = revocation(seen, REVOKED.host, "direct")
    assert result.reachable
    assert told.reachable is True
    assert told.revoked is not None
    assert told.revoked.reason == "cert-revoked"
    assert told.certificates[0].revoked_at is not None
    assert told.certificates[1].revoked_at is None
    ocsp = next(source for source in told.certificates[0].sources if source.kind == SourceKind.OCSP)
    assert ocsp.says.startswith("revoked")
    assert found(seen, Kind.REVOKED)
    assert has_findings(seen.run, (FailOn.REVOCATION,))


def test_maps_is_told_what_it_means() -> None:
    (finding,) = found(asked(BLOCKED, [MAPS]), Kind.REVOCATION)
    assert "MAPS would fail with 0x80072F8F although its URL answers 200." in finding.hint
    assert "SSLOptions" in finding.hint


def test_a_forged_chain_sends_us_nowhere() -> None:
    """What an interceptor nobody knows wrote into its certificates is listed and not followed."""
    policy = Policy(copies=frozenset({*Policy().copies, Copied.POINTERS}))
    dialled: list[tuple[str, str, int]] = []
    seen = asked(INSPECTED, [TARGETS[0]], policy=policy, dialled=dialled)
    told = revocation(seen, ONE, "inspected")
    assert (told.reachable, told.failure) == (None, None)
    listed = sources(seen, ONE, "inspected")
    assert listed
    assert {source.works for source in listed} == {None}
    assert all("not followed" in source.says for source in listed)
    assert PKI_HOST not in {host for _, host, _ in dialled}


def test_private_authorities_without_sources_have_none() -> None:
    seen = asked(INSPECTED, [TARGETS[0]])
    told = revocation(seen, ONE, "inspected")
    assert (told.reachable, told.failure) == (None, None)
    assert not sources(seen, ONE, "inspected")
    assert "1 without any source" in table_text(seen.run)
    assert not found(seen, Kind.REVOCATION)


def test_an_address_that_is_not_public_is_left_alone() -> None:
    """Nobody named the addresses of the lab here, so the authorities' host may not be asked on this machine."""

    async def play(scene: Scene) -> Seen:
        plan = scene.plan(DIRECT, revocation=True)
        assert plan.revocation is not None
        return await scene.carry_out(replace(plan, revocation=replace(plan.revocation, allowed=())))

    seen = in_lab(play)
    told = revocation(seen, TWO, "direct")
    assert (told.reachable, told.failure) == (None, None)
    assert all("loopback" in source.says for source in sources(seen, TWO, "direct"))


def test_workers_ask_too() -> None:
    async def play(scene: Scene) -> Seen:
        return await scene.carry_out(replace(scene.plan({**DIRECT, **BLOCKED}, revocation=True), workers=2))

    seen = in_lab(play)
    assert revocation(seen, PRIVATE, "direct").reachable is True
    assert revocation(seen, PRIVATE, "blocked").reachable is False
