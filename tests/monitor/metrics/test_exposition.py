"""Scrapes are the bytes that prometheus-client would print, made once for many, and never older than the question."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.engine.run import Pair
from prober.interception.verdict import Word
from prober.model import Anchor, Hop, HopScheme, Reason, Route, Stage
from prober.monitor import slices
from prober.monitor.metrics import exposition as module
from prober.monitor.metrics.counters import Counters
from prober.monitor.metrics.formats import Format, Style
from prober.monitor.metrics.lines import PairLines
from prober.monitor.state import REACHED, Exported, Labels, Outcome, PairKey, Track, Transition

from ..boards import DIRECT, HQ, NOW, REFUSED, TWO, board_of, key_of, pair, pairs, seen, target
from .scrapes import OPENMETRICS, TEXT, Monitored, facts_of, ours, whole

STYLES = [
    TEXT,
    OPENMETRICS,
    Style(Format.OPENMETRICS),
    *(Style(form, how) for form in (Format.TEXT_1, Format.OPENMETRICS) for how in ("allow-utf-8", "dots")),
    Style(Format.TEXT_1, "values"),
]


def busy() -> Monitored:
    """A bit of everything."""
    of = pairs(targets=4, routes=(DIRECT, HQ, TWO))
    monitored = Monitored(of)
    for number, one in enumerate(of[:-1]):
        failure = REFUSED if number % 3 == 0 else None
        signer = "stranger" if number % 4 == 1 else "public"
        for later in range(number % 3 + 1):
            monitored.take(one, seen(one, failure, at=NOW + later, signer=signer), late=number / 100)
    monitored.counters.lost()
    return monitored


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style.format.name}-{style.escaping}")
async def test_the_bytes_are_those_of_prometheus_client(style: Style) -> None:
    monitored = busy()
    assert await monitored.quickly(style) == monitored.slowly(style)


async def test_values_escaping_leaves_names_that_are_fit_alone() -> None:
    """The proposal on escaping says so, and prometheus-client does it in HELP and TYPE; its samples it prints as
    `U__prober__…` in OpenMetrics, which no HELP belongs to then."""
    monitored = busy()
    values = await monitored.quickly(Style(Format.OPENMETRICS, "values"))
    assert values == monitored.slowly(OPENMETRICS)


async def test_an_empty_board_has_its_heads() -> None:
    monitored = Monitored([])
    for style in STYLES:
        assert await monitored.quickly(style) == monitored.slowly(style)
    assert b"# HELP prober_target_reachable " in await monitored.quickly(TEXT)


numbers = st.none() | st.floats() | st.sampled_from([0.0, -0.0, 1e6, 999_999.0, 1_790_000_000.123, 1e300, 5e-324])
texts = st.text(st.characters()) | st.sampled_from(
    [
        '"',
        "\\",
        "\n",
        '\\"\n',
        "(churning)",
        "é",
        "日本",
        "\u2028",
        "\r\n",
        "}",
        "{",
        " 1.0",
        "\ud800",
        "\x00",
        "a" * 999,
    ]
)
outcomes = st.just(REACHED) | st.builds(
    Outcome, st.sampled_from(list(map(str, Stage))), st.integers(0, 9), st.sampled_from(list(map(str, Reason)))
)
exporteds = st.none() | st.builds(
    Exported,
    last_at=st.floats(),
    last=outcomes,
    reachable=st.none() | st.booleans(),
    failure=st.none() | outcomes,
    trusted=st.none() | st.booleans(),
    verdict=st.none() | st.sampled_from(Word),
    since=numbers,
    duration=numbers,
    not_after=numbers,
    issuer=st.none() | texts,
    anchor=st.none() | st.sampled_from(list(map(str, Anchor))),
    status=st.none() | st.integers(0, 10**9),
    last_trusted=st.none() | st.booleans(),
    last_verdict=st.none() | st.sampled_from(Word),
)


@settings(max_examples=60, deadline=None)
@given(
    states=st.lists(st.tuples(st.builds(Labels, *[texts] * 8), exporteds), min_size=1, max_size=4),
    names=st.lists(texts, min_size=1, max_size=3, unique=True),
    interval=st.floats(),
    late=st.floats(),
    versions=st.tuples(texts, texts),
)
def test_whatever_is_in_it(
    states: list[tuple[Labels, Exported | None]],
    names: list[str],
    interval: float,
    late: float,
    versions: tuple[str, str],
) -> None:
    """Quotes, backslashes, line breaks, anything but ASCII, what UTF-8 cannot carry, and every number there is."""
    of = [
        Pair(target(number, service=names[0]), Route(name, (Hop(HopScheme.HTTPS, "p", 1),)))
        for number, _ in enumerate(states)
        for name in names
    ]
    monitored = Monitored(of, store_ok=None)
    monitored.interval = interval
    monitored.facts["lags"] = {versions[0]: monitored.counters.lateness}
    for one in of:
        monitored.counters.probed(monitored.board.pairs[key_of(one)], seen(one, REFUSED), late)
    for (labels, exported), state in zip(states, monitored.board.pairs.values(), strict=False):
        state.labels, state.exported = labels, exported
    for style in (TEXT, OPENMETRICS):
        assert asyncio.run(monitored.quickly(style)) == monitored.slowly(style)


@pytest.mark.parametrize(
    "names",
    [
        {"prober_target_reachable"},
        {"prober_interception_verdict", "prober_probes_total"},
        {"prober_stage_duration_seconds_bucket"},
        {"prober_stage_duration_seconds_sum", "prober_stage_duration_seconds_count"},
        {"prober_stage_duration_seconds"},
        {"prober_probes"},
        {"prober_build_info", "no_such_metric", ""},
        {"prober_worker_restarts_created"},
    ],
    ids=lambda names: "+".join(sorted(names)),
)
@pytest.mark.parametrize(
    "style", [TEXT, OPENMETRICS, Style(Format.TEXT_1, "dots")], ids=lambda style: style.format.name
)
async def test_names_choose_as_prometheus_client_does(names: set[str], style: Style) -> None:
    monitored = busy()
    chosen = frozenset(names)
    assert await monitored.quickly(style, chosen) == monitored.slowly(style, chosen)


async def test_metrics_of_the_process_can_be_chosen_too() -> None:
    body = await busy().exposition.scrape(TEXT, names=frozenset({"process_cpu_seconds_total", "python_info"}))
    lines = whole(body).decode().splitlines()
    assert [line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")] == [
        "process_cpu_seconds_total",
        "python_info",
    ]


async def test_metrics_of_the_process_have_their_families() -> None:
    monitored = busy()
    registry = monitored.exposition.registry()
    expected = [family.name for family in registry.collect()]
    text = whole(await monitored.exposition.scrape(OPENMETRICS)).decode()
    assert [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")] == expected
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1


async def test_a_pair_is_printed_anew_only_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    of = pairs(targets=3)
    monitored = Monitored(of)
    made: list[str] = []

    class Noted(PairLines):
        def __init__(self, state: Any, *more: Any) -> None:
            made.append(state.target.id)
            super().__init__(state, *more)

    monkeypatch.setattr(module, "PairLines", Noted)
    await monitored.quickly(TEXT)
    assert len(made) == 3
    made.clear()
    await monitored.quickly(OPENMETRICS)
    assert made == []
    monitored.take(of[1], seen(of[1]))
    assert await monitored.quickly(TEXT) == monitored.slowly(TEXT)
    assert made == [of[1].target.id]
    made.clear()
    monitored.interval = 30.0
    assert await monitored.quickly(TEXT) == monitored.slowly(TEXT)
    assert len(made) == 3


async def test_what_leaves_the_configuration_vanishes_at_once() -> None:
    of = pairs(targets=3, routes=(DIRECT, HQ))
    monitored = Monitored(of)
    for one in of:
        monitored.take(one, seen(one, REFUSED))
    assert b'route="hq"' in await monitored.quickly(TEXT)
    left = of[:1]
    monitored.board.change("paris", left, monitored.board.judge, confirm=2, same_trust=True)
    monitored.counters.keep(left)
    text = await monitored.quickly(TEXT)
    assert b'route="hq"' not in text
    assert b'target="mde.c2.t1"' not in text
    assert b'service="MDAV"' not in text
    assert text == monitored.slowly(TEXT)


async def test_another_endpoint_under_the_same_name_does_not_keep_the_lines() -> None:
    one = pair()
    monitored = Monitored([one])
    monitored.take(one, seen(one))
    await monitored.quickly(TEXT)
    other = Pair(replace(one.target, host="elsewhere.example.test"), one.route)
    monitored.board.change("paris", [other], monitored.board.judge, confirm=2, same_trust=True)
    state = monitored.board.pairs[key_of(one)]
    state.revision = 1  # as the other's had
    text = await monitored.quickly(TEXT)
    assert b"t0.example.test" not in text
    assert text == monitored.slowly(TEXT)


async def test_a_thousand_scrapes_at_once_cost_two_snapshots_and_share_their_bodies() -> None:
    monitored = busy()
    bodies = await asyncio.gather(*(monitored.exposition.scrape(TEXT, gzip=True) for _ in range(1000)))
    assert monitored.exposition.snapshots == 2
    assert len({id(body) for body in bodies}) == 2


async def test_formats_share_a_snapshot() -> None:
    monitored = busy()
    wanted = [(style, packed) for style in STYLES for packed in (True, False)]
    await asyncio.gather(*(monitored.exposition.scrape(style, gzip=packed) for style, packed in wanted))
    assert monitored.exposition.snapshots == 2


async def test_an_answer_is_never_older_than_its_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks while a snapshot is being made does not get that one: what was taken meanwhile may be missing in it."""
    (one,) = pairs()
    monitored = Monitored([one])
    reached, go_on = asyncio.Event(), asyncio.Event()
    original: Callable[..., Any] = monitored.exposition._group_lines

    async def slow(*arguments: Any) -> Any:
        reached.set()
        await go_on.wait()
        async for piece in original(*arguments):
            yield piece

    monkeypatch.setattr(monitored.exposition, "_group_lines", slow)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(monitored.quickly(TEXT), name="first")
        await reached.wait()
        monitored.take(one, seen(one))
        second = group.create_task(monitored.quickly(TEXT), name="second")
        go_on.set()
    assert b"prober_target_reachable{" not in first.result()
    assert b"prober_target_reachable{" in second.result()
    assert monitored.exposition.snapshots == 2


async def test_one_after_the_other_each_get_their_own() -> None:
    monitored = busy()
    for expected in (1, 2, 3):
        await monitored.quickly(TEXT)
        assert monitored.exposition.snapshots == expected


async def test_who_goes_away_takes_nobody_along() -> None:
    monitored = busy()
    async with asyncio.TaskGroup() as group:
        leaving = group.create_task(monitored.quickly(TEXT), name="leaving")
        staying = [group.create_task(monitored.quickly(TEXT), name=f"staying {n}") for n in range(5)]
        await asyncio.sleep(0)
        leaving.cancel()
    assert all(task.result() == monitored.slowly(TEXT) for task in staying)
    assert await monitored.quickly(TEXT) == monitored.slowly(TEXT)


async def test_nothing_is_kept_while_nobody_asks() -> None:
    monitored = busy()
    await asyncio.gather(*(monitored.exposition.scrape(TEXT) for _ in range(10)))
    assert monitored.exposition._latest is None


async def test_facts_that_raise_are_no_reason_to_stand_still() -> None:
    monitored = busy()
    monitored.facts["no-such-fact"] = 1
    with pytest.raises(TypeError):
        await monitored.quickly(TEXT)
    del monitored.facts["no-such-fact"]
    assert await monitored.quickly(TEXT) == monitored.slowly(TEXT)


async def test_gzip_is_the_same_text_and_says_so() -> None:
    monitored = busy()
    body = await monitored.exposition.scrape(TEXT, gzip=True)
    assert body.encoding == "gzip"
    assert body.length == len(whole(body))
    assert ours(gzip.decompress(whole(body)), TEXT) == monitored.slowly(TEXT)
    plain = await monitored.exposition.scrape(TEXT)
    assert plain.encoding is None
    assert plain.content_type == "text/plain; version=0.0.4; charset=utf-8"


async def test_bodies_come_in_pieces_that_a_socket_takes() -> None:
    of = pairs(targets=300, routes=2)
    monitored = Monitored(of)
    for one in of:
        monitored.take(one, seen(one))
    body = await monitored.exposition.scrape(TEXT)
    assert body.length == sum(map(len, body.pieces)) > 1_000_000
    assert max(map(len, body.pieces)) <= 65_536
    assert sum(len(piece) < 16_384 for piece in body.pieces) < len(body.pieces) / 2
    assert ours(whole(body), TEXT) == monitored.slowly(TEXT)


async def test_a_change_in_the_middle_tears_no_pair_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop runs others between two slices: a pair's lines are all of one observation."""
    of = pairs(targets=40)
    monitored = Monitored(of, confirm=1)
    for one in of:
        monitored.take(one, seen(one))
    monkeypatch.setattr(slices, "SLICE", -1.0)
    rounds = 0
    stop = asyncio.Event()

    async def churn() -> None:
        nonlocal rounds
        while not stop.is_set():
            rounds += 1
            for one in of:
                monitored.take(one, seen(one, REFUSED if rounds % 2 else None, at=NOW + rounds))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(churn(), name="churn")
        samples = await monitored.samples()
        stop.set()
    assert rounds > 5
    seen_by: dict[str, dict[str, float]] = {}
    for sample in samples:
        if "target" in sample.labels:
            seen_by.setdefault(sample.labels["target"], {})[sample.name] = sample.value
    assert len({values["prober_last_probe_reachable"] for values in seen_by.values()}) == 2
    for values in seen_by.values():
        reachable = values["prober_last_probe_reachable"] == 1.0
        assert ("prober_http_status_code" in values) is reachable
        assert ("prober_last_probe_failure_info" in values) is not reachable
        assert values["prober_target_reachable"] == values["prober_last_probe_reachable"]


async def test_a_reload_in_the_middle_that_drops_pairs_breaks_no_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    of = pairs(targets=40)
    board, counters = board_of(of), Counters()
    counters.keep(of)
    intervals = {key_of(one): 60.0 for one in of}
    asked = asyncio.Event()

    def interval(key: PairKey) -> float:
        asked.set()
        return intervals[key]

    exposition = module.Exposition(board, counters, lambda: facts_of(board), interval)
    monkeypatch.setattr(slices, "SLICE", -1.0)

    async def reload() -> None:
        await asked.wait()
        for one in of[10:]:
            del intervals[key_of(one)]
        board.change("paris", of[:10], board.judge, confirm=2, same_trust=True)

    body, _ = await asyncio.gather(exposition.scrape(TEXT), reload())
    assert whole(body).count(b"prober_target_interval_seconds{") == 40, "as they were when it was asked"
    assert whole(await exposition.scrape(TEXT)).count(b"prober_target_interval_seconds{") == 10


async def test_transitions_are_there_in_every_style() -> None:
    one = pair()
    monitored = Monitored([one])
    monitored.counters.transition(Transition(NOW, NOW, one.target.id, one.route.name, Track.CERTIFICATE, "a", "b", NOW))
    assert await monitored.values("prober_transitions_total", track="certificate", service="MDE") == [1.0]
