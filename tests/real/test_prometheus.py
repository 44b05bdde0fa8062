"""Debian's Prometheus scrapes two probers in the lab, with the rules as they are but for their hours being seconds.

Each alert fires when its trouble is made and resolves when that is over; every expression of every dashboard and rule
returns series, those that show trouble only while there was some.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from OpenSSL import SSL

from deploy.grafana.expressions import Expression, expressions, of_rules
from prober.lab.authorities import Validity, days
from prober.lab.contexts import server_context
from prober.lab.inspection import Interceptor
from prober.lab.listener import Listener
from prober.lab.policy import AuthorityKeyId, Copied, IssuerName, KeyType, LeafKey, Policy

from .programs import Launcher, require
from .watching import HOSTS, Door, Watcher, Watching

pytestmark = pytest.mark.real

Alert = tuple[str, dict[str, str]]
"""A name without its `Prober`, and labels that it has among others."""

SHOW_TROUBLE_ONLY = {
    "prober-overview: Broken now [A]",
    "prober-overview: Why probes fail [A]",
    "prober-overview: Changes of state [A]",
    "prober-proxy: What proxies refuse now [A]",
    "prober-proxy: Failures at proxies by hop and reason [A]",
    "prober-proxy: Last probes that ended at a proxy [A]",
    "prober-interception: Who intercepts [A]",
    "prober-interception: Chains that end nowhere known, by route [A]",
    "prober-interception: Intercepted and suspect pairs [A]",
    "prober-interception: Untrusted and not intercepted [A]",
    "prober-interception: Changes of certificate keys [A]",
    "prober-interception: Changes of trust and interception [A]",
    "record egress_route_hop:prober_targets_failing_at_hop:ratio",
    "record egress_route_hop:prober_proxies_failing:ratio",
    *(f"prober-{each}: annotation Alerts" for each in ("overview", "proxy", "interception", "health")),
}
"""Beside the alerts."""


@pytest.mark.timeout(420)
async def test_every_alert_fires_and_resolves_and_every_expression_returns_series(
    launcher: Launcher, tmp_path: Path
) -> None:
    """One scene and its acts, in this order: what the later ones look back on must have happened."""
    async with Watching(launcher, tmp_path) as watching:
        await promtool_has_no_complaint_about_the_metrics(watching)
        await every_panel_has_data_when_all_is_well_but_those_that_show_trouble(watching)
        await alerts_on_proxies_targets_and_services(watching)
        await the_alert_on_an_egress_that_reaches_nothing(watching)
        await alerts_on_certificates(watching)
        async with asyncio.TaskGroup() as both:
            both.create_task(the_alert_on_targets_that_come_and_go(watching), name="lab")
            both.create_task(alerts_on_the_branch_prober(watching), name="branch")
        await alerts_on_a_prober_that_is_gone(watching)
        await in_the_end_every_expression_has_returned_series_and_every_alert_has_fired(watching)


def everything(watching: Watching) -> list[Expression]:
    """All expressions, those of rules as they are in force here."""
    of_dashboards = [each for each in expressions(window="5s", span="30s") if each.place.startswith("prober-")]
    return [*of_dashboards, *of_rules(watching.rules)]


async def fires(watching: Watching, *wanted: Alert) -> None:
    """Wait until each has been firing at some moment."""
    left = [(f"Prober{name}", labels) for name, labels in wanted]

    async def all_of_them() -> bool:
        firing = await watching.firing()
        left[:] = [each for each in left if not any(_is(each, labels) for labels in firing)]
        return not left

    await watching.until(all_of_them, lambda: f"{left} did not fire")


async def resolves(watching: Watching, *wanted: Alert) -> None:
    """Wait until none of these fires."""
    firing: list[dict[str, str]] = []

    async def none_of_them() -> bool:
        firing[:] = await watching.firing()
        return not any(_is((f"Prober{name}", labels), each) for name, labels in wanted for each in firing)

    await watching.until(none_of_them, lambda: f"still firing: {firing}")


def _is(wanted: Alert, labels: dict[str, str]) -> bool:
    name, some = wanted
    return labels["alertname"] == name and some.items() <= labels.items()


async def quiet(watching: Watching) -> None:
    """Wait until nothing fires at all."""
    firing: list[dict[str, str]] = []

    async def nothing() -> bool:
        firing[:] = await watching.firing()
        return not firing

    await watching.until(nothing, lambda: f"still firing: {firing}")


# all is well


async def alerts_on_the_branch_prober(watching: Watching) -> None:
    await alerts_on_probes_that_are_late_or_not_made(watching)
    await alerts_on_a_prober_in_want(watching)
    await the_alert_on_workers_that_die(watching)


async def promtool_has_no_complaint_about_the_metrics(watching: Watching) -> None:
    """After every pair has been probed over every route."""

    async def probed() -> bool:
        [answer] = await watching.query("count(prober_target_reachable) or vector(0)")
        return int(answer["value"][1]) == 6 * 4 + 6

    await watching.until(probed, lambda: "every pair")
    for egress in watching.watchers:
        run = await asyncio.to_thread(checked, await watching.metrics(egress))
        assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


def checked(metrics: bytes) -> subprocess.CompletedProcess[bytes]:
    argv = [require("promtool", "prometheus"), "check", "metrics"]
    return subprocess.run(argv, input=metrics, capture_output=True, timeout=60, check=False)


async def every_panel_has_data_when_all_is_well_but_those_that_show_trouble(watching: Watching) -> None:
    found = everything(watching)
    assert {each.place for each in found} >= SHOW_TROUBLE_ONLY
    wanted = [each for each in found if not each.of_alert and each.place not in SHOW_TROUBLE_ONLY]
    assert len(wanted) > 70

    async def all_of_them() -> bool:
        wanted[:] = [each for each in wanted if not await watching.query(each.text)]
        return not wanted

    await watching.until(all_of_them, lambda: f"no series: {[each.place for each in wanted]}")
    await quiet(watching)


# troubles


@contextlib.asynccontextmanager
async def certificates(watching: Watching, shown: dict[str, SSL.Context]) -> AsyncIterator[None]:
    """These hosts answer with other certificates."""
    special = watching.lab.origins.certificates.special
    special.update(shown)
    try:
        yield
    finally:
        for host in shown:
            del special[host]


Instead = Callable[[Door], Listener] | None
"""What stands behind a door while there is trouble; None is nobody."""


@contextlib.asynccontextmanager
async def proxies(watching: Watching, **doors: Instead) -> AsyncIterator[None]:
    """Behind these doors stand others."""
    for name, instead in doors.items():
        door = watching.doors[name]
        await door.opens_to(None if instead is None else instead(door))
    try:
        yield
    finally:
        for name in doors:
            await watching.doors[name].opens_to(watching.doors[name].honest())


def interceptor(watching: Watching, policy: Policy) -> Instead:
    """Opens TLS and signs as the policy says."""
    ours = watching.lab.authorities
    return lambda door: Interceptor(door.name, watching.lab.addresses, ours.inspection, ours.public_roots, policy)


def shows(watching: Watching, host: str, valid: Validity) -> SSL.Context:
    """A good certificate of the usual authority with another validity."""
    return server_context(watching.lab.authorities.issuer_for(host, None).leaf([host], valid=valid))


BROKEN_SERVER = SSL.Context(SSL.TLS_SERVER_METHOD)
"""Has no certificate: every handshake fails."""


async def alerts_on_proxies_targets_and_services(watching: Watching) -> None:
    beta = dict.fromkeys(("five.beta.example", "six.beta.example"), BROKEN_SERVER)
    alerts: list[Alert] = [
        ("ProxyDown", {"egress": "lab", "route": "office", "hop": "1"}),
        ("TargetUnreachable", {"egress": "lab", "route": "office", "service": "ALPHA", "geography": "US"}),
        ("SloBurnFast", {"egress": "lab", "route": "office", "service": "ALPHA"}),
        ("SloBurnSlow", {"egress": "lab", "route": "office", "service": "ALPHA"}),
        ("TargetUnreachable", {"egress": "lab", "route": "inspected", "service": "ALPHA", "geography": "US"}),
        ("ServiceDown", {"egress": "lab", "service": "BETA", "geography": "EU"}),
        ("TargetUnreachable", {"egress": "lab", "route": "direct", "service": "BETA", "geography": "EU"}),
        ("ProxySlow", {"egress": "lab", "route": "slow", "hop": "1"}),
        ("SlotsSkipped", {"egress": "lab"}),
        ("ProxyDown", {"egress": "branch", "route": "gate", "hop": "1"}),
    ]
    doors: dict[str, Instead] = {
        "office": None,
        "gate": None,
        "slow": lambda door: door.honest(delay=3.0),
        "inspected": lambda door: door.honest(blocked=["four.*"]),
    }
    async with proxies(watching, **doors), certificates(watching, beta):
        await fires(watching, *alerts)
        firing = await watching.firing()
        assert not [each for each in firing if each["alertname"] == "ProberEgressDown"], "a proxy is not the egress"
        assert not [each for each in firing if _is(("ProberServiceDown", {"egress": "lab", "service": "ALPHA"}), each)]
    await resolves(watching, *((name, {}) for name, _ in alerts))


async def the_alert_on_an_egress_that_reaches_nothing(watching: Watching) -> None:
    """Behind its proxy nobody answers."""
    down: Alert = ("EgressDown", {"egress": "branch"})
    async with certificates(watching, dict.fromkeys(HOSTS, BROKEN_SERVER)):
        await fires(watching, down)
    await resolves(watching, down, ("ServiceDown", {}), ("TargetUnreachable", {}))


async def alerts_on_certificates(watching: Watching) -> None:
    ours = watching.lab.authorities
    other = next(each for each in ours.public if each is not ours.issuer_for("four.alpha.example", None))
    shown = {
        "one.alpha.example": shows(watching, "one.alpha.example", days(80, 20)),
        "two.alpha.example": shows(watching, "two.alpha.example", days(80, 3)),
        "three.alpha.example": server_context(ours.stray.leaf(["three.alpha.example"])),
        "four.alpha.example": server_context(other.leaf(["four.alpha.example"])),
    }
    # Each origin's issuer by name, with a key of its own: evidence, but not enough without a reference.
    by_name = Policy(
        key=LeafKey.OWN,
        key_type=KeyType.ORIGIN,
        copies=frozenset(Copied),
        issuer=IssuerName.ORIGIN,
        authority_key_id=AuthorityKeyId.FORGER,
    )
    alerts: list[Alert] = [
        ("Intercepted", {"egress": "lab", "route": "inspected", "service": "BETA"}),
        ("InterceptionSuspect", {"egress": "branch", "route": "gate", "service": "BETA"}),
        ("Untrusted", {"egress": "lab", "route": "direct", "service": "ALPHA"}),
        ("IssuerChanged", {"egress": "lab", "route": "direct", "service": "ALPHA"}),
        ("CertificateChanged", {"egress": "lab", "route": "direct", "service": "ALPHA"}),
        ("CertificateExpiry", {"egress": "lab", "host": "one.alpha.example"}),
        ("CertificateExpiryClose", {"egress": "lab", "host": "two.alpha.example"}),
    ]
    doors = {"inspected": interceptor(watching, Policy()), "gate": interceptor(watching, by_name)}
    async with certificates(watching, shown), proxies(watching, **doors):
        await fires(watching, *alerts)
        firing = await watching.firing()
        assert not [each for each in firing if _is(("ProberIntercepted", {"route": "direct"}), each)]
        assert not [each for each in firing if _is(("ProberUntrusted", {"egress": "lab", "service": "BETA"}), each)]
    await resolves(watching, *((name, {}) for name, _ in alerts))


async def the_alert_on_targets_that_come_and_go(watching: Watching) -> None:
    host = "six.beta.example"
    reachable = f'min(prober_target_reachable{{egress="lab", host="{host}"}})'
    flapping: Alert = ("Flapping", {"egress": "lab", "service": "BETA", "geography": "EU"})

    async def reads(value: str) -> None:
        async def so() -> bool:
            return [each["value"][1] for each in await watching.query(reachable)] == [value]

        await watching.until(so, lambda: f"{host} is not {value}")

    for _ in range(3):
        async with certificates(watching, {host: BROKEN_SERVER}):
            await reads("0")
        await reads("1")
    await fires(watching, flapping)
    await resolves(watching, flapping)


async def alerts_on_probes_that_are_late_or_not_made(watching: Watching) -> None:
    watcher = watching.watchers["branch"]
    late: list[Alert] = [("ProbesLate", {"egress": "branch"}), ("LoopLag", {"egress": "branch", "process": "worker-1"})]
    stuttering = asyncio.get_running_loop().create_task(stutter(watcher.worker()), name="stutter")
    try:
        await fires(watching, *late)
    finally:
        stuttering.cancel()
        await asyncio.wait([stuttering])
    missing: list[Alert] = [
        ("TargetsNotProbed", {"egress": "branch", "service": "ALPHA", "route": "gate"}),
        ("TooFewProbes", {"egress": "branch"}),
    ]
    frozen = watcher.worker()
    os.kill(frozen, signal.SIGSTOP)
    try:
        await fires(watching, *missing)
    finally:
        with contextlib.suppress(ProcessLookupError):  # the prober itself ends what hangs for long
            os.kill(frozen, signal.SIGCONT)
    await resolves(watching, *late, *missing)


async def stutter(pid: int) -> None:
    """Hold a process for half a second, again and again, until cancelled: the trouble itself takes time."""
    while True:
        try:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(0.5)
        finally:
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(0.1)


async def alerts_on_a_prober_in_want(watching: Watching) -> None:
    """No descriptors for its worker, a configuration that is none, a folder in the state file's place."""
    watcher = watching.watchers["branch"]
    alerts: list[Alert] = [
        ("ProbeErrors", {"egress": "branch"}),
        ("ReloadFailed", {"egress": "branch"}),
        ("StateStoreBroken", {"egress": "branch"}),
    ]
    config, worker = watcher.config.read_text(), watcher.worker()
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    watcher.state.rename(watcher.state.with_suffix(".aside"))
    watcher.state.mkdir()
    try:
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (3, before[1]))
        watcher.config.write_text("serve: {intervall: 1}\n")
        watcher.hang_up()
        await fires(watching, *alerts)
    finally:
        watcher.state.rmdir()
        watcher.config.write_text(config)
        watcher.hang_up()
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
    await resolves(watching, *alerts)


async def the_alert_on_workers_that_die(watching: Watching) -> None:
    dies: Alert = ("WorkerRestarting", {"egress": "branch"})
    for _ in range(3):
        await kill_worker(watching, "branch")
    await fires(watching, dies)
    await resolves(watching, dies)


async def kill_worker(watching: Watching, egress: str) -> None:
    """And wait until there is another one."""
    watcher = watching.watchers[egress]
    killed = watcher.worker()
    os.kill(killed, signal.SIGKILL)

    async def replaced() -> bool:
        with contextlib.suppress(ValueError):  # none, or two, for a moment
            return watcher.worker() != killed
        return False

    await watching.until(replaced, lambda: f"another worker than {killed}")


async def alerts_on_a_prober_that_is_gone(watching: Watching) -> None:
    gone: Sequence[Alert] = [("Down", {"job": "prober", "egress": "branch"}), ("EgressAbsent", {"egress": "branch"})]
    watcher = watching.watchers["branch"]
    program = watcher.program
    assert program is not None
    await asyncio.to_thread(program.stop)
    assert program.process.returncode == 0, program.log_tail()
    await fires(watching, *gone)
    watching.discover([])
    absent: Alert = ("Absent", {"job": "prober"})
    await fires(watching, absent)
    watching.discover(list(watching.watchers))
    await the_alert_on_a_shard_that_is_missing(watching, watcher)
    await watching.start("branch")
    await resolves(watching, absent, *gone)


async def the_alert_on_a_shard_that_is_missing(watching: Watching, watcher: Watcher) -> None:
    """It comes back as the first of two, and nobody is the second."""
    missing: Alert = ("ShardAbsent", {"egress": watcher.egress})
    as_it_was = watcher.argv
    watcher.argv = [*as_it_was, "--shard", "0/2"]
    try:
        await watching.start(watcher.egress)
        await fires(watching, missing)
    finally:
        watcher.argv = as_it_was
        if watcher.program is not None:
            await asyncio.to_thread(watcher.program.stop)


# all of it


async def in_the_end_every_expression_has_returned_series_and_every_alert_has_fired(watching: Watching) -> None:
    found = everything(watching)
    silent = [each.place for each in found if not await watching.query_since(watching.began, each.text)]
    assert not silent
    firing = 'last_over_time(ALERTS{alertstate="firing"}[3s])'  # some were over before the next whole second
    fired = await watching.query_since(watching.began, f"count by (alertname) ({firing})")
    alerts = {each.place.removeprefix("alert ") for each in found if each.of_alert}
    assert {each["metric"]["alertname"] for each in fired} == alerts
    await quiet(watching)
