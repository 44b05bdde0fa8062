"""What one observation shows: where its chain stands, who signed, what belongs together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prober.interception import UserRoot, certificate_facts
from prober.interception.looks import Ground, View, common_name, family_of, organisation, signer_of
from prober.model import Anchor, Purpose

from .forging import DAY, NOW, dn, forge, key_identifier, make, new_key, root
from .scenes import (
    CORP,
    CORP_ISSUING,
    DIRECT,
    HQ,
    ISSUING,
    LEGACY,
    OTHER_ISSUING,
    PUBLIC,
    VENDOR_ISSUING,
    Face,
    Scene,
    face,
    observed,
    self_signed,
)

HOST = "a.alpha.test"
VENDORS = "x.vendor.test"


def view(shown: Face, host: str = HOST, *, scene: Scene | None = None, at: float = NOW) -> View:
    return (scene or Scene()).look(host, HQ, shown, at=at).view


class TestGround:
    @pytest.mark.parametrize(
        ("shown", "host"),
        [
            (face(ISSUING.server(HOST), ISSUING), HOST),
            (face(LEGACY.server(HOST)), HOST),
            (face(VENDOR_ISSUING.server(VENDORS), VENDOR_ISSUING), VENDORS),
            (face(ISSUING.server(HOST, days=(-90, -1)), ISSUING), HOST),
            (face(ISSUING.server("b.beta.test"), ISSUING), HOST),
        ],
        ids=["public", "legacy", "vendor", "expired", "another name"],
    )
    def test_anchored(self, shown: Face, host: str) -> None:
        assert view(shown, host).ground is Ground.ANCHORED

    @pytest.mark.parametrize(
        ("shown", "host"),
        [
            (face(CORP_ISSUING.server(HOST), CORP_ISSUING, CORP), HOST),
            (face(CORP_ISSUING.server(HOST)), HOST),
            (face(self_signed(HOST)), HOST),
            (face(VENDOR_ISSUING.server(HOST), VENDOR_ISSUING), HOST),
        ],
        ids=["unknown root", "unknown issuer", "self-signed", "out of scope"],
    )
    def test_foreign(self, shown: Face, host: str) -> None:
        assert view(shown, host).ground is Ground.FOREIGN

    def test_only_on_this_machine_is_foreign(self) -> None:
        scene = Scene(os_pem=CORP.pem)
        assert view(face(CORP_ISSUING.server(HOST), CORP_ISSUING), scene=scene).ground is Ground.FOREIGN

    def test_against_the_rules_is_foreign(self) -> None:
        """A server's certificate that signs for another host."""
        server = ISSUING.server("b.beta.test")
        found = view(face(server.server(HOST), server, ISSUING))
        assert (found.trust.anchor, found.ground) == (Anchor.PUBLIC, Ground.FOREIGN)

    def test_a_familiar_name_without_its_certificate_is_incomplete(self) -> None:
        assert view(face(ISSUING.server(HOST))).ground is Ground.INCOMPLETE

    @pytest.mark.parametrize("known", [{"interceptors": [PUBLIC.pem]}, {"interceptors": [ISSUING.pem]}])
    def test_a_known_interceptor_is_foreign_even_under_a_public_root(self, known: dict[str, list[bytes]]) -> None:
        scene = Scene(interceptors=known["interceptors"])
        assert view(face(ISSUING.server(HOST), ISSUING), scene=scene).ground is Ground.FOREIGN

    def test_unreadable(self) -> None:
        for chain in ((b"garbage",), (b"",), (b"0" * 70_000, ISSUING.der)):
            found = view(Face(chain))
            assert (found.ground, found.leaf, found.key, found.path) == (Ground.UNREADABLE, None, "", ())
            assert not found.anchored

    def test_a_public_chain_that_misses_a_pin_is_still_public(self) -> None:
        scene = Scene(pins={HOST: frozenset({"0" * 64})})
        found = view(face(ISSUING.server(HOST), ISSUING), scene=scene)
        assert (found.trust.trusted, found.ground) == (False, Ground.ANCHORED)

    def test_a_pinned_key_needs_no_root(self) -> None:
        leaf = CORP_ISSUING.server(HOST)
        scene = Scene(pins={HOST: frozenset({leaf.spki})})
        assert view(face(leaf), scene=scene).ground is Ground.ANCHORED


class TestWhatCanBeAReference:
    def test_anchored_in_the_right_name_with_a_proven_key(self) -> None:
        scene = Scene()
        good = face(ISSUING.server(HOST), ISSUING)
        assert scene.look(HOST, DIRECT, good).is_reference
        assert not scene.look(HOST, DIRECT, replace(good, proven=False)).is_reference
        assert not scene.look(HOST, DIRECT, face(ISSUING.server("b.beta.test"), ISSUING)).is_reference
        assert not scene.look(HOST, DIRECT, face(ISSUING.server(HOST))).is_reference

    def test_dates_do_not_matter(self) -> None:
        """Who holds the key is as sure with an expired certificate."""
        look = Scene().look(HOST, DIRECT, face(ISSUING.server(HOST, days=(-90, -1)), ISSUING))
        assert look.is_reference
        assert not look.view.dates_fit


class TestSigner:
    def test_the_key_of_the_root_that_was_sent(self) -> None:
        both = [view(face(CORP_ISSUING.server(HOST), CORP_ISSUING, CORP)) for _ in range(2)]
        assert both[0].signer == both[1].signer == CORP.spki
        assert both[0].issuer is not None
        assert both[0].issuer.spki_sha256 == CORP_ISSUING.spki

    def test_a_root_that_was_not_sent_is_known_by_name_and_key_identifier(self) -> None:
        both = {view(face(CORP.server(host)), host).signer for host in (HOST, "b.beta.test")}
        assert len(both) == 1
        other = root("Corp Root CA", "Example Corp")
        assert view(face(other.server(HOST))).signer not in both

    def test_a_certificate_without_an_issuers_name_or_key_identifier_is_its_own(self) -> None:
        shown = [make(dn(HOST), signer=CORP, names=[HOST], issuer=dn(""), aki=None) for _ in range(2)]
        signers = {view(face(each)).signer for each in shown}
        assert signers == {each.spki for each in shown}

    def test_a_nameless_issuer_is_known_by_its_key_identifier(self) -> None:
        shown = [make(dn(HOST), signer=CORP, names=[HOST], issuer=dn("")) for _ in range(2)]
        assert len({view(face(each)).signer for each in shown}) == 1

    def test_in_words(self) -> None:
        scene = Scene(os_pem=CORP.pem)
        told = signer_of(view(face(CORP_ISSUING.server(HOST), CORP_ISSUING), scene=scene), scene.store)
        assert told is not None
        assert told.subject == "CN=Corp Issuing CA,O=Example Corp"
        assert told.spki_sha256 == CORP_ISSUING.spki
        assert (told.root, told.root_spki_sha256) == ("CN=Corp Root CA,O=Example Corp", CORP.spki)
        assert told.stores == ("os",)

    def test_in_words_without_any_of_their_certificates(self) -> None:
        scene = Scene()
        told = signer_of(view(face(CORP_ISSUING.server(HOST)), scene=scene), scene.store)
        assert told is not None
        assert told.root == told.subject == "CN=Corp Issuing CA,O=Example Corp"
        assert (told.spki_sha256, told.root_spki_sha256, told.stores) == (None, None, ())

    def test_in_words_of_one_that_signed_itself(self) -> None:
        scene = Scene()
        alone = self_signed(HOST)
        told = signer_of(view(face(alone), scene=scene), scene.store)
        assert told is not None
        assert told.spki_sha256 == told.root_spki_sha256 == alone.spki

    def test_nobody_signed_what_does_not_parse(self) -> None:
        scene = Scene()
        assert signer_of(view(Face((b"x",)), scene=scene), scene.store) is None


class TestNames:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            (("Microsoft TLS G2 RSA CA OCSP 02", "Microsoft"), ("Microsoft TLS G2 RSA CA OCSP 16", "Microsoft"), True),
            (("R10", "Let's Encrypt"), ("R11", "Let's Encrypt"), True),
            (("Azure RSA CA 03", "Microsoft"), ("TLS G2 RSA CA OCSP 04", "Microsoft"), False),
            (("R10", "Let's Encrypt"), ("R10", "Somebody"), False),
        ],
    )
    def test_families(self, one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
        families = []
        for name in (one, other):
            facts = certificate_facts(root(*name).server(HOST).der)
            assert facts is not None
            families.append(family_of(facts))
        assert (families[0] == families[1]) is same

    def test_what_people_call_it(self) -> None:
        facts = certificate_facts(CORP.server(HOST, organisation="Alpha Ltd").der)
        bare = certificate_facts(make(dn(""), signer=make(dn("", "Only O"), ca=True), names=[HOST]).der)
        nameless = certificate_facts(make(dn(""), signer=CORP, issuer=dn("")).der)
        assert facts is not None
        assert bare is not None
        assert nameless is not None
        assert common_name(facts, of_issuer=True) == "Corp Root CA"
        assert common_name(facts, of_issuer=False) == HOST
        assert common_name(bare, of_issuer=True) == "Only O"
        assert common_name(nameless, of_issuer=True) == "an authority without a name"
        assert (organisation(facts), organisation(bare)) == ("Alpha Ltd", "")

    def test_hostile_names_are_tame(self) -> None:
        box = make(dn("\x1b[2J" + "A" * 60, "\u202e" + "B" * 60), ca=True)
        scene = Scene()
        found = view(face(box.server(HOST), box), scene=scene)
        told = signer_of(found, scene.store)
        assert told is not None
        for text in (found.family, told.subject, told.root):
            assert text.isprintable()
            assert len(text) <= 400


class TestFamiliar:
    def test_of_the_vendor_and_of_public_authorities(self) -> None:
        assert view(face(ISSUING.server(HOST))).familiar
        fake = root("First Trust Root", "First Trust Inc")
        assert view(face(fake.server(HOST), fake)).familiar

    def test_nobody_knows_them(self) -> None:
        assert not view(face(CORP.server(HOST), CORP)).familiar
        assert not view(face(CORP.server(HOST))).familiar

    def test_what_only_the_machines_store_has_is_not(self) -> None:
        assert not view(face(CORP.server(HOST), CORP), scene=Scene(os_pem=CORP.pem)).familiar


class TestForged:
    def test_the_name_of_the_authority_that_did_not_sign(self) -> None:
        held = Scene(roots=[UserRoot(ISSUING.pem, Anchor.PUBLIC)])
        fake = forge(
            ISSUING.server(HOST), CORP, host=HOST, issuer=ISSUING.certificate.subject, aki=key_identifier(ISSUING)
        )
        assert view(face(fake), scene=held).forged == "First Trust TLS CA 01"
        assert view(face(ISSUING.server(HOST)), scene=held).forged == ""


class TestContent:
    def test_the_moment_and_the_purpose_do_not_matter(self) -> None:
        scene = Scene()
        shown = face(ISSUING.server(HOST), ISSUING)
        look = scene.look(HOST, HQ, shown)
        later = replace(look, at=look.at + DAY, purpose=Purpose.CONFIRMATION)
        assert look.content == later.content

    @pytest.mark.parametrize(
        "change",
        [{"version": "TLSv1.2"}, {"alpn": None}, {"asks": True}, {"proven": False}, {"hello": None}, {"headers": ()}],
    )
    def test_all_that_is_compared_does(self, change: dict[str, object]) -> None:
        scene = Scene()
        shown = face(ISSUING.server(HOST), ISSUING)
        one = scene.look(HOST, HQ, shown)
        other = scene.look(HOST, HQ, replace(shown, **change))  # type: ignore[arg-type]  # fields of different types
        assert one.content != replace(other, view=one.view).content

    def test_so_does_another_view(self) -> None:
        scene = Scene()
        looks = [scene.look(HOST, HQ, face(issuing.server(HOST), issuing)) for issuing in (ISSUING, OTHER_ISSUING)]
        assert looks[0].content != looks[1].content


class TestTheSameAgain:
    def test_views_that_differ_in_nothing_that_matters(self) -> None:
        scene = Scene()
        shown = face(ISSUING.server(HOST), ISSUING)
        assert view(shown, scene=scene).same_as(view(shown, scene=scene))

    def test_views_that_do(self) -> None:
        leaf = face(ISSUING.server(HOST))
        scene = Scene()
        before = view(leaf, scene=scene)
        scene.store.learn((leaf.chain[0], ISSUING.der))
        assert not before.same_as(view(leaf, scene=scene))
        assert not before.same_as(replace(before, familiar=not before.familiar))


def test_a_chain_of_a_hundred_and_one() -> None:
    """What trust does not read, the view does not read either."""
    filler = [make(dn(f"filler {number}"), ca=True, key=new_key()) for number in range(99)]
    leaf = ISSUING.server(HOST)
    assert view(face(leaf, *filler[:98], ISSUING)).ground is Ground.ANCHORED
    assert view(face(leaf, *filler, ISSUING)).ground is Ground.INCOMPLETE


def test_a_look_keeps_what_was_observed() -> None:
    scene = Scene()
    shown = face(ISSUING.server(HOST), ISSUING, headers=(("via", "1.1 x"),))
    one = observed(HOST, HQ, NOW, shown, Purpose.LOCATE)
    look = scene.look(HOST, HQ, shown)
    assert (look.route, look.hops, look.at, look.tls, look.http) == ("hq", 1, one.at, one.tls, one.http)
