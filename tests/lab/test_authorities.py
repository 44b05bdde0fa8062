from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp, verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from prober.lab.authorities import Authorities, Authority, Credential, make_key, pem
from prober.model import TrustClass


def verified(credential: Credential, host: str, *roots: x509.Certificate) -> list[x509.Certificate]:
    store = verification.Store(list(roots))
    verifier = verification.PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host))
    return verifier.verify(credential.certificate, list(credential.chain))


@pytest.mark.parametrize("trust", [None, TrustClass.PUBLIC, TrustClass.VENDOR_PRIVATE])
def test_a_leaf_passes_a_strict_path_check_under_its_own_root_only(
    authorities: Authorities, trust: TrustClass | None
) -> None:
    issuer = authorities.issuer_for("a.example", trust)
    leaf = issuer.leaf(["a.example", "b.example"])
    assert len(verified(leaf, "b.example", issuer.root)) == 3
    others = [authorities.stray.root, authorities.corporate.root]
    with pytest.raises(verification.VerificationError):
        verified(leaf, "a.example", *others)


def test_the_two_public_families_share_neither_root_nor_key_type(authorities: Authorities) -> None:
    first, second = authorities.public
    assert first.root != second.root
    assert isinstance(first.key, rsa.RSAPrivateKey)
    assert isinstance(second.key, ec.EllipticCurvePrivateKey)
    many_domains = [f"a.d{number}.net" for number in range(20)]
    one_domain = [f"h{number}.d.net" for number in range(20)]
    assert {authorities.issuer_for(host, None) for host in many_domains} == {first, second}
    assert len({authorities.issuer_for(host, None) for host in one_domain}) == 1


def test_a_leaf_lives_ninety_days_and_has_a_key_of_its_own(authorities: Authorities) -> None:
    one, two = (authorities.vendor.leaf(["a.example"]) for _ in range(2))
    lifetime = one.certificate.not_valid_after_utc - one.certificate.not_valid_before_utc
    assert 90 <= lifetime.total_seconds() / 86400 < 90.1
    assert one.key.public_key() != two.key.public_key()
    assert one.certificate.serial_number != two.certificate.serial_number


def test_identifiers_and_pointers_of_a_leaf(authorities: Authorities) -> None:
    issuer = authorities.public[0]
    extensions = issuer.leaf(["a.example"]).certificate.extensions
    issuer_key = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == issuer_key.digest
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for point in points for name in point.full_name or []] == [
        f"http://pki.lab.test/{issuer.slug}.crl"
    ]


def test_leaves_of_public_authorities_hold_two_certificate_timestamps(authorities: Authorities) -> None:
    leaf = authorities.public[1].leaf(["a.example"]).certificate
    found = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    assert len({each.log_id for each in found}) == 2
    assert {each.timestamp.replace(tzinfo=UTC) for each in found} == {leaf.not_valid_before_utc}
    private = authorities.vendor.leaf(["a.example"]).certificate.extensions
    assert not any(isinstance(each.value, x509.PrecertificateSignedCertificateTimestamps) for each in private)


def test_an_authority_can_claim_any_name_and_identifier() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody Else CA")])
    claimer = Authority("another", key="ecdsa", subject=name, key_id=b"their identifier")
    leaf = claimer.leaf(["a.example"]).certificate
    assert (claimer.certificate.subject, leaf.issuer) == (name, name)
    identifier = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert identifier.key_identifier == b"their identifier"


def test_a_revocation_list_is_signed_and_current(authorities: Authorities) -> None:
    crl = x509.load_der_x509_crl(authorities.vendor.crl())
    assert crl.is_signature_valid(authorities.vendor.key.public_key())
    assert crl.next_update_utc is not None
    assert crl.last_update_utc < datetime.now(UTC) < crl.next_update_utc


def test_every_name_says_that_it_is_a_lab(authorities: Authorities) -> None:
    for authority in authorities.by_slug.values():
        assert authority.name.startswith("Prober Lab ")
        assert "=Prober Lab (not a real authority)" in authority.certificate.subject.rfc4514_string()


def test_a_host_longer_than_a_common_name_may_be(authorities: Authorities) -> None:
    host = ".".join(["a" * 40] * 3)
    issuer = authorities.issuer_for(host, None)
    assert verified(issuer.leaf([host]), host, issuer.root)


def test_an_unknown_kind_of_key_is_refused() -> None:
    with pytest.raises(ValueError, match="dsa"):
        make_key("dsa")


def test_pem_holds_all_certificates_in_order(authorities: Authorities) -> None:
    assert tuple(x509.load_pem_x509_certificates(pem(*authorities.public_roots))) == authorities.public_roots


def test_slugs_name_files() -> None:
    assert Authority("Prober Lab: Some CA (2)", key="ecdsa").slug == "prober-lab-some-ca-2"


def test_what_is_revoked_stands_in_the_list_and_in_the_responders_answers() -> None:
    authority = Authority("Prober Lab Revoking CA", key="ecdsa")
    good, revoked = authority.leaf(["good.example"]), authority.leaf(["revoked.example"])
    authority.revoked.add(revoked.certificate.serial_number)
    listed = x509.load_der_x509_crl(authority.crl())
    assert [entry.serial_number for entry in listed] == [revoked.certificate.serial_number]
    for leaf, status in ((good, ocsp.OCSPCertStatus.GOOD), (revoked, ocsp.OCSPCertStatus.REVOKED)):
        builder = ocsp.OCSPRequestBuilder().add_certificate(leaf.certificate, authority.certificate, hashes.SHA256())
        answer = ocsp.load_der_ocsp_response(authority.ocsp(builder.build().public_bytes(Encoding.DER)))
        assert answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        assert answer.certificate_status is status
        assert answer.serial_number == leaf.certificate.serial_number
