"""/probe behind aiohttp's test server, asking with the engine in the same process."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from prober.config.allowance import allowances, parse_network
from prober.config.modules import Module
from prober.engine.address_policy import AddressPolicy
from prober.engine.probe import Prober
from prober.engine.resolver import Resolver
from prober.engine.run import Pair
from prober.engine.settings import ProbeSettings
from prober.engine.terms import Probed, Terms
from prober.interception.anchors import UserRoot
from prober.interception.trust import TrustStore
from prober.model import Anchor, Failure, Hop, Route, Target
from prober.monitor.blackbox.endpoint import probe_routes
from prober.monitor.blackbox.modules import ready_modules
from prober.monitor.blackbox.scope import ProbeScope
from prober.routes.overrides import Overrides, parse_override

from .origins import Answer, Origin, authority

LOOPBACK = ("127.0.0.0/8", "::1/128")


class _NoProxyTls:
    def failure(self, hop: Hop, index: int, chain: tuple[bytes, ...], at: float) -> Failure | None:
        return None


def judge(*, os_only: str | None = None) -> TrustStore:
    """Trusts the authority of the tests; `os_only` names one that only the machine's store has."""
    pem = authority("Tests").cert_pem.bytes()
    machine = None if os_only is None else authority(os_only).cert_pem.bytes()
    return TrustStore(b"", machine, [UserRoot(pem, Anchor.PINNED)], with_shipped=False)


@dataclass
class Stage:
    """Set what is in force, then `await get(...)`. Use as an asynchronous context."""

    allow: list[str] = field(default_factory=list)
    networks: tuple[str, ...] = LOOPBACK
    modules: dict[str, Any] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    routes: tuple[Route, ...] = (Route("direct"),)
    resolve: dict[str, str] = field(default_factory=dict)
    name_servers: tuple[str, ...] = ()
    judge: TrustStore = field(default_factory=judge)
    timeout: float = 5.0
    family: str = "ipv4-first"
    concurrency: int = 16
    asked: list[tuple[Pair, Terms]] = field(default_factory=list)
    """All that was asked of the engine."""
    hold: asyncio.Event | None = None
    """Where set, probes wait for it."""
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    lose: bool = False
    """Whether probes are lost with their worker."""

    async def __aenter__(self) -> Self:
        self._stack = contextlib.AsyncExitStack()
        await self._stack.__aenter__()
        app = web.Application()
        app.add_routes(probe_routes(self.scope))
        self.client = TestClient(TestServer(app))
        self._stack.push_async_callback(self.client.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def origin(
        self, answers: Mapping[str, Answer], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> Origin:
        """A server that listens."""
        origin = Origin(answers, host)
        await origin.start(tls)
        self._stack.push_async_callback(origin.close)
        return origin

    def scope(self) -> ProbeScope:
        """What is in force now."""
        errors: list[str] = []
        modules = {name: Module.model_validate(text) for name, text in self.modules.items()}
        ready = ready_modules(modules, [route.name for route in self.routes], errors)
        assert not errors
        return ProbeScope(
            targets=self.targets,
            routes=self.routes,
            modules=ready,
            allow=allowances(self.allow),
            policy=AddressPolicy(tuple(parse_network(text) for text in self.networks)),
            judge=self.judge,
            ask=self.ask,
            timeout=self.timeout,
            family=self.family,
            concurrency=self.concurrency,
        )

    async def ask(self, pair: Pair, terms: Terms) -> Probed | None:
        """As the crew does it, in this process."""
        self.asked.append((pair, terms))
        self._more.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.lose:
            return None
        settings = ProbeSettings(
            timeout=5,
            retries=0,
            profile="schannel",
            family=self.family,
            concurrency=9,
            per_route=9,
            per_host=9,
            rate=None,
        )
        overrides = Overrides([parse_override(*entry) for entry in self.resolve.items()])
        settings = replace(settings, overrides=overrides, name_servers=self.name_servers)
        resolver = Resolver(settings.family, settings.overrides, settings.name_servers)
        prober = Prober(settings, resolver, _NoProxyTls())
        begun = time.monotonic()
        try:
            observation, refused = await prober.probe_on(terms, pair.target, pair.route, pair.purpose, pair.present)
        finally:
            await prober.close()
            await resolver.close()
        return Probed(observation, begun, 0.0, refused)

    async def all_asked(self, number: int) -> None:
        """Return when so much was asked of the engine."""
        while len(self.asked) < number:
            self._more.clear()
            await self._more.wait()

    async def raw(self, headers: Mapping[str, str] | None = None, method: str = "GET", **query: str) -> ClientResponse:
        """The response to a request."""
        await self.client.start_server()
        return await self.client.request(method, "/probe", params=query, headers=headers)

    async def refused(self, **query: str) -> str:
        """The sentence of a request that is answered with 403."""
        response = await self.raw(None, **query)
        text = await response.text()
        assert response.status == 403, text
        return text

    async def get(self, headers: Mapping[str, str] | None = None, **query: str) -> Series:
        """The series of a probe."""
        response = await self.raw(headers, **query)
        text = await response.text()
        assert response.status == 200, text
        return series(text)


Series = dict[str, float]
"""`name` or `name{label="value",…}` (labels sorted) to value."""


def series(text: str) -> Series:
    """The samples of an exposition."""
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found
