"""What a run probes beside the attempts it was asked for, counted by those who were probed."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from OpenSSL import SSL, crypto

from prober.check.conduct import Conduct
from prober.engine.run import Pair
from prober.lab import contexts
from prober.lab.faults import Fault
from prober.lab.policy import LeafKey, Policy
from prober.model import Observation, Purpose, Scheme
from prober.report.document import Run
from prober.report.files import decode, encode

from .labs import DIRECT, EVERYWHERE, INSPECTED, ONE, OPEN, PRIVATE, TARGETS, TWO, Scene, Seen, Ways, in_lab, target

QUIET: Final = Policy(key=LeafKey.OWN)
"""Suspect without a reference, intercepted with one."""
BEHIND: Final[Ways] = {"behind": ("open", "inspected")}
BEFORE: Final[Ways] = {"before": ("inspected", "open")}
SENSOR: Final = target("sensor.one.example", client_certificate=True)
"""Asks for a client certificate, and does without."""
STRICT: Final = target(Fault.CLIENT_CERT.host, trust=None, expected=())
"""Demands one."""
PLAIN: Final = target("plain.one.example", scheme=Scheme.HTTP, port=80, trust=None, expected=())

Step = tuple[str, str, str]
"""Purpose, host, route."""


async def stepwise(scene: Scene, ways: Ways, *targets: object, **how: object) -> tuple[Seen, list[Step]]:
    """A run with one probe at a time, and its probes in the order they were made."""
    steps: list[Step] = []

    def note(pair: Pair, observation: Observation, _count: int) -> None:
        assert observation.purpose is pair.purpose
        steps.append((pair.purpose.value, pair.target.host, pair.route.name))

    chosen = targets or TARGETS
    plan = scene.plan(ways, chosen, probe__concurrency=1, **how)  # type: ignore[arg-type] # as `plan` takes them
    return await scene.carry_out(plan, note), steps


def of(purpose: Purpose, steps: list[Step]) -> list[tuple[str, str]]:
    return [(host, route) for why, host, route in steps if why == purpose.value]


# confirmations


def test_each_contradiction_is_probed_again_right_after_its_reference() -> None:
    seen, steps = in_lab(lambda scene: stepwise(scene, EVERYWHERE), QUIET)
    assert [why for why, _, _ in steps] == ["attempt"] * 9 + ["confirmation"] * 6
    assert of(Purpose.CONFIRMATION, steps) == [
        (host, route) for host in (ONE, TWO, PRIVATE) for route in ("direct", "inspected")
    ]
    for host in (ONE, TWO, PRIVATE):
        again = {route: each.at for at, route, each in seen.samples("confirmation") if at == host}
        before = {route: each.at for at, route, each in seen.samples("attempt") if at == host}
        assert before["inspected"] <= again["direct"] <= again["inspected"]
        assert seen.purposes(host, "open") == ["attempt"]


def test_without_a_reference_the_pair_alone() -> None:
    _, steps = in_lab(lambda scene: stepwise(scene, INSPECTED), QUIET)
    assert of(Purpose.CONFIRMATION, steps) == [(host, "inspected") for host in (ONE, TWO, PRIVATE)]


def test_two_routes_that_are_opened_share_a_reference() -> None:
    _, steps = in_lab(lambda scene: stepwise(scene, {**DIRECT, **INSPECTED, **BEHIND}, TARGETS[0]), QUIET)
    assert of(Purpose.CONFIRMATION, steps) == [(ONE, "direct"), (ONE, "inspected"), (ONE, "behind")]


def test_what_is_clean_is_left_in_peace() -> None:
    seen, steps = in_lab(lambda scene: stepwise(scene, {**DIRECT, **OPEN, **BEFORE}, *TARGETS, PLAIN), QUIET)
    assert {why for why, _, _ in steps} == {"attempt"}
    assert len(steps) == 12
    assert all(result.samples == () for result in seen.run.results)


def test_attempts_that_settle_it_need_no_confirmation() -> None:
    _, steps = in_lab(lambda scene: stepwise(scene, EVERYWHERE, TARGETS[0], attempts=3), QUIET)
    assert of(Purpose.CONFIRMATION, steps) == []
    assert len(steps) == 9


def test_faults_that_are_no_contradiction_are_not_asked_twice() -> None:
    hosts = [target(fault.host, trust=None) for fault in (Fault.EXPIRED, Fault.WRONG_NAME, Fault.CLOSED)]
    seen, steps = in_lab(lambda scene: stepwise(scene, {**DIRECT, **OPEN}, *hosts), QUIET)
    assert of(Purpose.CONFIRMATION, steps) == []
    told = {host: seen.verdict(host, "open") for host in seen.told("open")}
    assert [(each.verdict, each.reason) for each in told.values()] == [
        ("clean", None),  # the same key on both routes: out of date, and nobody's doing
        ("inconclusive", "wrong-name"),
        ("inconclusive", "no-tls"),
    ]


def test_confirmations_count_as_expected_probes() -> None:
    async def play(scene: Scene) -> tuple[list[int], int]:
        conduct = Conduct(scene.plan(EVERYWHERE))
        totals = [conduct.expected]
        await conduct.probe(lambda _pair, _observation, _count: totals.append(conduct.expected))
        return totals, conduct.observed

    totals, observed = in_lab(play, QUIET)
    assert (totals[0], totals[-1], observed) == (9, 15, 15)
    assert totals == sorted(totals)


# locate


def locate(ways: Ways, **how: object) -> tuple[Seen, list[Step], int]:
    """A run with `--locate`, its steps, and how many connections came to the origins without a proxy."""

    async def play(scene: Scene) -> tuple[Seen, list[Step], int]:
        seen, steps = await stepwise(scene, ways, locate=True, **how)
        by_proxies = sum(port == 443 for _, _, port in scene.dialled)
        return seen, steps, scene.lab.origins.tls.served - by_proxies

    return in_lab(play, QUIET)


def test_behind_an_honest_proxy_it_is_the_second_hop() -> None:
    seen, steps, _ = locate({**DIRECT, **BEHIND})
    assert of(Purpose.LOCATE, steps) == [(host, "behind[:1]") for host in (ONE, TWO, PRIVATE)], (
        "the empty beginning is a route of the run"
    )
    for host in (ONE, TWO, PRIVATE):
        verdict = seen.verdict(host, "behind")
        assert (verdict.verdict, verdict.hop) == ("intercepted", 2)
        (prefix,) = seen.result(host, "behind").prefixes
        assert (prefix.hops, prefix.sample.purpose, prefix.sample.reachable) == (1, "locate", True)
    assert {result.route for result in seen.run.results} == {"direct", "behind"}, "nobody's results"


def test_without_locate_the_hop_of_a_chain_is_not_known() -> None:
    seen = in_lab(lambda scene: scene.run({**DIRECT, **BEHIND}), QUIET)
    assert {seen.verdict(host, "behind").hop for host in (ONE, TWO, PRIVATE)} == {None}


def test_before_an_honest_proxy_it_is_blind_to_the_nested_tunnel() -> None:
    """The inspector at the first hop sees a CONNECT, no TLS, and lets it pass: the chain is clean, and rightly so."""
    seen, steps, _ = locate({**DIRECT, **INSPECTED, **BEFORE})
    assert of(Purpose.LOCATE, steps) == []
    assert set(seen.told("before").values()) == {("clean", "proven")}
    for host in (ONE, TWO, PRIVATE):
        assert seen.verdict(host, "inspected").hop == 1
        assert seen.verdict(host, "before").hop is None
        assert seen.result(host, "before").prefixes == ()


def test_three_hops() -> None:
    seen, steps, _ = locate({**DIRECT, "deep": ("open", "open", "inspected")})
    assert [route for host, route in of(Purpose.LOCATE, steps) if host == ONE] == ["deep[:1]", "deep[:2]"]
    assert {seen.verdict(host, "deep").hop for host in (ONE, TWO, PRIVATE)} == {3}


def test_where_only_proxies_are_allowed_nothing_goes_past_them() -> None:
    """As the origins count it: every connection that reached them was made by a proxy."""
    seen, steps, past = locate({**INSPECTED, **BEHIND})
    assert past == 0
    assert of(Purpose.LOCATE, steps) == [(host, "behind[:1]") for host in (ONE, TWO, PRIVATE)]
    for host in (ONE, TWO, PRIVATE):
        assert seen.verdict(host, "inspected").hop is None, "this machine itself was not ruled out"
        assert seen.verdict(host, "behind").hop == 2


def test_with_the_direct_way_allowed_the_count_shows_it() -> None:
    _, steps, past = locate({**DIRECT, **BEHIND})
    assert past == sum(route == "direct" for _, _, route in steps) == 6


# client certificates


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Client certificates that servers of the lab got: who got it, for which host, of whom."""
    got: list[tuple[str, str, str]] = []

    def accept(connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
        if depth == 0:
            name = (connection.get_servername() or b"").decode()
            issuer = certificate.to_cryptography().issuer.rfc4514_string()
            ours = connection.get_context() in origin_contexts
            got.append(("origin" if ours else "interceptor", name, issuer))
        return True

    origin_contexts: list[SSL.Context] = []
    make = contexts.server_context

    def noted(*arguments: object, **named: object) -> SSL.Context:
        context = make(*arguments, **named)  # type: ignore[arg-type] # handed on
        origin_contexts.append(context)
        return context

    monkeypatch.setattr(contexts, "_accept_any", accept)
    monkeypatch.setattr("prober.lab.origins.server_context", noted)
    return got


ASKING: Final = Policy(key=LeafKey.OWN, client_certificate_request=True)
"""As nosy as can be: asks whenever the origin does."""


async def presenting(scene: Scene, ways: Ways, *hosts: object, **how: object) -> tuple[Seen, list[Step]]:
    certificate = {"*": str(scene.lab.directory / "client.pem")}
    return await stepwise(scene, ways, *hosts, trust__client_certificates=certificate, **how)


def test_a_certificate_is_shown_over_clean_routes_only(shown: list[tuple[str, str, str]]) -> None:
    ways = {**EVERYWHERE, **BEHIND, **BEFORE}
    seen, steps = in_lab(lambda scene: presenting(scene, ways, SENSOR, TARGETS[0]), ASKING, targets=(*TARGETS, SENSOR))
    clean = ["direct", "open", "before"]
    assert of(Purpose.CLIENT_CERTIFICATE, steps) == [(SENSOR.host, route) for route in clean]
    assert [(who, host) for who, host, _ in shown] == [("origin", SENSOR.host)] * 3
    assert all("Prober Lab Vendor Secure Server CA" in issuer for _, _, issuer in shown)
    for route in ("inspected", "behind"):
        tls = seen.result(SENSOR.host, route).tls
        assert tls is not None
        assert tls.client_cert_requested, "the interceptor did ask"
        assert seen.verdict(SENSOR.host, route).verdict == "intercepted"
        assert "client-certificate" not in seen.purposes(SENSOR.host, route)
    assert "client-certificate" not in seen.purposes(ONE, "direct"), "nobody asked"


def test_nobody_is_asked_to_look_at_a_certificate_that_is_not_configured(shown: list[tuple[str, str, str]]) -> None:
    _, steps = in_lab(lambda scene: stepwise(scene, EVERYWHERE, SENSOR), ASKING, targets=(SENSOR,))
    assert of(Purpose.CLIENT_CERTIFICATE, steps) == []
    assert shown == []


def test_a_server_that_demands_it_is_reached_with_it(shown: list[tuple[str, str, str]]) -> None:
    async def both(scene: Scene) -> tuple[Seen, Seen, list[Step]]:
        without = await scene.run({**DIRECT, **OPEN}, [STRICT])
        return (without, *await presenting(scene, {**DIRECT, **OPEN}, STRICT))

    without, seen, steps = in_lab(both, QUIET)
    for route in ("direct", "open"):
        failure = without.result(STRICT.host, route).failure
        assert failure is not None
        assert failure.reason == "client-cert-required"
        assert seen.result(STRICT.host, route).reachable
        assert seen.result(STRICT.host, route).failure is None
        assert seen.purposes(STRICT.host, route) == ["attempt", "client-certificate"]
        assert seen.verdict(STRICT.host, route).verdict == "clean"
    assert seen.run.summary.unreachable == 0
    assert of(Purpose.CLIENT_CERTIFICATE, steps) == [(STRICT.host, "direct"), (STRICT.host, "open")]
    assert {who for who, _, _ in shown} == {"origin"}


def test_a_swallowed_request_is_told(shown: list[tuple[str, str, str]]) -> None:
    seen, _ = in_lab(lambda scene: presenting(scene, EVERYWHERE, SENSOR), QUIET, targets=(SENSOR,))
    assert "E7" in seen.ids(SENSOR.host, "inspected")
    assert [who for who, _, _ in shown] == ["origin", "origin"]


def test_an_unknown_signer_without_a_reference_gets_nothing(shown: list[tuple[str, str, str]]) -> None:
    seen, steps = in_lab(lambda scene: presenting(scene, INSPECTED, SENSOR), ASKING, targets=(SENSOR,))
    assert seen.words("inspected") == {"suspect"}
    assert of(Purpose.CLIENT_CERTIFICATE, steps) == []
    assert shown == []


def test_one_of_a_cluster_gets_nothing_between_two_clean_ones(shown: list[tuple[str, str, str]]) -> None:
    """The second tunnel of two is opened: attempts saw the clean one, the presentation meets the other."""
    cluster = Policy(key=LeafKey.OWN, client_certificate_request=True, every=2)
    seen, steps = in_lab(lambda scene: presenting(scene, INSPECTED, SENSOR), cluster, targets=(SENSOR,))
    assert of(Purpose.CLIENT_CERTIFICATE, steps) == [(SENSOR.host, "inspected")]
    assert shown == []
    failure = seen.result(SENSOR.host, "inspected").failure
    assert failure is not None
    assert "withheld" in failure.detail


# interruptions


def verdicts(run: Run) -> dict[tuple[str, str], object]:
    """All that was judged, by host and route."""
    return {
        (each.target.host, each.route): (
            each.interception,
            each.trusted,
            each.trust_failure,
            None if each.tls is None else each.tls.anchor,
        )
        for each in run.results
    }


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("after", [1, 2])
def test_interrupted_in_every_phase(purpose: Purpose, after: int) -> None:
    """What is there is a document, says that it is not all, and can be judged again with the same outcome."""

    async def play(scene: Scene) -> tuple[Run, Run, Conduct]:
        ways = {**DIRECT, **BEFORE, **BEHIND, "honest": ("slow",)}
        certificate = {"*": str(scene.lab.directory / "client.pem")}
        plan = scene.plan(
            ways,
            [SENSOR, *TARGETS],
            locate=True,
            revocation=True,
            probe__concurrency=1,
            trust__client_certificates=certificate,
        )
        conduct = Conduct(plan)
        met: list[Pair] = []
        running: asyncio.Task[None]

        def interrupt(pair: Pair, _observation: Observation, _count: int) -> None:
            if pair.purpose is purpose:
                met.append(pair)
                if len(met) == after:
                    running.cancel()

        async with asyncio.TaskGroup() as group:
            running = group.create_task(conduct.probe(interrupt), name="a run that is cut short")
        assert running.cancelled()
        run = decode(encode(conduct.document()))
        return run, scene.judge(run).run, conduct

    run, again, conduct = in_lab(play, QUIET, targets=(*TARGETS, SENSOR))
    assert run.complete is False
    assert run.results
    (note,) = (each for each in run.notes if each.id == "interrupted")
    assert f"{conduct.observed} of {conduct.expected} probes" in note.text
    assert conduct.observed < conduct.expected
    assert again.complete is False
    assert verdicts(again) == verdicts(run)
    made = {sample.purpose for result in run.results for sample in result.samples}
    made |= {prefix.sample.purpose for result in run.results for prefix in result.prefixes}
    if purpose not in (Purpose.ATTEMPT, Purpose.REVOCATION):
        assert purpose.value in made
    if purpose is Purpose.REVOCATION:
        told = [each.revocation for each in run.results if each.revocation is not None]
        says = {source.says for each in told for certificate in each.certificates for source in certificate.sources}
        assert "not asked: the run ended before" in says
    later = {Purpose.LOCATE: "client-certificate", Purpose.CONFIRMATION: "locate"}.get(purpose)
    assert later not in made
