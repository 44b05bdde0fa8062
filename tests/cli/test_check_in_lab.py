"""`prober check` in the lab: what it says of each host that is broken on purpose, over routes of several kinds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from prober.lab.faults import Fault

PROBER: Final = [sys.executable, "-m", "prober"]
ROUTES: Final = {"direct": 0, "open": 1, "chain": 3}
"""Route to the number of its last hop."""
UNTRUSTED: Final = {
    Fault.EXPIRED: "cert-expired",
    Fault.NOT_YET_VALID: "cert-not-yet-valid",
    Fault.SELF_SIGNED: "cert-untrusted",
    Fault.WRONG_NAME: "cert-name-mismatch",
    Fault.WRONG_USAGE: "cert-wrong-usage",
    Fault.INCOMPLETE: "cert-incomplete-chain",
    Fault.UNTRUSTED: "cert-untrusted",
}
"""Faults that are seen but stop nothing: the trust failure."""
UNREACHED: Final = {
    Fault.SILENT: ("tls", "tls-timeout"),
    Fault.HANGUP: ("tls", "tls-handshake-closed"),
    Fault.ALERT: ("tls", "tls-handshake"),
    Fault.OLD_TLS: ("tls", "tls-version"),
    Fault.CLIENT_CERT: ("tls", "client-cert-required"),
    Fault.MUTE: ("http", "http-timeout"),
    Fault.CUT: ("http", "http-closed"),
    Fault.GARBAGE: ("http", "http-protocol-error"),
    Fault.DRIP: ("http", "http-timeout"),
}
"""Faults of the target itself, the same on every route: stage and reason at hop 0."""

Results = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """(route, host) to result, of one run over all of it."""
    place = tmp_path_factory.mktemp("lab")
    ready = place / "ready"
    lab = subprocess.Popen(
        [*PROBER, "lab", "--directory", str(place), "--ready-file", str(ready)], stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert lab.poll() is None
            assert time.monotonic() < deadline
        vias = [part for route in ROUTES for part in ("--via", route)]
        command = [
            *PROBER,
            "check",
            "--config",
            str(place / "prober.yaml"),
            "--format",
            "json",
            "--timeout",
            "4",
            *vias,
        ]
        hosts = [f"https://{fault.host}" for fault in Fault]
        done = subprocess.run([*command, *hosts], capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 1, done.stderr
        yield {(result["route"], result["target"]["host"]): result for result in json.loads(done.stdout)["results"]}
    finally:
        lab.terminate()
        lab.wait(30)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("fault", UNTRUSTED)
def test_a_faulty_certificate_is_reached_but_not_trusted(results: Results, route: str, fault: Fault) -> None:
    result = results[route, fault.host]
    assert (result["reachable"], result["failure"], result["trusted"]) == (True, None, False)
    assert result["trust_failure"]["reason"] == UNTRUSTED[fault]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("fault", UNREACHED)
def test_a_target_that_fails_is_said_to_fail_itself(results: Results, route: str, fault: Fault) -> None:
    failure = results[route, fault.host]["failure"]
    assert (failure["stage"], failure["hop"], failure["reason"]) == (UNREACHED[fault][0], 0, UNREACHED[fault][1])


@pytest.mark.parametrize(("route", "last"), ROUTES.items())
def test_a_closed_port_is_told_by_whoever_met_it(results: Results, route: str, last: int) -> None:
    failure = results[route, Fault.CLOSED.host]["failure"]
    expected = ("proxy", last, "proxy-upstream-connect") if last else ("connect", 0, "tcp-refused")
    assert (failure["stage"], failure["hop"], failure["reason"]) == expected


@pytest.mark.parametrize("route", ["open", "chain"])
def test_a_name_that_the_proxy_cannot_resolve(results: Results, route: str) -> None:
    failure = results[route, Fault.NOWHERE.host]["failure"]
    assert (failure["stage"], failure["hop"], failure["reason"]) == ("proxy", ROUTES[route], "proxy-upstream-dns")


def test_a_reset_is_seen_where_nothing_stands_between(results: Results) -> None:
    failure = results["direct", Fault.RESET.host]["failure"]
    assert (failure["stage"], failure["hop"], failure["reason"]) == ("tls", 0, "tcp-reset")
