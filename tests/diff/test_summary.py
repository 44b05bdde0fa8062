"""The paragraph for a ticket: it may be all that a board reads, so it must be true by itself."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from prober.diff import compare, diff_document, sides_of
from prober.diff.saved import SavedResult

from .made import REFUSED, SISTER, failed, over_spare, result, run, tls, told

A, B, C = "a.example", "b.example", "c.example"
WHEN = "Egress paris; before 2026-11-22 10:00 UTC, after 2026-11-22 10:00 UTC."


def text(before: Iterable[SavedResult], after: Iterable[SavedResult], **changes: str | bool) -> str:
    """The paragraph; `changes` are those of the run after."""
    sides = sides_of([("before.json", run(before))], [("after.json", replace(run(after), **changes))])
    return diff_document(compare(sides)).summary.text


def test_all_is_well() -> None:
    assert told([result()], [result()]).summary.text == (f"No difference: 1 pair of target and route compared. {WHEN}")


def test_the_time_is_that_of_all_runs_of_a_side_from_start_to_end() -> None:
    """Two files whose runs began on both sides of a full minute say the same as one run that went over it."""
    paris = replace(run([result(A)]), started="2026-11-22T09:59:58.000Z", finished="2026-11-22T09:59:59.000Z")
    lyon = run([result(A, egress="lyon")])
    merged = replace(run([result(A), result(A, egress="lyon")]), started=paris.started)
    after = [("after.json", merged)]
    several, one = ([("paris.json", paris), ("lyon.json", lyon)], [("before.json", merged)])
    texts = {diff_document(compare(sides_of(before, after))).summary.text for before in (several, one)}
    assert len(texts) == 1
    assert "before 2026-11-22 09:59 to 2026-11-22 10:00 UTC" in texts.pop()


def test_only_better_says_what() -> None:
    assert text([failed(A), result(B)], [result(A), result(B)]) == (
        "No regression: 2 pairs of target and route compared. Beside that: 1 improvement. Newly reachable: a.example: "
        f"reached now; before: proxy-denied (stage proxy, hop 1). {WHEN}"
    )


def test_only_warnings_say_what() -> None:
    found = text([result(A), failed(B)], [result(A, **over_spare()), result(B)])
    assert found.startswith(
        "No regression: 2 pairs of target and route compared. Beside that: 1 warning, 1 improvement. Newly on a "
        "fallback: a.example: "
    )
    assert "Newly reachable" not in found


def test_regressions_are_named_and_the_rest_is_counted() -> None:
    found = text([result(A), failed(B), result(C)], [failed(A), result(B), result(C, tls=tls("b", SISTER))])
    assert found.startswith("REGRESSION: 1 of 3 pairs of target and route is worse than before. Newly unreachable: ")
    assert "Beside that: 1 improvement, 1 for information." in found


def test_warnings_are_named_beside_regressions() -> None:
    found = text([result(A), result(B)], [failed(A), result(B, **over_spare())])
    assert "with 403. Beside that: 1 warning. Newly on a fallback: b.example" in found


def test_more_causes_than_a_ticket_holds_are_counted() -> None:
    hosts = [f"h{place}.example" for place in range(8)]
    before = [result(host) for host in hosts]
    after = [failed(host, failure=replace(REFUSED, reason=f"r{place}")) for place, host in enumerate(hosts)]
    found = text(before, after)
    assert found.count("Newly unreachable: ") == 5
    assert "And 3 more causes, below." in found


def test_the_egress_is_named_where_there_are_several() -> None:
    before = [result(A, egress=egress) for egress in ("lyon", "paris")]
    found = text(before, [result(A, egress="lyon"), failed(A, egress="paris")])
    assert "proxy hq (hop 1, http://10.0.0.6:8080) refused a.example over paris/hq with 403." in found
    assert "Egress lyon, paris; before" in found


def test_a_missing_egress_is_no_success_in_silence() -> None:
    before = [result(A, egress=egress) for egress in ("lyon", "paris")]
    assert text(before, [result(A, egress="paris")]) == (
        "REGRESSION: 1 pair of target and route compared and none of them worse, but not all of before was probed "
        "again. NOT COVERED: 1 pair of before was not probed after (egress lyon). Egress lyon, paris; before "
        "2026-11-22 10:00 UTC, after 2026-11-22 10:00 UTC."
    )


def test_missing_routes_and_other_targets_are_counted_on_both_sides() -> None:
    before = [result(A), result(A, "direct"), result(B)]
    found = text(before, [result(A), result(C)])
    assert "NOT COVERED: 2 pairs of before were not probed after (route direct)." in found
    assert "NOT COVERED: 1 pair of after was not probed before." in found
    assert "warning" not in found, "the same is not counted twice"


def test_other_catalogs_are_said() -> None:
    old = result(A)
    new = replace(old, target=replace(old.target, path="/ping"))
    found = text([old], [new])
    assert found.startswith("No regression: 1 pair of target and route compared. Beside that: 1 for information.")
    assert "1 pair is of a target that the catalogs define otherwise than before." in found


def test_an_interrupted_run_says_so() -> None:
    found = text([result(A), result(B)], [result(A)], complete=False)
    assert "NOT COVERED: 1 pair of before was not probed after. INTERRUPTED after: after.json." in found


@pytest.mark.parametrize(("days", "said"), [("23", ""), ("29", ""), ("30", "The baseline is 8 days older")])
def test_an_old_baseline_says_so(days: str, said: str) -> None:
    started = f"2026-11-{days}T10:00:00.000Z"
    found = text([result(A)], [result(A)], started=started)
    assert ("days older" in found) is bool(said)
    assert said in found


def test_swapped_sides_are_noticed() -> None:
    found = text([result(A)], [failed(A)], started="2026-11-21T10:00:00.000Z")
    assert "the sides seem to be swapped" in found


@pytest.mark.parametrize("instant", ["", "yesterday", "2026-11-22T10:00:00", "9999-99-99T00:00:00Z"])
def test_instants_that_make_no_sense_are_passed_over(instant: str) -> None:
    assert text([result(A)], [result(A)], started=instant).startswith("No difference")


def test_nothing_compared_is_all_there_is_to_say() -> None:
    found = text([result(A)], [result(B, "direct")])
    assert found.startswith("Nothing was compared")
    assert "NOT COVERED" not in found
