"""Forged certificates: given an origin's chain, what an interceptor with a certain policy sends instead. No sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID, ObjectIdentifier

from prober.lab.authorities import ORGANIZATION, Authority, Credential, PrivateKey, Validity, key_usage, make_key
from prober.lab.policy import AuthorityKeyId, AuthorityName, Copied, IssuerName, KeyType, LeafKey, Policy, Untrusted

E = TypeVar("E", bound=x509.ExtensionType)

_COPIED_EXTENSIONS: Final[dict[Copied, tuple[ObjectIdentifier, ...]]] = {
    Copied.SCTS: (ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS,),
    Copied.POLICIES: (ExtensionOID.CERTIFICATE_POLICIES,),
    Copied.POINTERS: (ExtensionOID.AUTHORITY_INFORMATION_ACCESS, ExtensionOID.CRL_DISTRIBUTION_POINTS),
}


class RefusedOriginError(Exception):
    """The policy opens no connection to an origin that does not verify."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the interceptor saw of the origin it speaks for."""

    chain: tuple[x509.Certificate, ...]
    """As sent, leaf first."""
    trusted: bool = True

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate to be forged."""
        return self.chain[0]


class Forger:
    """Signs for origins, as its policy says. `keys` makes a key of a type and `now` tells the time; both for tests."""

    def __init__(
        self,
        policy: Policy,
        authority: Authority,
        *,
        keys: Callable[[str], PrivateKey] = make_key,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._policy = policy
        self._keys = keys
        self._now = now
        self._kind = _kind(authority.certificate)
        self.root = authority
        """Who signs in the end."""
        if policy.root is not None:
            self.root = Authority(
                policy.root.common, key=keys(self._kind), subject=_subject(policy.root), valid=self._years()
            )
        self._signers: dict[x509.Name | None, Authority] = {}
        self._shared: dict[str, PrivateKey] = {}
        self._distrust: Authority | None = None

    def forge(self, host: str, origin: Origin) -> Credential:
        """A certificate for `host` in place of the origin's. Raises RefusedOriginError."""
        policy = self._policy
        if not origin.trusted and policy.untrusted is Untrusted.REFUSED:
            raise RefusedOriginError(host)
        marked = not origin.trusted and policy.untrusted is Untrusted.MARKED
        signer = self._distrusting() if marked else self._signer(origin.leaf)
        key = self._leaf_key(signer, origin.leaf)
        certificate = self._leaf(host, origin.leaf, signer, key)
        return Credential(key, certificate, () if marked else self._sent(signer, origin))

    def _distrusting(self) -> Authority:
        if self._distrust is None:
            self._distrust = Authority(
                f'Not trusted by "{self.root.name}"', key=self._keys("ecdsa"), valid=self._years()
            )
        return self._distrust

    def _signer(self, origin: x509.Certificate) -> Authority:
        """Who signs for this origin: one authority, or one for each issuer whose name is taken."""
        policy = self._policy
        taken = origin.issuer if policy.issuer is IssuerName.ORIGIN else None
        if taken not in self._signers:
            self._signers[taken] = self._make_signer(taken, origin)
        return self._signers[taken]

    def _make_signer(self, taken: x509.Name | None, origin: x509.Certificate) -> Authority:
        between = self._policy.intermediate
        if taken is None and between is None:
            return self.root
        claimed = None
        if self._policy.authority_key_id is AuthorityKeyId.ORIGIN:
            copied = _extension(origin, x509.AuthorityKeyIdentifier)
            claimed = copied.key_identifier if copied is not None else None
        name = _common_name(taken) if taken is not None else ""
        subject = taken
        if taken is None and between is not None:
            name, subject = between.common, _subject(between)
        above = self.root if between is not None else None
        return Authority(
            name, key=self._keys(self._kind), issuer=above, subject=subject, key_id=claimed, valid=self._years()
        )

    def _leaf_key(self, signer: Authority, origin: x509.Certificate) -> PrivateKey:
        if self._policy.key is LeafKey.AUTHORITY:
            return signer.key
        kind = _kind(origin) if self._policy.key_type is KeyType.ORIGIN else self._policy.key_type.value
        if self._policy.key is LeafKey.OWN:
            return self._keys(kind)
        if kind not in self._shared:
            self._shared[kind] = self._keys(kind)
        return self._shared[kind]

    def _leaf(self, host: str, origin: x509.Certificate, signer: Authority, key: PrivateKey) -> x509.Certificate:
        start, end = self._validity(origin)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self._leaf_subject(host, origin))
            .issuer_name(signer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(certifies=False, enciphers=isinstance(key, rsa.RSAPrivateKey)), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(self._names(host, origin), critical=False)
        )
        for extension in self._further(origin, signer):
            builder = builder.add_extension(extension.value, critical=extension.critical)
        return builder.sign(signer.key, hashes.SHA256())

    def _leaf_subject(self, host: str, origin: x509.Certificate) -> x509.Name:
        if Copied.SUBJECT in self._policy.copies:
            subject = origin.subject
        else:
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        organization = self._policy.subject_organization
        if organization is None:
            return subject
        kept = [each for each in subject if each.oid != NameOID.ORGANIZATION_NAME]
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization), *kept])

    def _names(self, host: str, origin: x509.Certificate) -> x509.SubjectAlternativeName:
        copied = _extension(origin, x509.SubjectAlternativeName) if Copied.NAMES in self._policy.copies else None
        return copied or x509.SubjectAlternativeName([x509.DNSName(host)])

    def _validity(self, origin: x509.Certificate) -> Validity:
        if Copied.VALIDITY in self._policy.copies:
            return origin.not_valid_before_utc, origin.not_valid_after_utc
        before, after = self._policy.lifetime
        now = self._now()
        return now - timedelta(days=before), now + timedelta(days=after)

    def _years(self) -> Validity:
        """Validity of the forger's authorities."""
        now = self._now().replace(microsecond=0)
        return now - timedelta(days=365), now + timedelta(days=3650)

    def _further(self, origin: x509.Certificate, signer: Authority) -> list[x509.Extension[x509.ExtensionType]]:
        """Authority key identifier and copies."""
        found: list[x509.Extension[x509.ExtensionType]] = []
        match self._policy.authority_key_id:
            case AuthorityKeyId.FORGER:
                identifier = x509.AuthorityKeyIdentifier(signer.key_id, None, None)
                found.append(x509.Extension(identifier.oid, False, identifier))
            case AuthorityKeyId.ORIGIN:
                found += _by_oid(origin, ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
            case AuthorityKeyId.NONE:
                pass
        for part in Copied:
            if part in self._policy.copies:
                found += _by_oid(origin, *_COPIED_EXTENSIONS.get(part, ()))
        return found

    def _sent(self, signer: Authority, origin: Origin) -> tuple[x509.Certificate, ...]:
        """What follows the forged leaf."""
        policy = self._policy
        sent = list(origin.chain[1:]) if policy.padded else []
        top = signer if signer.issuer is None else signer.issuer
        if signer is not top and policy.signer_sent:
            sent.append(signer.certificate)
        return (*sent, *([top.certificate] * policy.root_sent))


def _by_oid(certificate: x509.Certificate, *oids: ObjectIdentifier) -> list[x509.Extension[x509.ExtensionType]]:
    return [each for each in certificate.extensions if each.oid in oids]


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    return next((each.value for each in certificate.extensions if isinstance(each.value, kind)), None)


def _kind(certificate: x509.Certificate) -> str:
    return "rsa" if isinstance(certificate.public_key(), rsa.RSAPublicKey) else "ecdsa"


def _common_name(name: x509.Name) -> str:
    return next((str(each.value) for each in name.get_attributes_for_oid(NameOID.COMMON_NAME)), "an authority")


def _subject(name: AuthorityName) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name.organization),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name.common),
        ]
    )
