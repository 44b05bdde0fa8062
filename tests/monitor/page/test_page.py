"""The page as it is without a script: what it shows of a board, and that it shows nothing else."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from prober.interception.verdict import Word
from prober.model import Failure, Reason, Route, Stage
from prober.monitor.page import page as page_module
from prober.monitor.page.filters import Filter
from prober.monitor.page.marks import GLYPHS, LABELS, Mark, cell_of
from prober.monitor.page.matrix import layout_of

from .page_boards import (
    BRANCH,
    CLOUD,
    DIRECT,
    HQ,
    NOW,
    ROUTES,
    Play,
    catalog,
    denied,
    empty_stage,
    failed,
    reached,
    sample,
    troubled_stage,
    well_stage,
)
from .page_serving import Element, Visit, visiting


@cache
def _troubled() -> Play:
    return troubled_stage(sample())


def troubled() -> Play:
    """A bad morning; looked at, never played on."""
    return _troubled()


def cells(page: Element) -> dict[str, Element]:
    found = page.all("td", "cell")
    by_id = {str(each.attributes["id"]): each for each in found}
    assert len(by_id) == len(found)
    return by_id


def group(page: Element, service: str, geography: str) -> Element:
    return next(
        each
        for each in page.all("details", "group")
        if (each.attributes["data-service"], each.attributes["data-geography"]) == (service, geography)
    )


def broken_pair(play: Play, mark: Mark, route: str = "") -> tuple[str, str]:
    return next(key for key, state in play.board.pairs.items() if cell_of(state).mark is mark and route in ("", key[1]))


# the matrix


async def test_every_pair_is_there_once_with_its_sign_its_word_and_since_when() -> None:
    play = troubled()
    async with visiting(play) as visit:
        page = await visit.page("/")
    shown = cells(page)
    ids = layout_of(play.board.pairs).ids
    assert set(shown) == set(ids.values())
    for key, state in play.board.pairs.items():
        cell, element = cell_of(state), shown[ids[key]]
        assert GLYPHS[cell.mark] in element.text
        assert LABELS[cell.mark] in element.text
        assert cell.word in element.text
        assert element.one("a").attributes["href"] == f"pair?target={key[0].replace('/', '%2F')}&route={key[1]}"
        if cell.since is not None:
            moment = re.sub("T", " ", str(element.one("time").attributes["datetime"]))[:19]
            told = element.text + str(element.one("time").attributes.get("title"))
            assert f"{moment}Z" in told
    assert {cell_of(state).mark for state in play.board.pairs.values()} >= {
        Mark.OK,
        Mark.UNREACHABLE,
        Mark.INTERCEPTED,
        Mark.UNTRUSTED,
        Mark.STATUS,
    }


async def test_signs_differ_by_shape_and_are_hidden_from_screen_readers_beside_their_words() -> None:
    assert len(set(GLYPHS.values())) == len(Mark)
    async with visiting(troubled()) as visit:
        page = await visit.page("/")
    for glyph in page.all("span", "glyph"):
        assert glyph.attributes["aria-hidden"] == "true"


async def test_groups_with_trouble_are_open_and_others_closed() -> None:
    play = troubled()
    async with visiting(play) as visit:
        page = await visit.page("/")
    for each in layout_of(play.board.pairs).groups:
        marks = {cell_of(play.board.pairs[key]).mark for row in each.rows for key in row.keys if key}
        element = group(page, each.service, each.geography)
        broken = any(mark.broken for mark in marks)
        assert ("open" in element.attributes) is broken
        assert ("data-broken" in element.attributes) is broken
    assert (
        0
        < len([each for each in page.all("details", "group") if "open" in each.attributes])
        < len(page.all("details", "group"))
    )


async def test_a_group_says_how_many_are_how_for_each_route() -> None:
    play = troubled()
    async with visiting(play) as visit:
        page = await visit.page("/")
    mdav = next(g for g in layout_of(play.board.pairs).groups if (g.service, g.geography) == ("MDAV", "CH"))
    head = group(page, "MDAV", "CH").one("summary")
    for place, column in enumerate(head.all("span", "col")):
        counts = dict.fromkeys(Mark, 0)
        for row in mdav.rows:
            key = row.keys[place]
            assert key is not None
            counts[cell_of(play.board.pairs[key]).mark] += 1
        told = {mark: number for mark, number in counts.items() if number}
        assert column.text == " ".join(
            [f"{ROUTES[place].name}:", *(f"{GLYPHS[mark]} {number} {LABELS[mark]}" for mark, number in told.items())]
        )


async def test_what_is_being_confirmed_is_said_beside_what_is_confirmed() -> None:
    play = troubled()
    key = next(key for key, state in play.board.pairs.items() if cell_of(state).pending)
    async with visiting(play) as visit:
        page = await visit.page("/")
    element = cells(page)[layout_of(play.board.pairs).ids[key]]
    assert "well" in element.text
    assert "last probe: tcp-timeout, being confirmed" in element.text
    assert "pending" in str(element.attributes["data-marks"]).split()


async def test_an_unreachable_target_that_is_opened_as_well_says_both() -> None:
    play = empty_stage(sample(1))
    target = play.first()
    play.play(*(reached(target, DIRECT, NOW + n) for n in range(3)))
    from .page_boards import forged

    for n in range(3):
        opened = reached(target, CLOUD, NOW + n, forged(target))
        cut = failed(target, CLOUD, NOW + n, Reason.HTTP_TIMEOUT).failure
        play.play(replace(opened, failure=cut, http=None))
    cell = cell_of(play.board.pairs[target.id, "cloud"])
    assert cell.mark is Mark.UNREACHABLE
    assert cell.also == (Mark.SUSPECT,)  # one target alone proves nothing
    async with visiting(play) as visit:
        page = await visit.page("/")
    element = cells(page)[layout_of(play.board.pairs).ids[target.id, "cloud"]]
    assert "unreachable, suspect" in element.text


async def test_nothing_seen_yet_is_neither_well_nor_broken() -> None:
    async with visiting(empty_stage(sample(1))) as visit:
        page = await visit.page("/")
    assert {each.attributes["data-marks"] for each in page.all("td", "cell")} == {"unknown"}
    assert "Nothing has been seen yet" in page.one(id="panel-causes").text
    assert "not known yet" in page.one(id="panel-routes").text


async def test_all_well() -> None:
    async with visiting(well_stage(sample(1))) as visit:
        page = await visit.page("/")
    assert "Everything that is probed is reached, and nobody opens it." in page.one(id="panel-causes").text
    assert not [each for each in page.all("details", "group") if "open" in each.attributes]
    assert "nothing wrong" in page.one(id="panel-routes").text


# above the matrix


async def test_one_proxy_that_refuses_many_targets_is_one_line_with_since_when() -> None:
    play = troubled()
    refused = [k for k, s in play.board.pairs.items() if cell_of(s).word == "proxy-denied"]
    assert len(refused) > 5
    async with visiting(play) as visit:
        page = await visit.page("/")
    lines = [each for each in page.all("li", "cause") if "proxy hq" in each.text]
    assert len(lines) == 1
    assert f"refused {len(refused)} of " in lines[0].text
    assert "since 2 h (2026-11-22 05:24:00Z)" in lines[0].text
    assert "proxy-denied (stage proxy, hop 1)" in lines[0].text
    link = next(each for each in lines[0].all("a"))
    assert link.attributes["href"] == "./?route=hq&state=unreachable#matrix"
    assert link.text == f"{len(refused)} pairs"


async def test_causes_are_those_of_the_confirmed_state() -> None:
    play = well_stage(sample(1))
    target = play.first()
    async with visiting(play) as visit:
        play.play(denied(target, HQ, NOW))
        assert "Everything that is probed is reached" in (await visit.page("/")).one(id="panel-causes").text
        play.play(denied(target, HQ, NOW + 5))
        await visit.live.pause(1.1)  # what stands above the matrix is a second old at most
        assert f"refused {target.host}" in (await visit.page("/")).one(id="panel-causes").text


async def test_regions_need_the_whole_world_too() -> None:
    play = well_stage(sample(2))
    worldwide = next(t for t in play.plan.targets if (t.service, t.geography) == ("MDE", "WW"))
    worldwide = replace(worldwide)
    play.play(*(failed(worldwide, HQ, NOW + n) for n in range(2)))
    async with visiting(play) as visit:
        page = await visit.page("/")
    table = page.one("table", "regions")
    row = next(each for each in table.one("tbody").all("tr") if each.one("th").text == "MDE")
    europe = row.all("td")[[each.text for each in table.one("thead").all("th")].index("EU") - 1]
    assert europe.all("span", "can")[0].text.startswith("✓ direct works: all ")
    assert "✕ hq broken: all " in europe.text
    assert "WW: 1 of 2 unreachable" in europe.text
    antivirus = next(each for each in table.one("tbody").all("tr") if each.one("th").text == "MDAV")
    assert "broken" not in antivirus.text


async def test_changes_of_a_day_are_grouped_and_link_to_the_history() -> None:
    play = troubled()
    async with visiting(play) as visit:
        page = await visit.page("/")
    panel = page.one(id="panel-changes")
    refused = len([k for k, s in play.board.pairs.items() if cell_of(s).word == "proxy-denied"])
    assert f"{refused} targets over hq: reached → proxy-denied at hop 1" in panel.text
    assert "over 4 routes: trusted → cert-expired" in panel.text
    assert "key" not in panel.text
    assert "transitions" in [each.attributes["href"] for each in panel.all("a")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"late": 0.4}, "Starts late by 400 ms"),
        ({"reload_ok": False, "reload_errors": 3}, "the last reload was refused with 3 errors (see the log)"),
        ({"store_trouble": "prober.db: no space left"}, "is not kept: prober.db: no space left"),
        ({"restarts": 2, "lost": 5}, "2, 2 restarts, 5 probes lost"),
        ({"skipped": 7}, "7: the pair's last probe was still under way"),
    ],
)
async def test_trouble_of_the_prober_itself_is_told(changes: dict[str, object], told: str) -> None:
    play = well_stage(sample(1))
    play.facts = replace(play.facts, **changes)  # type: ignore[arg-type] # fields of Status
    async with visiting(play) as visit:
        page = await visit.page("/")
    bad = page.one(id="panel-health").all("div", "bad")
    assert [told in each.text and "Trouble:" in each.text for each in bad] == [True]


async def test_pairs_without_a_result_for_long_are_counted() -> None:
    play = well_stage(sample(1))
    play.clock = NOW + 200
    play.facts = replace(play.facts, started=NOW - 5000)
    target = play.first()
    play.play(*(reached(target, route, NOW + 190) for route in ROUTES))
    async with visiting(play) as visit:
        page = await visit.page("/")
    left = len(play.board.pairs) - len(ROUTES)
    assert f"{left} pairs without a result for three intervals" in page.one(id="panel-health").text


# filters


@pytest.mark.parametrize(
    "query",
    [
        "q=events",
        "q=EVENTS",
        "service=MDAV",
        "geography=EU&service=MDE",
        "route=hq",
        "route=hq&state=unreachable",
        "state=broken",
        "state=intercepted&geography=EU",
        "state=pending",
        "state=ok&route=cloud",
        "state=nonsense",
        "service=NONE",
    ],
)
async def test_filters_leave_out_rows_and_columns(query: str) -> None:
    play = troubled()
    chosen = Filter.read(dict(part.split("=") for part in query.split("&")))
    async with visiting(play) as visit:
        page = await visit.page(f"/?{query}")
    layout = layout_of(play.board.pairs)
    expected = {
        row.id
        for each in layout.groups
        for row in each.rows
        if chosen.takes_group(each.service, each.geography)
        and chosen.takes_row(row.text, [(k[1], cell_of(play.board.pairs[k])) for k in row.keys if k])
    }
    rows = [row for each in page.all("details", "group") for row in each.one("tbody").all("tr")]
    assert {str(row.attributes["id"]) for row in rows if not row.hidden} == expected
    assert len(rows) == len(layout.row_of) // len(ROUTES)
    for each in page.all("details", "group"):
        shown = [row for row in each.one("tbody").all("tr") if not row.hidden]
        assert each.hidden is not bool(shown)
    if chosen.route:
        shown_columns = {cell.text.split()[0] for cell in page.all("td", "cell") if not cell.hidden}
        assert shown_columns
        assert [not head.hidden for head in page.one("div", "columns").all("span", "col")] == [
            route.name == chosen.route for route in ROUTES
        ]
        for row in rows:
            assert [not cell.hidden for cell in row.all("td")] == [route.name == chosen.route for route in ROUTES]
    assert page.one(id="nothing").hidden is bool(expected)
    assert page.one(id="count").text == f"{len(expected)} of {len(rows)} targets"


def test_the_filters_states_are_those_of_the_cells() -> None:
    tokens = {token for state in troubled().board.pairs.values() for token in cell_of(state).tokens}
    from prober.monitor.page.filters import STATES

    assert tokens <= set(STATES)


# one pair


async def test_an_intercepted_pair_has_everything() -> None:
    play = troubled()
    key = broken_pair(play, Mark.INTERCEPTED)
    state = play.board.pairs[key]
    async with visiting(play) as visit:
        page = await visit.page(f"/pair?target={key[0]}&route={key[1]}")
    article = page.one("article", "pair")
    text = article.text
    assert state.target.address in page.one("h1").text
    assert "intercepted , since 4 h (2026-11-22 02:" in text
    assert 'is signed by "Contoso Inspection CA 07"' in text
    assert "Exempt " in text
    assert state.verdict is not None
    for evidence in state.verdict.evidence:
        assert evidence.text in text
    assert len(article.all("details", "probe")) == len(state.recent) == 5
    stages = [each.one("th").text for each in article.all("table", "waterfall")[0].all("tr")]
    assert stages == [
        "TCP, hop 1", "way through, hop 1", "TCP, hop 2", "TLS, hop 2", "way through, hop 2", "TLS", "first byte",
    ]  # fmt: skip
    assert "socks5h://10.0.0.7:1080" in text
    assert "svc" not in text  # a proxy's user is nobody's business here
    chains = article.one("table", "chains")
    assert "over direct, the reference of the verdict" in chains.text
    assert "CN=Contoso Inspection CA 07,O=Contoso Ltd" in [each.text for each in chains.all("mark")]
    assert "unknown" in chains.one("thead").text
    assert "public" in chains.one("thead").text
    assert "clean → intercepted" in article.all("ol", "changes")[-1].text
    assert [each.text.split()[1] for each in article.one("ul", "over-routes").all("a")] == [r.name for r in ROUTES]


async def test_a_refused_pair_says_what_windows_shows_and_what_to_do() -> None:
    play = troubled()
    key = broken_pair(play, Mark.UNREACHABLE, "hq")
    async with visiting(play) as visit:
        text = (await visit.page(f"/pair?target={key[0]}&route=hq")).text
    assert "proxy-denied (stage proxy, hop 1)" in text
    assert "Windows shows about" in text
    assert "ERR_ACCESS_DENIED" in text
    assert "failed: proxy, hop 1" in text


async def test_another_route_can_be_chosen_to_compare_with() -> None:
    play = troubled()
    key = broken_pair(play, Mark.INTERCEPTED)
    async with visiting(play) as visit:
        page = await visit.page(f"/pair?target={key[0]}&route={key[1]}&with=branch")
    assert "over branch, as you chose" in page.one("table", "chains").text


async def test_ways_that_were_passed_over_are_named() -> None:
    target = sample()[0]
    (first,) = HQ.hops
    route = Route("office", (replace(first, host="gone.corp"),), (HQ.hops,))
    play = empty_stage([target], (route,))
    why = Failure(Stage.CONNECT, 1, Reason.TCP_REFUSED, "10.0.0.9:8080: <b>refused</b>")
    play.play(replace(reached(target, route.after(1), NOW - 5), passed_over=(why,)))
    async with visiting(play) as visit:
        page = await visit.page(f"/pair?target={target.id}&route=office")
    assert "Tried before: " in page.text
    assert f"http://gone.corp:{first.port}" in page.text
    assert "which could not be connected: tcp-refused 10.0.0.9:8080: <b>refused</b>" in page.text
    assert [row.text for row in page.all("td") if first.url in row.text] == [first.url], "the proxy that was used"


async def test_a_pair_that_is_not_there() -> None:
    async with visiting(well_stage(sample(1))) as visit:
        for path in ("/pair", "/pair?target=x&route=y", "/pair?target=%00%3Cb%3E&route=hq&part=1"):
            response, text = await visit.get(path)
            assert response.status == 404
            assert "is not probed over this route" in text


async def test_the_drawers_part_is_the_article_and_says_when_nothing_is_new() -> None:
    play = well_stage(sample(1))
    target = play.first()
    path = f"/pair?target={target.id}&route=hq&part=1"
    async with visiting(play) as visit:
        response, text = await visit.get(path)
        assert text.lstrip().startswith("<article")
        tag = response.headers["ETag"]
        assert (await visit.get(path, **{"If-None-Match": tag}))[0].status == 304
        play.play(reached(target, BRANCH, NOW + 1))  # another route of the same target: it is shown as well
        again, _ = await visit.get(path, **{"If-None-Match": tag})
        assert again.status == 200
        assert again.headers["ETag"] != tag


# history


async def test_pages_of_the_history_have_every_change_once() -> None:
    play = well_stage(sample(1))
    target = play.first()
    at = NOW
    for _ in range(120):
        for observation in (failed, reached):
            play.play(observation(target, HQ, at), observation(target, HQ, at + 1))
            at += 10
    play.clock = at
    assert len(play.told) > 230
    seen: list[tuple[str, str]] = []
    async with visiting(play) as visit:
        path = "transitions?track=reachable"
        while path:
            page = await visit.page(f"/{path}")
            seen += [
                (str(row.all("time")[0].attributes["datetime"]), row.one("td", "after").text)
                for row in page.one("table", "history").one("tbody").all("tr")
            ]
            older = [a for a in page.all("a") if a.attributes.get("rel") == "next"]
            path = str(older[0].attributes["href"]) if older else ""
            assert "track=reachable" in path or not path
    moments = [moment for moment, _ in seen]
    assert all(one > other for one, other in pairwise(moments))
    assert len(seen) == len([each for each in play.told if each.track == "reachable"])


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("since=yesterday", ["since: expected a moment"]),
        ("track=colour&before=12", ["track: 'colour' is none", "before: expected a moment"]),
        ("cursor=-1", ["cursor: expected a whole number"]),
    ],
)
async def test_bad_fields_of_the_history_are_told_all_at_once(query: str, wrong: list[str]) -> None:
    async with visiting(well_stage(sample(1))) as visit:
        response, text = await visit.get(f"/transitions?{query}")
    assert response.status == 400
    for sentence in wrong:
        assert sentence in text.replace("&#39;", "'")


async def test_a_day_of_the_history() -> None:
    play = troubled()
    async with visiting(play) as visit:
        page = await visit.page("/transitions?since=2026-11-22T05:00:00Z&route=hq")
        assert play.asked[-1].since == NOW - 2.5 * 3600
    rows = page.one("table", "history").one("tbody").all("tr")
    assert rows
    assert {row.all("td")[2].text for row in rows} == {"hq"}


# what carries it


def inline(page: Element) -> list[str]:
    """Everything that a strict policy would have to be loosened for."""
    found = [f"<{e.tag} {name}>" for e in page.walk() for name in e.attributes if name == "style" or name[:2] == "on"]
    found += ["<style>" for _ in page.all("style")]
    return found + [f"<script> {each.text}" for each in page.all("script") if each.text or not each.attributes["src"]]


async def pages(visit: Visit) -> list[str]:
    key = broken_pair(visit.play, Mark.INTERCEPTED)
    return ["/", f"/pair?target={key[0]}&route={key[1]}", "/transitions", "/pair?target=no&route=no"]


async def test_no_page_needs_a_loose_policy_or_another_host() -> None:
    async with visiting(troubled()) as visit:
        for path in await pages(visit):
            response, _ = await visit.get(path)
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            page = await visit.page(path)
            assert inline(page) == []
            for each in page.walk():
                for name in ("href", "src", "action"):
                    address = each.attributes.get(name) or ""
                    assert "//" not in address.partition("?")[0], f"{path}: {address}"
                    assert not address.startswith("/"), "a path below a proxy's own would be lost"
            html = page.one("html")
            assert html.attributes["lang"] == "en"
            assert len(page.all("h1")) == 1
            assert len(page.all("main")) == 1
            ids = [each.attributes["id"] for each in page.walk() if "id" in each.attributes]
            assert len(ids) == len(set(ids))
            labels = [
                each.attributes["aria-labelledby"] for each in page.walk() if "aria-labelledby" in each.attributes
            ]
            assert set(labels) <= set(ids)


async def test_static_files_have_their_digest_in_their_name_and_are_kept_for_ever() -> None:
    async with visiting(well_stage(sample(1))) as visit:
        page = await visit.page("/")
        names = [str(each.attributes[n]) for each in page.walk() for n in ("href", "src") if n in each.attributes]
        files = {name for name in names if name.startswith("static/")}
        assert {name.rpartition(".")[2] for name in files} == {"css", "js", "svg"}
        for name in files:
            assert re.fullmatch(r"static/\w+\.[0-9a-f]{10}\.(css|js|svg)", name)
            response, text = await visit.get(f"/{name}")
            assert response.status == 200
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert "http://" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
            assert "https://" not in text
        for other in ("/static/page.css", "/static/..%2Fpage.py", "/static/page.0000000000.css"):
            assert (await visit.get(other))[0].status == 404


async def test_the_loop_is_free_while_a_large_page_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "SLICE", -1.0)
    play = empty_stage(catalog(120))
    turns = 0
    ended = asyncio.Event()

    async def other_work() -> None:
        nonlocal turns
        while not ended.is_set():
            turns += 1
            await asyncio.sleep(0)

    async with visiting(play) as visit:
        from prober.monitor.page.page import _Pages  # the part that is made in slices

        task = asyncio.get_running_loop().create_task(other_work(), name="other work")
        groups, shown = await _Pages(play, visit.live)._groups(Filter())
        ended.set()
        await task
    assert shown == 120
    assert len(groups) == len(visit.live.layout.groups)
    assert turns >= 120


async def test_a_reload_shows_the_new_pairs() -> None:
    play = well_stage(sample(1))
    async with visiting(play) as visit:
        assert len((await visit.page("/")).all("td", "cell")) == len(play.board.pairs)
        gone = play.plan.targets[0]
        play.change(play.plan.targets[1:], ROUTES[:2])
        page = await visit.page("/")
    assert len(page.all("td", "cell")) == len(play.board.pairs) == (len(play.plan.targets) - 1) * 2
    assert gone.id not in page.one(id="groups").text
    assert [each.text for each in page.one("div", "columns").all("span", "col")] == ["direct", "hq"]


async def test_a_refresh_without_a_script_is_one_of_a_few() -> None:
    async with visiting(well_stage(sample(1))) as visit:
        page = await visit.page("/?refresh=60&q=login")
        assert [e.attributes["content"] for e in page.all("meta") if e.attributes.get("http-equiv")] == ["60"]
        for bad in ("0", "1", "60;url=//x", "x"):
            page = await visit.page(f"/?refresh={bad}")
            assert not [each for each in page.all("meta") if each.attributes.get("http-equiv")]


def test_words_of_verdicts_have_marks() -> None:
    from prober.monitor.page.marks import _VERDICTS

    assert set(_VERDICTS) == {Word.INTERCEPTED, Word.BLOCKED, Word.SUSPECT}
