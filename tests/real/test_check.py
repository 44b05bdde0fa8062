"""`prober check` from end to end: what it says of real interceptors in its run document, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .looking import Watcher, ids
from .names import EXEMPT, ONE, ONE_NAME, TWO, UNVOUCHED
from .sites import Sites
from .ways import (
    BEHIND_MITMPROXY,
    BEHIND_SQUID,
    BEHIND_SSLSPLIT,
    DIRECT,
    FIRST_BLIND,
    FIRST_MITMPROXY,
    FIRST_STRICT,
    LENIENT,
    MITMPROXY,
    OUTRIGHT,
    PEEKING,
    SQUID,
    SSLSPLIT,
    Ways,
)

pytestmark = pytest.mark.real

SIGNS_WITH_ITS_KEY = [PEEKING, OUTRIGHT, MITMPROXY]
CHAINS = {BEHIND_SQUID: 2, BEHIND_MITMPROXY: 2, BEHIND_SSLSPLIT: 2}


@pytest.fixture
def watcher(tmp_path: Path, sites: Sites) -> Watcher:
    return Watcher(tmp_path, sites)


def some(ways: Ways, *names: str) -> Ways:
    return {name: ways[name] for name in names}


def test_all_routes_side_by_side(watcher: Watcher, ways: Ways) -> None:
    intercepting = [PEEKING, OUTRIGHT, LENIENT, MITMPROXY, SSLSPLIT, BEHIND_SQUID]
    honest = [DIRECT, SQUID, FIRST_BLIND]
    watched = watcher.check(some(ways, *honest, *intercepting, FIRST_STRICT, FIRST_MITMPROXY), [ONE, TWO, EXEMPT])
    words = watched.words()
    for host in (ONE, TWO):
        assert {words[host, way] for way in intercepting} == {"intercepted"}
        assert {words[host, way] for way in honest} == {"clean"}
    left_alone = {PEEKING, MITMPROXY, BEHIND_SQUID}
    for way in intercepting:
        assert words[EXEMPT, way] == ("clean" if way in left_alone else "intercepted")
        if way in left_alone:
            assert watched.interception(EXEMPT, way)["basis"] == "proven"
    for host in (ONE, TWO, EXEMPT):
        for way in (FIRST_STRICT, FIRST_MITMPROXY):
            verdict = watched.interception(host, way)
            assert (verdict["verdict"], verdict["reason"]) == ("inconclusive", "no-tls")
            assert watched.result(host, way)["failure"]["hop"] == 2
    assert watched.summary["intercepted"] == 2 * len(intercepting) + len(intercepting) - len(left_alone)
    assert watched.summary["suspect"] == 0
    assert watched.run.status == 1


@pytest.mark.parametrize("way", [*SIGNS_WITH_ITS_KEY, SSLSPLIT, *CHAINS])
def test_one_target_with_a_live_reference(way: str, watcher: Watcher, ways: Ways, sites: Sites) -> None:
    """A single target is enough: what contradicts the direct route is probed again before it is believed."""
    verdict = watcher.check(some(ways, DIRECT, way), [ONE]).interception(ONE, way)
    assert (verdict["verdict"], verdict["basis"]) == ("intercepted", "proven")
    assert verdict["reference"]["name"] == DIRECT
    assert verdict["reference"]["spki_sha256"] == sites[ONE].leaf.spki
    assert verdict["score"] >= 8
    assert verdict["hop"] == (None if way in CHAINS else 1)


@pytest.mark.parametrize("way", CHAINS)
def test_locate_names_the_hop(way: str, watcher: Watcher, ways: Ways) -> None:
    watched = watcher.check(some(ways, DIRECT, way), [ONE, EXEMPT], "--locate")
    assert watched.interception(ONE, way)["hop"] == CHAINS[way]
    assert {route for _, route in watched.words()} == {DIRECT, way}, "probes on the way are nobody's results"


def test_locate_names_this_machine(watcher: Watcher, ways: Ways) -> None:
    """The name leads to sslsplit on the direct route; behind the proxy it does not."""
    watched = watcher.check(some(ways, DIRECT, SQUID), [ONE], "--locate", astray=[ONE])
    assert watched.words() == {(ONE, DIRECT): "intercepted", (ONE, SQUID): "clean"}
    assert watched.interception(ONE, DIRECT)["hop"] == 0


# without a direct route


@pytest.mark.parametrize("way", SIGNS_WITH_ITS_KEY)
def test_key_of_the_authority_needs_no_reference(way: str, watcher: Watcher, ways: Ways) -> None:
    watched = watcher.check(some(ways, way), [ONE])
    verdict = watched.interception(ONE, way)
    assert (verdict["verdict"], verdict["basis"], verdict["reference"]) == ("intercepted", "authority", None)
    assert "E3" in ids(verdict)
    assert watched.run.status == 1


def test_unknown_signer_of_one_target_is_suspect(watcher: Watcher, ways: Ways) -> None:
    watched = watcher.check(some(ways, SSLSPLIT), [ONE])
    verdict = watched.interception(ONE, SSLSPLIT)
    assert (verdict["verdict"], verdict["reason"], verdict["basis"]) == ("suspect", "weak-evidence", "none")
    assert watched.summary["suspect"] == 1
    assert watched.run.status == 0, "asked for with --fail-on suspect only"
    assert watcher.check(some(ways, SSLSPLIT), [ONE], "--fail-on", "suspect").run.status == 1


def test_targets_of_a_catalog_converge(watcher: Watcher, ways: Ways) -> None:
    watched = watcher.check(some(ways, SSLSPLIT), [ONE, TWO], catalog=True)
    for host in (ONE, TWO):
        verdict = watched.interception(host, SSLSPLIT)
        assert (verdict["verdict"], verdict["basis"]) == ("intercepted", "convergence")
        assert ids(verdict) >= {"E4", "E5"}


def test_pin_is_a_reference(watcher: Watcher, ways: Ways, sites: Sites) -> None:
    pin = f"{ONE}={sites[ONE].leaf.spki}"
    verdict = watcher.check(some(ways, SSLSPLIT), [ONE], "--pin", pin).interception(ONE, SSLSPLIT)
    assert (verdict["verdict"], verdict["basis"], verdict["policy_mismatch"]) == ("intercepted", "pinned", True)
    clean = watcher.check(some(ways, SQUID), [ONE], "--pin", pin).interception(ONE, SQUID)
    assert (clean["verdict"], clean["policy_mismatch"]) == ("clean", False)


def test_saved_run_is_a_reference(watcher: Watcher, ways: Ways, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    watcher.check(some(ways, DIRECT), [ONE, ONE_NAME], "--save", str(before))
    watched = watcher.check(some(ways, SSLSPLIT, SQUID), [ONE_NAME], "--baseline", str(before))
    assert watched.words()[ONE_NAME, SQUID] == "clean"
    alone = watcher.check(some(ways, SSLSPLIT), [ONE], "--baseline", str(before)).interception(ONE, SSLSPLIT)
    assert (alone["verdict"], alone["basis"]) == ("intercepted", "baseline")
    assert alone["reference"]["kind"] == "baseline"


# names


def test_product_is_named(watcher: Watcher, ways: Ways) -> None:
    watched = watcher.check(some(ways, DIRECT, MITMPROXY, LENIENT), [ONE, UNVOUCHED])
    assert watched.interception(ONE, MITMPROXY)["attribution"]["vendor"] == "mitmproxy"
    assert watched.interception(ONE, MITMPROXY)["attribution"]["confidence"] == "high"
    refused = watched.interception(UNVOUCHED, LENIENT)
    assert refused["verdict"] == "intercepted"
    assert "E16" in ids(refused)
    assert refused["attribution"]["product"].startswith("Squid")


def test_known_interceptor(watcher: Watcher, ways: Ways, tmp_path: Path, sites: Sites) -> None:
    """The operator's own inspection: by itself it settles the matter, once is enough."""
    chain = watcher.check(some(ways, SSLSPLIT), [ONE]).result(ONE, SSLSPLIT)["tls"]["chain"]
    watched = watcher.check(some(ways, SSLSPLIT), [ONE], "--known-interceptor", chain[-1]["spki_sha256"])
    verdict = watched.interception(ONE, SSLSPLIT)
    assert verdict["verdict"] == "intercepted"
    assert "E14" in ids(verdict)


def test_saved_run_is_judged_the_same_again(watcher: Watcher, ways: Ways, tmp_path: Path) -> None:
    saved = tmp_path / "run.json"
    routes = some(ways, DIRECT, SQUID, PEEKING, MITMPROXY, SSLSPLIT, BEHIND_SQUID)
    watched = watcher.check(routes, [ONE, TWO, EXEMPT], "--save", str(saved), "--locate")
    again = watcher.judge(saved)
    for key in watched.words():
        assert again.interception(*key) == watched.interception(*key)
    assert json.loads(saved.read_text())["summary"] == again.summary
