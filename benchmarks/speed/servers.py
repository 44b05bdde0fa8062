"""What the clients meet, on other cores than theirs: the lab's bare origins, real proxies, a silent peer.

The proxies are tinyproxy (CONNECT), microsocks (SOCKS5), and haproxy with TLS in front of tinyproxy (an HTTPS proxy):
written in C, they wait for the client and not the client for them. The lab's own forward to nobody but the lab.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bench_ceiling import free_port, running, tinyproxy
from benchmarks.speed.machine import Cores, on
from prober.lab.authorities import Authority, pem

_HAPROXY = """
global
  maxconn 4000
  nbthread 1
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen front
  bind 127.0.0.1:{port} ssl crt {certificate}
  server tinyproxy 127.0.0.1:{behind}
"""
_SILENT = "import sys; sys.path[:] = {path!r}; from benchmarks.speed.silent import main; main()"


@dataclass(frozen=True, slots=True)
class Origin:
    """One that runs."""

    port: int
    root: str
    """File with the root of its certificate (PEM)."""
    version: str
    """What is negotiated with it."""


@dataclass(slots=True)
class Proxies:
    """Those that run: scheme to loopback port."""

    ports: dict[str, int] = field(default_factory=dict)
    roots: str | None = None
    """File with the root of the HTTPS proxy's certificate (PEM)."""
    missing: list[str] = field(default_factory=list)
    """Programs that are not installed."""

    def hops(self, schemes: tuple[str, ...]) -> tuple[tuple[str, int], ...] | None:
        """A route over proxies of these schemes; None if one of them is missing."""
        if not all(scheme in self.ports for scheme in schemes):
            return None
        return tuple((scheme, self.ports[scheme]) for scheme in schemes)


@contextmanager
def origin(folder: Path, cores: Cores, *, key: str = "ecdsa", tls: str = "1.3") -> Iterator[Origin]:
    """`prober lab origin` with a key of that kind, speaking that version of TLS alone."""
    ready, root = folder / f"origin-{key}-{tls}", folder / f"root-{key}-{tls}.pem"
    options = ["--key", key, "--tls", tls, "--ready-file", str(ready), "--write-root", str(root)]
    workers = ["--workers", str(len(cores.others))]
    with on(cores.others), running([sys.executable, "-m", "prober", "lab", "origin", *options, *workers], ready=ready):
        port = json.loads(ready.read_text())["ports"]["bare-origin"]
        yield Origin(port, str(root), f"TLSv{tls}")


@contextmanager
def proxies(folder: Path, cores: Cores) -> Iterator[Proxies]:
    """All proxies whose programs are there."""
    found = Proxies()
    with ExitStack() as stack:
        stack.enter_context(on(cores.others))
        plain = stack.enter_context(tinyproxy(folder))
        if plain is None:
            found.missing.append("tinyproxy")
        else:
            found.ports["http"] = plain.hops[0].port
        if shutil.which("microsocks") is None:
            found.missing.append("microsocks")
        else:
            port = free_port()
            stack.enter_context(running(["microsocks", "-i", "127.0.0.1", "-p", str(port)], port=port))
            found.ports["socks5"] = port
        if shutil.which("haproxy") is None:
            found.missing.append("haproxy")
        elif plain is not None:
            stack.enter_context(_secure(folder, found))
        yield found


@contextmanager
def _secure(folder: Path, found: Proxies) -> Iterator[None]:
    """haproxy, which takes the TLS off and hands the rest to tinyproxy."""
    authority = Authority("Prober Benchmark Proxy CA", key="ecdsa")
    leaf = authority.leaf(["127.0.0.1", "localhost"])
    certificate, root, settings = folder / "proxy.pem", folder / "proxy-root.pem", folder / "haproxy.cfg"
    certificate.write_bytes(leaf.pem() + leaf.key_pem())
    root.write_bytes(pem(authority.certificate))
    port = free_port()
    settings.write_text(_HAPROXY.format(port=port, certificate=certificate, behind=found.ports["http"]))
    with running(["haproxy", "-db", "-f", str(settings)], port=port):
        found.ports["https"] = port
        found.roots = str(root)
        yield


@contextmanager
def silent(cores: Cores) -> Iterator[int]:
    """A peer that accepts and stays silent; gives its port."""
    with on(cores.others):
        process = subprocess.Popen(
            [sys.executable, "-c", _SILENT.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        line = "" if process.stdout is None else process.stdout.readline()
        if not line:
            raise SystemExit("the silent peer did not start")
        yield int(line)
    finally:
        process.communicate()
