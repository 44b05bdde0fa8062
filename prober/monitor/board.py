"""The state of every pair: takes observations, judges them at once with live references, says what has changed.

Belongs to the event loop; a steady pair costs about a hundred microseconds. Bounded by the configuration: one entry a
pair, `WINDOW` observations each, certificates held once however often they are seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from prober.engine.run import Pair
from prober.interception.baseline import Baseline
from prober.interception.certificates import CertificateFacts, certificate_facts
from prober.interception.comparison import Comparison
from prober.interception.recent import Recent
from prober.interception.trust import Trust, TrustStore
from prober.interception.verdict import Why, Word
from prober.model import Observation, TlsFacts
from prober.monitor.graves import Graves, interception_after, is_steady, telling
from prober.monitor.held import Held, confirmed, without_candidate
from prober.monitor.issuers import IssuerLabels
from prober.monitor.leaves import LeafNews, with_key
from prober.monitor.state import (
    TRUSTED,
    WINDOW,
    Exported,
    PairKey,
    PairState,
    Remembered,
    Track,
    Transition,
    identity_of,
    labels_of,
    outcome_of,
)
from prober.monitor.tracks import confirmed_of, reach_after, transitions, trust_after

log = logging.getLogger(__name__)

_CERTIFICATES: Final = 8192
"""Certificates held once for all observations; what is beyond is merely held twice."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one observation did."""

    state: PairState
    transitions: tuple[Transition, ...]
    confirm: tuple[PairKey, ...]
    """Pairs to probe again soon, in this order: what was seen contradicts what was known, or another route."""


class Board:
    """All pairs in force and their state."""

    def __init__(
        self,
        egress: str,
        pairs: Sequence[Pair],
        judge: TrustStore,
        *,
        confirm: int,
        baseline: Baseline | None = None,
    ) -> None:
        self.egress = egress
        self.judge = judge
        self._confirm = confirm
        self._baseline = baseline
        self._issuers = IssuerLabels()
        self._leaf_news = LeafNews()
        self._certificates: Recent[bytes, bytes] = Recent(_CERTIFICATES)
        self._comparison = self._new_comparison()
        self._pairs: dict[PairKey, PairState] = {}
        self._listeners: list[Callable[[PairState], None]] = []
        self._broken: set[str] = set()
        for pair in pairs:
            self._enter(pair)

    # looking

    @property
    def pairs(self) -> Mapping[PairKey, PairState]:
        """Every pair in force, in the configuration's order."""
        return self._pairs

    @property
    def comparison(self) -> Comparison:
        """The judgement on all pairs; replaced when a reload changes who is trusted."""
        return self._comparison

    def listen(self, listener: Callable[[PairState], None]) -> Callable[[], None]:
        """Have `listener` called after each change of a pair's state. Returns what ends that.

        One that raises costs nobody anything; the log has it once for each kind of listener.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def remembered(self, keys: Iterable[PairKey]) -> Iterator[Remembered]:
        """What is to outlive a restart, of these pairs; those that have gone or have seen nothing are left out."""
        for key in keys:
            state = self._pairs.get(key)
            if state is not None and state.recent:
                yield Remembered(
                    key,
                    state.identity,
                    tuple(state.recent),
                    state.reach,
                    state.trust,
                    state.interception,
                    state.leaf,
                    state.leaves,
                )

    # changing

    def take(self, key: PairKey, observation: Observation) -> Taken | None:
        """Take an observation in. None for a pair that is not in force any more.

        A probe that was not made for a reason of the prober's own (out of descriptors) is shown as the last one, and
        changes nothing else: it says nothing about anybody else.
        """
        state = self._pairs.get(key)
        if state is None:
            return None
        told: tuple[Transition, ...] = ()
        wanted: tuple[PairKey, ...] = ()
        if outcome_of(observation).own:
            state.unmade = observation
        else:
            observation = self._interned(observation)
            before = confirmed_of(state)
            self._look(state, observation)
            told = tuple(transitions(state, before, observation))
            wanted = self._wanted(state, {each.track for each in told})
        state.exported = self._export(state)
        state.revision += 1
        self._tell(state)
        return Taken(state, told, wanted)

    def restore(
        self, remembered: Iterable[Remembered], *, valid_from: Callable[[PairKey], float] = lambda _: -inf
    ) -> int:
        """Take up what an earlier process knew of pairs that are in force and have seen nothing yet. How many.

        What was known of another endpoint or another way under the same names is left alone. `valid_from` says, for
        each pair, before which moment (seconds since the epoch) its last observation is out of date: then only what was
        confirmed is taken up, and since when. Its observations are dropped: nothing of it is exported, and it is no
        reference for others, until it is probed.
        """
        known: list[PairState] = []
        for each in sorted((each for each in remembered if each.recent), key=lambda each: each.recent[-1].at):
            state = self._pairs.get(each.key)
            if state is None or state.newest is not None or state.identity != each.identity:
                continue
            known.append(state)
            state.reach, state.trust, state.interception = each.reach, each.trust, each.interception
            state.leaf, state.leaves = each.leaf, each.leaves
            if each.recent[-1].at < valid_from(each.key):
                state.reach, state.trust = without_candidate(each.reach), without_candidate(each.trust)
                state.interception = without_candidate(each.interception)
                continue
            for observation in map(self._interned, each.recent):
                self._comparison.add(state.target, state.route, observation)
                state.recent.append(observation)
        for state in known:  # when all are there: each may be another's reference
            self._judge(state)
            state.revision += 1
        for state in known:
            self._tell(state)
        return len(known)

    def change(
        self,
        egress: str,
        pairs: Sequence[Pair],
        judge: TrustStore,
        *,
        confirm: int,
        baseline: Baseline | None = None,
        same_trust: bool = False,
    ) -> tuple[frozenset[PairKey], frozenset[PairKey]]:
        """Have exactly these pairs. Unchanged ones keep their state; returns the keys that are new and that have gone.

        A pair is unchanged if it is the same endpoint over the same proxies, logins and what the catalog tells of it
        apart. `same_trust` says that the trusted roots,
        pins and interceptors are the same: then nothing is judged anew.
        """
        earlier = self._pairs
        gone = set(earlier)
        self.egress, self._confirm, self._baseline = egress, confirm, baseline
        self._pairs = {}
        fresh: set[PairKey] = set()
        retold: list[PairState] = []
        for pair in pairs:
            key = _key(pair)
            state = earlier.get(key)
            if state is None or state.identity != identity_of(pair.target, pair.route):
                self._enter(pair)
                fresh.add(key)
                continue
            gone.discard(key)
            if state.target != pair.target:
                retold.append(state)
            state.target, state.route = pair.target, pair.route
            state.labels = labels_of(egress, pair.target, pair.route)
            state.revision += 1
            self._pairs[key] = state
        for key in gone:
            self._comparison.forget(*key)
            self._issuers.forget(key)
            self._leaf_news.forget(key)
        if same_trust:
            self._add_again(retold)
        else:  # everything that is still known is judged with the new roots and pins
            self.judge = judge
            self._comparison = self._new_comparison()
            self._add_again(self._pairs.values())
        return frozenset(fresh), frozenset(gone)

    def _add_again(self, states: Collection[PairState]) -> None:
        for state in states:
            self._comparison.forget(*state.key)
            for observation in state.recent:
                self._comparison.add(state.target, state.route, observation)
        for state in states:
            self._judge(state)

    def _judge(self, state: PairState) -> None:
        """Judge what is known of a pair; confirmed is only what new observations confirm."""
        last = state.last
        if last is not None:
            looks = self._comparison.judged(*state.key)
            state.verdict = self._comparison.verdict(*state.key)
            state.word_now = looks[-1][1].word if _has_chain(last) else Word.INCONCLUSIVE
            state.trust_now = self._comparison.trust(last, state.target)
            if not state.graves.looks:
                said = telling((at, verdict.word) for at, verdict in looks)
                state.graves = Graves().after(said, len(said))
        if state.newest is not None:
            state.exported = self._export(state)

    def _new_comparison(self) -> Comparison:
        return Comparison(self.judge, baseline=self._baseline, window=WINDOW)

    def _enter(self, pair: Pair) -> None:
        self._pairs[_key(pair)] = PairState(pair.target, pair.route, labels_of(self.egress, pair.target, pair.route))

    def _tell(self, state: PairState) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(state)
            except Exception:  # a bug in who looks on is no reason to lose an observation
                kind = getattr(listener, "__qualname__", type(listener).__qualname__)
                if kind not in self._broken:
                    self._broken.add(kind)
                    log.exception(
                        "what follows the state (%s) broke; further times are not logged; please report", kind
                    )

    # one observation

    def _look(self, state: PairState, observation: Observation) -> None:
        at, confirm = observation.at, self._confirm
        state.recent.append(observation)
        state.unmade = None
        state.reach = reach_after(state.reach, observation, confirm)
        self._comparison.add(state.target, state.route, observation)
        state.verdict = self._comparison.verdict(*state.key)
        state.word_now = Word.INCONCLUSIVE
        if _has_chain(observation):  # an outage neither ends nor confirms what was known of the way
            state.word_now = self._comparison.newest(*state.key).word
            if state.word_now is not Word.CLEAN or not is_steady(state.interception, state.graves, state.verdict.word):
                looks = [(moment, verdict.word) for moment, verdict in self._comparison.judged(*state.key)]
                state.interception, state.graves = interception_after(
                    state.interception, state.graves, looks, state.verdict.word, confirm
                )
        state.trust_now = self._comparison.trust(observation, state.target)
        if state.trust_now is not None:
            failure = state.trust_now.failure
            value = TRUSTED if failure is None else failure.reason.value
            state.trust = trust_after(state.trust, value, at, confirm)
            key = self._leaf_key(observation)
            if key is not None and self._leaf_news.is_news(state.key, key, state.leaves, at):
                state.leaf, state.leaves = Held(key, at), with_key(state.leaves, key)

    def _leaf_key(self, observation: Observation) -> str | None:
        tls = observation.tls
        if tls is None or not tls.chain:
            return None
        facts = certificate_facts(tls.chain[0])
        return None if facts is None else facts.spki_sha256

    def _wanted(self, state: PairState, changed: Collection[Track]) -> tuple[PairKey, ...]:
        """What to probe again soon. Each track has a patience of its own: who flaps in one is not late in another."""
        beside = self._comparison.to_confirm(*state.key)
        contradicted = {
            Track.REACHABLE: state.reach is not None and state.reach.contradicted,
            Track.TRUST: state.trust is not None and state.trust.contradicted,
            Track.INTERCEPTION: bool(beside) or (state.interception is not None and state.interception.contradicted),
        }
        hurried = {
            track
            for track, patience in state.patience.items()
            if patience.hurries(contradicted[track], track in changed, self._confirm)
        }
        wanted = dict.fromkeys(beside if Track.INTERCEPTION in hurried else ())
        if hurried and state.contradicted:
            wanted.setdefault(state.key)
        return tuple(key for key in wanted if key in self._pairs)

    def _export(self, state: PairState) -> Exported | None:
        newest = state.newest
        if newest is None:
            return None
        made = state.unmade is None
        reach, trust, interception = confirmed(state.reach), confirmed(state.trust), confirmed(state.interception)
        chained = next(filter(_has_chain, reversed(state.recent)), None)
        leaf, seen = self._leaf(state, chained)
        verdict = None if interception is None else interception.value
        if state.verdict is not None and state.verdict.reason is Why.NO_TLS:
            verdict = Word.INCONCLUSIVE
        total = newest.timings.total
        return Exported(
            last_at=newest.at + (total or 0.0),
            last=outcome_of(newest),
            reachable=None if reach is None else reach.value.reached,
            failure=None if reach is None or reach.value.reached else reach.value,
            trusted=None if trust is None or chained is None else trust.value == TRUSTED,
            verdict=verdict,
            since=None if reach is None else reach.kind_since,
            duration=total,
            not_after=None if leaf is None else leaf.not_after,
            issuer=None
            if leaf is None or seen is None or chained is None
            else self._issuers.label(state.key, leaf.issuer, seen.anchor, chained.at),
            anchor=None if leaf is None or seen is None else seen.anchor.value,
            status=None if newest.http is None else newest.http.status,
            last_trusted=state.trust_now.trusted if made and state.trust_now is not None else None,
            last_verdict=state.word_now if made else None,
        )

    def _leaf(self, state: PairState, chained: Observation | None) -> tuple[CertificateFacts | None, Trust | None]:
        """The newest certificate that is still known, judged."""
        if chained is None or chained.tls is None:
            return None, None
        return certificate_facts(chained.tls.chain[0]), self._comparison.trust(chained, state.target)

    def _interned(self, observation: Observation) -> Observation:
        """The same certificates again are the same objects: what a hundred observations share is held once."""
        hops = observation.hops
        if any(hop.tls is not None for hop in hops):
            hops = tuple(replace(hop, tls=self._interned_tls(hop.tls)) for hop in hops)
        tls = self._interned_tls(observation.tls)
        if tls is observation.tls and hops is observation.hops:
            return observation
        return replace(observation, tls=tls, hops=hops)

    def _interned_tls(self, tls: TlsFacts | None) -> TlsFacts | None:
        if tls is None or not tls.chain:
            return tls
        return replace(tls, chain=tuple(map(self._once, tls.chain)))

    def _once(self, der: bytes) -> bytes:
        held = self._certificates.get(der)
        if held is None:
            self._certificates.put(der, der)
            return der
        return held


def _has_chain(observation: Observation) -> bool:
    return observation.tls is not None and bool(observation.tls.chain)


def _key(pair: Pair) -> PairKey:
    return pair.target.id, pair.route.name
