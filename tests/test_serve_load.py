"""What `benchmarks/serve_load.py` reads from a scrape and from an open page's stream."""

from __future__ import annotations

import pytest

from benchmarks.serve_load import Page, counters, planned

SCRAPE = """\
# HELP prober_probes_total probes made
prober_probes_total{egress="lab",service="MDE",route="direct",result="success"} 90.0
prober_probes_total{egress="lab",service="MDE",route="open",result="success"} 9.0
prober_probes_total{egress="lab",service="MDE",route="open",result="failure"} 1.0
prober_probes_lost_total{egress="lab"} 2.0
prober_schedule_skipped_total{egress="lab"} 3.0
prober_target_interval_seconds{egress="lab",target="a b",route="direct"} 30.0
prober_target_interval_seconds{egress="lab",target="c",route="open"} 60.0
"""


def test_what_is_counted() -> None:
    assert counters(SCRAPE) == {"made": 100.0, "reached": 99.0, "lost": 2.0, "skipped": 3.0}
    assert planned(SCRAPE) == pytest.approx(0.05)


def test_what_a_page_hears() -> None:
    page = Page(0)
    page._listen(iter([b"event: pulse\r\n", b"data: {}\r\n", b"\r\n", b"event: news\r\n", b"event: reload\r\n"]))
    assert page.heard == {"pulse": 1, "news": 1, "reload": 1}
