"""Transitions in words, and many that belong together as one line. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from prober.interception.verdict import Word
from prober.monitor.page.marks import Mark
from prober.monitor.state import Track, Transition
from prober.report.sanitize import several

TOGETHER: Final = 120.0
"""Seconds within which the same change of several pairs is one line."""
_VERDICT_MARKS: Final = {
    Word.CLEAN.value: Mark.OK,
    Word.INTERCEPTED.value: Mark.INTERCEPTED,
    Word.SUSPECT.value: Mark.SUSPECT,
    Word.BLOCKED.value: Mark.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """Transitions of one kind that came together."""

    transitions: tuple[Transition, ...]
    """Newest first."""

    @property
    def first(self) -> Transition:
        """The earliest: when it began."""
        return min(self.transitions, key=lambda each: each.at)

    @property
    def target(self) -> str:
        """The only target's id; empty = several."""
        targets = {each.target for each in self.transitions}
        return targets.pop() if len(targets) == 1 else ""

    @property
    def who(self) -> str:
        """What changed, besides the only target: `16 targets over hq`, `over 4 routes`."""
        targets = len({each.target for each in self.transitions})
        routes = list(dict.fromkeys(each.route for each in reversed(self.transitions)))
        over = f"over {routes[0]}" if len(routes) == 1 else f"over {several(len(routes), 'route')}"
        return over if targets == 1 else f"{several(targets, 'target')} {over}"

    @property
    def mark(self) -> Mark:
        """What it has become."""
        return mark_of(self.first)

    @property
    def before(self) -> str:
        """How it had been, in words."""
        return said(self.first.track, self.first.before)

    @property
    def after(self) -> str:
        """How it is since, in words."""
        return said(self.first.track, self.first.after)


def gathered(transitions: Iterable[Transition]) -> list[Change]:
    """Changes with the same before and after that follow each other closely are one, of one route where a proxy may be
    behind it. Newest first, as given."""
    found: list[list[Transition]] = []
    newest: dict[Hashable, list[Transition]] = {}
    for each in transitions:
        alike = _alike(each)
        group = newest.get(alike)
        if group is not None and abs(group[-1].at - each.at) <= TOGETHER:
            group.append(each)
            continue
        newest[alike] = group = [each]
        found.append(group)
    return [Change(tuple(group)) for group in found]


def _alike(transition: Transition) -> Hashable:
    """What must be equal for two to be one line."""
    track, before, after = transition.track, transition.before, transition.after
    if track is Track.CERTIFICATE:  # every server has a key of its own
        return track, transition.route
    at_target = track is Track.TRUST or "/0/" in f"{before} {after}"
    return track, before, after, None if at_target and track is not Track.INTERCEPTION else transition.route


def said(track: Track, value: str) -> str:
    """One end of a transition in words: `tcp-timeout`, `proxy-denied at hop 1`, `key 3f2a9c01…`."""
    if track is Track.CERTIFICATE:
        return f"key {value[:8]}…" if value else "no key"
    if track is not Track.REACHABLE or value == "reached":
        return value
    _, _, rest = value.partition("/")
    hop, _, reason = rest.partition("/")
    if not reason:
        return value
    return reason if hop == "0" else f"{reason} at hop {hop}"


def mark_of(transition: Transition) -> Mark:
    """What it is now, by this change alone."""
    after = transition.after
    match transition.track:
        case Track.REACHABLE:
            return Mark.OK if after == "reached" else Mark.UNREACHABLE
        case Track.TRUST:
            return Mark.OK if after == "trusted" else Mark.UNTRUSTED
        case Track.INTERCEPTION:
            return _VERDICT_MARKS.get(after, Mark.UNKNOWN)
    return Mark.UNKNOWN


def worth_a_line(transitions: Sequence[Transition]) -> list[Transition]:
    """Those for the first page: that a server has a new key says nothing by itself."""
    return [each for each in transitions if each.track is not Track.CERTIFICATE]
