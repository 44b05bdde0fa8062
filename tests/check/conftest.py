"""Settings as the command line would load them, a run without a network, and a small server on loopback."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from prober.check import conduct as conducting
from prober.check.conduct import Conduct
from prober.check.plan import Plan, make_plan
from prober.config import Loaded, load
from prober.engine.run import OnObservation, Pair
from prober.model import Failure, Observation, Reason, Stage


def loaded(
    overrides: Mapping[str, object] | None = None,
    *,
    via: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    no_direct: bool = False,
) -> Loaded:
    """What is in force with these values by dotted key; the working directory has no prober.yaml."""
    return load(None, environ or {}, overrides or {}, via=via, no_direct=no_direct)


def plan_of(targets: Sequence[str], *, attempts: int = 1, workers: int = 1, **more: Any) -> Plan:
    """A plan for targets given by hand."""
    return make_plan(loaded(**more), targets, attempts=attempts, workers=workers)


def seen(pair: Pair, failure: Failure | None = None, **more: Any) -> Observation:
    """A probe of the pair that got through, or did not."""
    values = {"target": pair.target.id, "route": pair.route.name, "at": 1.0, "failure": failure, **more}
    return Observation(**values)


REFUSED = Failure(Stage.CONNECT, 0, Reason.TCP_REFUSED, "nobody listens")


@dataclass
class ScriptedRun:
    """Stands in for the engine: tells the script's observations, whatever the plan says."""

    script: Callable[[Sequence[Pair], OnObservation], None]
    worst_lag: float = 0.0
    shortfall: str | None = None
    cpu_wait: float | None = None

    def __call__(self, *_: object, **__: object) -> ScriptedRun:
        return self

    async def __aenter__(self) -> ScriptedRun:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def probe(self, pairs: Sequence[Pair], on_observation: OnObservation, *, attempts: int = 1) -> None:
        assert attempts >= 1
        self.script(pairs, on_observation)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Conduct]:
    """A conduct of a plan whose run is a script."""

    def make(plan: Plan, script: Callable[[Sequence[Pair], OnObservation], None], *, lag: float = 0.0) -> Conduct:
        monkeypatch.setattr(conducting, "Run", ScriptedRun(script, lag))
        return Conduct(plan)

    return make


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


def _serving(kind: type[_Server], host: str) -> Iterator[int]:
    with kind((host, 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def web() -> Iterator[int]:
    """The port of an HTTP server on 127.0.0.1 that answers 204."""
    yield from _serving(_Server, "127.0.0.1")


@pytest.fixture
def web6() -> Iterator[int]:
    """The same on ::1."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"this machine has no ::1 ({error.strerror})")
    yield from _serving(_Server6, "::1")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port of 127.0.0.1 that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def given() -> ModuleType:
    """This file's names."""
    return sys.modules[__name__]
