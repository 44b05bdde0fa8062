"""Settings become work: pairs in order, every mistake at once."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from types import ModuleType

import pytest
import trustme

from prober.check.errors import PlanErrors
from prober.check.plan import make_plan
from prober.engine import limits
from prober.model import Anchor, Route

PROXY = "http://10.0.0.1:3128"


def refused(given: ModuleType, targets: list[str], **more: object) -> tuple[str, ...]:
    with pytest.raises(PlanErrors) as raised:
        make_plan(given.loaded(**more), targets)
    return raised.value.errors


def test_every_mistake_is_told_at_once(given: ModuleType) -> None:
    """Selection, placeholders, roots, client certificate, roots of two proxies, one of them fine otherwise."""
    for name in ("roots.pem", "client.pem", "hop.pem"):
        Path(name).write_text("no certificate here\n")
    Path("good.yaml").write_text("routes:\n  hq: [{url: https://proxy.corp:8443, trust_roots: hop.pem}]\n")
    overrides = {
        "select.geography": ["EX"],
        "select.service": ["MDX"],
        "set": {"workspac": ["x"]},
        "trust.roots": ["roots.pem"],
        "trust.client_certificates": {"*": "client.pem"},
    }
    loaded = given.load(Path("good.yaml"), {}, overrides)
    with pytest.raises(PlanErrors) as raised:
        make_plan(loaded)
    errors = raised.value.errors
    for start in (
        "command line: select.geography: unknown geography",
        "command line: select.service: unknown service",
        "command line: set.workspac: unknown placeholder",
        "trusted roots roots.pem: ",
        "trust_roots hop.pem: ",
        "client certificate for *: client.pem",
    ):
        assert len([error for error in errors if error.startswith(start)]) == 1, (start, errors)
    assert len(errors) == 6
    assert str(raised.value) == "\n".join(errors)


def test_mistakes_of_catalogs_come_with_those_of_trust(given: ModuleType) -> None:
    Path("mine.yaml").write_text("service: OWN\ngroups:\n  - {name: g, targets: [{id: a, hots: x}, {id: a}]}\n")
    Path("roots.pem").write_text("")
    errors = refused(given, [], overrides={"catalogs": ["mine.yaml"], "trust.roots": ["roots.pem"]})
    assert sum("mine.yaml:3" in error for error in errors) >= 3
    assert errors[-1].startswith("trusted roots roots.pem: ")


def test_mistakes_of_targets_by_hand_come_together(given: ModuleType) -> None:
    Path("list").write_text("good.example\nbad port:x\nhttps://\n")
    errors = refused(given, ["@list", "also:bad:one", "@ghost", "fine.example"])
    assert len(errors) == 4
    assert any("list:2" in error for error in errors)
    assert any("list:3" in error for error in errors)
    assert any("ghost" in error for error in errors)


def test_a_file_that_goes_away_after_the_settings_were_read(given: ModuleType) -> None:
    Path("roots.pem").write_text("")
    loaded = given.loaded({"trust.roots": ["roots.pem"]})
    Path("roots.pem").unlink()
    with pytest.raises(PlanErrors, match=r"trusted roots .*roots\.pem: No such file"):
        make_plan(loaded, ["a.example"])


def test_pairs_stand_target_by_target(given: ModuleType) -> None:
    plan = given.plan_of(["b.example", "a.example"], via=[f"hq={PROXY}", "direct"])
    assert [(pair.target.host, pair.route.name) for pair in plan.pairs] == [
        ("b.example", "hq"),
        ("b.example", "direct"),
        ("a.example", "hq"),
        ("a.example", "direct"),
    ]


def test_the_same_target_twice_is_probed_once(given: ModuleType) -> None:
    Path("list").write_text("a.example\ntls://a.example:443\n")
    plan = given.plan_of(["a.example", "@list", "https://a.example/"])
    assert len(plan.targets) == len({target.id for target in plan.targets}) == 2


def test_the_environment_gives_each_target_its_own_route(given: ModuleType) -> None:
    environ = {
        "HTTPS_PROXY": "http://secure.corp:3128",
        "HTTP_PROXY": "http://plain.corp:8080",
        "NO_PROXY": ".inside.example,other.example:8443",
    }
    targets = [
        "https://a.example/",
        "http://a.example/",
        "tls://a.example",
        "https://x.inside.example/",
        "https://other.example:8443/",
        "https://other.example/",
    ]
    plan = given.plan_of(targets, via=["env"], environ=environ, no_direct=True)
    ways = {pair.target.id: [hop.url for hop in pair.route.hops] for pair in plan.pairs}
    assert ways == {
        "https://a.example/": ["http://secure.corp:3128"],
        "http://a.example/": ["http://plain.corp:8080"],
        "tls://a.example": ["http://secure.corp:3128"],
        "https://x.inside.example/": [],
        "https://other.example:8443/": [],
        "https://other.example/": ["http://secure.corp:3128"],
    }
    assert {pair.route.name for pair in plan.pairs} == {"env"}
    assert given.Conduct(plan).document().routes[0].hops[0].host == "secure.corp"


def test_catalogs_are_used_when_no_target_is_given(given: ModuleType) -> None:
    overrides = {"select.service": ["MDI"], "set": {"workspace": ["contoso"]}}
    plan = make_plan(given.loaded(overrides))
    assert [target.host for target in plan.targets] == ["contososensorapi.atp.azure.com"]
    assert plan.skipped
    assert make_plan(given.loaded({"select.service": ["MDI"]})).services_without_probes == ("MDI",)
    by_hand = make_plan(given.loaded(overrides), ["a.example"])
    assert (by_hand.skipped, by_hand.services_without_probes) == ((), ())


def test_settings_reach_the_engine(given: ModuleType) -> None:
    overrides = {"probe.timeout": 3.5, "probe.retries": 4, "probe.family": "ipv6", "resolve": {"*": "127.0.0.1"}}
    plan = given.plan_of(["a.example"], overrides=overrides, attempts=3, workers=2)
    assert (plan.probe.timeout, plan.probe.retries, plan.probe.family) == (3.5, 4, "ipv6")
    assert plan.probe.overrides.find("whatever.example", 443) is not None
    assert (plan.attempts, plan.workers) == (3, 2)
    assert plan.rules == (Route("direct"),)


def test_concurrency_is_what_the_descriptors_allow(given: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (100, 200))
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, _limits: None)
    plan = given.plan_of(["a.example"], overrides={"probe.concurrency": 1000})
    assert plan.probe.concurrency == 200 - limits._RESERVE
    assert plan.descriptors.clamped
    doubled = given.plan_of(["a.example"], overrides={"probe.concurrency": 1000}, workers=2)
    assert doubled.probe.concurrency == 2 * (200 - limits._RESERVE)


@pytest.mark.parametrize(
    ("host", "trusted", "anchor"),
    [("a.corp.example", True, Anchor.VENDOR_PRIVATE), ("a.example.com", False, Anchor.VENDOR_PRIVATE)],
)
def test_trusted_roots_keep_their_class_and_their_names(
    given: ModuleType, host: str, trusted: bool, anchor: Anchor
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path("roots.pem")
    root = {"file": "roots.pem", "anchor": "vendor_private", "names": ["corp.example"]}
    plan = given.plan_of([host], overrides={"trust.roots": [root]})
    leaf = ssl.PEM_cert_to_DER_cert(authority.issue_cert(host).cert_chain_pems[0].bytes().decode())
    judged = plan.judge.judge((leaf,), host, time.time())
    assert (judged.trusted, judged.anchor) == (trusted, anchor)
