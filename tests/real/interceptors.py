"""mitmproxy: a proxy that opens TLS. (The other interceptor is squid's `ssl_bump`, in squid.py.)"""

from __future__ import annotations

from .origin import Authority
from .programs import Launcher, free_port, require
from .proxies import Proxy


def start_mitmproxy(launcher: Launcher, upstream: Authority) -> Proxy:
    """Start mitmdump as a forward proxy; it makes its own authority in its folder."""
    mitmdump = require("mitmdump", "mitmproxy")
    room = launcher.room("mitmproxy")
    port = free_port()
    argv = [mitmdump, "--mode", "regular", "--listen-host", "127.0.0.1", "--listen-port", str(port)]
    argv += ["--set", f"confdir={room}", "--set", f"ssl_verify_upstream_trusted_ca={upstream.roots}"]
    return Proxy("http", port, launcher.start("mitmproxy", argv, [port], {"HOME": str(room)}))
