"""Observations of all routes side by side, and the verdict on each target over each route.

The same observations give the same verdicts in any order, without clock or network: a saved run can be judged again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain as joined
from typing import Final

from prober.interception.baseline import Baseline
from prober.interception.certificates import shown
from prober.interception.decision import Comparable, decide, unsettled
from prober.interception.evidence import Surroundings, named
from prober.interception.location import responsible_hop
from prober.interception.looks import Look, look_at, signer_of
from prober.interception.middleboxes import Middleboxes, load_middleboxes
from prober.interception.pair_looks import PairLooks, SiteLooks
from prober.interception.repetition import is_settled, is_steady
from prober.interception.route_index import Expected, Known, RouteIndex, Site, domain_of, expected_of, site_of
from prober.interception.trust import Trust, TrustStore
from prober.interception.verdict import Attribution, Mixed, Verdict, Why, Word
from prober.interception.views import Views
from prober.model import Anchor, Observation, Route, Target

PairKey = tuple[str, str]
"""Target id and route name."""
_GRAVEST: Final = (Word.INTERCEPTED, Word.SUSPECT, Word.BLOCKED)


class Comparison:
    """Keeps what was observed and judges it.

    `window` bounds the looks kept of each pair (None = all, for a run that ends). `without` leaves evidence ids out.
    `views` are those of `judge`, shared with others; None = its own.
    """

    def __init__(
        self,
        judge: TrustStore,
        *,
        middleboxes: Middleboxes | None = None,
        baseline: Baseline | None = None,
        window: int | None = None,
        without: frozenset[str] = frozenset(),
        views: Views | None = None,
    ) -> None:
        self._judge = judge
        self._middleboxes = middleboxes or load_middleboxes()
        self._baseline = baseline or Baseline({})
        self._window = window
        self._without = without
        self._pairs: dict[PairKey, PairLooks] = {}
        self._sites: dict[Site, SiteLooks] = {}
        self._index = RouteIndex()
        self._views = views or Views(judge)
        self._clean: dict[frozenset[str], frozenset[str]] = {}
        """Sets of keys in a run that ends, each once: many hosts show one key."""
        self._generation = judge.generation
        self._revision = 0
        self._direct_is_proxied = False

    def add(self, target: Target, route: Route, observation: Observation) -> None:
        """Take an observation in, and learn its intermediates."""
        pair = self._pair(target, route)
        tls = observation.tls
        if tls is None or not tls.chain:
            pair.silent += 1
            if self._window is not None and pair.silent >= self._window:
                self._drop(pair)
            return
        pair.silent = 0
        view = self._views.of(tls.chain, target.host, observation.at)
        hops = len(route.after(len(observation.passed_over)).hops)
        look = look_at(target, route.name, hops, observation, view, tls)
        look = _distrusted(look) if self._direct_is_proxied else look
        looks = pair.looks
        dropped = looks[0] if self._window is not None and len(looks) == self._window else None
        looks.append(look)
        if self._window is not None:
            content = look.content
            pair.alike = pair.alike + 1 if content == pair.content else 1
            pair.content = content
        if dropped is not None and pair.alike > len(looks):
            return  # one like all the others went, one like them came
        if dropped is not None:
            self._index.remove(dropped)
        self._index.add(look)
        self._changed(pair)

    def distrust_direct(self) -> None:
        """Something answers on the direct way: what was seen there, and will be, is no reference. For good."""
        if self._direct_is_proxied:
            return
        self._direct_is_proxied = True
        for pair in self._pairs.values():
            for place, look in enumerate(pair.looks):
                pair.looks[place] = _distrusted(look)
            self._changed(pair)

    def hold_against(self, baseline: Baseline) -> None:
        """Judge by these references from now on, in place of those before."""
        self._baseline = baseline
        for held in self._sites.values():
            held.revision += 1
        self._revision += 1

    def forget(self, target_id: str, route: str) -> None:
        """Drop a pair that is not probed any more."""
        pair = self._pairs.pop((target_id, route), None)
        if pair is None:
            return
        self._drop(pair)
        self._sites[pair.site].pairs.remove(pair)
        if not self._sites[pair.site].pairs:
            del self._sites[pair.site]

    def trust(self, observation: Observation, target: Target) -> Trust | None:
        """The judgement on one observation's chain with all that is known by now; None without a chain."""
        tls = observation.tls
        return self._judge.judge(tls.chain, target.host, observation.at) if tls is not None and tls.chain else None

    def verdict(self, target_id: str, route: str) -> Verdict:
        """The verdict on a pair, with all that was added so far. Raises KeyError for a pair nobody added."""
        pair = self._pairs[target_id, route]
        while self._generation != self._judge.generation:
            self._see_again()  # by which more may be learned: what led nowhere when it came
        now = (self._sites[pair.site].revision, self._revision)
        if pair.verdict is None or pair.made_at not in (now, (now[0], -1)):
            pair.verdict = self._decide(pair)
            anchored = all(look.view.anchored for look in pair.looks)
            pair.made_at = (now[0], -1) if anchored else now
        return pair.verdict

    def newest(self, target_id: str, route: str) -> Verdict:
        """The verdict on a pair's newest look alone, evidence only. Raises KeyError for a pair nobody added."""
        verdict = self.verdict(target_id, route)
        each = self._pairs[target_id, route].each
        return each[-1] if each else verdict

    def judged(self, target_id: str, route: str) -> tuple[tuple[float, Verdict], ...]:
        """The looks kept of a pair one by one, oldest first: when it was, and the verdict on it with all that was added
        so far, evidence only. Empty if none had a certificate. Raises KeyError for a pair nobody added."""
        self.verdict(target_id, route)
        pair = self._pairs[target_id, route]
        return tuple((look.at, verdict) for look, verdict in zip(pair.looks, pair.each, strict=True))

    def references(self) -> Iterator[Look]:
        """Anchored looks whose verdict is clean: what a later run can be held against."""
        for (target_id, route), pair in self._pairs.items():
            if pair.looks and self.verdict(target_id, route).word is Word.CLEAN:
                yield from (look for look in pair.looks if look.is_reference)

    def to_confirm(self, target_id: str, route: str) -> tuple[PairKey, ...]:
        """Pairs to probe once more, in this order, before the verdict on a pair is believed: its reference's, if there
        is one, and its own. Empty where there is nothing to confirm, or it was seen often enough."""
        verdict = self.verdict(target_id, route)
        pair = self._pairs[target_id, route]
        if verdict.word not in (Word.INTERCEPTED, Word.SUSPECT) and not self._contradicted(pair, verdict):
            return ()
        references = [look for look in self._references(pair) if look.route != route]
        often = len(pair.looks) >= 2 and (not references or len(references) >= 2)
        if often and not (verdict.reason is Why.NOT_REPEATED and self._ends_open(pair)):
            return ()
        nearest = min(references, key=_nearness, default=None)
        own = (target_id, route)
        return (own,) if nearest is None else ((nearest.target.id, nearest.route), own)

    def certificates_used(self) -> set[str]:
        """Digests of all certificates that verdicts rest on: those of every path, and those named in forgeries."""
        views = {look.view for pair in self._pairs.values() for look in pair.looks}
        forged = {view.trust.forged for view in views if view.trust.forged is not None}
        return forged.union(*(view.trust.path for view in views))

    def clean_keys(self, target_id: str, route: str) -> frozenset[str]:
        """SHA-256 of the leaf keys on a route that were judged clean, if the whole verdict is; else empty."""
        verdict = self.verdict(target_id, route)
        clean = verdict.word is Word.CLEAN and not verdict.policy_mismatch
        return self._pairs[target_id, route].clean if clean else frozenset()

    # what is known

    def _changed(self, pair: PairLooks) -> None:
        self._revision += 1
        self._sites[pair.site].revision += 1

    def _drop(self, pair: PairLooks) -> None:
        for look in pair.looks:
            self._index.remove(look)
        pair.looks.clear()
        pair.content, pair.alike = (), 0
        self._changed(pair)

    def _pair(self, target: Target, route: Route) -> PairLooks:
        key = (target.id, route.name)
        pair = self._pairs.get(key)
        if pair is None:
            looks: deque[Look] | list[Look] = [] if self._window is None else deque(maxlen=self._window)
            pair = self._pairs[key] = PairLooks(target, site_of(target), route, looks)
            site = self._sites.get(pair.site)
            if site is None:
                self._sites[pair.site] = SiteLooks([pair])
            else:
                site.pairs.append(pair)
        return pair

    def _see_again(self) -> None:
        """What was learned since may complete chains that were incomplete."""
        self._generation = self._judge.generation
        self._index.clear()
        for pair in self._pairs.values():
            for place, look in enumerate(pair.looks):
                view = self._views.of(look.tls.chain, look.target.host, look.at)
                if view is not look.view:
                    pair.looks[place] = replace(look, view=view)
                    self._changed(pair)
                self._index.add(pair.looks[place])

    # judging

    def _decide(self, pair: PairLooks) -> Verdict:
        verdicts = pair.each = self._each(pair)
        if not verdicts:
            return Verdict(word=Word.INCONCLUSIVE, reason=Why.NO_TLS)
        chosen, look = self._gravest(verdicts, pair.looks)
        judged = zip(verdicts, pair.looks, strict=True)
        clean = frozenset(look.view.key for verdict, look in judged if verdict.word is Word.CLEAN)
        pair.clean = self._clean.setdefault(clean, clean) if self._window is None else clean
        told = [each for each in verdicts if each.word in (Word.INTERCEPTED, Word.SUSPECT)]
        if chosen.word in (Word.INTERCEPTED, Word.SUSPECT):
            mixed = Mixed(len(told), len(verdicts)) if len(told) < len(verdicts) else None
            chosen = replace(
                chosen,
                mixed=mixed,
                attribution=self._attribution(look),
                signer=signer_of(look.view, self._judge),
                hop=responsible_hop(look, pair.route, self._along(pair)),
                shared_key_with=self._around(look).sharing[:8] if look.unanchored else (),
            )
        elif chosen.word is Word.BLOCKED or look.unanchored:
            chosen = replace(chosen, signer=signer_of(look.view, self._judge))
        return chosen

    def _each(self, pair: PairLooks) -> list[Verdict]:
        """The verdict on each look, worked out once for those that show the same: the newest stands for all of them."""
        contents = [look.content for look in pair.looks]
        newest: dict[tuple[object, ...], Look] = {}
        for content, look in zip(contents, pair.looks, strict=True):
            if content not in newest or newest[content].at < look.at:
                newest[content] = look
        decided = {
            content: decide(look, self._comparable(pair, look), self._middleboxes, self._without)
            for content, look in newest.items()
        }
        return [decided[content] for content in contents]

    def _gravest(self, verdicts: Sequence[Verdict], looks: Iterable[Look]) -> tuple[Verdict, Look]:
        """The gravest verdict among the looks, of equal ones that with most evidence; if nothing is grave, the newest
        clean one, else the newest."""
        both = list(zip(verdicts, looks, strict=True))
        for word in _GRAVEST:
            found = [each for each in both if each[0].word is word]
            if found:
                return max(found, key=lambda each: (each[0].score, each[1].at))
        clean = [each for each in both if each[0].word is Word.CLEAN]
        return max(clean or both, key=lambda each: each[1].at)

    def _comparable(self, pair: PairLooks, look: Look) -> Comparable:
        view = look.view
        same = self._same_key(pair, view.key)
        earlier = self._baseline.looks(pair.site)
        known = next((each for each in earlier if each.view.key == view.key), None)
        reference = None if same is not None else self._reference(pair, look)
        return Comparable(
            same_key=same,
            reference=reference,
            baseline=known or (earlier[0] if earlier else None),
            baseline_has_key=known is not None,
            others=lambda: [each for other in self._others(pair) for each in other.looks],
            around=lambda: self._around(look),
            settled=is_settled(look, pair.looks, self._references(pair)) or bool(self._around_same(look)),
            steady=is_steady(look, pair.looks),
            pins=self._judge.pinned_keys(pair.target.host),
        )

    def _contradicted(self, pair: PairLooks, verdict: Verdict) -> bool:
        """Whether a single look is clean by its authority, and its handshake or answer contradicts another route."""
        if verdict.word is not Word.CLEAN or len(pair.looks) != 1:
            return False
        look = pair.looks[0]
        return unsettled(look, self._comparable(pair, look), self._middleboxes)

    def _others(self, pair: PairLooks) -> Iterator[PairLooks]:
        """Pairs of the same site over other routes."""
        return (other for other in self._sites[pair.site].pairs if other.route.name != pair.route.name)

    def _references(self, pair: PairLooks) -> list[Look]:
        """Anchored looks at the same site over other routes; a route that shows both is also a reference to itself."""
        return [look for other in (*self._others(pair), pair) for look in other.looks if look.is_reference]

    def _ends_open(self, pair: PairLooks) -> bool:
        """Whether there are references, but none since the last look without an anchor: the last attempt of several."""
        references = self._references(pair)
        last = max((look.at for look in pair.looks if look.unanchored), default=None)
        return bool(references) and last is not None and all(each.at < last for each in references)

    def _same_key(self, pair: PairLooks, key: str) -> Look | None:
        """The anchored look with the same key, of another route, that is closest to the target."""
        found = [
            look for other in self._others(pair) for look in other.looks if look.view.key == key and look.is_reference
        ]
        return min(found, key=_nearness, default=None)

    def _reference(self, pair: PairLooks, look: Look) -> Look | None:
        """The anchored look with another key that is closest to the target: fewest proxies, then the newest."""
        found = [
            each
            for each in self._references(pair)
            if each.view.key != look.view.key and (look.unanchored or each.route != look.route)
        ]
        return min(found, key=_nearness, default=None)

    def _along(self, pair: PairLooks) -> list[tuple[Route, Sequence[Look]]]:
        """Looks at the same site over all other routes, for finding the hop."""
        return [(other.route, other.looks) for other in self._others(pair) if other.looks]

    def _around(self, look: Look) -> Surroundings:
        return self._index.around(look, self._known, self._revision)

    def _around_same(self, look: Look) -> bool:
        """Whether the same signer, or the same key, was seen at another host of the route: that is seen again, too."""
        return look.unanchored and self._index.seen_elsewhere(look)

    def _known(self, site: Site) -> Known:
        """What is known of a site, worked out once for each state of it."""
        held = self._sites.get(site) or SiteLooks()
        if held.known is None or held.known[0] != held.revision:
            looks = (look for pair in held.pairs for look in pair.looks if look.is_reference)
            references = sorted(looks, key=_nearness) or list(self._baseline.looks(site))
            stated = (expected_of(pair.target) for pair in sorted(held.pairs, key=lambda pair: pair.target.id))
            expected = next((each for each in stated if each is not None), None)
            if references:
                view = references[0].view
                public = view.trust.anchor is not Anchor.VENDOR_PRIVATE
                expected = Expected(public, view.family, domain_of(site[0]))
            keys = joined(references, self._baseline.looks(site))
            held.known = (held.revision, Known(frozenset(look.view.key for look in keys), expected))
        return held.known[1]

    def _attribution(self, look: Look) -> Attribution | None:
        view = look.view
        if view.leaf is None:
            return None
        found = self._middleboxes.attribution(view.leaf, view.path[1:])
        own = view.trust.interceptor
        if own is None:
            return found
        product = named(found) if found is not None else shown(own, 120)
        return Attribution("your own inspection", product, "own", "high", f"known interceptor {shown(own, 120)}")


def _nearness(look: Look) -> tuple[int, str, float, str]:
    """An order of references that does not depend on which came first."""
    return look.hops, look.route, -look.at, look.view.key


def _distrusted(look: Look) -> Look:
    return look if look.hops else replace(look, proxied=True)
