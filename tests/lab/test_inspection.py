from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509

from prober.lab.authorities import Authorities, pem
from prober.lab.inspection import Interceptor, LeafKey, Policy
from prober.lab.world import Lab

CONNECT = "CONNECT {0}:443 HTTP/1.1\r\nHost: {0}:443\r\n\r\n"


@pytest.fixture
def fooled(authorities: Authorities) -> ssl.SSLContext:
    """A client that trusts the inspection authority and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem(authorities.inspection.root).decode())
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest_asyncio.fixture
async def intercept(lab: Lab, authorities: Authorities) -> AsyncIterator[Callable[..., Any]]:
    """Starts further interceptors: intercept(policy) gives one."""
    async with AsyncExitStack() as stack:

        async def start(policy: Policy) -> Interceptor:
            roots = (*authorities.public_roots, authorities.vendor.root)
            proxy = Interceptor("another", lab.addresses, authorities.inspection, roots, policy)
            await proxy.start()
            stack.push_async_callback(proxy.close)
            return proxy

        yield start


async def tunnel(connect: Any, port: int, host: str) -> Any:
    peer = await connect(port)
    assert (await peer.ask(CONNECT.format(host).encode()))[0] == 200
    return peer


async def seen(connect: Any, port: int, context: ssl.SSLContext, host: str) -> x509.Certificate:
    peer = await tunnel(connect, port, host)
    await peer.start_tls(context, host)
    leaf: x509.Certificate = peer.leaf()
    return leaf


def careless() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_it_signs_for_itself_and_passes_http_on(lab: Lab, connect: Any, fooled: ssl.SSLContext) -> None:
    peer = await tunnel(connect, lab.ports["inspected"], "gw.vendor.example")
    tls = await peer.start_tls(fooled, "gw.vendor.example")
    assert tls.selected_alpn_protocol() is None, "ALPN is lost"
    assert (await peer.ask(b"GET /test HTTP/1.1\r\nHost: gw.vendor.example\r\n\r\n"))[0] == 404


async def test_who_does_not_trust_it_notices(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    peer = await tunnel(connect, lab.ports["inspected"], "gw.vendor.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        await peer.start_tls(trusting, "gw.vendor.example")


async def test_it_mimics_the_origin(lab: Lab, connect: Any, fooled: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    real = (await connect(lab.ports["tls-origin"], trusting, "gw.vendor.example")).leaf()
    forged = await seen(connect, lab.ports["inspected"], fooled, "gw.vendor.example")
    again = await seen(connect, lab.ports["inspected"], fooled, "gw.vendor.example")
    assert (forged.subject, forged.not_valid_before_utc, forged.not_valid_after_utc) == (
        real.subject, real.not_valid_before_utc, real.not_valid_after_utc
    )  # fmt: skip
    assert forged.issuer != real.issuer
    kind = x509.SubjectAlternativeName
    assert forged.extensions.get_extension_for_class(kind) == real.extensions.get_extension_for_class(kind)
    assert again == forged, "the same certificate each time"


async def test_without_mimicry_it_makes_its_own(connect: Any, intercept: Any, fooled: ssl.SSLContext) -> None:
    proxy = await intercept(Policy(copies=frozenset()))
    leaf = await seen(connect, proxy.port, fooled, "gw.vendor.example")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gw.vendor.example"]


@pytest.mark.parametrize(
    ("key", "same_for_all", "authority_s_own"),
    [(LeafKey.AUTHORITY, True, True), (LeafKey.SHARED, True, False), (LeafKey.OWN, False, False)],
)
async def test_whose_key_a_forged_leaf_carries(
    connect: Any, intercept: Any, authorities: Authorities, fooled: ssl.SSLContext,
    key: LeafKey, same_for_all: bool, authority_s_own: bool,
) -> None:  # fmt: skip
    proxy = await intercept(Policy(key=key))
    one, two = [
        (await seen(connect, proxy.port, fooled, host)).public_key() for host in ("gw.vendor.example", "smart.example")
    ]
    assert (one == two) is same_for_all
    assert (one == authorities.inspection.key.public_key()) is authority_s_own


async def test_the_wish_for_a_client_certificate_is_lost(lab: Lab, connect: Any) -> None:
    wishes = []
    for proxy in ("open", "inspected"):
        messages: list[str] = []
        context = careless()
        context._msg_callback = lambda *about, messages=messages: messages.append(about[4].name)  # type: ignore[attr-defined]  # the one way to see handshake messages
        await seen(connect, lab.ports[proxy], context, "sensor.atp.example")
        wishes.append("CERTIFICATE_REQUEST" in messages)
    assert wishes == [True, False]


async def test_a_bypassed_domain_is_left_alone(lab: Lab, connect: Any, trusting: ssl.SSLContext) -> None:
    leaf = await seen(connect, lab.ports["inspected"], trusting, "bypassed.endpoint.security.microsoft.com")
    assert leaf.issuer == lab.authorities.vendor.certificate.subject


async def test_one_in_three(connect: Any, intercept: Any, authorities: Authorities) -> None:
    proxy = await intercept(Policy(every=3))
    issuers = [(await seen(connect, proxy.port, careless(), "gw.vendor.example")).issuer for _ in range(6)]
    inspection = authorities.inspection.certificate.subject
    assert [issuer == inspection for issuer in issuers] == [False, False, True, False, False, True]


@pytest.mark.parametrize("host", ["untrusted.lab.test", "expired.lab.test", "self-signed.lab.test"])
async def test_an_origin_that_does_not_verify_is_marked_so(lab: Lab, connect: Any, host: str) -> None:
    leaf = await seen(connect, lab.ports["inspected"], careless(), host)
    assert 'CN=Not trusted by \\"Prober Lab Inspection CA\\"' in leaf.issuer.rfc4514_string()


async def test_what_is_not_tls_passes_unopened(lab: Lab, connect: Any) -> None:
    peer = await connect(lab.ports["inspected"])
    assert (await peer.ask(b"CONNECT go.example:80 HTTP/1.1\r\n\r\n"))[0] == 200
    assert (await peer.ask(b"GET /ping HTTP/1.1\r\nHost: go.example\r\n\r\n"))[2] == b"OK"


@pytest.mark.parametrize("host", ["reset.lab.test", "hangup.lab.test", "alert.lab.test"])
async def test_an_origin_that_fails_ends_the_tunnel(lab: Lab, connect: Any, host: str) -> None:
    peer = await tunnel(connect, lab.ports["inspected"], host)
    with pytest.raises((ssl.SSLError, OSError)):
        await peer.start_tls(careless(), host)
