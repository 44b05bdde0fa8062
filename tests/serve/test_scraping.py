"""Many who ask, and some who do not read: nobody is held up, least of all the probes."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from .conftest import World
from .serving import Serving

HOSTS = tuple(f"h{number}.contoso.test" for number in range(40))
SCRAPES = 1000


def late(serving: Serving) -> tuple[float, float]:
    """Probes begun so far, and those of them that began within a quarter of a second of their moment."""
    samples = serving.scrape(timeout=30)
    within = samples.value("prober_schedule_lateness_seconds_bucket", le="0.25")
    count = samples.value("prober_schedule_lateness_seconds_count")
    assert within is not None
    assert count is not None
    return count, within


async def scrape_all(port: int) -> list[bytes]:
    """A thousand scrapes at once; their answers."""

    async def one() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    async with asyncio.timeout(90):
        return await asyncio.gather(*(one() for _ in range(SCRAPES)))


def memory(serving: Serving) -> int:
    """Bytes of the front."""
    resident: int = psutil.Process(serving.pid).memory_info().rss
    return resident


def test_a_thousand_scrapes_at_once(world: World) -> None:
    world.configure(HOSTS, serve={"interval": 2})
    serving = world.start().ready()
    serving.seen()
    assert len(asyncio.run(scrape_all(serving.port))) == SCRAPES  # once, so that what it keeps is there
    count, within = late(serving)
    before = memory(serving)
    for _ in range(2):
        answers = asyncio.run(scrape_all(serving.port))
        assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
        for answer in answers:
            head, _, body = answer.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert length is not None
            assert int(length[1]) == len(body), "whole"
    assert memory(serving) - before < 60 << 20
    count_after, within_after = late(serving)
    assert count_after > count
    assert within_after - within >= 0.8 * (count_after - count), "workers begin on their moments all the same"
    assert serving.scrape().sum("prober_failures_total") == 0


@contextmanager
def slow_clients(port: int, count: int, request: bytes, *, buffer: int = 2048) -> Iterator[list[socket.socket]]:
    """Clients with small buffers that ask and then hardly read."""
    with ExitStack() as opened:
        clients = []
        for _ in range(count):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            client.settimeout(10)
            client.connect(("127.0.0.1", port))
            client.sendall(request)
            clients.append(client)
        yield clients


def test_slow_clients_hold_up_nobody(world: World) -> None:
    """A hundred that take a byte now and then, and a hundred that say half a request."""
    world.configure(HOSTS, serve={"interval": 2, "grace": 0.5})
    serving = world.start().ready()
    serving.seen()
    asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with (
        slow_clients(serving.port, 100, asked) as reading,
        slow_clients(serving.port, 100, asked[:-4]),
        slow_clients(serving.port, 50, asked.replace(b"/metrics", b"/api/v1/events")),
    ):
        before = memory(serving)
        took = []
        for turn in range(5):
            for client in reading[turn::10]:
                assert client.recv(1)
            began = time.monotonic()
            samples = serving.scrape()
            took.append(time.monotonic() - began)
            assert samples.value("prober_scheduled_pairs") == len(HOSTS)
        assert sorted(took)[2] < 1.0
        assert memory(serving) - before < 60 << 20
        assert serving.ask("/").status == 200
        total = serving.scrape().sum("prober_probes_total")
        serving.until(lambda: serving.scrape().sum("prober_probes_total") > total, "probing goes on")
        began = time.monotonic()
        serving.process.terminate()
        assert serving.ended() == 0
        assert time.monotonic() - began < 0.5 + 3, "who does not read is not waited for"
