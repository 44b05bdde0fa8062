"""How large the HTML of a run is, how long it takes to write, and how long Chromium takes to show it and to filter.

    python benchmarks/html_report.py                      340 targets x 15 routes: 5,100 results
    python benchmarks/html_report.py --routes 6 --json out.json

A worst case that still looks like a network: a tenth of the pairs fails, one route in five intercepts every target
(each has evidence and a chain of its own there), no two targets share a certificate. The limits are those of the issue.
`open` is from the navigation to the second frame after the load event, script and filters included; `filter` is from
typing to the frame after it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import Browser, async_playwright

from prober.report.build import summary_of
from prober.report.document import SCHEMA, Run
from prober.report.html.page import render_html

SERVICES = ("MDE", "MDE", "MDE", "MDAV", "MDI", "COMMON")
GEOGRAPHIES = ("WW", "EU", "US", "UK", "AU", "IN")
SIZE, OPENING = 5_000_000, 2.0
OPENED = """() => new Promise((done) => {
  const now = () => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
  document.readyState === "complete" ? now() : addEventListener("load", now);
})"""
FILTERED = """(value) => new Promise((done) => {
  const field = document.querySelector("#filter [name=q]");
  const begun = performance.now();
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
})"""


def made_run(targets: int, routes: int) -> Run:
    """The run described above."""
    names = ["direct", *(f"egress-proxy-{number:02}" for number in range(1, routes))]
    hops = {
        name: [{"scheme": "http", "host": f"10.{place}.0.6", "port": 8080, "auth": "none"}] if place else []
        for place, name in enumerate(names)
    }
    results = [result(number, place, name, hops[name]) for number in range(targets) for place, name in enumerate(names)]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "prober": {"version": "0.1.0", "python": "3.11.2", "openssl": "OpenSSL 3.5.4"},
        "egress": "paris",
        "started": "2026-11-22T01:07:03.250Z",
        "finished": "2026-11-22T01:07:24.750Z",
        "complete": True,
        "routes": [{"name": name, "hops": hops[name]} for name in names],
        "summary": dict.fromkeys(("targets", "probes", "reachable", "unreachable", "untrusted"), 0)
        | {"intercepted": None, "suspect": None, "services_without_probes": []},
        "skipped": [],
        "results": results,
    }
    run = msgspec.convert(document, Run)
    return msgspec.structs.replace(run, summary=summary_of(run.results))


def result(number: int, place: int, route: str, via: list[dict[str, Any]]) -> dict[str, Any]:
    """One target over one route."""
    service, geography = SERVICES[number % 6], GEOGRAPHIES[number // 6 % 6]
    host = f"{service.lower()}-{geography.lower()}-{number:03}.endpoint.security.example.com"
    opened = place % 5 == 4
    refused = bool(place) and (number * 7 + place * 3) % 10 == 0
    failure = {
        "stage": "proxy",
        "hop": 1,
        "reason": "proxy-denied",
        "detail": "403 Forbidden; X-Squid-Error: ERR_ACCESS_DENIED 0",
        "hint": f"Allow {host} at the proxy, with CONNECT to that port and without TLS inspection.",
        "windows": {"code": None, "hresult": "0x80190193", "name": "HTTP_E_STATUS_FORBIDDEN"},
        "status": 403,
    }
    signer = (
        f"CN=Contoso Inspection CA {place:02},O=Contoso,C=FR" if opened else "CN=Microsoft Azure RSA TLS Issuing CA 04"
    )
    chain = [
        certificate(host, signer, host if not opened else f"{host}{place}"),
        certificate(signer, "CN=Root", signer),
    ]
    untrusted = {**failure, "stage": "tls", "hop": 0, "reason": "cert-untrusted", "detail": f"chain ends in {signer}"}
    reference = {"kind": "route", "name": "direct", "spki_sha256": digest(host), "issuer": "CN=Microsoft", "at": None}
    proofs = [
        {"id": id_, "family": "key", "points": points, "text": text, "observed": "", "expected": ""}
        for id_, points, text in (
            ("E3", 6, "the certificate's key is the key of the authority that signs on this route"),
            ("E2", 4, "over direct another key is served, signed by Microsoft Azure RSA TLS Issuing CA 04"),
            ("E4", 5, "the same key was served for a.example, b.example, c.example and 9 more"),
            ("E1", 3, f"signed by {signer}, which no store has"),
        )
    ]
    verdict: dict[str, Any] = {
        "verdict": "intercepted" if opened else "clean", "basis": "proven", "reason": None,
        "confidence": "high" if opened else None, "score": 18 if opened else 0, "evidence": proofs if opened else [],
        "reference": reference, "attribution": None, "hop": 1 if opened else None, "mixed": None,
        "policy_mismatch": False,
        "signer": {"subject": signer, "spki_sha256": None, "root": "CN=Root", "root_spki_sha256": None, "stores": []},
    }  # fmt: skip
    return {
        "target": {
            "id": f"{service.lower()}.group.endpoint-{number}", "service": service, "group": "group", "host": host,
            "port": 443, "scheme": "https", "path": "/", "geography": geography, "cloud": ["commercial"],
            "required": "yes", "inspection_bypass": True,
        },
        "egress": "paris", "route": route, "at": "2026-11-22T01:07:04Z", "reachable": not refused,
        "trusted": None if refused else not opened, "trust_failure": untrusted if opened and not refused else None,
        "failure": failure if refused else None,
        "timings": {
            "dns": None if place else 0.0021, "connect": None if place else 0.0123,
            "hops": [{"dns": None, "connect": 0.0021, "tls": None, "negotiate": 0.0183}] if place else [],
            "tls": None if refused else 0.0312, "ttfb": None if refused else 0.0221,
            "total": 0.021 if refused else 0.0761 + number / 9000,
        },
        "peer": f"203.0.113.{place}:8080", "samples": [], "via": via,
        "tls": None if refused else {
            "version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "group": "x25519", "alpn": "http/1.1",
            "client_cert_requested": False, "ocsp_stapled": False, "chain": chain,
            "anchor": "unknown" if opened else "public", "key_proven": True,
        },
        "http": None if refused else {"status": 200, "expected": [200], "as_expected": True},
        "interception": None if refused else verdict,
    }  # fmt: skip


def certificate(subject: str, issuer: str, key: str) -> dict[str, Any]:
    """One that parses."""
    return {
        "sha256": digest(f"{key} certificate"), "spki_sha256": digest(key), "subject": f"CN={subject}",
        "issuer": issuer, "serial": digest(key)[:32], "not_before": "2026-06-01T00:00:00Z",
        "not_after": "2027-06-01T00:00:00Z", "sans": [f"name-{number}.{subject[:40]}" for number in range(8)],
    }  # fmt: skip


def digest(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


async def shown(path: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds to open the file and to filter it, in a new browser context each time."""
    program = shutil.which("chromium") or sys.exit("there is no chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    found: dict[str, list[float]] = {"open": [], "filter": []}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        await opened(browser, path)  # the first page of a browser also starts its processes
        for _ in range(rounds):
            opening, filtering = await opened(browser, path)
            found["open"].append(opening)
            found["filter"] += filtering
        await browser.close()
    return found


async def opened(browser: Browser, path: Path) -> tuple[float, list[float]]:
    """How long one look takes."""
    context = await browser.new_context(viewport={"width": 1600, "height": 1000})
    page = await context.new_page()
    await page.goto(path.as_uri(), wait_until="commit")
    opening = await page.evaluate(OPENED) / 1000
    filtering = [await page.evaluate(FILTERED, text) / 1000 for text in ("mde-eu", "no such host", "")]
    await context.close()
    return opening, filtering


def main() -> None:
    """Measure, print, and fail if a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=340)
    parser.add_argument("--routes", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the HTML there")
    given = parser.parse_args()
    run = made_run(given.targets, given.routes)
    begun = time.perf_counter()
    html = render_html(run).encode()
    writing = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder, "report.html")
        path.write_bytes(html)
        found = asyncio.run(shown(path.resolve(), given.rounds))
    numbers = {
        "results": len(run.results),
        "bytes": len(html),
        "write_seconds": round(writing, 3),
        "open_seconds": round(statistics.median(found["open"]), 3),
        "open_seconds_worst": round(max(found["open"]), 3),
        "filter_seconds_worst": round(max(found["filter"]), 3),
    }
    print(json.dumps(numbers, indent=1))
    if given.json:
        given.json.write_text(json.dumps(numbers) + "\n")
    if len(html) > SIZE or numbers["open_seconds"] > OPENING:
        sys.exit("a limit is not kept")


if __name__ == "__main__":
    main()
