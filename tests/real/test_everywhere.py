"""`check --scheduler` over three egress hosts with an open, a blocking and an intercepting proxy, from a fourth one."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
import yaml

from prober.cluster.authority import make_certificates
from prober.report.document import Result, Run
from prober.report.files import decode

from .egresses import SITES, Egresses
from .names import NamesOfTheirOwn
from .origin import Authority
from .programs import Launcher, Program, require
from .squid import start_configured

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
HOST: Final = "cloud.everywhere.test"
OTHER: Final = "second.everywhere.test"
SQUID: Final = "http_port 127.0.0.1:3128\nhttp_access {verdict} all\n"
PROXY: Final = 3128


class Company:
    """Everything that runs in the namespaces."""

    def __init__(self, places: Egresses, launcher: Launcher, authority: Authority) -> None:
        self.places = places
        self._launcher = launcher
        self.room = launcher.room("company")
        self.certs = self.room / "certs"
        make_certificates(self.certs)
        self._authority = authority
        self._programs: list[Program] = []

    def open(self) -> None:
        """Start origins, proxies, scheduler and agents."""
        certificate = self._authority.server_file(self.room, HOST, OTHER)
        script = Path(__file__).with_name("lone_origin.py")
        for site in SITES:
            argv = [sys.executable, str(script), self.places.origin(site), str(certificate)]
            self._listening(f"origin-{site}", self.places.world, argv, 443)
        names = {site: self._names(site) for site in SITES}
        self._squid("paris", "allow", names["paris"])
        self._squid("berlin", "deny", names["berlin"])
        self._mitmproxy("rome", names["rome"])
        scheduler = [sys.executable, "-m", "prober", "scheduler", "--listen", "tls://0.0.0.0:8786"]
        self._listening("scheduler", self.places.hub, [*scheduler, "--tls", str(self.certs)], 8786)
        for site in SITES:
            self._agent(site, names[site])

    def started(self, *arguments: str, saved: str) -> subprocess.Popen[str]:
        """One command at the fourth host."""
        argv = [
            sys.executable,
            "-m",
            "prober",
            "check",
            "--scheduler",
            "tls://127.0.0.1:8786",
            "--tls",
            str(self.certs),
        ]
        with (self.room / f"{saved}.txt").open("w") as output:
            return subprocess.Popen(
                self.places.within(self.places.hub, [*argv, "--save", f"{saved}.json", *arguments]),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=self.room,
            )

    def check(self, *arguments: str, saved: str) -> tuple[int, Run, str]:
        """The same to its end: exit code, document, table."""
        status = self.started(*arguments, saved=saved).wait(180)
        return status, self.saved(saved), (self.room / f"{saved}.txt").read_text()

    def saved(self, name: str) -> Run:
        """The document of a run."""
        path = self.room / f"{name}.json"
        assert path.exists(), (self.room / f"{name}.txt").read_text()
        return decode(path.read_bytes())

    def close(self) -> None:
        """End what runs, last started first."""
        for program in reversed(self._programs):
            program.ask_to_end()
        for program in reversed(self._programs):
            program.stop()

    def _listening(
        self, name: str, place: str, argv: Sequence[str], port: int, names: NamesOfTheirOwn | None = None
    ) -> None:
        program = self._launcher.start(f"everywhere-{name}", self.places.within(place, argv), [], names=names)
        self._programs.append(program)
        program.wait_until(functools.partial(self.places.listens, place, port), f"a listener at port {port}")

    def _names(self, site: str) -> NamesOfTheirOwn:
        """The site's own view: the same names lead elsewhere at every one of them."""
        return NamesOfTheirOwn(self._launcher.room(f"names-{site}"), f"{self.places.origin(site)} {HOST} {OTHER}\n")

    def _squid(self, site: str, verdict: str, names: NamesOfTheirOwn) -> None:
        host = self.places.hosts[site]
        room = self._launcher.room(f"squid-{site}")
        within = functools.partial(self.places.within, host)
        program = start_configured(
            self._launcher, f"at{site}", room, SQUID, {"verdict": verdict}, [], within=within, names=names
        )
        self._programs.append(program)
        program.wait_until(functools.partial(self.places.listens, host, PROXY), "a listener")

    def _mitmproxy(self, site: str, names: NamesOfTheirOwn) -> None:
        room = self._launcher.room(f"mitmproxy-{site}")
        argv = [require("mitmdump", "mitmproxy"), "--mode", "regular", "--listen-host", "127.0.0.1"]
        argv += ["--listen-port", str(PROXY), "--set", f"confdir={room}"]
        argv += ["--set", f"ssl_verify_upstream_trusted_ca={self._authority.roots}"]
        self._listening(f"mitmproxy-{site}", self.places.hosts[site], argv, PROXY, names)

    def _agent(self, site: str, names: NamesOfTheirOwn) -> None:
        configuration = self.room / f"{site}.yaml"
        settings = {
            "egress": site,
            "routes": {"hq": [{"url": f"http://127.0.0.1:{PROXY}"}]},
            "trust": {"roots": [{"file": str(self._authority.roots), "anchor": "public"}]},
            "probe": {"timeout": 10, "retries": 0},
        }
        configuration.write_text(yaml.safe_dump(settings))
        argv = [sys.executable, "-m", "prober", "agent", "--scheduler", f"tls://{self.places.scheduler(site)}:8786"]
        argv += ["--tls", str(self.certs), "--config", str(configuration)]
        program = self._launcher.start(
            f"agent-{site}", self.places.within(self.places.hosts[site], argv), [], names=names
        )
        self._programs.append(program)
        end = time.monotonic() + 60
        while f"offering egress:{site}" not in program.log.read_text():
            assert program.process.poll() is None, program.log_tail()
            assert time.monotonic() < end, program.log_tail()
            time.sleep(0.1)  # another process's log


@pytest.fixture(scope="module")
def company(launcher: Launcher, authority: Authority) -> Iterator[Company]:
    places = Egresses()
    company = None
    try:
        places.make()
        company = Company(places, launcher, authority)
        company.open()
        yield company
    finally:
        if company is not None:
            company.close()
        places.close()


def by_site(run: Run) -> dict[str, list[Result]]:
    return {site: [each for each in run.results if each.egress == site] for site in SITES}


def test_each_egress_has_its_own_verdict(company: Company) -> None:
    status, run, table = company.check("--attempts", "2", f"https://{HOST}/", f"https://{OTHER}/", saved="all")
    assert status == 1
    assert run.complete
    found = by_site(run)
    assert {site: len(results) for site, results in found.items()} == dict.fromkeys(SITES, 2)
    assert all(each.route == "hq" for each in run.results)

    for open_ in found["paris"]:
        assert open_.reachable
        assert open_.interception is not None
        assert open_.interception.verdict == "clean"
    for blocked in found["berlin"]:
        assert blocked.failure is not None
        assert (blocked.failure.stage, blocked.failure.hop, blocked.failure.reason) == ("proxy", 1, "proxy-denied")
    for opened in found["rome"]:
        assert opened.reachable
        assert opened.interception is not None
        assert opened.interception.verdict == "intercepted"
        reference = opened.interception.reference
        assert reference is not None
        assert (reference.kind, reference.name) == ("egress", "paris/hq")

    told = " ".join(table.split())
    assert re.search(r"berlin/hq .*paris/hq .*rome/hq", told)
    assert "paris/hq shows" in told


def test_one_egress_alone(company: Company) -> None:
    """The neighbours are not asked: then there is less to say of the one that opens TLS."""
    status, run, _ = company.check("--egress", "rome", f"https://{HOST}/", saved="rome")
    (result,) = run.results
    assert result.egress == "rome"
    assert result.interception is not None
    assert result.interception.reference is None
    assert status in (0, 1)


@pytest.mark.parametrize("seconds", [5.0, None], ids=["for five seconds", "for ever"])
def test_a_link_goes_down_in_the_middle(company: Company, seconds: float | None) -> None:
    """Between an egress host and the fourth one: some seconds are waited for; else the rest is reported without it."""
    places, site = company.places, "rome"
    check = company.started("--attempts", "100", f"https://{HOST}/", f"https://{OTHER}/", saved="cut")
    try:
        end = time.monotonic() + 60
        while not places.connected(places.hosts[site], PROXY):
            assert time.monotonic() < end
            assert check.poll() is None
            time.sleep(0.02)  # another host's connections
        places.link(site, "down")
        if seconds is not None:
            time.sleep(seconds)  # what is tested is that these seconds pass
            places.link(site, "up")
        status = check.wait(180)
    finally:
        places.link(site, "up")
        check.kill()
        check.wait()
    run = company.saved("cut")
    here = {name: len(results) for name, results in by_site(run).items()}
    if seconds is not None:
        assert status == 1
        assert here == dict.fromkeys(SITES, 2)
        assert {len(each.samples) for each in run.results} <= set(range(100, 103))
    else:
        assert status == 3
        assert here == {"paris": 2, "berlin": 2, "rome": 0}
        (told,) = [note.text for note in run.notes if note.id == "not-probed"]
        assert "200 of 200 probes were not made: no agent of egress rome was left" in told
