"""A baseline in the lab, then one change at a time: the comparison names it, its cause and hop, and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, cast

import pytest
from msgspec.structs import replace as changed

from prober.check.against import Against
from prober.check.conduct import Conduct, OnPair
from prober.check.plan import Plan
from prober.diff import DiffDoc, compare, diff_document, saved_run, sides_of
from prober.diff.document import DifferenceDoc
from prober.lab.authorities import Authority, Credential, days
from prober.lab.contexts import server_context
from prober.lab.policy import Policy
from prober.lab.proxies import HttpProxy
from prober.model import TrustClass
from prober.report.document import Run
from prober.report.files import save

from .labs import DIRECT, INSPECTED, ONE, OPEN, TARGETS, Scene, Ways, authorities, in_lab, target

CHAIN: Final[Ways] = {"chain": ("open", "slow")}
BLOBS: Final = tuple(target(f"{name}.blob.one.example") for name in ("a", "b", "c"))
EVERY: Final = (*TARGETS, *BLOBS)
UNTOUCHED: Final = Policy(bypass=("example",))

Change = Callable[[Scene], Coroutine[Any, Any, None]]


def differences(before: Run, after: Run) -> DiffDoc:
    return diff_document(compare(sides_of([("before", saved_run(before))], [("after", saved_run(after))])))


def after_a_change(change: Change, ways: Ways, policy: Policy | None = None, **how: Any) -> DiffDoc:
    """A run, a change, the same run again, compared."""

    async def play(scene: Scene) -> DiffDoc:
        plan = scene.plan(ways, EVERY, **how)  # ports are asked for now: what is stopped later has none
        before = await scene.carry_out(plan)
        await change(scene)
        return differences(before.run, (await scene.carry_out(plan)).run)

    return in_lab(play, policy, targets=EVERY)


def only(document: DiffDoc) -> DifferenceDoc:
    (difference,) = document.differences
    return difference


def hosts(difference: DifferenceDoc) -> set[str]:
    return {pair.host for pair in difference.pairs}


def proxy(scene: Scene, name: str) -> HttpProxy:
    return cast("HttpProxy", scene.lab.proxies[name])


def show(scene: Scene, credential: Credential) -> None:
    """Another certificate for ONE from now on."""
    scene.lab.origins.certificates.special[ONE] = server_context(credential)


def issuer() -> Authority:
    return authorities().issuer_for(ONE, TrustClass.PUBLIC)


def sister(of: Authority) -> Authority:
    """Another issuing authority of the same make."""
    return Authority(f"{of.name} 0009", key="ecdsa", issuer=of.issuer, logged=True)


async def deny(scene: Scene) -> None:
    proxy(scene, "open")._blocked = ("*.blob.one.example",)


async def open_tls(scene: Scene) -> None:
    scene.lab.interceptor._policy = Policy()


async def stop_the_parent(scene: Scene) -> None:
    """Nobody listens at the second proxy's port any more, as the first one finds."""
    locate, gone = scene.lab.addresses.locate, scene.lab.ports["slow"]

    def located(host: str, port: int) -> int:
        return scene.lab.origins.closed_port if port == gone else locate(host, port)

    scene.lab.addresses.locate = located  # type: ignore[method-assign] # the lab's name service, changed for a test


async def stop_the_proxy(scene: Scene) -> None:
    await scene.lab.proxies["slow"].close()


async def delay(scene: Scene) -> None:
    proxy(scene, "slow")._delay = 0.6  # of which a machine that is 0.3 s late itself cannot be suspected


async def expire(scene: Scene) -> None:
    show(scene, issuer().leaf([ONE], valid=days(91, -1)))


async def rotate(scene: Scene) -> None:
    show(scene, issuer().leaf([ONE]))


async def change_the_issuer(scene: Scene) -> None:
    show(scene, sister(issuer()).leaf([ONE]))


async def change_the_family(scene: Scene) -> None:
    show(scene, next(each for each in authorities().public if each is not issuer()).leaf([ONE]))


def test_a_denied_suffix() -> None:
    difference = only(after_a_change(deny, {**DIRECT, **OPEN}))
    assert (difference.kind, difference.severity) == ("newly-unreachable", "regression")
    assert (difference.stage, difference.hop, difference.reason) == ("proxy", 1, "proxy-denied")
    assert hosts(difference) == {each.host for each in BLOBS}
    assert {pair.route for pair in difference.pairs} == {"open"}
    assert difference.suffixes == ("blob.one.example",)


@pytest.mark.parametrize("ways", [INSPECTED, {**DIRECT, **INSPECTED}], ids=["alone", "beside direct"])
def test_a_proxy_that_begins_to_open_tls(ways: Ways) -> None:
    difference = only(after_a_change(open_tls, ways, UNTOUCHED))
    assert (difference.kind, difference.severity) == ("newly-intercepted", "regression")
    assert hosts(difference) == {each.host for each in EVERY}
    assert {pair.route for pair in difference.pairs} == {"inspected"}
    assert "Prober Lab Inspection CA" in difference.sentence
    if "direct" in ways:
        assert difference.hop == 1


def test_a_parent_that_is_stopped() -> None:
    difference = only(after_a_change(stop_the_parent, {**DIRECT, **OPEN, **CHAIN}))
    assert difference.kind == "newly-unreachable"
    assert (difference.stage, difference.hop, difference.reason) == ("proxy", 1, "proxy-upstream-connect")
    assert {pair.route for pair in difference.pairs} == {"chain"}
    assert "all 6 targets" in difference.sentence


def test_a_proxy_that_is_stopped() -> None:
    difference = only(after_a_change(stop_the_proxy, {**DIRECT, "slow": ("slow",)}))
    assert difference.kind == "newly-unreachable"
    assert (difference.stage, difference.hop, difference.reason) == ("connect", 1, "tcp-refused")
    assert {pair.route for pair in difference.pairs} == {"slow"}


def test_a_proxy_that_takes_longer() -> None:
    difference = only(after_a_change(delay, {**OPEN, "slow": ("slow",)}, attempts=5))
    assert (difference.kind, difference.severity) == ("slower", "warning")
    assert (difference.stage, difference.hop) == ("proxy", 1)
    assert {pair.route for pair in difference.pairs} == {"slow"}
    speeds = [pair.speed for pair in difference.pairs]
    assert len(speeds) == len(EVERY)
    assert all(speed is not None and speed.low > 0.1 for speed in speeds)


def test_an_expired_certificate() -> None:
    difference = only(after_a_change(expire, {**DIRECT, **OPEN}))
    assert (difference.kind, difference.reason) == ("newly-untrusted", "cert-expired")
    assert (difference.stage, difference.hop) == ("tls", 0)
    assert hosts(difference) == {ONE}
    assert {pair.route for pair in difference.pairs} == {"direct", "open"}


@pytest.mark.parametrize(
    ("change", "kind", "severity"),
    [
        (rotate, "leaf-key-changed", "information"),
        (change_the_issuer, "issuing-ca-changed", "information"),
        (change_the_family, "issuer-family-changed", "warning"),
    ],
)
def test_another_certificate(change: Change, kind: str, severity: str) -> None:
    difference = only(after_a_change(change, {**DIRECT, **OPEN}))
    assert (difference.kind, difference.severity) == (kind, severity)
    assert (difference.stage, difference.hop) == ("tls", 0)
    assert hosts(difference) == {ONE}
    assert {pair.route for pair in difference.pairs} == {"direct", "open"}


def test_unchanged_runs_do_not_differ() -> None:
    async def play(scene: Scene) -> list[DiffDoc]:
        plan = scene.plan({**DIRECT, **OPEN, **CHAIN}, EVERY, attempts=3)
        runs = [(await scene.carry_out(plan)).run for _ in range(11)]
        return [differences(runs[0], run) for run in runs[1:]]

    for document in in_lab(play, targets=EVERY):
        assert document.differences == ()
        assert document.summary.text.startswith("No difference: 18 pairs")


# while it is live


async def again(plan: Plan, baseline: Run, on_pair: OnPair | None = None) -> tuple[Run, DiffDoc]:
    """A run against an earlier one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "before.json")
        save(baseline, path)
        against = Against(path, plan.egress)
    conduct = Conduct(plan, recheck=against.doubtful)
    await conduct.probe(on_pair)
    run = conduct.document()
    return run, against.compared(run)


def purposes(run: Run) -> dict[tuple[str, str], list[str]]:
    return {
        (each.target.host, each.route): [sample.purpose for sample in each.samples]
        for each in run.results
        if each.samples
    }


def test_what_differs_is_probed_once_more_and_only_that() -> None:
    async def play(scene: Scene) -> tuple[Run, DiffDoc]:
        plan = scene.plan({**DIRECT, **OPEN}, EVERY)
        before = await scene.carry_out(plan)
        await deny(scene)
        return await again(plan, before.run)

    run, document = in_lab(play, targets=EVERY)
    assert only(document).kind == "newly-unreachable"
    assert purposes(run) == {(each.host, "open"): ["attempt", "confirmation"] for each in BLOBS}


def test_what_does_not_repeat_is_flapping_and_no_regression() -> None:
    async def play(scene: Scene) -> tuple[Run, DiffDoc]:
        plan = scene.plan({**DIRECT, **OPEN}, EVERY)
        before = await scene.carry_out(plan)
        await deny(scene)

        def relent(_pair: object, _observation: object, count: int) -> None:
            if count == len(plan.pairs):
                proxy(scene, "open")._blocked = ()

        return await again(plan, before.run, relent)

    _, document = in_lab(play, targets=EVERY)
    assert only(document).kind == "newly-flapping"
    assert document.summary.regressions == 0


def test_nothing_is_probed_again_where_nothing_differs() -> None:
    async def play(scene: Scene) -> tuple[Run, DiffDoc]:
        plan = scene.plan({**DIRECT, **OPEN}, EVERY)
        before = await scene.carry_out(plan)
        return await again(plan, before.run)

    run, document = in_lab(play, targets=EVERY)
    assert document.differences == ()
    assert purposes(run) == {}


def test_a_merged_baseline_counts_for_its_own_egress() -> None:
    async def play(scene: Scene) -> DiffDoc:
        plan = scene.plan(DIRECT, EVERY)
        before = (await scene.carry_out(plan)).run
        elsewhere = (changed(each, egress="elsewhere") for each in before.results)
        both = changed(before, results=(*before.results, *elsewhere))
        _, document = await again(plan, both)
        return document

    assert in_lab(play, targets=EVERY).differences == ()
