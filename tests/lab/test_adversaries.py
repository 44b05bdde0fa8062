"""Each trait of an interceptor on its own, read from what is really served: the same eyes as a probe's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID, ObjectIdentifier
from OpenSSL import SSL

from prober.lab.authorities import ORGANIZATION, Authorities
from prober.lab.contexts import HTTP_1_1, server_context
from prober.lab.inspection import Interceptor
from prober.lab.policy import (
    PRODUCTS,
    Alpn,
    AuthorityKeyId,
    AuthorityName,
    Copied,
    IssuerName,
    KeyType,
    LeafKey,
    Policy,
    Product,
    Untrusted,
    Version,
)
from prober.lab.world import Lab
from prober.model import TlsFacts
from prober.wire.layer import Done, Failed
from prober.wire.tls import ALPN_BARE, PROFILES, Tls, new_context

HOST = "gw.public.example"
CONNECT = "CONNECT {0}:443 HTTP/1.1\r\nHost: {0}:443\r\n\r\n"


@dataclass
class Served:
    """What a probe saw."""

    tls: TlsFacts

    @property
    def chain(self) -> list[x509.Certificate]:
        return [x509.load_der_x509_certificate(der) for der in self.tls.chain]

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]

    def raw(self, oid: ObjectIdentifier) -> bytes | None:
        found = [each for each in self.leaf.extensions if each.oid == oid]
        return found[0].value.public_bytes() if found else None

    @property
    def names(self) -> list[str]:
        value = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return value.get_values_for_type(x509.DNSName)


Look = Callable[..., Any]


@pytest.fixture
def look(connect: Any) -> Look:
    """Looks at what a proxy of the lab serves for a host: look(port, host)."""

    async def look(port: int, host: str = HOST, request: bytes = b"") -> Any:
        peer = await connect(port)
        assert (await peer.ask(CONNECT.format(host).encode()))[0] == 200
        tls = Tls(host, new_context(PROFILES["schannel"], ALPN_BARE))
        peer.writer.write(tls.start())
        while True:
            data = await peer.reader.read(65536)
            if not data:
                raise ConnectionAbortedError("closed during the handshake")
            answer, outcome = tls.feed(data)
            peer.writer.write(answer)
            if isinstance(outcome, Failed):
                raise ConnectionAbortedError(outcome)
            if isinstance(outcome, Done):
                break
        assert tls.facts is not None
        if not request:
            return Served(tls.facts)
        peer.writer.write(tls.encrypt(request))
        text = outcome.leftover
        while b"\r\n\r\n" not in text:
            text += tls.decrypt(await peer.reader.read(65536))[0]
        return text.partition(b"\r\n\r\n")[0].decode().split("\r\n")

    return look


@pytest_asyncio.fixture
async def served(lab: Lab, authorities: Authorities, look: Look) -> AsyncIterator[Look]:
    """What an interceptor with this policy serves: served(policy, host)."""
    async with AsyncExitStack() as stack:
        started: dict[int, Interceptor] = {}

        async def serve(policy: Policy, host: str = HOST, request: bytes = b"") -> Any:
            if id(policy) not in started:
                roots = (*authorities.public_roots, authorities.vendor.root)
                proxy = Interceptor("another", lab.addresses, authorities.inspection, roots, policy)
                await proxy.start()
                stack.push_async_callback(proxy.close)
                started[id(policy)] = proxy
            return await look(started[id(policy)].port, host, request)

        yield serve


@pytest_asyncio.fixture
async def real(lab: Lab, look: Look) -> Served:
    """What the origin serves, seen through a proxy that opens nothing."""
    found: Served = await look(lab.ports["open"])
    return found


def holds(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001  # names that differ and signatures that fail are of unrelated types
        return False
    return True


def common_name(name: x509.Name) -> str:
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


# ---------------------------------------------------------------- the leaf's key


@pytest.mark.parametrize("key", [LeafKey.SHARED, LeafKey.OWN])
@pytest.mark.parametrize(
    ("key_type", "kind"), [(KeyType.RSA, rsa.RSAPublicKey), (KeyType.ECDSA, ec.EllipticCurvePublicKey)]
)
async def test_the_key_has_the_type_asked_for(served: Look, key: LeafKey, key_type: KeyType, kind: type) -> None:
    found = await served(Policy(key=key, key_type=key_type))
    assert isinstance(found.leaf.public_key(), kind)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
async def test_the_key_has_the_origin_s_type(lab: Lab, authorities: Authorities, served: Look, kind: str) -> None:
    from prober.lab.authorities import make_key

    lab.origins.certificates.special[HOST] = server_context(authorities.public[0].leaf([HOST], key=make_key(kind)))
    found = await served(Policy(key=LeafKey.OWN, key_type=KeyType.ORIGIN))
    assert isinstance(found.leaf.public_key(), rsa.RSAPublicKey) is (kind == "rsa")


@pytest.mark.parametrize("key", list(LeafKey))
async def test_no_forged_leaf_has_the_origin_s_key(served: Look, real: Served, key: LeafKey) -> None:
    found = await served(Policy(key=key))
    assert found.leaf.public_key() != real.leaf.public_key()


# ---------------------------------------------------------------- what is copied


async def test_nothing_is_copied_unless_asked_for(served: Look, real: Served) -> None:
    found = await served(Policy(copies=frozenset()))
    assert found.names == [HOST]
    assert real.names != found.names
    assert found.leaf.not_valid_after_utc != real.leaf.not_valid_after_utc
    for oid in (
        ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ):
        assert real.raw(oid) is not None
        assert found.raw(oid) is None


async def test_the_subject_is_copied(lab: Lab, authorities: Authorities, served: Look) -> None:
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Vendor"), x509.NameAttribute(NameOID.COMMON_NAME, "*.example")]
    )
    leaf = authorities.public[0].leaf([HOST], subject=subject)
    lab.origins.certificates.special[HOST] = server_context(leaf)
    assert (await served(Policy(copies=frozenset({Copied.SUBJECT})))).leaf.subject == subject
    assert (await served(Policy(copies=frozenset()))).leaf.subject != subject


async def test_the_names_are_copied(served: Look, real: Served) -> None:
    found = await served(Policy(copies=frozenset({Copied.NAMES})))
    assert found.raw(ExtensionOID.SUBJECT_ALTERNATIVE_NAME) == real.raw(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)


async def test_the_validity_is_copied_to_the_second(served: Look, real: Served) -> None:
    found = await served(Policy(copies=frozenset({Copied.VALIDITY})))
    assert (found.leaf.not_valid_before_utc, found.leaf.not_valid_after_utc) == (
        real.leaf.not_valid_before_utc,
        real.leaf.not_valid_after_utc,
    )


@pytest.mark.parametrize(
    ("part", "oids"),
    [
        (Copied.SCTS, [ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS]),
        (Copied.POLICIES, [ExtensionOID.CERTIFICATE_POLICIES]),
        (Copied.POINTERS, [ExtensionOID.AUTHORITY_INFORMATION_ACCESS, ExtensionOID.CRL_DISTRIBUTION_POINTS]),
    ],
)
async def test_extensions_are_copied_octet_for_octet(
    served: Look, real: Served, part: Copied, oids: list[ObjectIdentifier]
) -> None:
    found = await served(Policy(copies=frozenset({part})))
    for oid in oids:
        copy = found.raw(oid)
        assert copy is not None
        assert copy == real.raw(oid)
        assert copy in found.tls.chain[0]
        assert copy in real.tls.chain[0]


async def test_a_lifetime_of_its_own(served: Look) -> None:
    found = await served(Policy(copies=frozenset(), lifetime=(2, 12)))
    age = datetime.now(UTC) - found.leaf.not_valid_before_utc
    assert timedelta(days=2) <= age < timedelta(days=2, minutes=5)
    assert found.leaf.not_valid_after_utc - found.leaf.not_valid_before_utc == timedelta(days=14)


async def test_its_organization_in_the_subject(served: Look, real: Served) -> None:
    found = await served(Policy(subject_organization="Gateway Inc."))
    (organization,) = found.leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert organization.value == "Gateway Inc."
    assert common_name(found.leaf.subject) == common_name(real.leaf.subject)


# ---------------------------------------------------------------- names of issuers


async def test_its_own_issuer_s_name(served: Look, authorities: Authorities) -> None:
    found = await served(Policy())
    assert found.leaf.issuer == authorities.inspection.certificate.subject


async def test_a_root_of_another_name(served: Look) -> None:
    found = await served(Policy(root=AuthorityName("Corp Root", "Corp")))
    assert found.leaf.issuer.rfc4514_string() == f"CN=Corp Root,OU={ORGANIZATION},O=Corp"
    assert holds(found.chain[0], found.chain[1])


@pytest.mark.parametrize("between", [None, AuthorityName("Between", "Corp")])
@pytest.mark.parametrize("identifier", list(AuthorityKeyId))
async def test_the_origin_s_issuer_s_name(
    lab: Lab, served: Look, real: Served, between: AuthorityName | None, identifier: AuthorityKeyId
) -> None:
    policy = Policy(issuer=IssuerName.ORIGIN, intermediate=between, authority_key_id=identifier)
    found = await served(policy)
    assert found.leaf.issuer == real.leaf.issuer
    assert not holds(found.leaf, real.chain[1]), "the real issuer did not sign it"
    assert holds(found.leaf, found.chain[1])
    assert len(found.chain) == (2 if between is None else 3)
    assert holds(found.chain[-1], found.chain[-1])
    if between is not None:
        assert found.chain[-1].subject == lab.interceptor.root.subject
    other = await served(policy, "gw.vendor.example")
    assert other.leaf.issuer != found.leaf.issuer, "each origin's own"


async def test_the_authority_key_identifier(served: Look, real: Served) -> None:
    oid = ExtensionOID.AUTHORITY_KEY_IDENTIFIER
    named = {
        identifier: await served(Policy(issuer=IssuerName.ORIGIN, authority_key_id=identifier))
        for identifier in AuthorityKeyId
    }
    assert named[AuthorityKeyId.NONE].raw(oid) is None
    assert named[AuthorityKeyId.ORIGIN].raw(oid) == real.raw(oid) is not None
    own = named[AuthorityKeyId.FORGER]
    assert own.raw(oid) not in (None, real.raw(oid))
    for found in (own, named[AuthorityKeyId.ORIGIN]):
        identifier = found.leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        claimed = found.chain[1].extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert identifier.key_identifier == claimed.digest


# ---------------------------------------------------------------- the chain


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_how_often_the_root_is_sent(served: Look, authorities: Authorities, times: int) -> None:
    found = await served(Policy(root_sent=times))
    assert found.chain[1:] == [authorities.inspection.certificate] * times


@pytest.mark.parametrize("signer_sent", [True, False])
async def test_an_intermediate_between(served: Look, authorities: Authorities, signer_sent: bool) -> None:
    found = await served(Policy(intermediate=AuthorityName("Region 7", "Corp"), signer_sent=signer_sent, root_sent=0))
    assert common_name(found.leaf.issuer) == "Region 7"
    assert len(found.chain) == (2 if signer_sent else 1)
    if signer_sent:
        assert holds(found.leaf, found.chain[1])
        assert holds(found.chain[1], authorities.inspection.certificate)


async def test_padding_with_the_origin_s_intermediates(served: Look, real: Served, authorities: Authorities) -> None:
    assert len(real.chain) > 1
    found = await served(Policy(padded=True))
    assert found.chain[1:] == [*real.chain[1:], authorities.inspection.certificate]


async def test_nothing_but_padding(served: Look, real: Served) -> None:
    """The origin's issuer by name, its identifier, its certificate: only the signature tells."""
    found = await served(
        Policy(issuer=IssuerName.ORIGIN, authority_key_id=AuthorityKeyId.ORIGIN, padded=True, root_sent=0)
    )
    assert found.chain[1:] == real.chain[1:]
    assert found.leaf.issuer == found.chain[1].subject
    assert not holds(found.leaf, found.chain[1])


# ---------------------------------------------------------------- the handshake


@pytest.mark.parametrize("origin", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize(
    ("version", "of_old", "of_new"),
    [
        (Version.FREE, "TLSv1.3", "TLSv1.3"),
        (Version.ORIGIN, "TLSv1.2", "TLSv1.3"),
        (Version.CAPPED, "TLSv1.2", "TLSv1.2"),
        (Version.RAISED, "TLSv1.3", "TLSv1.3"),
    ],
)
async def test_the_version_shown(
    lab: Lab, authorities: Authorities, look: Look, served: Look,
    origin: int, version: Version, of_old: str, of_new: str,
) -> None:  # fmt: skip
    old = origin == SSL.TLS1_2_VERSION
    lab.origins.certificates.special[HOST] = server_context(authorities.public[0].leaf([HOST]), newest=origin)
    assert (await look(lab.ports["open"])).tls.version == ("TLSv1.2" if old else "TLSv1.3")
    assert (await served(Policy(version=version))).tls.version == (of_old if old else of_new)


@pytest.mark.parametrize("offered", [(b"h2", HTTP_1_1), (HTTP_1_1,), ()])
async def test_application_protocols(
    lab: Lab, authorities: Authorities, look: Look, served: Look, offered: tuple[bytes, ...]
) -> None:
    lab.origins.certificates.special[HOST] = server_context(authorities.public[0].leaf([HOST]), alpn=offered)
    chosen = (await look(lab.ports["open"])).tls.alpn
    assert chosen == (offered[0].decode() if offered else None)
    assert (await served(Policy(alpn=Alpn.KEPT))).tls.alpn == chosen
    assert (await served(Policy(alpn=Alpn.LOST))).tls.alpn is None


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("newest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
async def test_the_wish_for_a_client_certificate(
    lab: Lab, authorities: Authorities, served: Look, kept: bool, newest: int
) -> None:
    from prober.lab.contexts import ClientCertificate

    asking = server_context(
        authorities.public[0].leaf([HOST]), client_certificate=ClientCertificate.OPTIONAL, newest=newest
    )
    lab.origins.certificates.special[HOST] = asking
    policy = Policy(client_certificate_request=kept)
    assert (await served(policy)).tls.client_cert_requested is kept
    assert not (await served(policy, "other.public.example")).tls.client_cert_requested


# ---------------------------------------------------------------- inside the tunnel


async def test_headers_are_added_inside_the_tunnel(lab: Lab, look: Look, served: Look) -> None:
    ask = f"GET /x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    plain = await look(lab.ports["open"], HOST, ask)
    found = await served(Policy(headers=(("Via", "1.1 box"), ("X-Cache", "MISS"))), HOST, ask)
    assert plain[0] == found[0]
    assert not any(line.lower().startswith("via:") for line in plain)
    assert found[1:3] == ["Via: 1.1 box", "X-Cache: MISS"]


async def test_a_client_that_asks_nothing_is_served_too(lab: Lab, served: Look) -> None:
    assert (await served(Policy(headers=(("Via", "1.1 box"),)))).leaf is not None


# ---------------------------------------------------------------- what is opened


async def test_one_in_four_and_always_the_same_ones(served: Look, real: Served) -> None:
    policy = Policy(every=4)
    opened = [(await served(policy)).leaf.issuer != real.leaf.issuer for _ in range(9)]
    assert opened == [False, False, False, True] * 2 + [False]


@pytest.mark.parametrize("host", ["untrusted.lab.test", "expired.lab.test"])
async def test_an_origin_that_does_not_verify(served: Look, authorities: Authorities, host: str) -> None:
    marked = await served(Policy(untrusted=Untrusted.MARKED), host)
    assert common_name(marked.leaf.issuer) == 'Not trusted by "Prober Lab Inspection CA"'
    assert len(marked.chain) == 1
    forged = await served(Policy(untrusted=Untrusted.FORGED), host)
    assert holds(forged.leaf, authorities.inspection.certificate)
    with pytest.raises((ConnectionAbortedError, ConnectionResetError)):
        await served(Policy(untrusted=Untrusted.REFUSED), host)


# ---------------------------------------------------------------- products


@dataclass(frozen=True)
class Marks:
    """What is known of a product: research/interception.md, section 2."""

    issuer: str
    sent: int
    days: float | None
    """None = as the origin's."""
    signer_s_key: bool
    alpn: str | None
    version: str = "TLSv1.3"


@pytest.mark.parametrize(
    ("product", "marks"),
    [
        (Product.SQUID, Marks("Squid CA", 3, None, True, None)),
        (Product.MITMPROXY, Marks("mitmproxy", 1, 199, True, "http/1.1")),
        (Product.SSLSPLIT, Marks("Example Corp Root", 2, 365, False, None)),
        (Product.ZSCALER, Marks("Zscaler Intermediate Root CA (zscalertwo.net)", 2, 14, False, None)),
        (Product.AZURE_FIREWALL, Marks("Azure Firewall Manager CA", 2, 366, False, None, "TLSv1.2")),
        (Product.ANTIVIRUS, Marks("ESET SSL Filter CA", 1, None, False, "http/1.1")),
    ],
)
async def test_products_are_as_described(served: Look, real: Served, product: Product, marks: Marks) -> None:
    policy = PRODUCTS[product]
    found, other = await served(policy), await served(policy, "gw.vendor.example")
    assert common_name(found.leaf.issuer) == marks.issuer
    assert len(found.chain) == marks.sent
    assert (found.tls.alpn, found.tls.version) == (marks.alpn, marks.version)
    assert HOST in found.names
    span = found.leaf.not_valid_after_utc - found.leaf.not_valid_before_utc
    if marks.days is None:
        assert found.leaf.not_valid_after_utc == real.leaf.not_valid_after_utc
        assert span == real.leaf.not_valid_after_utc - real.leaf.not_valid_before_utc
    else:
        assert span == timedelta(days=marks.days)
    identifier = found.leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    own = x509.SubjectKeyIdentifier.from_public_key(found.leaf.public_key()).digest
    assert (identifier == own) is marks.signer_s_key
    same = found.leaf.public_key() == other.leaf.public_key()
    assert same is (policy.key is not LeafKey.OWN)
    for certificate in found.chain[1:]:
        assert ORGANIZATION in certificate.subject.rfc4514_string(), "no name of the lab passes for a real one's"


def test_every_product_is_listed() -> None:
    assert set(PRODUCTS) == set(Product)


async def test_the_root_that_is_written_is_the_one_that_signs(
    tmp_path: Any, authorities: Authorities, look: Look
) -> None:
    from prober.lab.world import LabSettings

    settings = LabSettings(interception=PRODUCTS[Product.SQUID])
    async with Lab([], tmp_path, settings=settings, authorities=authorities) as lab:
        (root,) = x509.load_pem_x509_certificates((lab.directory / "inspection-ca.pem").read_bytes())
        found = await look(lab.ports["inspected"])
    assert holds(found.leaf, root)
    spki = root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert spki in found.tls.chain[0], "its own key in every leaf"
