"""What Prometheus's own tool says of the metrics: nothing."""

from __future__ import annotations

import subprocess

import pytest

from prober.monitor.metrics.formats import Format, Style
from prober.report.metrics import METRICS, Scope

from ..monitor.boards import DIRECT, HQ, NOW, REFUSED, TWO, pairs, seen
from ..monitor.metrics.scrapes import Monitored, whole
from .programs import require

pytestmark = pytest.mark.real


def monitored() -> Monitored:
    """Every metric has a sample."""
    of = pairs(targets=4, routes=(DIRECT, HQ, TWO))
    found = Monitored(of)
    for number, one in enumerate(of):
        for later in (0, 60):
            signer = "stranger" if number % 4 == 1 else "public"
            found.take(one, seen(one, REFUSED if number % 3 == 0 else None, at=NOW + later, signer=signer))
    return found


def check_metrics(text: bytes) -> subprocess.CompletedProcess[str]:
    """Its exit status is 3 for style, 1 for what it cannot read."""
    promtool = require("promtool", "prometheus")
    run = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    return subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())


@pytest.mark.parametrize("style", [Style(), Style(Format.TEXT_1, "allow-utf-8")], ids=lambda style: style.format.name)
async def test_no_complaint(style: Style) -> None:
    text = whole(await monitored().exposition.scrape(style))
    samples = {line.split("{")[0].split(" ")[0] for line in text.decode().splitlines() if line[0] != "#"}
    for name, about in METRICS.items():
        if about.scope is not Scope.PROBE:
            assert {name, f"{name}_bucket"} & samples, f"no sample of {name}: nothing was checked"
    found = check_metrics(text)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_it_would_complain() -> None:
    found = check_metrics(b"# TYPE prober_odd_total gauge\nprober_odd_total 1\n")
    assert found.returncode == 3
    assert "no help text" in found.stderr + found.stdout
    assert check_metrics(b"prober_odd{ 1\n").returncode == 1
