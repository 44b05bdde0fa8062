"""The HTML report in a real browser, from a file: filtered, by keyboard, without scripts, in the dark, on paper, and
with hostile names."""

from __future__ import annotations

import os
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.async_api import Page, expect

from prober.report.causes import findings_of
from prober.report.document import HopTimingsDoc, Result, Run, TimingsDoc
from prober.report.html.page import render_html

from ..report import conftest as world
from ..report.html.test_html_page import HOSTILE, poisoned
from .browsing import chromium, looking
from .test_page_in_browser import CONTRAST

pytestmark = pytest.mark.real

DOCS = Path(__file__).parents[2] / "docs"
ROWS = (
    "() => [...document.querySelectorAll('.group:not([hidden]) tbody tr:not([hidden]) th a')].map((a) => a.textContent)"
)


@cache
def run() -> Run:
    seen: Run = world.run_of(world.ROUTES[:5], judged=True)
    return msgspec.structs.replace(seen, results=tuple(map(staged, count(), seen.results)))


def staged(number: int, result: Result) -> Result:
    """The result with stages that took as long as they do in a network."""
    some = 1 + number % 7 / 10
    failure = result.failure
    came = len(result.via or ()) if failure is None or not failure.hop else failure.hop
    hops = tuple(HopTimingsDoc(None, 0.0021 * some, None, 0.0163 * some * (place + 1)) for place in range(came))
    direct = not result.via
    secure = result.tls is not None
    timings = TimingsDoc(
        dns=0.0034 * some if direct else None,
        connect=0.0112 * some if direct else None,
        hops=hops,
        tls=0.0287 * some if secure else None,
        ttfb=0.0214 * some if result.http is not None else None,
        total=None,
    )
    stages = [timings.dns, timings.connect, timings.tls, timings.ttfb, *(hop.connect for hop in hops)]
    total = sum(filter(None, [*stages, *(hop.negotiate for hop in hops)])) + 0.0018
    return msgspec.structs.replace(result, timings=msgspec.structs.replace(timings, total=total))


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = tmp_path / "report.html"
    path.write_text(render_html(run()), encoding="utf-8")
    return path.as_uri()


async def rows(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(ROWS)
    return found


def hosts(wanted: Any) -> set[str]:
    return {each.target.host for each in run().results if wanted(each)}


async def test_filters_leave_what_fits(url: str) -> None:
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        everything = await rows(page)
        assert len(everything) == run().summary.targets
        field = page.locator("#filter [name=q]")
        await field.fill("EU-1")
        assert set(await rows(page)) == hosts(lambda each: "eu-1" in each.target.host)
        await field.fill("")
        for name, value, wanted in (
            ("service", "MDI", lambda each: each.target.service == "MDI"),
            ("geography", "UK", lambda each: each.target.geography == "UK"),
            ("state", "unreachable", lambda each: not each.reachable),
        ):
            await page.locator(f"#filter [name={name}]").select_option(value)
            assert set(await rows(page)) == hosts(wanted)
            await page.locator(f"#filter [name={name}]").select_option("")
        await page.locator("#filter [name=route]").select_option("1")
        await page.locator("#filter [name=broken]").check()
        odd = hosts(
            lambda each: each.route == "hq" and (not each.reachable or (each.http and each.http.as_expected is False))
        )
        assert set(await rows(page)) == odd
        assert await page.locator(".columns .col:visible").all_inner_texts() == ["hq"]
        assert await page.locator("#count").inner_text() == f"{len(odd)} of {len(everything)} targets"
        await page.locator("#filter [name=q]").fill("nothing is called like this")
        assert await page.locator("#nothing").is_visible()
        await page.locator("#filter button").click()
        await expect(page.locator("#nothing")).to_be_hidden()
        assert await rows(page) == everything


async def test_filters_by_keyboard_alone(url: str) -> None:
    """From the first field on by Tab, arrows, letters, blank and Enter; nothing leaves the page."""
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        everything = await rows(page)
        await page.locator("#filter [name=q]").focus()
        await page.keyboard.type("mdi")
        await page.keyboard.press("Enter")
        assert set(await rows(page)) == hosts(lambda each: each.target.service == "MDI")
        for wanted in ("service", "geography", "route", "state", "cause", "broken"):
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.name") == wanted
            if wanted == "route":
                await page.keyboard.press("ArrowDown")
                await page.keyboard.press("ArrowDown")
                assert await page.locator(".columns .col:visible").all_inner_texts() == ["hq"]
        await page.keyboard.press("Space")
        assert await page.locator("#filter [name=broken]").is_checked()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#filter [name=broken]")).not_to_be_checked()
        assert await rows(page) == everything
        assert urlsplit(page.url).query == ""


async def test_several_egress_points(tmp_path: Path) -> None:
    """Each has its own columns; a cause is about the pairs of its own."""
    there = [msgspec.structs.replace(each, egress="rome") for each in run().results if each.route in ("direct", "hq")]
    well = [
        each if each.route == "hq" else msgspec.structs.replace(each, reachable=True, failure=None) for each in there
    ]
    both = msgspec.structs.replace(run(), results=(*run().results, *well))
    path = tmp_path / "both.html"
    path.write_text(render_html(both), encoding="utf-8")
    names = [*(f"paris/{route.name}" for route in run().routes), "rome/direct", "rome/hq"]
    findings = findings_of(both)
    async with chromium() as browser, looking(browser, path.as_uri()) as (page, _):
        await page.goto(path.as_uri())
        assert await page.locator(".columns .col").all_inner_texts() == names
        await page.locator("#filter [name=route]").select_option(label="rome/hq")
        assert await page.locator(".columns .col:visible").all_inner_texts() == ["rome/hq"]
        await page.locator("#filter [name=state]").select_option("unreachable")
        refused = {each.target.host for each in well if each.route == "hq" and not each.reachable}
        assert set(await rows(page)) == refused
        await page.locator("#filter button").click()
        await expect(page.locator("#count")).to_contain_text(f"{both.summary.targets} of")
        place = next(number for number, each in enumerate(findings, 1) if "rome/hq" in each.sentence)
        await page.locator(f"#c{place} a[data-cause]").click()
        assert set(await rows(page)) == set(findings[place - 1].names)
        await page.locator(".group:not([hidden]) tr:not([hidden]) td.unreachable").last.click()
        await page.wait_for_selector("#drawer[open] tr.asked")
        assert (await page.locator("#drawer tr.asked th").inner_text()).startswith("rome/hq")
        causes = await page.locator("#drawer .story a").all_inner_texts()
        assert f"cause {place}" in causes


async def test_a_state_that_no_cell_has_is_not_offered(url: str) -> None:
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        options = await page.locator("#filter [name=state] option").evaluate_all(
            "(all) => all.map((each) => each.value)"
        )
        assert len(options) > 4
        for state in options[1:]:
            await page.locator("#filter [name=state]").select_option(state)
            assert await rows(page), state


async def test_a_cause_leads_to_its_targets(url: str) -> None:
    finding = findings_of(run())[0]
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        await page.locator("#c1 a[data-cause]").click()
        assert set(await rows(page)) == set(finding.names)


async def test_the_drawer_by_keyboard(url: str) -> None:
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        link = page.locator(".group th a").first
        await link.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#drawer[open] article")
        assert await page.evaluate("document.activeElement.id") == "drawn-title"
        drawer = page.locator("#drawer")
        assert "Corp Inspection CA" in await drawer.inner_text()
        assert await drawer.locator("svg.w rect").count() > 5
        assert await drawer.locator("table.chains mark").count() > 3
        for _ in range(30):
            await page.keyboard.press("Tab")
            assert await page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('#drawer')"
            )
        await page.keyboard.press("Escape")
        await page.wait_for_selector("#drawer:not([open])", state="attached")
        assert await page.evaluate("document.activeElement === document.querySelector('.group th a')")


async def test_a_cell_opens_its_route_and_an_address_its_target(url: str) -> None:
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(f"{url}#t3")
        await page.wait_for_selector("#drawer[open] article")
        title = await page.locator(".group th a").nth(2).text_content()
        assert await page.locator("#drawn-title").inner_text() == title
        await page.locator("#close").click()
        await page.locator(".group td.intercepted").first.click()
        await page.wait_for_selector("#drawer[open] tr.asked")
        assert (await page.locator("#drawer tr.asked th").inner_text()).startswith("inspected")


async def test_without_scripts_everything_is_there(url: str) -> None:
    async with chromium() as browser, looking(browser, url, java_script_enabled=False) as (page, _):
        await page.goto(url)
        assert await page.locator("#filter").is_hidden()
        assert await page.locator("td.intercepted").first.is_visible()
        await page.locator(".group th a").first.click()
        await expect(page.locator("#t1")).to_be_visible()
        assert "Corp Inspection CA" in await page.locator("#t1").inner_text()
        assert "first byte" in await page.locator("#t1").inner_text()
        await page.locator(".t summary").nth(2).click()
        await expect(page.locator("#t3")).to_be_visible()


async def test_hostile_text_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(render_html(poisoned(run(), HOSTILE)), encoding="utf-8")
    async with chromium() as browser, looking(browser, path.as_uri()) as (page, _):
        await page.goto(path.as_uri())
        await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        await page.locator("#filter [name=q]").fill("<script>")
        for place in range(3):
            await page.locator(".group th a").nth(place).click()
            await page.wait_for_selector("#drawer[open] article")
            await page.keyboard.press("Escape")
        assert await page.locator("script").count() == 1
        assert await page.locator("img, iframe, [onload], [onerror]").count() == 0


async def test_the_policy_stops_what_would_get_through(tmp_path: Path) -> None:
    """Should the escaping ever have a hole: markup put into the file by force runs nothing either."""
    path = tmp_path / "holed.html"
    forced = "<script>window.ran = 1</script><svg onload='window.ran = 1'></svg><img src='x' onerror='window.ran = 1'>"
    path.write_text(render_html(run()).replace("</main>", f"{forced}</main>", 1), encoding="utf-8")
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(path.as_uri())
        assert await page.evaluate("window.ran") is None
        await page.locator(".group th a").first.click()  # its own script does
        await page.wait_for_selector("#drawer[open] article")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(url: str, scheme: Any) -> None:
    async with chromium() as browser, looking(browser, url, color_scheme=scheme) as (page, _):
        await page.goto(url)
        await page.evaluate(
            "document.querySelectorAll('details.more, #every, .t:nth-of-type(-n+4)').forEach((e) => { e.open = true; })"
        )
        assert await page.evaluate(CONTRAST) == []
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(244, 246, 248)" if scheme == "light" else "rgb(13, 17, 22)")


async def test_nothing_is_wider_than_a_telephone(url: str) -> None:
    async with chromium() as browser, looking(browser, url, viewport={"width": 360, "height": 740}) as (page, _):
        await page.goto(f"{url}#t1")
        await page.wait_for_selector("#drawer[open] article")
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        assert await page.evaluate("document.getElementById('drawer').scrollWidth <= innerWidth")


async def test_on_paper(url: str) -> None:
    async with chromium() as browser, looking(browser, url, color_scheme="dark") as (page, _):
        await page.goto(url)
        await page.emulate_media(media="print", color_scheme="dark")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for hidden in ("#filter", ".tools", "#every", ".skip"):
            assert await page.locator(hidden).is_hidden()
        assert await page.locator("td.unreachable").first.is_visible()
        assert await page.locator("#c1").is_visible()
        folded = await page.locator(".more:not([open])").count()
        await page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert await page.locator(".more:not([open])").count() == 0
        assert await page.locator("#c1 .names").is_visible()
        await page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert await page.locator(".more:not([open])").count() == folded > 0
        assert (await page.pdf(format="A4", landscape=True)).startswith(b"%PDF")


async def test_columns_stand_under_their_heads(url: str) -> None:
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        lefts = "(all) => all.map((each) => Math.round(each.getBoundingClientRect().left))"
        heads = await page.locator(".columns .col").evaluate_all(lefts)
        for cells in (page.locator(".group[open] tbody tr").first.locator("td"),
                      page.locator(".group[open] summary").first.locator(".col")):  # fmt: skip
            found = await cells.evaluate_all(lefts)
            assert max(abs(one - other) for one, other in zip(found, heads, strict=True)) <= 1


async def test_pictures(url: str, tmp_path: Path) -> None:
    """`PROBER_PICTURES=1` renews those in docs/."""
    folder = DOCS if os.environ.get("PROBER_PICTURES") else tmp_path
    async with chromium() as browser:
        view: Any = {"viewport": {"width": 1440, "height": 1180}}
        async with looking(browser, url, **view) as (page, _):
            await page.goto(url)
            await page.screenshot(path=folder / "report.png")
            await page.set_viewport_size({"width": 1440, "height": 860})
            await page.evaluate("document.getElementById('matrix').scrollIntoView()")
            await page.screenshot(path=folder / "report-matrix.png")
        view = {"viewport": {"width": 1440, "height": 1420}, "color_scheme": "dark"}
        async with looking(browser, url, **view) as (page, _):
            await page.goto(url)
            await page.locator(".group td.intercepted").first.click()
            await page.wait_for_selector("#drawer[open] article")
            await page.screenshot(path=folder / "report-dark.png")
    for name in ("report", "report-matrix", "report-dark"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
