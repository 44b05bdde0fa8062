"""docs/pre-change.md as a play: its commands as they stand there, over two real squids, and what they really print."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from .families import Family
from .names import NamesOfTheirOwn
from .origin import Origin
from .programs import Launcher, Program, free_port
from .squid import start_configured

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "pre-change.md"
BASELINE: Final = "/var/lib/prober/before.json.zst"
"""Where the pipelines of the page have theirs."""
PROXIES: Final = {"paris": "10.10.0.16:8080", "lyon": "10.20.0.16:8080"}
"""As the page has them: just as long as a port of loopback, so that lines break alike."""
MOMENTS: Final = {"before": "2026-11-23 16:02 UTC", "after": "2026-11-23 17:09 UTC"}
SERVICES: Final = {
    "MDE": (
        "winatp-gw-neu.microsoft.com",
        "ussus1eastprod.blob.core.windows.net",
        "wseu1northprod.blob.core.windows.net",
    ),
    "MDAV": ("wdcp.microsoft.com",),
}
"""Few targets, so that a busy machine is not taken for a slower network: with three attempts it takes five of them."""
STORES: Final = ".blob.core.windows.net"
"""What policy 88 denies."""
POLICY: Final = """
http_port 127.0.0.1:{port}
acl denied dstdomain "{denied}"
http_access deny denied
http_access allow all
"""
LISTENS: Final = re.compile(r"Accepting .* at ")
NOBODY: Final = ".nobody.test"
BEGINS: Final = re.compile(r"^(REGRESSION|No regression|No difference|Nothing was compared)", re.MULTILINE)


class Proxy:
    """The squid of one egress point. Its policy can change while it runs."""

    def __init__(self, launcher: Launcher, egress: str, hosts: Sequence[str]) -> None:
        room = launcher.room(f"egress-{egress}")
        self._denied = room / "denied"
        self._denied.write_text(f"{NOBODY}\n")
        self._log = room / "cache.log"
        self.port = free_port()
        names = NamesOfTheirOwn(room, f"127.0.0.1 localhost {' '.join(hosts)}\n")
        values = {"port": str(self.port), "denied": str(self._denied)}
        self.program: Program = start_configured(launcher, egress, room, POLICY, values, [self.port], names=names)

    def deny(self, suffix: str) -> None:
        """Refuse what is beneath it from now on, and nothing else: as `squid -k reconfigure` does it."""
        before = self._opened()
        self._denied.write_text(f"{suffix}\n")
        os.kill(self.program.process.pid, signal.SIGHUP)
        self.program.wait_until(lambda: self._opened() > before, "the new policy")

    def _opened(self) -> int:
        return len(LISTENS.findall(self._log.read_text(errors="replace")))


@dataclass(frozen=True)
class Step:
    """A numbered step of the page: its commands, and what it says that they print."""

    number: str
    blocks: tuple[tuple[str, str], ...]
    """Language and content, in order."""


@dataclass(frozen=True)
class Done:
    """What a command did."""

    command: str
    status: int
    out: str
    err: str


class Company:
    """Servers, two ways out with a squid each, and a folder with a `prober.yaml`."""

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        self.folder = folder
        self._certificates = launcher.room("company-certificates")
        self._families = [Family.found(self._certificates, *each) for each in (("Epsilon", "ec"), ("Delta", "rsa"))]
        self._origins: list[Origin] = []
        try:
            self._found(launcher)
        except BaseException:
            self.close()
            raise

    def _found(self, launcher: Launcher) -> None:
        folder = self.folder
        hosts = [host for each in SERVICES.values() for host in each]
        ports = {host: self._serve(host) for host in hosts}
        self._ports = sorted(ports.values())
        catalogs = [
            self._catalog(service, [{"id": host.replace(".", "-"), "host": host, "port": ports[host]} for host in mine])
            for service, mine in SERVICES.items()
        ]
        self.proxies = {egress: Proxy(launcher, egress, hosts) for egress in PROXIES}
        settings = {
            "catalogs": catalogs,
            "probe": {"retries": 0, "per_host": 64},
            "resolve": {"*": "127.0.0.1"},
            "trust": {"roots": [{"file": str(each.roots), "anchor": "public"} for each in self._families]},
        }
        (folder / "prober.yaml").write_text(yaml.safe_dump(settings))
        self._shim()

    def run(self, command: str, environ: Mapping[str, str] | None = None) -> Done:
        """A line of the page in bash, with the proxies and files that there are here."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._here(command)],
            cwd=self.folder,
            env={**self._environment(), **{name: self._here(value) for name, value in (environ or {}).items()}},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(command, done.returncode, self.there(done.stdout), self.there(done.stderr))

    def there(self, text: str) -> str:
        """What was printed, with the proxies of the page, its moments, and no ports of servers."""
        for egress, place in PROXIES.items():
            text = text.replace(f"127.0.0.1:{self.proxies[egress].port}", place)
        for port in self._ports:
            text = text.replace(f":{port}", "")
        text = text.replace(str(self.folder / "baseline.json.zst"), BASELINE)
        text = re.sub(r"\bsquid/[\d.]+\d", "squid/5.7", text)
        moment = r"\d{4}-\d\d-\d\d\s\d\d:\d\d"
        for word, shown in MOMENTS.items():
            text = re.sub(rf"\b{word}(\s){moment}(\s+to\s+{moment})?(\s)UTC", rf"{word}\g<1>{shown}", text)
        return text

    def close(self) -> None:
        """Stop the servers; the launcher stops the proxies."""
        for origin in self._origins:
            origin.close()

    def _here(self, text: str) -> str:
        for egress, place in PROXIES.items():
            text = text.replace(place, f"127.0.0.1:{self.proxies[egress].port}")
        return text.replace(BASELINE, str(self.folder / "baseline.json.zst"))

    def _serve(self, host: str) -> int:
        family = self._families[len(self._origins) % 2]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(family.leaf(self._certificates, "ec", host).file)
        context.set_alpn_protocols(["http/1.1"])
        self._origins.append(Origin(context))
        return self._origins[-1].port

    def _catalog(self, service: str, targets: Sequence[Mapping[str, object]]) -> str:
        group = {"name": "hosts", "defaults": {"trust": "public", "source": "test"}, "targets": list(targets)}
        sources = {"test": {"name": "tests", "date": "2026-11"}}
        path = self.folder / f"{service.lower()}.yaml"
        about = {"service": service, "about": "as in the page", "sources": sources, "groups": [group]}
        path.write_text(yaml.safe_dump(about))
        return str(path)

    def _shim(self) -> None:
        """`prober` as a user has it on the PATH: this tree, not an installed one."""
        program = self.folder / "bin" / "prober"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m prober "$@"\n')
        program.chmod(0o755)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROBER_", "GIT"))}
        path = os.pathsep.join([str(self.folder / "bin"), kept.get("PATH", os.defpath)])
        return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONWARNINGS": "error"}


def steps(text: str) -> Iterator[Step]:
    """The numbered steps of the page."""
    walk = text[text.index("## From ticket to revert") : text.index("## In a pipeline")]
    parts = re.split(r"^\*\*(\d)\. ", walk, flags=re.MULTILINE)
    for number, content in zip(parts[1::2], parts[2::2], strict=True):
        yield Step(number, tuple(re.findall(r"^```(\w+)\n(.*?)^```$", content, re.MULTILINE | re.DOTALL)))


def commands(block: str) -> Iterator[tuple[str, int]]:
    """The lines of a block, each with the exit code that its comment names."""
    for line in filter(None, block.splitlines()):
        command, _, comment = line.partition("  # ")
        found = re.search(r"ends with (\d)", comment)
        yield command, int(found[1]) if found else 0


def shown(done: Done) -> str:
    """What the page shows of it: of a check the comparison only, which stands behind the table; of a merge its word."""
    begins = BEGINS.search(done.out)
    return (done.out[begins.start() :] if begins else done.out or done.err).rstrip("\n")


def renewed(text: str, printed: Sequence[str]) -> str:
    """The page with what was printed in place of its samples."""
    parts = iter(printed)
    start, end = text.index("## From ticket to revert"), text.index("## In a pipeline")
    walk = re.sub(
        r"^```(text|markdown)\n.*?^```$",
        lambda found: f"```{found[1]}\n{next(parts)}\n```",
        text[start:end],
        flags=re.MULTILINE | re.DOTALL,
    )
    return text[:start] + walk + text[end:]
