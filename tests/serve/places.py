"""Mounts of a program's own: other name servers, a disk that fills. They need root, or user namespaces for all."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final, cast

import pytest

from .stage import Stage

ANSWER: Final = "127.0.0.1"


def _unshare(script: str, *arguments: str) -> list[str]:
    """Run a command in a mount namespace that a script prepared. Skips the test where that is not allowed."""
    why = _why_not()
    if why is not None:
        pytest.skip(why)
    return [*_ENTER, "sh", "-c", f'set -e\n{script}\nexec "$@"', "sh", *arguments]


_ENTER: Final = (
    ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() == 0
    else ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"]
)


@functools.cache
def _why_not() -> str | None:
    if shutil.which("unshare") is None:
        return "unshare is not installed: apt-get install util-linux"
    command = [*_ENTER, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    trial = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return None if trial.returncode == 0 else f"no private mount namespace: {trial.stderr.strip()}"


def own_names(folder: Path, names: Names) -> list[str]:
    """What to put before a command so that it asks this name server alone."""
    resolv, services = folder / "resolv.conf", folder / "nsswitch.conf"
    resolv.write_text(f"nameserver {names.address}\noptions timeout:1 attempts:1\n")
    services.write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    script = 'mount --bind "$1" /etc/resolv.conf; mount --bind "$2" /etc/nsswitch.conf; shift 2'
    return _unshare(script, str(resolv), str(services))


def small_disk(place: Path, size: str) -> list[str]:
    """What to put before a command so that it finds an empty disk of this size (`256k`) at a folder.

    Others reach it as `/proc/PID/root` + place.
    """
    place.mkdir()
    return _unshare('mount -t tmpfs -o "size=$2" tmpfs "$1"; shift 2', str(place), size)


def read_only(folder: Path, writable: Path) -> list[str]:
    """What to put before a command so that it finds a folder in which nothing can be written but in one below it."""
    script = (
        'mount --bind "$2" "$2"; mount --rbind "$1" "$1"; mount -o remount,bind,ro "$1"; cd "$1"; shift 2'
        "  # the old working directory is still on the mount below"
    )
    return _unshare(script, str(folder), str(writable))


class Names:
    """A name server that gives every name one address, until it is told otherwise."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._code: int | None = 0
        self._transport: asyncio.DatagramTransport | None = None
        stage.call(self._start)

    def close(self) -> None:
        """End it."""
        self._stage.call(self._stop)

    async def _stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
        await asyncio.sleep(0)  # its socket is closed in the next turn

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Server(self), (ANSWER, 0))
        self._transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    @property
    def address(self) -> str:
        """As resolv.conf takes it."""
        return f"{ANSWER}:{self.port}"

    def answer(self) -> None:
        """From now on."""
        self._code = 0

    def fall_silent(self) -> None:
        """From now on."""
        self._code = None

    def refuse(self) -> None:
        """From now on: REFUSED."""
        self._code = 5

    def reply(self, query: bytes) -> bytes | None:
        """To one question (RFC 1035): the address with a short life, nothing for other types than A."""
        if self._code is None:
            return None
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack(">H", query[end - 4 : end - 2])[0]
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + bytes(map(int, ANSWER.split(".")))
        records = [record] if self._code == 0 and kind == 1 else []
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | self._code, 1, len(records), 0, 0)
        return head + query[12:end] + b"".join(records)


class _Server(asyncio.DatagramProtocol):
    def __init__(self, names: Names) -> None:
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._names.reply(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)
