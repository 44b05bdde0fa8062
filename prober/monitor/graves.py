"""Interception is confirmed and ended look by look: not by one handshake, not each minute anew, and not never. Pure.

The verdict that is shown with its evidence is the gravest of the last few looks: it is right to say of a farm "1 of 5
connections is intercepted", and wrong to count: each forged look would be in five verdicts. So what is counted here are
looks, and a look counts once, when it is the newest. Three kinds of them matter: *grave* (intercepted and suspect are
one kind, for what is suspect when seen once is intercepted when seen again; blocked is another), *clean*, and the
others, which say nothing and are passed over as an outage is.

**Begins** with a grave look that is the `confirm`-th of its kind among the last `MEMORY` looks, and since the first of
those. They need not follow each other: of a farm one member in N may intercept. With a share p of the members this
takes about 1/p + 1/(p·(1 − (1 − p)^(MEMORY − 1))) looks: ten for one in five, twenty-two for one in ten.

**Ends** after `confirm` clean looks in a row, and at the first of those, if all looks since it began had been grave: a
proxy was reconfigured. If clean looks had come between, those clean in a row are no news until they are `MEMORY`. With
a share p such a row comes by chance only once in ((1 − p)^−MEMORY − 1)/p looks: 429 for one in five (hours, at a look a
minute), 72 for one in ten. `confirm` in a row would come within minutes, and the state would flap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Final, NamedTuple

from prober.interception.verdict import Word
from prober.monitor.held import Held, State, held_after

MEMORY: Final = 20
"""Looks: within so many, grave ones count together, and so many clean ones in a row end what came and went."""
_FORGED: Final = (Word.SUSPECT, Word.INTERCEPTED)
GRAVE: Final = (*_FORGED, Word.BLOCKED)

Look = tuple[float, Word]
"""When it was, and the verdict on it alone."""


class Graves(NamedTuple):
    """The grave looks among the last `MEMORY`, by number. Looks that say nothing have no number."""

    looks: int = 0
    """Looks so far."""
    seen: tuple[tuple[int, float, Word], ...] = ()
    """Number, moment and word of the grave ones, oldest first."""

    def after(self, window: Sequence[Look], new: int = 1) -> Graves:
        """With the newest look or looks of `window`. Those before them may be judged otherwise than they were."""
        looks = self.looks + new
        if not self.seen and not any(word in GRAVE for _, word in window):
            return Graves(looks)
        again = {at for at, _ in window}
        kept = [each for each in self.seen if each[0] > looks - MEMORY and each[1] not in again]
        first = looks - len(window) + 1
        now = [(number, at, word) for number, (at, word) in enumerate(window, first) if word in GRAVE]
        return Graves(looks, (*kept, *now)[-MEMORY:])

    def of_kind(self, word: Word, since: float) -> list[float]:
        """The moments of grave looks of that word's kind, not before `since`."""
        return [at for _, at, each in self.seen if at >= since and alike(each, word)]

    def interrupted(self, since: float) -> bool:
        """Whether clean looks came between grave ones, not before `since`."""
        numbers = [number for number, at, _ in self.seen if at >= since]
        return any(later - earlier > 1 for earlier, later in pairwise(numbers))


def alike(one: Word, other: Word) -> bool:
    """Whether two words are of one kind."""
    return one is other or (one in _FORGED and other in _FORGED)


def telling(looks: Iterable[Look]) -> list[Look]:
    """The looks that say something."""
    return [look for look in looks if look[1] is not Word.INCONCLUSIVE]


def is_steady(state: State[Word], graves: Graves, gravest: Word) -> bool:
    """Whether all is clean and was, so that a clean look more changes nothing: nearly always, and quick to see."""
    if graves.seen or gravest is not Word.CLEAN:
        return False
    return isinstance(state, Held) and state.value is Word.CLEAN and not state.seen


def interception_after(
    state: State[Word], graves: Graves, looks: Sequence[Look], gravest: Word, confirm: int
) -> tuple[State[Word], Graves]:
    """The confirmed word after one more look, the last of `looks` (those still kept, oldest first), and the grave ones
    with it. `gravest` is the word of the verdict on all of them together."""
    at, word = looks[-1]
    window = telling(looks)
    if word is Word.INCONCLUSIVE:
        # while there are others that say something, this one changes nothing
        return (state if window else held_after(state, word, at, confirm, alike=alike)), graves
    graves = graves.after(window)
    if word is Word.CLEAN:
        if not isinstance(state, Held) or state.value not in GRAVE:
            return held_after(state, word, at, confirm, alike=alike, good=lambda _: True), graves
        if gravest is Word.INTERCEPTED and state.value is Word.SUSPECT:
            # the very same looks, between clean ones now: references that kept their key before and after
            state = replace(state, value=gravest, since=at, alike_since=state.kind_since)
        needed = max(confirm, MEMORY) if _comes_and_goes(state, graves, window, confirm) else confirm
        return held_after(state, word, at, needed, alike=alike), graves
    held = state if isinstance(state, Held) else None
    moments = graves.of_kind(word, -inf if held is None else held.since)
    if len(moments) >= confirm and not (held is not None and alike(held.value, word)):
        return Held(word, moments[-confirm]), graves
    return held_after(state, word, at, confirm, alike=alike), graves


def _comes_and_goes(held: Held[Word], graves: Graves, window: Sequence[Look], confirm: int) -> bool:
    """Whether clean looks have come between grave ones since it began. After a restart the looks that were kept say so,
    and that it has outlasted `confirm` clean ones."""
    if (held.candidate is Word.CLEAN and held.seen >= confirm) or graves.interrupted(held.kind_since):
        return True
    words = [word for at, word in window if at >= held.kind_since]
    clean = words.index(Word.CLEAN) if Word.CLEAN in words else len(words)
    return any(word in GRAVE for word in words[clean:])
