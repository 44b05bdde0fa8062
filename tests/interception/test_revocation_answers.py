"""Lists and responses: only what the authority signed and what has not run out is any good."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from prober.interception.revocation_answers import Answer, ocsp_path, read_issuer, read_list, read_ocsp

from .conftest import DAY, NOW, Issued, Workshop


def moment(days: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(NOW + days * DAY, dt.UTC)


def crl(signer: Issued, *revoked: int, ends: float = 7, claims: x509.Name | None = None) -> bytes:
    builder = x509.CertificateRevocationListBuilder(
        claims or signer.certificate.subject, moment(-1) if ends > -1 else moment(-9), moment(ends)
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment(-2))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def each_bit_changed(body: bytes) -> Iterator[bytes]:
    """The body with one bit turned, for each of its bits."""
    for place in range(len(body)):
        for bit in range(8):
            changed = bytearray(body)
            changed[place] ^= 1 << bit
            yield bytes(changed)


def response(
    leaf: Issued,
    issuer: Issued,
    signer: Issued | None = None,
    *,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    ends: float = 7,
    with_signer: bool = False,
) -> bytes:
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    signer = signer or issuer
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            leaf.certificate,
            issuer.certificate,
            hashes.SHA1(),  # noqa: S303 # names the issuer, signs nothing
            status,
            moment(-9),
            moment(ends),
            moment(-3) if revoked else None,
            None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    )
    if with_signer:
        builder = builder.certificates([signer.certificate])
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def family(pki: Workshop) -> tuple[Issued, Issued]:
    issuer = pki.root("issuer")
    return issuer, issuer.leaf("a.example")


class TestLists:
    def test_a_good_one(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        serial = leaf.certificate.serial_number
        assert read_list(crl(issuer), issuer.der, [serial], NOW) == Answer(True, "a list good until 2026-09-28T14:13Z")

    def test_one_in_text(self, family: tuple[Issued, Issued]) -> None:
        issuer, _ = family
        text = x509.load_der_x509_crl(crl(issuer)).public_bytes(Encoding.PEM)
        assert read_list(b"\n" + text, issuer.der, [], NOW).works

    def test_what_it_revokes(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        serial = leaf.certificate.serial_number
        answer = read_list(crl(issuer, 17, serial), issuer.der, [serial, 18], NOW)
        assert answer.works
        assert answer.revoked == {serial: NOW - 2 * DAY}

    def test_one_that_has_run_out(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        answer = read_list(crl(issuer, leaf.certificate.serial_number, ends=-2), issuer.der, [], NOW)
        assert (answer.works, answer.foreign) == (False, False)
        assert answer.says == "a list that was good until 2026-09-19T14:13Z only"

    def test_one_of_another_authority(self, pki: Workshop, family: tuple[Issued, Issued]) -> None:
        issuer, _ = family
        other = pki.root("other")
        assert read_list(crl(other), issuer.der, [], NOW).says == "a list of another authority than the certificate's"

    def test_one_that_somebody_else_signed_in_its_name(self, pki: Workshop, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        forged = crl(pki.root("other"), leaf.certificate.serial_number, claims=issuer.certificate.subject)
        answer = read_list(forged, issuer.der, [leaf.certificate.serial_number], NOW)
        assert answer == Answer(False, "a list that the certificate's authority did not sign")

    def test_without_an_issuer_it_is_said(self, family: tuple[Issued, Issued]) -> None:
        issuer, _ = family
        answer = read_list(crl(issuer), None, [], NOW)
        assert answer.works
        assert "not checked" in answer.says

    @pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"-----BEGIN X509 CRL-----\n", b"\x30\x03\x02\x01"])
    def test_what_is_none(self, family: tuple[Issued, Issued], body: bytes) -> None:
        answer = read_list(body, family[0].der, [1], NOW)
        assert (answer.works, answer.foreign) == (False, True)

    def test_an_issuer_that_cannot_be_read(self, family: tuple[Issued, Issued]) -> None:
        assert not read_list(crl(family[0]), b"no certificate", [], NOW).works

    def test_cut_anywhere_it_is_none(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        whole = crl(issuer, leaf.certificate.serial_number)
        for length in range(len(whole)):
            assert not read_list(whole[:length], issuer.der, [leaf.certificate.serial_number], NOW).works

    def test_changed_anywhere_it_never_vouches(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        serial = leaf.certificate.serial_number
        for changed in each_bit_changed(crl(issuer, serial)):
            answer = read_list(changed, issuer.der, [serial], NOW)
            assert not answer.works or answer.revoked == {serial: NOW - 2 * DAY}


class TestResponses:
    def test_the_request_travels_in_the_path(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        for path in ("/", "/ocsp", "/ocsp/"):
            asked = ocsp_path(path, leaf.der, issuer.der)
            assert asked is not None
            assert asked.startswith(path.rstrip("/") + "/")
            request = ocsp.load_der_ocsp_request(b64decode(unquote(asked.rpartition("/")[2])))
            assert request.serial_number == leaf.certificate.serial_number
            assert asked.isascii()
            assert "+" not in asked

    def test_no_request_of_what_is_no_certificate(self, family: tuple[Issued, Issued]) -> None:
        assert ocsp_path("/", b"x", family[0].der) is None
        assert ocsp_path("/", family[1].der, b"x") is None

    def test_good(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        answer = read_ocsp(response(leaf, issuer), leaf.der, issuer.der, NOW)
        assert answer == Answer(True, "not revoked, good until 2026-09-28T14:13Z")

    def test_revoked(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        body = response(leaf, issuer, status=ocsp.OCSPCertStatus.REVOKED)
        answer = read_ocsp(body, leaf.der, issuer.der, NOW)
        assert answer.works
        assert answer.revoked == {leaf.certificate.serial_number: NOW - 3 * DAY}

    def test_not_known_to_it(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        body = response(leaf, issuer, status=ocsp.OCSPCertStatus.UNKNOWN)
        assert not read_ocsp(body, leaf.der, issuer.der, NOW).works

    def test_run_out(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        answer = read_ocsp(response(leaf, issuer, ends=-2), leaf.der, issuer.der, NOW)
        assert answer == Answer(False, "a response that was good until 2026-09-19T14:13Z only")

    def test_about_another_certificate(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        other = issuer.leaf("b.example")
        answer = read_ocsp(response(other, issuer), leaf.der, issuer.der, NOW)
        assert answer == Answer(False, "a response about other certificates")

    def test_a_delegate_may_sign(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        delegate = issuer.leaf(subject="responder", eku=(ExtendedKeyUsageOID.OCSP_SIGNING,))
        body = response(leaf, issuer, delegate, with_signer=True)
        assert read_ocsp(body, leaf.der, issuer.der, NOW).works
        assert not read_ocsp(response(leaf, issuer, delegate), leaf.der, issuer.der, NOW).works, "it was not sent"

    def test_a_sister_may_not(self, pki: Workshop, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        stranger = pki.root("stranger")
        for signer in (
            issuer.leaf("c.example", eku=pki.server_auth),
            issuer.leaf("d.example"),
            stranger.leaf(subject="responder", eku=(ExtendedKeyUsageOID.OCSP_SIGNING,)),
            stranger,
        ):
            body = response(leaf, issuer, signer, status=ocsp.OCSPCertStatus.REVOKED, with_signer=True)
            answer = read_ocsp(body, leaf.der, issuer.der, NOW)
            assert (answer.works, answer.revoked) == (False, {})

    @pytest.mark.parametrize("status", [each for each in ocsp.OCSPResponseStatus if each.value])
    def test_refusals(self, family: tuple[Issued, Issued], status: ocsp.OCSPResponseStatus) -> None:
        body = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
        answer = read_ocsp(body, family[1].der, family[0].der, NOW)
        assert (answer.works, answer.foreign) == (False, False)
        assert status.name.lower() in answer.says

    @given(st.binary(max_size=64))
    def test_any_bytes(self, family: tuple[Issued, Issued], body: bytes) -> None:
        issuer, leaf = family
        assert read_ocsp(body, leaf.der, issuer.der, NOW).works is False
        assert read_list(body, issuer.der, [1], NOW).works is False

    def test_changed_anywhere_it_never_clears(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        for changed in each_bit_changed(response(leaf, issuer, status=ocsp.OCSPCertStatus.REVOKED)):
            answer = read_ocsp(changed, leaf.der, issuer.der, NOW)
            assert not answer.works or answer.revoked


class TestIssuers:
    def test_every_form(self, family: tuple[Issued, Issued]) -> None:
        issuer, leaf = family
        both = [issuer.certificate, leaf.certificate]
        for body in (
            issuer.der,
            issuer.pem,
            pkcs7.serialize_certificates(both, Encoding.DER),
            pkcs7.serialize_certificates(both, Encoding.PEM),
        ):
            assert read_issuer(body).works

    @given(st.binary(max_size=64))
    def test_any_bytes(self, body: bytes) -> None:
        assert read_issuer(body).foreign


def test_a_signature_of_a_kind_that_is_not_checked(family: tuple[Issued, Issued]) -> None:
    """An authority whose key is of another type than the signature's."""
    issuer, leaf = family
    key = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, moment(-1), moment(7))
    body = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert not read_list(body, issuer.der, [leaf.certificate.serial_number], NOW).works
