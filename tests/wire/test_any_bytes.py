"""Arbitrary bytes, and valid transcripts with damage: always an outcome, never an exception, memory bounded."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.model import Scheme
from prober.wire.connect import Connect
from prober.wire.exchange import MAX_BODY, Exchange, document_parses
from prober.wire.http1 import MAX_HEAD
from prober.wire.layer import NEED_MORE, Challenge, Done, Failed, Layer, NotTls, Outcome
from prober.wire.socks import Socks4, Socks5
from prober.wire.stack import Stack
from prober.wire.tls import ALPN_HTTP, Tls, shared_context

from .tls_peer import TLS12, TLS13, TlsPeer, server_context, write_identity
from .transcripts import LOGIN, target
from .worlds import OK, HttpPeer, connect, make, socks5

ASKED = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"
ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nMSCF\r\n0\r\n\r\n"
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nProxy-Status: p; error=dns_error\r\n"
    b"X-Squid-Error: ERR_DNS_FAIL 0\r\n\r\nMSCF"
)


def tls() -> Tls:
    return Tls("host.test", shared_context("schannel", ALPN_HTTP))


def exchange(scheme: Scheme = Scheme.HTTP, path: str = "/a.cab", *, proxied: bool = False) -> Exchange:
    return Exchange(target(scheme, path=path), user_agent="ua", proxied=proxied, via_proxy=True, can_login=proxied)


def ready() -> Socks5:
    layer = Socks5("host.test", 443)
    layer.preauthorise(*LOGIN)
    return layer


LAYERS: dict[str, Callable[[], Layer]] = {
    "connect": connect,
    "connect with login": lambda: Connect("host.test:443", user_agent="ua", can_login=True),
    "socks4": lambda: Socks4(IPv4Address("192.0.2.1"), 443),
    "socks4a": lambda: Socks4("host.test", 443),
    "socks5": lambda: Socks5("host.test", 443),
    "socks5 with login": lambda: Socks5("host.test", 443, can_login=True),
    "socks5 with login at once": ready,
    "tls": tls,
    "https": lambda: exchange(Scheme.HTTPS),
    "http": exchange,
    "http crl": lambda: exchange(path="/a.crl"),
    "http proxied": lambda: exchange(proxied=True),
}
SEEDS = [
    OK,
    ASKED,
    ASKED + OK,
    ANSWER,
    HEAD,
    b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD,
    b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
    b"\x05\x02\x01\x00\x05\x00\x00\x03\x04host\x00\x50",
    b"\x00\x5a\x00\x00\x00\x00\x00\x00",
    b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" + bytes(range(32)) + b"\x00\xc0\x13\x00",
    b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(range(32)) + b"\x00\xc0\x2b\x00",
    b"\x15\x03\x03\x00\x02\x02\x28",
]


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A valid transcript with a few bytes overwritten, removed or put in."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        removed = draw(st.integers(0, 3))
        data[at : at + removed] = draw(st.binary(max_size=4))
    return bytes(data)


peer_bytes = st.one_of(st.binary(max_size=300), damaged(SEEDS))
segments = st.lists(peer_bytes, min_size=1, max_size=4)


def look_at(outcome: Outcome) -> None:
    assert outcome is NEED_MORE or isinstance(outcome, Done | Failed | NotTls | Challenge)
    failed = outcome.refusal if isinstance(outcome, Challenge) else outcome
    if isinstance(failed, Failed):
        assert 0 < len(failed.detail) <= 700
        assert failed.detail.isprintable()
    if isinstance(outcome, NotTls):
        assert len(outcome.first) <= 64


@pytest.mark.parametrize("name", LAYERS)
@given(data=segments)
@settings(max_examples=150, deadline=None)
def test_a_layer_takes_anything(name: str, data: list[bytes]) -> None:
    layer = LAYERS[name]()
    layer.start()
    for segment in data:
        sent, outcome = layer.feed(segment)
        assert isinstance(sent, bytes)
        look_at(outcome)
        if isinstance(outcome, Challenge) and outcome.reusable:
            layer.login(*LOGIN)  # type: ignore[attr-defined] # only layers with a login raise a challenge
        elif outcome is not NEED_MORE:
            return
    outcome = layer.eof()
    look_at(outcome)
    assert outcome is not NEED_MORE


def held(value: object, seen: set[int] | None = None) -> int:
    """Bytes kept in buffers reachable from a layer's own attributes."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(held(each, seen) for each in value)
    if not type(value).__module__.startswith("prober."):
        return 0
    names = {*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())}
    return sum(held(getattr(value, name, None), seen) for name in names)


@pytest.mark.parametrize("name", LAYERS)
@given(start=damaged(SEEDS), piece=st.binary(min_size=1, max_size=40))
@settings(max_examples=12, deadline=None)
def test_memory_is_bounded(name: str, start: bytes, piece: bytes) -> None:
    """Twenty megabytes of anything: either the layer ends it, or it keeps little of it."""
    layer = LAYERS[name]()
    layer.start()
    outcome = layer.feed(start)[1]
    chunk = (piece * (65536 // len(piece) + 1))[:65536]
    for _ in range(320):
        if outcome is not NEED_MORE:
            break
        outcome = layer.feed(chunk)[1]
        assert held(layer) < MAX_BODY + 2 * MAX_HEAD + len(start)
    assert outcome is not NEED_MORE


@given(st.sampled_from(["/a.crl", "/a.crt", "/a.cab"]), st.binary(max_size=200))
def test_documents_of_anything(path: str, body: bytes) -> None:
    assert document_parses(path, body) in (True, False)
    for begin in (b"-----BEGIN X509 CRL-----\n", b"-----BEGIN CERTIFICATE-----\n", b"\x30\x82", b"MSCF"):
        assert document_parses(path, begin + body) in (True, False)


def new_stack() -> Stack:
    return make(
        [
            (Socks5("p2.test", 8443), "proxy", 1),
            (tls(), "proxy-tls", 2),
            (connect(can_login=True), "proxy", 2),
            (tls(), "tls", 0),
            (exchange(Scheme.HTTPS), "http", 0),
        ]
    )


@pytest.fixture(scope="module")
def one_identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hypothesis wants nothing that lives for one test only."""
    return write_identity(tmp_path_factory.mktemp("any"), trustme.CA(), "host.test")


@pytest.mark.parametrize("version", [TLS12, TLS13])
@given(damage=st.integers(0, 4000), value=st.binary(min_size=1, max_size=8), insert=st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_whole_stack_takes_damage_anywhere(
    one_identity: Path, version: int, damage: int, value: bytes, insert: bool
) -> None:
    """SOCKS 5, HTTPS proxy with login, TLS, HTTP; at one place of all that is said the bytes are not what they were."""
    context = server_context(one_identity, version)
    peer = socks5(b"p2.test", 8443, TlsPeer(context, HttpPeer([ASKED, OK], TlsPeer(context, HttpPeer([ANSWER])))))
    stack = new_stack()
    said, position = stack.start(), 0
    while said and not stack.over:
        reply = peer(said)
        at, position = damage - position, position + len(reply)
        if 0 <= at < len(reply):
            reply = reply[:at] + value + reply[at if insert else at + len(value) :]
        said = stack.receive(reply) if reply else b""
        if stack.challenge is not None and not stack.over:
            look_at(stack.challenge)
            if stack.challenge.reusable:
                said += stack.login(*LOGIN)
            else:
                stack.refuse_login()
    if not stack.over:
        stack.receive_eof()
        stack.refuse_login()
    assert stack.over
    assert isinstance(stack.farewell(), bytes)
    if stack.failure is not None:
        assert stack.failure.detail.isprintable()
        assert stack.failure.hop in (0, 1, 2)


@given(data=segments)
@settings(max_examples=150, deadline=None)
def test_a_whole_stack_takes_anything(data: list[bytes]) -> None:
    stack = new_stack()
    stack.start()
    for segment in data:
        assert isinstance(stack.receive(segment), bytes)
    stack.receive_eof()
    assert stack.failure is not None
    assert not stack.finished
