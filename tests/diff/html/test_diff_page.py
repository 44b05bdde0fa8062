"""The comparison as one HTML file: what it says, its bounds, its policy, and nothing that others wrote as markup."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from prober.diff import Comparison, Kind, compare, diff_document, sides_of
from prober.diff.html.page import policy, render_diff, script, style
from prober.diff.html.sights import NOT_PROBED, sight_of
from prober.diff.html.view import MAX_CAUSES, MAX_PAIRS, PAIRS_EACH, causes_of, table_of
from prober.diff.saved import SavedResult, SavedSigner

from ...report.html.test_html_page import HOSTILE, TAGS, read
from ..made import (
    DENIED,
    OPENED,
    REFUSED,
    SISTER,
    compared,
    failed,
    over_spare,
    result,
    run,
    sample,
    tls,
)

A, B, C = "a.example", "b.example", "c.example"


def page_of(comparison: Comparison) -> str:
    return render_diff(diff_document(comparison), comparison)


def text_of(page: str) -> str:
    return " ".join(" ".join(read(page).texts).split())


def of_service(made: SavedResult, service: str) -> SavedResult:
    return replace(made, target=replace(made.target, service=service))


def world() -> tuple[Sequence[SavedResult], Sequence[SavedResult]]:
    """Two egress points with something of every severity; `tests/browser` looks at it too."""
    before: list[SavedResult] = []
    after: list[SavedResult] = []
    for egress in ("lyon", "paris"):
        for service, number in (("COMMON", 4), ("MDAV", 5), ("MDE", 14), ("MDI", 4)):
            for place in range(number):
                store = service == "MDE" and place < 9
                host = f"store{place}.blob.core.example" if store else f"{service.lower()}-{place}.example"
                old = of_service(result(host, "hq", egress), service)
                new = old
                if egress == "paris" and store:
                    new = of_service(failed(host, "hq", egress), service)
                elif egress == "lyon" and service == "MDI":
                    new = replace(old, interception=OPENED, tls=tls("b"), trusted=False)
                elif egress == "lyon" and service == "MDAV" and place < 2:
                    new = replace(old, **over_spare())
                elif egress == "paris" and service == "MDAV" and place == 2:
                    old = of_service(failed(host, "hq", egress, failure=REFUSED), service)
                elif service == "COMMON" and place == 1:
                    new = replace(old, tls=tls("b", SISTER))
                direct = of_service(result(host, "direct", egress), service)
                before += [old, direct]
                after += [new, direct]
    return before, after


@pytest.fixture(scope="module")
def whole() -> Comparison:
    return compared(*world())


@pytest.fixture(scope="module")
def page(whole: Comparison) -> str:
    return page_of(whole)


def test_the_policy_names_the_very_style_and_script(page: str) -> None:
    said = policy()
    assert said.startswith("default-src 'none';")
    assert "unsafe" not in said
    assert page.index(said.replace("'", "&#39;")) < page.index("<style>")
    for tag, content in (("style", style()), ("script", script())):
        assert re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL) == [content]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in said
        assert not re.search(r"url\(|@import|https?://|innerHTML|\beval\b", content)


def test_nothing_is_fetched_and_nothing_is_inline(page: str) -> None:
    tags = read(page).tags
    for tag, attributes in tags:
        assert tag in TAGS | {"s"}
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset")}
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"] for tag, attributes in tags if tag == "a"}
    assert links <= {f"#{each}" for each in ids}


def test_it_says_what_the_document_says(whole: Comparison, page: str) -> None:
    text, document = text_of(page), diff_document(whole)
    assert document.summary.text in text
    assert "13 pairs of target and route are worse than before" in text
    for difference in document.differences:
        assert difference.sentence in text
        assert difference.hint in text
        for pair in difference.pairs:
            assert f"{pair.host} {pair.target}" in text
    for wanted in ("proxy-denied stage proxy, hop 1", "reached status 200", "intercepted hop 1 signed by Corp Root",
                   "before.json", "8 of 8", "28 → 19 of 28"):  # fmt: skip
        assert wanted in text, wanted


def test_the_table_adds_up(whole: Comparison) -> None:
    document = diff_document(whole)
    table = table_of(document.table)
    assert table.services == (None, "MDE", "MDAV", "MDI", "COMMON")
    assert [egress for egress, _ in table.rows] == [None, "lyon", "paris"]
    everything = table.rows[0][1][0]
    assert everything is not None
    assert everything.pairs == document.summary.compared
    assert [count for _, count in everything.counts] == [13, 2, 1, 2]
    for place in range(len(table.services)):
        column = [cells[place] for _, cells in table.rows]
        first, *others = [cell.pairs if cell is not None else 0 for cell in column]
        assert first == sum(others)


def test_no_difference_is_a_page_too() -> None:
    text = text_of(page_of(compared([result()], [result()])))
    assert "Nothing differs" in text
    assert "incomplete" not in text
    assert "each is as it was before" in text


def test_nothing_compared_is_a_page_too() -> None:
    text = text_of(page_of(compared([result(A)], [result(B, "direct")])))
    assert "Nothing was compared" in text
    assert "not compared" in text


def test_what_was_not_measured_is_not_passed_over() -> None:
    cut = compare(sides_of([("b.json", run([result(A), result(B)]))], [("a.json", run([result(A)], complete=False))]))
    text = text_of(page_of(cut))
    assert "Nothing that was compared is worse incomplete" in text
    assert "interrupted" in text
    assert "not probed" in text


def test_only_so_many_are_listed_and_the_rest_is_counted() -> None:
    hosts = [f"h{number}.example" for number in range(MAX_PAIRS + 500)]
    many = compared([result(host) for host in hosts], [failed(host) for host in hosts])
    (cause,) = causes_of(diff_document(many), many)
    assert (len(cause.lines), cause.unlisted) == (PAIRS_EACH, len(hosts) - PAIRS_EACH)
    text = text_of(page_of(many))
    assert f"{len(hosts):,} pairs, before and after" in text
    assert f"And {len(hosts) - PAIRS_EACH:,} pairs that are not listed here" in text
    each = [
        (result(host), result(host, tls=tls("b", f"CN=Maker {chr(97 + place % 26)}{place}x"))) for place, host in
        enumerate(hosts[: MAX_CAUSES + 20])
    ]  # fmt: skip
    scattered = compared([old for old, _ in each], [replace(new, tls=tls("b", f"CN={'m' * place}")) for place, (_, new)
                                                   in enumerate(each, 1)])  # fmt: skip
    assert len(diff_document(scattered).differences) == MAX_CAUSES + 20
    assert "And 20 causes of lesser weight" in text_of(page_of(scattered))


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_shows_both_sides(kind: Kind) -> None:
    states = compared([result(A)], [failed(A)]).changes[0]
    assert sight_of(None, kind) is NOT_PROBED
    assert sight_of(states.before, kind).word == "ok"
    assert sight_of(states.after, kind).text == "proxy-denied"


def test_a_side_shows_what_the_difference_is_about() -> None:
    def facts(before: SavedResult, after: SavedResult) -> list[tuple[str, tuple[str, ...]]]:
        change = compared([before], [after]).changes[0]
        return [(each.text, each.facts) for each in (sight_of(change.before, change.kind),
                                                     sight_of(change.after, change.kind))]  # fmt: skip

    assert facts(result(), result(tls=tls("b"))) == [
        ("reached", ("issued by Microsoft Azure RSA TLS Issuing CA 07", "key key-a")),
        ("reached", ("issued by Microsoft Azure RSA TLS Issuing CA 07", "key key-b")),
    ]
    assert facts(result(), result(**over_spare()))[1] == ("reached", ("http://10.0.0.7:8080",))
    slow = [replace(result(), samples=tuple(sample(at=at, total=total) for at in range(5))) for total in (0.04, 0.5)]
    assert facts(*slow) == [("reached", ("median 40 ms of 5",)), ("reached", ("median 500 ms of 5",))]
    torn = replace(failed(), samples=tuple(sample(None if at % 2 else DENIED, at=at) for at in range(4)))
    assert facts(result(), torn)[1] == ("probes disagree", ("proxy-denied",))


def poisoned(text: str) -> Comparison:
    verdict = replace(OPENED, signer=SavedSigner(f"CN={text}", f"CN={text}"))
    before = [result(f"{each}{text}", egress=egress) for each in (A, B) for egress in ("e", f"x{text}")]
    after = [
        failed(f"{A}{text}", failure=replace(DENIED, detail=text, reason=f"r{text}")),
        replace(before[2], interception=verdict, tls=tls("b", f"CN={text}")),
        *before[1:2],
    ]
    before, after = ([of_service(each, f"s{text}") for each in side] for side in (before, after))
    sides = sides_of([(f"b{text}", run(before))], [(f"a{text}", run(after, complete=False))])
    return compare(sides)


@pytest.mark.parametrize("text", [HOSTILE, "<script>alert(1)</script>", "'\"><svg onload=alert(1)>", "\x00\x08\ufffe"])
def test_hostile_text_stays_text(text: str) -> None:
    check_hostile(text)


@given(st.text(max_size=40))
@settings(max_examples=20)
def test_any_text_stays_text(text: str) -> None:
    check_hostile(text.encode("utf-8", "replace").decode())


def check_hostile(text: str) -> None:
    reader = read(page_of(poisoned(text)))
    assert {tag for tag, _ in reader.tags} <= TAGS | {"s"}
    for tag in ("script", "style"):
        assert sum(each == tag for each, _ in reader.tags) == 1
    for _, attributes in reader.tags:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "src")}
    assert not [each for each in reader.texts if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066\u200b]", each)]
