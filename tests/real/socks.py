"""SOCKS servers: microsocks, dante, and OpenSSH's `ssh -D` against an sshd of our own."""

from __future__ import annotations

import getpass
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .names import DENIED_ADDRESS
from .programs import Launcher, Program, free_port, require
from .proxies import PASSWORD, USER, Proxy

OPEN_ADDRESS: Final = "127.0.1.6"
PASSWORD_ADDRESS: Final = "127.0.1.7"

DANTE = """
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
{users}
client pass {{
  from: 127.0.0.0/8 to: 0.0.0.0/0
}}
socks block {{
  from: 127.0.0.0/8 to: {denied}/32
  log: connect
}}
socks pass {{
  from: 127.0.0.0/8 to: 0.0.0.0/0
  log: connect error
}}
"""

SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {room}/host
AuthorizedKeysFile {room}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding yes
MaxStartups 50
"""


@dataclass(frozen=True)
class Microsocks:
    """microsocks without and with a password."""

    open: Proxy
    password: Proxy


def start_microsocks(launcher: Launcher) -> Microsocks:
    """Start microsocks twice: it has one policy for the whole process."""
    microsocks = require("microsocks", "microsocks")

    def start(name: str, source: str, *login: str) -> tuple[int, Program]:
        port = free_port()
        argv = [microsocks, "-i", "127.0.0.1", "-p", str(port), "-b", source, *login]
        return port, launcher.start(name, argv, [port])

    port, program = start("microsocks", OPEN_ADDRESS)
    unlocked = Proxy("socks5h", port, program, leaves_from=OPEN_ADDRESS)
    port, program = start("microsocks-password", PASSWORD_ADDRESS, "-u", USER, "-P", PASSWORD)
    return Microsocks(
        unlocked, Proxy("socks5h", port, program, user=USER, password=PASSWORD, leaves_from=PASSWORD_ADDRESS)
    )


def start_dante(launcher: Launcher) -> Proxy:
    """Start dante in the foreground (a daemonised one survives its parent)."""
    danted = require("danted", "dante-server")
    port = free_port()
    configuration = launcher.room("dante") / "danted.conf"
    users = "user.privileged: root\nuser.unprivileged: nobody" if os.geteuid() == 0 else ""
    configuration.write_text(DANTE.format(port=port, users=users, denied=DENIED_ADDRESS))
    return Proxy("socks5h", port, launcher.start("dante", [danted, "-N", "1", "-f", str(configuration)], [port]))


def start_ssh(launcher: Launcher) -> Proxy:
    """Start an sshd and a client with dynamic forwarding: SOCKS 4, 4a and 5 on one port, names resolved by sshd."""
    sshd, ssh = require("sshd", "openssh-server"), require("ssh", "openssh-client")
    keygen = require("ssh-keygen", "openssh-client")
    room = launcher.room("ssh")
    for key in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(room / key)], check=True)
    if os.geteuid() == 0:  # sshd's separated process is locked into this empty folder
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server, port = free_port(), free_port()
    configuration = room / "sshd_config"
    configuration.write_text(SSHD.format(port=server, room=room))
    launcher.start("sshd", [sshd, "-D", "-e", "-f", str(configuration)], [server])
    options = ["BatchMode=yes", "ExitOnForwardFailure=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=no"]
    options += ["UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    argv = [ssh, "-F", "none", "-N", "-D", f"127.0.0.1:{port}", "-p", str(server), "-i", str(room / "user")]
    argv += [word for option in options for word in ("-o", option)]
    program = launcher.start("ssh", [*argv, f"{getpass.getuser()}@127.0.0.1"], [port])
    return Proxy("socks5h", port, program)
