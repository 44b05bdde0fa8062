"""Random certification authorities and server certificates, made quickly: keys come from a pool that all worlds share.

The shape of a world follows from its seed alone; keys and serial numbers do not, and nothing depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from prober.lab.authorities import PrivateKey, Validity, key_usage, timestamps

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""The moment at which all worlds are set."""
_POLICY = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.2"), None)])
_SYLLABLES = (
    "bal",
    "cor",
    "dun",
    "el",
    "fen",
    "gor",
    "hal",
    "is",
    "jor",
    "kel",
    "lun",
    "mar",
    "nor",
    "or",
    "quil",
    "ros",
)


class Keys:
    """A pool that grows as needed. Small RSA keys: the judgement never looks at their size."""

    def __init__(self) -> None:
        self._pools: dict[str, list[PrivateKey]] = {"ecdsa": [], "rsa": []}
        self._next = {"ecdsa": 0, "rsa": 0}

    def rewind(self) -> None:
        """Begin anew: the next world may use the same keys, but no world uses a key twice."""
        self._next = dict.fromkeys(self._next, 0)

    def make(self, kind: str) -> PrivateKey:
        """A key not used since `rewind`."""
        pool, place = self._pools[kind], self._next[kind]
        self._next[kind] += 1
        if place == len(pool):
            made = rsa.generate_private_key(65537, 1024) if kind == "rsa" else _curve_key(place)  # noqa: S505  # quick on purpose
            pool.append(made)
        return pool[place]


@dataclass(slots=True)
class Issuer:
    """An authority, with every way its servers may lead to a root."""

    name: x509.Name
    key: PrivateKey
    key_id: bytes
    ways: list[tuple[x509.Certificate, ...]] = field(default_factory=list)
    """What a server sends after its leaf, one entry for each way; complete, the root left out."""
    root: x509.Certificate | None = None
    """Where the first way ends."""


def random_word(rng: Random) -> str:
    """A name that nobody has."""
    return "".join(rng.sample(_SYLLABLES, 3)).capitalize()


def distinguished(organization: str, common: str) -> x509.Name:
    """A name of an authority."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def new_issuer(name: x509.Name, keys: Keys, kind: str) -> Issuer:
    """An authority that nobody has certified yet."""
    key = keys.make(kind)
    return Issuer(name, key, x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest)


def certify(subject: Issuer, signer: Issuer, valid: Validity | None = None) -> x509.Certificate:
    """A certificate of an authority; its own signature where the two are the same."""
    start, end = valid or (NOW - timedelta(days=1500), NOW + timedelta(days=3000))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.name)
        .issuer_name(signer.name)
        .public_key(subject.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(certifies=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(subject.key_id), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(signer.key_id, None, None), critical=False)
    )
    return builder.sign(signer.key, hashes.SHA256())


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafPlan:
    """What a server certificate says."""

    names: Sequence[str]
    valid: Validity
    organization: str | None = None
    timestamps: bool = True
    pointers: bool = True
    policies: bool = True


def sign_leaf(plan: LeafPlan, issuer: Issuer, key: PrivateKey) -> x509.Certificate:
    """A server's certificate."""
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, plan.names[0][:64])]
    if plan.organization is not None:
        subject.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, plan.organization))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(issuer.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(plan.valid[0])
        .not_valid_after(plan.valid[1])
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certifies=False, enciphers=isinstance(key, rsa.RSAPrivateKey)), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in plan.names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(issuer.key_id, None, None), critical=False)
    )
    if plan.policies:
        builder = builder.add_extension(_POLICY, critical=False)
    if plan.timestamps:
        builder = builder.add_extension(timestamps(plan.valid[0]), critical=False)
    if plan.pointers:
        builder = _pointers(builder, issuer)
    return builder.sign(issuer.key, hashes.SHA256())


def der(certificate: x509.Certificate) -> bytes:
    """Its encoding."""
    return certificate.public_bytes(Encoding.DER)


def pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """A bundle."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _pointers(builder: x509.CertificateBuilder, issuer: Issuer) -> x509.CertificateBuilder:
    place = issuer.key_id.hex()[:12]
    access = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(f"http://pki.example/{place}.crt")
    )
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier(f"http://pki.example/{place}.crl")], None, None, None
    )
    return builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False).add_extension(
        x509.CRLDistributionPoints([point]), critical=False
    )


def _curve_key(number: int) -> PrivateKey:
    return ec.derive_private_key(number + 1_000, ec.SECP256R1())
