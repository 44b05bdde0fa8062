"""One run: its document at any moment, and the notes about the run as a whole."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType

import pytest
import trustme

from prober.check import conduct as conducting
from prober.check import machine
from prober.check.conduct import Conduct
from prober.engine.limits import Descriptors
from prober.engine.run import OnObservation, Pair
from prober.interception.anchors import UserRoot
from prober.interception.trust import TrustStore
from prober.model import Anchor, Observation, TlsFacts

from .names import ipv6_names

TARGETS = ["b.example", "https://a.example/", "c.example"]
Scripted = Callable[..., Conduct]


def keys(conduct: Conduct) -> list[tuple[str, str]]:
    return [(result.target.host, result.route) for result in conduct.document().results]


def notes(conduct: Conduct) -> dict[str, str]:
    return {note.id: note.text for note in conduct.document().notes}


@pytest.mark.parametrize("order", [1, -1])
async def test_the_document_has_the_plan_s_order_whoever_answered_first(
    given: ModuleType, scripted: Scripted, order: int
) -> None:
    def script(pairs: Sequence[Pair], tell: OnObservation) -> None:
        for pair in pairs[::order]:
            tell(pair, given.seen(pair))

    conduct = scripted(given.plan_of(TARGETS, via=["hq=http://10.0.0.1:1", "direct"]), script)
    await conduct.probe()
    assert keys(conduct) == [
        (host, route) for host in ("b.example", "a.example", "c.example") for route in ("hq", "direct")
    ]
    assert conduct.document().complete is True
    assert "interrupted" not in notes(conduct)


async def test_what_was_measured_before_the_end_is_in_the_document(given: ModuleType, scripted: Scripted) -> None:
    def script(pairs: Sequence[Pair], tell: OnObservation) -> None:
        tell(pairs[2], given.seen(pairs[2]))
        tell(pairs[0], given.seen(pairs[0], given.REFUSED))
        raise KeyboardInterrupt

    conduct = scripted(given.plan_of(TARGETS, attempts=2), script)
    with pytest.raises(KeyboardInterrupt):
        await conduct.probe()
    document = conduct.document()
    assert document.complete is False
    assert [result.reachable for result in document.results] == [False, True]
    assert (document.summary.probes, document.summary.unreachable) == (2, 1)
    assert notes(conduct)["interrupted"] == "Interrupted after 2 of 6 probes; what was measured is reported."
    assert document.finished >= document.started


def test_a_document_before_the_first_probe(given: ModuleType) -> None:
    document = Conduct(given.plan_of(TARGETS)).document()
    assert (document.complete, document.results, document.summary.targets) == (False, (), 0)


async def test_a_pair_is_done_after_its_last_attempt(given: ModuleType, scripted: Scripted) -> None:
    done: list[bool] = []

    def script(pairs: Sequence[Pair], tell: OnObservation) -> None:
        for at in (3.0, 1.0, 2.0):
            tell(pairs[0], given.seen(pairs[0], at=at))

    def on_pair(pair: Pair, _observation: Observation, count: int) -> None:
        assert count == conduct.observed
        done.append(conduct.result_when_done(pair) is not None)

    conduct = scripted(given.plan_of(["a.example"], attempts=3), script)
    assert conduct.expected == 3
    await conduct.probe(on_pair)
    assert done == [False, False, True]
    (result,) = conduct.document().results
    assert [sample.at[17:19] for sample in result.samples] == ["01", "02", "03"]


async def test_a_clean_look_that_contradicts_another_is_not_told_before_it_was_seen_again(
    given: ModuleType, scripted: Scripted
) -> None:
    """Two public certificates, and only the direct one's server asks for a client certificate."""
    root = trustme.CA()

    def script(pairs: Sequence[Pair], tell: OnObservation) -> None:
        for pair in pairs:
            blob = root.issue_cert(pair.target.host).cert_chain_pems[0]
            chain = (ssl.PEM_cert_to_DER_cert(blob.bytes().decode()),)
            asks = pair.route.name == "direct"
            tls = TlsFacts("TLSv1.3", "c", None, None, client_cert_requested=asks, ocsp_stapled=False, chain=chain)
            tell(pair, given.seen(pair, at=time.time(), tls=tls, purpose=pair.purpose))

    told: dict[tuple[str, str], bool] = {}

    def on_pair(pair: Pair, _observation: Observation, _count: int) -> None:
        told.setdefault((pair.route.name, pair.purpose), conduct.result_when_done(pair) is not None)

    judge = TrustStore(b"", None, [UserRoot(root.cert_pem.bytes(), Anchor.PUBLIC)], with_shipped=False)
    plan = given.plan_of(["a.example"], via=["direct", "hq=http://127.0.0.1:1"])
    conduct = scripted(replace(plan, judge=judge), script)
    await conduct.probe(on_pair)
    assert told["direct", "attempt"]
    assert not told["hq", "attempt"]
    assert ("hq", "confirmation") in told
    (left,) = conduct.results_left()
    assert left.interception is not None
    assert (left.route, left.interception.verdict) == ("hq", "suspect")


async def test_what_one_pair_sent_completes_the_chain_of_another_judged_before(
    given: ModuleType, scripted: Scripted
) -> None:
    root = trustme.CA()
    middle = root.create_child_ca()

    def script(pairs: Sequence[Pair], tell: OnObservation) -> None:
        for pair, sent in zip(pairs, (1, 2), strict=True):
            blobs = middle.issue_cert(pair.target.host).cert_chain_pems[:sent]
            chain = tuple(ssl.PEM_cert_to_DER_cert(blob.bytes().decode()) for blob in blobs)
            assert len(chain) == sent
            tls = TlsFacts("TLSv1.3", "c", None, None, client_cert_requested=False, ocsp_stapled=False, chain=chain)
            tell(pair, given.seen(pair, at=time.time(), tls=tls))

    early: list[bool | None] = []

    def on_pair(pair: Pair, _observation: Observation, _count: int) -> None:
        result = conduct.result_when_done(pair)
        early.append(None if result is None else result.trusted)

    judge = TrustStore(b"", None, [UserRoot(root.cert_pem.bytes())], with_shipped=False)
    conduct = scripted(replace(given.plan_of(["a.example", "b.example"]), judge=judge), script)
    await conduct.probe(on_pair)
    assert early == [None, True], "what a later chain may complete is not told before the end"
    assert [result.trusted for result in conduct.document().results] == [True, True]


async def test_skipped_targets_are_told_with_their_kind(given: ModuleType) -> None:
    from prober.check.plan import make_plan

    plan = make_plan(given.loaded({"catalogs": ["mdi", "common"]}))
    document = Conduct(plan).document()
    kinds = {(each.target["id"], each.kind) for each in document.skipped}
    assert ("mdi.sensor-api.sensorapi-atp", "template") in kinds
    assert ("mdi.sensor-api.any-atp", "wildcard-host") in kinds
    assert "wildcard-path" in {kind for _, kind in kinds}
    assert document.summary.services_without_probes == ("MDI",)


# notes


def test_clamped_descriptors_are_told(given: ModuleType) -> None:
    plan = replace(given.plan_of(TARGETS), descriptors=Descriptors(allowed=36, asked=256, limit=100))
    conduct = Conduct(plan)
    assert notes(conduct)["concurrency-clamped"] == (
        "36 probes at once instead of 256: the limit of open descriptors is 100 (raise it with ulimit -n)"
    )
    environment = conduct.document().environment
    assert environment is not None
    assert environment.descriptors == 100
    assert "concurrency-clamped" not in notes(Conduct(given.plan_of(TARGETS)))


@pytest.mark.parametrize(("lag", "told"), [(0.2, False), (0.7, True)])
async def test_a_late_loop_is_told(given: ModuleType, scripted: Scripted, lag: float, told: bool) -> None:
    conduct = scripted(given.plan_of(TARGETS), lambda _pairs, _tell: None, lag=lag)
    await conduct.probe()
    assert ("up to 0.70 s late" in notes(conduct).get("loop-lag", "")) is told
    environment = conduct.document().environment
    assert environment is not None
    assert environment.loop_lag_max == lag


async def test_a_late_loop_of_a_worker_is_told(given: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conducting, "WorkerPool", given.ScriptedRun(lambda _pairs, _tell: None, 0.7))
    conduct = Conduct(given.plan_of(TARGETS, workers=2))
    await conduct.probe()
    assert "up to 0.70 s late" in notes(conduct)["loop-lag"]


def test_warnings_of_the_configuration_are_notes(given: ModuleType) -> None:
    conduct = Conduct(given.plan_of(TARGETS, via=["hq=http://svc:hunter2@10.0.0.1:1"]))
    text = " ".join(each.text for each in conduct.document().notes if each.id == "configuration")
    assert "password" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("has_roots", [False, True])
def test_a_machine_without_a_store_is_told(given: ModuleType, monkeypatch: pytest.MonkeyPatch, has_roots: bool) -> None:
    monkeypatch.setattr(machine, "machine_roots", lambda: b"PEM" if has_roots else None)
    conduct = Conduct(given.plan_of(TARGETS))
    assert ("os-trust-store-missing" in notes(conduct)) is not has_roots


@pytest.mark.parametrize("has_ipv4", [False, True])
@pytest.mark.parametrize(
    ("peer", "leaves"),
    [("203.0.113.7:443", True), (None, True), ("127.0.0.1:1", False), ("[::1]:443", False), ("[2001:db8::1]:1", True)],
)
async def test_no_ipv4_way_out_matters_to_a_run_that_leaves_the_machine(
    given: ModuleType,
    scripted: Scripted,
    monkeypatch: pytest.MonkeyPatch,
    peer: str | None,
    leaves: bool,
    has_ipv4: bool,
) -> None:
    monkeypatch.setattr(machine, "has_way_out", lambda _family: has_ipv4)
    conduct = scripted(
        given.plan_of(["a.example"]), lambda pairs, tell: tell(pairs[0], given.seen(pairs[0], peer=peer))
    )
    await conduct.probe()
    assert ("egress-without-ipv4" in notes(conduct)) is (leaves and not has_ipv4)


async def test_names_with_ipv6_addresses_only_are_told_by_name(given: ModuleType, web6: int) -> None:
    """A real run: a target and a proxy whose names have AAAA records only, from a name server of our own."""
    zone = {"six.example": "::1", "proxy.corp": "::1"}
    with ipv6_names(zone) as server:
        targets = [f"http://six.example:{web6}/", f"http://[::1]:{web6}/"]
        plan = given.plan_of(targets, via=[f"hq=http://proxy.corp:{web6}", "direct"])
        conduct = Conduct(replace(plan, probe=replace(plan.probe, name_servers=[server], timeout=5)))
        await conduct.probe()
    told = notes(conduct)
    assert told["target-ipv6-only"].endswith("(six.example)")
    assert told["proxy-ipv6-only"].endswith("(proxy.corp)")
    direct = next(each for each in conduct.document().results if each.route == "direct")
    assert (direct.reachable, direct.ipv6_only, direct.peer) == (True, (0,), f"[::1]:{web6}")


async def test_literals_and_overrides_are_no_names(given: ModuleType, web6: int) -> None:
    overrides = {"resolve": {"six.example": "::1"}}
    conduct = Conduct(given.plan_of([f"http://[::1]:{web6}/", f"http://six.example:{web6}/"], overrides=overrides))
    await conduct.probe()
    assert not {"target-ipv6-only", "proxy-ipv6-only"} & set(notes(conduct))
    assert [result.reachable for result in conduct.document().results] == [True, True]


def test_an_egress_without_ipv4_is_told(given: ModuleType) -> None:
    """In a network namespace of its own, where only loopback is up."""
    inside = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    try:
        possible = subprocess.run([*inside, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here (install util-linux)")
    if possible.returncode:
        pytest.skip(f"no network namespace may be made here: {possible.stderr.decode().strip()}")
    command = [sys.executable, "-m", "prober", "check", "--format", "json", "--retries", "0"]
    done = subprocess.run(
        [*inside, *command, "https://203.0.113.7/"], capture_output=True, check=False, timeout=60, env=_environment()
    )
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert "egress-without-ipv4" in {note["id"] for note in document["notes"]}
    assert [result["failure"]["reason"] for result in document["results"]] == ["tcp-unreachable"]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PROBER_")}
