"""`GET /probe`: the handler, its limit of probes at once, and the answer's form."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector

from prober.model import Anchor
from prober.monitor.blackbox.aim import Aim, RefusedError, aim_at, host_parameter
from prober.monitor.blackbox.asking import Asking
from prober.monitor.blackbox.debug import debug_text
from prober.monitor.blackbox.findings import Findings, Step
from prober.monitor.blackbox.http_probe import probe_http
from prober.monitor.blackbox.logbook import Logbook
from prober.monitor.blackbox.metrics import families
from prober.monitor.blackbox.request import BadRequestError, ProbeRequest, read_request
from prober.monitor.blackbox.scope import ProbeScope
from prober.monitor.blackbox.tcp_probe import probe_tcp
from prober.monitor.issuers import CHURNING, IssuerLabels
from prober.monitor.state import PairKey

log = logging.getLogger(__name__)

_MOST_LEAVES: Final = 4096
"""Targets whose unknown certificates are counted at the same time."""
_RETRY_AFTER: Final = "1"
"""Seconds."""


def probe_routes(scope: Callable[[], ProbeScope]) -> list[web.RouteDef]:
    """The route of /probe; `scope` gives what is in force, and is called once for each request."""
    return [web.get("/probe", Endpoint(scope).handle)]


class Endpoint:
    """Answers requests. All state is how many run, and which leaves nobody vouches for have been shown."""

    def __init__(self, scope: Callable[[], ProbeScope]) -> None:
        self._scope = scope
        self._running = 0
        self._leaves = Leaves()

    async def handle(self, request: web.Request) -> web.Response:
        """One probe."""
        scope = self._scope()
        try:
            asked = read_request(request.query, request.headers, scope)
        except BadRequestError as error:
            return _sentence(400, str(error))
        try:
            aim = aim_at(asked.target, scope, web=asked.ready.module.prober == "http")
            host = None if asked.hostname is None else host_parameter(asked.hostname, aim, scope)
        except RefusedError as refused:
            return _sentence(403, f"Target refused: {refused}")
        if self._running >= scope.concurrency:
            full = f"{scope.concurrency} probes are under way already (serve.probe_concurrency): try again in a moment"
            return _sentence(503, full, {"Retry-After": _RETRY_AFTER})
        self._running += 1
        try:
            findings, logbook = await _carry_out(asked, aim, host, scope)
        finally:
            self._running -= 1
        if findings.denied is not None:
            return _sentence(403, f"Target refused: {findings.denied}")
        made = families(findings, partial(self._leaves.instead, scope.wall()))
        return _answer(request, asked, made, logbook)


async def _carry_out(asked: ProbeRequest, aim: Aim, host: str | None, scope: ProbeScope) -> tuple[Findings, Logbook]:
    loop = asyncio.get_running_loop()
    began, started = loop.time(), time.perf_counter()  # uvloop's clock counts milliseconds
    logbook = Logbook(scope.wall, module=asked.ready.name, target=asked.target)
    logbook.info("Beginning probe", probe=asked.ready.module.prober, timeout_seconds=asked.timeout)
    asking = Asking(scope, asked.ready, asked.rule, logbook, lambda: began + asked.timeout - loop.time())
    findings = Findings(asked.ready)
    probe = probe_http if asked.ready.module.prober == "http" else probe_tcp
    await probe(asking, aim, host, findings)
    findings.duration = time.perf_counter() - started
    if findings.success:
        logbook.info("Probe succeeded", duration_seconds=findings.duration)
    else:
        logbook.error("Probe failed", duration_seconds=findings.duration)
    return findings, logbook


class _Once(Collector):
    def __init__(self, made: list[Metric]) -> None:
        self._made = made

    def collect(self) -> Iterable[Metric]:
        return self._made


def _answer(request: web.Request, asked: ProbeRequest, made: list[Metric], logbook: Logbook) -> web.Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(made))
    if asked.debug:
        text = debug_text(logbook, generate_latest(registry).decode(), asked.ready)
        return web.Response(text=text, content_type="text/plain", charset="utf-8")
    try:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    except (TypeError, ValueError):  # prometheus_client breaks at a version that is none
        encode, content_type = choose_encoder("")
    response = web.Response(body=encode(registry), headers={"Content-Type": content_type})
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response


def _sentence(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    if status != 400:
        log.info("/probe answers %d: %s", status, sentence)
    return web.Response(status=status, text=f"{sentence}\n", headers=headers)


class Leaves:
    """Keeps certificates that nobody vouches for from making ever new series: after ten within an hour their target's
    labels all say so, as those of the other metrics do."""

    def __init__(self) -> None:
        self._labels = IssuerLabels()
        self._known: OrderedDict[PairKey, None] = OrderedDict()

    def instead(self, at: float, step: Step, fingerprint: str, anchor: Anchor) -> str | None:
        """What to write in place of the leaf's labels, if anything. `at` is seconds since the epoch."""
        key = (step.target.address, step.route.name)
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > _MOST_LEAVES:
            oldest, _ = self._known.popitem(last=False)
            self._labels.forget(oldest)
        return CHURNING if self._labels.label(key, fingerprint, anchor, at) == CHURNING else None
