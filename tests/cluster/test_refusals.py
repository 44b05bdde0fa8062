"""Who is not let in: plain TCP, another authority's certificate, and somebody who says again what a client said."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.cluster.authority import Role, make_certificates
from prober.cluster.errors import ClusterError, UnreachableError
from prober.cluster.reach import reach
from prober.cluster.security import parse_place

from .stage import PATIENCE, Origin, Stage, pairs_of, staged

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("cluster")]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Stage, Origin]]:
    with staged(tmp_path, held=False) as both:
        yield both


def ended(process: subprocess.Popen[bytes]) -> int:
    return process.wait(PATIENCE)


def test_plain_tcp(place: tuple[Stage, Origin]) -> None:
    stage, origin = place
    where = stage.url.replace("tls://", "tcp://")
    check = stage.start("check", "--scheduler", where, *origin.targets(1), log="plain.log")
    assert ended(check) == 2
    assert "error: " in stage.log("plain.log")
    assert "Traceback" not in stage.log("plain.log")
    assert origin.accepted == []


def test_a_scheduler_whose_place_is_taken(place: tuple[Stage, Origin]) -> None:
    stage, _ = place
    for where in (stage.url, "tls://192.0.2.7:8786"):
        process = stage.start("scheduler", "--listen", where, "--tls", str(stage.certs), log="second.log")
        assert ended(process) == 2
        assert f"error: --listen {where}: " in stage.log("second.log")
    assert "Traceback" not in stage.log("second.log")


def test_no_site_is_named(place: tuple[Stage, Origin]) -> None:
    stage, origin = place
    assert ended(stage.check(origin.targets(1), "--egress", " , ", name="none")) == 2
    assert "--egress names no egress point" in stage.log("none.log")


def test_an_agent_whose_terminal_is_closed(place: tuple[Stage, Origin]) -> None:
    stage, _ = place
    agent = stage.agent("paris")
    agent.send_signal(signal.SIGHUP)
    assert ended(agent) == 0


@pytest.mark.parametrize("command", ["check", "agent"])
def test_another_authority(place: tuple[Stage, Origin], command: str) -> None:
    """Neither side takes the other's: the client does not send a byte of its run."""
    stage, origin = place
    foreign = stage.folder / "foreign"
    make_certificates(foreign)
    more = origin.targets(1) if command == "check" else ["--egress", "paris"]
    process = stage.start(command, "--scheduler", stage.url, "--tls", str(foreign), *more, log="foreign.log")
    assert ended(process) == 2
    assert "certificate of another authority" in stage.log("foreign.log")
    assert "Traceback" not in stage.log("foreign.log")


def test_a_certificate_that_the_scheduler_does_not_know(place: tuple[Stage, Origin], tmp_path: Path) -> None:
    """It is the scheduler that refuses here: the client believes it, and shows somebody else's certificate."""
    stage, _ = place
    mixed = tmp_path / "mixed"
    make_certificates(tmp_path / "foreign")
    mixed.mkdir()
    (mixed / "ca.pem").write_bytes((stage.certs / "ca.pem").read_bytes())
    (mixed / "client.pem").write_bytes((tmp_path / "foreign" / "client.pem").read_bytes())
    with pytest.raises(ClusterError, match="refuses us") as refused:
        asyncio.run(reach(parse_place(stage.url, "--scheduler"), mixed, Role.CLIENT))
    assert not isinstance(refused.value, UnreachableError)
    asyncio.run(reach(parse_place(stage.url, "--scheduler"), stage.certs, Role.CLIENT))


class Recorder:
    """Passes one connection after another on, and keeps what clients said."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.said: list[bytearray] = []
        threading.Thread(target=self._accept, name="recorder", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            said = bytearray()
            self.said.append(said)
            for source, sink, kept in ((near, far, said), (far, near, None)):
                threading.Thread(target=self._pass, args=(source, sink, kept), name="recorded", daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
        try:
            while data := source.recv(65536):
                if kept is not None:
                    kept += data
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, sink):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def close(self) -> None:
        self._socket.close()


def test_a_client_that_is_replayed(place: tuple[Stage, Origin]) -> None:
    """Its very octets again: the handshake does not come to an end, and nobody probes."""
    stage, origin = place
    stage.agent("paris")
    port = int(stage.url.rpartition(":")[2])
    recorder = Recorder(port)
    try:
        where = ["--scheduler", f"tls://127.0.0.1:{recorder.port}", "--tls", str(stage.certs)]
        saved = ["--save", str(stage.folder / "check.json"), "--fail-on", "none"]
        assert ended(stage.start("check", *where, *saved, *origin.targets(4), log="check.log")) == 0
    finally:
        recorder.close()
    assert len(pairs_of(stage.saved())) == 4
    probed = len(origin.accepted)
    longest = max(recorder.said, key=len)
    assert len(longest) > 1000
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as replayed:
        replayed.sendall(longest)
        replayed.settimeout(PATIENCE)
        answer = bytearray()
        try:
            while data := replayed.recv(65536):
                answer += data
        except ConnectionError:
            pass
    # its own ServerHello and Finished, which fit no recorded key; then it hangs up
    assert not answer or answer[0] in (0x16, 0x15)
    check = stage.check(origin.targets(2), name="after")
    assert ended(check) == 0
    assert len(origin.accepted) - probed <= 2 * 2 + 2  # two hosts, a retry each at most


async def test_a_scheduler_whose_certificate_has_ended(tmp_path: Path) -> None:
    """Nobody is to look for mixed-up folders then."""
    make_certificates(tmp_path, days=0)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "scheduler.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        place = parse_place(f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}", "--scheduler")
        with pytest.raises(ClusterError, match="shows a certificate that has ended: make new ones"):
            await reach(place, tmp_path, Role.CLIENT)
