"""Each piece of evidence: what brings it about, and what looks like it and does not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from prober.interception import UserRoot
from prober.interception.evidence import (
    CATALOGUE,
    CERTIFICATE,
    STRUCTURAL,
    Surroundings,
    against,
    contradictions,
    cross_path,
    longest_validity,
    missing_only,
    of_chain,
    stale,
)
from prober.interception.looks import Ground
from prober.interception.middleboxes import http_product
from prober.interception.verdict import Evidence, Family
from prober.model import Anchor

from .forging import DAY, EVERYTHING, NOW, Made, dn, forge, key_identifier, make, root
from .scenes import (
    CORP,
    CORP_ISSUING,
    DIRECT,
    HELLO,
    HQ,
    ISSUING,
    OTHER_ISSUING,
    PUBLIC,
    VENDOR,
    Face,
    Names,
    Scene,
    face,
    self_signed,
)

HOST = "a.alpha.test"
REAL = ISSUING.server(HOST, "www.alpha.test", "alpha.test", organisation="Alpha Ltd")
HONEST = face(REAL, ISSUING)
PLAIN = ISSUING.server(HOST)
TWIN = face(CORP_ISSUING.server(HOST, "twin.corp.test", organisation="Example Corp"), CORP_ISSUING)
NOBODY = Surroundings()

# interception.md section 5, with what was decided since: E15 and E9 tell and do not decide, E18 is new
TABLE = {
    "E1": ("anchor", 3, True),
    "E2": ("cross-path", 4, True),
    "E2b": ("cross-path", 3, True),
    "E3": ("key", 6, True),
    "E4": ("key", 5, True),
    "E5": ("convergence", 5, True),
    "E6": ("name", 4, True),
    "E7": ("protocol", 4, False),
    "E8": ("shape", 3, True),
    "E9": ("protocol", 2, False),
    "E10": ("shape", 4, True),
    "E11": ("http", 3, True),
    "E12": ("shape", 3, True),
    "E13": ("anchor", 2, False),
    "E14": ("anchor", 6, True),
    "E15": ("shape", 1, False),
    "E16": ("name", 6, True),
    "E17": ("key", 6, True),
    "E18": ("name", 3, True),
}


class Bench:
    """Looks at HOST through `hq` and what is found in them."""

    def __init__(self, **options: Any) -> None:
        self.scene = Scene(**options)
        self.boxes = options.get("middleboxes") or Names()

    def alone(self, shown: Face, around: Surroundings = NOBODY) -> dict[str, Evidence]:
        """Evidence that needs no reference."""
        return _by_id(list(of_chain(self.scene.look(HOST, HQ, shown), self.boxes, around)))

    def beside(self, shown: Face, reference: Face = HONEST, *, at: float = NOW) -> dict[str, Evidence]:
        """Evidence from comparing with a reference."""
        look, other = self.scene.look(HOST, HQ, shown, at=at), self.scene.look(HOST, DIRECT, reference)
        return _by_id(list(against(look, other, self.boxes)))

    def contradicting(self, shown: Face, reference: Face = HONEST) -> set[str]:
        look, other = self.scene.look(HOST, HQ, shown), self.scene.look(HOST, DIRECT, reference)
        return {each.id for each in contradictions(look, other, self.boxes)}


def _by_id(found: Sequence[Evidence]) -> dict[str, Evidence]:
    ids = [each.id for each in found]
    assert len(ids) == len(set(ids)), ids
    for each in found:
        kind = CATALOGUE[each.id]
        assert each.family is kind.family
        assert 0 < each.points <= kind.points
        assert each.text
        assert each.text.isprintable()
        assert kind.decides or not each.decides
    return {each.id: each for each in found}


def forged(**options: Any) -> Face:
    return face(forge(REAL, CORP, host=HOST, **options), CORP)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


class TestCatalogue:
    def test_it_is_the_table(self) -> None:
        assert {key: (str(kind.family), kind.points, kind.decides) for key, kind in CATALOGUE.items()} == TABLE

    def test_every_family_has_evidence(self) -> None:
        assert {kind.family for kind in CATALOGUE.values()} == set(Family)

    def test_what_stands_by_itself(self) -> None:
        """Section 6: E3, E4, E5, E6, E14, E16, E17 lift the exception for keys that all routes show; E18 joined."""
        assert {"E3", "E4", "E5", "E6", "E14", "E16", "E17", "E18"} == STRUCTURAL
        assert CERTIFICATE < STRUCTURAL

    def test_the_worst_honest_case_stays_under_the_threshold(self) -> None:
        """Split horizon: no anchor, another key, and all that does not decide."""
        assert CATALOGUE["E1"].points + CATALOGUE["E2"].points == 7


class TestE1:
    @pytest.mark.parametrize(
        ("shown", "text"),
        [
            (forged(), "Corp Root CA, which no store has"),
            (face(self_signed(HOST)), f"{HOST}, by its own key alone"),
            (face(PLAIN), "First Trust TLS CA 01, whose certificate was not sent and is not known"),
            (face(VENDOR.server(HOST)), "Vendor Private Root, which may not vouch for this name"),
        ],
    )
    def test_says_where_it_stands(self, bench: Bench, shown: Face, text: str) -> None:
        assert bench.alone(shown)["E1"].text == f"signed by {text}"

    def test_only_on_this_machine(self) -> None:
        found = Bench(os_pem=CORP.pem).alone(forged())
        assert found["E1"].text == "signed by Corp Root CA, which only this machine's own store has"
        assert found["E1"].observed == "os_only"

    def test_nothing_of_what_does_not_parse(self, bench: Bench) -> None:
        assert bench.alone(Face((b"garbage",))) == {}


class TestE2:
    def test_names_the_reference(self, bench: Bench) -> None:
        found = cross_path(bench.scene.look(HOST, DIRECT, HONEST))
        assert found.text == "over direct another key is served, signed by First Trust TLS CA 01 (public)"
        assert (found.id, found.expected) == ("E2", REAL.spki)

    def test_of_something_saved_or_pinned(self) -> None:
        found = stale("the baseline", ["b" * 64, "a" * 64])
        assert (found.id, found.points) == ("E2b", 3)
        assert found.expected == "a" * 64 + ", " + "b" * 64


class TestE3:
    def test_the_authoritys_key(self, bench: Bench) -> None:
        assert "E3" in bench.alone(forged(key=CORP.key))

    def test_an_authority_that_signs_for_other_hosts(self, bench: Bench) -> None:
        """Here it sends no authority at all."""
        assert "E3" in bench.alone(face(self_signed(HOST)), Surroundings(signing_key=True))

    def test_a_key_of_its_own(self, bench: Bench) -> None:
        assert "E3" not in bench.alone(forged())

    def test_self_signed_is_something_else(self, bench: Bench) -> None:
        assert "E3" not in bench.alone(face(self_signed(HOST)))


class TestE4AndE5:
    def test_they_name_hosts(self, bench: Bench) -> None:
        found = bench.alone(forged(), Surroundings(sharing=("x.test",), converging=("p", "q", "r", "s")))
        assert found["E4"].text == "the same key was served for x.test"
        assert found["E5"].text == "p, q, r and others end at the same signer on this route"

    def test_nobody_around(self, bench: Bench) -> None:
        assert not {"E4", "E5"} & set(bench.alone(forged()))


class TestE6:
    @pytest.mark.parametrize(("confidence", "points"), [("high", 4), ("medium", 2), ("low", None)])
    def test_points_follow_the_confidence(self, confidence: str, points: int | None) -> None:
        found = Bench(middleboxes=Names({"Example Corp": confidence})).alone(forged())
        assert (found["E6"].points if "E6" in found else None) == points

    def test_an_issuer_of_another_name(self, bench: Bench) -> None:
        assert "E6" not in bench.alone(forged())

    def test_the_subject_does_not_count(self) -> None:
        assert "E6" not in Bench(middleboxes=Names({"Alpha Ltd": "high"})).alone(forged())


class TestE7:
    def test_asked_there_and_not_here(self, bench: Bench) -> None:
        asking = replace(HONEST, asks=True)
        assert "E7" in bench.beside(TWIN, asking)
        assert "E7" not in bench.beside(replace(TWIN, asks=True), asking)
        assert "E7" not in bench.beside(replace(TWIN, asks=True), HONEST)
        assert "E7" not in bench.beside(TWIN, HONEST)

    def test_it_contradicts_an_anchored_chain(self, bench: Bench) -> None:
        other = face(OTHER_ISSUING.server(HOST), OTHER_ISSUING)
        assert bench.contradicting(other, replace(HONEST, asks=True)) == {"E7"}
        assert bench.contradicting(other, HONEST) == set()


class TestE8:
    def test_all_names(self, bench: Bench) -> None:
        found = bench.beside(forged(copies={"names"}))
        assert found["E8"].text == "all 3 names are those of the real certificate, the signer is not"

    def test_the_organisation(self, bench: Bench) -> None:
        found = bench.beside(forged(copies={"subject"}))
        assert found["E8"].text == "the organisation Alpha Ltd are those of the real certificate, the signer is not"

    def test_names_in_another_order_and_case_are_the_same(self, bench: Bench) -> None:
        shown = face(CORP.server("ALPHA.test", "www.alpha.test", HOST), CORP)
        assert "E8" in bench.beside(shown)

    def test_a_single_name_is_nothing_copied(self, bench: Bench) -> None:
        single = face(forge(PLAIN, CORP, host=HOST), CORP)
        assert "E8" not in bench.beside(single, face(PLAIN, ISSUING))

    @pytest.mark.parametrize("names", [(HOST, "www.alpha.test"), (HOST, "www.alpha.test", "alpha.test", "x.test")])
    def test_fewer_or_more_names_are_others(self, bench: Bench, names: tuple[str, ...]) -> None:
        assert "E8" not in bench.beside(face(CORP.server(*names), CORP))

    def test_an_organisation_that_neither_states(self, bench: Bench) -> None:
        assert "E8" not in bench.beside(face(CORP.server(HOST), CORP), face(PLAIN, ISSUING))

    def test_not_where_a_certificate_was_merely_left_out(self, bench: Bench) -> None:
        """The origin's own next certificate has the same names, of course."""
        renewed = ISSUING.server(HOST, "www.alpha.test", "alpha.test", organisation="Alpha Ltd")
        assert not {"E8", "E10"} & set(bench.beside(face(renewed)))


class TestE9:
    @pytest.mark.parametrize(
        ("here", "there", "points"),
        [
            ({"alpn": None}, {}, 1),
            ({}, {"alpn": None}, None),
            ({"version": "TLSv1.2"}, {}, 2),
            ({}, {"version": "TLSv1.2"}, 1),
            ({"version": "TLSv1.2", "alpn": None}, {}, 2),
            ({"hello": replace(HELLO, extensions=(51, 43))}, {}, 1),
            ({"hello": replace(HELLO, extensions=(51,), version=0x0303)}, {}, None),
            ({"hello": None}, {}, None),
            ({"hello": replace(HELLO, cipher=0x1302)}, {}, None),
            ({}, {}, None),
        ],
    )
    def test_points(self, bench: Bench, here: dict[str, Any], there: dict[str, Any], points: int | None) -> None:
        found = bench.beside(replace(TWIN, **here), replace(HONEST, **there))
        assert (found["E9"].points if "E9" in found else None) == points
        if "E9" in found:
            assert found["E9"].decides is False

    def test_another_kind_of_key(self, bench: Bench) -> None:
        shown = forged(key=rsa.generate_private_key(65537, 2048))
        assert bench.beside(shown)["E9"].text == "an rsa key where direct has ec"

    def test_it_contradicts_nothing(self, bench: Bench) -> None:
        other = face(OTHER_ISSUING.server(HOST), OTHER_ISSUING, version="TLSv1.2", alpn=None)
        assert bench.contradicting(other) == set()


class TestE10:
    def test_to_the_second(self, bench: Bench) -> None:
        assert "E10" in bench.beside(forged(copies={"validity"}))
        assert "E10" not in bench.beside(forged(copies=EVERYTHING - {"validity"}))

    def test_one_end_is_not_enough(self, bench: Bench) -> None:
        begins, ends = ((t.timestamp() - NOW) / DAY for t in _validity(REAL))
        assert "E10" in bench.beside(face(make(dn(HOST), signer=CORP, names=[HOST], days=(begins, ends)), CORP))
        late = make(dn(HOST), signer=CORP, names=[HOST], days=(begins, ends + 1 / DAY))
        assert "E10" not in bench.beside(face(late, CORP))


def _validity(made: Made) -> tuple[dt.datetime, dt.datetime]:
    return made.certificate.not_valid_before_utc, made.certificate.not_valid_after_utc


class TestE11:
    product = ("via", "HTTP/1.1 proxy (Zscaler/6.2)")

    def test_a_products_header_only_here(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("prober.interception.evidence.http_product", self.known)
        mine, theirs = replace(TWIN, headers=(self.product,)), replace(HONEST, headers=(("server", "x"),))
        found = bench.beside(mine, theirs)
        assert found["E11"].text == "a header inside the tunnel names Inspector"
        assert found["E11"].decides
        assert bench.beside(mine, HONEST)["E11"].decides
        assert "E11" not in bench.beside(mine, replace(HONEST, headers=(self.product,)))
        assert "E11" not in bench.beside(replace(TWIN, headers=()), replace(HONEST, headers=(self.product,)))

    def test_it_contradicts_an_anchored_chain(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("prober.interception.evidence.http_product", self.known)
        other = face(OTHER_ISSUING.server(HOST), OTHER_ISSUING, headers=(self.product,))
        assert bench.contradicting(other, replace(HONEST, headers=())) == {"E11"}

    @staticmethod
    def known(headers: Sequence[tuple[str, str]]) -> str | None:
        return "Inspector" if TestE11.product in headers else None

    def test_any_via_tells_and_does_not_decide(self, bench: Bench) -> None:
        via = (("via", "1.1 anybody"),)
        found = bench.beside(replace(TWIN, headers=via), replace(HONEST, headers=()))
        assert found["E11"].decides is False
        assert "E11" not in bench.beside(replace(TWIN, headers=via), replace(HONEST, headers=via))
        assert "E11" not in bench.beside(replace(TWIN, headers=via), HONEST)  # nothing was asked of the reference
        other = face(OTHER_ISSUING.server(HOST), OTHER_ISSUING, headers=via)
        assert bench.contradicting(other, replace(HONEST, headers=())) == set()

    def test_a_hostile_header_is_shown_tame(self, bench: Bench) -> None:
        via = (("via", "\x1b[31m\r\n" + "x" * 10_000),)
        text = bench.beside(replace(TWIN, headers=via), replace(HONEST, headers=()))["E11"].text
        assert text.isprintable()
        assert len(text) < 200

    def test_a_real_product(self, bench: Bench) -> None:
        mine = replace(TWIN, headers=(("server", "Zscaler/6.2"),))
        assert http_product(mine.headers or ()) is not None
        assert "Zscaler" in bench.beside(mine, replace(HONEST, headers=()))["E11"].text


class TestE12:
    boxes = Names({"Inspector Inc": "high"})

    def test_a_makers_name_only_here(self) -> None:
        bench = Bench(middleboxes=self.boxes)
        mine = face(CORP.server(HOST, organisation="Inspector Inc"), CORP)
        assert "E12" in bench.beside(mine)
        assert "E12" not in bench.beside(mine, face(ISSUING.server(HOST, organisation="Inspector Inc"), ISSUING))
        assert "E12" not in bench.beside(forged(), face(ISSUING.server(HOST, organisation="Inspector Inc"), ISSUING))
        assert "E12" not in bench.beside(forged())

    def test_it_contradicts_an_anchored_chain(self) -> None:
        mine = face(OTHER_ISSUING.server(HOST, organisation="Inspector Inc"), OTHER_ISSUING)
        assert Bench(middleboxes=self.boxes).contradicting(mine) == {"E12"}


class TestE13:
    def test_only_on_this_machine(self) -> None:
        assert Bench(os_pem=CORP.pem).alone(forged())["E13"].decides is False
        assert "E13" not in Bench().alone(forged())
        assert "E13" not in Bench(os_pem=PUBLIC.pem).alone(forged())


class TestE14:
    def test_the_users_own(self) -> None:
        found = Bench(interceptors=[CORP.pem]).alone(forged())
        assert found["E14"].text.startswith("its authority is known to intercept: your own inspection (")
        assert "E14" not in Bench(interceptors=[VENDOR.pem]).alone(forged())

    def test_not_for_a_certificate_that_only_travels_along(self) -> None:
        box = root("Box")
        bench = Bench(interceptors=[CORP.pem])
        assert "E14" not in bench.alone(face(forge(REAL, box, host=HOST), box, CORP))


class TestE15:
    def test_the_root_was_sent(self, bench: Bench) -> None:
        assert bench.beside(forged(copies={"validity"}))["E15"].text == "the self-signed root was sent along"

    def test_a_root_that_only_the_machines_store_has_was_not_sent(self) -> None:
        bench = Bench(os_pem=CORP.pem)
        bare = face(forge(REAL, CORP, host=HOST, copies={"validity"}))
        assert bench.scene.look(HOST, HQ, bare).view.path[-1].self_issued
        assert "E15" not in bench.beside(bare)

    @pytest.mark.parametrize(("days", "found"), [(197, False), (201, True)])
    def test_longer_than_allowed(self, bench: Bench, days: int, found: bool) -> None:
        """NOW is in the time of 200 days."""
        shown = face(make(dn(HOST), signer=CORP, names=[HOST], days=(-10, days - 10)))
        assert ("E15" in bench.beside(shown)) is found

    @pytest.mark.parametrize(("age", "found"), [(2.9, True), (3.1, False), (-0.1, False)])
    def test_new(self, bench: Bench, age: float, found: bool) -> None:
        shown = face(make(dn(HOST), signer=CORP, names=[HOST], days=(-age, 50)))
        assert ("E15" in bench.beside(shown)) is found

    def test_as_new_as_the_real_one(self, bench: Bench) -> None:
        fresh = ISSUING.server(HOST, days=(-1, 80))
        shown = face(forge(fresh, CORP, host=HOST))
        assert "E15" not in bench.beside(shown, face(fresh, ISSUING))

    @pytest.mark.parametrize(
        ("day", "limit"),
        [
            ("2020-08-31", 825),
            ("2020-09-01", 398),
            ("2026-03-14", 398),
            ("2026-03-15", 200),
            ("2027-03-14", 200),
            ("2027-03-15", 100),
            ("2029-03-14", 100),
            ("2029-03-15", 47),
        ],
    )
    def test_limits_by_date(self, day: str, limit: int) -> None:
        """Baseline Requirements section 6.3.2."""
        assert longest_validity(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp()) == limit


class TestE16:
    def issued_as(self, name: str) -> Face:
        return face(forge(REAL, CORP, host=HOST, issuer=dn(name)))

    def test_squids_own_word(self, bench: Bench) -> None:
        assert "E16" in bench.alone(self.issued_as('Not trusted by "Corp Root CA"'))

    @pytest.mark.parametrize("name", ["Not trusted", 'not trusted by "x"', 'CA Not trusted by "x"', ""])
    def test_only_its_own(self, bench: Bench, name: str) -> None:
        shown = face(forge(REAL, CORP, host=HOST, issuer=dn(name, "Example Corp")))
        assert "E16" not in bench.alone(shown)


class TestE17:
    def held(self) -> Bench:
        return Bench(roots=[UserRoot(ISSUING.pem, Anchor.PUBLIC)])

    def test_name_and_key_identifier_of_an_authority_we_hold(self) -> None:
        name = ISSUING.certificate.subject
        shown = face(forge(REAL, CORP, host=HOST, issuer=name, aki=key_identifier(ISSUING)))
        found = self.held().alone(shown)
        assert found["E17"].text == (
            "First Trust TLS CA 01 is named as issuer, by name and key identifier, and did not sign"
        )

    def test_its_own_key_identifier_is_another_authority_of_that_name(self) -> None:
        name = ISSUING.certificate.subject
        assert "E17" not in self.held().alone(face(forge(REAL, CORP, host=HOST, issuer=name)))
        assert "E17" not in self.held().alone(face(forge(REAL, CORP, host=HOST, issuer=name, aki=None)))

    def test_a_real_signature(self) -> None:
        bench = Bench()
        assert "E17" not in bench.alone(face(ISSUING.server(HOST)))


class TestE18:
    @pytest.mark.parametrize("aki", [b"own", None])
    def test_the_references_issuer_by_name_only(self, bench: Bench, aki: bytes | None) -> None:
        shown = face(forge(PLAIN, CORP, host=HOST, issuer=ISSUING.certificate.subject, aki=aki))
        assert "E18" in bench.beside(shown, face(PLAIN, ISSUING))

    def test_signed_by_it(self, bench: Bench) -> None:
        assert "E18" not in bench.beside(face(ISSUING.server(HOST)))

    def test_signed_by_another_certificate_of_the_same_key(self, bench: Bench) -> None:
        """Cross-signed twins."""
        twin = OTHER_ISSUING.authority("First Trust TLS CA 01", "First Trust Inc", key=ISSUING.key)
        assert "E18" not in bench.beside(face(twin.server(HOST)), HONEST)

    def test_another_issuers_name(self, bench: Bench) -> None:
        assert "E18" not in bench.beside(forged(), HONEST)

    def test_an_issuer_that_the_reference_did_not_send(self) -> None:
        """Its certificate came from elsewhere: there is nothing to try the signature with, so nothing is said."""
        bench = Bench(roots=[UserRoot(ISSUING.pem, Anchor.PUBLIC)])
        shown = face(forge(PLAIN, CORP, host=HOST, issuer=ISSUING.certificate.subject))
        assert "E18" not in bench.beside(shown, face(PLAIN))


class TestMissingOnly:
    def test_incomplete_and_nothing_forged(self, bench: Bench) -> None:
        incomplete = bench.scene.look(HOST, HQ, face(PLAIN)).view
        assert incomplete.ground is Ground.INCOMPLETE
        assert missing_only(incomplete)
        assert not missing_only(bench.scene.look(HOST, HQ, forged()).view)
        held = Bench(roots=[UserRoot(ISSUING.pem, Anchor.PUBLIC)])
        fake = forge(REAL, CORP, host=HOST, issuer=ISSUING.certificate.subject, aki=key_identifier(ISSUING))
        assert not missing_only(held.scene.look(HOST, HQ, face(fake)).view)


def test_hostile_names_are_shown_tame() -> None:
    evil = "\x1b[2J\u202e" + "A" * 40
    box = make(dn(evil, evil), ca=True)
    real = ISSUING.server(HOST, "www.alpha.test", organisation=evil)
    bench = Bench(middleboxes=Names({evil: "high"}), os_pem=box.pem)
    shown = face(forge(real, box, host=HOST), box)
    found = [*bench.alone(shown).values(), *bench.beside(shown, face(real, ISSUING)).values()]
    assert len(found) >= 5
    assert all(len(each.text) < 500 and len(each.observed) < 500 for each in found)
