"""Interception look by look: one look confirms nothing, a farm's odd member is seen, and nothing flaps each minute."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception.verdict import Word
from prober.monitor.graves import GRAVE, MEMORY, Graves, alike, interception_after
from prober.monitor.held import Held, State, confirmed
from prober.monitor.state import WINDOW

WORDS = {
    "c": Word.CLEAN,
    "i": Word.INTERCEPTED,
    "s": Word.SUSPECT,
    "b": Word.BLOCKED,
    "-": Word.INCONCLUSIVE,
}
LETTERS = {word: letter for letter, word in WORDS.items()}
GRAVEST = (Word.INTERCEPTED, Word.SUSPECT, Word.BLOCKED, Word.CLEAN, Word.INCONCLUSIVE)


class Player:
    """A pair's looks, one a second, judged once each."""

    def __init__(self, confirm: int = 2) -> None:
        self.confirm = confirm
        self.state: State[Word] = None
        self.graves = Graves()
        self.looks: deque[tuple[float, Word]] = deque(maxlen=WINDOW)
        self.at = -1.0

    def look(self, letter: str) -> str:
        """Take one more; what is confirmed then, `?` = nothing."""
        self.at += 1
        self.looks.append((self.at, WORDS[letter]))
        gravest = min((word for _, word in self.looks), key=GRAVEST.index)
        self.state, self.graves = interception_after(self.state, self.graves, list(self.looks), gravest, self.confirm)
        held = confirmed(self.state)
        return "?" if held is None else LETTERS[held.value]


@pytest.mark.parametrize(
    ("looks", "confirm", "expected"),
    [
        ("c", 2, "c"),
        ("ccicccccc", 2, "ccccccccc"),  # one forged look, judged five times
        ("ccii", 2, "ccci"),
        ("ccsi", 2, "ccci"),  # suspect when seen once
        ("iicc", 2, "?iic"),  # ends as quickly as it began
        ("cciiicic", 2, "ccciiiii"),
        ("iicici" + "c" * 20, 2, "?iiiii" + "i" * 19 + "c"),  # it had come and gone
        ("cicccci", 2, "cccccci"),  # one in five
        ("ci" + "c" * 18 + "i", 2, "cc" + "c" * 18 + "i"),
        ("ci" + "c" * 19 + "i", 2, "cc" + "c" * 19 + "c"),  # too long ago
        ("cib", 2, "ccc"),  # two kinds
        ("cibb", 2, "cccb"),
        ("ci-i", 2, "ccci"),  # what says nothing is passed over
        ("ii-c-c", 2, "?iiiic"),
        ("--", 2, "?-"),
        ("--cc", 2, "?--c"),
        ("cc------", 2, "ccccccc-"),  # until nothing else is left
        ("ci", 1, "ci"),
        ("ic", 1, "ic"),
        ("cii", 3, "ccc"),
        ("ciicicc", 3, "cccci" + "ii"),
        ("i" * 9, 7, "??????iii"),  # more than are kept
    ],
)
def test_table(looks: str, confirm: int, expected: str) -> None:
    player = Player(confirm)
    assert "".join(map(player.look, looks)) == expected


def test_since_is_the_first_of_those_that_confirmed_it() -> None:
    player = Player()
    for letter in "cicci":
        player.look(letter)
    assert player.state == Held(Word.INTERCEPTED, 1.0)
    for letter in "c" * MEMORY:
        player.look(letter)
    assert player.state == Held(Word.CLEAN, 5.0)
    player.look("i")  # those before the end do not count again
    assert player.state == Held(Word.CLEAN, 5.0, Word.INTERCEPTED, 1, 25.0)


def test_suspect_looks_that_are_settled_by_clean_ones() -> None:
    """Judged together they are intercepted; since then, and of one kind since the first."""
    player = Player()
    for letter in "css":
        player.look(letter)
    looks = [(0.0, Word.CLEAN), (1.0, Word.INTERCEPTED), (2.0, Word.INTERCEPTED), (3.0, Word.CLEAN)]
    state, _ = interception_after(player.state, player.graves, looks, Word.INTERCEPTED, 2)
    assert state == Held(Word.INTERCEPTED, 3.0, Word.CLEAN, 1, 3.0, alike_since=1.0)


def test_what_is_judged_otherwise_by_now_counts_as_it_is_judged_now() -> None:
    """A reference came: what had been shown before is seen to be somebody else's."""
    before = [(0.0, Word.INCONCLUSIVE), (1.0, Word.INCONCLUSIVE)]
    state, graves = interception_after(Held(Word.INCONCLUSIVE, 0.0), Graves(), before, Word.INCONCLUSIVE, 2)
    now = [(0.0, Word.INTERCEPTED), (1.0, Word.INTERCEPTED), (2.0, Word.INTERCEPTED)]
    state, graves = interception_after(state, graves, now, Word.INTERCEPTED, 2)
    assert state == Held(Word.INTERCEPTED, 1.0)
    cleared = [(1.0, Word.CLEAN), (2.0, Word.CLEAN), (3.0, Word.CLEAN)]
    _, graves = interception_after(state, graves, cleared, Word.CLEAN, 2)
    assert [at for _, at, _ in graves.seen] == [0.0]


@pytest.mark.parametrize(("one_in", "within", "changes"), [(2, 30, 1), (3, 60, 1), (5, 120, 6), (10, 300, 60)])
def test_a_farm_by_chance(one_in: int, within: int, changes: int) -> None:
    """Over 2,000 looks: confirmed soon, and not many changes. Their number is what the theory says, three times."""
    random = Random(one_in)  # noqa: S311 # the same each time
    player = Player()
    player.look("c")
    told = [player.look("i" if random.random() < 1 / one_in else "c") for _ in range(2000)]
    assert "i" in told[:within]
    assert 1 <= sum(one != other for one, other in zip(["c", *told], told, strict=False)) <= 3 * changes


letters = st.text("cccisb-", max_size=80)


@settings(deadline=None)
@given(letters, st.integers(1, 6))
def test_what_always_holds(looks: str, confirm: int) -> None:
    player = Player(confirm)
    row = clean = 0
    value = "?"
    for place, letter in enumerate(looks):
        before, value = value, player.look(letter)
        row = 0 if before != value else row + 1
        clean = clean + (letter == "c") if letter in "c-" else 0
        held = confirmed(player.state)
        assert held is None or held.kind_since <= held.since <= player.at
        assert len(player.graves.seen) <= MEMORY
        if before == value or held is None:
            continue
        if held.value in GRAVE and not (before != "?" and alike(held.value, WORDS[before])):
            recent = [each for each in looks[: place + 1] if each != "-"][-MEMORY:]
            assert letter in recent[-1:]
            assert sum(alike(WORDS[each], held.value) for each in recent) >= confirm
        elif value == "c" and before != "?" and WORDS[before] in GRAVE:
            assert clean >= confirm
