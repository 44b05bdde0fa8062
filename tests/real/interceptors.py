"""mitmproxy and sslsplit: programs that open TLS. (The third is squid with `ssl_bump`, in squid.py.)"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .families import Signer
from .forward import start_misled_tinyproxy
from .names import HIJACKED
from .programs import Launcher, Program, free_port, require
from .proxies import Proxy


def start_mitmproxy(launcher: Launcher, upstream: Path, exempt: str) -> Proxy:
    """Start mitmdump as a forward proxy that trusts `upstream` (PEM) and leaves one host alone.

    It makes its own authority in its folder.
    """
    mitmdump = require("mitmdump", "mitmproxy")
    room = launcher.room("mitmproxy")
    port = free_port()
    argv = [mitmdump, "--mode", "regular", "--listen-host", "127.0.0.1", "--listen-port", str(port)]
    argv += ["--set", f"confdir={room}", "--set", f"ssl_verify_upstream_trusted_ca={upstream}"]
    argv += ["--ignore-hosts", re.escape(exempt)]
    return Proxy("http", port, launcher.start("mitmproxy", argv, [port], {"HOME": str(room)}))


@dataclass(frozen=True)
class Sslsplit:
    """sslsplit is no proxy: it waits at `HIJACKED`, at the port of everything it is in front of, for names that lead
    astray."""

    program: Program
    misled: Proxy
    """A plain proxy that is told the wrong addresses: what goes through it ends at sslsplit."""
    started: float
    """Seconds since the epoch: no certificate of its is older than that and the day it makes of it."""


def start_sslsplit(launcher: Launcher, signer: Signer, ports: Sequence[int]) -> Sslsplit:
    """Start sslsplit in front of what listens at these ports of loopback.

    It signs as `signer`, believes every server, as it does by itself, and lets pass what it cannot open (`-P`).
    """
    sslsplit = require("sslsplit", "sslsplit")
    misled = start_misled_tinyproxy(launcher)
    room = launcher.room("sslsplit")
    key, certificate = room / "key.pem", room / "certificate.pem"
    key.write_bytes(signer.key_pem)
    certificate.write_bytes(signer.pem)
    argv = [sslsplit, "-P", "-k", str(key), "-c", str(certificate)]
    if os.geteuid() == 0:
        argv += ["-u", "nobody"]
    for port in ports:
        argv += ["ssl", HIJACKED, str(port), "127.0.0.1", str(port)]
    started = time.time()
    return Sslsplit(launcher.start("sslsplit", argv, ports, address=HIJACKED), misled, started)
