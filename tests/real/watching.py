"""A lab whose trouble can be switched on, two probers that watch it, and Debian's Prometheus that watches them.

`lab` goes out directly and through three proxies; `branch` has one proxy and nothing else. Everything is on loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil
import yaml
from aiohttp import ClientSession, ClientTimeout
from OpenSSL import SSL

from prober.lab.addresses import Addresses
from prober.lab.authorities import Authorities
from prober.lab.contexts import server_context
from prober.lab.listener import LOOPBACK, Listener
from prober.lab.proxies import HttpProxy
from prober.lab.world import Lab

from .programs import Launcher, Program, free_port, require
from .shortened import write_shortened

RULES: Final = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"
PATIENCE: Final = 60.0
"""Seconds that anything may take; two or three are usual."""
_BETWEEN: Final = 0.2
"""Seconds between two looks."""
SERVICES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "ALPHA": {"EU": ("one", "two", "three"), "US": ("four",)},
    "BETA": {"EU": ("five", "six")},
}
HOSTS: Final = tuple(
    f"{name}.{service.lower()}.example"
    for service, regions in SERVICES.items()
    for names in regions.values()
    for name in names
)


def catalog(service: str) -> dict[str, object]:
    """A catalog with one service of `SERVICES`."""
    targets = [
        {"id": name, "host": f"{name}.{service.lower()}.example", "geography": region, "source": ["lab"]}
        for region, names in SERVICES[service].items()
        for name in names
    ]
    return {
        "service": service,
        "about": "A service of the lab",
        "sources": {"lab": {"name": "the lab", "date": "2026-01-01"}},
        "groups": [{"name": "web", "targets": targets}],
    }


class Door:
    """A port behind which different proxies may stand, one after the other, or none."""

    def __init__(self, name: str, addresses: Addresses, tls: SSL.Context | None = None) -> None:
        self.name = name
        self.port = 0
        self.scheme = "http" if tls is None else "https"
        self._addresses = addresses
        self._tls = tls
        self._keeper: Listener | None = None

    def honest(self, delay: float = 0.0, blocked: Sequence[str] = ()) -> HttpProxy:
        """A proxy that only passes on: after `delay` seconds, and not to hosts of these patterns."""
        return HttpProxy(self.name, self._addresses, tls=self._tls, delay=delay, blocked=blocked)

    async def opens_to(self, keeper: Listener | None) -> None:
        """Have this proxy behind the port, or nobody."""
        if self._keeper is not None:
            await self._keeper.close()
        self._keeper = keeper
        if keeper is not None:
            await keeper.start(port=self.port)
            self.port = keeper.port


@dataclass
class Watcher:
    """A `prober serve`."""

    egress: str
    port: int
    folder: Path
    argv: list[str]
    program: Program | None = None
    starts: int = 0

    @property
    def config(self) -> Path:
        """Its prober.yaml."""
        return self.folder / "prober.yaml"

    @property
    def state(self) -> Path:
        """Its state file."""
        return self.folder / "state.db"

    @property
    def pid(self) -> int:
        """Its front process."""
        assert self.program is not None
        return self.program.process.pid

    def worker(self) -> int:
        """The process that makes its probes."""
        [worker] = psutil.Process(self.pid).children()
        pid: int = worker.pid
        return pid

    def hang_up(self) -> None:
        """Have it read its configuration anew."""
        os.kill(self.pid, signal.SIGHUP)


@dataclass
class Watching:
    """The scene: an asynchronous context in which everything runs."""

    launcher: Launcher
    folder: Path
    lab: Lab = field(init=False)
    doors: dict[str, Door] = field(default_factory=dict)
    watchers: dict[str, Watcher] = field(default_factory=dict)
    rules: Path = field(init=False)
    began: float = field(init=False)
    """Seconds since the epoch."""

    async def __aenter__(self) -> Self:
        self.began = time.time()
        self.rules = self.folder / "rules"
        self.lab = Lab([], self.folder / "world", authorities=Authorities())
        await self.lab.__aenter__()
        office = server_context(self.lab.authorities.corporate.leaf([LOOPBACK]))
        for name, tls in (("office", office), ("inspected", None), ("slow", None), ("gate", None)):
            door = self.doors[name] = Door(name, self.lab.addresses, tls)
            await door.opens_to(door.honest())
        for service in SERVICES:
            (self.folder / f"{service}.yaml").write_text(yaml.safe_dump(catalog(service)))
        self._client = ClientSession(timeout=ClientTimeout(total=20), trust_env=False)
        for egress, routes in (("lab", ("office", "inspected", "slow")), ("branch", ("gate",))):
            self.watchers[egress] = self._watcher(egress, routes)
        await asyncio.gather(*map(self.start, self.watchers), self._start_prometheus())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()
        for watcher in self.watchers.values():
            if watcher.program is not None:
                await asyncio.to_thread(watcher.program.stop)
        for door in self.doors.values():
            await door.opens_to(None)
        await self.lab.__aexit__(kind, error, trace)

    # what runs

    def _watcher(self, egress: str, routes: tuple[str, ...]) -> Watcher:
        folder = self.folder / egress
        folder.mkdir()
        argv = [
            sys.executable,
            "-m",
            "prober",
            "serve",
            "--config",
            str(folder / "prober.yaml"),
            "--log-format",
            "json",
        ]
        watcher = Watcher(egress, free_port(), folder, argv)
        ways: dict[str, object] = {} if egress == "branch" else {"direct": []}
        ways |= {name: [self._hop(self.doors[name])] for name in routes}
        settings = {
            "egress": egress,
            "catalogs": [str(self.folder / f"{service}.yaml") for service in SERVICES],
            "routes": ways,
            "resolve": {"*:443": f"{LOOPBACK}:{self.lab.origins.tls.port}"},
            "trust": {"roots": [{"file": str(self.lab.directory / "public-root.pem"), "anchor": "public"}]},
            "probe": {"timeout": 4},
            "serve": {
                "interval": 1,
                "confirm": 2,
                "confirm_after": 0.2,
                "listen": f"{LOOPBACK}:{watcher.port}",
                "state": str(watcher.state),
                "grace": 1,
            },
        }
        watcher.config.write_text(yaml.safe_dump(settings))
        return watcher

    def _hop(self, door: Door) -> dict[str, str]:
        trust = {"trust_roots": str(self.lab.directory / "corporate-ca.pem")} if door.scheme == "https" else {}
        return {"url": f"{door.scheme}://{LOOPBACK}:{door.port}", **trust}

    async def start(self, egress: str) -> None:
        """Start a prober, or start it again."""
        watcher = self.watchers[egress]
        watcher.starts += 1
        name = f"prober-{egress}-{watcher.starts}"
        watcher.program = await asyncio.to_thread(self.launcher.start, name, watcher.argv, [watcher.port])

    async def _start_prometheus(self) -> None:
        write_shortened(RULES, self.rules)
        self._discovery = self.folder / "probers.json"
        self.discover(list(self.watchers))
        config = {
            "global": {
                "scrape_interval": "500ms",
                "evaluation_interval": "500ms",
                "external_labels": {"runbooks": "/"},
            },
            "rule_files": [f"{self.rules}/*.yml"],
            "scrape_configs": [
                {
                    "job_name": "prober",
                    "honor_labels": True,
                    "file_sd_configs": [{"files": [str(self._discovery)], "refresh_interval": "1s"}],
                }
            ],
        }
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._port = free_port()
        argv = [
            require("prometheus", "prometheus"),
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/series",
            f"--web.listen-address={LOOPBACK}:{self._port}",
            "--log.level=warn",
        ]
        await asyncio.to_thread(self.launcher.start, "prometheus", argv, [self._port])

    def discover(self, egresses: list[str]) -> None:
        """Have Prometheus scrape the probers of these egresses, and no others."""
        targets = [f"{LOOPBACK}:{self.watchers[egress].port}" for egress in egresses]
        fresh = self._discovery.with_suffix(".new")
        fresh.write_text(json.dumps([{"targets": targets}] if targets else []))
        fresh.replace(self._discovery)

    # looking

    async def metrics(self, egress: str) -> bytes:
        """What a prober exports now."""
        async with self._client.get(f"http://{LOOPBACK}:{self.watchers[egress].port}/metrics") as answer:
            assert answer.status == 200
            return await answer.read()

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now."""
        return await self._asked("query", {"query": expression})

    async def query_since(self, began: float, expression: str) -> list[dict[str, Any]]:
        """Its series at any time since `began`, seconds since the epoch."""
        span = {"start": f"{began:.3f}", "end": f"{time.time():.3f}", "step": "1"}
        return await self._asked("query_range", {"query": expression, **span})

    async def _asked(self, kind: str, form: Mapping[str, str]) -> list[dict[str, Any]]:
        async with self._client.post(f"http://{LOOPBACK}:{self._port}/api/v1/{kind}", data=form) as answer:
            said = await answer.json()
            assert said["status"] == "success", f"{form['query']}: {said}"
            found: list[dict[str, Any]] = said["data"]["result"]
            return found

    async def until(self, so: Callable[[], Awaitable[bool]], what: Callable[[], str]) -> None:
        """Wait until it is so; fails with `what` if it takes too long."""
        deadline = time.monotonic() + PATIENCE
        while not await so():
            assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what()}"
            await asyncio.sleep(_BETWEEN)  # another program's doing: there is nothing here to be woken by

    async def firing(self) -> list[dict[str, str]]:
        """Labels of every alert that fires."""
        return [each["metric"] for each in await self.query('ALERTS{alertstate="firing"}')]
