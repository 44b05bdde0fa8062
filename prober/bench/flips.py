"""TLS inspection under load: what the leaf keys that were seen second by second tell about it.

Keys seen without a proxy, if there are any, say which are the target's own. A key is theirs too if its issuer is of the
same family: a farm has many keys, and authorities change their numbered intermediates. Without that reference only a
change can be found, not its direction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prober.load.arrivals import rate_at
from prober.load.slices import KeySeen, Measured, Slice
from prober.load.words import Load
from prober.report.sanitize import sanitize

EARLY: Final = 20
"""Handshakes after whose second a route's habits are known: what comes later is a change."""
PAUSE: Final = 3
"""Seconds without a foreign (or without an own) key that end an episode."""
MOST: Final = 20
"""Findings given of a run."""


class Flip(StrEnum):
    """What was found."""

    INTERCEPTED = "intercepted"
    """Every key, from the first to the last, was foreign."""
    FAILS_OPEN = "fails-open"
    """It inspected, and then let some connections through untouched."""
    BEGINS = "begins-to-intercept"
    """It let everything through, and then inspected some."""
    MIXED = "mixed"
    """Some were inspected and some not, from the start."""
    ISSUER_CHANGED = "issuer-changed"
    """Without a reference: certificates of another authority appeared."""


KeysBySecond = Mapping[int, Mapping[str, KeySeen]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about a run."""

    kind: Flip
    text: str
    second: float | None = None
    """When it began, since the run's start."""
    rate: float | None = None
    """Operations per second offered then."""
    until: float | None = None
    """The end of the last second in which it was seen."""
    count: int = 0
    """Handshakes that showed it."""
    of: int = 0
    """Handshakes in that time."""
    before: int | None = None
    """Place of an earlier run that was otherwise (`habits`)."""


def flips(load: Load, measured: Measured, reference: Iterable[Measured] = ()) -> tuple[Finding, ...]:
    """What the keys of a run tell. `reference`: runs to the same target without a proxy."""
    seconds = [each for each in measured.slices if each.keys]
    if not seconds:
        return ()
    known = _keys(each for run in reference for each in run.slices)
    found = _against(load, seconds, known) if known else _changes(load, seconds)
    return tuple(found)[:MOST]


def family(issuer: str) -> str:
    """What sister authorities have in common: organisation and name without numbers (`R10`, `R11`; `CA 03`, `CA 07`).
    The organisation alone would not do: a company's inspection bears the same one as its own servers."""
    parts = dict(_attributes(issuer))
    name = " / ".join(parts[each] for each in ("O", "CN") if parts.get(each)) or issuer
    return re.sub(r"[\d\W_]+", " ", name).strip().casefold() or name.casefold()


def _attributes(issuer: str) -> Iterator[tuple[str, str]]:
    """Attributes of an RFC 4514 string; a comma after a backslash belongs to a value."""
    for part in re.split(r"(?<!\\)[,+]", issuer):
        name, _, value = part.partition("=")
        yield name.strip().upper(), value.strip()


# with a reference


def parted(seconds: Iterable[Slice], known: Mapping[str, KeySeen]) -> tuple[KeysBySecond, KeysBySecond]:
    """Foreign keys and the target's own, by second; `known` are those seen without a proxy."""
    families = {family(seen.issuer) for seen in known.values() if seen.issuer}

    def own(key: str, seen: KeySeen) -> bool:
        return key in known or (bool(seen.issuer) and family(seen.issuer) in families)

    foreign: dict[int, dict[str, KeySeen]] = {}
    plain: dict[int, dict[str, KeySeen]] = {}
    for each in seconds:
        foreign[each.second] = {key: seen for key, seen in each.keys.items() if not own(key, seen)}
        plain[each.second] = {key: seen for key, seen in each.keys.items() if own(key, seen)}
    return foreign, plain


def _against(load: Load, seconds: Sequence[Slice], known: Mapping[str, KeySeen]) -> Iterator[Finding]:
    foreign, plain = parted(seconds, known)
    inspected, through = total(foreign.values()), total(plain.values())
    if not inspected:
        return
    who = issuer_of(foreign.values())
    if not through:
        yield Finding(Flip.INTERCEPTED, f"All {inspected:,} handshakes were inspected, by {who}.", count=inspected)
        return
    habit = _habit(seconds)
    early_foreign = any(foreign[second] for second in habit)
    early_plain = any(plain[second] for second in habit)
    if early_foreign and early_plain:
        yield Finding(
            Flip.MIXED,
            f"From the start some handshakes were inspected and some not: {inspected:,} of {inspected + through:,}, "
            f"by {who}. A farm of which one member inspects, or a rule by address, looks like that.",
            count=inspected,
            of=inspected + through,
        )
        return
    kind, odd = (Flip.FAILS_OPEN, plain) if early_foreign else (Flip.BEGINS, foreign)
    for episode in _episodes([second for second, keys in odd.items() if keys]):
        yield _episode(load, kind, episode, seconds, odd, who)


def _episode(
    load: Load,
    kind: Flip,
    episode: tuple[int, int],
    seconds: Sequence[Slice],
    odd: Mapping[int, Mapping[str, KeySeen]],
    who: str,
) -> Finding:
    begin, end = episode
    inside = [each for each in seconds if begin <= each.second <= end]
    count = total(odd[each.second] for each in inside)
    of = total(each.keys for each in inside)
    first, rate = moment(load, begin, odd[begin])
    what = (
        f"It stops inspecting (fails open): {count:,} of {of:,} handshakes went through untouched"
        if kind is Flip.FAILS_OPEN
        else f"It begins to inspect: {count:,} of {of:,} handshakes, by {who}"
    )
    text = f"{what}, from second {int(first)} on, at {rate:,.0f}/s offered, last seen in second {end}."
    return Finding(kind, text, first, rate, end + 1.0, count, of)


# without one


def _changes(load: Load, seconds: Sequence[Slice]) -> Iterator[Finding]:
    habit = set(_habit(seconds))
    usual = {family(seen.issuer) for each in seconds if each.second in habit for seen in each.keys.values()}
    later = [each for each in seconds if each.second not in habit]
    new: dict[str, list[Slice]] = {}
    for each in later:
        for seen in each.keys.values():
            name = family(seen.issuer)
            if name not in usual and (name not in new or new[name][-1] is not each):
                new.setdefault(name, []).append(each)
    for name, where in new.items():
        mine = [{key: seen for key, seen in each.keys.items() if family(seen.issuer) == name} for each in where]
        first, rate = moment(load, where[0].second, mine[0])
        count = total(mine)
        of = total(each.keys for each in later if where[0].second <= each.second <= where[-1].second)
        yield Finding(
            Flip.ISSUER_CHANGED,
            f"From second {int(first)} on, at {rate:,.0f}/s offered, {count:,} of {of:,} certificates were of another "
            f"authority, {issuer_of(mine)}. A run without a proxy would tell whether inspection began or ended.",
            first,
            rate,
            where[-1].second + 1.0,
            count,
            of,
        )


# what both need


def _habit(seconds: Sequence[Slice]) -> list[int]:
    """The first seconds, until enough handshakes were seen."""
    found: list[int] = []
    count = 0
    for each in seconds:
        found.append(each.second)
        count += total([each.keys])
        if count >= EARLY:
            break
    return found


def _episodes(seconds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last second of each stretch without a pause."""
    begin = last = None
    for second in sorted(seconds):
        if begin is None or last is None:
            begin = second
        elif second - last > PAUSE:
            yield begin, last
            begin = second
        last = second
    if begin is not None and last is not None:
        yield begin, last


def moment(load: Load, second: int, keys: Mapping[str, KeySeen]) -> tuple[float, float]:
    """When within a second a key was first seen, and the rate offered then. A key that was seen before (in an earlier
    episode) gives the second's begin."""
    first = min((seen.first for seen in keys.values() if second <= seen.first < second + 1), default=float(second))
    return first, rate_at(load.phases, first)


def _keys(slices: Iterable[Slice]) -> dict[str, KeySeen]:
    return {key: seen for each in slices for key, seen in each.keys.items()}


def total(keys: Iterable[Mapping[str, KeySeen]]) -> int:
    """Handshakes that showed these keys."""
    return sum(seen.count for each in keys for seen in each.values())


def issuer_of(keys: Iterable[Mapping[str, KeySeen]]) -> str:
    """The most frequent issuer, fit to be shown."""
    counts: Counter[str] = Counter()
    for each in keys:
        for seen in each.values():
            counts[seen.issuer] += seen.count
    name = counts.most_common(1)[0][0] if counts else ""
    return f"“{sanitize(name, limit=120)}”" if name else "an authority without a name"
