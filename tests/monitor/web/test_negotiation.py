"""Which format a client gets: as prometheus-client decides it, and by the weights where there are some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import choose_encoder

from prober.monitor.metrics.formats import Format, Style
from prober.monitor.web.negotiation import gzip_accepted, style_for

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROTOBUF_FIRST = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," + PROMETHEUS_3
)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/plain",
        "text/plain;version=0.0.4",
        "text/plain; version=1.0.0",
        "text/plain;version=1.0.0;escaping=values",
        "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/openmetrics-text;version=1.0.0;escaping=dots",
        "application/openmetrics-text;version=1.0.0;escaping=nonsense",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=0.0.1,text/plain;version=1.0.0",
        "application/json, application/openmetrics-text;version=1.0.0",
        PROMETHEUS_2,
        PROMETHEUS_3,
        PROTOBUF_FIRST,
    ],
)
def test_as_prometheus_client_decides(accept: str) -> None:
    assert style_for(accept).content_type == choose_encoder(accept)[1]


@pytest.mark.parametrize(
    ("accept", "style"),
    [
        ("text/plain;version=1.0.0;q=0.3, application/openmetrics-text;version=1.0.0;q=0.6", Format.OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0, text/plain;version=1.0.0;q=0.1", Format.TEXT_1),
        ("application/openmetrics-text;version=1.0.0;q=0", Format.TEXT),
        ("application/openmetrics-text;version=1.0.0;q=nonsense", Format.OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=nan", Format.OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text;Version=1.0.0", Format.OPENMETRICS),
        ('application/openmetrics-text;version="1.0.0"', Format.OPENMETRICS),
    ],
)
def test_weights_and_spelling(accept: str, style: Format) -> None:
    assert style_for(accept).format is style


@pytest.mark.parametrize(
    "version", ["2.0.0", "99", "0.0.1", "1.x", "x", "1..", "-1", "1" * 5000, "١.0.0", "1.0.0-rc.0"]
)
def test_versions_that_are_not_offered_are_passed_over(version: str) -> None:
    assert style_for(f"application/openmetrics-text;version={version}") == Style()
    both = f"application/openmetrics-text;version={version}, text/plain;version=1.0.0"
    assert style_for(both) == Style(Format.TEXT_1, "underscores")


def test_a_later_version_with_the_same_beginning_gets_the_one_there_is() -> None:
    assert style_for("application/openmetrics-text;version=1.1.0").content_type == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    )


@given(st.text(st.sampled_from('apl/;=q,.0123"*openmetrics-txv \t'), max_size=200) | st.text())
def test_any_header_gets_some_answer(header: str) -> None:
    assert style_for(header).content_type.isascii()
    assert style_for(header).content_type.isprintable()
    assert gzip_accepted(header) in (True, False)


def test_long_headers_are_looked_at_in_part() -> None:
    assert style_for("a/b," * 2000 + "application/openmetrics-text") == Style()


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("deflate;q=1.0, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0", False),
        ("gzip;q=0.001", True),
        ("gzip;q=0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("*;q=0, gzip", True),
        ("identity", False),
        ("gzipped", False),
        ("snappy, zstd", False),
    ],
)
def test_gzip(header: str, wanted: bool) -> None:
    assert gzip_accepted(header) is wanted
