"""What holds of any two runs: alike is empty, swapped sides mirror, order never matters."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace as replace_side
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from prober.diff import Sides, compare, diff_document, encode_diff, sides_of
from prober.diff.changes import changes_of
from prober.diff.kinds import Kind
from prober.diff.saved import SavedHttp, SavedPassedOver, SavedResult, SavedRevocation, SavedRun
from prober.diff.state import Reducer
from prober.diff.text import diff_markdown, diff_text

from .made import (
    CLEAN,
    DENIED,
    EXPIRED,
    HQ,
    ISSUER,
    NO_TLS,
    OPENED,
    OTHER,
    REFUSED,
    SISTER,
    SPARE,
    SUSPECT,
    TIMED_OUT,
    result,
    run,
    sample,
    tls,
)

HOSTS = ["a.blob.example", "b.blob.example", "c.other.example", "10.1.1.1", "x"]
FAILURES = [None, None, None, DENIED, REFUSED, TIMED_OUT]
SLOW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def results(draw: st.DrawFn, host: str, route: str, egress: str) -> SavedResult:
    failure = draw(st.sampled_from(FAILURES))
    made = result(host, route, egress)
    if draw(st.booleans()):
        return made
    found = draw(st.lists(st.sampled_from(FAILURES), max_size=6))
    purposes = st.sampled_from(["attempt", "attempt", "attempt", "confirmation"])
    totals = st.sampled_from([0.04, 0.05, 0.4, 0.5])
    samples = tuple(
        sample(each, at=number, total=draw(totals), purpose=draw(purposes)) for number, each in enumerate(found)
    )
    passed = draw(st.sampled_from([(), (SavedPassedOver((HQ,), REFUSED),)]))
    chain = None
    if failure is None:
        chain = tls(draw(st.sampled_from("ab")), draw(st.sampled_from([ISSUER, SISTER, OTHER])))
        chain = replace(chain, anchor=draw(st.sampled_from(["public", "vendor_private"])))
    status = draw(st.sampled_from([200, 403]))
    trusted = draw(st.booleans()) if chain is not None else None
    return replace(
        made,
        reachable=failure is None,
        failure=failure,
        samples=samples,
        passed_over=passed,
        via=(SPARE,) if passed else made.via,
        tls=chain,
        http=SavedHttp(status, status == 200) if failure is None else None,
        trusted=trusted,
        trust_failure=EXPIRED if trusted is False else None,
        interception=draw(st.sampled_from([None, CLEAN, OPENED, SUSPECT])) if chain is not None else NO_TLS,
        revocation=draw(
            st.sampled_from([None, SavedRevocation(True, None, None), SavedRevocation(False, DENIED, None)])
        ),
    )


@st.composite
def runs(draw: st.DrawFn) -> SavedRun:
    keys = draw(
        st.sets(
            st.tuples(st.sampled_from(HOSTS), st.sampled_from(["direct", "hq"]), st.sampled_from(["paris", "rome"])),
            max_size=8,
        )
    )
    return run([draw(results(*key)) for key in sorted(keys)])


CASES: list[dict[str, Any]] = [
    {},
    {"tls": tls("b")},
    {"tls": tls("c", OTHER)},
    {"http": SavedHttp(403, False)},
    {"revocation": SavedRevocation(True, None, None)},
    {"revocation": SavedRevocation(False, DENIED, None)},
    {"revocation": SavedRevocation(True, None, EXPIRED)},
    {"via": (SPARE,), "passed_over": (SavedPassedOver((HQ,), REFUSED),)},
    {"interception": OPENED},
    {"interception": SUSPECT},
    {"trusted": False, "trust_failure": EXPIRED},
    *({"samples": tuple(sample(at=at, total=total + at / 1000) for at in range(5))} for total in (0.2, 0.255, 0.4)),
    {"samples": (sample(at=1), sample(DENIED, at=2), sample(at=3))},
    {"reachable": False, "failure": DENIED, "tls": None, "http": None, "trusted": None, "interception": NO_TLS},
]
"""One thing each that a target which is reached may show."""


@st.composite
def two_runs(draw: st.DrawFn) -> tuple[SavedRun, SavedRun]:
    """Mostly the same pairs on both sides, each with one thing or none that is not the same."""
    keys = [(host, route, egress) for host in HOSTS[:3] for route in ("direct", "hq") for egress in ("paris", "rome")]
    sides = []
    for _ in range(2):
        left_out = draw(st.sets(st.sampled_from(keys), max_size=2))
        shown = [(key, draw(st.sampled_from(CASES))) for key in keys if key not in left_out]
        sides.append(run([result(*key, **case) for key, case in shown]))
    return sides[0], sides[1]


EITHER = two_runs() | st.tuples(runs(), runs())


def changes(before: SavedRun, after: SavedRun) -> Counter[tuple[str, tuple[str, str, str]]]:
    found = compare(sides_of([("b", before)], [("a", after)])).changes
    return Counter((change.kind.value, change.key) for change in found)


@SLOW
@given(runs() | two_runs().map(lambda both: both[0]))
def test_a_run_does_not_differ_from_itself(one: SavedRun) -> None:
    """Nor does any pair, whoever asks."""
    state = Reducer().state
    for each in one.results:
        key = (each.egress, each.target.id, each.route)
        assert list(changes_of(key, state(each), state(replace(each)))) == []
    comparison = compare(sides_of([("one", one)], [("one", one)]))
    assert comparison.changes == ()
    assert comparison.compared == len(one.results)


@SLOW
@given(EITHER)
def test_swapped_sides_give_the_kinds_backwards(both: tuple[SavedRun, SavedRun]) -> None:
    one, two = both
    if len({each.egress for each in one.results}) == len({each.egress for each in two.results}) == 1:
        one, two = (replace(each, results=[replace(r, egress="x") for r in each.results]) for each in (one, two))
    there = Counter((kind, key) for kind, key in changes(one, two).elements())
    back = compare(sides_of([("b", two)], [("a", one)])).changes
    assert there == Counter((change.kind.backwards.value, change.key) for change in back)


@SLOW
@given(EITHER, st.randoms(use_true_random=False))
def test_order_makes_no_difference(both: tuple[SavedRun, SavedRun], chance: random.Random) -> None:
    one, two = both

    def document(first: SavedRun, second: SavedRun) -> bytes:
        return encode_diff(diff_document(compare(sides_of([("b", first)], [("a", second)]))))

    mixed = [replace(each, results=chance.sample(each.results, len(each.results))) for each in (one, two)]
    assert document(one, two) == document(*mixed)


@SLOW
@given(EITHER, st.randoms(use_true_random=False))
def test_order_of_files_makes_no_difference(both: tuple[SavedRun, SavedRun], chance: random.Random) -> None:
    one, two = both

    def document(*sides: list[tuple[str, SavedRun]]) -> bytes:
        return encode_diff(diff_document(compare(sides_of(*sides))))

    files = [
        [(f"{number}.json", replace(each, results=each.results[number::3])) for number in range(3)]
        for each in (one, two)
    ]
    assert document(*files) == document(*(chance.sample(side, len(side)) for side in files))


@SLOW
@given(EITHER)
def test_reducing_late_is_reducing_at_once(both: tuple[SavedRun, SavedRun]) -> None:
    one, two = both
    """Only what differs is reduced; were all of it, the same would be found."""
    sides = sides_of([("b", one)], [("a", two)])
    state = Reducer().state
    before, after = (
        replace_side(side, pairs={key: state(pair) for key, pair in side.pairs.items()})
        for side in (sides.before, sides.after)
    )
    early = Sides(before, after, sides.renamed)
    assert compare(early).changes == compare(sides).changes
    assert encode_diff(diff_document(compare(early))) == encode_diff(diff_document(compare(sides)))


@SLOW
@given(runs(), runs(), st.integers(0, 8))
def test_several_files_are_one(one: SavedRun, two: SavedRun, cut: int) -> None:
    parts = [replace(one, results=one.results[:cut]), replace(one, results=one.results[cut:])]
    split = compare(sides_of([("1", parts[0]), ("2", parts[1])], [("a", two)]))
    assert Counter((each.kind.value, each.key) for each in split.changes) == changes(one, two)


@SLOW
@given(runs(), runs())
def test_everything_can_be_told(one: SavedRun, two: SavedRun) -> None:
    document = diff_document(compare(sides_of([("b", one)], [("a", two)])))
    for text in (diff_text(document), diff_text(document, ascii_only=True, verbose=1), diff_markdown(document)):
        assert text.endswith("\n")
        for difference in document.differences:
            assert Kind(difference.kind).about.heading in text
    assert sum(len(each.pairs) for each in document.differences) == sum(document.summary.kinds.values())
