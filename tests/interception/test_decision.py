"""The rule: from one look and what it is compared with to a verdict."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.interception import UserRoot
from prober.interception.decision import SURE, THRESHOLD, Comparable, decide, reaches
from prober.interception.evidence import CATALOGUE, Surroundings
from prober.interception.looks import Look
from prober.interception.verdict import Basis, Confidence, Evidence, Family, Verdict, Why, Word
from prober.model import Route

from .forging import DAY, NOW, dn, forge, root
from .scenes import (
    BRANCH,
    CORP,
    CORP_ISSUING,
    DIRECT,
    HQ,
    ISSUING,
    OTHER_ISSUING,
    VENDOR_ISSUING,
    Face,
    Names,
    Scene,
    face,
)

HOST = "a.alpha.test"
REAL = ISSUING.server(HOST, "www.alpha.test", organisation="Alpha Ltd")
HONEST = face(REAL, ISSUING)
RENEWED = face(OTHER_ISSUING.server(HOST), OTHER_ISSUING)
COPIED = face(forge(REAL, CORP, host=HOST), CORP)
TWIN = face(CORP_ISSUING.server(HOST, "twin.corp.test"), CORP_ISSUING, CORP)
PAGE = face(CORP.server("blocked.corp.test"), CORP)
AROUND = Surroundings(converging=("b.beta.test",))


class Desk:
    """Looks at HOST, and verdicts on them."""

    def __init__(self, **options: Any) -> None:
        self.scene = Scene(**options)
        self.boxes = options.get("middleboxes") or Names()

    def look(self, shown: Face, route: Route = HQ, *, at: float = NOW) -> Look:
        return self.scene.look(HOST, route, shown, at=at)

    def __call__(self, look: Look, *, without: frozenset[str] = frozenset(), **among: Any) -> Verdict:
        return decide(look, Comparable(**among), self.boxes, without)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def evidence(*ids: str, decides: bool = True) -> list[Evidence]:
    return [
        Evidence(id_, CATALOGUE[id_].family, CATALOGUE[id_].points, "text", decides and CATALOGUE[id_].decides)
        for id_ in ids
    ]


class TestTheThreshold:
    @pytest.mark.parametrize(
        ("ids", "enough"),
        [
            (["E1", "E2"], False),
            (["E1", "E2", "E9", "E13", "E15"], False),
            (["E1", "E2", "E18"], True),
            (["E1", "E2", "E6"], True),
            (["E1", "E2", "E8"], True),
            (["E1", "E2b", "E8"], True),
            (["E1", "E2b"], False),
            (["E1", "E5"], True),
            (["E1", "E4"], True),
            (["E1", "E3"], True),
            (["E1", "E17"], True),
            (["E1", "E6"], False),
            (["E1", "E6", "E18"], False),
            (["E1", "E6", "E18", "E13"], False),
            (["E1", "E16"], True),
            (["E16"], False),
            (["E1", "E10"], False),
            (["E8", "E10", "E12"], False),
            (["E14"], True),
            (["E1"], False),
            ([], False),
        ],
    )
    def test_points_and_families(self, ids: list[str], enough: bool) -> None:
        assert reaches(evidence(*ids)) is enough

    @given(st.sets(st.sampled_from(sorted(set(CATALOGUE) - {"E14", "E16"}))))
    def test_one_family_beside_names_never_does(self, ids: set[str]) -> None:
        found = [each for each in evidence(*sorted(ids)) if each.family in (Family.ANCHOR, Family.NAME)]
        assert not reaches(found)

    @given(st.sets(st.sampled_from(sorted(CATALOGUE))))
    def test_what_does_not_decide_never_does(self, ids: set[str]) -> None:
        assert not reaches(evidence(*sorted(ids - {"E14"}), decides=False))

    @given(st.sets(st.sampled_from(sorted(CATALOGUE))), st.sampled_from(sorted(CATALOGUE)))
    def test_more_evidence_never_clears(self, ids: set[str], more: str) -> None:
        assert reaches(evidence(*sorted(ids | {more}))) >= reaches(evidence(*sorted(ids)))

    def test_the_numbers(self) -> None:
        assert (THRESHOLD, SURE) == (8, 12)


class TestProvenClean:
    def test_the_same_key_anchored_elsewhere(self, desk: Desk) -> None:
        """Though this front end left the chain out."""
        verdict = desk(desk.look(face(REAL)), same_key=desk.look(HONEST, DIRECT))
        assert (verdict.word, verdict.basis) == (Word.CLEAN, Basis.PROVEN)
        assert verdict.reference is not None
        assert (verdict.reference.kind, verdict.reference.name) == ("route", "direct")

    def test_a_pinned_key(self) -> None:
        desk = Desk(pins={HOST: frozenset({REAL.spki})})
        verdict = desk(desk.look(face(REAL)), pins=frozenset({REAL.spki}))
        assert (verdict.word, verdict.basis, verdict.policy_mismatch) == (Word.CLEAN, Basis.PINNED, False)

    def test_the_baselines_key(self, desk: Desk) -> None:
        saved = desk.look(HONEST, DIRECT, at=NOW - DAY)
        verdict = desk(desk.look(face(REAL)), baseline=saved, baseline_has_key=True)
        assert (verdict.word, verdict.basis) == (Word.CLEAN, Basis.BASELINE)

    def test_another_key_of_the_baseline_proves_nothing(self, desk: Desk) -> None:
        saved = desk.look(RENEWED, DIRECT, at=NOW - DAY)
        assert desk(desk.look(face(REAL)), baseline=saved).word is not Word.CLEAN

    def test_a_key_that_was_not_proven_proves_nothing(self, desk: Desk) -> None:
        look = desk.look(replace(HONEST, proven=False))
        verdict = desk(look, same_key=desk.look(HONEST, DIRECT), pins=frozenset({REAL.spki}))
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.KEY_NOT_PROVEN)

    def test_a_known_interceptor_is_never_clean(self) -> None:
        desk = Desk(interceptors=[ISSUING.pem])
        look = desk.look(HONEST)
        verdict = desk(look, same_key=look, pins=frozenset({REAL.spki}), baseline=look, baseline_has_key=True)
        assert verdict.word is Word.INTERCEPTED


class TestByAuthority:
    def test_an_anchor_is_enough(self, desk: Desk) -> None:
        verdict = desk(desk.look(HONEST))
        assert (verdict.word, verdict.basis, verdict.reference) == (Word.CLEAN, Basis.AUTHORITY, None)

    @pytest.mark.parametrize(("other", "changed"), [(RENEWED, True), (face(ISSUING.server(HOST), ISSUING), False)])
    def test_another_issuer_is_information(self, desk: Desk, other: Face, changed: bool) -> None:
        verdict = desk(desk.look(other), reference=desk.look(HONEST, DIRECT), steady=True)
        assert (verdict.word, verdict.issuer_changed) == (Word.CLEAN, changed)
        assert verdict.reference is not None

    @pytest.mark.parametrize(("steady", "word"), [(True, Word.SUSPECT), (False, Word.CLEAN)])
    def test_a_contradiction_counts_if_it_is_always_there(self, desk: Desk, steady: bool, word: Word) -> None:
        reference = desk.look(replace(HONEST, asks=True), DIRECT)
        verdict = desk(desk.look(RENEWED), reference=reference, steady=steady)
        assert verdict.word is word
        assert verdict.reason is (Why.CONTRADICTING if steady else None)
        assert verdict.confidence is None

    def test_left_out_it_contradicts_nothing(self, desk: Desk) -> None:
        reference = desk.look(replace(HONEST, asks=True), DIRECT)
        verdict = desk(desk.look(RENEWED), reference=reference, steady=True, without=frozenset({"E7"}))
        assert verdict.word is Word.CLEAN

    def test_pins_that_are_missed_are_said(self) -> None:
        pins = frozenset({"0" * 64})
        desk = Desk(pins={HOST: pins})
        verdict = desk(desk.look(HONEST), pins=pins)
        assert (verdict.word, verdict.basis, verdict.policy_mismatch) == (Word.CLEAN, Basis.AUTHORITY, True)

    def test_a_pinned_issuer(self) -> None:
        pins = frozenset({CORP_ISSUING.spki})
        desk = Desk(pins={HOST: pins})
        verdict = desk(desk.look(TWIN), pins=pins)
        assert (verdict.word, verdict.basis, verdict.policy_mismatch) == (Word.CLEAN, Basis.PINNED, False)


class TestNotJudged:
    def test_unreadable(self, desk: Desk) -> None:
        verdict = desk(desk.look(Face((b"garbage",))), settled=True)
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.UNREADABLE)

    def test_unreadable_where_a_reference_shows_a_sound_one(self, desk: Desk) -> None:
        verdict = desk(desk.look(Face((b"garbage",))), reference=desk.look(HONEST, DIRECT), settled=True)
        assert (verdict.word, verdict.reason) == (Word.SUSPECT, Why.UNREADABLE)
        assert [each.id for each in verdict.evidence] == ["E2"]

    def test_dates_only(self, desk: Desk) -> None:
        look = desk.look(face(ISSUING.server(HOST, days=(-90, -1)), ISSUING))
        verdict = desk(look, reference=desk.look(HONEST, DIRECT), settled=True)
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.CLOCK)

    def test_an_expired_forgery_is_a_forgery(self, desk: Desk) -> None:
        look = desk.look(face(CORP.server(HOST, days=(-90, -1)), CORP))
        assert desk(look, around=lambda: AROUND, settled=True).word is Word.INTERCEPTED

    @pytest.mark.parametrize("shown", [PAGE, face(OTHER_ISSUING.server("login.hotel.test"), OTHER_ISSUING)])
    def test_another_name(self, desk: Desk, shown: Face) -> None:
        look = desk.look(shown)
        reference = desk.look(HONEST, DIRECT)
        verdict = desk(look, reference=reference, settled=True, around=lambda: AROUND)
        assert (verdict.word, verdict.score) == (Word.BLOCKED, 0)
        assert verdict.reference is not None
        again = desk(look, others=lambda: [desk.look(shown, BRANCH)])
        assert (again.word, again.reason) == (Word.INCONCLUSIVE, Why.WRONG_NAME)

    def test_another_name_of_one_who_forges_names(self, desk: Desk) -> None:
        around = Surroundings(names_fit=True, converging=("b.beta.test",))
        assert desk(desk.look(PAGE), settled=True, around=lambda: around).word is Word.INTERCEPTED

    def test_a_missing_certificate(self, desk: Desk) -> None:
        verdict = desk(desk.look(face(ISSUING.server(HOST))), settled=True)
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.CHAIN_INCOMPLETE)

    def test_a_missing_certificate_beside_a_reference_is_suspect_and_no_more(self, desk: Desk) -> None:
        reference = desk.look(HONEST, DIRECT)
        look = desk.look(face(ISSUING.server(HOST, "www.alpha.test", organisation="Alpha Ltd")))
        verdict = desk(look, reference=reference, settled=True, steady=True)
        assert (verdict.word, verdict.reason, verdict.score) == (Word.SUSPECT, Why.WEAK, 7)

    @pytest.mark.parametrize("id_", ["E8", "E11"])
    def test_what_another_front_end_would_show_too_does_not_decide(
        self, desk: Desk, id_: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Under the next root of a familiar authority; under an unknown one the same is evidence enough."""
        monkeypatch.setattr("prober.interception.evidence.http_product", lambda headers: "X" if headers else None)
        there: dict[str, Any] = {"headers": () if id_ == "E11" else None}
        here: dict[str, Any] = {"headers": (("via", "x"),)} if id_ == "E11" else {}
        names = (HOST, "www.alpha.test") if id_ == "E8" else (HOST,)
        words = []
        for box in (root("First Trust Root G9", "First Trust Inc"), CORP):
            look = desk.look(face(box.server(*names), box, **here))
            reference = desk.look(replace(HONEST, **there), DIRECT)
            verdict = desk(look, reference=reference, settled=True, steady=True)
            assert id_ in {each.id for each in verdict.evidence}
            words.append(verdict.word)
        assert words == [Word.SUSPECT, Word.INTERCEPTED]

    def test_a_missing_certificate_beside_a_baseline_is_nothing(self, desk: Desk) -> None:
        saved = desk.look(HONEST, DIRECT, at=NOW - DAY)
        verdict = desk(desk.look(face(ISSUING.server(HOST))), baseline=saved, settled=True)
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.CHAIN_INCOMPLETE)


class TestWeighing:
    def test_split_horizon_is_the_worst_honest_case(self, desk: Desk) -> None:
        verdict = desk(desk.look(TWIN), reference=desk.look(HONEST, DIRECT), settled=True, steady=True)
        assert (verdict.word, verdict.basis, verdict.reason) == (Word.SUSPECT, Basis.PROVEN, Why.WEAK)
        assert sum(each.points for each in verdict.evidence if each.decides) == 7
        assert verdict.confidence is None

    @pytest.mark.parametrize(("settled", "word"), [(True, Word.INTERCEPTED), (False, Word.SUSPECT)])
    def test_once_is_not_enough(self, desk: Desk, settled: bool, word: Word) -> None:
        verdict = desk(desk.look(COPIED), reference=desk.look(HONEST, DIRECT), settled=settled)
        assert (verdict.word, verdict.reason) == (word, None if settled else Why.NOT_REPEATED)
        assert (verdict.confidence is None) is (word is Word.SUSPECT)

    def test_evidence_is_told_strongest_first(self, desk: Desk) -> None:
        verdict = desk(desk.look(COPIED), reference=desk.look(HONEST, DIRECT), settled=True)
        points = [each.points for each in verdict.evidence]
        assert points == sorted(points, reverse=True)
        assert verdict.score == sum(points) >= SURE
        assert verdict.confidence is Confidence.HIGH

    def test_two_families_are_medium(self, desk: Desk) -> None:
        verdict = desk(desk.look(TWIN), around=lambda: AROUND, settled=True)
        assert (verdict.word, verdict.basis, verdict.confidence) == (
            Word.INTERCEPTED,
            Basis.CONVERGENCE,
            Confidence.MEDIUM,
        )

    def test_what_may_be_chance_does_not_decide(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("prober.interception.evidence.http_product", lambda headers: "X" if headers else None)
        look = desk.look(replace(TWIN, headers=(("via", "x"),)))
        reference = desk.look(replace(HONEST, headers=()), DIRECT)
        words = [desk(look, reference=reference, settled=True, steady=steady).word for steady in (False, True)]
        assert words == [Word.SUSPECT, Word.INTERCEPTED]

    def test_a_vendors_root_beyond_its_scope_is_suspect(self, desk: Desk) -> None:
        """Nobody else can sign with it: more likely the list of the vendor's names has a gap."""
        look = desk.look(face(VENDOR_ISSUING.server(HOST, "www.alpha.test"), VENDOR_ISSUING))
        verdict = desk(look, reference=desk.look(HONEST, DIRECT), around=Surroundings, settled=True)
        assert (verdict.word, verdict.reason) == (Word.SUSPECT, Why.WEAK)

    def test_the_users_own_root_beyond_its_scope_counts_as_unknown(self) -> None:
        desk = Desk(roots=[UserRoot(CORP.pem, names=("corp.test",))])
        assert desk(desk.look(COPIED), reference=desk.look(HONEST, DIRECT), settled=True).word is Word.INTERCEPTED

    @pytest.mark.parametrize(
        ("among", "basis"),
        [
            ({"reference": HONEST}, Basis.PROVEN),
            ({"baseline": HONEST}, Basis.BASELINE),
            ({"pins": frozenset({REAL.spki})}, Basis.PINNED),
            ({}, Basis.NONE),
        ],
    )
    def test_the_basis(self, desk: Desk, among: dict[str, Any], basis: Basis) -> None:
        known: dict[str, Any] = {
            key: desk.look(each, DIRECT) if isinstance(each, Face) else each for key, each in among.items()
        }
        assert desk(desk.look(COPIED), settled=True, **known).basis is basis

    def test_the_basis_of_what_the_certificate_shows(self, desk: Desk) -> None:
        own = face(forge(REAL, CORP, host=HOST, key=CORP.key), CORP)
        assert desk(desk.look(own), settled=True).basis is Basis.AUTHORITY

    def test_a_live_reference_comes_before_a_saved_one(self, desk: Desk) -> None:
        live, saved = desk.look(HONEST, DIRECT), desk.look(RENEWED, BRANCH, at=NOW - DAY)
        verdict = desk(desk.look(COPIED), reference=live, baseline=saved, settled=True)
        assert verdict.reference is not None
        assert (verdict.reference.kind, verdict.reference.spki_sha256) == ("route", REAL.spki)
        assert "E2b" not in {each.id for each in verdict.evidence}

    def test_left_out_evidence_does_not_count(self, desk: Desk) -> None:
        reference = desk.look(HONEST, DIRECT)
        ids = {each.id for each in desk(desk.look(COPIED), reference=reference, settled=True).evidence}
        for id_ in ids:
            verdict = desk(desk.look(COPIED), reference=reference, settled=True, without=frozenset({id_}))
            assert {each.id for each in verdict.evidence} == ids - {id_}
        bare = desk(desk.look(COPIED), reference=reference, settled=True, without=frozenset(ids))
        assert (bare.word, bare.score) == (Word.SUSPECT, 0)


class TestPins:
    pins = frozenset({REAL.spki})

    def test_an_unknown_signer_that_misses_them(self) -> None:
        desk = Desk(pins={HOST: self.pins})
        verdict = desk(desk.look(TWIN), pins=self.pins, settled=True)
        assert (verdict.word, verdict.basis, verdict.policy_mismatch) == (Word.INTERCEPTED, Basis.PINNED, True)

    def test_seen_once_it_is_suspect(self) -> None:
        desk = Desk(pins={HOST: self.pins})
        verdict = desk(desk.look(TWIN), pins=self.pins)
        assert (verdict.word, verdict.reason) == (Word.SUSPECT, Why.NOT_REPEATED)

    def test_an_incomplete_chain_does_not_tell(self) -> None:
        desk = Desk(pins={HOST: self.pins})
        verdict = desk(desk.look(face(ISSUING.server(HOST))), pins=self.pins, settled=True)
        assert (verdict.word, verdict.policy_mismatch) == (Word.INCONCLUSIVE, True)


class TestNobodyOnTheRoute:
    def others(self, desk: Desk, *shown: tuple[Route, Face]) -> Any:
        looks = [desk.look(each, route) for route, each in shown]
        return lambda: looks

    def test_direct_shows_the_same_key(self, desk: Desk) -> None:
        verdict = desk(desk.look(TWIN), others=self.others(desk, (DIRECT, TWIN)), settled=True)
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.NOT_RETERMINATED_BY_PROXY)
        assert verdict.evidence == ()

    def test_direct_shows_another_key_of_the_same_signer(self, desk: Desk) -> None:
        """A farm, or something on this machine: no proxy has put it there."""
        other = face(CORP_ISSUING.server(HOST), CORP_ISSUING, CORP)
        verdict = desk(desk.look(TWIN), others=self.others(desk, (DIRECT, other)), settled=True)
        assert verdict.reason is Why.NOT_RETERMINATED_BY_PROXY

    def test_direct_shows_something_else(self, desk: Desk) -> None:
        verdict = desk(desk.look(TWIN), others=self.others(desk, (DIRECT, HONEST), (BRANCH, TWIN)), settled=True)
        assert verdict.word is Word.SUSPECT

    def test_all_proxies_show_the_same_key(self, desk: Desk) -> None:
        verdict = desk(desk.look(TWIN), others=self.others(desk, (BRANCH, TWIN)), settled=True)
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.CONSISTENT_UNANCHORED)

    def test_two_proxies_of_one_inspection_authority(self, desk: Desk) -> None:
        """The same signer, another key: that is not the origin's own."""
        other = face(CORP_ISSUING.server(HOST), CORP_ISSUING, CORP)
        assert desk(desk.look(TWIN), others=self.others(desk, (BRANCH, other)), settled=True).word is Word.SUSPECT

    def test_one_of_the_proxies_shows_another(self, desk: Desk) -> None:
        others = self.others(desk, (BRANCH, TWIN), (Route("third"), HONEST))
        assert desk(desk.look(TWIN, BRANCH), others=others, settled=True).word is Word.SUSPECT

    def test_the_only_route(self, desk: Desk) -> None:
        assert desk(desk.look(TWIN), settled=True).word is Word.SUSPECT

    @pytest.mark.parametrize("route", [DIRECT, BRANCH])
    def test_what_stands_by_itself_is_not_explained_away(self, desk: Desk, route: Route) -> None:
        own = face(forge(REAL, CORP, host=HOST, key=CORP.key), CORP)
        for shown, around in ((own, Surroundings()), (TWIN, AROUND)):
            others = self.others(desk, (route, shown))
            verdict = desk(desk.look(shown), others=others, around=partial(replace, around), settled=True)
            assert verdict.word is Word.INTERCEPTED

    def test_left_out_of_the_count_it_does_not_stand(self, desk: Desk) -> None:
        verdict = desk(
            desk.look(TWIN),
            others=self.others(desk, (BRANCH, TWIN)),
            around=lambda: AROUND,
            settled=True,
            without=frozenset({"E5"}),
        )
        assert verdict.reason is Why.CONSISTENT_UNANCHORED


class TestKnownInterceptors:
    def test_at_once(self) -> None:
        desk = Desk(interceptors=[CORP.pem])
        verdict = desk(desk.look(TWIN), others=lambda: [desk.look(TWIN, DIRECT)])
        assert (verdict.word, verdict.basis) == (Word.INTERCEPTED, Basis.AUTHORITY)

    def test_its_page_is_a_page(self) -> None:
        desk = Desk(interceptors=[CORP.pem])
        assert desk(desk.look(PAGE), settled=True).word is Word.BLOCKED


class TestSquidsOwnWord:
    def test_alone_it_does_if_seen_again(self, desk: Desk) -> None:
        look = desk.look(face(forge(REAL, CORP, host=HOST, issuer=dn('Not trusted by "Corp Root CA"'))))
        assert [desk(look, settled=settled).word for settled in (False, True)] == [Word.SUSPECT, Word.INTERCEPTED]
