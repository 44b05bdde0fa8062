"""Squid: one process with a port for each way to be used, and one that opens TLS, with a port for each way to do it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .apart import ORIGIN, Apart
from .families import Signer
from .names import DENIED, NEXT_HOP, TARGET, NamesOfTheirOwn
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

INSPECTING = """
http_port 127.0.0.1:{outright} name=outright ssl-bump tls-cert={certificate} {forging}
http_port 127.0.0.1:{peeking} name=peeking ssl-bump tls-cert={certificate} {forging}
http_port 127.0.0.1:{lenient} name=lenient ssl-bump tls-cert={certificate} {forging}
http_port 127.0.0.1:{client_first} name=client_first ssl-bump tls-cert={certificate} {forging}
sslcrtd_program {generator} -s {room}/certificates -M 4MB
sslcrtd_children 2 startup=1
tls_outgoing_options cafile={roots}
acl at_peeking myportname peeking
acl at_lenient myportname lenient
acl looks_first myportname peeking lenient
acl at_client_first myportname client_first
acl hello_from_client at_step SslBump1
acl exempt ssl::server_name {exempt}
sslproxy_cert_error allow at_lenient
on_unsupported_protocol tunnel at_peeking
ssl_bump peek looks_first hello_from_client
ssl_bump splice at_peeking exempt
ssl_bump client-first at_client_first
ssl_bump bump all
http_access allow all
"""
TRANSPARENT = """
http_port 0.0.0.0:{forward} name=forward
http_port 0.0.0.0:80 tproxy name=plain
https_port 0.0.0.0:443 tproxy name=secure ssl-bump tls-cert={certificate} {forging}
sslcrtd_program {generator} -s {room}/certificates -M 4MB
sslcrtd_children 2 startup=1
tls_outgoing_options cafile={roots}
acl hello_from_client at_step SslBump1
acl opened ssl::server_name {opened}
ssl_bump peek hello_from_client
ssl_bump bump opened
ssl_bump splice all
http_access allow all
"""
FORGING: Final = "generate-host-certificates=on dynamic_cert_mem_cache_size=4MB"


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
    program = start_configured(
        launcher,
        "squid",
        room,
        FORWARD,
        {
            **{name: str(port) for name, port in ports.items()},
            "certificate": str(authority.server_file(room, "127.0.0.1", NEXT_HOP)),
            "forged": str(stranger.server_file(room, "127.0.0.1", NEXT_HOP)),
            "helper": squid_helper("basic_ncsa_auth"),
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


@dataclass(frozen=True)
class Inspecting:
    """A squid that opens TLS (`ssl_bump`), with a port for each way to decide it."""

    program: Program
    outright: Proxy
    """Opens everything, without a look at it first. What is not TLS ends here."""
    peeking: Proxy
    """Reads the name in the ClientHello: the exempt are spliced, everybody else is opened. What is not TLS goes through
    unseen, a request to the next proxy for instance."""
    lenient: Proxy
    """As `peeking`, but exempts nobody and lets servers pass that it does not trust itself."""
    client_first: Proxy
    """As squid 3.2 did: the client's handshake before the server's."""


def start_inspecting_squid(launcher: Launcher, inspector: Signer, upstream: Path, exempt: str) -> Inspecting:
    """Start a squid that signs as `inspector` and trusts `upstream` (PEM) itself."""
    room = launcher.room("inspecting")
    ports = {name: free_port() for name in ("outright", "peeking", "lenient", "client_first")}
    signer = room / "inspector.pem"
    signer.write_bytes(inspector.key_pem + inspector.pem)
    generator = squid_helper("security_file_certgen")
    subprocess.run([generator, "-c", "-s", str(room / "certificates"), "-M", "4MB"], check=True, capture_output=True)
    values = {"certificate": str(signer), "generator": generator, "roots": str(upstream), "exempt": exempt}
    values |= {"forging": FORGING, **{name: str(port) for name, port in ports.items()}}
    program = start_configured(launcher, "inspecting", room, INSPECTING, values, list(ports.values()))
    return Inspecting(program, **{name: Proxy("http", port, program) for name, port in ports.items()})


def start_transparent_squid(
    launcher: Launcher, apart: Apart, inspector: Signer, upstream: Path, *, opened: str, forward: int
) -> Program:
    """Start a squid in the box of three namespaces, whose ports 80 and 443 take what was meant for others, as soon as
    the box keeps it. It opens TLS to `opened` alone, as `inspector`; `forward` is its port as an ordinary proxy."""
    room = launcher.room("transparent")
    signer = room / "inspector.pem"
    signer.write_bytes(inspector.key_pem + inspector.pem)
    generator = squid_helper("security_file_certgen")
    subprocess.run([generator, "-c", "-s", str(room / "certificates"), "-M", "4MB"], check=True, capture_output=True)
    values = {"certificate": str(signer), "generator": generator, "roots": str(upstream), "forging": FORGING}
    values |= {"opened": opened, "forward": str(forward)}
    names = NamesOfTheirOwn(room, f"{ORIGIN} {TARGET} {opened}\n")
    within = functools.partial(apart.within, apart.box)
    program = start_configured(launcher, "transparent", room, TRANSPARENT, values, [], within=within, names=names)
    for port in (forward, 80, 443):
        program.wait_until(functools.partial(apart.listens, apart.box, port), f"a listener at port {port}")
    return program


def start_configured(
    launcher: Launcher,
    name: str,
    room: Path,
    text: str,
    values: Mapping[str, str],
    ports: list[int],
    *,
    within: Callable[[Sequence[str]], list[str]] | None = None,
    names: NamesOfTheirOwn | None = None,
) -> Program:
    """Start a squid with this configuration beside the common one; `values` fill it in. `within` makes of a command the
    one that runs it in a network namespace."""
    squid = require("squid", PACKAGE)
    configuration = configure(launcher, room, text, values, names)
    if os.geteuid() == 0:
        for path in [room, *room.rglob("*")]:
            shutil.chown(path, RUNS_AS)
    # A service name of its own, or two squids share (and break) their segments in /dev/shm.
    service = f"real{name}{os.getpid()}"
    argv = [squid, "-N", "-n", service, "-f", str(configuration)]
    return launcher.start(name, argv if within is None else within(argv), ports, names=names)


def configure(
    launcher: Launcher, room: Path, text: str, values: Mapping[str, str], names: NamesOfTheirOwn | None = None
) -> Path:
    """Write this configuration beside the common one."""
    configuration = room / "squid.conf"
    places = {"room": str(room), "hosts": str((names or launcher.names).hosts)}
    user = f"cache_effective_user {RUNS_AS}" if os.geteuid() == 0 else ""
    configuration.write_text((COMMON + text).format(**places, user=user, **values))
    return configuration


def squid_helper(name: str) -> str:
    """A program that comes with squid."""
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
