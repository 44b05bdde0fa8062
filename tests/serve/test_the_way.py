"""Faults of what is watched: a proxy that dies, targets that hang, names that nobody answers for."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from .conftest import Through, World
from .places import Names, own_names
from .serving import Serving, write_catalog

HOSTS = tuple(f"{letter}.contoso.test" for letter in "abcd")
IDS = tuple(f"contoso.web.{letter}" for letter in "abcd")


def reachable(serving: Serving, route: str) -> set[float]:
    return {value for _, value in serving.scrape().all("prober_target_reachable", route=route)}


def failures(serving: Serving, route: str) -> set[tuple[str, str, str]]:
    """Of all pairs of a route; empty while one has none."""
    samples = serving.scrape()
    found = samples.all("prober_failure_info", route=route)
    if len(found) < len(samples.all("prober_target_reachable", route=route)):
        return set()
    return {(labels["stage"], labels["hop"], labels["reason"]) for labels, _ in found}


def test_a_proxy_that_is_killed_and_started_again(world: World, through: Through) -> None:
    hq, branch = world.stage.proxy("hq"), world.stage.proxy("branch")
    world.configure(HOSTS, {"direct": [], "hq": through(hq), "branch": through(branch)})
    serving = world.start().ready()
    serving.seen()
    assert reachable(serving, "hq") == {1.0}
    before = {route: serving.confirmed(IDS[0], route) for route in ("direct", "branch")}

    world.stage.kill("hq")
    killed = time.time()
    serving.until(lambda: reachable(serving, "hq") == {0.0}, "hq unreachable")
    assert failures(serving, "hq") == {("connect", "1", "tcp-refused")}
    samples = serving.scrape()
    assert len(samples.all("prober_failure_info")) == len(HOSTS)
    for route, confirmed in before.items():
        assert reachable(serving, route) == {1.0}
        assert serving.confirmed(IDS[0], route) == confirmed
    for _, since in samples.all("prober_target_state_since_timestamp_seconds", route="hq"):
        assert killed - 3.2 < since <= time.time(), "the first failure, which began when the proxy still stood"

    world.stage.proxy("hq")
    again = time.time()
    serving.until(lambda: reachable(serving, "hq") == {1.0}, "hq reachable again")
    for _, since in serving.scrape().all("prober_target_state_since_timestamp_seconds", route="hq"):
        assert again - 3.2 < since <= time.time()
    assert serving.scrape().all("prober_failure_info") == []
    found = serving.transitions(track="reachable")
    assert sorted((each["target"], each["route"], each["before"], each["after"]) for each in found) == sorted(
        (target, "hq", *ends)
        for target in IDS
        for ends in (("reached", "connect/1/tcp-refused"), ("connect/1/tcp-refused", "reached"))
    )
    assert all(each["at"] <= each["confirmed_at"] for each in found)
    assert serving.scrape().sum("prober_transitions_total", route="hq", track="reachable") == 2 * len(HOSTS)


class Held(NamedTuple):
    """Sums over all probes so far, in seconds."""

    probes: float
    waited: float
    late: float


def held_back(serving: Serving) -> Held:
    samples = serving.scrape()
    return Held(
        samples.sum("prober_admission_wait_seconds_count"),
        samples.sum("prober_admission_wait_seconds_sum"),
        samples.sum("prober_schedule_lateness_seconds_sum"),
    )


def test_all_targets_hang(world: World) -> None:
    """Whoever watches is told so, at once; and nothing of the prober itself hangs."""
    hosts = [f"{number}.silent.lab.test" for number in range(40)]
    world.configure(hosts, probe={"timeout": 2, "concurrency": 16}, serve={"grace": 1})
    serving = world.start().ready()
    serving.seen()
    serving.until(lambda: failures(serving, "direct") == {("tls", "0", "tls-timeout")}, "all time out")
    serving.until(lambda: reachable(serving, "direct") == {0.0}, "all unreachable")
    took = []
    for path in ("/metrics", "/", "/api/v1/pairs", "/-/healthy"):
        began = time.monotonic()
        assert serving.ask(path).status == 200
        took.append(time.monotonic() - began)
    assert max(took) < 1.0
    begun = held_back(serving)
    serving.until(lambda: held_back(serving).probes >= begun.probes + 40, "each once more")
    now = held_back(serving)
    waited = now.waited - begun.waited
    assert waited > 1.0, "sixteen at a time take five turns of two seconds: most are held back, and that is said"
    assert now.late - begun.late < waited / 4, "which is no lateness of the prober's own"
    samples = serving.scrape()
    assert samples.value("prober_schedule_skipped_total")
    assert samples.value("prober_probes_in_flight")
    assert "40 probes would be in flight, and probe.concurrency allows 16" in serving.log

    began = time.monotonic()
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0
    assert time.monotonic() - began < 1 + 2
    assert serving.left() == []


def test_names_that_nobody_answers_for(world: World, through: Through, names: Names) -> None:
    """The direct way needs a name server, the way through a proxy does not."""
    hq = world.stage.proxy("hq")
    settings = world.configure(HOSTS, {"direct": [], "hq": through(hq)}, probe={"timeout": 1.5})
    world.rewrite({**settings, "resolve": {}})
    write_catalog(world.folder, HOSTS, port=world.stage.origin)
    serving = world.start(wrap=own_names(world.folder, names)).ready()
    serving.seen()
    assert reachable(serving, "direct") == {1.0}
    before = {target: serving.confirmed(target, "hq") for target in IDS}

    names.fall_silent()
    serving.until(lambda: failures(serving, "direct") == {("dns", "0", "dns-timeout")}, "no names")
    assert reachable(serving, "direct") == {0.0}
    names.refuse()
    serving.until(lambda: failures(serving, "direct") == {("dns", "0", "dns-servfail")}, "refused")
    assert reachable(serving, "hq") == {1.0}
    assert {target: serving.confirmed(target, "hq") for target in IDS} == before

    names.answer()
    serving.until(lambda: reachable(serving, "direct") == {1.0}, "names again")
    assert {each["route"] for each in serving.transitions(track="reachable")} == {"direct"}
    since = serving.scrape().value("prober_target_state_since_timestamp_seconds", target=IDS[0], route="direct")
    assert since is not None
    assert time.time() - since < 30


@pytest.fixture
def names(world: World) -> Iterator[Names]:
    names = Names(world.stage)
    yield names
    world.close()
    names.close()
