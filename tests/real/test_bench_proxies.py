"""`prober bench` over real proxies: what each run must show, whatever the machine is busy with, and what sets the
proxies apart. Rates are low and runs short: this is about the figures' meaning, not about their size."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from prober.bench.criteria import LIMITED, Fault
from prober.load.histogram import Histogram

from .forward import Tinyproxy
from .programs import Launcher, free_port, require
from .proxies import Proxy
from .socks import Microsocks
from .squid import Inspecting, Squid

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("bench"), pytest.mark.timeout(300)]

MEASURED_AGAIN: Final = 3
RATE: Final = 40
SECONDS: Final = 3
NULL: Final = "direct"
TINYPROXY: Final = "tinyproxy"
SQUID: Final = "squid"
BUMP: Final = "squid-bump"
TLS_FRONT: Final = "haproxy-tls"
DANTE: Final = "dante"
MICROSOCKS: Final = "microsocks"
PROXIES: Final = (TINYPROXY, SQUID, BUMP, TLS_FRONT, DANTE, MICROSOCKS)
ANYWHERE: Final = {"connect[1]", "tunnel[1]", "target-tls", "response", "service", "lateness"}
ON_A_BUSY_MACHINE: Final = {*LIMITED, Fault.BEHIND, Fault.UNSTEADY}
"""What a run here may be reproached with, and has to be if it is not valid."""

TCP: Final = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend load
  bind 127.0.0.1:{port}
  default_backend origin
backend origin
  server origin 127.0.0.1:{behind}
"""


@dataclass(frozen=True)
class Benchmark:
    """What one `prober bench` gave."""

    status: int
    document: dict[str, Any]
    saved: Path

    def run(self, route: str) -> dict[str, Any]:
        """The only run of this route."""
        [found] = [run for run in self.document["runs"] if run["route"] == route]
        assert isinstance(found, dict)
        return found

    def median(self, route: str, span: str) -> float:
        """Of the sustain phase, in seconds."""
        return float(self.run(route)["kpis"]["spans"][span]["p50"])

    def shown(self, form: str, *more: str) -> str:
        """The same benchmark as another command shows it."""
        done = prober("--from", str(self.saved), "--format", form, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout


def prober(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`prober bench …` as a user has it."""
    return subprocess.run(
        [sys.executable, "-m", "prober", "bench", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "COLUMNS": "160"},
    )


def measured(folder: Path, routes: Mapping[str, Proxy], *arguments: str) -> Benchmark:
    """One benchmark of these routes and the direct one."""
    settings = {"routes": {NULL: [], **{name: [proxy.hop()] for name, proxy in routes.items()}}}
    configuration, saved = folder / "prober.yaml", folder / "bench.json.zst"
    configuration.write_text(yaml.safe_dump(settings))
    done = prober(
        *("--config", str(configuration), "--rate", str(RATE), "--duration", str(SECONDS), "--ramp", "0"),
        *("--format", "json", "--save", str(saved), *arguments),
    )
    assert done.returncode in {0, 1}, done.stderr
    return Benchmark(done.returncode, json.loads(done.stdout), saved)


@pytest.fixture(scope="module")
def benchmark(
    tmp_path_factory: pytest.TempPathFactory,
    tinyproxy: Tinyproxy,
    squid: Squid,
    inspecting: Inspecting,
    haproxy: Proxy,
    dante: Proxy,
    microsocks: Microsocks,
) -> Benchmark:
    """Handshakes with the lab's origin over every kind of proxy. The origin's authority is known to nobody: only a
    squid that is lenient opens TLS to it."""
    routes = {
        TINYPROXY: tinyproxy.open,
        SQUID: squid.open,
        BUMP: inspecting.lenient,
        TLS_FRONT: haproxy,
        DANTE: dante,
        MICROSOCKS: microsocks.open,
    }
    return measured(tmp_path_factory.mktemp("bench"), routes, "--target", "lab")


@pytest.fixture(scope="module")
def through_haproxy(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher, tinyproxy: Tinyproxy) -> Benchmark:
    """Requests to an origin that stands behind a HAProxy that passes TCP on: the target is HAProxy."""
    room = launcher.room("haproxy-tcp")
    origin, port = free_port(), free_port()
    launcher.start(
        "lab-origin", [sys.executable, "-m", "prober", "lab", "origin", "--listen", f"127.0.0.1:{origin}"], [origin]
    )
    (room / "haproxy.cfg").write_text(TCP.format(port=port, behind=origin))
    launcher.start("haproxy-tcp", [require("haproxy", "haproxy"), "-db", "-f", str(room / "haproxy.cfg")], [port])
    return measured(
        tmp_path_factory.mktemp("bench-tcp"),
        {TINYPROXY: tinyproxy.open},
        *(
            "--target",
            f"https://127.0.0.1:{port}/bytes/2000",
            "--workload",
            "request",
            "--reuse",
            "5",
            "--size",
            "2000",
        ),
    )


def adds_up(run: dict[str, Any]) -> None:
    """Second by second and in all."""
    seconds = run["seconds"]
    total = Counter[str]()
    for each in seconds:
        assert each["offered"] == each["started"] + each["skipped"]
        total.update(
            {name: each[name] for name in ("offered", "started", "succeeded", "failed", "ended", "ended_well")}
        )
    assert total["started"] == total["succeeded"] + total["failed"], "nothing is under way at the end"
    assert total["ended"] == total["started"]
    assert total["ended_well"] == total["succeeded"]
    assert total["offered"] == RATE * (1 + SECONDS), "a second to settle, then what counts"
    assert seconds[-1]["open"] == 0
    kpis = run["kpis"]
    skipped = sum(kpis["skipped"].values())
    assert kpis["ended"] + skipped == kpis["offered"] * kpis["seconds"] == RATE * SECONDS
    assert kpis["spans"]["response"]["count"] == kpis["ended"] - kpis["failed"]
    for name, encoded in run["histograms"].items():
        assert Histogram.decode(encoded).count == kpis["spans"][name]["count"], name


@pytest.mark.parametrize("route", [NULL, *PROXIES])
def test_counts_add_up(route: str, benchmark: Benchmark) -> None:
    adds_up(benchmark.run(route))


@pytest.mark.parametrize("route", [NULL, *PROXIES])
def test_a_run_is_valid_or_says_why_not(route: str, benchmark: Benchmark) -> None:
    validity = benchmark.run(route)["validity"]
    words = [reason["word"] for reason in validity["reasons"]]
    assert validity["valid"] == (not words)
    assert set(words) <= ON_A_BUSY_MACHINE, words
    assert validity["generator_limited"] == bool({*words} & LIMITED)
    assert not benchmark.run(route)["kpis"]["failures"]


@pytest.mark.alone  # a machine that stands still between an operation's start and its connect(2) is in no stage
@pytest.mark.parametrize("route", PROXIES)
def test_stages_are_those_of_the_route(route: str, benchmark: Benchmark) -> None:
    run = benchmark.run(route)
    expected = ANYWHERE | ({"proxy-tls[1]"} if route == TLS_FRONT else set())
    assert set(run["kpis"]["spans"]) == set(run["histograms"]) == expected
    assert all(run["kpis"]["spans"][stage]["count"] == run["kpis"]["ended"] for stage in expected)
    steps = ("lateness", "connect[1]", "proxy-tls[1]", "tunnel[1]", "target-tls")
    parts = sum(run["kpis"]["spans"][stage]["mean"] for stage in steps if stage in expected)
    assert parts == pytest.approx(run["kpis"]["spans"]["response"]["mean"], rel=0.05, abs=0.0005)
    assert all(run["kpis"]["spans"][stage]["mean"] > 0 for stage in expected)


def test_without_a_proxy_there_is_no_tunnel(benchmark: Benchmark) -> None:
    assert set(benchmark.run(NULL)["kpis"]["spans"]) == {"connect", "target-tls", "response", "service", "lateness"}
    assert benchmark.run(NULL)["purpose"] == "null"


def test_inspection_costs_where_it_is_done(
    benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory, squid: Squid, inspecting: Inspecting
) -> None:
    """Squid that opens TLS makes two handshakes in the time of one; squid that does not leaves that stage alone. Both
    are measured again if something else had the machine while one of them was."""
    for _ in range(MEASURED_AGAIN):
        if costs_more(benchmark):
            break
        routes = {SQUID: squid.open, BUMP: inspecting.lenient}
        benchmark = measured(tmp_path_factory.mktemp("bench-again"), routes, "--target", "lab", "--no-direct")
    assert costs_more(benchmark)


def costs_more(benchmark: Benchmark) -> bool:
    plain, bumping = (benchmark.median(route, "target-tls") for route in (SQUID, BUMP))
    whole = benchmark.median(BUMP, "service") - benchmark.median(SQUID, "service")
    return bumping > 1.5 * plain and bumping - plain > 0.001 and whole > 0.001


def test_inspection_is_found_with_its_keys(benchmark: Benchmark) -> None:
    [flip] = benchmark.document["flips"]
    assert (flip["route"], flip["kind"], flip["second"]) == (BUMP, "intercepted", None)
    assert "Corp Inspection CA 07" in flip["text"]
    assert benchmark.document["runs"][flip["run"]]["route"] == BUMP
    [own] = benchmark.run(NULL)["keys"]
    for route in PROXIES:
        [key] = benchmark.run(route)["keys"]
        assert re.fullmatch(r"[0-9a-f]{64}", key["key"])
        assert (key["key"] == own["key"]) == (route != BUMP)
        assert key["count"] == sum(each["succeeded"] for each in benchmark.run(route)["seconds"])
        assert ("Corp Inspection" in key["issuer"]) == (route == BUMP)
    valid = all(run["validity"]["valid"] for run in benchmark.document["runs"])
    assert benchmark.status == (0 if valid else 1), "inspection that does not change is told, and no finding"


def test_the_table_says_what_separates_them(benchmark: Benchmark) -> None:
    table = benchmark.shown("table")
    for route in PROXIES:
        [line] = [line for line in table.splitlines() if line.strip().startswith(f"{route}: TCP connection")]
        assert ("TLS with the proxy" in line) == (route == TLS_FRONT)
        assert "CONNECT or SOCKS" in line
        assert "TLS with the target" in line
        added = re.search(r"TLS with the target [\d.]+ \(\+?(−?[\d.]+)\)", line)
        assert (added is not None) == benchmark.run(NULL)["validity"]["valid"], "only a valid run is held against"
        if added is not None and route == BUMP:
            assert float(added[1].replace("−", "-")) > 1
    assert f"{BUMP}: All" in table
    assert table.index("TLS interception under load") < table.index(f"{BUMP}: All")


def test_the_page_says_it_too(benchmark: Benchmark) -> None:
    page = benchmark.shown("html")
    for route in PROXIES:
        assert route in page
    assert "Corp Inspection CA 07" in page
    assert "<svg" in page


def test_requests_to_an_origin_behind_haproxy(through_haproxy: Benchmark) -> None:
    for route, hop in ((NULL, ""), (TINYPROXY, "[1]")):
        run = through_haproxy.run(route)
        adds_up(run)
        assert not run["kpis"]["failures"]
        assert {"ttfb", "ttlb", "target-tls", f"connect{hop}"} <= set(run["kpis"]["spans"])
        made = Counter[str]()
        for each in run["seconds"]:
            made.update(
                {name: each[name] for name in ("started", "connections", "handshakes", "transactions", "bytes_in")}
            )
        assert made["transactions"] == made["started"]
        assert made["connections"] == made["handshakes"]
        assert made["started"] / 5 <= made["connections"] < made["started"] / 2, "up to five requests on each"
        assert made["bytes_in"] > 2000 * made["transactions"]
        assert run["kpis"]["spans"]["ttfb"]["mean"] <= run["kpis"]["spans"]["ttlb"]["mean"]
    assert {len(run["keys"]) for run in through_haproxy.document["runs"]} == {1}
    assert not through_haproxy.document["flips"]


def test_idle_tunnels_are_held_and_those_of_a_proxy_without_room_are_not(tmp_path: Path, launcher: Launcher) -> None:
    """A tinyproxy that takes 30 clients: the others never get their tunnel."""
    room = launcher.room("tinyproxy-small")
    port = free_port()
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    (room / "tinyproxy.conf").write_text(f"{user}Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 30\n")
    launcher.start(
        "tinyproxy-small", [require("tinyproxy", "tinyproxy"), "-d", "-c", str(room / "tinyproxy.conf")], [port]
    )
    saved = tmp_path / "tunnels.json"
    done = prober(
        *("--via", f"small=http://127.0.0.1:{port}", "--target", "lab", "--workload", "tunnel", "--tunnels", "60"),
        *("--rate", "40", "--duration", "3", "--timeout", "3", "--save", str(saved), "--format", "json"),
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    document = json.loads(done.stdout)
    runs = {run["route"]: run for run in document["runs"]}
    assert max(each["open"] for each in runs[NULL]["seconds"]) == 60
    assert not runs[NULL]["kpis"]["failures"]
    small = runs["small"]
    made = sum(each["succeeded"] for each in small["seconds"])
    assert 0 < made < 60
    assert sum(each["failed"] for each in small["seconds"]) > 0, "then it is stopped, with the others under way"
    assert "operations that ended" in small["stopped"]
    assert not small["validity"]["valid"]


def test_large_objects(tmp_path: Path, tinyproxy: Tinyproxy, microsocks: Microsocks) -> None:
    size = 2_000_000
    routes = {TINYPROXY: tinyproxy.open, MICROSOCKS: microsocks.open}
    settings = {"routes": {NULL: [], **{name: [proxy.hop()] for name, proxy in routes.items()}}}
    (tmp_path / "prober.yaml").write_text(yaml.safe_dump(settings))
    done = prober(
        *("--config", str(tmp_path / "prober.yaml"), "--target", "lab", "--workload", "bulk", "--size", str(size)),
        *("--rate", "5", "--duration", "3", "--ramp", "0", "--format", "json"),
    )
    assert done.returncode in {0, 1}, done.stderr
    for run in json.loads(done.stdout)["runs"]:
        kpis = run["kpis"]
        assert not kpis["failures"]
        transactions = sum(each["transactions"] for each in run["seconds"])
        received = sum(each["bytes_in"] for each in run["seconds"])
        assert transactions == 5 * (1 + 3)
        assert size <= received / transactions < 1.01 * size
        assert kpis["spans"]["ttlb"]["mean"] > kpis["spans"]["ttfb"]["mean"]


def test_comparison_of_two_real_proxies(tmp_path: Path, squid: Squid, inspecting: Inspecting) -> None:
    """Six rounds of a squid that opens TLS and one that does not."""
    routes = {SQUID: squid.open, BUMP: inspecting.lenient}
    settings = {"routes": {NULL: [], **{name: [proxy.hop()] for name, proxy in routes.items()}}}
    (tmp_path / "prober.yaml").write_text(yaml.safe_dump(settings))
    done = prober(
        *("--config", str(tmp_path / "prober.yaml"), "--target", "lab", "--compare", "--blocks", "6"),
        *("--rate", "30", "--duration", "1", "--ramp", "0", "--format", "json"),
    )
    assert done.returncode in {0, 1}, done.stderr
    document = json.loads(done.stdout)
    comparison = document["comparison"]
    assert comparison["blocks"] == 6
    assert Counter(comparison["order"]) == {NULL: 6, SQUID: 6, BUMP: 6}
    [median] = [each for each in comparison["differences"] if each["percentile"] == "p50"]
    assert (median["a"], median["b"]) == (SQUID, BUMP)
    assert median["low"] <= median["difference"] <= median["high"]
    assert median["difference"] > 0
    blocks = [run for run in document["runs"] if run["purpose"] == "block"]
    assert len(blocks) == 12
    for turn in range(0, 12, 2):
        assert {run["route"] for run in blocks[turn : turn + 2]} == {SQUID, BUMP}, "each route once in a round"


def test_search_over_a_real_proxy_that_bears_all_that_may_be_asked(tmp_path: Path, tinyproxy: Tinyproxy) -> None:
    """The cap ends it: then the answer is "at least", whatever the machine adds to that."""
    settings = {"routes": {TINYPROXY: [tinyproxy.open.hop()]}}
    (tmp_path / "prober.yaml").write_text(yaml.safe_dump(settings))
    done = prober(
        *("--config", str(tmp_path / "prober.yaml"), "--target", "lab", "--find-capacity", "--no-direct"),
        *("--rate", "200", "--max-rate", "200", "--duration", "3", "--p99", "2", "--ramp", "0", "--format", "json"),
    )
    assert done.returncode in {0, 1}, done.stderr
    document = json.loads(done.stdout)
    [capacity] = document["capacities"]
    assert capacity["route"] == TINYPROXY
    purposes = [run["purpose"] for run in document["runs"]]
    assert purposes[0] == "qualify"
    if capacity["knee"] is None:  # something else had the machine: then nothing is claimed
        assert set(purposes) <= {"qualify", "confirm"}
        assert not capacity["confirmed"]
        return
    assert capacity["knee"] == 200
    assert capacity["at_least"]
    assert capacity["word"] in ("not-reached", "generator-limited") or not capacity["confirmed"]
    assert set(purposes) == {"qualify", "confirm"}
