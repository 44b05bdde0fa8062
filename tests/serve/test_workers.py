"""Workers that die, stand still or are many; replicas that share the targets."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from functools import partial

import psutil

from .conftest import World
from .serving import Serving

HOSTS = tuple(f"h{number}.contoso.test" for number in range(12))
IDS = tuple(f"contoso.web.h{number}" for number in range(12))


def steady(serving: Serving, more: float = 24.0) -> None:
    """Until so many more probes have been made."""
    before = serving.scrape().sum("prober_probes_total")
    serving.until(lambda: serving.scrape().sum("prober_probes_total") >= before + more, "probing goes on")


def test_a_worker_that_is_killed(world: World) -> None:
    """Counted and started again; what it was at is made again, and no state changes."""
    world.configure(HOSTS, origin=world.stage.slow.port)
    serving = world.start().ready()
    serving.seen()
    before = {target: serving.confirmed(target) for target in IDS}
    (worker,) = serving.workers()
    serving.until(lambda: serving.scrape().value("prober_probes_in_flight"), "a probe in flight")
    worker.kill()
    serving.until(lambda: serving.scrape().value("prober_worker_restarts_total") == 1.0, "counted")
    serving.until(lambda: serving.workers() and serving.workers()[0].pid != worker.pid, "another worker")
    steady(serving)
    samples = serving.scrape()
    assert samples.value("prober_probes_lost_total")
    assert samples.sum("prober_failures_total") == 0
    assert {target: serving.confirmed(target) for target in IDS} == before
    assert serving.transitions() == []
    assert serving.json("/api/v1/status")["workers"]["restarts"] == 1
    assert "was killed by SIGKILL" in serving.log
    assert "Traceback" not in serving.log


def test_a_worker_that_stands_still_for_a_while(world: World) -> None:
    """A virtual machine that is moved, say: longer than a probe may take. That is nobody's outage."""
    world.configure(HOSTS, origin=world.stage.slow.port, probe={"timeout": 2}, serve={"confirm": 1})
    world.stage.slow.delay = 0.3
    serving = world.start().ready()
    serving.seen()
    (worker,) = serving.workers()
    steady(serving)
    before = serving.scrape()
    serving.until(lambda: (serving.scrape().value("prober_probes_in_flight") or 0) >= 2, "probes in flight")
    worker.suspend()
    with contextlib.suppress(psutil.TimeoutExpired):
        worker.wait(3.0)
    worker.resume()
    steady(serving)
    after = serving.scrape()
    assert after.sum("prober_failures_total") == before.sum("prober_failures_total")
    assert after.value("prober_probes_lost_total")
    assert serving.transitions(track="reachable") == []


def test_two_workers_and_two_shards_probe_everything_once(world: World) -> None:
    world.configure(HOSTS)
    whole = world.start("--workers", "2", "--no-state").ready()
    shards = [world.start("--shard", f"{number}/2", "--no-state").ready() for number in range(2)]
    assert len(whole.workers()) == 2
    whole.seen()
    for shard in shards:
        shard.seen()
    assert sorted(pairs(whole)) == sorted(IDS)
    shares = [pairs(shard) for shard in shards]
    assert sorted(shares[0] + shares[1]) == sorted(IDS)
    assert all(shares)
    lags = {labels["process"] for labels, _ in whole.scrape().all("prober_event_loop_lag_seconds_count")}
    assert lags == {"front", "worker-1", "worker-2"}
    samples = whole.scrape()
    for metric, least in (("resident_memory_bytes", 1e7), ("cpu_seconds_total", 0.1), ("open_fds", 3)):
        used = {labels["process"]: value for labels, value in samples.all(f"prober_process_{metric}")}
        assert used.keys() == {"worker-1", "worker-2"}
        assert min(used.values()) > least, metric


def pairs(serving: Serving) -> list[str]:
    found = Counter(labels["target"] for labels, _ in serving.scrape().all("prober_target_reachable"))
    assert set(found.values()) == {1}
    return list(found)


def test_a_worker_that_cannot_be_kept_alive_does_not_stop_the_rest(world: World) -> None:
    """Killed again and again: pauses grow, the page and the other worker's share go on."""
    world.configure(HOSTS)
    serving = world.start("--workers", "2").ready()
    serving.seen()
    victim = min(serving.workers(), key=lambda each: each.pid)
    survivor = max(serving.workers(), key=lambda each: each.pid)
    for restarts in (1.0, 2.0, 3.0):
        victim.kill()
        serving.until(partial(restarted, serving, restarts), "started again")
        victim = serving.until(lambda: [each for each in serving.workers() if each.pid != survivor.pid], "there")[0]
    steady(serving)
    serving.until(lambda: not stale(serving), "all pairs probed again")
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0
    assert serving.left() == []


def restarted(serving: Serving, times: float) -> bool:
    return serving.scrape().value("prober_worker_restarts_total") == times


def stale(serving: Serving) -> bool:
    """Whether a pair has not been probed since a moment ago."""
    found = serving.scrape().all("prober_last_probe_timestamp_seconds")
    newest = max(value for _, value in found)
    return any(newest - value > 3 for _, value in found)
