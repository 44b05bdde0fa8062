"""Revocation asked about at every site, over the site's own ways, which the client does not know: a script's too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from prober.report.document import Run
from prober.report.revocation_document import RevocationDoc

from .stage import PATIENCE, Stage, wait_until

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("cluster")]
TARGET = "https://any.lab.test/"
SCRIPT = """function FindProxyForURL(url, host) {{
  return shExpMatch(url, "http:*") ? "PROXY {blocking}" : "PROXY {open}";
}}"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A lab, and two sites in it: one with an open and a blocking proxy, one with a script that sends what authorities
    publish over the blocking one."""
    stage = Stage(tmp_path_factory.mktemp("revocation"))
    try:
        config = stage.folder / "lab.yaml"
        stage.start("lab", "--write-config", str(config), "--ready-file", str(stage.folder / "ready"), log="lab.log")
        wait_until((stage.folder / "ready").exists, "the lab")
        settings = yaml.safe_load(config.read_text(encoding="utf-8"))
        ways = settings["routes"]
        paris = {name: ways[name] for name in ("open", "no-revocation")}
        script = stage.folder / "proxy.pac"
        places = {name: ways[name][0]["url"].removeprefix("http://") for name in paris}
        script.write_text(SCRIPT.format(blocking=places["no-revocation"], open=places["open"]), encoding="utf-8")
        for name, routes in (("paris", paris), ("berlin", {"corp": {"pac": str(script)}})):
            own = stage.folder / f"{name}.yaml"
            own.write_text(yaml.safe_dump({**settings, "egress": name, "routes": routes}), encoding="utf-8")
            stage.agent(name, "--config", str(own))
        yield stage
    finally:
        stage.close()


def revocations(run: Run) -> dict[tuple[str, str], RevocationDoc]:
    found = {}
    for result in run.results:
        assert result.reachable
        assert result.revocation is not None
        found[result.egress, result.route] = result.revocation
    return found


def test_each_site_asks_over_its_own_ways(stage: Stage) -> None:
    assert stage.check([TARGET], "--revocation", "--no-direct").wait(PATIENCE) == 0, stage.log("check.log")
    run = stage.saved()
    assert run.complete
    told = revocations(run)
    assert {pair: each.reachable for pair, each in told.items()} == {
        ("paris", "open"): True,
        ("paris", "no-revocation"): False,
        ("berlin", "corp"): False,
    }
    for pair in (("paris", "no-revocation"), ("berlin", "corp")):
        failure = told[pair].failure
        assert failure is not None
        assert (failure.stage, failure.hop, failure.reason) == ("proxy", 1, "revocation-unreachable")
        assert "proxy-denied" in failure.detail
    (berlin,) = [each for each in run.results if each.egress == "berlin"]
    assert len(berlin.via or ()) == 1, "reached over the other proxy of the script"
    kinds = {source.kind: source.works for each in told["paris", "open"].certificates for source in each.sources}
    assert kinds == {"crl": True, "ocsp": True, "ca-issuers": True}
    assert (run.summary.revocation_unreachable, run.summary.probes) == (2, 3)


def test_over_one_route(stage: Stage) -> None:
    more = ("--revocation-route", "open", "--egress", "paris", "--no-direct")
    assert stage.check([TARGET], *more, name="one").wait(PATIENCE) == 0, stage.log("one.log")
    assert {each.reachable for each in revocations(stage.saved("one")).values()} == {True}


def test_a_route_that_a_site_has_not_is_refused_with_its_name(stage: Stage) -> None:
    asked = stage.check([TARGET], "--revocation-route", "open", "--no-direct", name="unknown")
    assert asked.wait(PATIENCE) == 2
    assert 'egress berlin: --revocation-route "open": no such route (known: corp)' in stage.log("unknown.log")
    assert "egress paris" not in stage.log("unknown.log")
