"""A transparent squid (`tproxy`) between the prober and the world, in network namespaces: direct is not direct."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .apart import BOX, ORIGIN, Apart
from .families import Signer
from .names import TARGET
from .origin import Authority
from .programs import Launcher
from .squid import start_transparent_squid

pytestmark = pytest.mark.real

OPENED = "opened.origin.test"
"""The box opens TLS to this name, and to no other."""
FORWARD = 3128
NOTE = "direct-is-proxied"


@pytest.fixture(scope="module")
def apart(launcher: Launcher, authority: Authority, inspector: Signer) -> Iterator[Apart]:
    """The namespaces with origin and squid in them; the box forwards."""
    apart = Apart()
    try:
        apart.make()
        certificate = authority.server_file(launcher.room("lone-origin"), TARGET, OPENED)
        argv = [sys.executable, str(Path(__file__).with_name("lone_origin.py")), ORIGIN, str(certificate)]
        origin = launcher.start("lone-origin", apart.within(apart.origin, argv), [])
        for port in (80, 443):
            origin.wait_until(functools.partial(apart.listens, apart.origin, port), f"a listener at port {port}")
        squid = start_transparent_squid(launcher, apart, inspector, authority.roots, opened=OPENED, forward=FORWARD)
        yield apart
        squid.stop()
        origin.stop()
    finally:
        apart.close()


class Inside:
    """`prober check` as a program in the client's namespace."""

    def __init__(self, apart: Apart, folder: Path, authority: Authority) -> None:
        self._apart = apart
        self._configuration = folder / "prober.yaml"
        settings = {
            "routes": {"direct": [], "hq": [{"url": f"http://{BOX}:{FORWARD}"}]},
            "probe": {"retries": 0, "timeout": 10},
            "resolve": {TARGET: ORIGIN, OPENED: ORIGIN},
            "trust": {"roots": [str(authority.roots)]},
        }
        self._configuration.write_text(yaml.safe_dump(settings))

    def check(self, *arguments: str, format: str = "json") -> str:  # noqa: A002 - as the option is called
        argv = [sys.executable, "-m", "prober", "check", "--config", str(self._configuration), "--format", format]
        done = subprocess.run(
            self._apart.within(self._apart.client, [*argv, *arguments]),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def run(self, *arguments: str) -> dict[str, Any]:
        document = json.loads(self.check(*arguments))
        assert isinstance(document, dict)
        return document


@pytest.fixture
def inside(apart: Apart, tmp_path: Path, authority: Authority) -> Inside:
    return Inside(apart, tmp_path, authority)


def verdicts(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["route"]: each["interception"] for each in run["results"]}


def notes(run: dict[str, Any]) -> dict[str, str]:
    return {each["id"]: each["text"] for each in run["notes"]}


def test_without_the_box_direct_is_a_reference(inside: Inside) -> None:
    run = inside.run(f"https://{TARGET}/")
    assert [each["reachable"] for each in run["results"]] == [True, True]
    assert NOTE not in notes(run)
    tunnelled = verdicts(run)["hq"]
    assert (tunnelled["verdict"], tunnelled["basis"]) == ("clean", "proven")
    assert tunnelled["reference"]["name"] == "direct"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_transparent_proxy_is_found_and_direct_is_no_reference(inside: Inside, apart: Apart, workers: str) -> None:
    with apart.taken_over():
        run = inside.run(f"https://{TARGET}/", "--workers", workers)
    assert all(each["reachable"] for each in run["results"]), "it lets everything pass"
    text = notes(run)[NOTE]
    for address in ("192.0.2.1:443", "192.0.2.1:80", "203.0.113.1:443", "203.0.113.1:80"):
        assert address in text
    assert "accepted a connection" in text
    found = verdicts(run)
    assert (found["hq"]["verdict"], found["hq"]["basis"]) == ("clean", "pinned"), "direct proves nothing"
    assert found["hq"]["reference"] is None
    assert found["direct"]["verdict"] == "clean"


def test_its_name_in_answers_is_evidence_too(inside: Inside, apart: Apart) -> None:
    """Over hq the same squid is the proxy, and names itself likewise: then the entry proves nothing."""
    with apart.taken_over():
        alone = notes(inside.run(f"http://{TARGET}/", "--via", "direct"))[NOTE]
        both = notes(inside.run(f"http://{TARGET}/"))[NOTE]
    assert '(Via: "1.1 squid.test (squid/' in alone
    assert "Via" not in both
    assert "accepted a connection" in alone
    assert "accepted a connection" in both


def test_what_it_opens_is_not_blamed_on_this_machine(inside: Inside, apart: Apart, inspector: Signer) -> None:
    with apart.taken_over():
        run = inside.run(f"https://{OPENED}/", "--attempts", "2")
        table = " ".join(inside.check(f"https://{OPENED}/", format="table").split())
    found = verdicts(run)
    assert found["direct"]["verdict"] == "intercepted"
    assert found["direct"]["hop"] is None
    assert found["direct"]["reference"]["name"] == "hq"
    assert found["hq"]["verdict"] == "clean"
    assert NOTE in notes(run)
    assert "Direct is not direct" in table
    assert "on this machine or on its way out" not in table
