"""Parameters and time limits of a request."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict, MultiDict

from prober.model import Route
from prober.monitor.blackbox.request import TIMEOUT_HEADER, BadRequestError, ProbeRequest, read_request

from .stage import Stage

ROUTES = (Route("hq"), Route("direct"), Route("two"))


def read(
    query: str = "target=x",
    header: str | None = None,
    modules: dict[str, Any] | None = None,
    routes: tuple[Route, ...] = ROUTES,
) -> ProbeRequest:
    stage = Stage(routes=routes, modules=modules or {}, timeout=7)
    pairs: MultiDict[str] = MultiDict()
    for pair in filter(None, query.split("&")):
        pairs.add(*pair.split("=", 1))
    return read_request(pairs, CIMultiDict({TIMEOUT_HEADER: header} if header is not None else {}), stage.scope())


def refusal(query: str, header: str | None = None, modules: dict[str, Any] | None = None) -> str:
    with pytest.raises(BadRequestError) as refused:
        read(query, header, modules)
    return str(refused.value)


def test_defaults() -> None:
    request = read()
    assert (request.ready.name, request.rule.name, request.debug, request.hostname) == (
        "http_2xx",
        "direct",
        False,
        None,
    )
    assert request.timeout == 7


@pytest.mark.parametrize(
    ("header", "module", "expected"),
    [
        ("6", None, 5.5),
        ("10", None, 7),  # probe.timeout
        ("10", "5s", 5),
        ("10", "20s", 9.5),
        ("6.25", None, 5.75),
        ("0", None, 7),  # as if it were not there
        ("0", "3s", 3),
        (None, "3s", 3),
        (None, "1h", 3600),
        ("1000", None, 7),
        ("1000", "1h", 999.5),
        ("1000", "200s", 200),
        ("0.6", None, 0.3),  # half of it, where the offset would leave less
        ("0.2", "5s", 0.1),
        ("6e0", None, 5.5),
        ("", None, 7),
    ],
)
def test_how_long_a_probe_may_take(header: str | None, module: str | None, expected: float) -> None:
    text = {"prober": "http"} | ({} if module is None else {"timeout": module})
    assert read("target=x&module=m", header, {"m": text}).timeout == pytest.approx(expected)


@pytest.mark.parametrize("header", ["abc", "nan", "inf", "-1", "1,0", "١٠", "0x10", "1 s"])
def test_a_limit_that_is_no_number_of_seconds(header: str) -> None:
    assert refusal("target=x", header).startswith("Failed to parse timeout from Prometheus header: ")


def test_what_is_missing_or_unknown() -> None:
    assert refusal("") == "Target parameter is missing"
    assert refusal("target=") == "Target parameter is missing"
    assert refusal("target=x&module=nope") == 'Unknown module "nope"'
    assert refusal("target=x&route=nope") == 'Unknown route "nope"'
    assert refusal('target=x&module=a"b\r\n') == 'Unknown module "a\\"b\\r\\n"'
    assert len(refusal("target=x&module=" + "m" * 5000)) < 130


@pytest.mark.parametrize("name", ["target", "module", "route", "hostname", "debug"])
def test_nothing_comes_twice(name: str) -> None:
    query = f"target=x&{name}=http_2xx&{name}=http_2xx" if name != "target" else "target=x&target=y"
    assert "more than once" in refusal(query)


def test_other_parameters_are_nobody_s_business() -> None:
    assert read("target=x&tag=1&tag=2").target == "x"


def test_the_request_s_route_counts_then_the_module_s_then_direct_then_the_first() -> None:
    module = {"m": {"prober": "http", "route": "two"}}
    assert read("target=x&module=m&route=hq", None, module).rule.name == "hq"
    assert read("target=x&module=m", None, module).rule.name == "two"
    assert read("target=x").rule.name == "direct"
    assert read("target=x", routes=(Route("hq"), Route("two"))).rule.name == "hq"


def test_two_host_headers_contradict_each_other() -> None:
    module = {"m": {"prober": "http", "http": {"headers": {"host": "a.test"}}}}
    assert read("target=x&module=m&hostname=a.test", None, module).hostname == "a.test"
    assert "Host header" in refusal("target=x&module=m&hostname=b.test", None, module)


def test_debug_is_the_word_true() -> None:
    assert read("target=x&debug=true").debug
    assert not read("target=x&debug=1").debug
