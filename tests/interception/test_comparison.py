"""Observations in any order, for ever, with a window: always the verdict that a fresh comparison would give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from prober.interception import UserRoot
from prober.interception import comparison as comparing
from prober.interception.comparison import Comparison
from prober.interception.decision import decide
from prober.interception.looks import Look
from prober.interception.route_index import RouteIndex
from prober.interception.verdict import Basis, Mixed, Verdict, Why, Word
from prober.model import Anchor, Purpose, Route, TrustClass

from .forging import NOW, forge, new_key, root
from .scenes import (
    BRANCH,
    CORP,
    CORP_ISSUING,
    DIRECT,
    HQ,
    ISSUING,
    OTHER_ISSUING,
    PUBLIC,
    Face,
    Pair,
    Scene,
    chain_of,
    face,
    observed,
    self_signed,
)

HOST, OTHER = "a.alpha.test", "b.beta.test"
PRIVATE = "wiki.corp.test"
REAL = ISSUING.server(HOST, "www.alpha.test", organisation="Alpha Ltd")
HONEST = face(REAL, ISSUING)
FORGED = face(forge(REAL, CORP_ISSUING, host=HOST), CORP_ISSUING, CORP)


class Feed:
    """A comparison and a clock."""

    def __init__(self, scene: Scene | None = None, **options: Any) -> None:
        self.scene = scene or Scene()
        self.comparison = self.scene.compare(**options)
        self.now = NOW

    def __call__(self, route: Route, *faces: Face | None, host: str = HOST) -> Verdict:
        for each in faces:
            self.now += 1
            self.comparison.add(self.scene.target(host), route, observed(host, route, self.now, each))
        return self.comparison.verdict(host, route.name)

    def verdict(self, route: Route, host: str = HOST) -> Verdict:
        return self.comparison.verdict(host, route.name)


class TestAdding:
    def test_nobody_added_it(self) -> None:
        with pytest.raises(KeyError):
            Feed().verdict(DIRECT)

    def test_no_tls(self) -> None:
        verdict = Feed()(DIRECT, None)
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.NO_TLS)
        empty = Feed()(DIRECT, Face(()))
        assert (empty.word, empty.reason) == (Word.INCONCLUSIVE, Why.NO_TLS)

    def test_what_failed_says_nothing_of_what_was_seen(self) -> None:
        assert Feed()(DIRECT, HONEST, None, None, None).word is Word.CLEAN

    def test_the_gravest_look_decides_and_others_are_counted(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST, HONEST)
        verdict = feed(HQ, HONEST, FORGED, HONEST, FORGED)
        assert (verdict.word, verdict.mixed) == (Word.INTERCEPTED, Mixed(2, 4))

    def test_targets_of_one_host_and_port_are_one_site(self) -> None:
        """Another path is the same certificate: what was seen there is a reference."""
        feed = Feed()
        feed(DIRECT, HONEST, HONEST)
        again = replace(feed.scene.target(HOST), id="second", path="/other")
        for _ in range(2):
            feed.now += 1
            feed.comparison.add(again, HQ, observed("second", HQ, feed.now, FORGED))
        verdict = feed.comparison.verdict("second", "hq")
        assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.PROVEN)

    def test_other_ports_are_other_sites(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST)
        other = replace(feed.scene.target(HOST), id="8443", port=8443)
        feed.comparison.add(other, HQ, observed("8443", HQ, NOW, face(REAL)))
        assert feed.comparison.verdict("8443", "hq").basis is Basis.AUTHORITY

    def test_host_names_are_compared_without_case(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST)
        upper = replace(feed.scene.target(HOST), id="upper", host=HOST.upper())
        feed.comparison.add(upper, HQ, observed("upper", HQ, NOW, HONEST))
        assert feed.comparison.verdict("upper", "hq").basis is Basis.PROVEN

    def test_trust_is_what_the_store_says_by_now(self) -> None:
        feed = Feed()
        bare = observed(HOST, HQ, NOW, face(REAL))
        target = feed.scene.target(HOST)
        first = feed.comparison.trust(bare, target)
        assert first is not None
        assert first.anchor is Anchor.INCOMPLETE
        feed(DIRECT, HONEST)
        second = feed.comparison.trust(bare, target)
        assert second is not None
        assert second.trusted
        assert feed.comparison.trust(observed(HOST, HQ, NOW, None), target) is None

    def test_without_leaves_evidence_out(self) -> None:
        for without, word in ((frozenset[str](), Word.INTERCEPTED), (frozenset({"E8", "E10"}), Word.SUSPECT)):
            feed = Feed(Scene(without=without))
            feed(DIRECT, HONEST, HONEST)
            verdict = feed(HQ, FORGED, FORGED)
            assert verdict.word is word
            assert not without & {each.id for each in verdict.evidence}


class TestLearning:
    def test_a_chain_is_completed_by_what_came_later(self) -> None:
        feed = Feed()
        assert feed(HQ, face(REAL)).reason is Why.CHAIN_INCOMPLETE
        feed(DIRECT, face(ISSUING.server(OTHER), ISSUING), host=OTHER)
        assert feed.verdict(HQ).word is Word.CLEAN

    def test_what_was_learned_may_lead_to_more(self) -> None:
        """The lower authority could not be placed when it came; the upper one comes last, and is asked about first."""
        upper = PUBLIC.authority("First Trust Upper", "First Trust Inc")
        lower = upper.authority("First Trust Lower", "First Trust Inc")
        bare, with_lower, with_upper = (
            face(lower.server("x.alpha.test")),
            face(lower.server("y.alpha.test"), lower),
            face(upper.server("z.alpha.test"), upper),
        )
        for order in ((0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 0, 2)):
            feed = Feed()
            for place in order:
                shown = (bare, with_lower, with_upper)[place]
                feed.comparison.add(
                    feed.scene.target(f"{'xyz'[place]}.alpha.test"), HQ, observed("x", HQ, NOW + place, shown)
                )
            assert feed.verdict(HQ, "x.alpha.test").word is Word.CLEAN, order

    def test_a_better_anchor_is_found_in_any_order(self) -> None:
        """A chain that ends at the vendor's own root ends at a public one as soon as the cross-certificate is known."""
        key = new_key()
        twin = root("Vendor TLS Root G2", "Vendor Corporation", key=key)
        cross = PUBLIC.authority("Vendor TLS Root G2", "Vendor Corporation", key=key)
        issuing = twin.authority("Vendor TLS G2 CA 04", "Vendor Corporation")
        host, forged = "x.vendor.test", CORP_ISSUING.server("x.vendor.test")
        shown = [
            (DIRECT, host, face(issuing.server(host), issuing)),
            (HQ, host, face(forged, CORP_ISSUING, CORP)),
            (DIRECT, "y.vendor.test", face(issuing.server("y.vendor.test"), issuing, cross)),
        ]
        scene = Scene(roots=[UserRoot(twin.pem, Anchor.VENDOR_PRIVATE, ("vendor.test",))])
        texts = set()
        for order in ((0, 1, 2), (2, 1, 0)):
            comparison = scene.compare()
            for place in order:
                route, name, each = shown[place]
                comparison.add(scene.target(name), route, observed(name, route, NOW + place, each))
            texts.add(tuple(each.text for each in comparison.verdict(host, "hq").evidence))
        (only,) = texts
        assert any("(public)" in text for text in only)


class TestConfirming:
    def test_nothing_to_confirm(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST)
        feed(HQ, HONEST)
        assert feed.comparison.to_confirm(HOST, "direct") == ()
        assert feed.comparison.to_confirm(HOST, "hq") == ()

    def test_reference_first_then_the_pair_itself(self) -> None:
        feed = Feed()
        feed(BRANCH, HONEST)
        feed(DIRECT, HONEST)
        feed(HQ, FORGED)
        assert feed.comparison.to_confirm(HOST, "hq") == ((HOST, "direct"), (HOST, "hq"))

    def test_without_a_reference_the_pair_alone(self) -> None:
        feed = Feed()
        feed(HQ, FORGED)
        assert feed.comparison.to_confirm(HOST, "hq") == ((HOST, "hq"),)

    def test_once_is_enough(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST, HONEST)
        feed(HQ, FORGED, FORGED)
        assert feed.comparison.to_confirm(HOST, "hq") == ()

    def test_a_last_attempt_that_differs_is_bracketed(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST, HONEST, HONEST)
        assert feed(HQ, HONEST, HONEST, FORGED).reason is Why.NOT_REPEATED
        assert feed.comparison.to_confirm(HOST, "hq") == ((HOST, "direct"), (HOST, "hq"))
        feed(DIRECT, HONEST)
        assert feed.verdict(HQ).word is Word.INTERCEPTED
        assert feed.comparison.to_confirm(HOST, "hq") == ()

    def test_it_comes_to_an_end_though_the_reference_changes_each_time(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST, HONEST)
        feed(HQ, HONEST, FORGED)
        feed(DIRECT, face(ISSUING.server(HOST), ISSUING))
        assert feed.comparison.to_confirm(HOST, "hq") == ()

    def test_a_reference_at_another_target_of_the_site(self) -> None:
        feed = Feed()
        other = replace(feed.scene.target(HOST), id="second", path="/other")
        feed.comparison.add(other, DIRECT, observed("second", DIRECT, NOW, HONEST))
        feed(HQ, FORGED)
        assert feed.comparison.to_confirm(HOST, "hq") == (("second", "direct"), (HOST, "hq"))


class TestWindow:
    def test_only_so_many_looks_count(self) -> None:
        feed = Feed(window=3)
        feed(DIRECT, HONEST, HONEST, HONEST)
        assert feed(HQ, FORGED, HONEST, HONEST).mixed == Mixed(1, 3)
        assert feed(HQ, HONEST).word is Word.CLEAN

    def test_as_many_failures_forget_what_was_seen(self) -> None:
        feed = Feed(window=3)
        assert feed(HQ, HONEST, None, None).word is Word.CLEAN
        assert feed(HQ, None).reason is Why.NO_TLS
        assert feed(HQ, HONEST).word is Word.CLEAN

    def test_a_failure_in_between_does_not(self) -> None:
        feed = Feed(window=2)
        assert feed(HQ, HONEST, None, HONEST, None, HONEST, None).word is Word.CLEAN

    def test_a_steady_pair_is_not_judged_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        feed = Feed(window=3)
        feed(DIRECT, HONEST, HONEST, HONEST, HONEST)
        monkeypatch.setattr(feed.comparison, "_decide", None)
        assert feed(DIRECT, HONEST, HONEST).word is Word.CLEAN

    def test_a_look_at_another_host_does_not_touch_clean_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        feed = Feed()
        feed(DIRECT, HONEST)
        decide = feed.comparison._decide
        judged: list[str] = []

        def noted(pair: Any) -> Verdict:
            judged.append(pair.target.id)
            return decide(pair)

        monkeypatch.setattr(feed.comparison, "_decide", noted)
        feed(HQ, face(self_signed(OTHER)), host=OTHER)
        feed.verdict(DIRECT)
        assert judged == [OTHER]

    def test_memory_is_bounded(self) -> None:
        """A forger with a new certificate for each connection, for ever."""
        feed = Feed(window=4)
        for _ in range(60):
            feed(HQ, face(forge(REAL, CORP_ISSUING, host=HOST), CORP_ISSUING, CORP))
        assert sum(len(pair.looks) for pair in feed.comparison._pairs.values()) == 4
        index = feed.comparison._index
        assert len(index._keys) == 4
        assert len(index._signers) == len(index._authorities) == 1

    def test_forgotten_pairs_leave_nothing(self) -> None:
        feed = Feed(window=4)
        feed(DIRECT, HONEST)
        feed(HQ, FORGED)
        for route in ("direct", "hq", "never"):
            feed.comparison.forget(HOST, route)
        assert not feed.comparison._pairs
        assert not feed.comparison._sites
        assert entries(feed.comparison._index) == entries(RouteIndex())
        with pytest.raises(KeyError):
            feed.verdict(HQ)


class TestReferences:
    def test_only_anchored_looks_of_clean_pairs(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST, HONEST)
        feed(HQ, FORGED, FORGED)
        feed(BRANCH, HONEST, FORGED)
        assert {(look.route, look.view.key) for look in feed.comparison.references()} == {("direct", REAL.spki)}

    def test_not_those_that_contradict_another_route(self) -> None:
        feed = Feed()
        feed(DIRECT, replace(HONEST, asks=True), replace(HONEST, asks=True))
        feed(HQ, *[face(OTHER_ISSUING.server(HOST), OTHER_ISSUING)] * 2)
        assert {look.route for look in feed.comparison.references()} == {"direct"}

    def test_nothing_is_presented_to_a_key_that_is_not_clean(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST)
        assert feed.comparison.clean_keys(HOST, "direct") == {REAL.spki}
        feed(HQ, HONEST, FORGED)
        assert feed.comparison.clean_keys(HOST, "hq") == frozenset()

    def test_nor_where_a_pin_says_otherwise(self) -> None:
        feed = Feed(Scene(pins={HOST: frozenset({"0" * 64})}))
        assert feed(DIRECT, HONEST).word is Word.CLEAN
        assert feed.comparison.clean_keys(HOST, "direct") == frozenset()

    def test_certificates_used(self) -> None:
        feed = Feed()
        feed(DIRECT, HONEST)
        feed(HQ, FORGED)
        used = feed.comparison.certificates_used()
        assert {REAL.sha256, ISSUING.sha256, PUBLIC.sha256, CORP.sha256} <= used


class TestStatedTwice:
    def test_catalogs_that_disagree_do_not_depend_on_order(self) -> None:
        """Two targets of one site, said to be public and private: whichever counts, it is always the same one."""
        words = set()
        for order in ((0, 1), (1, 0)):
            scene = Scene()
            feed = Feed(scene)
            base = scene.target(HOST)
            both = [
                replace(base, id="one", trust=TrustClass.PUBLIC),
                replace(base, id="two", trust=TrustClass.VENDOR_PRIVATE),
            ]
            box = face(CORP_ISSUING.server(HOST), CORP_ISSUING, CORP)
            for place in order:
                feed.comparison.add(both[place], HQ, observed(both[place].id, HQ, NOW + place, box))
            scene.target(OTHER, TrustClass.VENDOR_PRIVATE)
            feed(HQ, face(CORP_ISSUING.server(OTHER), CORP_ISSUING, CORP), host=OTHER)
            words.add((feed.comparison.verdict("one", "hq").word, feed.verdict(HQ, OTHER).word))
        assert len(words) == 1


def entries(index: RouteIndex) -> list[dict[Any, Any]]:
    """The content of an index."""
    return [dict(each) for each in (index._keys, index._signers, index._fitting, index._authorities)]


def looks(comparison: Comparison) -> Iterator[Any]:
    for pair in comparison._pairs.values():
        yield from pair.looks


UPPER = PUBLIC.authority("First Trust Upper", "First Trust Inc")
LOWER = UPPER.authority("First Trust Lower", "First Trust Inc")
KEY = new_key()
PORTAL = self_signed("login.hotel.test")


def _faces(host: str) -> list[Face | None]:
    real = ISSUING.server(host, f"www.{host}", organisation="Alpha Ltd")
    other = OTHER_ISSUING.server(host)
    forged = forge(real, CORP_ISSUING, host=host)
    sharing = forge(real, CORP_ISSUING, host=host, key=KEY, copies=())
    return [
        None,
        face(real, ISSUING),
        face(real, ISSUING, asks=True, headers=(("via", "1.1 x"),)),
        face(real),
        face(real, proven=False),
        face(other, OTHER_ISSUING),
        face(LOWER.server(host)),
        face(LOWER.server(host), LOWER),
        face(LOWER.server(host), UPPER),
        face(forged, CORP_ISSUING, CORP),
        face(forged, CORP_ISSUING, CORP, version="TLSv1.2", alpn=None),
        face(forged),
        face(sharing, CORP_ISSUING, CORP),
        face(forge(real, CORP, host=host, key=CORP.key), CORP),
        face(ISSUING.server(host, days=(-90, -1)), ISSUING),
        face(PORTAL),
        face(self_signed(host)),
        Face((b"garbage",)),
    ]


FACES = {host: _faces(host) for host in (HOST, OTHER, PRIVATE)}
ROUTES = (DIRECT, HQ, BRANCH, chain_of("hq", "branch"))
TRUST = {HOST: TrustClass.PUBLIC, OTHER: TrustClass.PUBLIC, PRIVATE: None}


class LongLived(RuleBasedStateMachine):
    """One comparison that is asked after each step, against one that saw the same and is asked once."""

    window: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(os_pem=CORP.pem)
        for host, trust in TRUST.items():
            self.scene.target(host, trust)
        self.comparison = self.scene.compare(window=self.window)
        self.history: list[tuple[Any, ...]] = []
        self.pairs: set[Pair] = set()
        self.now = NOW

    @rule(
        host=st.sampled_from(list(FACES)),
        route=st.sampled_from(ROUTES),
        place=st.integers(0, len(FACES[HOST]) - 1),
        times=st.integers(1, 3),
    )
    def add(self, host: str, route: Route, place: int, times: int) -> None:
        for _ in range(times):
            self.now += 1
            one = observed(host, route, self.now, FACES[host][place], Purpose.ATTEMPT)
            self.history.append((self.scene.target(host), route, one))
            self.comparison.add(*self.history[-1])
        self.pairs.add((host, route.name))

    @precondition(lambda self: self.pairs)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        pair = data.draw(st.sampled_from(sorted(self.pairs)))
        self.history.append(pair)
        self.comparison.forget(*pair)
        self.pairs.discard(pair)

    def replayed(self) -> Comparison:
        comparison = self.scene.compare(window=self.window)
        for step in self.history:
            if len(step) == 2:
                comparison.forget(*step)
            else:
                comparison.add(*step)
        return comparison

    @rule()
    def the_same_as_one_asked_once(self) -> None:
        fresh = self.replayed()
        for pair in sorted(self.pairs):
            assert self.told(self.comparison.verdict(*pair)) == self.told(fresh.verdict(*pair)), pair

    def teardown(self) -> None:
        self.the_same_as_one_asked_once()

    def told(self, verdict: Verdict) -> Verdict:
        """What is compared: with a window the moment of a reference may be an older one that showed the same."""
        if self.window is None or verdict.reference is None:
            return verdict
        return replace(verdict, reference=replace(verdict.reference, at=0.0))

    @invariant()
    def the_index_is_that_of_the_looks_kept(self) -> None:
        for pair in self.pairs:
            self.comparison.verdict(*pair)
        index = RouteIndex()
        for look in looks(self.comparison):
            index.add(look)
        assert entries(self.comparison._index) == entries(index)

    @invariant()
    def nothing_is_kept_beyond_the_window(self) -> None:
        if self.window is not None:
            assert all(len(pair.looks) <= self.window for pair in self.comparison._pairs.values())
        assert set(self.comparison._pairs) == self.pairs


class Windowed(LongLived):
    window = 2


LongLived.TestCase.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
Windowed.TestCase.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
TestLongLived = LongLived.TestCase
TestWindowed = Windowed.TestCase


def test_the_machine_has_something_to_tell_apart() -> None:
    """Between them its faces bring about every word."""
    words = set()
    for place in range(len(FACES[HOST])):
        feed = Feed(Scene(os_pem=CORP.pem))
        feed(DIRECT, FACES[HOST][1], FACES[HOST][1])
        words.add(feed(HQ, FACES[HOST][place], FACES[HOST][place]).word)
    assert words == set(Word)


class TestWork:
    """What is worked out, not how long it takes."""

    @pytest.fixture
    def decided(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        moments: list[float] = []

        def counted(look: Look, *rest: Any) -> Verdict:
            moments.append(look.at)
            return decide(look, *rest)

        monkeypatch.setattr(comparing, "decide", counted)
        return moments

    def test_looks_that_show_the_same_are_judged_once(self, decided: list[float]) -> None:
        feed = Feed()
        feed(DIRECT, *[HONEST] * 30)
        decided.clear()
        verdict = feed(HQ, *[HONEST, HONEST, FORGED] * 10)
        assert verdict.mixed == Mixed(10, 30)
        assert len(decided) == 2, "one for each kind of look, not one for each look"

    def test_the_age_of_what_a_cache_holds_changes_nothing(self, decided: list[float]) -> None:
        def aged(seconds: int) -> Face:
            return replace(HONEST, headers=(("server", "ECAcc"), ("age", str(seconds)), ("x-cache", f"HIT {seconds}")))

        feed = Feed(window=3)
        for age in range(6):
            feed(HQ, aged(age))
        decided.clear()
        before = feed.verdict(HQ)
        assert feed(HQ, aged(600)) is before
        assert decided == []

    def test_a_header_that_tells_does(self, decided: list[float]) -> None:
        feed = Feed(window=3)
        for _ in range(6):
            feed(HQ, HONEST)
        decided.clear()
        feed(HQ, replace(HONEST, headers=(("via", "1.1 box (squid/5.7)"),)))
        assert decided
