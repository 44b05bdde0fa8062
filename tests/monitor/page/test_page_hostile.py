"""Whatever peers send and whatever things are called: it is shown as text, escaped, and nothing of it acts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from prober.model import Failure, HopFacts, Reason, Stage
from prober.monitor.page.rendering import environment, rendered

from .page_boards import CLOUD, HQ, NOW, Play, authority, ders, empty_stage, leaf, name, reached, sample
from .page_serving import visiting
from .test_page import inline

SCRIPT = "<script>alert(1)</script>"
QUOTES = "\"'><img src=x onerror=alert(1)>"
BIDI = "good\u202eelif\u2066.exe\u200b"
CONTROL = "a\x00b\x1b[31mc\x07\r\nSet-Cookie: x=1\x85"
HALF = "half \ud800 a pair"
TEMPLATE = "{{ 7*7 }}{% include 'x' %}"
NASTY = (SCRIPT, QUOTES, BIDI, CONTROL, TEMPLATE)


def hostile_play() -> Play:
    """Certificates, details, headers and names of a target that want to be more than text."""
    targets = list(sample(1))
    targets[0] = replace(targets[0], id=f"x/../{QUOTES}&route=hq", group=SCRIPT, path=f"/{SCRIPT}?a=b&c")
    play = empty_stage(targets)
    target = targets[0]
    signer = authority(f"{SCRIPT}{QUOTES}", f"{BIDI}{TEMPLATE}")
    mine = leaf(signer, target.host, days=(-1, 60))
    play.play(*(reached(target, HQ, NOW + n) for n in range(2)))
    odd = reached(target, CLOUD, NOW, ders(mine), headers=tuple((f"x-{n}", text) for n, text in enumerate(NASTY)))
    hops = (HopFacts(status=407, offered=(SCRIPT, QUOTES), login="none"), *odd.hops[1:])
    play.play(replace(odd, hops=hops, peer=f"[::1]:1{QUOTES}"), replace(odd, at=NOW + 1))
    detail = " ".join((*NASTY, HALF))
    failure = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, detail, 403)
    play.play(*(replace(odd, at=NOW + 5 + n, failure=failure, tls=None, http=None) for n in range(3)))
    assert any(HALF in each.detail for each in play.told)
    return play


def is_inert(text: str) -> None:
    """Nothing of the hostile texts is markup or moves characters around."""
    assert SCRIPT not in text
    assert "<img src=x" not in text
    assert "onerror=" not in text.replace("onerror=alert", "") or "&gt;&lt;img" in text
    for character in "\u202e\u2066\u200b\x00\x1b\x07\x85\r":
        assert character not in text
    assert "49" not in text.partition("x-4")[2][:60]


@pytest.mark.parametrize("part", ["", "&part=1", "&with=hq"])
async def test_a_pairs_page(part: str) -> None:
    play = hostile_play()
    target = next(iter(play.board.pairs))[0]
    async with visiting(play) as visit:
        path = f"/pair?target={target.replace('&', '%26').replace('#', '%23')}&route=cloud{part}"
        response, text = await visit.get(path)
        assert response.status == 200
        is_inert(text)
        page = await visit.page(path)
    assert inline(page) == []
    shown = page.text
    assert SCRIPT in shown  # as text, where it belongs
    assert "\\u202e" in shown
    assert "\\x1b[31m" in shown
    assert TEMPLATE in shown
    links = {str(each.attributes["href"]) for each in page.all("a")}
    assert any(link.startswith("pair?target=x%2F..%2F%22%27%3E%3Cimg") for link in links)
    assert all(link.count("route=") == 1 for link in links if link.startswith("pair?"))


async def test_the_matrix_and_the_history() -> None:
    async with visiting(hostile_play()) as visit:
        for path in (
            "/",
            f"/?q={QUOTES}&service={SCRIPT}&route={QUOTES}",
            "/transitions",
            f"/transitions?target={SCRIPT}",
        ):
            response, text = await visit.get(path)
            assert response.status == 200
            is_inert(text)
            assert inline(await visit.page(path)) == []


async def test_live_updates_are_the_same_html() -> None:
    play = hostile_play()
    async with visiting(play) as visit:
        token = visit.live.token
        await visit.live.panels()
        target = next(iter(play.board.pairs.values())).target
        play.play(*(reached(target, CLOUD, NOW + 20 + n) for n in range(2)))
        async with visit.events(token) as events:
            news = await events.next("news")
    assert news.data["cells"]
    for html in [*news.data["cells"].values(), *news.data["panels"].values()]:
        is_inert(html)


async def test_the_api_gives_it_as_it_came() -> None:
    """JSON is data: nothing is escaped for HTML there, and the answer can never be taken for a page."""
    play = hostile_play()
    target = next(iter(play.board.pairs))[0]
    async with visiting(play) as visit:
        found = await visit.json("/api/v1/pairs")
        href = next(each["href"] for each in found["pairs"] if each["target"] == target and each["route"] == "cloud")
        response, text = await visit.get(href)
        assert response.content_type == "application/json"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        detail = json.loads(text)["result"]["failure"]["detail"]
        history = await visit.json("/api/v1/transitions")
    assert SCRIPT in detail
    assert "half ? a pair" in detail  # UTF-8 cannot carry half a surrogate pair
    assert any(SCRIPT in each["detail"] for each in history["transitions"])


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    template = environment().from_string('<p title="{{ text }}">{{ text }}</p>')
    html = template.render(text=text)
    inner = html.removeprefix('<p title="').removesuffix("</p>")
    assert "<" not in inner.replace('">', "", 1)
    assert inner.count('"') == 1
    assert "'" not in inner
    assert all(character.isprintable() for character in html)


def test_names_from_outside_are_certificates_names() -> None:
    assert name(SCRIPT, QUOTES).rfc4514_string()


def test_markup_is_made_by_templates_only() -> None:
    html = rendered("row_head.html", target=sample(1)[0], name=SCRIPT)
    assert isinstance(html, Markup)
    assert SCRIPT not in html
