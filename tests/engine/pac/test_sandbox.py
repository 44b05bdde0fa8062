"""A script with its world: globals, clock, names, replay, and what is left when it is over."""

from __future__ import annotations

import errno
import gc
import importlib.util
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from prober.engine.pac.limits import Limits
from prober.engine.pac.names import table
from prober.engine.pac.sandbox import PacSandbox
from prober.model import Reason, Stage
from prober.routes.pac.reading import Reading

from .processes import children

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
COUNT = "var n = 0; function FindProxyForURL(url, host) { n++; return 'PROXY n' + n + ':1'; }"
ADDRESS = "function FindProxyForURL(url, host) { return 'PROXY ' + dnsResolve(host) + ':1'; }"


def sandbox(script: str, **more: Any) -> PacSandbox:
    return PacSandbox(script, **{"now": NOW, "resolve": table({}), **more})


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    if not Path("/proc/self/fd").is_dir():
        yield
        return
    before, running = set(os.listdir("/proc/self/fd")), children()  # noqa: PTH208 # names are what is compared
    yield
    gc.collect()
    assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 # as above
    assert children() <= running


def test_globals_survive_from_call_to_call_and_run_to_run() -> None:
    with sandbox(COUNT) as pac:
        assert [answer.result for answer in pac.evaluate(["https://a", "https://b"])] == ["PROXY n1:1", "PROXY n2:1"]
        assert [answer.result for answer in pac.evaluate(["https://a"])] == ["PROXY n3:1"]


def test_many_urls_keep_their_order() -> None:
    with sandbox("function FindProxyForURL(url, host) { return url + ' ' + host; }") as pac:
        answers = pac.evaluate([f"http://h{n}/{n}" for n in range(1000)])
    assert [answer.result for answer in answers] == [f"http://h{n}/{n} h{n}" for n in range(1000)]
    assert pac.evaluate([]) == []


def test_a_closed_sandbox_starts_again() -> None:
    pac = sandbox(COUNT)
    pac.evaluate(["https://a"])
    pac.close()
    pac.close()
    assert pac.evaluate(["https://a"])[0].result == "PROXY n1:1"
    pac.close()


def test_the_clock_stands_still_and_is_moved_from_outside() -> None:
    script = (
        "var t = +new Date(); function FindProxyForURL() { return t + ' ' + Date.now() + ' ' + new Date().getHours(); }"
    )
    at = round(NOW.timestamp() * 1000)
    later = (NOW + timedelta(hours=1)).astimezone(timezone(timedelta(hours=-3, minutes=-30)))
    with sandbox(script) as pac:
        assert pac.evaluate(["https://a"])[0].result == f"{at} {at} 12"
        assert pac.evaluate(["https://a"], now=later)[0].result == f"{at} {at + 3_600_000} 9"
        assert pac.evaluate(["https://a"])[0].result == f"{at} {at + 3_600_000} 9"


def test_a_clock_without_zone_is_a_mistake() -> None:
    with sandbox(COUNT, now=datetime(2026, 3, 3)) as pac, pytest.raises(ValueError, match="offset from UTC"):  # noqa: DTZ001 # what is tested
        pac.evaluate(["https://a"])


def test_what_is_no_url_is_a_mistake() -> None:
    with sandbox(COUNT) as pac, pytest.raises(ValueError, match="scheme is missing"):
        pac.evaluate(["https://a", "b"])


def test_own_addresses() -> None:
    script = "function FindProxyForURL() { return myIpAddress() + ' ' + myIpAddressEx(); }"
    for addresses, expected in (
        ((), "127.0.0.1 "),
        (("2001:db8::1",), "127.0.0.1 2001:db8::1"),
        (("2001:db8::1", "10.0.0.1"), "10.0.0.1 2001:db8::1;10.0.0.1"),
    ):
        with sandbox(script, my_addresses=addresses) as pac:
            assert pac.evaluate(["https://a"])[0].result == expected


def test_the_same_world_gives_the_same_answers() -> None:
    script = """
    var born = Math.random();
    function FindProxyForURL(url, host) {
      alert(born); return dnsResolve(host) + Math.random() + Date() + [..."zyx"].sort() + myIpAddress(); }
    """
    world = {"resolve": table({"a": ["192.0.2.1"]}), "my_addresses": ["10.0.0.1"]}
    runs = []
    for urls in (["https://a", "https://b"], ["https://b", "https://a"]):
        with sandbox(script, **world) as pac:
            runs.append({answer.url: answer for answer in pac.evaluate(urls)})
    assert runs[0] == runs[1]
    assert all(answer.trace.random for answer in runs[0].values())
    with sandbox(script, **world, seed=1) as pac:
        assert pac.evaluate(["https://a"])[0].result != runs[0]["https://a"].result


def test_a_name_is_asked_once_a_run() -> None:
    asked: list[str] = []

    def resolve(name: str) -> list[str]:
        asked.append(name)
        return ["192.0.2.1"]

    with sandbox(ADDRESS, resolve=resolve) as pac:
        pac.evaluate(["https://a", "https://A/x", "https://b", "https://192.0.2.9"])
        assert asked == ["a", "b"]
        pac.evaluate(["https://a"])
        assert asked == ["a", "b", "a"]


def test_a_resolver_that_fails_and_one_that_is_slow() -> None:
    stuck = threading.Event()

    def resolve(name: str) -> list[str]:
        if name == "slow":
            stuck.wait(60)
        raise OSError(errno.ENOENT, "nothing")

    with sandbox(ADDRESS, resolve=resolve, limits=Limits(name_seconds=0.1)) as pac:
        results = [answer.result for answer in pac.evaluate(["https://slow", "https://bad", "https://slow"])]
    stuck.set()
    assert results == ["PROXY null:1"] * 3


def test_the_fault_of_a_resolver_is_not_hidden() -> None:
    def resolve(_: str) -> list[str]:
        raise KeyError("a bug")

    with sandbox(ADDRESS, resolve=resolve) as pac, pytest.raises(KeyError, match="a bug"):
        pac.evaluate(["https://a"])


def test_calls_are_recorded_where_wanted() -> None:
    script = """
    alert(dnsResolve('b'));
    function FindProxyForURL(url, host) { alert(); alert(5); return '' + isPlainHostName(host); }
    """
    with sandbox(script, trace=True) as pac:
        (answer,) = pac.evaluate(["https://a"])
    assert [str(call) for call in answer.calls] == ['isPlainHostName("a") = true']
    assert answer.alerts == ("undefined", "5")
    assert [str(call) for call in pac.loading.calls] == ['dnsResolve("b") = null']
    assert pac.loading.alerts == ("null",)
    with sandbox(script) as pac:
        (answer,) = pac.evaluate(["https://a"])
    assert (answer.calls, answer.alerts) == ((), ("undefined", "5"))


BOTH = "function FindProxyForURL() { return 'PROXY plain' } function FindProxyForURLEx() { return 'PROXY ex' }"


@pytest.mark.parametrize(
    ("script", "reading", "entry"),
    [
        (BOTH, Reading.CHROMIUM, "FindProxyForURL"),
        (BOTH, Reading.WINHTTP, "FindProxyForURLEx"),
        (BOTH.partition("}")[0] + "}", Reading.WINHTTP, "FindProxyForURL"),
        (BOTH.partition("}")[2], Reading.WINHTTP, "FindProxyForURLEx"),
    ],
)
def test_the_function_that_a_reading_prefers(script: str, reading: Reading, entry: str) -> None:
    with sandbox(script, reading=reading) as pac:
        (answer,) = pac.evaluate(["https://a"])
    assert answer.entry == entry
    assert answer.result == ("PROXY ex" if entry.endswith("Ex") else "PROXY plain")


def test_https_is_cut_before_the_call_and_http_is_not() -> None:
    with sandbox("function FindProxyForURL(url, host) { return url + ' ' + host; }") as pac:
        answers = pac.evaluate(["https://u:p@A.example:8443/secret?q", "http://A.example/open?q#f"])
    assert [answer.result for answer in answers] == [
        "https://a.example:8443/ a.example",
        "http://a.example/open?q a.example",
    ]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_a_process_that_is_killed_costs_one_answer() -> None:
    victims = children()

    def resolve(_: str) -> list[str]:
        for number in children() - victims:
            os.kill(int(number), signal.SIGKILL)
        return []

    script = "function FindProxyForURL(url, host) { if (host == 'b') dnsResolve(host); return 'DIRECT'; }"
    with sandbox(script, resolve=resolve) as pac:
        first, second, third = pac.evaluate(["https://a", "https://b", "https://c"])
    assert (first.result, third.result) == ("DIRECT", "DIRECT")
    assert second.failure is not None
    assert second.failure.detail == "the script's process was killed by SIGKILL"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_a_process_that_stands_still_is_ended() -> None:
    victims = children()

    def resolve(_: str) -> list[str]:
        for number in children() - victims:
            os.kill(int(number), signal.SIGSTOP)
        return []

    script = "function FindProxyForURL(url, host) { if (host == 'b') dnsResolve(host); return 'DIRECT'; }"
    with sandbox(script, resolve=resolve, limits=Limits(answer_seconds=5)) as pac:
        first, second, third = pac.evaluate(["https://a", "https://b", "https://c"])
    assert (first.result, third.result) == ("DIRECT", "DIRECT")
    assert second.failure is not None
    assert second.failure.detail == "no answer within 5 s"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_a_process_that_is_gone_between_two_runs_costs_nothing() -> None:
    before = children()
    with sandbox(COUNT) as pac:
        pac.evaluate(["https://a"])
        (process,) = children() - before
        os.kill(int(process), signal.SIGKILL)
        os.waitid(os.P_PID, int(process), os.WEXITED | os.WNOWAIT)
        assert pac.evaluate(["https://a"])[0].result == "PROXY n1:1"


def test_threads_wait_for_one_another() -> None:
    results: list[str | None] = []
    with sandbox(COUNT) as pac:
        threads = [
            threading.Thread(target=lambda: results.extend(each.result for each in pac.evaluate(["https://a"] * 50)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [f"PROXY n{n}:1" for n in range(1, 201)]


def test_no_process_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with sandbox(COUNT) as pac:
        answers = pac.evaluate(["https://a", "https://b"])
    for answer in answers:
        assert answer.failure is not None
        assert (answer.failure.stage, answer.failure.reason) == (Stage.LOCAL, Reason.LOCAL_DESCRIPTORS)
        assert answer.failure.detail.startswith("no process for the PAC script could be started: EMFILE")


def test_an_engine_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with sandbox(COUNT) as pac:
        failure = pac.evaluate(["https://a"])[0].failure
    assert failure is not None
    assert failure.detail == "PAC was not evaluated: the package quickjs-ng is not installed (pip install quickjs-ng)"
