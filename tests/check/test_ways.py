"""Rules become routes: scripts, and what a device's settings list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from prober.catalog import parse_target
from prober.check.device import plan_device
from prober.check.plan import make_plan
from prober.check.ways import Settled, script_url, serves, settle
from prober.model import Hop, HopScheme, Reason, Route, Stage, Target
from prober.routes.pac.reading import Reading
from prober.routes.rules import RouteRule, ScriptedRoute
from prober.routes.windows.bypass import BypassList
from prober.routes.windows.candidates import Candidate, Component, Kind
from prober.routes.windows.proxy_list import parse_proxy_list
from prober.routes.windows.route import DeviceRoute
from tests import exports
from tests.published import Published, published

ONE: Final = parse_target("https://one.contoso.test/")
TWO: Final = parse_target("https://two.contoso.test/")
PLAIN: Final = parse_target("http://plain.contoso.test/list.crl")
TARGETS: Final = (ONE, TWO)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DIRECT = Candidate(Kind.DIRECT, source="fallback")


@pytest.fixture
def pac() -> Iterator[Published]:
    with published() as server:
        yield server


def proxy(host: str, port: int = 80) -> tuple[Hop, ...]:
    return (Hop(HopScheme.HTTP, host, port),)


def over(given: ModuleType, *rules: RouteRule, ask: bool = True, targets: tuple[Target, ...] = TARGETS) -> Settled:
    return settle(rules, targets, given.loaded(), ask=ask, now=lambda: NOON)


def listed(*candidates: Candidate, component: Component = Component.EDR, domain: str | None = None) -> DeviceRoute:
    return DeviceRoute(component.value, component, candidates, domain)


def named(text: str, kind: Kind = Kind.STATIC, bypass: str | None = None) -> Candidate:
    entries = None if bypass is None else BypassList.parse(bypass)
    return Candidate(kind, parse_proxy_list(text), bypass=entries, source="HKLM\\here")


# scripts


def test_a_plain_route_is_its_own_way(given: ModuleType) -> None:
    route = Route("hq", proxy("px"))
    settled = over(given, route)
    assert settled.ways == {}
    assert settled.route(route, ONE) is route


def test_a_list_becomes_fallbacks(given: ModuleType, pac: Published) -> None:
    rule = ScriptedRoute("hq", script=pac.put("PROXY a:1; SOCKS5 b; DIRECT; PROXY a:1"))
    route = over(given, rule).route(rule, ONE)
    socks = (Hop(HopScheme.SOCKS5H, "b", 1080),)
    assert route == Route("hq", proxy("a", 1), (socks, ()))
    assert route.text == "http://a:1 else socks5h://b:1080 else direct"


def test_each_target_has_its_own(given: ModuleType, pac: Published) -> None:
    url = pac.put_script('return host == "one.contoso.test" ? "PROXY a:1" : "DIRECT";')
    rule = ScriptedRoute("hq", script=url)
    settled = over(given, rule)
    assert [settled.route(rule, each).hops for each in TARGETS] == [proxy("a", 1), ()]
    assert pac.asked == ["/proxy.pac"]


def test_two_readings_of_one_answer(given: ModuleType, pac: Published) -> None:
    url = pac.put("HTTP a:1; PROXY b:2")
    chromium = ScriptedRoute("chromium", script=url)
    winhttp = ScriptedRoute("winhttp", script=url, reading=Reading.WINHTTP)
    settled = over(given, chromium, winhttp)
    assert settled.route(chromium, ONE) == Route("chromium", proxy("b", 2))
    assert settled.route(winhttp, ONE) == Route("winhttp", proxy("a", 1))
    assert any(each.startswith('route chromium: "HTTP a:1" is dropped') for each in settled.warnings)
    assert any(each.startswith("route winhttp: WinHTTP uses the first item only: 1 more") for each in settled.warnings)
    assert len(settled.warnings) == len(set(settled.warnings)), "each once, whatever the number of targets"
    assert pac.asked == ["/proxy.pac"]


@pytest.mark.parametrize(
    ("rule", "reason", "said"),
    [
        (ScriptedRoute("bad", script="gone.pac"), Reason.PAC_FETCH_FAILED, "gone.pac"),
        (ScriptedRoute("bad", script="/throwing"), Reason.PAC_SCRIPT_ERROR, "ReferenceError"),
        (ScriptedRoute("bad", script="/endless"), Reason.PAC_SCRIPT_ERROR, ""),
        (ScriptedRoute("bad", domain="corp.example"), Reason.WPAD_NONE, "wpad.corp.example"),
    ],
)
def test_a_bad_script_is_its_own_route_s_problem(
    rule: ScriptedRoute, reason: Reason, said: str, given: ModuleType, pac: Published
) -> None:
    pac.put_script("return nowhere();", "/throwing")
    pac.put_script("while (true) {}", "/endless")
    if (rule.script or "").startswith("/"):
        rule = ScriptedRoute(rule.name, script=pac.url(rule.script or ""))
    good = ScriptedRoute("good", script=pac.put("DIRECT"))
    loaded = given.loaded({"resolve": {"*:80": f"127.0.0.1:{pac.port}"}})
    settled = settle([rule, good], [ONE], loaded, now=lambda: NOON)
    route = settled.route(rule, ONE)
    assert (route.hops, route.fallbacks) == ((), ())
    assert route.problem is not None
    assert (route.problem.stage, route.problem.hop, route.problem.reason) == (Stage.CONFIG, 0, reason)
    assert said in route.problem.detail
    assert settled.route(good, ONE) == Route("good")


def test_a_script_may_fail_for_one_target_only(given: ModuleType, pac: Published) -> None:
    rule = ScriptedRoute("hq", script=pac.put_script('if (host == "one.contoso.test") throw 1; return "DIRECT";'))
    settled = over(given, rule)
    problem = settled.route(rule, ONE).problem
    assert problem is not None
    assert problem.reason is Reason.PAC_SCRIPT_ERROR
    assert settled.route(rule, TWO) == Route("hq")


def test_a_target_beyond_the_plan_is_settled_on_demand(given: ModuleType, pac: Published) -> None:
    rule = ScriptedRoute("hq", script=pac.put_script('return "PROXY " + host + ":1";'))
    settled = over(given, rule)
    assert settled.route(rule, PLAIN).hops == proxy("plain.contoso.test", 1)
    assert settled.route(rule, PLAIN) is settled.route(rule, PLAIN)
    assert pac.asked == ["/proxy.pac"]


def test_a_dry_run_fetches_nothing(given: ModuleType, pac: Published) -> None:
    scripted = ScriptedRoute("hq", script=pac.put("DIRECT"))
    device = listed(Candidate(Kind.PAC, pac_url=pac.url(), source="HKLM\\here"), named("px:1"))
    settled = over(given, scripted, device, ask=False)
    problem = settled.route(scripted, ONE).problem
    assert problem is not None
    assert problem.detail == f"PAC {pac.url()}: not asked in a dry run"
    assert settled.route(device, ONE) == Route("edr", proxy("px", 1))
    assert pac.asked == []


async def test_a_running_loop_is_in_nobody_s_way(given: ModuleType, pac: Published) -> None:
    """Whoever reloads a configuration plans in a thread of a program whose loop runs, or on it."""
    rule = ScriptedRoute("hq", script=pac.put("PROXY a:1"))
    assert over(given, rule).route(rule, ONE).hops == proxy("a", 1)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://a.test/x?y", "https://a.test/x?y"),
        ("a.test", "https://a.test/"),
        ("tls://a.test:8443", "https://a.test:8443/"),
        ("http://a.test/list", "http://a.test/list"),
        ("http://a.test:8080/", "http://a.test:8080/"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]/"),
    ],
)
def test_the_url_that_a_script_is_asked_with(text: str, url: str) -> None:
    assert script_url(parse_target(text)) == url


# devices


def test_a_device_s_list_in_its_order(given: ModuleType) -> None:
    rule = listed(named("10.0.0.6:8080"), named("http=px:1;https=px:2", Kind.NAMED), DIRECT)
    settled = over(given, rule, targets=(ONE, PLAIN))
    assert settled.route(rule, ONE) == Route("edr", proxy("10.0.0.6", 8080), (proxy("px", 2), ()))
    assert settled.route(rule, PLAIN).fallbacks == (proxy("px", 1), ())
    assert settled.warnings == ()


def test_the_same_way_twice_is_one(given: ModuleType) -> None:
    rule = listed(named("px:1"), named("px:1", Kind.NAMED), DIRECT, DIRECT)
    assert over(given, rule).route(rule, ONE) == Route("edr", proxy("px", 1), ((),))


def test_a_bypass_list_sends_direct(given: ModuleType) -> None:
    rule = listed(named("px:1", bypass="one.contoso.test;<local>"))
    settled = over(given, rule)
    assert settled.route(rule, ONE) == Route("edr")
    assert settled.route(rule, TWO) == Route("edr", proxy("px", 1))


def test_a_scheme_that_the_list_does_not_name_goes_direct(given: ModuleType) -> None:
    rule = listed(named("http=px:1"))
    settled = over(given, rule, targets=(ONE, PLAIN))
    assert settled.route(rule, ONE) == Route("edr")
    assert settled.route(rule, PLAIN) == Route("edr", proxy("px", 1))


@pytest.mark.parametrize(
    ("component", "fallbacks"),
    [(Component.MDAV, ((),)), (Component.EDR, ((),)), (Component.MDI_SENSOR, (proxy("b", 2), ()))],
)
def test_who_goes_through_the_list_of_a_script(
    component: Component, fallbacks: tuple[Any, ...], given: ModuleType, pac: Published
) -> None:
    script = Candidate(Kind.PAC, pac_url=pac.put("PROXY a:1; PROXY b:2"), source="HKLM\\pac")
    rule = listed(script, DIRECT, component=component)
    assert over(given, rule).route(rule, ONE) == Route(component.value, proxy("a", 1), fallbacks)


def test_a_script_that_failed_is_passed_over_and_that_is_said(given: ModuleType, pac: Published) -> None:
    script = Candidate(Kind.PAC, pac_url=pac.url("/gone"), source="HKLM\\ProxyPacUrl")
    whole, alone = listed(script, named("px:1")), DeviceRoute("edr.pac", Component.EDR, (script,))
    settled = over(given, whole, alone)
    assert settled.route(whole, ONE) == Route("edr", proxy("px", 1))
    problem = settled.route(alone, ONE).problem
    assert problem is not None
    assert problem.reason is Reason.PAC_FETCH_FAILED
    (warning,) = settled.warnings
    assert warning.startswith("route edr: HKLM\\ProxyPacUrl is passed over: pac-fetch-failed (")
    assert "404" in warning
    assert pac.asked == ["/gone"]


def test_nothing_left_has_the_first_problem(given: ModuleType, pac: Published) -> None:
    rule = listed(Candidate(Kind.WPAD), Candidate(Kind.PAC, pac_url=pac.url("/gone")))
    problem = over(given, rule).route(rule, ONE).problem
    assert problem is not None
    assert (problem.reason, problem.detail) == (
        Reason.WPAD_NONE,
        "not looked for: give the domain by --device-domain",
    )


def test_nothing_is_set(given: ModuleType) -> None:
    problem = over(given, listed()).route(listed(), ONE).problem
    assert problem is not None
    assert problem.detail == "no way out is configured"


def test_auto_detection_in_the_device_s_domain(given: ModuleType, pac: Published) -> None:
    pac.put("PROXY w:1", "/wpad.dat")
    rule = listed(Candidate(Kind.WPAD), DIRECT, domain="corp.example")
    loaded = given.loaded({"resolve": {"*:80": f"127.0.0.1:{pac.port}"}})
    assert settle([rule], [ONE], loaded).route(rule, ONE) == Route("edr", proxy("w", 1), ((),))


def test_a_component_s_targets(given: ModuleType) -> None:
    def of(service: str) -> Target:
        return Target(id=service or "own", scheme=ONE.scheme, host=ONE.host, port=443, service=service)

    rule = listed(DIRECT)
    assert [serves(rule, of(service)) for service in ("MDE", "MDAV", "COMMON", "")] == [True, False, False, True]
    assert serves(Route("hq"), of("MDAV"))
    assert serves(ScriptedRoute("hq", script="p.pac"), of("MDI"))


# plans


def test_a_plan_s_pairs_and_warnings(given: ModuleType, pac: Published) -> None:
    loaded = given.loaded(via=[f"hq=pac+{pac.put('PROXY a:1; PROXY ; DIRECT')}", f"no=pac+{pac.url('/gone')}"])
    plan = make_plan(loaded, ["https://one.contoso.test", "two.contoso.test"])
    assert [(pair.target.host, pair.route.text) for pair in plan.pairs] == [
        (host, way)
        for host in ("one.contoso.test", "two.contoso.test")
        for way in ("direct", "http://a:1 else direct", "no way (pac-fetch-failed)")
    ]
    assert any("PROXY needs a host" in warning for warning in plan.warnings)
    assert sorted(pac.asked) == ["/gone", "/proxy.pac"]


def test_a_plan_that_asks_nobody(given: ModuleType, pac: Published) -> None:
    loaded = given.loaded(via=[f"hq=pac+{pac.put('DIRECT')}"], no_direct=True)
    plan = make_plan(loaded, ["one.contoso.test"], ask_scripts=False)
    assert [pair.route.text for pair in plan.pairs] == ["no way (pac-fetch-failed)"]
    assert pac.asked == []


def test_a_login_in_a_script_s_url_is_shown_nowhere(given: ModuleType, pac: Published) -> None:
    url = pac.url("/gone").replace("://", "://svc:hunter2secret@")
    rule = ScriptedRoute("hq", script=url)
    for ask in (True, False):
        settled = over(given, rule, ask=ask)
        assert "hunter2secret" not in f"{settled.route(rule, ONE)} {settled.warnings} {rule.source}"


def test_no_direct_leaves_out_a_device_s_routes_without_a_proxy(given: ModuleType, tmp_path: Path) -> None:
    """Its list keeps its fallback: that is what the device does."""
    export = exports.write_export(tmp_path / "device.reg", exports.static("10.0.0.6:8080"))
    device = plan_device([str(export)], ("edr", "system"))
    plans = [
        make_plan(
            given.loaded(no_direct=no_direct, via=["http://hq:1"]),
            ["one.contoso.test"],
            device=device,
            ask_scripts=False,
        )
        for no_direct in (False, True)
    ]
    names = [{pair.route.name for pair in plan.pairs} for plan in plans]
    assert names[0] - names[1] == {"edr.direct", "system", "system.direct"}
    assert "edr" in names[1]


def test_a_request_that_is_redirected_has_a_way_of_its_own(given: ModuleType) -> None:
    """It keeps its id."""
    rule = listed(named("px:1", bypass="two.contoso.test"))
    settled = over(given, rule)
    assert settled.route(rule, ONE) == Route("edr", proxy("px", 1))
    assert settled.route(rule, replace(TWO, id=ONE.id)) == Route("edr")


@pytest.mark.parametrize("place", ["proxy.pac", "file:///proxy.pac", "\\\\server\\proxy.pac", "ftp://h/proxy.pac"])
def test_a_device_s_script_comes_by_http_only(
    place: str, given: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows; and no file of this machine is read because an export names it."""
    monkeypatch.chdir(tmp_path)
    Path("proxy.pac").write_text('function FindProxyForURL(u, h) { return "PROXY wrong:80"; }')
    rule = listed(Candidate(Kind.PAC, pac_url=place, source="HKLM\\ProxyPacUrl"), named("px:1"))
    settled = over(given, rule)
    assert settled.route(rule, ONE) == Route("edr", proxy("px", 1))
    assert "pac-fetch-failed (not used by Windows: " in settled.warnings[0]
