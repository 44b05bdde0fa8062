"""The HTML report: whole, lean, its policy true, and nothing in it that somebody else has written as markup."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.report.causes import findings_of
from prober.report.document import NoteDoc, Run
from prober.report.finding import Kind
from prober.report.html.page import part, policy, render_html
from prober.report.html.signs import SIGNS, cell_of, sign_of
from prober.report.html.view import causes_of, groups_of, ways_view
from prober.report.notes import NoteId

HOSTILE = (
    "</style></script></title><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='alert(1)' "
    "javascript:alert(1) {{ 7*7 }} {% raw %} &lt;b&gt; \x1b[2J\u202egpj\u2066\u200b\r\n--><!--]]>"
)
TAGS = {
    *("html", "head", "meta", "title", "style", "script", "body", "header", "main", "section", "footer", "dialog"),
    *("h1", "h2", "h3", "h4", "p", "div", "span", "b", "i", "u", "br", "small", "code", "mark", "a", "ol", "ul", "li"),
    *("dl", "dt", "dd", "details", "summary", "article", "svg", "rect", "path", "circle", "form", "label", "input"),
    *(
        "select",
        "option",
        "output",
        "button",
        "table",
        "caption",
        "colgroup",
        "col",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ),
}
VOID = {"meta", "br", "input", "col", "rect", "path", "circle"}
OPTIONAL = {"td", "th", "tr", "tbody", "li", "p", "dt", "dd", "option"}


@dataclass
class Reader(HTMLParser):
    """What a browser would make of it, as far as the tests care."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        while self.open and self.open[-1] != tag and self.open[-1] in OPTIONAL:
            self.open.pop()
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def poisoned(run: Run, text: str, keep: frozenset[str] = frozenset()) -> Run:
    """The run with `text` behind every string that may come from somebody else."""
    closed = {
        "schema",
        "at",
        "started",
        "finished",
        "not_before",
        "not_after",
        "sha256",
        "spki_sha256",
        "stage",
        "reason",
    }
    closed |= {"verdict", "basis", "kind", "required", "root_spki_sha256", "leaf_sha256", "leaf_spki_sha256", *keep}

    def changed(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: changed(each, key) for key, each in value.items() if key not in ("certificates", "trust")}
        if isinstance(value, list):
            return [changed(each, name) for each in value]
        return value + text if isinstance(value, str) and name not in closed else value

    document = changed(msgspec.json.decode(msgspec.json.encode(run)))
    return msgspec.convert(document, Run)


@pytest.fixture(scope="module")
def plain(world: ModuleType) -> Run:
    run: Run = world.run_of(world.ROUTES[:5], judged=True)
    return run


@pytest.fixture(scope="module")
def page(plain: Run) -> str:
    return render_html(plain)


def test_the_policy_names_the_very_style_and_script(page: str) -> None:
    reader = read(page)
    ((_, meta),) = [(tag, attrs) for tag, attrs in reader.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    said = meta["content"] or ""
    assert said == policy()
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in said
    assert said.startswith("default-src 'none';")
    assert "unsafe" not in said
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_nothing_is_fetched_and_nothing_is_inline(page: str) -> None:
    for tag, attributes in read(page).tags:
        assert tag in TAGS
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset")}
        if "href" in attributes:
            assert re.fullmatch(r"#([ct]\d+|matrix)?", attributes["href"] or ""), attributes
    for name in ("report.css", "report.js"):
        assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)|innerHTML|\beval\b", part(name))


def test_every_id_is_there_once_and_every_link_leads_somewhere(page: str) -> None:
    tags = read(page).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {(attributes["href"] or "#")[1:] for tag, attributes in tags if tag == "a" and "href" in attributes}
    assert links - {""} <= set(ids)
    for name in ("aria-labelledby", "for"):
        assert {attributes[name] for _, attributes in tags if name in attributes} <= set(ids)


def test_every_result_has_its_cell_and_every_target_its_details(plain: Run, page: str) -> None:
    tags = read(page).tags
    cells = [attributes["class"] for tag, attributes in tags if tag == "td" and attributes.get("class") in SIGNS]
    assert len(cells) == 2 * len(plain.results), "once in the matrix, once in the details"
    articles = [attributes["id"] for tag, attributes in tags if tag == "article"]
    assert len(articles) == plain.summary.targets
    waterfalls = [attributes for _, attributes in tags if "data-w" in attributes]
    assert len(waterfalls) == len(plain.results)


def test_it_says_what_the_table_says(plain: Run, page: str) -> None:
    text = " ".join(" ".join(read(page).texts).split())
    for finding in findings_of(plain):
        assert finding.sentence in text
        assert finding.hint in text
    for wanted in ("No probe at all for MMA", "This machine has no IPv4 way out.", "needs a value for {workspace}",
                   "Corp Inspection CA", "the reference", "E10", "Evidence, and what else it may be",
                   "prober 1.0.0", "2026-11-22 01:07:03Z"):  # fmt: skip
        assert wanted in text, wanted


def test_cells_have_the_gravest_sign_first(plain: Run) -> None:
    order = list(SIGNS.values())
    for result in plain.results:
        cell = cell_of(result)
        places = [order.index(sign) for sign in cell.signs]
        assert places == sorted(set(places))
        assert (cell.sign.word == "unreachable") is not result.reachable
        assert cell.text


def test_every_kind_of_finding_has_a_sign() -> None:
    assert {sign_of(kind).word for kind in Kind} <= set(SIGNS)


def test_tallies_and_bars_add_up(plain: Run) -> None:
    groups = groups_of(plain, causes_of(findings_of(plain)))
    ways = ways_view(plain, groups)
    assert sum(way.total for way in ways) == len(plain.results)
    assert sum(way.reached for way in ways) == plain.summary.reachable
    for way in ways:
        assert sum(count for _, count in way.counts) == way.total
        assert sum(share.width for share in way.shares) == pytest.approx(100, abs=0.1)
    for group in groups:
        assert all(sum(count for _, count in tally) == len(group.rows) for tally in group.tallies)


def test_the_order_of_results_makes_no_difference(plain: Run) -> None:
    groups = groups_of(plain, ())
    mixed = groups_of(msgspec.structs.replace(plain, results=tuple(reversed(plain.results))), ())
    assert mixed == groups


def test_nothing_probed_is_a_page_too(world: ModuleType) -> None:
    run = world.run_of((), 0)
    page = render_html(run)
    assert "Nothing was probed." in page
    assert read(page).tags


def test_an_interrupted_run_says_so(world: ModuleType) -> None:
    page = render_html(world.run_of(world.ROUTES[:1], 5, complete=False))
    assert 'class="badge">interrupted' in page


def test_runs_of_several_egresses_have_columns_for_each(plain: Run) -> None:
    moved = [msgspec.structs.replace(each, egress="lisbon") for each in plain.results]
    joined = msgspec.structs.replace(plain, results=(*plain.results, *moved))
    ways = ways_view(joined, groups_of(joined, ()))
    assert [way.name for way in ways][:6] == [
        "paris/direct", "paris/hq", "paris/two", "paris/inspected", "paris/branch-office-lisbon", "lisbon/direct",
    ]  # fmt: skip
    assert "lisbon/direct" in render_html(joined)


@pytest.mark.parametrize(
    "text", [HOSTILE, "<script>alert(1)</script>", "'\"><svg onload=alert(1)>", "\x00\x08\ud800\ufffe"]
)
def test_hostile_text_stays_text(plain: Run, text: str) -> None:
    reader = read(render_html(poisoned(plain, text.encode("utf-8", "replace").decode())))
    assert {tag for tag, _ in reader.tags} <= TAGS
    assert sum(tag == "script" for tag, _ in reader.tags) == 1
    assert sum(tag == "style" for tag, _ in reader.tags) == 1
    for _, attributes in reader.tags:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "src")}
    assert not [each for each in reader.texts if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066\u200b]", each)]


@given(st.text(max_size=40))
@settings(max_examples=12, deadline=None)
def test_any_text_stays_text(text: str) -> None:
    run = _small(text.encode("utf-8", "replace").decode())
    reader = read(render_html(run))
    assert {tag for tag, _ in reader.tags} <= TAGS
    assert sum(tag == "script" for tag, _ in reader.tags) == 1


def _small(text: str) -> Run:
    return poisoned(_WORLD[0], text)


_WORLD: list[Run] = []


@pytest.fixture(autouse=True, scope="module")
def _small_world(world: ModuleType) -> None:
    _WORLD[:] = [world.run_of(world.ROUTES[2:4], 6, judged=True)]


def test_words_of_a_later_version_are_shown_as_they_are(plain: Run) -> None:
    document = msgspec.json.decode(msgspec.json.encode(plain))
    for result in document["results"]:
        result["interception"] |= {"verdict": "puzzling", "reason": "because", "basis": "feeling"}
        if result["failure"]:
            result["failure"] |= {"stage": "teleport", "reason": "beam-lost"}
    page = render_html(msgspec.convert(document, Run))
    assert "puzzling" in page
    assert "beam-lost" in page


def test_the_colours_are_those_of_the_monitoring_page() -> None:
    theirs = (Path(__file__).parents[3] / "prober/monitor/page/static/page.css").read_text(encoding="utf-8")
    tokens = theirs[theirs.index(":root {") : theirs.index("*, *::before")]
    assert tokens in part("report.css")


def test_states_that_no_cell_has_are_not_offered(world: ModuleType) -> None:
    """A finding of the whole run has a sign, and no cell shows it."""
    run: Run = world.run_of(world.ROUTES[:1], 3)
    page = render_html(msgspec.structs.replace(run, notes=(NoteDoc(NoteId.DIRECT_IS_PROXIED.value, "told"),)))
    assert "direct is proxied</b>" in page  # the legend
    assert '<option value="direct">' not in page
    assert '<option value="ok">' in page


def test_the_policy_allows_two_digests_and_nothing_else() -> None:
    told = dict(each.strip().split(" ", 1) for each in policy().split(";"))
    assert {name: value for name, value in told.items() if not value.startswith("'sha256-")} == dict.fromkeys(
        ("default-src", "base-uri", "form-action"), "'none'"
    )
    assert set(told) == {"default-src", "style-src", "script-src", "base-uri", "form-action"}


def test_a_long_text_is_cut_wherever_it_stands(world: ModuleType) -> None:
    run: Run = world.run_of(world.ROUTES[:2], 1)
    before = len(render_html(run))
    assert len(render_html(poisoned(run, "x" * 100_000))) < before + 60_000


def test_what_stops_a_service_is_grave() -> None:
    grave = {word for word, sign in SIGNS.items() if sign.grave}
    assert grave == {"unreachable", "intercepted", "blocked", "revoked"}
