"""The one label that quotes the wire: short, harmless, and not more of them than agreed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Anchor
from prober.monitor.issuers import CHURNING, MANY, MAX_BYTES, WITHIN, IssuerLabels, bounded

KEY = ("mde.c2.t0", "direct")
OTHER = ("mde.c2.t1", "direct")


def shown(labels: IssuerLabels, *numbers: int, start: float = 0.0, step: float = 60.0) -> list[str]:
    """Unknown issuers by number, one a step."""
    return [
        labels.label(KEY, f"CN=ca {number}", Anchor.UNKNOWN, start + place * step)
        for place, number in enumerate(numbers)
    ]


def test_the_tenth_unknown_issuer_within_an_hour_churns() -> None:
    found = shown(IssuerLabels(), *range(MANY + 3))
    assert found[: MANY - 1] == [f"CN=ca {number}" for number in range(MANY - 1)]
    assert set(found[MANY - 1 :]) == {CHURNING}


def test_few_that_take_turns_are_shown() -> None:
    found = shown(IssuerLabels(), *[number % (MANY - 1) for number in range(500)])
    assert CHURNING not in found
    assert len(set(found)) == MANY - 1


def test_slowly_changing_issuers_are_shown() -> None:
    found = shown(IssuerLabels(), *range(100), step=WITHIN / (MANY - 2))
    assert found == [f"CN=ca {number}" for number in range(100)]


def test_it_ends_an_hour_after_it_has_calmed_down() -> None:
    labels = IssuerLabels()
    assert shown(labels, *range(MANY))[-1] == CHURNING
    end = (MANY - 1) * 60.0
    assert shown(labels, 99, start=end + WITHIN - 601) == [CHURNING]
    assert shown(labels, 99, start=end + WITHIN + 1) == ["CN=ca 99"]


def test_it_ends_at_once_when_the_clock_is_set_back() -> None:
    """What was seen in a future that is none any more counts no longer."""
    labels = IssuerLabels()
    assert shown(labels, *range(MANY), start=10 * 365 * 86_400.0)[-1] == CHURNING
    assert shown(labels, 99, start=0.0) == ["CN=ca 99"]
    assert shown(labels, *range(MANY), start=60.0)[-1] == CHURNING


@pytest.mark.parametrize("anchor", [Anchor.PUBLIC, Anchor.PUBLIC_LEGACY, Anchor.VENDOR_PRIVATE, Anchor.PINNED])
def test_what_cannot_be_made_up_does_not_count(anchor: Anchor) -> None:
    labels = IssuerLabels()
    assert [labels.label(KEY, f"CN={n}", anchor, 0.0) for n in range(50)] == [f"CN={n}" for n in range(50)]
    assert shown(labels, 1) == ["CN=ca 1"]


@pytest.mark.parametrize("anchor", [Anchor.UNKNOWN, Anchor.INCOMPLETE, Anchor.SELF_SIGNED_LEAF, Anchor.OS_ONLY])
def test_what_can_be_made_up_counts(anchor: Anchor) -> None:
    labels = IssuerLabels()
    assert [labels.label(KEY, f"CN={n}", anchor, 0.0) for n in range(50)].count(CHURNING) == 50 - MANY + 1


def test_a_known_issuer_is_shown_even_while_others_churn() -> None:
    labels = IssuerLabels()
    shown(labels, *range(MANY))
    assert labels.label(KEY, "CN=First Trust", Anchor.PUBLIC, 600.0) == "CN=First Trust"
    assert shown(labels, 77, start=660.0) == [CHURNING]


def test_pairs_churn_each_for_itself_and_can_be_forgotten() -> None:
    labels = IssuerLabels()
    shown(labels, *range(MANY))
    assert labels.label(OTHER, "CN=ca 1", Anchor.UNKNOWN, 600.0) == "CN=ca 1"
    labels.forget(KEY)
    labels.forget(("never", "seen"))
    assert shown(labels, 1, start=600.0) == ["CN=ca 1"]


@given(st.lists(st.text(max_size=5), max_size=200))
def test_memory_is_bounded(issuers: list[str]) -> None:
    labels = IssuerLabels()
    for place, issuer in enumerate(issuers):
        labels.label(KEY, issuer, Anchor.UNKNOWN, float(place))
        assert len(labels._unknown[KEY]) <= MANY


@given(st.text(st.characters()) | st.sampled_from(["日" * 200, "é" * 64 + "x", "a" * 129, "\ud800" * 50, "😀" * 33]))
def test_labels_are_short_and_printable(text: str) -> None:
    found = bounded(text)
    assert len(found.encode()) <= MAX_BYTES
    assert found.isprintable()
    assert bounded(found) == found


def test_what_fits_is_left_alone() -> None:
    assert bounded("CN=Zscaler Intermediate Root CA (zscaler.net),O=Zscaler Inc.") == (
        "CN=Zscaler Intermediate Root CA (zscaler.net),O=Zscaler Inc."
    )
    assert bounded("O=" + "ü" * 63) == "O=" + "ü" * 63
    assert bounded("O=" + "ü" * 64) == "O=" + "ü" * 61 + "…"
