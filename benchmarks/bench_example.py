"""The real report of docs/bench.md: tinyproxy, squid, and squid opening TLS, compared on this machine.

    python benchmarks/bench_example.py [--into docs] [--rate 25] [--duration 13] [--blocks 10]

Wants Debian's tinyproxy and squid-openssl. Leave the machine alone meanwhile: what else runs on it is in the report.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
TINYPROXY: Final = """\
{user}
Port {port}
Listen 127.0.0.1
Timeout 20
MaxClients 500
LogLevel Error
Allow 127.0.0.0/8
"""
SQUID: Final = """\
{user}
pid_filename {room}/squid.pid
coredump_dir {room}
cache deny all
cache_mem 1 MB
cache_log {room}/cache.log
netdb_filename none
access_log none
pinger_enable off
shutdown_lifetime 0 seconds
max_filedescriptors 8192
visible_hostname squid.test
http_access allow all
http_port 127.0.0.1:{port} {inspecting}
"""
OPENING: Final = """\
sslcrtd_program {generator} -s {room}/certificates -M 4MB
sslcrtd_children 2 startup=1
sslproxy_cert_error allow all
acl step1 at_step SslBump1
acl step2 at_step SslBump2
ssl_bump peek step1
ssl_bump stare step2
ssl_bump bump all
"""
FORGING: Final = "ssl-bump tls-cert={room}/authority.pem generate-host-certificates=on dynamic_cert_mem_cache_size=4MB"
GENERATOR: Final = "/usr/lib/squid/security_file_certgen"


def main() -> None:
    """Start them, compare them, write document, page and table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--into", type=Path, default=ROOT / "docs")
    options.add_argument("--rate", default="25")
    options.add_argument("--duration", default="13")
    options.add_argument("--blocks", default="10")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-example-") as place, contextlib.ExitStack() as stack:
        room = Path(place)
        room.chmod(0o755)
        routes = {
            "tinyproxy": stack.enter_context(tinyproxy(room)),
            "squid": stack.enter_context(squid(room, opening=False)),
            "squid-bump": stack.enter_context(squid(room, opening=True)),
        }
        document = given.into / "bench-example.json.zst"
        vias = [part for name, port in routes.items() for part in ("--via", f"{name}=http://127.0.0.1:{port}")]
        load = ["--rate", given.rate, "--duration", given.duration, "--blocks", given.blocks, "--compare"]
        done = prober(*vias, "--target", "lab", *load, "--workers", "1", "--seed", "20261122", "--save", str(document))
        if done not in (0, 1):
            sys.exit(done)
        prober("--from", str(document), "--format", "html", "--output", str(given.into / "bench-example.html"))


def prober(*arguments: str) -> int:
    """`prober bench` of this tree."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "prober", "bench", *arguments], env=environment, check=False
    ).returncode


@contextlib.contextmanager
def tinyproxy(room: Path) -> Iterator[int]:
    """A tinyproxy; its port."""
    port = free_port()
    configuration = room / "tinyproxy.conf"
    configuration.write_text(TINYPROXY.format(port=port, user="User nobody" if os.geteuid() == 0 else ""))
    with running(["tinyproxy", "-d", "-c", str(configuration)], port):
        yield port


@contextlib.contextmanager
def squid(parent: Path, *, opening: bool) -> Iterator[int]:
    """A squid; its port. `opening`: it looks at the target's certificate, forges one and opens TLS."""
    port = free_port()
    room = parent / ("opening" if opening else "plain")
    room.mkdir()
    text = SQUID + (OPENING if opening else "")
    user = "cache_effective_user proxy" if os.geteuid() == 0 else ""
    inspecting = FORGING.format(room=room) if opening else ""
    (room / "squid.conf").write_text(
        text.format(room=room, port=port, user=user, inspecting=inspecting, generator=GENERATOR)
    )
    if opening:
        authority(room)
        subprocess.run(
            [GENERATOR, "-c", "-s", str(room / "certificates"), "-M", "4MB"], check=True, capture_output=True
        )
    if os.geteuid() == 0:
        for each in [room, *room.rglob("*")]:
            shutil.chown(each, "proxy")
    with running(["squid", "-N", "-n", f"example{room.name}{os.getpid()}", "-f", str(room / "squid.conf")], port):
        yield port


def authority(room: Path) -> None:
    """The inspecting authority: certificate and key in one file."""
    key, certificate = room / "key.pem", room / "certificate.pem"
    subject = ["-subj", "/O=Contoso/CN=Contoso Inspection CA", "-days", "30"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *curve, *files, *subject], check=True, capture_output=True)
    (room / "authority.pem").write_bytes(key.read_bytes() + certificate.read_bytes())


@contextlib.contextmanager
def running(argv: list[str], port: int) -> Iterator[None]:
    """A program until the context is left; entered once it listens."""
    program = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not accepts(port):
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(0.1)
                sys.exit(f"{argv[0]} ended with {program.returncode}")
        yield
    finally:
        program.terminate()
        program.wait()


def accepts(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
