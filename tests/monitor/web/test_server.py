"""Listening and ending: addresses, sockets of systemd's, what is under way when it stops, and crowds."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from prober.monitor.web import door
from prober.monitor.web.access import Access
from prober.monitor.web.app import make_app
from prober.monitor.web.limits import Limits
from prober.monitor.web.listening import ListenError, bound, inherited, shown
from prober.monitor.web.server import Server

from .serving import (
    TLS,
    USERS,
    Handlers,
    login,
    nothing_wrong,
    put_certificate,
    server_certificate,
    serving,
    trusting,
)


async def test_a_free_port_is_told() -> None:
    async with serving(listen="127.0.0.1:0") as running:
        host, _, port = running.server.addresses[0].rpartition(":")
        assert host == "127.0.0.1"
        assert int(port) > 0
        assert (await running.get()).status == 200


@pytest.mark.parametrize("listen", ["[::1]:0", ":0", "[::]:0", "localhost:0"])
async def test_ipv6_and_every_address(listen: str) -> None:
    async with serving(listen=listen) as running:
        ports = {address.rpartition(":")[2] for address in running.server.addresses}
        assert len(ports) == 1, "several addresses have one port"
        for host in {"[::1]:0": ["::1"], "localhost:0": ["127.0.0.1"]}.get(listen, ["::1", "127.0.0.1"]):
            reader, writer = await asyncio.open_connection(host, running.port)
            writer.write(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            assert (await reader.read()).endswith(b"prober is healthy.\n")
            writer.close()
            await writer.wait_closed()


async def test_a_rebound_name_reads_nothing_on_a_socket_for_both_families_either() -> None:
    """There an IPv4 client's loopback address is ::ffff:127.0.0.1."""
    async with serving(listen=":0") as running, await running.connect() as client:
        assert (await client.ask(host="evil.example")).status == 421


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("192.0.2.1:9464", "cannot listen on 192.0.2.1:9464: Cannot assign requested address: this machine has no"),
        ("nowhere.invalid:1", "cannot listen on nowhere.invalid:1: "),
        ("9464", "cannot listen on 9464: expected ADDRESS:PORT: did you mean :9464?"),
    ],
)
def test_addresses_that_cannot_be_had(listen: str, said: str) -> None:
    with pytest.raises(ListenError) as caught:
        bound(listen)
    assert str(caught.value).startswith(said)


async def test_an_address_in_use_is_said_before_anything_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            async with serving(listen=f"127.0.0.1:{port}"):
                pass
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use: "
        "another program listens there: stop it, or choose another port"
    )


async def test_it_listens_again_at_once_where_it_has_listened() -> None:
    async with serving() as running:
        port = running.port
        async with await running.connect() as client:
            await client.send(b"GET / HTTP/1.0\r\n\r\n")
            assert await client.ended()  # the server closes first: TIME_WAIT is on its side
    async with serving(listen=f"127.0.0.1:{port}") as running:
        assert (await running.get()).status == 200


# systemd


def test_sockets_of_systemd_are_taken_over() -> None:
    program = """\
import os, sys
from prober.monitor.web.listening import inherited, shown
os.environ["LISTEN_PID"] = str(os.getpid())
found = inherited(os.environ, first=int(sys.argv[1]))
print(shown(found), [each.get_inheritable() for each in found], sorted(key for key in os.environ if "LISTEN" in key))
print(inherited(os.environ))
"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", program, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert done.stdout.splitlines() == [f"['127.0.0.1:{port}'] [False] []", "[]"]


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}],
)
def test_sockets_for_somebody_else_are_left_alone(environ: dict[str, str]) -> None:
    before = dict(environ)
    assert inherited(environ) == []
    assert environ == before


def test_a_descriptor_that_is_no_listening_socket_is_refused() -> None:
    read, write = os.pipe()
    try:
        with pytest.raises(ListenError, match=f"LISTEN_FDS: descriptor {read}: "):
            inherited({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}, first=read)
    finally:
        os.close(read)
        os.close(write)
    with socket.socket() as plain, pytest.raises(ListenError, match="is not a listening stream socket"):
        inherited({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}, first=plain.fileno())


async def test_it_serves_on_sockets_that_are_handed_to_it(tmp_path: Path) -> None:
    path = str(tmp_path / "web.sock")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(path)
    unix.listen()
    unix.setblocking(False)
    sockets = [*bound("127.0.0.1:0"), unix]
    access = Access(None)
    app = make_app(Handlers().routes(), access=access, ready=lambda: True, reload=nothing_wrong)
    async with Server(app, sockets, access=access) as server:
        assert server.addresses == shown(sockets)
        assert server.addresses[1] == path
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"hello")
        writer.close()
        await writer.wait_closed()


# the end


@pytest.fixture(params=["http", "https"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    if request.param == "http":
        return None
    put_certificate(tmp_path, server_certificate())
    (tmp_path / "web.yml").write_text(TLS)
    return tmp_path / "web.yml"


async def test_answers_under_way_are_finished_and_streams_ended_in_order(file: Path | None) -> None:
    async with contextlib.AsyncExitStack() as clients:  # noqa: SIM117 - the clients outlive the server
        async with serving(file, tls=None if file is None else trusting(), grace=20) as running:
            busy, stream, idle, half = [await clients.enter_async_context(await running.connect()) for _ in range(4)]
            await busy.send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await stream.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await running.handlers.entered.acquire()
            await running.handlers.entered.acquire()
            assert (await idle.ask()).status == 200
            await half.send(b"GET / HT")
            stopping = asyncio.get_running_loop().create_task(running.server.stop(), name="stop")
            assert await idle.ended() == b""
            assert await half.ended() == b""
            assert (await stream.ended()).endswith(b"\r\ndata: first\r\n\r\n\r\n0\r\n\r\n"), "a whole answer"
            assert running.handlers.ended.is_set()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", running.port)
            assert not stopping.done()
            running.handlers.open.set()
            answer = await busy.answer()
            assert answer.text == "done"
            assert await busy.ended() == b""
            await stopping


async def test_what_is_not_finished_within_the_grace_is_cut(file: Path | None) -> None:
    async with contextlib.AsyncExitStack() as clients:
        async with serving(file, tls=None if file is None else trusting(), grace=0.2) as running:
            busy = await clients.enter_async_context(await running.connect())
            await busy.send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await running.handlers.entered.acquire()
        assert await busy.ended() == b""


async def test_a_handler_whose_client_has_gone_is_ended_too() -> None:
    async with serving(grace=0.2) as running:
        client = await running.connect()
        await client.send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await running.handlers.entered.acquire()
        client.writer.close()
        await client.writer.wait_closed()
    # that no task is left behind is seen by the fixture of all tests


async def test_streams_end_when_users_change(tmp_path: Path) -> None:
    web_yml = tmp_path / "web.yml"
    await asyncio.to_thread(web_yml.write_text, USERS)
    async with serving(web_yml, look_every=3600) as running, await running.connect() as client:
        await client.send(f"GET /events HTTP/1.1\r\nHost: localhost\r\n{login()}\r\n\r\n".encode())
        await running.handlers.entered.acquire()
        await asyncio.to_thread(web_yml.write_text, USERS.replace("alice", "bob"))
        assert await running.access.reload() == []
        assert (await client.reader.readuntil(b"\r\n0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        assert (await client.ask("/", login())).status == 401


# crowds


async def test_a_thousand_connections_at_once(file: Path | None) -> None:
    """All open at the same time, all answered, none left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    many = 1000 if file is None else 200  # a handshake costs both sides in this one process
    tls = None if file is None else trusting()
    patient = Limits(head=100.0)  # on a busy machine it takes some time to open them all
    async with serving(file, tls=tls, limits=patient) as running, contextlib.AsyncExitStack() as held:
        clients = [await held.enter_async_context(await running.connect()) for _ in range(many)]
        for client in clients:
            await client.send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in clients:
            await running.handlers.entered.acquire()
        assert running.server.connections == many
        running.handlers.open.set()
        answers = await asyncio.gather(*(client.answer() for client in clients))
        assert {answer.status for answer in answers} == {200}
        assert (await running.get()).status == 200


def test_connections_are_what_the_descriptors_allow() -> None:
    """In a process of its own: the hard limit cannot be raised again."""
    program = """\
import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 164))
from prober.monitor.web.access import Access
from prober.monitor.web.app import make_app
from prober.monitor.web.server import Server
async def main():
    access = Access(None)
    async def reload(): return ()
    server = Server(make_app([], access=access, ready=lambda: True, reload=reload), "127.0.0.1:0", access=access)
    print(server.limits.connections, resource.getrlimit(resource.RLIMIT_NOFILE))
    async with server:
        pass
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "100 (164, 164)\n"
    assert done.stderr == "the descriptor limit (164) allows 100 connections\n"


async def test_without_descriptors_it_waits_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Poor(socket.socket):
        """Out of descriptors five times."""

        tries = 5

        def accept(self) -> tuple[socket.socket, object]:
            if Poor.tries:
                Poor.tries -= 1
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return super().accept()

    monkeypatch.setattr(door, "_BREATH", 0.01)
    (listening,) = bound("127.0.0.1:0")
    poor = Poor(fileno=listening.detach())
    poor.setblocking(False)
    access = Access(None)
    app = make_app(Handlers().routes(), access=access, ready=lambda: True, reload=nothing_wrong)
    async with Server(app, [poor], access=access, limits=Limits()) as server:
        port = int(server.addresses[0].rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"hello")
        writer.close()
        await writer.wait_closed()
    assert [record.getMessage() for record in caplog.records] == ["cannot accept a connection: Too many open files"]
