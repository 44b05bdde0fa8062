from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from prober.lab.answers import Answers
from prober.lab.authorities import PKI_HOST, Authorities
from prober.model import Scheme, Target


@pytest.fixture
def answers(authorities: Authorities) -> Answers:
    def target(number: int, host: str, path: str, expected: tuple[int, ...], method: str = "GET") -> Target:
        return Target(
            id=f"t.{number}", scheme=Scheme.HTTPS, host=host, port=443, path=path, method=method, expected=expected
        )

    return Answers(
        [
            target(1, "a.example", "/", (400, 404)),
            target(2, "a.example", "/", (503,), method="POST"),
            target(3, "a.example", "/away", (302,)),
            target(4, "a.example", "/secret", (401,)),
        ],
        authorities,
    )


@pytest.mark.parametrize(
    ("host", "method", "path", "status"),
    [
        ("a.example", "GET", "/", 400),
        ("a.example", "POST", "/", 503),
        ("a.example", "GET", "/other", 200),
        ("b.example", "GET", "/", 200),
    ],
)
def test_the_first_documented_status_else_200(answers: Answers, host: str, method: str, path: str, status: int) -> None:
    assert answers.answer(host, method, path).status == status


def test_statuses_that_need_a_header_have_it(answers: Answers) -> None:
    assert "Location" in dict(answers.answer("a.example", "GET", "/away").headers)
    assert "WWW-Authenticate" in dict(answers.answer("a.example", "GET", "/secret").headers)


@pytest.mark.parametrize("path", ["/ping", "/api/report", "/tri/sensor/api/ping?x=1", "/xplat/api/report"])
def test_ping_says_ok(answers: Answers, path: str) -> None:
    assert answers.answer("b.example", "GET", path).body == b"OK"


def test_files_are_what_their_names_say(answers: Answers, authorities: Authorities) -> None:
    root = x509.load_der_x509_certificate(answers.answer("www.example", "GET", "/pki/certs/Mic.crt").body)
    crl = x509.load_der_x509_crl(answers.answer("crl.example", "GET", "/pki/Mic.CRL").body)
    assert root == authorities.vendor.root
    assert crl.issuer == root.subject
    cabinet = answers.answer("ctldl.example", "GET", "/x/disallowedcertstl.cab?abc").body
    assert cabinet[:4] == b"MSCF"
    assert int.from_bytes(cabinet[8:12], "little") == len(cabinet)


def test_the_pointers_in_a_certificate_lead_to_its_issuer(answers: Answers, authorities: Authorities) -> None:
    issuer = authorities.public[1]
    found = answers.answer("pki.lab.test", "GET", f"/{issuer.slug}.crt").body
    assert x509.load_der_x509_certificate(found) == issuer.certificate
    crl = x509.load_der_x509_crl(answers.answer("pki.lab.test", "GET", f"/{issuer.slug}.crl").body)
    assert crl.is_signature_valid(issuer.key.public_key())


@pytest.mark.parametrize(
    "path", ["/ocsp/", "/ocsp/nobody/MEUw", "/ocsp/prober-lab-stray-ca/%%%", "/ocsp/prober-lab-stray-ca/MEUw"]
)
def test_a_request_for_revocation_that_makes_no_sense_is_called_malformed(authorities: Authorities, path: str) -> None:
    answer = Answers((), authorities).answer(PKI_HOST, "GET", path)
    assert ("Content-Type", "application/ocsp-response") in answer.headers
    read = ocsp.load_der_ocsp_response(answer.body)
    assert read.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
