"""What people read: the paragraph, the table, and nothing that a peer could have smuggled in."""

from __future__ import annotations

from msgspec.structs import replace

from prober.diff.saved import SavedSigner
from prober.diff.text import diff_markdown, diff_text

from .made import DENIED, OPENED, failed, result, tls, told

HOSTILE = "\x1b[2J<script>alert(1)</script>\u202e|`x`[a](b)\n# heading"


def test_no_difference_is_one_paragraph() -> None:
    document = told([result()], [result()])
    assert diff_text(document) == (
        "No difference: 1 pair of target and route compared. Egress paris; before 2026-11-22 10:00 UTC, after\n"
        "2026-11-22 10:00 UTC.\n"
    )


def test_a_regression_says_what_and_who() -> None:
    text = diff_text(told([result()], [failed()]))
    assert text.startswith("REGRESSION: 1 of 1 pair of target and route is worse than before. Newly unreachable: ")
    assert "\nNewly unreachable (newly-unreachable)\n✘ " in text
    assert "proxy-denied (stage proxy, hop 1)" in text
    assert "403 Forbidden" in text


def test_several_egress_points_have_their_table_first() -> None:
    before = [result(egress=egress) for egress in ("paris", "rome")]
    lines = diff_text(told(before, [before[0], failed(egress="rome")]), width=200).splitlines()
    lines = lines[lines.index("") + 1 :]
    assert lines[0].split() == ["egress", "service", "pairs", "reached", "worse", "warnings", "better", "info"]
    assert lines[1].split() == ["paris", "MDE", "1", "1", "-", "-", "-", "-"]
    assert lines[2].split() == ["rome", "MDE", "1", "1", "→", "0", "1", "-", "-", "-"]


def test_names_are_cut_unless_asked_for() -> None:
    hosts = [f"h{number}.example" for number in range(20)]
    document = told([result(host) for host in hosts], [failed(host) for host in hosts])
    assert "and 14 more (-v)" in diff_text(document)
    assert "h19.example" in diff_text(document, verbose=1)


def test_hostile_text_is_escaped_everywhere() -> None:
    verdict = replace(OPENED, signer=SavedSigner(f"CN={HOSTILE}", f"CN={HOSTILE}"))
    before = [result("a.example"), result("b.example"), result("c.example", egress=HOSTILE)]
    after = [
        failed("a.example", failure=replace(DENIED, detail=HOSTILE)),
        result("b.example", interception=verdict, tls=tls("b")),
        failed("c.example", egress=HOSTILE, failure=replace(DENIED, reason=HOSTILE)),
    ]
    document = told(before, after)
    for text in (diff_text(document), diff_text(document, verbose=1, ascii_only=True), diff_markdown(document)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\n# heading" not in text
    markdown = diff_markdown(document)
    assert "<script" not in markdown
    assert "[a](b)" not in markdown
    assert diff_text(document, ascii_only=True).isascii()


def test_markdown_has_the_table_and_folds_the_targets() -> None:
    hosts = ["a.example", "b.example"]
    markdown = diff_markdown(told([result(host) for host in hosts], [failed(host) for host in hosts]))
    assert "| egress | service |" in markdown
    assert "### Regression" in markdown
    assert "<details><summary>targets</summary>a.example, b.example</details>" in markdown
