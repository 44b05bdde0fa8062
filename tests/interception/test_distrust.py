"""A direct route on which something answers for others is no reference: what follows for every verdict."""

from __future__ import annotations

import pytest

from prober.interception.baseline import Baseline
from prober.interception.location import HERE
from prober.interception.route_index import site_of
from prober.interception.verdict import Basis, Verdict, Why, Word
from prober.model import Route

from .forging import NOW, forge
from .scenes import BRANCH, CORP, CORP_ISSUING, DIRECT, HQ, ISSUING, Face, Scene, chain_of, face, observed, self_signed

HOST = "a.alpha.test"
REAL = ISSUING.server(HOST, "www.alpha.test", organisation="Alpha Ltd")
HONEST = face(REAL, ISSUING)


def corp() -> Face:
    """Each connection gets a certificate of its own."""
    return face(forge(REAL, CORP_ISSUING, host=HOST), CORP_ISSUING, CORP)


class Feed:
    """A comparison that is told, before, between or after what it sees, that direct is not direct."""

    def __init__(self, when: int | None, **options: object) -> None:
        self.scene = Scene()
        self.comparison = self.scene.compare(**options)
        self.when = when
        self.added = 0
        self.now = NOW
        self.tell()

    def tell(self) -> None:
        if self.added == self.when:
            self.comparison.distrust_direct()
            self.comparison.distrust_direct()  # twice is once

    def __call__(self, route: Route, *faces: Face) -> Verdict:
        for each in faces:
            self.now += 1
            self.comparison.add(self.scene.target(HOST), route, observed(HOST, route, self.now, each))
            self.added += 1
            self.tell()
        return self.verdict(route)

    def verdict(self, route: Route) -> Verdict:
        return self.comparison.verdict(HOST, route.name)


@pytest.fixture(params=[0, 1, 3, 4])
def feed(request: pytest.FixtureRequest) -> Feed:
    """Told after so many looks; each test has four."""
    return Feed(request.param)


def test_trusted_direct_is_a_reference() -> None:
    feed = Feed(None)
    feed(DIRECT, HONEST, HONEST)
    verdict = feed(HQ, corp(), corp())
    assert (verdict.word, verdict.basis, verdict.hop) == (Word.INTERCEPTED, Basis.PROVEN, 1)


def test_an_anchored_direct_proves_nothing_against_others(feed: Feed) -> None:
    feed(DIRECT, HONEST, HONEST)
    feed(HQ, corp(), corp())
    verdict = feed.verdict(HQ)
    assert verdict.basis is not Basis.PROVEN
    assert verdict.reference is None
    assert "E2" not in {each.id for each in verdict.evidence}
    assert feed.verdict(DIRECT).word is Word.CLEAN, "its own chain is anchored all the same"


def test_nor_for_others(feed: Feed) -> None:
    feed(DIRECT, HONEST, HONEST)
    feed(HQ, HONEST, HONEST)
    assert (feed.verdict(HQ).word, feed.verdict(HQ).basis) == (Word.CLEAN, Basis.AUTHORITY)
    assert (feed.verdict(DIRECT).word, feed.verdict(DIRECT).basis) == (Word.CLEAN, Basis.PROVEN), "hq vouches for it"


def test_an_opened_direct_is_not_blamed_on_this_machine(feed: Feed) -> None:
    feed(HQ, HONEST, HONEST)
    feed(DIRECT, corp(), corp())
    verdict = feed.verdict(DIRECT)
    assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.PROVEN)
    assert verdict.hop is None
    trusted = Feed(None)
    trusted(HQ, HONEST, HONEST)
    assert trusted(DIRECT, corp(), corp()).hop == HERE


def test_the_same_signer_on_direct_says_nothing_of_the_proxies(feed: Feed) -> None:
    """Both may pass the same box, each with a key of its own."""
    feed(DIRECT, corp(), corp())
    feed(HQ, corp(), corp())
    verdict = feed.verdict(HQ)
    assert verdict.reason is not Why.NOT_RETERMINATED_BY_PROXY
    assert verdict.hop is None
    trusted = Feed(None)
    trusted(DIRECT, corp(), corp())
    assert trusted(HQ, corp(), corp()).reason is Why.NOT_RETERMINATED_BY_PROXY


def test_one_key_everywhere_is_still_nobodys_work(feed: Feed) -> None:
    private = face(self_signed(HOST))
    feed(DIRECT, private, private)
    feed(HQ, private, private)
    assert feed.verdict(HQ).reason is Why.CONSISTENT_UNANCHORED
    assert feed.verdict(DIRECT).reason is Why.CONSISTENT_UNANCHORED


def test_other_routes_stay_references(feed: Feed) -> None:
    feed(BRANCH, HONEST, HONEST)
    feed(HQ, corp(), corp())
    verdict = feed.verdict(HQ)
    assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.PROVEN)


def test_hops_are_found_without_it(feed: Feed) -> None:
    both = chain_of("a", "b")
    feed(DIRECT, corp())
    feed(chain_of("a"), HONEST)
    feed(both, corp(), corp())
    assert feed.verdict(both).hop == 2


def test_a_baseline_made_of_it_has_no_direct_looks(feed: Feed) -> None:
    feed(DIRECT, HONEST, HONEST)
    feed(HQ, HONEST, HONEST)
    looks = list(feed.comparison.references())
    assert {look.route for look in looks} == {"hq"}
    assert Baseline.of(looks).looks(site_of(feed.scene.target(HOST)))


def test_what_is_confirmed_is_confirmed_without_it() -> None:
    feed = Feed(0)
    feed(DIRECT, HONEST)
    feed(HQ, corp())
    assert feed.comparison.to_confirm(HOST, "hq") == ((HOST, "hq"),)
