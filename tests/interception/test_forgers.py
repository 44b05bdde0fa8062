"""Scripted interceptors, from the careless to the careful, with and without a reference.

Each is run with single looks and with confirmations, and judged in shuffled orders (`Scene.run`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prober.interception import UserRoot
from prober.interception.baseline import Baseline
from prober.interception.verdict import Basis, Confidence, Mixed, Verdict, Why, Word
from prober.model import Anchor, Route, TrustClass

from .forging import DAY, EVERYTHING, NOW, Made, dn, forge, key_identifier, make, new_key, root
from .scenes import (
    BRANCH,
    DIRECT,
    HQ,
    ISSUING,
    ISSUING_2,
    OTHER_ISSUING,
    OTHER_PUBLIC,
    PUBLIC,
    VENDOR_ISSUING,
    Face,
    Scene,
    face,
    one_in,
)

BOX = root("Inspection Root 7", "Nobody Knows Ltd")
SHARED = new_key()
REAL = {
    "a.alpha.test": (
        ISSUING.server("a.alpha.test", "www.alpha.test", "alpha.test", organisation="Alpha Ltd"),
        ISSUING,
        PUBLIC,
    ),
    "b.beta.test": (OTHER_ISSUING.server("b.beta.test", "beta.test"), OTHER_ISSUING, OTHER_PUBLIC),
    "c.gamma.test": (ISSUING_2.server("c.gamma.test"), ISSUING_2, PUBLIC),
}
HOST, OTHER_HOST, SINGLE = REAL
"""HOST's real certificate has an organisation and three names; SINGLE's has one name and nothing else to copy."""

Forger = Callable[[str, Made, Made, Made], Face]
"""From host, its real certificate, that one's issuer and root to what the interceptor shows."""


def honest(host: str) -> Face:
    return face(*REAL[host][:2])


def careless(host: str, real: Made, issuing: Made, top: Made) -> Face:
    return face(forge(real, BOX, host=host, copies=()), BOX)


def copying(host: str, real: Made, issuing: Made, top: Made) -> Face:
    return face(forge(real, BOX, host=host), BOX)


def root_twice(host: str, real: Made, issuing: Made, top: Made) -> Face:
    return face(forge(real, BOX, host=host), BOX, BOX)


def copied_key_identifier(host: str, real: Made, issuing: Made, top: Made) -> Face:
    name = issuing.certificate.subject
    return face(forge(real, BOX, host=host, issuer=name, aki=key_identifier(issuing)))


def own_key_identifier(host: str, real: Made, issuing: Made, top: Made) -> Face:
    return face(forge(real, BOX, host=host, issuer=issuing.certificate.subject))


def no_key_identifier(host: str, real: Made, issuing: Made, top: Made) -> Face:
    return face(forge(real, BOX, host=host, issuer=issuing.certificate.subject, aki=None))


def padded(by: Forger) -> Forger:
    def forger(host: str, real: Made, issuing: Made, top: Made) -> Face:
        shown = by(host, real, issuing, top)
        return replace(shown, chain=(*shown.chain, issuing.der, top.der))

    return forger


def fake_hierarchy(host: str, real: Made, issuing: Made, top: Made) -> Face:
    """Root and issuing authority with the real names, under keys of its own."""
    fake_root, fake_issuing = HIERARCHIES[issuing.sha256]
    return face(forge(real, fake_issuing, host=host), fake_issuing, fake_root)


def downgrading(host: str, real: Made, issuing: Made, top: Made) -> Face:
    return replace(copying(host, real, issuing, top), version="TLSv1.2", alpn=None, hello=None)


def nameless(host: str, real: Made, issuing: Made, top: Made) -> Face:
    """No name for an issuer, and no certificate of it."""
    return face(forge(real, BOX, host=host, copies=(), issuer=dn("")))


def shared_key(host: str, real: Made, issuing: Made, top: Made) -> Face:
    return face(forge(real, BOX, host=host, key=SHARED, copies=()), BOX)


def own_key(host: str, real: Made, issuing: Made, top: Made) -> Face:
    """As squid and mitmproxy: the authority's key in every certificate."""
    return face(forge(real, BOX, host=host, key=BOX.key), BOX)


def _hierarchy(issuing: Made, top: Made) -> tuple[Made, Made]:
    fake_root = make(top.certificate.subject, ca=True, days=(-900, 900))
    return fake_root, make(issuing.certificate.subject, signer=fake_root, ca=True, days=(-100, 900))


HIERARCHIES = {issuing.sha256: _hierarchy(issuing, top) for _, issuing, top in REAL.values()}

FORGERS: dict[str, Forger] = {
    "careless": careless,
    "copying everything": copying,
    "root sent twice": root_twice,
    "issuer's name and key identifier": copied_key_identifier,
    "issuer's name, own key identifier": own_key_identifier,
    "issuer's name, no key identifier": no_key_identifier,
    "own root, padded with the real ones": padded(copying),
    "issuer's name and key identifier, padded": padded(copied_key_identifier),
    "issuer's name, own key identifier, padded": padded(own_key_identifier),
    "issuer's name, no key identifier, padded": padded(no_key_identifier),
    "complete fake hierarchy": fake_hierarchy,
    "downgrading": downgrading,
    "without a name": nameless,
    "one key for all": shared_key,
    "the authority's own key": own_key,
}
UNKNOWN = [careless, copying, downgrading, root_twice, padded(copying), nameless, shared_key]
NAME_FORGERS = {name: forger for name, forger in FORGERS.items() if name.startswith("issuer's name")}


def against(forger: Forger, *references: Route, hosts: tuple[str, ...] = tuple(REAL), **options: Any) -> Scene:
    """A forger on the route `hq`, honest ones on `references`."""
    scene = Scene(**options)
    for host in hosts:
        for route in references:
            scene.shows(host, route, honest(host))
        scene.shows(host, HQ, forger(host, *REAL[host]))
    return scene


def every(scene: Scene, host: str) -> list[Verdict]:
    """The verdicts on a host over `hq`, by single look, confirmed, and with attempts."""
    return [run.verdicts[host, "hq"] for run in scene.runs()]


@pytest.fixture(params=FORGERS)
def forger(request: pytest.FixtureRequest) -> Forger:
    return FORGERS[request.param]


class TestWithADirectRoute:
    def test_every_target_is_found_and_the_proxy_named(self, forger: Forger) -> None:
        scene = against(forger, DIRECT)
        for run in (scene.run(), scene.run(attempts=3, confirm=False)):
            for host in REAL:
                verdict = run.verdicts[host, "hq"]
                assert (verdict.word, verdict.basis, verdict.hop) == (Word.INTERCEPTED, Basis.PROVEN, 1), verdict
                assert verdict.reference is not None
                assert (verdict.reference.kind, verdict.reference.name) == ("route", "direct")
                assert verdict.reference.spki_sha256 == REAL[host][0].spki
                assert run.words[host, "direct"] is Word.CLEAN
                assert verdict.mixed is None

    def test_another_clean_proxy_is_as_good(self, forger: Forger) -> None:
        run = against(forger, BRANCH).run()
        for host in REAL:
            verdict = run.verdicts[host, "hq"]
            assert (verdict.word, verdict.basis, verdict.hop) == (Word.INTERCEPTED, Basis.PROVEN, None)
            assert run.words[host, "branch"] is Word.CLEAN

    @pytest.mark.parametrize("forger", [copying, copied_key_identifier, own_key, fake_hierarchy])
    def test_one_target_is_enough_if_there_was_something_to_copy(self, forger: Forger) -> None:
        verdicts = every(against(forger, DIRECT, hosts=(HOST,)), HOST)
        assert verdicts[0].word is Word.SUSPECT
        assert verdicts[0].reason is Why.NOT_REPEATED
        assert {verdict.word for verdict in verdicts[1:]} == {Word.INTERCEPTED}

    @pytest.mark.parametrize("name", NAME_FORGERS)
    def test_one_target_is_enough_if_the_issuers_name_is_forged(self, name: str) -> None:
        verdicts = every(against(NAME_FORGERS[name], DIRECT, hosts=(SINGLE,)), SINGLE)
        assert {verdict.word for verdict in verdicts[1:]} == {Word.INTERCEPTED}

    def test_a_single_name_alone_and_nothing_copied_is_suspect(self) -> None:
        """Whatever this is, a private twin of the service looks the same."""
        for verdict in every(against(careless, DIRECT, hosts=(SINGLE,)), SINGLE):
            assert (verdict.word, verdict.basis, verdict.reason) == (Word.SUSPECT, Basis.PROVEN, Why.WEAK)

    def test_the_most_careful_are_sure(self) -> None:
        run = against(own_key, DIRECT).run()
        assert run.verdicts[HOST, "hq"].confidence is Confidence.HIGH
        assert run.verdicts[HOST, "hq"].shared_key_with == (OTHER_HOST, SINGLE)

    def test_real_bytes_replayed_prove_nothing(self) -> None:
        """The real chain, without the key: nobody gets further than the certificate."""
        scene = Scene()
        scene.shows(HOST, DIRECT, honest(HOST))
        scene.shows(HOST, HQ, replace(honest(HOST), proven=False))
        for verdict in every(scene, HOST):
            assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.KEY_NOT_PROVEN)


class TestWithoutAReference:
    @pytest.mark.parametrize(
        "forger", [careless, copying, downgrading, root_twice, padded(copying), nameless, shared_key]
    )
    def test_unrelated_public_targets_converge(self, forger: Forger) -> None:
        for run in against(forger).runs():
            for host in REAL:
                assert (run.words[host, "hq"], run.verdicts[host, "hq"].basis) == (Word.INTERCEPTED, Basis.CONVERGENCE)

    @pytest.mark.parametrize(
        "forger", [careless, copying, downgrading, root_twice, padded(copying), nameless, shared_key]
    )
    def test_one_target_stays_suspect(self, forger: Forger) -> None:
        for verdict in every(against(forger, hosts=(HOST,)), HOST):
            assert (verdict.word, verdict.reason, verdict.basis) == (Word.SUSPECT, Why.WEAK, Basis.NONE)

    @pytest.mark.parametrize("forger", [own_key, copied_key_identifier, padded(copied_key_identifier)])
    def test_what_gives_itself_away_needs_one_target_seen_twice(self, forger: Forger) -> None:
        held = UserRoot(ISSUING.pem, Anchor.PUBLIC)  # as the vendor's own issuing authorities are, among the bridges
        verdicts = every(against(forger, hosts=(HOST,), roots=[held]), HOST)
        assert (verdicts[0].word, verdicts[0].reason) == (Word.SUSPECT, Why.NOT_REPEATED)
        for verdict in verdicts[1:]:
            assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.AUTHORITY)

    def test_targets_of_which_nothing_is_stated_do_not_converge(self) -> None:
        scene = Scene()
        for host, real in REAL.items():
            scene.target(host, None)
            scene.shows(host, HQ, careless(host, *real))
        for run in scene.runs():
            assert {verdict.word for verdict in run.verdicts.values()} == {Word.SUSPECT}

    def test_a_private_and_a_public_target_converge(self) -> None:
        scene = Scene()
        real = VENDOR_ISSUING.server("u.vendor.test")
        scene.target("u.vendor.test", TrustClass.VENDOR_PRIVATE)
        scene.shows("u.vendor.test", HQ, face(forge(real, BOX, host="u.vendor.test", copies=()), BOX))
        scene.shows(SINGLE, HQ, careless(SINGLE, *REAL[SINGLE]))
        assert set(scene.run().words.values()) == {Word.INTERCEPTED}

    def test_two_targets_of_one_domain_do_not(self) -> None:
        scene = Scene()
        for host in ("x.alpha.test", "y.alpha.test"):
            real = ISSUING.server(host)
            scene.shows(host, HQ, careless(host, real, ISSUING, PUBLIC))
        assert set(scene.run().words.values()) == {Word.SUSPECT}

    def test_a_reference_for_one_target_tells_of_the_others(self) -> None:
        """HOST is seen directly, the others are not: their catalog says they are public and elsewhere."""
        scene = against(careless)
        scene.shows(HOST, DIRECT, honest(HOST))
        run = scene.run()
        assert {run.words[host, "hq"] for host in REAL} == {Word.INTERCEPTED}
        assert run.verdicts[HOST, "hq"].basis is Basis.PROVEN
        assert run.verdicts[OTHER_HOST, "hq"].basis is Basis.CONVERGENCE


class TestInspectionUnderTheCompanysRoot:
    """The root is trusted for the company's own names; the inspection stands under it, too."""

    company = root("Example Root", "Example Corp")
    inspection = company.authority("Example Inspection CA", "Example Corp")
    wiki = company.authority("Example Issuing CA", "Example Corp")

    def scene(self, *references: Route) -> Scene:
        def inspecting(host: str, real: Made, issuing: Made, top: Made) -> Face:
            return face(forge(real, self.inspection, host=host, copies={"names"}), self.inspection)

        own = UserRoot(self.company.pem, names=("corp.test",))
        scene = against(inspecting, *references, roots=[own], os_pem=self.company.pem)
        scene.target("wiki.corp.test", None)
        scene.shows("wiki.corp.test", [*references, HQ], face(self.wiki.server("wiki.corp.test"), self.wiki))
        return scene

    @pytest.mark.parametrize("references", [(), (DIRECT,)], ids=["without a reference", "with one"])
    def test_it_is_found_and_the_companys_hosts_are_clean(self, references: tuple[Route, ...]) -> None:
        run = self.scene(*references).run()
        assert {run.words[host, "hq"] for host in REAL} == {Word.INTERCEPTED}
        assert run.words["wiki.corp.test", "hq"] is Word.CLEAN


class TestOneInTen:
    @pytest.mark.parametrize("place", range(10))
    def test_one_member_of_a_cluster(self, place: int) -> None:
        scene = Scene()
        scene.shows(HOST, DIRECT, honest(HOST))
        scene.shows(HOST, HQ, one_in({place: copying(HOST, *REAL[HOST])}, honest(HOST)))
        run = scene.run(attempts=10)
        verdict = run.verdicts[HOST, "hq"]
        assert (verdict.word, verdict.basis, verdict.hop) == (Word.INTERCEPTED, Basis.PROVEN, 1)
        assert verdict.mixed is not None
        assert verdict.mixed.intercepted == 1
        assert verdict.mixed.of in (10, 11)
        assert run.words[HOST, "direct"] is Word.CLEAN

    def test_nothing_is_confirmed_that_the_attempts_have_settled(self) -> None:
        scene = Scene()
        scene.shows(HOST, DIRECT, honest(HOST))
        scene.shows(HOST, HQ, one_in({4: copying(HOST, *REAL[HOST])}, honest(HOST)))
        assert scene.run(attempts=10).verdicts[HOST, "hq"].mixed == Mixed(1, 10)
        assert len(scene.run(attempts=10).added) == 20

    @pytest.mark.parametrize("place", range(1, 9))
    def test_the_other_members_are_reference_enough(self, place: int) -> None:
        scene = Scene()
        scene.shows(HOST, HQ, one_in({place: copying(HOST, *REAL[HOST])}, honest(HOST)))
        verdict = scene.run(attempts=10).verdicts[HOST, "hq"]
        assert (verdict.word, verdict.mixed) == (Word.INTERCEPTED, Mixed(1, 10))

    def test_three_of_ten(self) -> None:
        scene = Scene()
        faces = {place: copying(HOST, *REAL[HOST]) for place in (0, 5, 9)}
        scene.shows(HOST, DIRECT, honest(HOST))
        scene.shows(HOST, HQ, one_in(faces, honest(HOST)))
        assert scene.run(attempts=10).verdicts[HOST, "hq"].mixed == Mixed(3, 10)

    def test_the_reference_changes_in_between_and_nothing_is_bracketed(self) -> None:
        renewed = ISSUING.server("a.alpha.test", "www.alpha.test", "alpha.test", organisation="Alpha Ltd")
        other = face(renewed, ISSUING)
        scene = Scene()
        scene.shows(HOST, DIRECT, lambda number, _: honest(HOST) if number < 2 else other)
        scene.shows(HOST, HQ, one_in({1: copying(HOST, *REAL[HOST]), 0: honest(HOST)}, other))
        verdict = scene.run(attempts=5, confirm=False).verdicts[HOST, "hq"]
        assert (verdict.word, verdict.reason) == (Word.SUSPECT, Why.NOT_REPEATED)


class TestBaseline:
    def saved(self, *hosts: str) -> Baseline:
        scene = Scene(start=NOW - DAY)
        for host in hosts:
            scene.shows(host, DIRECT, honest(host))
        return Baseline.of(scene.run(shuffled=0).comparison.references())

    def test_another_key_than_in_the_saved_run(self) -> None:
        verdicts = every(against(copying, hosts=(HOST,), baseline=self.saved(HOST)), HOST)
        for verdict in verdicts[1:]:
            assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.BASELINE)
            assert verdict.reference is not None
            assert (verdict.reference.kind, verdict.reference.name, verdict.reference.at) == (
                "baseline",
                "direct",
                NOW - DAY,
            )

    def test_the_saved_key_again(self) -> None:
        scene = Scene(baseline=self.saved(HOST))
        scene.shows(HOST, HQ, face(REAL[HOST][0]))
        for verdict in every(scene, HOST):
            assert (verdict.word, verdict.basis) == (Word.CLEAN, Basis.BASELINE)

    def test_another_key_and_nothing_copied_is_suspect(self) -> None:
        for verdict in every(against(careless, hosts=(SINGLE,), baseline=self.saved(SINGLE)), SINGLE):
            assert (verdict.word, verdict.basis, verdict.reason) == (Word.SUSPECT, Basis.BASELINE, Why.WEAK)

    def test_renewed_and_anchored_is_clean(self) -> None:
        scene = Scene(baseline=self.saved(HOST))
        scene.shows(HOST, HQ, face(OTHER_ISSUING.server(HOST), OTHER_ISSUING))
        for verdict in every(scene, HOST):
            assert (verdict.word, verdict.basis) == (Word.CLEAN, Basis.AUTHORITY)

    def test_a_live_reference_comes_first(self) -> None:
        verdict = against(copying, DIRECT, hosts=(HOST,), baseline=self.saved(HOST)).run().verdicts[HOST, "hq"]
        assert verdict.basis is Basis.PROVEN
        assert not {"E2b"} & {each.id for each in verdict.evidence}


class TestPins:
    def pins(self, host: str) -> dict[str, frozenset[str]]:
        return {host: frozenset({REAL[host][0].spki})}

    def test_a_pin_is_taken_at_its_word(self) -> None:
        """A single name, nothing copied, one target, no reference: only the pin speaks."""
        verdicts = every(against(careless, hosts=(SINGLE,), pins=self.pins(SINGLE)), SINGLE)
        assert (verdicts[0].word, verdicts[0].reason) == (Word.SUSPECT, Why.NOT_REPEATED)
        for verdict in verdicts[1:]:
            assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.PINNED)
            assert verdict.policy_mismatch

    def test_a_public_chain_that_misses_the_pin_is_no_interceptor(self) -> None:
        scene = Scene(pins=self.pins(HOST))
        scene.shows(HOST, HQ, face(OTHER_ISSUING.server(HOST), OTHER_ISSUING))
        for verdict in every(scene, HOST):
            assert (verdict.word, verdict.policy_mismatch) == (Word.CLEAN, True)

    def test_the_pinned_key(self) -> None:
        scene = Scene(pins=self.pins(HOST))
        scene.shows(HOST, HQ, honest(HOST))
        for verdict in every(scene, HOST):
            assert (verdict.word, verdict.basis, verdict.policy_mismatch) == (Word.CLEAN, Basis.PINNED, False)

    def test_an_incomplete_chain_that_misses_the_pin_is_not(self) -> None:
        scene = Scene(pins=self.pins(HOST))
        scene.shows(HOST, HQ, face(ISSUING.server(HOST)))
        for verdict in every(scene, HOST):
            assert (verdict.word, verdict.policy_mismatch) == (Word.INCONCLUSIVE, True)


class TestKnownInterceptor:
    @pytest.mark.parametrize("references", [(), (DIRECT,)])
    def test_one_look_at_one_target_is_enough(self, references: tuple[Route, ...]) -> None:
        for verdict in every(against(careless, *references, hosts=(SINGLE,), interceptors=[BOX.pem]), SINGLE):
            assert verdict.word is Word.INTERCEPTED
            assert verdict.basis is (Basis.PROVEN if references else Basis.AUTHORITY)
            assert "E14" in {each.id for each in verdict.evidence}

    def test_before_all_routes_it_is_here(self) -> None:
        scene = Scene(interceptors=[BOX.pem])
        scene.shows(SINGLE, [DIRECT, HQ], careless(SINGLE, *REAL[SINGLE]))
        for run in scene.runs():
            for verdict in run.verdicts.values():
                assert (verdict.word, verdict.hop) == (Word.INTERCEPTED, 0)

    def test_its_block_page_is_a_block_page(self) -> None:
        scene = Scene(interceptors=[BOX.pem])
        scene.shows(SINGLE, HQ, face(BOX.server("blocked.corp.test"), BOX))
        assert {verdict.word for verdict in every(scene, SINGLE)} == {Word.BLOCKED}


class TestClientCertificates:
    def scene(self, *, here: Face, there: Face) -> Scene:
        scene = Scene()
        scene.shows(SINGLE, DIRECT, there)
        scene.shows(SINGLE, HQ, here)
        return scene

    def test_nobody_asks_behind_an_unknown_signer(self) -> None:
        """Told, but a private twin of the service does not ask either: it decides nothing."""
        forged = careless(SINGLE, *REAL[SINGLE])
        verdicts = every(self.scene(here=forged, there=replace(honest(SINGLE), asks=True)), SINGLE)
        for verdict in verdicts:
            assert verdict.word is Word.SUSPECT
            assert [each.decides for each in verdict.evidence if each.id == "E7"] == [False]

    def test_asked_only_sometimes_it_may_be_chance(self) -> None:
        forged = careless(SINGLE, *REAL[SINGLE])
        scene = Scene()
        scene.shows(SINGLE, DIRECT, replace(honest(SINGLE), asks=True))
        scene.shows(SINGLE, HQ, lambda number, _: replace(forged, asks=bool(number % 2)))
        assert {verdict.word for verdict in every(scene, SINGLE)} == {Word.SUSPECT}

    def test_nobody_asks_behind_a_public_certificate(self) -> None:
        """Perhaps a front end with another policy: suspect, and only if it is always so."""
        here = face(OTHER_ISSUING.server(SINGLE), OTHER_ISSUING)
        scene = self.scene(here=here, there=replace(honest(SINGLE), asks=True))
        for verdict, word in zip(every(scene, SINGLE), (Word.CLEAN, None, Word.SUSPECT, Word.SUSPECT), strict=True):
            assert word in (None, verdict.word)
            if word is Word.SUSPECT:
                assert (verdict.reason, verdict.basis) == (Why.CONTRADICTING, Basis.AUTHORITY)

    def test_the_same_key_is_clean_whoever_asks(self) -> None:
        scene = self.scene(here=honest(SINGLE), there=replace(honest(SINGLE), asks=True))
        assert {(v.word, v.basis) for v in every(scene, SINGLE)} == {(Word.CLEAN, Basis.PROVEN)}

    def test_asked_here_and_not_there_is_nothing(self) -> None:
        here = face(OTHER_ISSUING.server(SINGLE), OTHER_ISSUING, asks=True)
        assert {v.word for v in every(self.scene(here=here, there=honest(SINGLE)), SINGLE)} == {Word.CLEAN}


class TestLimits:
    """What docs/interception.md says cannot be found."""

    @pytest.mark.parametrize("forger", [own_key_identifier, no_key_identifier])
    def test_a_familiar_name_on_a_chain_without_an_end_looks_like_neglect(self, forger: Forger) -> None:
        for verdict in every(against(forger, hosts=(HOST,)), HOST):
            assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.CHAIN_INCOMPLETE)

    def test_a_vendors_names_on_a_whole_chain_of_its_own(self) -> None:
        for run in against(fake_hierarchy).runs():
            assert {verdict.word for verdict in run.verdicts.values()} == {Word.SUSPECT}

    def test_with_the_publics_help_nothing_shows(self) -> None:
        """An authority in the store that signs for the interceptor: no client can tell."""
        forged = forge(REAL[HOST][0], OTHER_ISSUING, host=HOST)
        scene = Scene()
        scene.shows(HOST, DIRECT, honest(HOST))
        scene.shows(HOST, HQ, face(forged, OTHER_ISSUING))
        assert {verdict.word for verdict in every(scene, HOST)} == {Word.CLEAN}


def test_forgeries_are_what_they_say() -> None:
    """A copy that copies nothing, or a name that is not the real one's, would make all of the above worthless."""
    real, issuing, _ = REAL[HOST]
    copy = forge(real, BOX, host=HOST).certificate
    assert copy.subject == real.certificate.subject
    assert copy.not_valid_before_utc == real.certificate.not_valid_before_utc
    assert {e.oid for e in copy.extensions} == {e.oid for e in real.certificate.extensions}
    named = forge(
        real, BOX, host=HOST, issuer=issuing.certificate.subject, copies=EVERYTHING - {"validity"}
    ).certificate
    assert named.issuer == real.certificate.issuer
    assert named.not_valid_before_utc != real.certificate.not_valid_before_utc
