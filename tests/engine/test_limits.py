from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from unittest import mock

import pytest

from prober.engine.limits import Descriptors, reserve_descriptors

Limits = tuple[int, int]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[Limits]]:
    """Pretend that the process has these limits; returns what is set."""

    def pretend(soft: int, hard: int) -> list[Limits]:
        asked: list[Limits] = []
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
        monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
        return asked

    return pretend


@pytest.mark.parametrize(
    ("soft", "hard", "concurrency", "workers", "raised", "expected"),
    [
        (1024, 4096, 256, 1, [], Descriptors(256, 256, 1024)),
        (256, 4096, 1000, 1, [(1064, 4096)], Descriptors(1000, 1000, 1064)),
        (256, 512, 1000, 1, [(512, 512)], Descriptors(448, 1000, 512)),
        (256, 512, 1000, 2, [(512, 512)], Descriptors(896, 1000, 512)),
        (256, 512, 800, 2, [(464, 512)], Descriptors(800, 800, 464)),
        (10, 20, 1000, 1, [(20, 20)], Descriptors(1, 1000, 20)),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 9999, 1, [], Descriptors(9999, 9999, None)),
        (64, resource.RLIM_INFINITY, 9999, 1, [(10063, resource.RLIM_INFINITY)], Descriptors(9999, 9999, 10063)),
    ],
)
def test_the_limit_is_raised_as_needed_and_respected(
    limited: Callable[[int, int], list[Limits]],
    soft: int,
    hard: int,
    concurrency: int,
    workers: int,
    raised: list[Limits],
    expected: Descriptors,
) -> None:
    asked = limited(soft, hard)
    found = reserve_descriptors(concurrency, workers)
    assert found == expected
    assert asked == raised
    assert found.clamped is (expected.allowed < concurrency)


def test_a_system_that_refuses_is_respected(limited: Callable[[int, int], list[Limits]]) -> None:
    limited(256, resource.RLIM_INFINITY)
    with mock.patch.object(resource, "setrlimit", side_effect=ValueError("kern.maxfilesperproc")):
        assert reserve_descriptors(1000) == Descriptors(192, 1000, 256)


def test_for_real() -> None:
    program = """
import resource
from prober.engine.limits import reserve_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
print(reserve_descriptors(1000).allowed, *resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    assert run(sys.executable, "-c", program) == "136 200 200\n"


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None,
    reason="needs root on Linux and iproute2 for a network namespace of its own",
)
def test_ports_and_routes_of_a_real_kernel() -> None:
    """Two ephemeral ports for three connections; a route that says unreachable, and one that says prohibited."""
    program = """
import asyncio, contextlib, socket, subprocess
from prober.engine.probe import Prober
from prober.engine.resolver import Resolver
from prober.engine.settings import ProbeSettings
from prober.model import Route, Scheme, Target

def target(host, port):
    return Target(id="t", scheme=Scheme.TLS, host=host, port=port)

async def main():
    settings = ProbeSettings(timeout=2, retries=0, profile="schannel", family="ipv4-first", concurrency=9, per_route=9,
                             per_host=9, rate=None)
    prober = Prober(settings, Resolver(), None)
    with socket.create_server(("127.0.0.1", 5000)) as server:
        with contextlib.ExitStack() as held:
            for _ in range(2):
                held.enter_context(socket.create_connection(("127.0.0.1", 5000)))
            for aim in (target("127.0.0.1", 5000), target("198.51.100.1", 443), target("198.51.100.2", 443)):
                failure = (await prober.probe(aim, Route("direct"))).failure
                print(failure.stage, failure.hop, failure.reason, failure.detail.split(": ")[1])
    await prober.close()

for command in ("link set lo up", "route add unreachable 198.51.100.1", "route add prohibit 198.51.100.2"):
    subprocess.run(["ip", *command.split()], check=True)
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
    ports.write("60000 60001")
asyncio.run(main())
"""
    lines = run("unshare", "--net", sys.executable, "-c", program).splitlines()
    assert lines == [
        "local 0 local-ports EADDRNOTAVAIL",
        "connect 0 tcp-unreachable EHOSTUNREACH",
        "connect 0 tcp-unreachable EACCES",
    ]


def run(*command: str) -> str:
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
