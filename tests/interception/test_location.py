"""At which hop interception begins: all that the beginnings of a chain can tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.interception.location import HERE, prefixes, responsible_hop
from prober.interception.looks import Look
from prober.model import Hop, HopScheme, Route, Secret

from .forging import forge, root
from .scenes import CORP, CORP_ISSUING, DIRECT, HQ, ISSUING, Face, Scene, chain_of, face, self_signed

HOST = "a.alpha.test"
REAL = ISSUING.server(HOST)
HONEST = face(REAL, ISSUING)
OTHER_BOX = root("Another Inspection Root")

A, AB, ABC = chain_of("a"), chain_of("a", "b"), chain_of("a", "b", "c")


def corp() -> Face:
    """Each connection gets a certificate of its own."""
    return face(forge(REAL, CORP_ISSUING, host=HOST), CORP_ISSUING, CORP)


def other() -> Face:
    return face(forge(REAL, OTHER_BOX, host=HOST), OTHER_BOX)


class Ways:
    def __init__(self) -> None:
        self.scene = Scene()

    def look(self, route: Route, shown: Face) -> Look:
        return self.scene.look(HOST, route, shown)

    def hop(self, route: Route, shown: Face, others: dict[Route, list[Face]]) -> int | None:
        rest = [(other, [self.look(other, each) for each in faces]) for other, faces in others.items()]
        hops = {responsible_hop(self.look(route, shown), route, order) for order in (rest, rest[::-1])}
        (hop,) = hops
        return hop


@pytest.fixture
def ways() -> Ways:
    return Ways()


class TestOneProxy:
    def test_direct_is_clean(self, ways: Ways) -> None:
        assert ways.hop(HQ, corp(), {DIRECT: [HONEST]}) == 1

    def test_direct_shows_the_same_signer(self, ways: Ways) -> None:
        assert ways.hop(HQ, corp(), {DIRECT: [corp()]}) == HERE

    def test_direct_shows_it_only_sometimes(self, ways: Ways) -> None:
        assert ways.hop(HQ, corp(), {DIRECT: [HONEST, corp(), HONEST]}) == HERE

    def test_direct_shows_another_interceptor(self, ways: Ways) -> None:
        """It may be the same box with two keys (squid signs what it does not trust with another one): not known."""
        assert ways.hop(HQ, corp(), {DIRECT: [other()]}) is None

    def test_direct_shows_the_same_key_under_another_signer(self, ways: Ways) -> None:
        one = self_signed(HOST)
        assert ways.hop(HQ, face(one), {DIRECT: [face(one)]}) == HERE

    def test_direct_was_not_seen(self, ways: Ways) -> None:
        assert ways.hop(HQ, corp(), {}) is None

    def test_other_proxies_tell_nothing(self, ways: Ways) -> None:
        assert ways.hop(HQ, corp(), {chain_of("branch"): [HONEST], chain_of("branch", "hq"): [corp()]}) is None

    def test_the_direct_route_itself(self, ways: Ways) -> None:
        assert ways.hop(DIRECT, corp(), {}) == HERE
        assert ways.hop(DIRECT, corp(), {HQ: [HONEST]}) == HERE


class TestChains:
    @pytest.mark.parametrize("guilty", [1, 2, 3])
    def test_every_hop_in_turn(self, ways: Ways, guilty: int) -> None:
        beginnings = {DIRECT: [HONEST], A: [corp() if guilty <= 1 else HONEST], AB: [corp() if guilty <= 2 else HONEST]}
        assert ways.hop(ABC, corp(), beginnings) == guilty

    def test_all_of_it_and_already_here(self, ways: Ways) -> None:
        assert ways.hop(ABC, corp(), {DIRECT: [corp()], A: [corp()], AB: [corp()]}) == HERE

    def test_a_first_hop_that_is_blind_to_a_tunnel_in_its_own(self, ways: Ways) -> None:
        """Alone it opens the session; in front of another proxy it sees no more than that proxy's session."""
        assert ways.hop(A, corp(), {DIRECT: [HONEST], AB: [HONEST]}) == 1
        assert ways.hop(AB, other(), {DIRECT: [HONEST], A: [corp()]}) == 2

    def test_two_interceptors_in_a_chain(self, ways: Ways) -> None:
        assert ways.hop(AB, corp(), {DIRECT: [HONEST], A: [corp()]}) == 1
        assert ways.hop(ABC, other(), {DIRECT: [HONEST], A: [corp()], AB: [corp()]}) == 3

    def test_two_boxes_of_one_authority_with_an_honest_proxy_between(self, ways: Ways) -> None:
        """The first one is blind to the tunnel nested in its own: what the whole chain shows is the last one's."""
        assert ways.hop(ABC, corp(), {DIRECT: [HONEST], A: [corp()], AB: [HONEST]}) == 3

    def test_an_unseen_beginning_leaves_it_open(self, ways: Ways) -> None:
        assert ways.hop(ABC, corp(), {DIRECT: [HONEST], AB: [corp()]}) is None
        assert ways.hop(ABC, corp(), {DIRECT: [HONEST], A: [HONEST]}) is None
        assert ways.hop(ABC, corp(), {A: [corp()]}) is None

    def test_what_lies_before_does_not_matter_once_the_step_is_seen(self, ways: Ways) -> None:
        assert ways.hop(ABC, corp(), {AB: [HONEST]}) == 3
        assert ways.hop(ABC, corp(), {A: [HONEST], AB: [corp()]}) == 2

    def test_tainted_directly_by_somebody_else(self, ways: Ways) -> None:
        assert ways.hop(AB, corp(), {DIRECT: [other()], A: [other()]}) == 2

    def test_several_routes_with_the_same_beginning(self, ways: Ways) -> None:
        again = replace(A, name="again")
        assert ways.hop(AB, corp(), {DIRECT: [HONEST], A: [HONEST], again: [corp()]}) == 1


class TestWhichHopsAreTheSame:
    def test_logins_do_not_count(self, ways: Ways) -> None:
        plain, login = (
            Hop(HopScheme.HTTP, "a.corp.test", 3128),
            Hop(HopScheme.HTTP, "a.corp.test", 3128, "u", Secret("p")),
        )
        chain = Route("chain", (login, Hop(HopScheme.HTTP, "b.corp.test", 3128)))
        assert ways.hop(chain, corp(), {Route("plain", (plain,)): [HONEST]}) == 2

    @pytest.mark.parametrize(
        "hop",
        [
            Hop(HopScheme.HTTPS, "a.corp.test", 3128),
            Hop(HopScheme.HTTP, "a.corp.test", 3129),
            Hop(HopScheme.HTTP, "x.corp.test", 3128),
        ],
    )
    def test_scheme_host_and_port_do(self, ways: Ways, hop: Hop) -> None:
        assert ways.hop(AB, corp(), {Route("other", (hop,)): [HONEST]}) is None


class TestPrefixes:
    def test_of_a_chain(self) -> None:
        assert [(route.name, route.hops) for route in prefixes(ABC)] == [
            ("a>b>c[:0]", ()),
            ("a>b>c[:1]", ABC.hops[:1]),
            ("a>b>c[:2]", ABC.hops[:2]),
        ]

    def test_of_the_direct_route(self) -> None:
        assert prefixes(DIRECT) == ()


def test_through_the_comparison_with_the_beginnings_that_locating_probes() -> None:
    scene = Scene()
    scene.shows(HOST, AB, corp())
    for route, shown in zip(prefixes(AB), (HONEST, HONEST), strict=True):
        scene.shows(HOST, route, shown)
    assert scene.run().verdicts[HOST, AB.name].hop == 2
