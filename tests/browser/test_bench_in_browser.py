"""The page of a benchmark in a real browser: by day and night, on paper and on a telephone, with hostile names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Page

from prober.bench.html.page import render_html
from prober.bench.saved import load

from ..bench.made import comparison, runs, search
from ..bench.test_reports import hostile
from .browsing import chromium, looking

pytestmark = pytest.mark.real

DOCS = Path(__file__).parents[2] / "docs"
HEIGHT = 2990
"""Pixels of a picture: down to the percentiles."""
PAGES = {"run": runs, "search": search, "comparison": comparison}
OVERLAPS = """() => {
  const found = [];
  for (const chart of document.querySelectorAll("svg.chart")) {
    const texts = [...chart.querySelectorAll("text")].map((each) => [each.textContent, each.getBoundingClientRect()]);
    const box = chart.getBoundingClientRect();
    texts.forEach(([text, own], place) => {
      if (!own.width) return;
      if (own.left < box.left - 1 || own.right > box.right + 1) found.push(`outside: ${text}`);
      for (const [other, its] of texts.slice(place + 1)) {
        const wide = Math.min(own.right, its.right) - Math.max(own.left, its.left);
        const high = Math.min(own.bottom, its.bottom) - Math.max(own.top, its.top);
        if (wide > 2 && high > 4) found.push(`${text} × ${other}`);
      }
    });
  }
  return found;
}"""


async def opened(page: Page, html: str, tmp_path: Path) -> None:
    file = tmp_path / "bench.html"
    file.write_text(html, encoding="utf-8")
    await page.goto(file.as_uri())


@pytest.mark.parametrize("name", PAGES)
async def test_no_word_lies_upon_another(name: str, tmp_path: Path) -> None:
    async with (
        chromium() as browser,
        looking(browser, tmp_path.as_uri(), viewport={"width": 1280, "height": 900}) as (page, _),
    ):
        await opened(page, render_html(PAGES[name]()), tmp_path)
        await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert await page.evaluate(OVERLAPS) == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_and_can_be_read(width: int, scheme: str, tmp_path: Path) -> None:
    async with (
        chromium() as browser,
        looking(browser, tmp_path.as_uri(), viewport={"width": width, "height": 900}, color_scheme=scheme) as (page, _),
    ):
        await opened(page, render_html(runs()), tmp_path)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        ground, text = await page.evaluate(
            "() => { const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]; }"
        )
        assert (ground == "rgb(13, 17, 22)") is (scheme == "dark")
        assert ground != text


async def test_nothing_hostile_runs_and_no_host_is_asked(tmp_path: Path) -> None:
    async with chromium() as browser, looking(browser, tmp_path.as_uri()) as (page, _):
        await opened(page, render_html(hostile(runs())), tmp_path)
        assert "<script>alert(1)</script>" in await page.inner_text("body")


async def test_it_prints(tmp_path: Path) -> None:
    async with chromium() as browser, looking(browser, tmp_path.as_uri()) as (page, _):
        await opened(page, render_html(search()), tmp_path)
        paper = await page.pdf(format="A4", print_background=True)
        assert paper.startswith(b"%PDF")
        assert 2 <= paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") <= 30


@pytest.mark.skipif("PROBER_PICTURES" not in os.environ, reason="makes the pictures of docs/ anew")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pictures(scheme: str, tmp_path: Path) -> None:
    async with (
        chromium() as browser,
        looking(browser, tmp_path.as_uri(), viewport={"width": 1280, "height": 1500}, color_scheme=scheme) as (page, _),
    ):
        await opened(page, render_html(load(DOCS / "bench-example.json.zst")), tmp_path)
        name = "bench.png" if scheme == "light" else "bench-dark.png"
        await page.screenshot(path=DOCS / name, clip={"x": 0, "y": 0, "width": 1280, "height": HEIGHT}, full_page=True)
