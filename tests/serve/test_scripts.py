"""Routes that a PAC script decides, watched for ever: settled at the start and at each reload."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.published import Published, published

from .conftest import World
from .serving import Serving

SENTENCE = (
    "A PAC script decides this route, target by target, when the configuration is read: "
    "/probe takes routes whose proxies are named"
)


@pytest.fixture
def pac() -> Iterator[Published]:
    with published() as server:
        yield server


def hops(serving: Serving) -> set[tuple[str, str]]:
    """Number and kind of the hops that route `hq` has series of."""
    samples = serving.scrape().all("prober_hop_duration_seconds_count", route="hq")
    return {(labels["hop"], labels["scheme"]) for labels, count in samples if count}


def reload(serving: Serving) -> None:
    answer = serving.ask("/-/reload", "POST", timeout=30)
    assert answer.status == 200, answer.body


def test_a_route_that_a_script_decides(world: World, pac: Published) -> None:
    first, second = world.stage.proxy("first"), world.stage.proxy("second")
    url = pac.put_script(f'return host == "a.contoso.test" ? "PROXY 127.0.0.1:{first}" : "DIRECT";')
    settings = world.configure()
    settings["routes"] = {"direct": [], "hq": {"pac": url}}
    settings["serve"]["allow_networks"] = ["127.0.0.0/8"]
    world.rewrite(settings)
    serving = world.start().ready()
    samples = serving.seen()
    found = samples.all("prober_target_reachable", route="hq")
    assert {(labels["target"], value) for labels, value in found} == {("contoso.web.a", 1.0), ("contoso.web.b", 1.0)}
    assert hops(serving) == {("1", "http")}
    assert world.stage.served("first") > 0
    assert pac.asked == ["/proxy.pac"], "once, whatever the number of targets and probes"

    answer = serving.ask("/probe?target=https://a.contoso.test/&route=hq")
    assert (answer.status, answer.body.strip()) == (400, SENTENCE)
    assert serving.ask("/probe?target=https://a.contoso.test/&route=direct").status == 200

    kept = serving.confirmed("contoso.web.b", "hq")
    moved = serving.confirmed("contoso.web.a", "hq")
    pac.put_script(f'return host == "a.contoso.test" ? "PROXY 127.0.0.1:{second}" : "DIRECT";')
    reload(serving)
    serving.until(lambda: world.stage.served("second") > 0, "the other proxy")
    serving.seen()
    assert len(pac.asked) == 2
    assert serving.confirmed("contoso.web.b", "hq") == kept, "its way is the same"
    assert serving.until(lambda: serving.confirmed("contoso.web.a", "hq"), "seen again")["since"] > moved["since"]

    del pac.scripts["/proxy.pac"]
    reload(serving)

    def failures() -> set[tuple[str, str]]:
        infos = serving.scrape().all("prober_last_probe_failure_info", route="hq")
        return {(labels["stage"], labels["reason"]) for labels, _ in infos} if len(infos) == 2 else set()

    serving.until(lambda: failures() == {("config", "pac-fetch-failed")}, "no script, no way")
    assert serving.scrape().value("prober_probes_total", route="hq", result="error")
    assert "route hq has no way for 2 targets until a reload finds one: pac-fetch-failed (" in serving.log
    assert {value for _, value in serving.scrape().all("prober_target_reachable", route="direct")} == {1.0}
    assert "Traceback" not in serving.log


def test_a_dry_run_fetches_nothing(world: World, pac: Published) -> None:
    settings = world.configure(["a.contoso.test"])
    settings["routes"] = {"hq": {"pac": pac.put("DIRECT")}}
    world.rewrite(settings)
    serving = world.start("--dry-run")
    assert serving.ended() == 0
    assert "1 pair" in serving.log
    assert pac.asked == []


def test_a_proxy_of_a_list_dies(world: World, pac: Published) -> None:
    first, second = world.stage.proxy("first"), world.stage.proxy("second")
    settings = world.configure(["a.contoso.test"])
    settings["routes"] = {"hq": {"pac": pac.put(f"PROXY 127.0.0.1:{first}; PROXY 127.0.0.1:{second}")}}
    world.rewrite(settings)
    serving = world.start().ready()
    serving.seen()
    assert world.stage.served("second") == 0
    world.stage.kill("first")
    serving.until(lambda: world.stage.served("second") > 1, "the next entry of the list")
    assert serving.scrape().value("prober_target_reachable", target="contoso.web.a", route="hq") == 1.0
    assert serving.transitions() == []
    shown = serving.pair("contoso.web.a", "hq")
    assert shown["confirmed"]["since"]
    assert "Traceback" not in serving.log
