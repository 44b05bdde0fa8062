"""What was seen on a route beside a look: shared keys, common signers, who is unrelated to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception.evidence import Surroundings
from prober.interception.looks import Look
from prober.interception.route_index import NAMED, Expected, Known, RouteIndex, Site, domain_of, expected_of, site_of
from prober.model import TrustClass

from .forging import dn, forge, key_identifier, make, new_key, root
from .scenes import BRANCH, CORP, CORP_ISSUING, HQ, ISSUING, Face, Scene, chain_of, face, self_signed

A, B, C = "a.alpha.test", "b.beta.test", "c.gamma.test"
KEY = new_key()
FIRST = Expected(True, "first", "alpha.test")
SECOND = Expected(True, "second", "beta.test")
PRIVATE = Expected(False, None, "gamma.test")


class World:
    """An index with what is known of each site."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.index = RouteIndex()
        self.known: dict[str, Known] = {}
        self.revision = 0

    def look(self, host: str, *chain: Any, route: Any = HQ, **options: Any) -> Look:
        return self.scene.look(host, route, face(*chain, **options))

    def add(self, *looks: Look) -> None:
        self.revision += 1
        for look in looks:
            self.index.add(look)

    def remove(self, *looks: Look) -> None:
        self.revision += 1
        for look in looks:
            self.index.remove(look)

    def known_of(self, site: Site) -> Known:
        return self.known.get(site[0], Known(frozenset(), None))

    def around(self, look: Look) -> Surroundings:
        return self.index.around(look, self.known_of, self.revision)


@pytest.fixture
def world() -> World:
    return World()


def expected(**hosts: Expected) -> dict[str, Known]:
    names = {"a": A, "b": B, "c": C}
    return {names[letter]: Known(frozenset(), value) for letter, value in hosts.items()}


def content(index: RouteIndex) -> list[dict[Any, Any]]:
    return [dict(each) for each in (index._keys, index._signers, index._fitting, index._authorities)]


class TestUnrelated:
    @pytest.mark.parametrize(
        ("one", "other", "unrelated"),
        [
            (FIRST, SECOND, True),
            (FIRST, FIRST, False),
            (FIRST, Expected(True, "first", "elsewhere.test"), False),
            (Expected(True, None, "alpha.test"), Expected(True, None, "beta.test"), True),
            (Expected(True, None, "alpha.test"), Expected(True, None, "alpha.test"), False),
            (FIRST, Expected(True, None, "beta.test"), True),
            (Expected(True, None, "gamma.test"), PRIVATE, True),
            (PRIVATE, Expected(False, None, "beta.test"), False),
            (Expected(False, "one", "a.test"), Expected(False, "two", "b.test"), False),
            (Expected(True, "one", "a.test"), Expected(False, "two", "b.test"), True),
        ],
    )
    def test_at_least_one_is_public_and_they_have_nothing_in_common(
        self, one: Expected, other: Expected, unrelated: bool
    ) -> None:
        assert one.unrelated(other) is other.unrelated(one) is unrelated

    def test_what_a_catalog_states(self) -> None:
        scene = Scene()
        assert expected_of(scene.target(A, TrustClass.PUBLIC)) == Expected(True, None, "alpha.test")
        assert expected_of(scene.target(B, TrustClass.VENDOR_PRIVATE)) == Expected(False, None, "beta.test")
        assert expected_of(scene.target(C, None)) is None

    def test_sites_and_domains(self) -> None:
        scene = Scene()
        assert site_of(scene.target("X.Alpha.test.", port=8443)) == ("x.alpha.test", 8443)
        assert domain_of("x.y.alpha.test") == "alpha.test"
        assert domain_of("localhost") == "localhost"


class TestSharedKeys:
    def leaves(self, world: World, *hosts: str) -> list[Look]:
        return [world.look(host, forge(ISSUING.server(host), CORP, host=host, key=KEY), CORP) for host in hosts]

    def test_hosts_with_keys_of_their_own(self, world: World) -> None:
        world.known = {A: Known(frozenset({"1"}), None), B: Known(frozenset({"2"}), None)}
        looks = self.leaves(world, A, B)
        world.add(*looks)
        assert [world.around(look).sharing for look in looks] == [(B,), (A,)]

    def test_hosts_that_share_their_real_key_too(self, world: World) -> None:
        world.known = {host: Known(frozenset({"1", host}), None) for host in (A, B)}
        looks = self.leaves(world, A, B)
        world.add(*looks)
        assert world.around(looks[0]).sharing == ()

    def test_hosts_of_which_nothing_is_known(self, world: World) -> None:
        looks = self.leaves(world, A, B)
        world.add(*looks)
        assert world.around(looks[0]).sharing == ()

    def test_hosts_that_a_catalog_keeps_apart(self, world: World) -> None:
        world.known = expected(a=FIRST, b=SECOND)
        looks = self.leaves(world, A, B)
        world.add(*looks)
        assert world.around(looks[0]).sharing == (B,)

    def test_one_certificate_with_several_names_is_shared_by_right(self, world: World) -> None:
        world.known = {A: Known(frozenset({"1"}), None), B: Known(frozenset({"2"}), None)}
        shared = CORP.server(A, B)
        looks = [world.look(host, shared, CORP) for host in (A, B)]
        world.add(*looks)
        assert [world.around(look).sharing for look in looks] == [(), ()]
        again = world.look(B, forge(shared, CORP, host=B, key=shared.key), CORP)
        world.add(again)
        assert world.around(looks[0]).sharing == (B,)
        assert world.around(again).sharing == (A,)

    def test_a_key_that_is_known_to_forge_forges_for_a_host_of_which_nothing_is_known(self, world: World) -> None:
        looks = self.leaves(world, A, B, C)
        world.add(*looks)
        world.known = {A: Known(frozenset({"1"}), None)}
        assert world.around(looks[2]).sharing == ()
        world.known[B] = Known(frozenset({"2"}), None)
        world.revision += 1
        assert world.around(looks[2]).sharing == (A, B)
        world.known[B] = Known(frozenset({"1", "2"}), None)
        world.revision += 1
        assert world.around(looks[2]).sharing == ()

    def test_an_appliance_whose_one_certificate_has_several_names_does_not_forge(self, world: World) -> None:
        shared = CORP.server(A, B, key=KEY)
        renewed = world.look(C, CORP.server(C, key=KEY), CORP)
        world.add(world.look(A, shared, CORP), world.look(B, shared, CORP), renewed)
        world.known = {A: Known(frozenset({"1"}), None), B: Known(frozenset({"2"}), None)}
        assert world.around(renewed).sharing == ()

    def test_other_routes_do_not_count(self, world: World) -> None:
        world.known = expected(a=FIRST, b=SECOND)
        (here,) = self.leaves(world, A)
        there = world.look(B, forge(ISSUING.server(B), CORP, host=B, key=KEY), CORP, route=BRANCH)
        world.add(here, there)
        assert world.around(here) == Surroundings()

    def test_so_many_are_named_and_ports_where_they_are_odd(self, world: World) -> None:
        hosts = [f"h{number:02}.test" for number in range(NAMED + 4)]
        for number, host in enumerate(hosts):
            world.scene.target(host, port=443 if number % 2 else 8443)
            world.known[host] = Known(frozenset({host}), None)
        looks = self.leaves(world, *hosts)
        world.add(*reversed(looks))
        found = world.around(looks[0]).sharing
        assert found == tuple(sorted(h if n % 2 else f"{h}:8443" for n, h in enumerate(hosts[1 : NAMED + 1], 1)))


class TestConvergence:
    def looks(self, world: World, *hosts: str, signer: Any = CORP) -> list[Look]:
        return [world.look(host, signer.server(host), signer) for host in hosts]

    def test_unrelated_hosts(self, world: World) -> None:
        world.known = expected(a=FIRST, b=SECOND, c=PRIVATE)
        looks = self.looks(world, A, B, C)
        world.add(*looks)
        assert [world.around(look).converging for look in looks] == [(B, C), (A, C), (A, B)]

    def test_related_ones(self, world: World) -> None:
        world.known = expected(a=FIRST, b=FIRST)
        looks = self.looks(world, A, B)
        world.add(*looks)
        assert world.around(looks[0]).converging == ()

    def test_unknown_ones(self, world: World) -> None:
        world.known = expected(a=FIRST)
        looks = self.looks(world, A, B)
        world.add(*looks)
        assert [world.around(look).converging for look in looks] == [(), ()]

    def test_another_signer(self, world: World) -> None:
        world.known = expected(a=FIRST, b=SECOND)
        one, other = self.looks(world, A)[0], self.looks(world, B, signer=root("Another"))[0]
        world.add(one, other)
        assert world.around(one).converging == ()

    def test_missing_certificates_of_familiar_names_do_not_converge(self, world: World) -> None:
        world.known = expected(a=FIRST, b=SECOND)
        looks = [world.look(host, ISSUING.server(host)) for host in (A, B)]
        world.add(*looks)
        assert world.around(looks[0]).converging == ()

    def test_an_unknown_root_of_a_familiar_name_may_be_the_vendors_next(self, world: World) -> None:
        fake = root("First Trust Root", "First Trust Inc")
        looks = self.looks(world, A, B, signer=fake)
        world.add(*looks)
        world.known = {A: Known(frozenset({"1"}), FIRST), B: Known(frozenset({"2"}), SECOND)}
        assert [world.around(look).converging for look in looks] == [(), ()]


class TestAuthorities:
    def test_the_leafs_key_signs_for_others(self, world: World) -> None:
        box = root("Box")
        alone = world.look(A, make(dn(A), key=box.key, names=[A]))
        signed = world.look(B, box.server(B), box)
        world.add(alone)
        assert not world.around(alone).signing_key
        world.add(signed)
        assert world.around(alone).signing_key
        assert not world.around(signed).signing_key
        world.remove(signed)
        assert not world.around(alone).signing_key

    def test_a_self_signed_host_signs_for_nobody(self, world: World) -> None:
        look = world.look(A, self_signed(A))
        world.add(look)
        assert not world.around(look).signing_key


class TestForgedNames:
    def test_the_signer_forges_for_others(self, world: World) -> None:
        page = world.look(A, CORP.server("blocked.test"), CORP)
        fitting = world.look(B, CORP.server(B), CORP)
        world.add(page, fitting)
        assert not world.around(page).names_fit
        world.known = expected(b=SECOND)
        world.revision += 1
        assert world.around(page).names_fit
        world.known = {B: Known(frozenset({"key"}), None)}
        world.revision += 1
        assert world.around(page).names_fit
        world.known = expected(b=PRIVATE)
        world.revision += 1
        assert not world.around(page).names_fit

    def test_not_by_its_own_name(self, world: World) -> None:
        world.known = expected(a=FIRST)
        look = world.look(A, CORP.server(A), CORP)
        world.add(look)
        assert not world.around(look).names_fit

    def test_not_by_other_wrong_names(self, world: World) -> None:
        world.known = expected(a=FIRST, b=SECOND)
        looks = [world.look(host, CORP.server("blocked.test"), CORP) for host in (A, B)]
        world.add(*looks)
        assert not world.around(looks[0]).names_fit


class TestWhatIsEntered:
    def test_anchored_unproven_and_unreadable_looks_are_not(self, world: World) -> None:
        world.add(
            world.look(A, ISSUING.server(A), ISSUING),
            world.look(A, CORP.server(A), CORP, proven=False),
            world.scene.look(A, HQ, Face((b"garbage",))),
        )
        assert content(world.index) == content(RouteIndex())

    def test_seen_elsewhere(self, world: World) -> None:
        look = world.look(A, CORP_ISSUING.server(A), CORP_ISSUING, CORP)
        world.add(look, look)
        assert not world.index.seen_elsewhere(look)
        world.add(world.look(B, CORP_ISSUING.server(B), CORP_ISSUING, CORP, route=BRANCH))
        assert not world.index.seen_elsewhere(look)
        by_signer = world.look(B, CORP.server(B), CORP)
        world.add(by_signer)
        assert world.index.seen_elsewhere(look)
        world.remove(by_signer)
        assert not world.index.seen_elsewhere(look)

    def test_seen_elsewhere_by_its_key(self, world: World) -> None:
        boxes = [root("One"), root("Two")]
        looks = [
            world.look(host, forge(ISSUING.server(host), box, host=host, key=KEY), box)
            for host, box in zip((A, B), boxes, strict=True)
        ]
        world.add(*looks)
        assert world.index.seen_elsewhere(looks[0])
        world.remove(looks[1])
        assert not world.index.seen_elsewhere(looks[0])


def _looks() -> Sequence[Look]:
    world = World()
    boxes = [CORP, root("Other Box")]
    looks = []
    for host in (A, B, C):
        real = ISSUING.server(host)
        for box in boxes:
            looks.append(world.look(host, forge(real, box, host=host), box))
            looks.append(world.look(host, forge(real, box, host=host, key=KEY), box, route=chain_of("x")))
            looks.append(world.look(host, box.server("blocked.test", key=box.key), box))
        looks.append(world.look(host, real))
        looks.append(world.look(host, self_signed(host)))
        looks.append(world.look(host, real, ISSUING))
        fake = forge(real, CORP, host=host, issuer=ISSUING.certificate.subject, aki=key_identifier(ISSUING))
        looks.append(world.look(host, fake))
    return looks


LOOKS = _looks()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, len(LOOKS) - 1), max_size=25),
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, 24), max_size=25),
)
def test_adding_and_removing_in_any_order_equals_building_anew(places: list[int], order: Any, gone: list[int]) -> None:
    index = RouteIndex()
    present: list[int] = []
    waiting = list(places)
    for step in gone + [0] * len(places):
        if waiting and (not present or order.random() < 0.7):
            present.append(waiting.pop())
            index.add(LOOKS[present[-1]])
        elif present:
            index.remove(LOOKS[present.pop(step % len(present))])
    fresh = RouteIndex()
    order.shuffle(present)
    for place in present:
        fresh.add(LOOKS[place])
    assert content(index) == content(fresh)
    known = {A: Known(frozenset({"1"}), FIRST), B: Known(frozenset({"2"}), SECOND)}

    def known_of(site: Site) -> Known:
        return known.get(site[0], Known(frozenset(), None))

    for look in LOOKS:
        assert index.around(look, known_of, 1) == fresh.around(look, known_of, 1)
    index.clear()
    assert content(index) == content(RouteIndex())
