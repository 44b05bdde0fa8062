"""tinyproxy, and HAProxy that puts TLS in front of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from .names import DENIED, NEXT_HOP, POISONED, NamesOfTheirOwn
from .origin import Authority
from .programs import Launcher, free_port, require, unavailable
from .proxies import PLAIN_PASSWORD, USER, Proxy

OPEN_ADDRESS: Final = "127.0.1.4"
BASIC_ADDRESS: Final = "127.0.1.5"

TINYPROXY = """
{user}
Port {port}
Listen 127.0.0.1
Bind {source}
Timeout 20
MaxClients 200
LogLevel Connect
Allow 127.0.0.1
Allow 127.0.1.0/24
ViaProxyName "tinyproxy.test"
Filter "{room}/filter"
{login}
"""

HAPROXY = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend proxy
  bind 127.0.0.1:{port} ssl crt {certificate}
  default_backend behind
backend behind
  server behind 127.0.0.1:{behind}
"""


@dataclass(frozen=True)
class Tinyproxy:
    """Two tinyproxies: its Basic authentication is for the whole process."""

    open: Proxy
    basic: Proxy


def start_tinyproxy(launcher: Launcher) -> Tinyproxy:
    """Start tinyproxy twice: open, and with a password."""
    return Tinyproxy(
        open=_start_tinyproxy(launcher, "tinyproxy", OPEN_ADDRESS, None),
        basic=_start_tinyproxy(launcher, "tinyproxy-basic", BASIC_ADDRESS, USER),
    )


def start_misled_tinyproxy(launcher: Launcher) -> Proxy:
    """Start a tinyproxy whose DNS is somebody else's: the sites' names lead to `HIJACKED`."""
    names = NamesOfTheirOwn(launcher.room("misled-names"), POISONED)
    if names.why_not:
        unavailable(names.why_not)
    return _start_tinyproxy(launcher, "misled", OPEN_ADDRESS, None, names)


def _start_tinyproxy(
    launcher: Launcher, name: str, source: str, user: str | None, names: NamesOfTheirOwn | None = None
) -> Proxy:
    tinyproxy = require("tinyproxy", "tinyproxy")
    room = launcher.room(name)
    (room / "filter").write_text(DENIED.replace(".", r"\.") + "\n")
    port = free_port()
    configuration = room / "tinyproxy.conf"
    configuration.write_text(
        TINYPROXY.format(
            user="User nobody\nGroup nogroup" if os.geteuid() == 0 else "",
            port=port,
            source=source,
            room=room,
            login=f"BasicAuth {user} {PLAIN_PASSWORD}" if user else "",
        )
    )
    program = launcher.start(name, [tinyproxy, "-d", "-c", str(configuration)], [port], names=names)
    return Proxy("http", port, program, user=user, password=PLAIN_PASSWORD if user else None, leaves_from=source)


def start_haproxy(launcher: Launcher, authority: Authority, behind: Proxy) -> Proxy:
    """Start HAProxy with TLS in front of a plain HTTP proxy."""
    haproxy = require("haproxy", "haproxy")
    room = launcher.room("haproxy")
    port = free_port()
    configuration = room / "haproxy.cfg"
    certificate = authority.server_file(room, "127.0.0.1", NEXT_HOP)
    configuration.write_text(HAPROXY.format(port=port, certificate=certificate, behind=behind.port))
    program = launcher.start("haproxy", [haproxy, "-db", "-f", str(configuration)], [port])
    return Proxy("https", port, program, roots=authority.roots, leaves_from=behind.leaves_from)
