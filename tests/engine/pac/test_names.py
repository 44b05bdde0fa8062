from __future__ import annotations

import socket
import threading

import pytest

from prober.engine.pac.limits import Limits
from prober.engine.pac.names import Names, machine, table


def test_a_table_knows_its_names_only() -> None:
    resolve = table({"A.example.": ["192.0.2.1"], "none": []})
    assert [tuple(resolve(name)) for name in ("a.example", "none", "other")] == [("192.0.2.1",), (), ()]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-", "x" * 300, "10.1", "1.2.3.4.5", "\ud800", "a..b", "\x00"])
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    def resolve(_: str) -> list[str]:
        raise AssertionError

    assert Names(resolve, Limits()).ask(name) == ()


def test_addresses_are_normal_distinct_and_bounded() -> None:
    found = ["2001:DB8:0::1", "2001:db8::1", "fe80::1%eth0", "no", "192.0.2.1", "192.0.2.2", "192.0.2.3"]
    names = Names(lambda _: found, Limits(addresses=5))
    assert names.ask("Bücher.example.") == ("2001:db8::1", "fe80::1", "192.0.2.1", "192.0.2.2")


def test_limits_of_a_call_and_of_a_run() -> None:
    names = Names(lambda _: ["192.0.2.1"], Limits(call_names=2, run_names=3))
    assert [names.ask(name) is None for name in ("a", "b", "a", "c", "a")] == [False, False, False, True, True]
    assert names.refused == "more than 2 names to be resolved for one URL"
    names.begin_call()
    assert [names.ask(name) is None for name in ("a", "c", "d")] == [False, False, True]
    assert names.refused == "more than 3 names to be resolved in one run"
    names.begin_run()
    assert names.ask("d") == ("192.0.2.1",)


def test_threads_that_are_stuck_are_few() -> None:
    release, begun = threading.Event(), []

    def resolve(name: str) -> list[str]:
        begun.append(name)
        release.wait(60)
        return []

    names = Names(resolve, Limits(name_seconds=0.01))
    assert [names.ask(f"n{n}") for n in range(20)] == [()] * 20
    release.set()
    assert len(begun) == 8


def test_the_machine_s_own_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [(0, 0, 0, "", (address, 0)) for address in ("192.0.2.1", "::1", "192.0.2.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    assert machine("name") == ["192.0.2.1", "::1"]
