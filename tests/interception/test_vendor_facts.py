"""The vendor's real certificates are what the collected facts (2026-11-21) say: thumbprint, key, root, class."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

import certifi
import pytest

import prober.interception
from prober.interception import TrustStore
from prober.interception.anchors import Certificate, certificates_in
from prober.model import Anchor, Reason

DATA = Path(prober.interception.__file__).parent / "data"
MOZILLA = Path(certifi.where()).read_bytes()


@dataclass(frozen=True)
class Statement:
    """A row of the facts, for one certificate."""

    file: str
    sha1: str
    root: str
    public: bool
    spki: str
    begins: str
    ends: str

    def __str__(self) -> str:
        return self.file

    @property
    def certificate(self) -> Certificate:
        """As shipped; the public root of 2017 is Mozilla's."""
        path = DATA / f"{self.file}.pem"
        pem = path.read_bytes() if path.exists() else MOZILLA
        (found,) = [
            c for c in certificates_in(pem) if hashlib.sha1(c.der, usedforsecurity=False).hexdigest() == self.sha1
        ]
        return found


NAMES = {
    "R2017": "Microsoft RSA Root Certificate Authority 2017",
    "R2011": "Microsoft Root Certificate Authority 2011",
    "DigiCert": "DigiCert Global Root G2",
    "G2-itself": "Microsoft TLS RSA Root G2",
}
PRIVATE = {"R2011", "G2-itself"}
KEYS = {
    "root_ca_2011": "AjdtCQisIwQcx9Zm2drxklVPf8NjF6qcuACQhhayivg=",
    "secure_server_ca_2011": "LGeFnfXVZQ2JS9JdVa4Pa+zTnnRRhtcK8U0h4DSJgnY=",
    "update_secure_server_ca_2_1": "X7RHcAq8B7fGZu7Af3qWJuFCUkDKILjl98h6/yLRhZs=",
}
# File, SHA-1, root, validity. (The facts have the cross-certificate begin a day earlier: another time zone than UTC.)
TABLE = """
azure_rsa_tls_issuing_ca_03              37461aacfa5970f7f2d2bac5a659b53b72541c68 R2017     2023-05-25 2028-05-25
azure_rsa_tls_issuing_ca_03_xsign        f9388ea2c9b7d632b66a2b0b406df1d37d3901f6 DigiCert  2023-06-08 2026-08-25
azure_rsa_tls_issuing_ca_04              7304022ca8a9ff7e3e0c1242e0110e643822c45e R2017     2023-05-25 2028-05-25
azure_rsa_tls_issuing_ca_04_xsign        be68d0adaa2345b48e507320b695d386080e5b25 DigiCert  2023-06-08 2026-08-25
azure_rsa_tls_issuing_ca_07              0e5f41b697daadd808bf55ad080350a2a5dfca93 R2017     2023-05-25 2028-05-25
azure_rsa_tls_issuing_ca_07_xsign        3382517058a0c20228d598ee7501b61256a76442 DigiCert  2023-06-08 2026-08-25
azure_rsa_tls_issuing_ca_08              512c8f3fb71edacf7ada490402e710b10c73026e R2017     2023-05-25 2028-05-25
azure_rsa_tls_issuing_ca_08_xsign        31600991ed5fec63d355a5484a6dcc787ead89bc DigiCert  2023-06-08 2026-08-25
root_ca_2011                             8f43288ad272f3103b6fb1428485ea3014c0bcfe R2011     2011-03-22 2036-03-22
rsa_root_certificate_authority_2017      73a5e64a3bff8316ff0edccc618a906e4eae4d74 R2017     2019-12-18 2042-07-18
secure_server_ca_2011                    83da05a9886f7658be73acf0a4930c0f99b92f01 R2011     2011-10-18 2026-10-18
tls_g2_rsa_ca_ocsp_02                    f8a408b8fbeea077b75738658641be77154720eb DigiCert  2025-08-01 2029-06-03
tls_g2_rsa_ca_ocsp_04                    da6d0400641b45aecc595d24e5037aa6bc09c358 DigiCert  2025-08-01 2029-06-03
tls_rsa_root_g2_self_signed              21734d95a2473be25cbfd12a84c6fbc5bc8e2414 G2-itself 2025-04-10 2040-04-10
tls_rsa_root_g2_xsign                    b5ee89e77326ab2bf1775bd99c19a28947ff8184 DigiCert  2025-05-21 2029-06-19
update_secure_server_ca_2_1              7eed6032c9f56387ec734cbbf32bfc14db6de0a2 R2011     2012-06-21 2027-06-21
"""


def _statement(row: str) -> Statement:
    file, sha1, root, begins, ends = row.split()
    return Statement(f"microsoft_{file}", sha1, NAMES[root], root not in PRIVATE, KEYS.get(file, ""), begins, ends)


STATEMENTS = [_statement(row) for row in TABLE.split("\n") if row]


def _spelled(file: str) -> str:
    """A file's name as its certificate's common name would be spelled in it."""
    return file.replace("root_ca_2011", "root_certificate_authority_2011")


def at(day: str, hour: int) -> float:
    return dt.datetime.fromisoformat(day).replace(hour=hour, tzinfo=dt.UTC).timestamp()


@pytest.fixture(scope="module")
def store() -> TrustStore:
    return TrustStore(MOZILLA)


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_as_stated(statement: Statement, store: TrustStore) -> None:
    """Judged as if a server sent it alone, on its first whole day: it carries no server's name, so that, and nothing
    else, must be wrong with it."""
    certificate = statement.certificate
    common_names = [value for kind, value in certificate.facts.subject_names if kind == "CN"]
    assert common_names[0].lower().replace(" ", "_").replace(".", "_") in _spelled(statement.file)
    if statement.spki:
        assert base64.b64encode(bytes.fromhex(certificate.facts.spki_sha256)).decode() == statement.spki
    days = [
        dt.datetime.fromtimestamp(t, dt.UTC).date().isoformat()
        for t in (certificate.facts.not_before, certificate.facts.not_after)
    ]
    assert days == [statement.begins, statement.ends]
    trust = store.judge((certificate.der,), "www.microsoft.com", certificate.facts.not_before + 86_400)
    assert trust.anchor is (Anchor.PUBLIC if statement.public else Anchor.VENDOR_PRIVATE)
    assert trust.problems == (Reason.CERT_NAME_MISMATCH,)
    root = store.certificate(trust.path[-1])
    assert root is not None
    assert ("CN", statement.root) in root.subject_names


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_before_and_after_its_validity(statement: Statement, store: TrustStore) -> None:
    facts = statement.certificate.facts
    early = store.judge((statement.certificate.der,), "www.microsoft.com", facts.not_before - 86_400)
    late = store.judge((statement.certificate.der,), "www.microsoft.com", facts.not_after + 86_400)
    assert early.failure is not None
    assert late.failure is not None
    assert (early.failure.reason, late.failure.reason) == (Reason.CERT_NOT_YET_VALID, Reason.CERT_EXPIRED)


def test_the_twins_of_one_issuer_have_one_key() -> None:
    for number in ("03", "04", "07", "08"):
        twins = [s.certificate.facts for s in STATEMENTS if f"azure_rsa_tls_issuing_ca_{number}" in s.file]
        assert len({facts.spki_sha256 for facts in twins}) == 1
        assert len({facts.sha256 for facts in twins}) == 2


def test_the_expired_twin_does_not_hide_the_valid_one(store: TrustStore) -> None:
    """A front end that still sends the DigiCert-signed 08 after 2026-08-25: its key is good through the other one."""
    (old,) = [s for s in STATEMENTS if s.file.endswith("08_xsign")]
    (new,) = [s for s in STATEMENTS if s.file.endswith("ca_08")]
    trust = store.judge((new.certificate.der, old.certificate.der), "www.microsoft.com", at("2026-11-22", 12))
    assert (trust.anchor, trust.problems) == (Anchor.PUBLIC, (Reason.CERT_NAME_MISMATCH,))


@pytest.mark.parametrize(
    ("name", "sha256", "stores"),
    [
        ("DigiCert Global Root G2", "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f", "mozilla"),
        ("DigiCert Global Root G3", "31ad6648f8104138c738f39ea4320133393e3a18cc02296ef97c2ac9ef6731d0", "mozilla"),
        ("DigiCert Global Root CA", "4348a0e9444c78cb265e058d5e8944b4d84f9662bd26db257f8934a443c70161", "legacy"),
        ("Baltimore CyberTrust Root", "16af57a9f676b0ab126095aa5ebadef22ab31119d644ac95cd4b93dbf3f26aeb", "legacy"),
        (NAMES["R2017"], "c741f70f4b2a8d88bf2e71c14122ef53ef10eba0cfa5e64cfa20f418853073e0", "mozilla"),
        (NAMES["R2011"], "847df6a78497943f27fc72eb93f9a637320a02b561d0a91b09e87a7807ed7c61", "vendor"),
    ],
)
def test_roots_are_where_the_facts_have_them(store: TrustStore, name: str, sha256: str, stores: str) -> None:
    facts = store.certificate(sha256)
    assert facts is not None
    assert ("CN", name) in facts.subject_names
    assert stores in store.stores_of(facts.spki_sha256)
