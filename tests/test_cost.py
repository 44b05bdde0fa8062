"""What a probe costs, whatever the machine's mood: beside bare OpenSSL handshakes in the same process, in turn.

Processor time of this process is compared with processor time of this process, so load, a slow machine or a changed
clock weigh on both. Counted instructions would be steadier still; machines in a cloud seldom show them.
"""

from __future__ import annotations

import contextlib
import gc
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from OpenSSL import SSL

from benchmarks.speed.jobs import Judged
from benchmarks.speed.probing import Judge, settings, target, trusted
from prober.engine.loop import run_loop
from prober.engine.run import Pair, Run
from prober.engine.stores import ProxyCertificates
from prober.lab.bare import bare_context, bare_credential
from prober.model import Observation, Route, Scheme
from prober.wire.openssl import set_groups

MOST = 1.6
"""1.3 times what was seen (median 1.25; CPython 3.11, OpenSSL 4.0, a busy machine of two cores)."""
ROUNDS = 13
PROBES = HANDSHAKES = 30
IN_FLIGHT = 16


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """Port and root of an origin in a process of its own: its processor time is not ours."""
    root = tmp_path / "root.pem"
    command = [sys.executable, "-m", "prober", "lab", "origin", "--listen", "127.0.0.1:0", "--write-root", str(root)]
    command.append("--until-input-ends")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            said = re.match(rb"origin on 127\.0\.0\.1:(\d+): ", process.stdout.readline())  # once it listens
            assert said is not None
            yield int(said[1]), str(root)
        finally:
            process.terminate()


class Bare:
    """Handshakes over memory BIOs, both sides, and nothing else: what OpenSSL and its binding cost here and now."""

    def __init__(self) -> None:
        credential, _ = bare_credential("ecdsa")
        self._server = bare_context(credential)
        self._client = SSL.Context(SSL.TLS_CLIENT_METHOD)
        set_groups(self._client, "X25519")  # one that no release changes

    def shake(self, count: int) -> None:
        for _ in range(count):
            client, server = SSL.Connection(self._client, None), SSL.Connection(self._server, None)
            client.set_connect_state()
            server.set_accept_state()
            for _ in range(2):
                server.bio_write(_said(client))
                if told := _said(server):
                    client.bio_write(told)
            assert client.get_cipher_name() is not None


def _said(one: SSL.Connection) -> bytes:
    with contextlib.suppress(SSL.WantReadError):
        one.do_handshake()
    try:
        return one.bio_read(65536)
    except SSL.WantReadError:
        return b""


def test_a_probe_costs_little_beside_its_handshake(origin: tuple[int, str]) -> None:
    """Full probe (TCP, TLS, capture, judgement, result) over one handshake with both its sides."""
    port, root = origin
    route = Route("direct")
    pairs = [Pair(target(number, Scheme.TLS, port, named=False), route) for number in range(10)]
    due = [pairs[number % len(pairs)] for number in range(PROBES)]
    bare = Bare()
    ratios: list[float] = []

    async def measure() -> None:
        judge = Judge(Judged.RESULT, pairs, trusted(root))

        def look(pair: Pair, observation: Observation) -> None:
            assert observation.failure is None
            judge.take(pair, observation)

        async with Run(settings(IN_FLIGHT, port), ProxyCertificates(())) as run:
            await run.probe(pairs * 8, look)  # warm: from here on every target is known
            bare.shake(HANDSHAKES)
            for _ in range(ROUNDS):
                began = time.process_time()
                bare.shake(HANDSHAKES)
                between = time.process_time()
                await run.probe(due, look)
                ratios.append((time.process_time() - between) / PROBES / ((between - began) / HANDSHAKES))

    gc.collect()
    gc.disable()  # how much else this process holds is not what is measured
    try:
        run_loop(measure())
    finally:
        gc.enable()
    print(f"ratios {[round(each, 2) for each in ratios]}")  # noqa: T201 # shown with a failure
    assert statistics.median(ratios) < MOST
