"""Names that a proxy can resolve and the prober cannot.

Each program runs in a mount namespace of its own, in which `/etc/hosts` is a file of the test and nothing else answers
for names (no DNS). That works for every program alike; it needs root, or user namespaces for everybody.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

TARGET: Final = "only-the-proxy-knows.origin.test"
"""The origin, for every proxy of the tests; unknown to this machine."""
NEXT_HOP: Final = "only-the-proxy-knows.proxy.test"
"""The next proxy in a chain, likewise."""
DENIED: Final = "denied.origin.test"
"""Refused by the rules of the HTTP proxies."""
DENIED_ADDRESS: Final = "127.0.0.66"
"""Refused by dante's rules, which are about addresses."""
NOWHERE: Final = "nowhere.origin.test"
"""Unknown to everybody."""

ONE: Final = "one.alpha.test"
"""RSA key, several names."""
TWO: Final = "two.beta.test"
"""EC key, several names, another family."""
ONE_NAME: Final = "one-name.beta.test"
"""EC key, one name only."""
EXEMPT: Final = "exempt.alpha.test"
"""Left alone by the interceptor that splices by name."""
ASKING: Final = "asking.alpha.test"
"""Asks for a client certificate and does without, in TLS 1.3."""
ASKING_TLS12: Final = "asking-tls12.beta.test"
"""The same in TLS 1.2."""
DEMANDING: Final = "demanding.beta.test"
"""Serves nobody without a client certificate, in TLS 1.3: it says so after the handshake."""
DEMANDING_TLS12: Final = "demanding-tls12.beta.test"
"""The same in TLS 1.2: it says so in the handshake."""
UNVOUCHED: Final = "unvouched.gamma.test"
"""Signed by an authority that the interceptors do not know and the prober does."""
PRIVATE: Final = "private.internal.test"
"""Signed by an authority that nobody knows."""
SITES: Final = (
    *(ONE, TWO, ONE_NAME, EXEMPT),
    *(ASKING, ASKING_TLS12, DEMANDING, DEMANDING_TLS12),
    *(UNVOUCHED, PRIVATE),
)
"""Hosts of sites.py; the prober is told where they are by `resolve:`."""
HIJACKED: Final = "127.0.2.1"
"""Where sslsplit waits for the sites, each at its own port."""

HOSTS: Final = f"127.0.0.1 localhost {TARGET} {NEXT_HOP} {' '.join(SITES)}\n{DENIED_ADDRESS} {DENIED}\n"
POISONED: Final = f"127.0.0.1 localhost {NEXT_HOP}\n{HIJACKED} {' '.join(SITES)}\n"
"""Names as a proxy has them whose DNS somebody else answers."""

BIND_AND_RUN: Final = """
set -e
mount --bind "$1" /etc/hosts
mount --bind "$2" /etc/nsswitch.conf
shift 2
exec "$@"
"""


class NamesOfTheirOwn:
    """Runs programs with their own view of names, where the machine allows it."""

    def __init__(self, folder: Path, hosts: str = HOSTS) -> None:
        self.hosts = folder / "hosts"
        self.hosts.write_text(hosts)
        self._services = folder / "nsswitch.conf"
        self._services.write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files\n")

    @functools.cached_property
    def why_not(self) -> str | None:
        """Why this machine allows no private names; None = it does."""
        if shutil.which("unshare") is None:
            return "unshare is not installed: apt-get install util-linux"
        trial = subprocess.run(self._wrapped(["true"]), capture_output=True, text=True, check=False, timeout=20)
        if trial.returncode == 0:
            return None
        return f"no private mount namespace (run as root, or allow user namespaces): {trial.stderr.strip()}"

    @property
    def target(self) -> str:
        """The origin as a proxy that resolves should be told: the hidden name, or the address where there is none."""
        return "127.0.0.1" if self.why_not else TARGET

    @property
    def next_hop(self) -> str:
        """The next proxy, likewise."""
        return "127.0.0.1" if self.why_not else NEXT_HOP

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` with its own names; `argv` itself where the machine allows none."""
        return list(argv) if self.why_not else self._wrapped(argv)

    def _wrapped(self, argv: Sequence[str]) -> list[str]:
        files = [str(self.hosts), str(self._services)]
        if os.geteuid() == 0:
            enter, back = ["unshare", "--mount", "--propagation", "private"], []
        else:  # root inside a user namespace to mount, then oneself again: daemons behave differently as root
            enter = ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"]
            back = ["unshare", "--user", f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}"]
        return [*enter, "sh", "-c", BIND_AND_RUN, "sh", *files, *back, *argv]
