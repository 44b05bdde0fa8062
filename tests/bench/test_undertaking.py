"""From an order to a document: what the first probes leave of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from prober.bench.order import Mode
from prober.bench.preflight import Preflight
from prober.bench.standing import State, standings
from prober.bench.undertaking import Hindered, Undertaking, undertake
from prober.model import Route

from .made import PROXIES, Simulated
from .test_asking import undertaking

URL = "https://127.0.0.1:8443/"


class InPlaceOfGenerators(Simulated):
    """Simulated ones, asked for as the real ones are."""

    def __init__(self, workers: int, **_: object) -> None:
        super().__init__(dict.fromkeys(("direct", "a", "b", "c"), PROXIES["tinyproxy"]))

    async def __aenter__(self) -> InPlaceOfGenerators:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to release."""


def closed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """A single probe over these routes fails."""

    async def preflight(target: Any, routes: Sequence[Route], *_: Any) -> Preflight:
        works = tuple(route for route in routes if route.name not in names)
        return Preflight(works, tuple(f"{name} is not loaded, a single probe over it fails" for name in names), ())

    monkeypatch.setattr("prober.bench.ground.preflight", preflight)
    monkeypatch.setattr("prober.bench.ground.Generators", InPlaceOfGenerators)


def ordered(mode: Mode, *names: str) -> Undertaking:
    vias = [f"{name}=http://127.0.0.1:{8000 + place}" for place, name in enumerate(names)]
    rounds = 2 if mode is Mode.COMPARE else None
    return undertaking(*vias, target=URL, compare=mode is Mode.COMPARE, duration=3.0, ramp=0.0, blocks=rounds)


async def test_a_route_that_fails_its_first_probe_is_in_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch, "a")
    said: list[str] = []
    made = await undertake(ordered(Mode.RUN, "a", "b"), (), lambda _: None, said.append)
    assert said == ["a is not loaded, a single probe over it fails"]
    assert list(made.notes) == said
    assert (made.complete, made.unmeasured, made.stopped) == (False, ("a",), "a was not measured")
    assert {(each.route, each.state is State.NOT_RUN) for each in standings(made)} == {
        ("direct", False), ("b", False), ("a", True)
    }  # fmt: skip


async def test_everything_works_and_it_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch)
    made = await undertake(ordered(Mode.RUN, "a", "b"), (), lambda _: None, lambda _: None)
    assert (made.complete, made.unmeasured, made.stopped) == (True, (), None)


async def test_no_way_but_the_proxies_is_said_and_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch, "direct")
    made = await undertake(ordered(Mode.RUN, "a"), (), lambda _: None, lambda _: None)
    assert (made.complete, made.unmeasured) == (True, ())
    assert made.notes == ("direct is not loaded, a single probe over it fails",)


async def test_a_comparison_needs_two_routes_that_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch, "a", "b")
    with pytest.raises(Hindered) as caught:
        await undertake(ordered(Mode.COMPARE, "a", "b", "c"), (), lambda _: None, lambda _: None)
    assert caught.value.lines[:2] == [f"{name} is not loaded, a single probe over it fails" for name in ("a", "b")]
    assert caught.value.lines[2].startswith("--compare: of its routes only c is left")


async def test_two_of_three_are_compared_and_the_third_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch, "a")
    made = await undertake(ordered(Mode.COMPARE, "a", "b", "c"), (), lambda _: None, lambda _: None)
    assert made.comparison is not None
    assert set(made.comparison.order) == {"direct", "b", "c"}
    assert (made.complete, made.unmeasured) == (False, ("a",))
