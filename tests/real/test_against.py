"""Live comparisons with an earlier run, several egress points, what flaps and what is on one side only; real squid."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from prober.cli.main import app
from prober.diff import DiffDoc

from .changing import HOSTS, Board, diff, places
from .names import ASKING_TLS12, EXEMPT, ONE, ONE_NAME, TWO

pytestmark = pytest.mark.real

BETA = {TWO, ONE_NAME, ASKING_TLS12}


def purposes(path: Path) -> dict[tuple[str, str], list[str]]:
    """Of every probe, by host and route, where there were several."""
    run = msgspec.json.decode(path.read_bytes())
    return {
        (each["target"]["host"], each["route"]): [sample["purpose"] for sample in each["samples"]]
        for each in run["results"]
        if each["samples"]
    }


def test_what_got_worse_is_probed_again_and_makes_the_exit_code_1(board: Board) -> None:
    before = board.run("before")
    board.changing.be({"denied": ".beta.test"})
    after = board.folder / "after.json"
    watched = board.check("--against", str(before), "--fail-on", "regression", "--save", str(after))
    assert watched.run.status == 1
    assert "REGRESSION: 3 of 24 pairs" in watched.run.stderr
    assert "refused 3 of 6 targets with 403" in watched.run.stderr
    assert purposes(after) == {(host, "plain"): ["attempt", "confirmation"] for host in BETA}
    assert places(diff([before], [after]).only()) == {(host, "plain") for host in BETA}


def test_nothing_is_probed_again_where_nothing_differs(board: Board) -> None:
    before = board.run("before")
    after = board.folder / "after.json"
    watched = board.check("--against", str(before), "--fail-on", "any", "--save", str(after))
    assert watched.run.status == 0
    assert "No difference: 24 pairs" in watched.run.stderr
    assert purposes(after) == {}


@pytest.mark.parametrize("attempts", [1, 3])
def test_what_passes_at_once_is_no_regression(board: Board, attempts: int) -> None:
    """One connection is cut; the next one to the same target is not."""
    routes = ("direct", "front")
    before = board.run("before", routes=routes)
    board.changing.front.cut = iter([True])
    watched = board.check(
        *("--attempts", str(attempts), "--against", str(before), "--fail-on", "regression"), routes=routes, few=1
    )
    assert watched.run.status == 0
    assert "No regression: 12 pairs of target and route compared. Beside that: 1 warning. Newly flapping: " in (
        " ".join(watched.run.stderr.split())
    )


def test_a_proxy_that_fails_every_second_time_is_flapping(board: Board) -> None:
    """Four attempts: neither outcome has a majority on any target, and that is one line."""
    before = board.run("before", "--attempts", "4", routes=("front",), hosts=HOSTS[:5], few=1)
    board.changing.front.cut = itertools.cycle([True, False])
    try:
        after = board.run("after", "--attempts", "4", routes=("front",), hosts=HOSTS[:5], few=1)
    finally:
        board.changing.front.cut = iter(())
    difference = diff([before], [after]).only()
    assert (difference.kind, difference.severity) == ("newly-flapping", "warning")
    assert (difference.stage, difference.hop, difference.reason) == ("proxy", 1, "proxy-closed")
    assert places(difference) == {(host, "front") for host in HOSTS[:5]}
    assert all(pair.flapping for pair in difference.pairs)
    sentence = "all 5 targets: some probes get through and some do not (proxy-closed)"
    assert difference.sentence == sentence


def test_of_three_attempts_the_majority_counts(board: Board) -> None:
    """Two of three fail on every second target: unreachable, and named as flapping beside it."""
    before = board.run("before", "--attempts", "3", routes=("front",), hosts=HOSTS[:3], few=1)
    board.changing.front.cut = itertools.cycle([True, False])
    try:
        after = board.run("after", "--attempts", "3", routes=("front",), hosts=HOSTS[:3], few=1)
    finally:
        board.changing.front.cut = iter(())
    verdict = diff([before], [after])
    told = {each.kind: each for each in verdict.document.differences}
    assert set(told) == {"newly-unreachable", "newly-flapping"}
    assert places(told["newly-unreachable"]) == {(ONE, "front"), (ONE_NAME, "front")}
    assert places(told["newly-flapping"]) == {(TWO, "front")}
    assert "these pairs are flapping" in told["newly-unreachable"].sentence
    assert verdict.status == 1


def both(board: Board, name: str) -> list[Path]:
    """From Paris over one port of the squid, from Lyon over another one, both called hq."""
    return [
        board.run(f"{name}-{egress}", routes=("direct", f"hq={port}"), egress=egress)
        for egress, port in (("paris", "plain"), ("lyon", "bumping"))
    ]


def merged(files: list[Path], name: str) -> Path:
    path = files[0].parent / f"{name}.json"
    done = CliRunner().invoke(app, ["merge", *map(str, files), "--save", str(path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return path


def without_files(document: DiffDoc) -> DiffDoc:
    return msgspec.structs.replace(document, before=(), after=())


def test_several_egress_points_in_one_verdict(board: Board) -> None:
    """The table comes first and says where; merged files say the same; a merged baseline serves a live comparison."""
    before = both(board, "before")
    board.changing.be({"denied": ".beta.test"})
    after = both(board, "after")
    verdict = diff(before, after)
    difference = verdict.only()
    assert {(pair.egress, pair.host, pair.route) for pair in difference.pairs} == {("paris", h, "hq") for h in BETA}
    assert f"(hop 1, {board.changing.url('plain')})" in difference.sentence
    rows = [(row.egress, row.service, row.pairs, row.reached_after, row.regressions) for row in verdict.document.table]
    assert rows == [("lyon", "SITES", 12, 12, 0), ("paris", "SITES", 12, 9, 3)]
    paragraph, table, *_ = verdict.text.split("\n\n")
    assert paragraph.startswith("REGRESSION: 3 of 24 pairs of target and route are worse than before.")
    assert "Egress lyon, paris; before " in " ".join(paragraph.split())
    assert [line.split()[:2] for line in table.splitlines()] == [
        ["egress", "service"],
        ["lyon", "SITES"],
        ["paris", "SITES"],
    ]
    joined = merged(before, "before"), merged(after, "after")
    assert without_files(diff([joined[0]], [joined[1]]).document) == without_files(verdict.document)
    routes = ("direct", "hq=plain")
    live = board.check("--against", str(joined[0]), "--fail-on", "regression", routes=routes, egress="paris")
    assert live.run.status == 1
    assert "REGRESSION: 3 of 12 pairs" in live.run.stderr


def test_targets_and_routes_that_come_and_go(board: Board) -> None:
    before = board.run("before", routes=("direct", "plain"), hosts=(ONE, TWO, ONE_NAME))
    after = board.run("after", routes=("direct", "parented"), hosts=(TWO, ONE_NAME, EXEMPT))
    verdict = diff([before], [after])
    told = {each.kind: (each.severity, places(each)) for each in verdict.document.differences}
    assert told == {
        "route-gone": ("regression", {(host, "plain") for host in (ONE, TWO, ONE_NAME)}),
        "target-gone": ("warning", {(ONE, "direct")}),
        "route-added": ("information", {(host, "parented") for host in (TWO, ONE_NAME, EXEMPT)}),
        "target-added": ("information", {(EXEMPT, "direct")}),
    }
    assert verdict.status == 1
    assert verdict.document.summary.compared == 2
