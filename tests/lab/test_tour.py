from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from prober.lab.tour import STOPS, tour

DENIED = {"stage": "proxy", "hop": 1, "reason": "proxy-denied"}
LOGIN = {"stage": "proxy", "hop": 1, "reason": "proxy-auth-required"}
BLOB = "a1.blob.core.windows.net"
BYPASSED = "mdav.eu.endpoint.security.microsoft.com"


def result(route: str, host: str, **changes: Any) -> dict[str, Any]:
    found = {
        "route": route, "target": {"scheme": "https", "host": host, "path": "/"}, "reachable": True, "trusted": True,
        "failure": None, "trust_failure": None, "timings": {"total": 0.5},
    }  # fmt: skip
    return {**found, **changes}


def unreached(route: str, host: str, failure: Mapping[str, Any]) -> dict[str, Any]:
    return result(route, host, reachable=False, trusted=None, failure=failure)


def untrusted(route: str, host: str) -> dict[str, Any]:
    return result(route, host, trusted=False, trust_failure={"reason": "cert-untrusted"})


def as_built() -> dict[tuple[str, str], dict[str, Any]]:
    """What the lab shows when all is well: (route, host) to result."""
    results = {(stop.route, host): result(stop.route, host) for stop in STOPS for host in ("a.example", BLOB, BYPASSED)}
    results["blocking", BLOB] = unreached("blocking", BLOB, DENIED)
    results["login", "a.example"] = unreached("login", "a.example", LOGIN)
    results["inspected", "a.example"] = untrusted("inspected", "a.example")
    results["inspected", BLOB] = untrusted("inspected", BLOB)
    return results


def test_a_lab_that_behaves_surprises_nobody() -> None:
    told = tour({"results": list(as_built().values())})
    assert told.surprises == ()
    assert [line.partition(":")[0] for line in told.lines] == [stop.route for stop in STOPS]
    lines = {line.partition(":")[0]: line for line in told.lines}
    assert "2 of 3 reached" in lines["blocking"]
    assert "refused 1 with 403" in lines["blocking"]
    assert "1 stay closed" in lines["login"]
    assert "500 ms" in lines["slow"]
    assert "but 2 show a certificate" in lines["inspected"]


RESET = {"stage": "tls", "hop": 0, "reason": "tcp-reset"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (unreached("direct", BLOB, RESET), f"direct: https://{BLOB}/ failed: tls 0 tcp-reset"),
        (untrusted("open", BLOB), f"open: https://{BLOB}/ is not trusted"),
        (unreached("chain", BLOB, LOGIN), f"chain: https://{BLOB}/ failed: proxy 1 proxy-auth-required"),
        (unreached("login", BLOB, DENIED), f"login: https://{BLOB}/ failed: proxy 1 proxy-denied"),
        (result("blocking", BLOB), f"blocking: https://{BLOB}/ got through although it is on the proxy's block list"),
        (
            unreached("blocking", "a.example", DENIED),
            "blocking: https://a.example/ was refused although it is not on the proxy's block list",
        ),
        (result("slow", BLOB, timings={"total": 0.01}), f"slow: https://{BLOB}/ took less time than the proxy waits"),
        (result("inspected", BLOB), f"inspected: https://{BLOB}/ was opened by the interceptor and yet trusted"),
        (untrusted("inspected", BYPASSED), f"inspected: https://{BYPASSED}/ is on the bypass list and yet not trusted"),
    ],
)
def test_what_the_lab_was_not_built_to_show_is_named(changed: dict[str, Any], said: str) -> None:
    results = as_built() | {(changed["route"], changed["target"]["host"]): changed}
    assert tour({"results": list(results.values())}).surprises == (said,)


def test_a_route_without_results_is_a_surprise() -> None:
    results = [found for (route, _), found in as_built().items() if route != "socks4a"]
    assert tour({"results": results}).surprises == ("socks4a: no results at all",)


def test_http_through_the_interceptor_is_no_surprise() -> None:
    changed = result("inspected", BLOB, trusted=None, target={"scheme": "http", "host": BLOB, "path": "/"})
    results = as_built() | {("inspected", BLOB): changed}
    assert tour({"results": list(results.values())}).surprises == ()
