"""What `serve` knows of a pair, as values: the newest observations, what is confirmed since when, what is exported."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from prober.interception.comparison import PairKey
from prober.interception.trust import Trust
from prober.interception.verdict import Verdict, Word
from prober.model import Observation, Reason, Route, Stage, Target
from prober.monitor.graves import Graves
from prober.monitor.held import Held, State
from prober.monitor.patience import Patience

__all__ = [
    "REACHED",
    "TRUSTED",
    "WINDOW",
    "Exported",
    "Labels",
    "Outcome",
    "PairKey",
    "PairState",
    "Remembered",
    "Track",
    "Transition",
    "identity_of",
    "labels_of",
    "outcome_of",
]

WINDOW: Final = 5
"""Observations kept of each pair: shown on the page, and looked at when interception is judged."""


_OWN_STAGES: Final = (Stage.CONFIG, Stage.LOCAL)


class Labels(NamedTuple):
    """A pair's labels in Prometheus, in this order. They come from the configuration only."""

    egress: str
    target: str
    service: str
    group: str
    geography: str
    host: str
    port: str
    route: str


def labels_of(egress: str, target: Target, route: Route) -> Labels:
    """The labels of one pair."""
    return Labels(
        egress, target.id, target.service, target.group, target.geography, target.host, str(target.port), route.name
    )


def identity_of(target: Target, route: Route) -> str:
    """What a pair's state belongs to: the endpoint and the proxies before it, as a line for people. Logins are no part
    of it, and neither is what a catalog tells of the endpoint."""
    if route.problem is not None:
        return f"{target.scheme} {target.method} {target.address}{target.path} over no way"
    way = " else ".join(", ".join(each.way) or "direct" for each in route.each_way)
    return f"{target.scheme} {target.method} {target.address}{target.path} over {way}"


class Outcome(NamedTuple):
    """How a probe ended, without its detail: failure words, or empty ones for a target that was reached."""

    stage: str = ""
    hop: int = 0
    reason: str = ""

    @property
    def reached(self) -> bool:
        """Whether the target was reached."""
        return not self.reason

    @property
    def own(self) -> bool:
        """Whether the probe was not made for a reason of the prober's own: that says nothing about anybody else."""
        return self.stage in _OWN_STAGES or self.reason == Reason.INTERNAL

    def __str__(self) -> str:
        """`reached`, or `stage/hop/reason`: the form of a transition's ends."""
        return "reached" if self.reached else f"{self.stage}/{self.hop}/{self.reason}"


def outcome_of(observation: Observation) -> Outcome:
    """A probe's end in closed words."""
    failure = observation.failure
    return REACHED if failure is None else Outcome(failure.stage.value, failure.hop, failure.reason.value)


REACHED: Final = Outcome()
TRUSTED: Final = ""
"""The trust track's value for a certificate that is trusted; else it is the reason, a failure word."""


class Track(StrEnum):
    """What of a pair can change."""

    REACHABLE = "reachable"
    TRUST = "trust"
    INTERCEPTION = "interception"
    CERTIFICATE = "certificate"
    """The leaf's key: information, confirmed or not."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change that was confirmed. Another reason for the same outage, or for the same distrust, is none: it is in
    `Exported.failure`, and the next transition's `before` is the newest."""

    at: float
    """When the change was first seen: seconds since the epoch."""
    confirmed_at: float
    target: str
    route: str
    track: Track
    before: str
    """`reached` or `stage/hop/reason`; `trusted` or a failure word; a verdict; the SHA-256 of the leaf's key."""
    after: str
    since: float
    """Since when it had been as before: seconds since the epoch."""
    detail: str = ""
    """For people, may quote the peer: escape before showing."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What metrics and the page say of a pair: replaced whole after each observation. None = unknown: not exported."""

    last_at: float
    """When the last probe ended: seconds since the epoch."""
    last: Outcome
    """The last probe's outcome, raw."""
    reachable: bool | None
    """Confirmed, as are the next three."""
    failure: Outcome | None
    """While unreachable."""
    trusted: bool | None
    verdict: Word | None
    since: float | None
    """Since when `reachable` has been as it is: seconds since the epoch."""
    duration: float | None
    """Seconds the last probe took."""
    not_after: float | None
    """End of the leaf's validity: seconds since the epoch."""
    issuer: str | None
    """The label: sanitised and bounded, `(churning)` once there were too many."""
    anchor: str | None
    status: int | None
    last_trusted: bool | None
    """Of the last probe's certificate, raw."""
    last_verdict: Word | None
    """On what the last probe alone showed, raw: INCONCLUSIVE if that was no certificate."""

    @property
    def last_reachable(self) -> bool | None:
        """Of the last probe, raw; None if it was not made for a reason of the prober's own."""
        return None if self.last.own else self.last.reached

    @property
    def intercepted(self) -> bool | None:
        """Confirmed; None where the verdict says nothing either way."""
        if self.verdict is None or self.verdict is Word.INCONCLUSIVE:
            return None
        return self.verdict is Word.INTERCEPTED


@dataclass(slots=True)
class PairState:
    """Everything about one pair. Changed by `board.Board` only, on the event loop."""

    target: Target
    route: Route
    labels: Labels
    recent: deque[Observation] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """Oldest first; without probes that were not made for a reason of the prober's own."""
    unmade: Observation | None = None
    """The newest probe, if it was one of those."""
    reach: State[Outcome] = None
    trust: State[str] = None
    """`TRUSTED` or the reason why not."""
    interception: State[Word] = None
    graves: Graves = field(default_factory=Graves)
    """What looks bad among the looks of the last while."""
    patience: dict[Track, Patience] = field(
        default_factory=lambda: {track: Patience() for track in (Track.REACHABLE, Track.TRUST, Track.INTERCEPTION)}
    )
    leaf: Held[str] | None = None
    """SHA-256 of the newest leaf's public key, lower-case hex, with the moment when it was first shown. A farm shows
    its keys by turns: going back to one of `leaves` changes nothing."""
    leaves: tuple[str, ...] = ()
    """The leaf keys shown so far, in the order of their first appearance; the newest of them only."""
    trust_now: Trust | None = None
    """The judgement on the newest observation's chain."""
    verdict: Verdict | None = None
    """The newest one, with its evidence: on the last observations together, the gravest counts."""
    word_now: Word | None = None
    """The verdict on the newest observation alone."""
    exported: Exported | None = None
    """None before the first observation."""
    revision: int = 0
    """Counts observations: whoever keeps something made from the state sees by it that it is out of date."""
    identity: str = field(init=False)
    """What this state belongs to, as of `identity_of`."""

    def __post_init__(self) -> None:
        self.identity = identity_of(self.target, self.route)

    @property
    def key(self) -> PairKey:
        """Target id and route name."""
        return self.target.id, self.route.name

    @property
    def last(self) -> Observation | None:
        """The newest observation that says something about the target and the way there."""
        return self.recent[-1] if self.recent else None

    @property
    def newest(self) -> Observation | None:
        """The newest probe, whatever it says."""
        return self.unmade or self.last

    @property
    def contradicted(self) -> bool:
        """Whether something was seen that is not confirmed yet: another look is wanted soon."""
        return any(state is not None and state.contradicted for state in (self.reach, self.trust, self.interception))


@dataclass(frozen=True, slots=True)
class Remembered:
    """What outlives a restart, of one pair."""

    key: PairKey
    identity: str
    """The endpoint and the way there, as of `identity_of`: the state is of no other."""
    recent: tuple[Observation, ...]
    """Oldest first."""
    reach: State[Outcome]
    trust: State[str]
    interception: State[Word]
    leaf: Held[str] | None
    leaves: tuple[str, ...] = ()
