"""Debian's Chromium, driven by Playwright, with everything noted that a page must not do."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from ..real.programs import require

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
window.alerted = 0;
window.alert = () => { window.alerted += 1; };
"""


@dataclass
class Noted:
    """What a page said and asked for."""

    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    expected: list[str] = field(default_factory=list)
    """Parts of console messages that the test provokes."""

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.problems.append(f"{kind}: {text}")


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser. Skips the test where there is none, as tests/real/ does."""
    program = shutil.which("chromium") or require("chromium", "chromium")
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def looking(browser: Browser, url: str, **options: Any) -> AsyncIterator[tuple[Page, Noted]]:
    """A page of a context of its own; at the end it must have behaved."""
    noted = Noted()
    context: BrowserContext = await browser.new_context(**options)
    context.set_default_timeout(30_000)
    if options.get("java_script_enabled", True):
        await context.add_init_script(_WATCH)
    page = await context.new_page()
    noted.watch(page)
    try:
        yield page, noted
        if options.get("java_script_enabled", True):
            assert await page.evaluate("window.violations") == []
            assert await page.evaluate("window.alerted") == 0
    finally:
        await context.close()
    assert noted.problems == []
    assert noted.hosts <= {urlsplit(url).netloc}, "another host was asked"


async def is_live(page: Page) -> None:
    """Wait until the page has heard from the prober."""
    await page.wait_for_selector("#live[data-state=live]")


real = pytest.mark.real
