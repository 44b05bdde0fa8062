"""A comparison as one HTML file in a real browser: filtered, without scripts, in the dark, on paper, with hostile
names, and with more differences than anybody reads."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.async_api import Page, expect

from prober.diff import compare, diff_document, sides_of
from prober.diff.compare import Comparison
from prober.diff.html.page import render_diff
from prober.diff.html.view import MAX_PAIRS, PAIRS_EACH

from ..diff.html.test_diff_page import page_of, poisoned, world
from ..diff.made import compared, failed, result, run, tls
from ..report.html.test_html_page import HOSTILE
from .browsing import chromium, looking
from .test_page_in_browser import CONTRAST

pytestmark = pytest.mark.real

DOCS = Path(__file__).parents[2] / "docs"
MOMENTS = (("2026-11-23T16:02:11.000Z", "2026-11-23T16:04:40.000Z"), ("2026-11-23T17:09:02.000Z", "2026-11-23T17:11:35.000Z"))  # fmt: skip # noqa: E501 # a pair of moments
SHOWN = "() => [...document.querySelectorAll('.cause:not([hidden])')].map((each) => each.dataset.kind)"


@cache
def comparison() -> Comparison:
    """As of a change in two egress points."""
    sides = []
    for word, results, (started, finished) in zip(("before", "after"), world(), MOMENTS, strict=True):
        side = []
        for egress in ("lyon", "paris"):
            mine = run([each for each in results if each.egress == egress], egress=egress)
            side.append((f"{word}-{egress}.json.zst", replace(mine, started=started, finished=finished)))
        sides.append(side)
    return compare(sides_of(*sides))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return written(tmp_path, page_of(comparison()))


def written(folder: Path, page: str) -> str:
    path = folder / "diff.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


async def kinds(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(SHOWN)
    return found


async def test_filters_leave_what_fits(url: str) -> None:
    document = diff_document(comparison())
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        everything = await kinds(page)
        assert everything == [each.kind for each in document.differences]
        for name, value, wanted in (
            ("severity", "regression", ["newly-unreachable", "newly-intercepted"]),
            ("kind", "newly-on-fallback", ["newly-on-fallback"]),
            ("egress", "0", ["newly-intercepted", "newly-on-fallback", "issuing-ca-changed"]),
            ("service", "1", ["newly-on-fallback", "newly-reachable"]),
        ):
            await page.locator(f"#filter [name={name}]").select_option(value)
            assert await kinds(page) == wanted
            await page.locator(f"#filter [name={name}]").select_option("")
        await page.locator("#filter [name=q]").fill("STORE3")
        assert await kinds(page) == ["newly-unreachable"]
        assert await page.locator(".pairs tbody tr:visible").count() == 1
        assert await page.locator("#count").inner_text() == "1 of 5 causes, 1 of 18 pairs"
        await page.locator("#filter [name=q]").fill("nothing is called like this")
        assert await page.locator("#nothing").is_visible()
        await page.locator("#filter button").click()
        await expect(page.locator("#nothing")).to_be_hidden()
        assert await kinds(page) == everything


async def test_without_a_script_everything_is_there(url: str) -> None:
    async with chromium() as browser, looking(browser, url, java_script_enabled=False) as (page, _):
        await page.goto(url)
        assert await page.locator("#filter").is_hidden()
        assert await page.locator(".tools").is_hidden()
        assert await page.locator("#c1 .pairs tbody tr").first.is_visible()
        await page.locator("#c5 summary").click()
        assert await page.locator("#c5 .pairs tbody tr").first.is_visible()


async def test_hostile_names_run_nothing(tmp_path: Path) -> None:
    url = written(tmp_path, page_of(poisoned(HOSTILE)))
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        assert "alert(1)" in await page.locator("#c1").inner_text()
        await page.locator("#filter [name=q]").fill("alert")
        assert await page.locator("script").count() == 1
        await page.locator("#copy").click()
        await expect(page.locator("#copy")).not_to_have_text("Copy for a ticket")


async def test_a_hole_in_the_escaping_would_run_nothing(tmp_path: Path) -> None:
    forced = "<script>alert(1)</script><img src='x' onerror='alert(2)'><p style='color: red' onclick='alert(3)'>x</p>"
    url = written(tmp_path, page_of(comparison()).replace("</main>", f"{forced}</main>", 1))
    async with chromium() as browser, looking(browser, url) as (page, noted):
        noted.expected = ["Content Security Policy"]
        await page.goto(url)
        await page.locator("main > p").click()
        violations = await page.evaluate("window.violations.splice(0)")
        assert len(violations) >= 3
        assert await kinds(page), "its own script does"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(url: str, scheme: Any) -> None:
    async with chromium() as browser, looking(browser, url, color_scheme=scheme) as (page, _):
        await page.goto(url)
        await page.evaluate("document.querySelectorAll('.pairs').forEach((each) => { each.open = true; })")
        assert await page.evaluate(CONTRAST) == []
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(244, 246, 248)" if scheme == "light" else "rgb(13, 17, 22)")


async def test_nothing_is_wider_than_a_telephone(url: str) -> None:
    async with chromium() as browser, looking(browser, url, viewport={"width": 360, "height": 740}) as (page, _):
        await page.goto(url)
        assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_on_paper(url: str) -> None:
    async with chromium() as browser, looking(browser, url, color_scheme="dark") as (page, _):
        await page.goto(url)
        await page.emulate_media(media="print", color_scheme="dark")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for hidden in ("#filter", ".tools", ".skip"):
            assert await page.locator(hidden).is_hidden()
        folded = await page.locator(".pairs:not([open])").count()
        await page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert await page.locator(".pairs:not([open])").count() == 0
        await page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert await page.locator(".pairs:not([open])").count() == folded > 0
        assert (await page.pdf(format="A4")).startswith(b"%PDF")


async def test_a_hundred_thousand_differences_open_at_once(tmp_path: Path) -> None:
    """Many causes, each with many pairs: the file and the browser stay as they are."""
    hosts = [f"h{number}.example" for number in range(5000)]
    before = [result(host, "hq", f"e{place}") for place in range(20) for host in hosts]
    after = [
        failed(host, "hq", f"e{place}") if place < 10 else
        result(host, "hq", f"e{place}", tls=tls("b", f"CN=Maker {'m' * place}"))
        for place in range(20) for host in hosts
    ]  # fmt: skip
    many = compared(before, after)
    assert len(many.changes) == 100_000
    document = diff_document(many)
    page_text = render_diff(document, many)
    assert len(page_text.encode()) < 2_000_000
    url = written(tmp_path, page_text)
    async with chromium() as browser, looking(browser, url) as (page, _):
        await page.goto(url)
        listed = await page.locator(".pairs tbody tr").count()
        assert PAIRS_EACH < listed <= MAX_PAIRS
        assert "50,000 worse" in await page.locator(".totals").inner_text()


async def test_pictures(url: str, tmp_path: Path) -> None:
    """`PROBER_PICTURES=1` renews those in docs/."""
    folder = DOCS if os.environ.get("PROBER_PICTURES") else tmp_path
    async with chromium() as browser:
        for name, scheme in (("diff", "light"), ("diff-dark", "dark")):
            view: Any = {"viewport": {"width": 1440, "height": 1240}, "color_scheme": scheme}
            async with looking(browser, url, **view) as (page, _):
                await page.goto(url)
                await page.screenshot(path=folder / f"{name}.png")
    for name in ("diff", "diff-dark"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
