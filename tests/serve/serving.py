"""`prober serve` as a program: started, asked, told and ended by its id."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import yaml

PATIENCE: Final = 40.0
"""Seconds until something has to be so. On an idle machine all of it takes less than two."""
_POLL: Final = 0.05
_LABEL: Final = re.compile(r'(\w+)="([^"\\]*)"')
"""None of the tests has a label that needs escapes."""


def free_port() -> int:
    """A loopback port nobody listens on, below the range the kernel takes for outgoing connections."""
    dice = random.SystemRandom()
    while True:
        port = dice.randrange(15000, 32000)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class Answer:
    """Of the web server."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: str


class Samples:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.text = text

    def all(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Every sample of a name that has these labels."""
        wanted, start, found = labels.items(), f"{name}{{", []
        for line in self.text.splitlines():
            if line.startswith(start):
                own, _, value = line[len(start) :].rpartition("} ")
                has = dict(_LABEL.findall(own))
                if wanted <= has.items():
                    found.append((has, float(value)))
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """The only one; None without one."""
        found = self.all(name, **labels)
        assert len(found) < 2, found
        return found[0][1] if found else None

    def sum(self, name: str, **labels: str) -> float:
        """Of all of them."""
        return sum(value for _, value in self.all(name, **labels))


class Serving:
    """A running `prober serve`. `arguments` come behind the command."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str] = (),
        *,
        port: int | None = None,
        environ: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.log_file = folder / f"stderr.{self.port}.{time.monotonic_ns()}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PROBER_")}
        place = str(Path(__file__).parents[2])
        with self.log_file.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *wrap, sys.executable, "-m", "prober", "serve",
                    "--web.listen-address", f"127.0.0.1:{self.port}", *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                cwd=folder,
                env={**kept, "PYTHONPATH": place, "PYTHONWARNINGS": "error", **(environ or {})},
                start_new_session=True,
            )  # fmt: skip
        self._family: dict[int, psutil.Process] = {}

    # looking

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return self.log_file.read_text(errors="replace")

    def until(self, true: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """Poll until it is so; the value. Fails if the program ends, or the time is up."""
        deadline = time.monotonic() + patience
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if value := true():
                    return value
            if time.monotonic() > deadline:
                pytest.fail(f"{what}: not within {patience:.0f} s; stderr:\n{self.log[-4000:]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.process.wait(_POLL)
                pytest.fail(f"{what}: prober ended with {status}; stderr:\n{self.log[-4000:]}")

    def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None,
        timeout: float = 10.0,
    ) -> Answer:  # fmt: skip
        """One request on a connection of its own. Raises OSError, HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """The API's answer."""
        answer = self.ask(path)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def scrape(self, timeout: float = 10.0) -> Samples:
        """`/metrics`."""
        answer = self.ask("/metrics", timeout=timeout)
        assert answer.status == 200, answer
        return Samples(answer.body)

    def pair(self, target: str, route: str) -> Any:
        """A pair as the API has it."""
        return self.json(f"/api/v1/pairs/{target}/{route}")["pair"]

    def confirmed(self, target: str, route: str = "direct") -> Any:
        """What is confirmed of a pair; None before its first probe."""
        return self.pair(target, route)["confirmed"]

    def transitions(self, **query: str) -> list[Any]:
        """Newest first."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        found: list[Any] = self.json(f"/api/v1/transitions?limit=500&{asked}")["transitions"]
        return found

    def ready(self) -> Serving:
        """Wait until it is."""
        self.until(lambda: self.ask("/-/ready").status == 200, "ready")
        self.workers()
        return self

    def seen(self, at_least: int = 1) -> Samples:
        """Wait until every pair has been probed."""

        def all_seen() -> Samples | None:
            samples = self.scrape()
            pairs = samples.value("prober_scheduled_pairs")
            return samples if len(samples.all("prober_last_probe_timestamp_seconds")) == pairs else None

        found: Samples = self.until(all_seen, "every pair probed")
        return found

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        found: list[psutil.Process] = psutil.Process(self.pid).children()
        self._family.update((each.pid, each) for each in found)
        return found

    # telling

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self, patience: float = PATIENCE) -> int:
        """Wait for its end: the exit code."""
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it did not end within {patience:.0f} s; stderr:\n{self.log[-4000:]}")

    def left(self, patience: float = 8.0) -> list[psutil.Process]:
        """Workers that are still there some seconds after the program's end."""
        _, alive = psutil.wait_procs(list(self._family.values()), timeout=patience)
        found: list[psutil.Process] = alive
        return found

    def close(self) -> None:
        """End it, and whatever it started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.workers()
        for process in (self.process, *self._family.values()):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.kill()
        self.process.wait()


def write_catalog(folder: Path, hosts: Iterable[str], port: int = 443, name: str = "own.yaml") -> None:
    """A catalog of service CONTOSO, group web, one target a host: `contoso.web.LABEL`."""
    targets = [{"id": host.partition(".")[0], "host": host, "port": port} for host in hosts]
    text = yaml.safe_dump({"service": "CONTOSO", "groups": [{"name": "web", "targets": targets}]})
    _replace(folder / name, text)


def write_config(folder: Path, settings: Mapping[str, Any]) -> None:
    """`prober.yaml`, whole or not at all."""
    _replace(folder / "prober.yaml", yaml.safe_dump(dict(settings)))


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}")
    new.write_text(text)
    new.replace(path)
