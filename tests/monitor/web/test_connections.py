"""What one client may take: bytes, time, connections. Each limit over a real socket, with short times."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from prober.monitor.web.limits import BODY, FIELDS, LINE, Limits

from .serving import BIG, TLS, Running, put_certificate, server_certificate, serving, trusting

SHORT = Limits(head=0.3, idle=60.0, answer=60.0)


@pytest.fixture(params=["http", "https"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """The same limits hold with TLS and without."""
    if request.param == "http":
        return None
    put_certificate(tmp_path, server_certificate())
    (tmp_path / "web.yml").write_text(TLS)
    return tmp_path / "web.yml"


def tls_of(file: Path | None) -> ssl.SSLContext | None:
    return None if file is None else trusting()


async def gone(running: Running) -> None:
    """Until the server holds no connection."""
    async with asyncio.timeout(20):
        while running.server.connections:  # noqa: ASYNC110 - the server tells nobody when a connection goes
            await asyncio.sleep(0.01)


# bytes


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"a" * LINE + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (LINE + 1) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + b"A" * 200_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * (FIELDS + 1) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 100_000,
        b"A" * 100_000,
    ],
    ids=["line", "field", "login without end", "fields", "fields without end", "method"],
)
async def test_a_head_beyond_its_bounds_is_refused(request_bytes: bytes) -> None:
    async with serving() as running, await running.connect() as client:
        with contextlib.suppress(OSError):
            await client.send(request_bytes)
        raw = await client.ended()
        assert raw == b"" or raw.split()[1] in (b"400", b"431")
        assert b"aaaa" not in raw
        assert b"AAAA" not in raw
        assert running.handlers.seen == []
        assert (await running.get()).status == 200


async def test_a_head_within_its_bounds_is_taken() -> None:
    async with serving() as running:
        fields = [f"X-{number}: {'a' * 60}" for number in range(FIELDS - 10)]
        assert (await running.get("/?" + "a" * (LINE - 100), *fields)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "length", "status"),
    [
        ("POST", "/post", BODY, 200),
        ("POST", "/post", BODY + 1, 413),
        ("POST", "/-/reload", BODY + 1, 413),
        ("GET", "/", 1, 400),
        ("HEAD", "/", 1, 400),
        ("POST", "/nowhere", BODY + 1, 413),
    ],
)
async def test_bodies_only_where_one_can_be_meant(method: str, path: str, length: int, status: int) -> None:
    async with serving() as running, await running.connect() as client:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        await client.send(head.encode())
        if status == 200:
            await client.send(b"a" * length)
            assert (await client.answer()).status == 200
            assert (await client.ask()).status == 200, "the connection goes on behind the body"
        else:
            assert (await client.answer(head=method == "HEAD")).status == status
            assert await client.ended() == b""


async def test_a_body_without_end_is_not_kept() -> None:
    async with serving() as running, await running.connect() as client:
        await client.send(b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await client.answer()).status == 200
        with contextlib.suppress(OSError):
            async with asyncio.timeout(20):
                while True:  # the server reads for two seconds, and then ends the connection
                    await client.send(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
        await gone(running)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\n\r\n",
    ],
)
async def test_what_smuggles_or_means_another_server_gets_no_page(request_bytes: bytes) -> None:
    async with serving() as running, await running.connect() as client:
        await client.send(request_bytes)
        status, _ = await client.head()
        assert 400 <= status < 500
        assert running.handlers.seen == []


# time


@pytest.mark.parametrize("part", [b"", b"G", b"GET / HTTP/1.1\r\nHost: local"])
async def test_a_head_that_does_not_come_ends_the_connection(file: Path | None, part: bytes) -> None:
    async with serving(file, limits=SHORT, tls=tls_of(file)) as running, await running.connect() as client:
        if part:
            await client.send(part)
        assert await client.ended() == b""


async def test_a_head_that_drips_does_not_hold_on_either() -> None:
    async with serving(limits=SHORT) as running, await running.connect() as client:
        started = asyncio.get_running_loop().time()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(20):
                await client.send(b"GET / HTTP/1.1\r\n")
                while not client.reader.at_eof():
                    await client.send(b"X")
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await client.reader.read(1)
        assert asyncio.get_running_loop().time() - started < 10
        await gone(running)


async def test_the_second_head_has_the_same_time_and_waiting_between_has_more(file: Path | None) -> None:
    async with serving(file, limits=SHORT, tls=tls_of(file)) as running, await running.connect() as client:
        assert (await client.ask()).status == 200
        await asyncio.sleep(SHORT.head * 2)  # the passing of time is what is tested
        assert (await client.ask()).status == 200
        await client.send(b"GET / HT")
        assert await client.ended() == b""


async def test_half_a_request_behind_another_has_its_time_from_the_answer_on() -> None:
    async with serving(limits=SHORT) as running, await running.connect() as client:
        await client.send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT")
        await asyncio.sleep(SHORT.head * 2)  # a request that is being answered is not slow
        running.handlers.open.set()
        assert (await client.answer()).text == "done"
        await client.send(b"TP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.answer()).status == 200
        assert (await client.ask()).status == 200


async def test_an_idle_connection_ends() -> None:
    async with serving(limits=Limits(idle=0.2)) as running, await running.connect() as client:
        assert (await client.ask()).status == 200
        assert await client.ended() == b""


@contextlib.asynccontextmanager
async def stalled(running: Running, request_bytes: bytes) -> AsyncIterator[socket.socket]:
    """A client with a small window, which asks and does not read."""

    def ask() -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(20)
        sock.connect(("127.0.0.1", running.port))
        if running.tls is not None:
            sock = running.tls.wrap_socket(sock, server_hostname="localhost")
        sock.sendall(request_bytes)
        return sock

    sock = await asyncio.to_thread(ask)
    with contextlib.closing(sock):
        await running.handlers.entered.acquire()
        yield sock


def all_of(sock: socket.socket) -> int:
    """Bytes that still come until the end, which a reset may be."""
    count = 0
    with contextlib.suppress(OSError):
        while data := sock.recv(65536):
            count += len(data)
    return count


async def test_who_does_not_take_an_answer_is_cut(file: Path | None) -> None:
    async with (
        serving(file, limits=Limits(answer=0.5), tls=tls_of(file)) as running,
        stalled(running, b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n") as sock,
    ):
        await gone(running)
        assert await asyncio.to_thread(all_of, sock) < len(BIG)


async def test_who_takes_it_in_time_gets_all(file: Path | None) -> None:
    async with serving(file, tls=tls_of(file)) as running:
        assert (await running.get("/big")).body == BIG


async def test_closing_before_the_answer_is_taken_holds_nothing(file: Path | None) -> None:
    """`Connection: close` and a client that does not read: what is left to send has its time, too."""
    async with (
        serving(file, limits=Limits(answer=0.5), tls=tls_of(file)) as running,
        stalled(running, b"GET /big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    ):
        await gone(running)


# numbers


async def test_beyond_the_connections_whoever_waits_makes_room(file: Path | None) -> None:
    limits = Limits(connections=3)
    async with serving(file, limits=limits, tls=tls_of(file)) as running, contextlib.AsyncExitStack() as held:
        busy = await held.enter_async_context(await running.connect())
        await busy.send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await running.handlers.entered.acquire()
        idle = [await held.enter_async_context(await running.connect()) for _ in range(2)]
        for client in idle:
            assert (await client.ask()).status == 200
        for _ in range(4):
            assert (await running.get()).status == 200
        assert await idle[0].ended() == b""
        running.handlers.open.set()
        assert (await busy.answer()).text == "done"


async def test_silent_connections_keep_nobody_out() -> None:
    async with serving(limits=Limits(connections=10)) as running, contextlib.AsyncExitStack() as held:
        for _ in range(50):
            await held.enter_async_context(await running.connect())
        assert (await running.get()).status == 200
        assert running.server.connections <= 10


async def test_if_all_are_at_work_the_next_is_told(file: Path | None) -> None:
    async with serving(file, limits=Limits(connections=1), tls=tls_of(file)) as running:
        async with await running.connect() as busy:
            await busy.send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await running.handlers.entered.acquire()
            if file is None:
                answer = await running.get()
                assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            else:
                with pytest.raises((OSError, asyncio.IncompleteReadError)):
                    await running.get()
            running.handlers.open.set()
            assert (await busy.answer()).text == "done"
        await gone(running)
        assert (await running.get()).status == 200


async def test_streams_have_a_number_of_their_own() -> None:
    async with serving(limits=Limits(streams=1)) as running, await running.connect() as client:
        await client.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.head())[0] == 200
        await running.handlers.entered.acquire()
        assert running.server.streams == 1
        answer = await running.get("/events", "Accept: text/event-stream")
        assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        assert answer.text == "All live updates are in use: load the page again later.\n"
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await running.get("/events")
        assert running.server.streams == 1


async def test_a_stream_ends_with_its_client(file: Path | None) -> None:
    async with serving(file, tls=tls_of(file)) as running:
        async with await running.connect() as client:
            await client.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await running.handlers.entered.acquire()
        async with asyncio.timeout(20):
            await running.handlers.ended.wait()
        await gone(running)
        assert running.server.streams == 0
