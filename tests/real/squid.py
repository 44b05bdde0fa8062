"""Squid: one process with a port for each way to be used, and one that bumps (opens) TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .names import DENIED, NEXT_HOP
from .origin import Authority
from .programs import Launcher, Program, free_port, require, unavailable
from .proxies import PASSWORD, USER, Proxy

PACKAGE: Final = "squid-openssl"
RUNS_AS: Final = "proxy"
"""The user Debian's squid turns into when it is started as root."""

OPEN_ADDRESS: Final = "127.0.1.1"
BASIC_ADDRESS: Final = "127.0.1.2"
TLS_ADDRESS: Final = "127.0.1.3"

COMMON = """
{user}
pid_filename {room}/squid.pid
coredump_dir {room}
hosts_file {hosts}
dns_nameservers 127.0.0.1
dns_timeout 1 seconds
dns_retransmit_interval 1 seconds
connect_timeout 3 seconds
shutdown_lifetime 0 seconds
cache deny all
cache_mem 1 MB
cache_log {room}/cache.log
netdb_filename none
logformat seen %>a %lp %un %>Hs %rm %ru
access_log stdio:{room}/access.log seen
pinger_enable off
max_filedescriptors 4096
visible_hostname squid.test
"""

FORWARD = """
http_port 127.0.0.1:{open} name=open
http_port 127.0.0.1:{basic} name=basic
https_port 127.0.0.1:{tls} name=tls tls-cert={certificate}
https_port 127.0.0.1:{tls_basic} name=tls_basic tls-cert={certificate}
https_port 127.0.0.1:{untrusted} name=untrusted tls-cert={forged}
auth_param basic program {helper} {room}/passwords
auth_param basic children 2 startup=1
auth_param basic realm prober tests
acl from_basic myportname basic
acl wants_login myportname basic tls_basic untrusted
acl from_tls myportname tls
acl known proxy_auth REQUIRED
acl denied dstdomain {denied}
http_access deny denied
http_access deny wants_login !known
http_access allow all
tcp_outgoing_address {basic_address} from_basic
tcp_outgoing_address {tls_address} from_tls
tcp_outgoing_address {open_address}
"""

BUMP = """
http_port 127.0.0.1:{port} ssl-bump tls-cert={certificate} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program {generator} -s {room}/certificates -M 4MB
sslcrtd_children 2 startup=1
tls_outgoing_options cafile={roots}
ssl_bump bump all
http_access allow all
"""


@dataclass(frozen=True)
class Squid:
    """The forward proxy with all its ports."""

    program: Program
    access_log: Path
    open: Proxy
    basic: Proxy
    tls: Proxy
    tls_basic: Proxy
    untrusted: Proxy
    """An HTTPS proxy that wants a password and shows a certificate nobody vouches for."""


def start_squid(launcher: Launcher, authority: Authority, stranger: Authority) -> Squid:
    """Start the forward proxy; `stranger` signs the certificate that must not be trusted."""
    room = launcher.room("squid")
    ports = {name: free_port() for name in ("open", "basic", "tls", "tls_basic", "untrusted")}
    (room / "passwords").write_text(f"{USER}:{_hashed(PASSWORD)}\n")
    program = _start(
        launcher,
        "squid",
        room,
        FORWARD,
        {
            **{name: str(port) for name, port in ports.items()},
            "certificate": str(authority.server_file(room, "127.0.0.1", NEXT_HOP)),
            "forged": str(stranger.server_file(room, "127.0.0.1", NEXT_HOP)),
            "helper": _helper("basic_ncsa_auth"),
            "denied": DENIED,
            "open_address": OPEN_ADDRESS,
            "basic_address": BASIC_ADDRESS,
            "tls_address": TLS_ADDRESS,
        },
        list(ports.values()),
    )

    def way(scheme: str, name: str, leaves_from: str, *, login: bool = False) -> Proxy:
        return Proxy(
            scheme,
            ports[name],
            program,
            user=USER if login else None,
            password=PASSWORD if login else None,
            roots=authority.roots if scheme == "https" else None,
            leaves_from=leaves_from,
        )

    return Squid(
        program,
        room / "access.log",
        open=way("http", "open", OPEN_ADDRESS),
        basic=way("http", "basic", BASIC_ADDRESS, login=True),
        tls=way("https", "tls", TLS_ADDRESS),
        tls_basic=way("https", "tls_basic", OPEN_ADDRESS, login=True),
        untrusted=way("https", "untrusted", OPEN_ADDRESS, login=True),
    )


def start_bumping_squid(launcher: Launcher, interceptor: Authority, upstream: Authority) -> Proxy:
    """Start a squid that opens all TLS with certificates of its own."""
    room = launcher.room("bump")
    port = free_port()
    signer = room / "interceptor.pem"
    signer.write_bytes(interceptor.ca.private_key_pem.bytes() + interceptor.ca.cert_pem.bytes())
    generator = _helper("security_file_certgen")
    subprocess.run([generator, "-c", "-s", str(room / "certificates"), "-M", "4MB"], check=True, capture_output=True)
    values = {"port": str(port), "certificate": str(signer), "generator": generator, "roots": str(upstream.roots)}
    return Proxy("http", port, _start(launcher, "bump", room, BUMP, values, [port]))


def _start(
    launcher: Launcher, name: str, room: Path, text: str, values: Mapping[str, str], ports: list[int]
) -> Program:
    squid = require("squid", PACKAGE)
    root = os.geteuid() == 0
    configuration = room / "squid.conf"
    places = {"room": str(room), "hosts": str(launcher.names.hosts)}
    user = f"cache_effective_user {RUNS_AS}" if root else ""
    configuration.write_text((COMMON + text).format(**places, user=user, **values))
    if root:
        for path in [room, *room.rglob("*")]:
            shutil.chown(path, RUNS_AS)
    # A service name of its own, or two squids share (and break) their segments in /dev/shm.
    service = f"real{name}{os.getpid()}"
    return launcher.start(name, [squid, "-N", "-n", service, "-f", str(configuration)], ports)


def _helper(name: str) -> str:
    path = Path("/usr/lib/squid", name)
    if not path.exists():
        unavailable(f"squid's {name} is not installed: apt-get install {PACKAGE}")
    return str(path)


def _hashed(password: str) -> str:
    openssl = require("openssl", "openssl")
    hashed = subprocess.run(
        [openssl, "passwd", "-apr1", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    return hashed.stdout.strip()
