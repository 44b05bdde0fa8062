"""The table of what each component can use."""

from __future__ import annotations

import re

import pytest

from prober.routes.windows.components import CAPABILITIES, Answer, Component, Kind, read_components

from .devices import advanced, blob, device, sensor, winhttp


@pytest.mark.parametrize("component", Component)
def test_every_question_has_an_answer_and_a_reason(component: Component) -> None:
    about = CAPABILITIES[component]
    assert set(about.kinds) == set(Kind)
    for ability in (*about.kinds.values(), about.authentication, about.socks, about.tls_to_proxy, about.inspection):
        assert ability.source
        assert ability.answer is Answer.UNKNOWN or re.search(r"[\[(].+[\])]|setting|counts", ability.source)


@pytest.mark.parametrize(
    ("component", "kinds"),
    [
        (Component.EDR, "static named wpad direct"),
        (Component.MDAV, "static pac wpad wininet direct"),
        (Component.MDI_SENSOR, "pac wpad wininet config direct"),
        (Component.MDI_UPDATER, "pac wpad wininet config direct"),
        (Component.SYSTEM, "named direct"),
        (Component.MDE_LINUX, "static direct"),
        (Component.MDE_MACOS, "static pac wpad direct"),
    ],
)
def test_what_is_certain_to_work(component: Component, kinds: str) -> None:
    about = CAPABILITIES[component]
    assert " ".join(kind for kind in Kind if about.can(kind) is Answer.YES) == kinds


def test_only_the_identity_sensor_logs_in() -> None:
    able = {each for each in Component if CAPABILITIES[each].authentication.answer is Answer.YES}
    assert able == {Component.MDI_SENSOR, Component.MDI_UPDATER}


def test_no_reading_has_a_kind_that_its_component_cannot_use() -> None:
    full = device(
        static="a:1", winhttp=winhttp("b:1"), av_server="http://c:1", av_pac="http://d/p",
        s18=blob("e:1", pac="http://f/p", flags=15),
        s19=blob("g:1", pac="http://h/p", flags=15), sensor=sensor("http://i:1"), linux="http://j:1",
        advanced=[advanced(pac_url="http://k/p", auto_detect=True)],
    )  # fmt: skip
    for component, reading in read_components(full).items():
        for candidate in reading.candidates:
            assert CAPABILITIES[component].can(candidate.kind) is not Answer.NO, (component, candidate.kind)
