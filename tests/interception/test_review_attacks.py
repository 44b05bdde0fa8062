"""Interceptors that a cold review found to get away, and traps next to them: each with a direct reference first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from prober.interception.verdict import Verdict, Why, Word

from .forging import DAY, NOW, Key, Made, dn, forge, make, new_key, root
from .scenes import BRANCH, DIRECT, HQ, ISSUING, ISSUING_2, PUBLIC, Face, Run, Scene, face, one_in

HOST = "a.alpha.test"
REAL = ISSUING.server(HOST, "alpha.test", organisation="Alpha Ltd")
HONEST = face(REAL, ISSUING)
BOX = root("Inspection Root 7", "Nobody Knows Ltd")
MAIL = (ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH)


def against_direct(shown: Face) -> Verdict:
    return seen({DIRECT.name: HONEST, HQ.name: shown}).verdicts[HOST, HQ.name]


def alone(shown: Face) -> Verdict:
    return seen({HQ.name: shown}).verdicts[HOST, HQ.name]


def seen(faces: dict[str, Face]) -> Run:
    scene = Scene()
    for route in (DIRECT, HQ, BRANCH):
        if route.name in faces:
            scene.shows(HOST, route, faces[route.name])
    return scene.run()


def authority(*, eku: tuple[x509.ObjectIdentifier, ...] = (), permitted: str = "") -> Made:
    """An authority of a company's under a public root, with what the root allows it."""
    limits: list[tuple[x509.ExtensionType, bool]] = [(x509.ExtendedKeyUsage(eku), False)] if eku else []
    if permitted:
        limits.append((x509.NameConstraints([x509.DNSName(permitted)], None), True))
    return signed(dn("Company CA", "Company Ltd"), new_key(), PUBLIC, ca=True, extra=limits, days=(-100, 900))


def signed(
    subject: x509.Name,
    key: Key,
    by: Made,
    *,
    names: tuple[str, ...] = (),
    ca: bool = False,
    extra: list[tuple[x509.ExtensionType, bool]] | None = None,
    days: tuple[float, float] = (-20, 70),
) -> Made:
    """A certificate with any extensions."""
    bare = make(subject, signer=by, key=key, names=names, ca=ca, days=days).certificate
    builder = x509.CertificateBuilder(
        bare.issuer,
        bare.subject,
        bare.public_key(),
        bare.serial_number,
        bare.not_valid_before_utc,
        bare.not_valid_after_utc,
        list(bare.extensions),
    )
    for extension, critical in extra or ():
        builder = builder.add_extension(extension, critical)
    return Made(builder.sign(by.key, hashes.SHA256()), key)


def test_an_authority_for_mail_vouches_for_no_server() -> None:
    """Public authorities that may sign for mail and clients only are companies' own, and nobody audits them."""
    mail = authority(eku=MAIL)
    shown = face(forge(REAL, mail, host=HOST), mail)
    assert against_direct(shown).word is Word.INTERCEPTED
    assert alone(shown).word is Word.SUSPECT


def test_nor_is_what_it_signs_a_reference() -> None:
    mail = authority(eku=MAIL)
    shown = face(forge(REAL, mail, host=HOST), mail)
    run = seen({HQ.name: shown, BRANCH.name: HONEST})
    assert run.words == {(HOST, HQ.name): Word.INTERCEPTED, (HOST, BRANCH.name): Word.CLEAN}
    assert {look.route for look in run.comparison.references()} == {BRANCH.name}


def test_a_public_certificate_that_is_not_for_servers_is_neither_clean_nor_anybodys_doing() -> None:
    client = signed(
        dn(HOST, "Alpha Ltd"),
        new_key(),
        ISSUING,
        names=(HOST, "alpha.test"),
        extra=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)],
    )
    for verdict in (against_direct(face(client, ISSUING)), alone(face(client, ISSUING))):
        assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, Why.UNREADABLE)


@pytest.mark.parametrize("by", [ISSUING.server("evil.test"), authority(permitted="company.test")])
def test_who_signs_beyond_what_the_root_allows_is_not_excused_by_the_root(by: Made) -> None:
    """A public leaf used as an authority, an authority outside its names: both end at the reference's own root."""
    forged = face(forge(REAL, by, host=HOST), by, ISSUING)
    verdict = against_direct(forged)
    assert (verdict.word, {"E1", "E2"} - {each.id for each in verdict.evidence}) == (Word.INTERCEPTED, set())
    assert alone(forged).word is Word.SUSPECT


def test_who_signs_beyond_what_the_root_allows_converges_under_his_own_key() -> None:
    """Without a reference: the unknown signer is the one who broke the rule, not the public root above."""
    evil = ISSUING.server("evil.test")
    other = "b.beta.other"
    scene = Scene()
    for host in (HOST, other):
        scene.shows(host, HQ, face(forge(ISSUING.server(host), evil, host=host), evil, ISSUING))
    run = scene.run()
    assert set(run.words.values()) == {Word.INTERCEPTED}
    assert "E5" in run.ids(HOST)


def test_an_interceptor_before_direct_and_proxy_is_not_excused_by_direct_if_a_third_way_shows_the_service() -> None:
    boxed = [face(forge(REAL, BOX, host=HOST), BOX) for _ in range(2)]
    run = seen({DIRECT.name: boxed[0], HQ.name: boxed[1], BRANCH.name: HONEST})
    assert run.words == {
        (HOST, DIRECT.name): Word.INTERCEPTED,
        (HOST, HQ.name): Word.INTERCEPTED,
        (HOST, BRANCH.name): Word.CLEAN,
    }
    assert run.verdicts[HOST, HQ.name].hop == 0


def test_a_private_twin_on_direct_and_proxy_is_at_most_suspect_against_a_third_way() -> None:
    corp = root("Corp Root CA", "Example Corp")
    twin = [face(corp.server(HOST), corp) for _ in range(2)]
    run = seen({DIRECT.name: twin[0], HQ.name: twin[1], BRANCH.name: HONEST})
    assert Word.INTERCEPTED not in run.words.values()


def test_an_anchored_contradiction_is_confirmed_after_a_single_attempt() -> None:
    """A public certificate, and the request for a client certificate is gone: one look does not tell, two do."""
    asks = replace(HONEST, asks=True)
    other = face(ISSUING_2.server(HOST), ISSUING_2)
    verdict = seen({DIRECT.name: asks, HQ.name: other}).verdicts[HOST, HQ.name]
    assert (verdict.word, verdict.reason) == (Word.SUSPECT, Why.CONTRADICTING)


def test_an_anchored_difference_without_contradiction_needs_no_confirmation() -> None:
    run = seen({DIRECT.name: HONEST, HQ.name: face(ISSUING_2.server(HOST), ISSUING_2)})
    assert run.words == {(HOST, DIRECT.name): Word.CLEAN, (HOST, HQ.name): Word.CLEAN}
    assert len(run.added) == 2


def test_an_anchored_contradiction_that_does_not_come_again_is_clean() -> None:
    scene = Scene()
    asks = replace(HONEST, asks=True)
    other = face(ISSUING_2.server(HOST), ISSUING_2)
    scene.shows(HOST, DIRECT, asks)
    scene.shows(HOST, HQ, one_in({0: other}, replace(other, asks=True)))
    assert scene.run().words[HOST, HQ.name] is Word.CLEAN


@pytest.mark.parametrize("key", [None, BOX.key])
def test_a_forgery_with_the_host_in_its_common_name_alone_is_no_block_page(key: Key | None) -> None:
    forged = signed(dn(HOST, "Alpha Ltd"), key or new_key(), BOX)
    assert against_direct(face(forged, BOX)).word is Word.INTERCEPTED


def test_a_public_certificate_with_the_host_in_its_common_name_alone_is_still_for_another_name() -> None:
    shown = face(signed(dn(HOST), new_key(), ISSUING, names=("other.test",)), ISSUING)
    assert alone(shown).word is Word.BLOCKED


def test_a_portal_under_its_own_name_is_still_blocked() -> None:
    assert against_direct(face(signed(dn("portal.corp.test"), new_key(), BOX), BOX)).word is Word.BLOCKED


def test_an_unreadable_certificate_in_the_place_of_a_sound_one_is_suspect() -> None:
    """Larger than anything is read: who answers so is not told apart by its certificate, but it is not the service."""
    filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(70_000))
    large = face(signed(dn(HOST), new_key(), BOX, names=(HOST,), extra=[(filler, False)]), BOX)
    verdict = against_direct(large)
    assert (verdict.word, verdict.reason) == (Word.SUSPECT, Why.UNREADABLE)
    assert (alone(large).word, alone(large).reason) == (Word.INCONCLUSIVE, Why.UNREADABLE)
    assert against_direct(replace(large, proven=False)).word is Word.INCONCLUSIVE


def test_extensions_that_do_not_parse_do_not_make_a_forgery_a_block_page() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.31"), b"\x04\x01x")
    named = signed(dn(HOST, "Alpha Ltd"), BOX.key, BOX, names=(HOST,), extra=[(odd, False)])
    assert against_direct(face(named, BOX)).word is Word.INTERCEPTED
    nameless = signed(dn("anything"), BOX.key, BOX, names=(HOST,), extra=[(odd, False)])
    assert against_direct(face(nameless, BOX)).word is Word.SUSPECT


def test_a_public_certificate_whose_extensions_do_not_parse_is_never_more_than_suspect() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.31"), b"\x04\x01x")
    shown = face(signed(dn(HOST, "Alpha Ltd"), new_key(), ISSUING, names=(HOST,), extra=[(odd, False)]), ISSUING)
    assert against_direct(shown).word is Word.SUSPECT
    assert alone(shown).word is Word.INCONCLUSIVE


def test_an_interceptor_that_copies_a_services_wrong_names_is_no_block_page() -> None:
    wrong = ISSUING.server("other.test", "www.other.test", organisation="Alpha Ltd")
    forged = forge(wrong, BOX, host=HOST, key=BOX.key)
    run = seen({DIRECT.name: face(wrong, ISSUING), BRANCH.name: face(wrong, ISSUING), HQ.name: face(forged, BOX)})
    assert run.words == {
        (HOST, DIRECT.name): Word.INCONCLUSIVE,
        (HOST, BRANCH.name): Word.INCONCLUSIVE,
        (HOST, HQ.name): Word.INTERCEPTED,
    }


def test_the_certificate_itself_is_not_told_as_its_own_issuer() -> None:
    """Judged twice, for two hosts: the ending is remembered, and its leaf is another object of the same content."""
    scene = Scene()
    client = signed(
        dn(HOST),
        new_key(),
        ISSUING,
        names=(HOST,),
        extra=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)],
    )
    chain = (client.der, ISSUING.der)
    for at in (NOW, NOW + DAY):
        for host in (HOST, "b.alpha.test"):
            failure = scene.store.judge(chain, host, at).failure
            assert failure is not None
            assert "its issuer" not in failure.detail
