"""GET /metrics over HTTP: formats, compression, methods, slow readers, deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from prober.monitor.web.metrics import metrics_routes

from ..boards import REFUSED, pairs, seen
from ..metrics.scrapes import OPENMETRICS, TEXT, Monitored, ours


def monitored(targets: int = 3, routes: int = 3) -> Monitored:
    of = pairs(targets=targets, routes=routes)
    found = Monitored(of)
    for number, one in enumerate(of):
        found.take(one, seen(one, REFUSED if number % 3 == 1 else None))
    return found


@cache
def _many() -> Monitored:
    return monitored(targets=400, routes=4)


def many() -> Monitored:
    """Five megabytes: more than the kernel takes for somebody who does not read."""
    return _many().again()


@contextlib.asynccontextmanager
async def serving(
    found: Monitored, ended: Callable[[], None] = lambda: None, **options: Any
) -> AsyncIterator[tuple[ClientSession, str, TestServer]]:
    """A server with this route only; `ended` is called when an answer is through or given up."""

    @web.middleware
    async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            ended()

    app = web.Application(middlewares=[told])
    app.add_routes(metrics_routes(found.exposition, **options))
    server = TestServer(app)
    async with server, ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as session:
        yield session, str(server.make_url("/metrics")), server


async def test_plain_text_for_whoever_asks_for_nothing() -> None:
    found = monitored()
    async with serving(found) as (session, url, _), session.get(url, headers={"Accept-Encoding": "identity"}) as answer:
        body = await answer.read()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        assert "Content-Encoding" not in answer.headers
        assert int(answer.headers["Content-Length"]) == len(body)
    assert ours(body, TEXT) == found.slowly(TEXT)
    assert {family.name for family in read_text(body.decode())} > {"prober_target_reachable", "process_open_fds"}


async def test_openmetrics_in_gzip_as_prometheus_asks_for_it() -> None:
    found = monitored()
    wishes = {
        "Accept": "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,text/plain;q=0.3",
        "Accept-Encoding": "gzip",
    }
    async with serving(found) as (session, url, _), session.get(url, headers=wishes) as answer:
        body = await answer.read()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == OPENMETRICS.content_type
        assert int(answer.headers["Content-Length"]) == len(body)
    text = gzip.decompress(body)
    assert ours(text, OPENMETRICS) == found.slowly(OPENMETRICS)
    families = read_openmetrics(text.decode())  # type: ignore[no-untyped-call] # published without types
    assert "prober_probes" in {family.name for family in families}


async def test_names_choose() -> None:
    found = monitored()
    async with serving(found) as (session, url, _):
        async with session.get(f"{url}?name[]=prober_scheduled_pairs&name[]=prober_build_info") as answer:
            lines = gzip.decompress(await answer.read()).decode().splitlines()
        async with session.get(f"{url}?name[]=&other=1", headers={"Accept-Encoding": "identity"}) as answer:
            everything = await answer.read()
    assert [line.split("{")[0] for line in lines if line[0] != "#"] == ["prober_scheduled_pairs", "prober_build_info"]
    assert ours(everything, TEXT) == found.slowly(TEXT)


async def test_head_says_what_get_would_be_and_makes_nothing() -> None:
    found = monitored()
    async with serving(found) as (session, url, _), session.head(url, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == TEXT.content_type
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers.get("Content-Length") is None
        assert await answer.read() == b""
    assert found.exposition.snapshots == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(method: str) -> None:
    async with serving(monitored()) as (session, url, _), session.request(method, url) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_a_thousand_at_once_cost_a_few_snapshots() -> None:
    found = monitored()
    async with serving(found) as (session, url, _):

        async def get() -> bytes:
            async with session.get(url) as answer:
                assert answer.status == 200
                return await answer.read()

        bodies = await asyncio.gather(*(get() for _ in range(1000)))
    assert len(bodies) == 1000
    # a client's own pool is 100 connections: ten waves of them, two snapshots each
    assert found.exposition.snapshots <= 40


async def stalled(server: TestServer) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that asks, reads the answer's head and not more (its kernel and 2 KiB of buffer do)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\n\r\n")
    return await reader.readuntil(b"\r\n\r\n"), reader, writer


async def test_readers_that_stall_hold_up_nobody_and_cost_little() -> None:
    found = many()
    async with serving(found) as (session, url, server):
        async with session.get(url, headers={"Accept-Encoding": "identity"}) as answer:
            size = len(await answer.read())
        assert size > 3_000_000
        tracemalloc.start()
        try:
            clients = await asyncio.gather(*(stalled(server) for _ in range(40)))
            async with session.get(url) as answer:
                assert answer.status == 200
                await answer.read()
            used, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for _, _, writer in clients:
            writer.transport.abort()
    assert used < 8 * size  # two or three bodies and what the sockets hold, not forty bodies


async def test_a_reader_that_stalls_is_cut_off() -> None:
    found = many()
    over = asyncio.Event()
    async with serving(found, over.set, patience=1.0) as (session, url, server):
        head, reader, writer = await stalled(server)
        await over.wait()
        rest = b""
        with contextlib.suppress(ConnectionError):
            while more := await reader.read(65_536):
                rest += more
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        assert len(rest) < length
        writer.transport.abort()
        async with session.get(url) as answer:
            assert answer.status == 200


async def test_who_waits_no_longer_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = monitored()
    never = asyncio.Event()

    async def hanging(*_: object) -> None:
        await never.wait()

    async with serving(found) as (session, url, _):
        with monkeypatch.context() as patched:
            patched.setattr(found.exposition, "_blocks", hanging)
            async with session.get(url, headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.05"}) as answer:
                assert answer.status == 503
                assert "not ready within 0.05 s" in await answer.text()
                assert answer.headers["Retry-After"] == "10"
                assert answer.headers["Cache-Control"] == "no-store"
        for nonsense in ("0", "-1", "nan", "soon", "1e999"):
            async with session.get(url, headers={"X-Prometheus-Scrape-Timeout-Seconds": nonsense}) as answer:
                assert answer.status == 200


async def test_a_client_that_goes_away_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    found = many()
    over = asyncio.Event()
    async with serving(found, over.set) as (session, url, server):
        _, _, writer = await stalled(server)
        writer.transport.abort()
        await over.wait()
        async with session.get(url) as answer:
            assert answer.status == 200
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")]
