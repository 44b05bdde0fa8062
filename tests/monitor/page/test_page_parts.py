"""The pure parts of the page: moments, cells, changes, waterfalls, filters, regions, parameters, command lines."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from prober.cli.main import app
from prober.interception.verdict import Word
from prober.model import Hop, HopScheme, HopTimings, Reason, Route, Scheme, Stage, Target, Timings
from prober.monitor.held import Held, Unsettled
from prober.monitor.page.chains import side_by_side
from prober.monitor.page.changes import TOGETHER, gathered, mark_of, said, worth_a_line
from prober.monitor.page.filters import Filter
from prober.monitor.page.marks import Cell, Mark, cell_of
from prober.monitor.page.matrix import element, layout_of
from prober.monitor.page.overview import Can, Region, regions
from prober.monitor.page.pair import commands
from prober.monitor.page.parameters import BadParameter, BadParameters, Parameters
from prober.monitor.page.times import age, exact, machine, parsed
from prober.monitor.page.waterfall import waterfall_of
from prober.monitor.state import Track, Transition
from prober.report.sanitize import duration

from .page_boards import (
    BRANCH,
    CLOUD,
    DIRECT,
    HQ,
    NOW,
    ROUTES,
    denied,
    empty_stage,
    failed,
    reached,
    sample,
    well_stage,
)

# moments


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<1 min"), (0, "<1 min"), (59.9, "<1 min"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"),
        (47.99 * 3600, "47 h"), (48 * 3600, "2 d"), (400 * 86400, "400 d"),
    ],
)  # fmt: skip
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


@given(st.floats(0, 4e9))
def test_moments_come_back(at: float) -> None:
    assert abs(parsed(machine(at)) - at) <= 0.000501
    assert exact(at) == datetime.fromtimestamp(round(at * 1000) // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_has_a_moment(at: float) -> None:
    assert machine(at).endswith("Z")


@pytest.mark.parametrize("text", ["", "now", "2026-11-22", "2026-11-22T07:00:00", "2026-13-01T00:00:00Z", "20261122"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        parsed(text)


def test_durations() -> None:
    assert [duration(each) for each in (0.00081, 0.042, 0.999, 1.2345, 10)] == [
        "0.8 ms", "42 ms", "999 ms", "1.23 s", "10.00 s",
    ]  # fmt: skip


# cells


def test_the_gravest_comes_first_and_names_itself() -> None:
    play = well_stage(sample(1))
    state = play.board.pairs[play.first().id, "hq"]
    assert state.exported is not None
    assert cell_of(state).mark is Mark.OK
    state.interception = Held(Word.SUSPECT, NOW - 100)
    state.exported = replace(state.exported, verdict=Word.SUSPECT)
    assert cell_of(state) == Cell(Mark.SUSPECT, (), "", 0, NOW - 100)
    state.trust = Held("cert-expired", NOW - 50)
    state.exported = replace(state.exported, trusted=False)
    assert cell_of(state).also == ()  # the verdict tells of the certificate already
    state.exported = replace(state.exported, verdict=Word.CLEAN)
    assert cell_of(state) == Cell(Mark.UNTRUSTED, (), "cert-expired", 0, NOW - 50)


def test_well_since_the_last_thing_became_well() -> None:
    play = empty_stage(sample(1))
    target = play.first()
    play.play(*(reached(target, DIRECT, NOW + n) for n in range(2)))
    play.play(*(failed(target, DIRECT, NOW + 100 + n) for n in range(2)))
    assert cell_of(play.board.pairs[target.id, "direct"]).since == NOW + 100
    play.play(*(reached(target, DIRECT, NOW + 200 + n) for n in range(2)))
    assert cell_of(play.board.pairs[target.id, "direct"]).since == NOW + 200


def test_a_first_failure_is_not_known_but_pending() -> None:
    play = empty_stage(sample(1))
    target = play.first()
    play.play(denied(target, HQ, NOW))
    cell = cell_of(play.board.pairs[target.id, "hq"])
    assert (cell.mark, cell.pending, cell.tokens) == (Mark.UNKNOWN, "proxy-denied", ("unknown", "pending"))
    play.play(denied(target, HQ, NOW + 1))
    cell = cell_of(play.board.pairs[target.id, "hq"])
    assert (cell.mark, cell.word, cell.hop, cell.since, cell.pending) == (
        Mark.UNREACHABLE, "proxy-denied", 1, NOW, "",
    )  # fmt: skip


def test_that_nothing_can_be_said_is_no_contradiction() -> None:
    play = well_stage(sample(1))
    state = play.board.pairs[play.first().id, "hq"]
    state.interception = Unsettled(Word.INCONCLUSIVE, 1, NOW)
    assert cell_of(state).pending == ""
    state.interception = Unsettled(Word.INTERCEPTED, 1, NOW)
    assert cell_of(state).pending == "intercepted"


# changes


def change(
    at: float, target: str, after: str, route: str = "hq", track: Track = Track.REACHABLE, **more: str
) -> Transition:
    before = more.get("before", "reached" if track is Track.REACHABLE else "clean")
    return Transition(at, at + 5, target, route, track, before, after, at - 100)


def test_the_same_change_of_many_is_one_line() -> None:
    listed = [change(NOW - n, f"t{n}", "proxy/1/proxy-denied") for n in range(40)]
    (one,) = gathered(listed)
    assert one.who == "40 targets over hq"
    assert one.first.at == NOW - 39
    assert (one.before, one.after, one.mark) == ("reached", "proxy-denied at hop 1", Mark.UNREACHABLE)


def test_changes_far_apart_or_of_other_proxies_are_lines_of_their_own() -> None:
    listed = [
        change(NOW, "a", "proxy/1/proxy-denied"),
        change(NOW - 1, "a", "proxy/1/proxy-denied", route="branch"),
        change(NOW - 2, "b", "proxy/1/proxy-denied"),
        change(NOW - TOGETHER - 3, "c", "proxy/1/proxy-denied"),
    ]
    assert [each.who for each in gathered(listed)] == ["2 targets over hq", "over branch", "over hq"]


def test_where_no_proxy_can_be_behind_it_routes_are_one_line() -> None:
    down = [change(NOW - n, "t", "connect/0/tcp-timeout", route) for n, route in enumerate(("hq", "direct"))]
    assert [(each.target, each.who) for each in gathered(down)] == [("t", "over 2 routes")]
    expired = [change(NOW, "t", "cert-expired", each.name, Track.TRUST, before="trusted") for each in ROUTES]
    assert [each.who for each in gathered(expired)] == ["over 4 routes"]
    opened = [change(NOW, "t", "intercepted", each, Track.INTERCEPTION) for each in ("hq", "branch")]
    assert [each.who for each in gathered(opened)] == ["over hq", "over branch"]


def test_a_new_key_is_not_worth_a_line_of_the_first_page() -> None:
    renewed = change(NOW, "t", "b" * 64, track=Track.CERTIFICATE, before="a" * 64)
    assert worth_a_line([renewed]) == []
    assert said(renewed.track, renewed.after) == "key bbbbbbbb…"
    assert mark_of(renewed) is Mark.UNKNOWN


@pytest.mark.parametrize("value", ["", "reached", "a", "a/b", "a/0/b", "a/1/b", "a/b/c/d"])
def test_ends_of_other_versions_are_shown_as_they_are(value: str) -> None:
    for track in Track:
        assert isinstance(said(track, value), str)


# waterfalls


def test_stages_follow_each_other_and_fill_the_whole() -> None:
    target = sample(1)[0]
    for route in ROUTES:
        found = waterfall_of(reached(target, route, NOW), route)
        assert found is not None
        end = 0.0
        for bar in found.bars:
            assert bar.start == pytest.approx(end, abs=0.5)
            end = bar.start + bar.width
        assert end <= 100.001
        assert sum(bar.seconds for bar in found.bars) == pytest.approx(found.total, rel=0.02)


def test_the_stage_that_failed_has_what_is_left() -> None:
    target = sample(1)[0]
    found = waterfall_of(failed(target, HQ, NOW, Reason.PROXY_TIMEOUT, stage=Stage.PROXY, hop=1), HQ)
    assert found is not None
    assert [(bar.name, bar.kind) for bar in found.bars] == [
        ("TCP, hop 1", "connect"), ("failed: proxy, hop 1", "failed"),
    ]  # fmt: skip
    assert found.bars[-1].seconds == pytest.approx(9.997)


def test_a_name_resolved_here_for_a_later_hop_stands_where_it_happens() -> None:
    route = Route("s", (Hop(HopScheme.HTTP, "a", 1), Hop(HopScheme.SOCKS5, "b", 2)))
    timings = Timings(
        0.1, None, (HopTimings(0.01, 0.01, None, 0.01), HopTimings(None, None, None, 0.02)), 0.2, None, 0.35
    )
    found = waterfall_of(replace(reached(sample(1)[0], route, NOW), timings=timings), route)
    assert found is not None
    assert [bar.name for bar in found.bars] == [
        "DNS, hop 1", "TCP, hop 1", "way through, hop 1", "DNS", "way through, hop 2", "TLS",
    ]  # fmt: skip


def test_without_any_time_there_is_no_waterfall() -> None:
    assert waterfall_of(replace(reached(sample(1)[0], DIRECT, NOW), timings=Timings()), DIRECT) is None


def test_a_tiny_stage_can_still_be_seen() -> None:
    timings = Timings(0.000001, 0.000001, (), 9.0, 0.000001, 9.1)
    found = waterfall_of(replace(reached(sample(1)[0], DIRECT, NOW), timings=timings), DIRECT)
    assert found is not None
    assert min(bar.width for bar in found.bars) >= 0.4
    assert all(bar.start + bar.width <= 100 for bar in found.bars)


# the matrix


def test_layouts_have_every_pair_in_an_order_of_their_own() -> None:
    play = empty_stage(tuple(reversed(sample(2))))
    layout = layout_of(play.board.pairs)
    assert sorted(key for group in layout.groups for row in group.rows for key in row.keys if key) == sorted(
        play.board.pairs
    )
    services = list(layout.services)
    assert services == [each for each in ("MDE", "MDAV", "MDI", "MMA", "AMA", "COMMON") if each in services]
    assert layout.geographies[0] == "WW"
    assert len(set(layout.ids.values())) == len(play.board.pairs)


def test_ids_do_not_depend_on_what_things_are_called() -> None:
    assert element("p", "a", "bc") != element("p", "ab", "c")
    assert element("p", "\"'><script>\ud800").partition("-")[2].isalnum()


def test_targets_given_by_hand_are_a_group() -> None:
    given = Target(id="https://x.example/", scheme=Scheme.HTTPS, host="x.example", port=443)
    layout = layout_of(empty_stage([given]).board.pairs)
    assert [(group.service, group.geography) for group in layout.groups] == [("(given)", "WW")]


def test_what_a_service_can_do_without_does_not_stop_it() -> None:
    play = well_stage([each for each in sample(9) if (each.service, each.geography) == ("MDE", "WW")])
    optional = next(each for each in play.plan.targets if each.required != "yes")
    play.play(*(failed(optional, HQ, NOW + n) for n in range(2)))
    layout = layout_of(play.board.pairs)
    cells = {key: cell_of(state) for key, state in play.board.pairs.items()}
    ((region,),) = regions(layout, cells)
    assert region is not None
    assert {way.can for way in region.ways} == {Can.WORKS}
    required = next(each for each in play.plan.targets if each.required == "yes")
    play.play(*(failed(required, HQ, NOW + n) for n in range(2)))
    cells = {key: cell_of(state) for key, state in play.board.pairs.items()}
    ((region,),) = regions(layout, cells)
    assert isinstance(region, Region)
    assert [way.can for way in region.ways] == [Can.WORKS, Can.BROKEN, Can.WORKS, Can.WORKS]
    assert region.can is Can.WORKS  # one way is enough


def test_filters_keep_what_they_were_given() -> None:
    chosen = Filter.read({"q": " a&b ", "route": "hq", "state": "no such", "other": "x", "service": "y" * 500})
    assert (chosen.q, chosen.route, chosen.state, len(chosen.service)) == ("a&b", "hq", "", 200)
    assert chosen.active
    assert not Filter().active


# certificates side by side


def test_the_same_chain_shows_no_difference() -> None:
    play = well_stage(sample(1))
    target = play.first()
    found = side_by_side(play.board.pairs[target.id, "hq"], play.board.pairs, play.board.comparison)
    assert found is not None
    assert found.other is not None
    assert all(level.same for level in found.levels)
    assert not [each for level in found.levels for each in level.fields if each.differs]
    assert found.choices == ("direct", "cloud", "branch")


def test_a_longer_chain_stands_alone_at_its_end() -> None:
    play = well_stage(sample(1))
    target = play.first()
    whole = reached(target, BRANCH, NOW)
    assert whole.tls is not None
    short = replace(whole, tls=replace(whole.tls, chain=whole.tls.chain[:1]))
    play.play(short)
    found = side_by_side(play.board.pairs[target.id, "branch"], play.board.pairs, play.board.comparison, "hq")
    assert found is not None
    assert [(level.has_own, level.has_other, level.same) for level in found.levels] == [
        (True, True, True), (False, True, False),
    ]  # fmt: skip


def test_without_certificates_there_is_nothing_to_compare() -> None:
    play = empty_stage(sample(1))
    target = play.first()
    play.play(failed(target, HQ, NOW))
    assert side_by_side(play.board.pairs[target.id, "hq"], play.board.pairs, play.board.comparison) is None


# parameters


def test_nothing_wrong() -> None:
    given = Parameters(
        {"limit": "7", "since": "2026-11-22T07:30:00Z", "track": "trust"}, allowed=("limit", "since", "track")
    )
    assert (given.count("limit", 1, 9), given.moment("since"), given.choice("track", Track)) == (7, NOW, Track.TRUST)
    assert given.text("route") is None
    given.check()


@given(st.text(), st.text())
def test_any_query_is_read_or_refused(name: str, value: str) -> None:
    given = Parameters({name: value, "n": value, "t": value}, allowed=("n", "t"))
    given.number("n")
    given.moment("t")
    wrong: tuple[BadParameter, ...] = ()
    try:
        given.check()
    except BadParameters as bad:
        wrong = bad.errors
    assert all(each.message for each in wrong)


# command lines


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.name)
def test_the_command_lines_are_understood(route: Route) -> None:
    for target in sample(1):
        for command in commands(target, route):
            words = shlex.split(command.line)
            assert words[:2] == ["prober", "check"]
            named = command.line.endswith(f"--via {route.name} --attempts 3 -v") and bool(route.hops)
            if named:  # needs this prober's configuration
                words = [*words, "--via", f"{route.name}={','.join(route.way)}"]
                words = [word for place, word in enumerate(words) if place not in (3, 4)]
            result = CliRunner().invoke(app, [*words[1:], "--dry-run"])
            assert result.exit_code == 0, result.output
            assert target.host in result.stdout


def test_a_command_line_is_one_argument_each_for_a_shell() -> None:
    odd = replace(sample(1)[0], path="/$(reboot)`x`;a b'c\"&d", scheme=Scheme.HTTPS)
    (command,) = commands(odd, DIRECT)
    assert shlex.split(command.line)[2] == f"https://{odd.address}{odd.path}"


def test_no_login_is_in_a_command_line() -> None:
    assert all("svc" not in each.line for each in commands(sample(1)[0], CLOUD))


def test_a_route_of_the_environment_is_named_as_it_can_be() -> None:
    route = Route("env", (Hop(HopScheme.HTTP, "p.example", 3128),))
    lines = [each.line for each in commands(sample(1)[0], route)]
    assert "--via env " in lines[0]
    assert "--via http://p.example:3128 " in lines[1]
