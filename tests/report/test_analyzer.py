"""The vendor's block of five methods, and its verdicts."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from prober.model import Failure, Hop, HopScheme, HttpFacts, Observation, Reason, Route, Scheme, Stage, Target
from prober.report.analyzer import _METHODS, group_verdicts, write_analyzer
from prober.report.build import build_result, rule_document
from prober.report.document import Result, RouteDoc, Run

PROXY = Hop(HopScheme.HTTP, "10.0.0.6", 8080)
DENIED = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "403 to CONNECT", 403)
NO_WPAD = Failure(Stage.CONFIG, 0, Reason.WPAD_NONE, "no candidate answered")
TIMED_OUT = Failure(Stage.CONNECT, 0, Reason.TCP_TIMEOUT, "no end after 10 s")


def target(group: str = "c2", number: int = 1, **changes: object) -> Target:
    made = Target(
        id=f"mde.{group}.{number}", scheme=Scheme.HTTPS, host=f"gw-{number}.example.com", port=443, path="/test",
        service="MDE", group=group,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type] # fields of a target


def result(of: Target, route: Route, status: int | None = 200, failure: Failure | None = None) -> Result:
    http = None if status is None or failure is not None else HttpFacts(status)
    seen = Observation(target=of.id, route=route.name, at=0.0, failure=failure, http=http)
    return build_result(of, route, [seen], None, "paris")


NAMED, WPAD, DIRECT, STATIC = (
    Route("edr.named", (PROXY,)), Route("edr.wpad"), Route("edr.direct"), Route("edr.static", (PROXY,)),
)  # fmt: skip
EDR = Route("edr", (PROXY,), ((),))


@pytest.fixture
def base(world: ModuleType) -> Run:
    run: Run = world.run_of(world.ROUTES[:1], 1)
    return run


def run_of(base: Run, results: list[Result], given: Route | None = None) -> Run:
    of_device = (EDR, NAMED, WPAD, DIRECT, STATIC)
    device = [RouteDoc(each.name, rule_document(each).hops, rule="device: HKLM") for each in of_device]
    routes = (*device, *([] if given is None else [rule_document(given)]))
    return msgspec.structs.replace(base, routes=routes, results=tuple(results))


def text_of(run: Run) -> list[str]:
    stream = io.StringIO()
    write_analyzer(run, stream)
    return stream.getvalue().splitlines()


def test_the_block(base: Run) -> None:
    of, given = target(), Route("lab", (PROXY,))
    run = run_of(
        base,
        [
            result(of, EDR), result(of, NAMED), result(of, WPAD, failure=NO_WPAD),
            result(of, DIRECT, failure=TIMED_OUT),
            result(of, STATIC, failure=DENIED), result(of, given, 404),
        ],
        given,
    )  # fmt: skip
    assert text_of(run)[:7] == [
        "Testing URL : https://gw-1.example.com/test",
        "1 - Default proxy: Succeeded (200)",
        "2 - Proxy auto discovery (WPAD): Doesn't exist (no candidate answered)",
        "3 - Proxy disabled: Failed (tcp-timeout)",
        "4 - Named proxy: Failed (403, proxy-denied, hop 1)",
        "5 - Command line proxy: Succeeded (404)",
        "",
    ]


def test_without_a_named_winhttp_proxy_the_default_is_direct(base: Run) -> None:
    of = target(port=8443)
    lines = text_of(run_of(base, [result(of, DIRECT, 405)]))
    assert lines[:6] == [
        "Testing URL : https://gw-1.example.com:8443/test",
        "1 - Default proxy: Succeeded (405)",
        "2 - Proxy auto discovery (WPAD): Not tested",
        "3 - Proxy disabled: Succeeded (405)",
        "4 - Named proxy: Doesn't exist",
        "5 - Command line proxy: Doesn't exist",
    ]


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, "Succeeded (200)"), (400, "Succeeded (400)"), (404, "Succeeded (404)"), (405, "Succeeded (405)"),
     (403, "Failed (403)"), (503, "Failed (503)"), (None, "Failed (no HTTP answer)")],
)  # fmt: skip
def test_statuses_that_count(status: int | None, said: str, base: Run) -> None:
    assert text_of(run_of(base, [result(target(), DIRECT, status)]))[3] == f"3 - Proxy disabled: {said}"


def test_a_bare_handshake_has_no_block(base: Run) -> None:
    assert text_of(run_of(base, [result(target(scheme=Scheme.TLS), DIRECT, None)]))[0].startswith("131001 ")


def test_one_working_method_is_enough(base: Run) -> None:
    of = target()
    run = run_of(base, [result(of, STATIC, failure=DENIED), result(of, DIRECT)])
    assert group_verdicts(run)[0].text == "130017 Command and control (CnC): 1 of 1 URLs reached"


@pytest.mark.parametrize(("failing", "id_"), [(0, 130017), (1, 131013), (2, 132021), (3, 132021)])
@pytest.mark.parametrize(
    ("place", "group"),
    list(enumerate(["c2", "cyber-data", "autoir-blob", "sample-blob", "settings"])),
    ids=str,
)
def test_verdicts_of_groups(failing: int, id_: int, place: int, group: str, base: Run) -> None:
    results = [result(target(group, n), DIRECT, failure=DENIED if n < failing else None) for n in range(4)]
    verdicts = group_verdicts(run_of(base, results))
    assert verdicts[place].id == id_ + place
    assert (verdicts[place].tested, verdicts[place].failed) == (4, failing)
    assert [each.id for each in verdicts if each.tested == 0] == [131001] * 4


def test_targets_of_other_components_have_no_block(base: Run) -> None:
    of = target("maps", service="MDAV")
    assert not [line for line in text_of(run_of(base, [result(of, Route("mdav"))])) if line.startswith("Testing URL")]


def test_what_comes_from_outside_cannot_drive_a_terminal(base: Run) -> None:
    hostile = Failure(Stage.CONFIG, 0, Reason.WPAD_NONE, "\x1b[31mred\r\nTesting URL : x")
    lines = text_of(run_of(base, [result(target(path="/\x1b]0;x"), WPAD, failure=hostile)]))
    assert not any("\x1b" in line for line in lines)
    assert len([line for line in lines if line.startswith("Testing URL")]) == 1


def test_a_route_of_the_command_line_does_not_make_a_target_the_sensor_s(base: Run) -> None:
    mine, of, given = target(), target("maps", service="MDAV"), Route("lab", (PROXY,))
    lines = text_of(run_of(base, [result(mine, DIRECT), result(mine, given), result(of, given)], given))
    assert [line for line in lines if line.startswith("Testing URL")] == ["Testing URL : https://gw-1.example.com/test"]


def test_without_a_device_routes_of_the_command_line_are_all_there_is(base: Run) -> None:
    given = Route("lab", (PROXY,))
    run = msgspec.structs.replace(base, routes=(rule_document(given),), results=(result(target(), given),))
    assert text_of(run)[5] == "5 - Command line proxy: Succeeded (200)"


def test_the_page_has_the_methods() -> None:
    page = (Path(__file__).parents[2] / "docs" / "windows.md").read_text("utf-8")
    for number, (name, routes) in enumerate(_METHODS, 1):
        (row,) = (line for line in page.splitlines() if line.startswith(f"| {number} - {name} |"))
        assert all(f"`{route}`" in row for route in routes if route.startswith("edr."))
        assert f"\n{number} - {name}: " in page


def test_each_egress_point_has_its_own_blocks(base: Run) -> None:
    here = result(target(), DIRECT)
    there = msgspec.structs.replace(result(target(), DIRECT, failure=TIMED_OUT), egress="rome")
    run = run_of(base, [here, there])
    lines = text_of(run)
    place = lines.index("Testing URL : https://gw-1.example.com/test (from paris)")
    assert lines[place + 3] == "3 - Proxy disabled: Succeeded (200)"
    place = lines.index("Testing URL : https://gw-1.example.com/test (from rome)")
    assert lines[place + 3] == "3 - Proxy disabled: Failed (tcp-timeout)"
    assert "1 of 2 URLs" in group_verdicts(run)[0].text


def test_words_of_an_edited_run_do_not_drive_a_terminal(base: Run) -> None:
    told = result(target(), DIRECT, failure=TIMED_OUT)
    assert told.failure is not None
    told = msgspec.structs.replace(told, failure=msgspec.structs.replace(told.failure, reason="\x1b[2J\u202eok"))
    text = "".join(text_of(run_of(base, [told])))
    assert "\\x1b[2J\\u202eok" in text
    assert text.isprintable()
