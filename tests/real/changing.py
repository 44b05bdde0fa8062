"""A squid whose policy changes while it runs, servers whose certificates change, and runs from before and after."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from typer.testing import CliRunner

from prober.cli.main import app
from prober.diff import DiffDoc
from prober.diff.document import DifferenceDoc

from .delaying import LongWay
from .families import Family, Signer
from .looking import Watched, Watcher
from .names import ASKING, ASKING_TLS12, EXEMPT, ONE, ONE_NAME, TWO
from .programs import Launcher, Program, free_port
from .proxies import Proxy
from .sites import Sites
from .squid import FORGING, configure, squid_helper, start_configured

HOSTS: Final = (ONE, TWO, ONE_NAME, EXEMPT, ASKING, ASKING_TLS12)
"""Half of them under alpha.test, half under beta.test."""
CHANGING: Final = """
http_port 127.0.0.1:{plain} name=plain
http_port 127.0.0.1:{parented} name=parented
http_port 127.0.0.1:{far} name=far
http_port 127.0.0.1:{bumping} name=bumping ssl-bump tls-cert={certificate} {forging}
sslcrtd_program {generator} -s {room}/certificates -M 4MB
sslcrtd_children 2 startup=1
tls_outgoing_options cafile={roots}
acl at_parented myportname parented
acl at_far myportname far
acl at_plain myportname plain
acl denied dstdomain {denied}
http_access deny at_plain denied
http_access allow all
cache_peer 127.0.0.1 parent {parent} 0 name=parent no-query no-digest no-netdb-exchange connect-timeout=2
cache_peer_access parent allow at_parented
cache_peer 127.0.0.1 parent {distant} 0 name=distant no-query no-digest no-netdb-exchange connect-timeout=2
cache_peer_access distant allow at_far
never_direct allow at_parented
never_direct allow at_far
ssl_bump {what} all
"""
PARENT: Final = """
http_port 127.0.0.1:{port}
http_access allow all
"""
BEFORE: Final = {"denied": ".nobody.test", "what": "splice"}
ROUTES: Final = ("direct", "plain", "parented", "bumping")
OWN: Final = ("plain", "parented", "far", "bumping")
"""Ports of the squid itself."""
BUSY: Final = "took another time than before, but the prober itself was"
UNDISTURBED: Final = 4
"""Comparisons made until the prober was in time in one of them."""
LISTENS: Final = re.compile(r"Accepting .* at ")


class Changing:
    """A squid with four ports, behind two of them another squid, once near and once far away."""

    def __init__(self, launcher: Launcher, inspector: Signer, roots: Path) -> None:
        self._launcher = launcher
        self._ports = {name: free_port() for name in (*OWN, "parent")}
        self.way = LongWay(self._ports["parent"])
        """To the parent, behind the port `far`."""
        self.front = LongWay(self._ports["plain"])
        """In front of the port `plain`, itself the port `front`."""
        self._ports["front"] = self.front.port
        self._room = launcher.room("changing")
        self._values = self._prepared(inspector, roots)
        self._parent: Program | None = None
        self._parents = 0
        self._policy: Mapping[str, str] = BEFORE
        self._squid = start_configured(
            launcher, "changing", self._room, CHANGING, {**self._values, **BEFORE}, [self._ports[name] for name in OWN]
        )

    def be(self, policy: Mapping[str, str], *, parent: bool = True) -> None:
        """Have this policy, and a parent or none; nothing is done where that is so already."""
        revived = parent and self._parent is None
        if revived:
            self._start_parent()
        elif not parent and self._parent is not None:
            self._parent.stop()
            self._parent = None
        wanted = {**BEFORE, **policy}
        if wanted != self._policy or revived:  # it would think a revived parent dead for a while
            self._reconfigure(wanted)

    def routes(self, names: Sequence[str]) -> dict[str, tuple[Proxy, ...]]:
        """`direct`, and routes over a port, of its name or of another one: `plain`, `hq=plain`."""
        ways = (name.split("=")[::-1] for name in names)
        return {way[-1]: () if way[0] == "direct" else (self.proxy(self._ports[way[0]]),) for way in ways}

    def proxy(self, port: int) -> Proxy:
        """The squid, at one of its ports or behind something that leads there."""
        return Proxy("http", port, self._squid)

    def url(self, route: str) -> str:
        """Of the proxy, as reports name it."""
        return f"http://127.0.0.1:{self._ports[route]}"

    def close(self) -> None:
        """Stop everything."""
        for program in filter(None, (self._squid, self._parent)):
            program.stop()
        self.way.close()
        self.front.close()

    def _prepared(self, inspector: Signer, roots: Path) -> dict[str, str]:
        signer = self._room / "inspector.pem"
        signer.write_bytes(inspector.key_pem + inspector.pem)
        generator = squid_helper("security_file_certgen")
        command = [generator, "-c", "-s", str(self._room / "certificates"), "-M", "4MB"]
        subprocess.run(command, check=True, capture_output=True)
        values = {"certificate": str(signer), "generator": generator, "roots": str(roots), "forging": FORGING}
        return {**values, "distant": str(self.way.port), **{name: str(port) for name, port in self._ports.items()}}

    def _start_parent(self) -> None:
        self._parents += 1
        name, port = f"parent{self._parents}", self._ports["parent"]
        room = self._launcher.room(name)
        self._parent = start_configured(self._launcher, name, room, PARENT, {"port": str(port)}, [port])

    def _reconfigure(self, policy: Mapping[str, str]) -> None:
        """As `squid -k reconfigure` does: its ports are closed and opened again."""
        log = self._room / "cache.log"
        before = len(LISTENS.findall(log.read_text(errors="replace")))
        configure(self._launcher, self._room, CHANGING, {**self._values, **policy})
        os.kill(self._squid.process.pid, signal.SIGHUP)
        self._squid.wait_until(
            lambda: len(LISTENS.findall(log.read_text(errors="replace"))) == before + len(OWN), "new policy"
        )
        self._policy = policy


@dataclass(frozen=True)
class Verdict:
    """What `prober diff` says."""

    status: int
    document: DiffDoc
    text: str

    def only(self) -> DifferenceDoc:
        """The only difference. The counts know of no other, and regressions alone make the exit code 1."""
        (difference,) = self.document.differences
        pairs = len(difference.pairs)
        summary = self.document.summary
        assert summary.kinds == {difference.kind: pairs}
        assert summary.changed == pairs
        counts = (summary.regressions, summary.warnings, summary.improvements, summary.information)
        severities = ("regression", "warning", "improvement", "information")
        assert dict(zip(severities, counts, strict=True)) == {
            **dict.fromkeys(severities, 0),
            difference.severity: pairs,
        }
        assert self.status == (difference.severity == "regression")
        assert all(BUSY in note for note in self.document.notes)
        return difference

    @property
    def disturbed(self) -> bool:
        """The prober itself was late, and says that it leaves out for this what took another time."""
        return any(BUSY in note for note in self.document.notes)


class Board:
    """Runs before and after something happened, compared as a user does it."""

    def __init__(self, changing: Changing, sites: Sites, folder: Path) -> None:
        self.changing = changing
        self.sites = sites
        self.folder = folder
        self._watcher = Watcher(folder, sites)

    def check(
        self,
        *arguments: str,
        routes: Sequence[str] = ROUTES,
        hosts: Sequence[str] = HOSTS,
        egress: str = "lab",
        few: int = 8,
    ) -> Watched:
        """`prober check`; `few` pairs at once, so that timings are those of the way and not of this machine."""
        how = ["--egress", egress, "--concurrency", str(few), *arguments]
        return self._watcher.check(self.changing.routes(routes), hosts, *how, catalog=True)

    def run(self, name: str, *arguments: str, **how: Any) -> Path:
        """The same, saved."""
        path = self.folder / f"{name}.json"
        self.check("--save", str(path), "--fail-on", "none", *arguments, **how)
        return path

    def show(self, host: str, family: Family, age: int = 20) -> None:
        """Another certificate of the same kind for the same names."""
        site = self.sites[host]
        self.sites.show(host, family.leaf(self.folder, site.kind, *site.names, age=age))


def diff(before: Sequence[Path], after: Sequence[Path], *arguments: str) -> Verdict:
    """`prober diff BEFORE... -- AFTER...`, as JSON and as text."""
    names = [*map(str, before), "--", *map(str, after)]

    def told(format_: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["diff", *arguments, "--format", format_, *names], catch_exceptions=False)
        return done.exit_code, done.stdout

    status, encoded = told("json")
    again, text = told("text")
    assert again == status
    return Verdict(status, msgspec.json.decode(encoded, type=DiffDoc), text)


def undisturbed(compare: Callable[[], Verdict]) -> Verdict:
    """The first of a few comparisons in which the prober was in time, else the last: where it was not it advises to run
    again. What is wanted of the comparison stays the same."""
    for _ in range(UNDISTURBED - 1):
        verdict = compare()
        if not verdict.disturbed:
            return verdict
    return compare()


def places(difference: DifferenceDoc) -> set[tuple[str, str]]:
    """Host and route of each pair."""
    return {(pair.host, pair.route) for pair in difference.pairs}
