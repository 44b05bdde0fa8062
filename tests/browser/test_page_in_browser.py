"""The page in a real browser: live, filtered, by keyboard, without scripts, in the dark, with hostile names."""

from __future__ import annotations

import os
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from prober.monitor.page.events import Pace
from prober.monitor.page.marks import Mark, cell_of
from prober.monitor.page.matrix import layout_of

from ..monitor.page.page_boards import (
    HQ,
    NOW,
    ROUTES,
    Play,
    denied,
    failed,
    reached,
    sample,
    troubled_stage,
    well_stage,
)
from ..monitor.page.page_serving import Visit, visiting
from ..monitor.page.test_page import broken_pair
from ..monitor.page.test_page_hostile import hostile_play
from .browsing import chromium, is_live, looking

pytestmark = pytest.mark.real

DOCS = Path(__file__).parents[2] / "docs"
QUICK = Pace(spacing=0.05, pulse=0.2)
VISIBLE_ROWS = """() => {
  const rows = document.querySelectorAll(".group:not([hidden]) tbody tr:not([hidden])");
  return [...rows].map((row) => row.id).sort();
}"""
VISIBLE_COLUMNS = (
    """() => [...document.querySelectorAll(".columns .col:not([hidden])")].map((each) => each.textContent)"""
)


@cache
def _troubled() -> Play:
    return troubled_stage(sample())


def troubled() -> Play:
    """Looked at, never played on."""
    return _troubled()


async def open_page(page: Page, visit: Visit, path: str = "/") -> None:
    await page.goto(visit.url + path)
    await is_live(page)
    await page.evaluate("window.untouched = true")


async def untouched(page: Page) -> bool:
    """Whether the page has not been loaded again."""
    return bool(await page.evaluate("window.untouched === true"))


# live


async def test_a_change_appears_by_itself() -> None:
    play = well_stage(sample(1))
    target = play.first()
    cell = f"#{layout_of(play.board.pairs).ids[target.id, 'hq']}"
    async with visiting(play, QUICK) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit)
        assert await page.locator(".group[open]").count() == 0
        assert "Everything that is probed is reached" in await page.locator("#panel-causes").inner_text()
        play.play(denied(target, HQ, NOW))
        await page.wait_for_selector(f"{cell}[data-marks~=pending]", state="attached")
        play.play(denied(target, HQ, NOW + 5))
        await page.wait_for_selector(f"{cell}[data-marks~=unreachable]")
        assert "proxy-denied" in await page.locator(cell).inner_text()
        await page.wait_for_selector("#panel-causes .cause.unreachable")
        await page.wait_for_selector(".group[open][data-broken]")
        await expect(page).to_have_title("✕ 1 · prober · paris")
        play.play(*(reached(target, HQ, NOW + 60 + n) for n in range(2)))
        await page.wait_for_selector(f"{cell}[data-marks=ok]")
        await page.wait_for_selector("#panel-causes .calm")
        assert await untouched(page)


async def test_a_reload_of_the_configuration_changes_the_matrix() -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit)
        assert await page.locator("td.cell").count() == len(play.board.pairs)
        await page.locator("details.group").first.locator("summary").click()
        play.change(play.plan.targets[:5], ROUTES[:2])
        await expect(page.locator("td.cell")).to_have_count(10)
        assert await page.evaluate(VISIBLE_COLUMNS) == ["direct", "hq"]
        assert await page.locator("select[name=route] option").all_inner_texts() == ["all", "direct", "hq"]
        assert await page.locator("details.group").first.get_attribute("open") is not None
        await is_live(page)
        target = play.plan.targets[0]
        play.play(*(failed(target, HQ, NOW + n) for n in range(2)))
        await page.wait_for_selector("td.cell.unreachable")
        assert await untouched(page)


async def test_it_says_when_it_is_not_live_any_more() -> None:
    play = well_stage(sample(1))
    async with visiting(play, QUICK) as visit, chromium() as browser, looking(browser, visit.url) as (page, noted):
        noted.expected += ["503", "ERR_"]
        await open_page(page, visit)
        visit.live.close()
        await page.wait_for_selector("#live[data-state=lost]")
        assert "not live since 2026-11-22 07:30:0" in await page.locator("#live").inner_text()


async def test_silence_is_noticed() -> None:
    """A connection that is open and says nothing: the prober hangs, or a proxy in between has forgotten it."""
    play = well_stage(sample(1))
    async with (
        visiting(play, Pace(pulse=3600)) as visit,
        chromium() as browser,
        looking(browser, visit.url) as (page, _),
    ):
        await page.clock.install()
        await open_page(page, visit)
        await page.clock.run_for(17_000)
        await page.wait_for_selector("#live[data-state=lost]")


async def test_what_is_focused_stays_focused_when_it_changes() -> None:
    play = well_stage(sample(1))
    target = play.first()
    cell = f"#{layout_of(play.board.pairs).ids[target.id, 'hq']}"
    async with visiting(play, QUICK) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit, f"/?q={target.id}")
        await page.locator(f"{cell} a").focus()
        play.play(*(denied(target, HQ, NOW + n) for n in range(2)))
        await page.wait_for_selector(f"{cell}[data-marks~=unreachable]")
        assert await page.evaluate("document.activeElement.closest('td')?.id") == cell[1:]


# filters


@pytest.mark.parametrize(
    "fields",
    [
        {"q": "EVENTS"},
        {"service": "MDAV"},
        {"geography": "EU", "service": "MDE"},
        {"route": "hq", "state": "unreachable"},
        {"state": "broken"},
        {"state": "pending"},
        {"state": "ok", "route": "cloud"},
        {"q": "nothing is called like this"},
    ],
    ids=str,
)
async def test_the_filter_leaves_out_what_the_server_would(fields: dict[str, str]) -> None:
    play = troubled()
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    async with visiting(play) as visit, chromium() as browser:
        async with looking(browser, visit.url, java_script_enabled=False) as (page, _):
            await page.goto(f"{visit.url}/?{query}")
            found = await page.locator("#groups").evaluate(VISIBLE_ROWS), await page.evaluate(VISIBLE_COLUMNS)
            said = await page.locator("#count").inner_text()
        async with looking(browser, visit.url) as (page, _):
            await open_page(page, visit)
            everything = await page.evaluate(VISIBLE_ROWS)
            for name, value in fields.items():
                field = page.locator(f"#filter [name={name}]")
                await (field.fill(value) if name == "q" else field.select_option(value))
            assert (await page.evaluate(VISIBLE_ROWS), await page.evaluate(VISIBLE_COLUMNS)) == found
            assert await page.locator("#count").inner_text() == said
            assert await page.evaluate("Object.fromEntries(new URLSearchParams(location.search))") == fields
            assert await page.locator("#nothing").is_visible() is (found[0] == [])
            await page.reload()
            assert await page.evaluate(VISIBLE_ROWS) == found[0]
            await page.locator("#clear").click()
            assert await page.evaluate(VISIBLE_ROWS) == everything


async def test_a_cause_leads_to_its_pairs() -> None:
    play = troubled()
    async with visiting(play) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit)
        await page.locator(".cause", has_text="proxy hq").locator("a").first.click()
        rows = await page.evaluate(VISIBLE_ROWS)
        refused = {key[0] for key, state in play.board.pairs.items() if cell_of(state).word == "proxy-denied"}
        assert len(rows) == len(refused)
        assert await untouched(page)


# one pair


async def test_the_drawer_by_keyboard() -> None:
    play = troubled()
    target, route = broken_pair(play, Mark.INTERCEPTED)
    cell = f"#{layout_of(play.board.pairs).ids[target, route]}"
    async with visiting(play) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit)
        await page.locator(f"{cell} a").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#drawer[open] article.pair")
        assert await page.evaluate("document.activeElement.id") == "pair-title"
        assert f"target={target}" in page.url
        assert "Contoso Inspection CA 07" in await page.locator("#drawer").inner_text()
        for _ in range(80):  # focus stays within it, or in the browser itself
            await page.keyboard.press("Tab")
            assert await page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('#drawer')"
            )
        await page.keyboard.press("Escape")
        await page.wait_for_selector("#drawer:not([open])", state="attached")
        assert await page.evaluate("document.activeElement.closest('td')?.id") == cell[1:]
        await expect(page).to_have_url(f"{visit.url}/")
        assert await untouched(page)


async def test_the_drawer_with_back_and_forward_and_from_route_to_route() -> None:
    play = troubled()
    target, route = broken_pair(play, Mark.INTERCEPTED)
    cell = f"#{layout_of(play.board.pairs).ids[target, route]}"
    async with visiting(play) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit)
        await page.locator(f"{cell} a").click()
        await page.wait_for_selector("#drawer[open] article.pair")
        await page.locator("#drawer .over-routes a", has_text="direct").click()
        await page.wait_for_selector("#drawer h1:has-text('over direct')")
        await page.go_back()
        await page.wait_for_selector("#drawer:not([open])", state="attached")
        await page.go_forward()
        await page.wait_for_selector("#drawer[open] article.pair")
        await page.locator("#drawer button", has_text="Close").click()
        await page.wait_for_selector("#drawer:not([open])", state="attached")
        assert await untouched(page)


async def test_arrow_keys_go_from_cell_to_cell() -> None:
    play = troubled()
    async with visiting(play) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit)
        rows = await page.evaluate(
            "() => [...document.querySelectorAll('.group[open] tbody tr')]"
            ".map((row) => [...row.cells].slice(1).map((cell) => cell.id))"
        )
        focused = "document.activeElement.closest('td')?.id"
        await page.locator(f"#{rows[0][0]} a").focus()
        for key, expected in (
            ("ArrowRight", rows[0][1]), ("ArrowDown", rows[1][1]), ("ArrowDown", rows[2][1]), ("ArrowLeft", rows[2][0]),
            ("ArrowLeft", rows[2][0]), ("ArrowUp", rows[1][0]),
        ):  # fmt: skip
            await page.keyboard.press(key)
            assert await page.evaluate(focused) == expected


async def test_the_drawer_follows_the_pair() -> None:
    play = well_stage(sample(1))
    target = play.first()
    async with visiting(play) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await page.clock.install()
        await open_page(page, visit, f"/?q={target.id}")
        await page.locator(f"#{layout_of(play.board.pairs).ids[target.id, 'hq']} a").click()
        await page.wait_for_selector("#drawer[open] article.pair")
        play.play(denied(target, HQ, NOW + 3))
        await page.clock.run_for(6_000)
        await page.wait_for_selector("#drawer .probe >> text=proxy-denied at hop 1")


# without scripts


async def test_without_scripts_it_is_a_page_like_any_other() -> None:
    play = troubled()
    target, route = broken_pair(play, Mark.INTERCEPTED)
    cell = f"#{layout_of(play.board.pairs).ids[target, route]}"
    async with (
        visiting(play) as visit,
        chromium() as browser,
        looking(browser, visit.url, java_script_enabled=False) as (page, _),
    ):
        await page.goto(visit.url)
        assert await page.locator("td.cell").count() == len(play.board.pairs)
        assert await page.locator("td.cell.intercepted").first.is_visible()
        assert "as of 2026-11-22 07:30:00Z" in await page.locator("#live").inner_text()
        await page.locator("select[name=state]").select_option("intercepted")
        await page.locator("#filter button").click()
        assert "state=intercepted" in page.url
        assert await page.locator("td.cell.unreachable:visible").count() == 0
        await page.locator(f"{cell} a").click()
        assert "over cloud" in await page.locator("h1").inner_text()
        assert await page.locator(".waterfall rect").first.is_visible()
        await page.locator("nav a", has_text="Changes").click()
        assert await page.locator("table.history tbody tr").count() == min(100, len(play.told))
        await page.locator("nav a", has_text="Now").click()
        await page.locator("noscript a").click()
        assert await page.locator("meta[http-equiv=refresh]").get_attribute("content") == "60"


# how it looks


CONTRAST = """() => {
  const parse = (text) => {
    const canvas = parse.canvas ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((v) => linear(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const over = (top, bottom, alpha) => top.map((value, place) => value * alpha + bottom[place] * (1 - alpha));
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour[3]) layers.push(colour);
      if (colour[3] === 255) break;
    }
    return layers.reverse().reduce((under, layer) => over(layer.slice(0, 3), under, layer[3] / 255), [255, 255, 255]);
  };
  const seen = new Map();
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest(".sr, option, noscript, script")) continue;
    const style = getComputedStyle(element);
    let opacity = 1;
    for (let each = element; each; each = each.parentElement) opacity *= Number(getComputedStyle(each).opacity);
    const back = behind(element);
    const front = over(parse(style.color).slice(0, 3), back, opacity);
    const [a, b] = [light(front), light(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const place = `${element.tagName}.${element.className} ${ratio.toFixed(2)}`;
    if (ratio < 4.5) seen.set(place, element.textContent.slice(0, 40));
  }
  return [...seen];
}"""


def paths(play: Play) -> list[str]:
    pairs = [broken_pair(play, Mark.INTERCEPTED), broken_pair(play, Mark.UNREACHABLE), broken_pair(play, Mark.OK)]
    return ["/", *(f"/pair?target={target}&route={route}" for target, route in pairs), "/transitions"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(scheme: Any) -> None:
    play = troubled()
    async with (
        visiting(play) as visit,
        chromium() as browser,
        looking(browser, visit.url, color_scheme=scheme) as (page, _),
    ):
        grounds = set()
        for path in paths(play):
            await page.goto(visit.url + path)
            await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            assert await page.evaluate(CONTRAST) == [], path
            grounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == {"rgb(244, 246, 248)" if scheme == "light" else "rgb(13, 17, 22)"}


async def test_nothing_is_wider_than_a_telephone() -> None:
    play = troubled()
    async with (
        visiting(play) as visit,
        chromium() as browser,
        looking(browser, visit.url, viewport={"width": 360, "height": 740}) as (page, _),
    ):
        for path in paths(play):
            await page.goto(visit.url + path)
            assert await page.evaluate("document.documentElement.scrollWidth") == 360, path


async def test_on_paper() -> None:
    play = troubled()
    async with (
        visiting(play) as visit,
        chromium() as browser,
        looking(browser, visit.url, color_scheme="dark") as (page, _),
    ):
        await open_page(page, visit)
        await page.emulate_media(media="print", color_scheme="dark")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert await page.locator("nav").is_hidden()
        assert await page.locator("#filter").is_hidden()
        assert await page.locator("td.cell.unreachable").first.is_visible()
        assert await page.evaluate(CONTRAST) == []


async def test_columns_stand_under_their_heads() -> None:
    play = troubled()
    async with visiting(play) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit)
        for state in ("", "hq"):
            await page.locator("select[name=route]").select_option(state)
            lefts = (
                "(all) => all.filter((each) => each.checkVisibility())"
                ".map((each) => Math.round(each.getBoundingClientRect().left))"
            )
            heads = await page.locator(".columns .col").evaluate_all(lefts)
            row = page.locator(".group[open]:not([hidden]) tbody tr:not([hidden])").first
            for cells in (row.locator("td"), page.locator(".group[open] summary").first.locator(".col")):
                found = await cells.evaluate_all(lefts)
                assert len(found) == len(heads)
                assert max(abs(one - other) for one, other in zip(found, heads, strict=True)) <= 1


# for everybody


async def test_everything_has_a_role_and_a_name() -> None:
    play = troubled()
    named = {
        "link",
        "button",
        "searchbox",
        "textbox",
        "combobox",
        "region",
        "navigation",
        "form",
        "search",
        "table",
        "dialog",
    }
    async with visiting(play) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        for path in paths(play):
            await page.goto(visit.url + path)
            session = await page.context.new_cdp_session(page)
            tree = (await session.send("Accessibility.getFullAXTree"))["nodes"]
            found = [
                (node["role"]["value"], node.get("name", {}).get("value", ""))
                for node in tree
                if not node.get("ignored") and "role" in node
            ]
            assert [each for each in found if each[0] in named and not each[1].strip()] == [], path
            roles = [role for role, _ in found]
            assert [roles.count(each) for each in ("main", "banner", "contentinfo", "navigation")] == [1, 1, 1, 1]
            headings = await page.locator("h1, h2, h3").evaluate_all(
                "(all) => all.filter((each) => each.checkVisibility()).map((each) => Number(each.tagName[1]))"
            )
            assert headings[0] == 1
            assert all(after - before <= 1 for before, after in pairwise(headings))
            if path == "/":
                broken = next(name for role, name in found if role == "link" and "proxy-denied" in name)
                assert broken.startswith("unreachable"), broken
                assert "since" in broken


async def test_the_skip_link_comes_first() -> None:
    async with visiting(troubled()) as visit, chromium() as browser, looking(browser, visit.url) as (page, _):
        await open_page(page, visit)
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        assert await page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert await page.evaluate("!!document.activeElement.closest('main')")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


async def test_hostile_names_do_nothing() -> None:
    play = hostile_play()
    key = next(key for key in play.board.pairs if key[1] == "cloud")
    cell = f"#{layout_of(play.board.pairs).ids[key]}"
    async with visiting(play, QUICK) as visit, chromium() as browser, looking(browser, visit.url) as (page, noted):
        noted.expected.append("404")  # the last page of all
        await open_page(page, visit, "/?state=broken")
        await page.locator(f"{cell} a").click()
        await page.wait_for_selector("#drawer[open] article.pair")
        assert "<script>alert(1)</script>" in await page.locator("#drawer").inner_text()
        assert await page.locator("img[src=x], [onerror], #drawer script").count() == 0
        await page.keyboard.press("Escape")
        play.play(*(reached(play.board.pairs[key].target, play.board.pairs[key].route, NOW + 50 + n) for n in range(2)))
        await page.wait_for_selector(f"{cell}:not([data-marks~=unreachable])", state="attached")
        assert await page.locator("img[src=x], [onerror]").count() == 0
        for path in ("/transitions", "/pair?target=%3Cscript%3Ealert(1)%3C/script%3E&route=x"):
            await page.goto(visit.url + path)


# pictures for the documentation


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pictures(scheme: Any, tmp_path: Path) -> None:
    """With PROBER_PICTURES=1 they go to docs/."""
    play = troubled_stage() if os.environ.get("PROBER_PICTURES") else troubled()
    folder = DOCS if os.environ.get("PROBER_PICTURES") else tmp_path
    suffix = "" if scheme == "light" else "-dark"
    target, route = broken_pair(play, Mark.INTERCEPTED)
    async with (
        visiting(play) as visit,
        chromium() as browser,
        looking(browser, visit.url, color_scheme=scheme, viewport={"width": 1440, "height": 1200}) as (page, _),
    ):
        await open_page(page, visit)
        await page.screenshot(path=folder / f"monitoring-page{suffix}.png")
        await page.locator(f"#{layout_of(play.board.pairs).ids[target, route]} a").click()
        await page.wait_for_selector("#drawer[open] article.pair")
        await page.screenshot(path=folder / f"monitoring-pair{suffix}.png")
    for file in folder.glob(f"monitoring-*{suffix}.png"):
        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.stat().st_size > 20_000
