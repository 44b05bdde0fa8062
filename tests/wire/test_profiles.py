"""The ClientHello as bytes: the same on every route, and what it claims to be."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from OpenSSL import SSL

from prober.wire import openssl
from prober.wire.openssl import set_groups
from prober.wire.tls import ALPN_BARE, ALPN_HTTP, PROFILES, Tls, new_context

SNI, GROUPS, ALPN, TICKET, PRE_SHARED_KEY, VERSIONS, KEY_SHARE = 0, 10, 16, 35, 41, 43, 51
X25519, P256, P384, X25519MLKEM768 = 0x001D, 0x0017, 0x0018, 0x11EC


def numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


@dataclass(frozen=True)
class Hello:
    """A ClientHello (RFC 8446 section 4.1.2), taken apart."""

    size: int
    session: bytes
    ciphers: list[int]
    extensions: dict[int, bytes]

    @classmethod
    def parse(cls, record: bytes) -> Hello:
        assert record[0] == 0x16
        assert len(record) == 5 + int.from_bytes(record[3:5], "big")
        assert record[5] == 1
        rest = record[5 + 4 + 2 + 32 :]
        session, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
        size = int.from_bytes(rest[:2], "big")
        ciphers, rest = numbers(rest[2 : 2 + size]), rest[2 + size :]
        rest = rest[1 + rest[0] + 2 :]
        extensions: dict[int, bytes] = {}
        while rest:
            kind, size = numbers(rest[:4])
            extensions[kind], rest = rest[4 : 4 + size], rest[4 + size :]
        return cls(len(record), session, ciphers, extensions)

    @property
    def groups(self) -> list[int]:
        return numbers(self.extensions[GROUPS][2:])

    @property
    def shares(self) -> list[int]:
        found, rest = [], self.extensions[KEY_SHARE][2:]
        while rest:
            group, size = numbers(rest[:4])
            found.append(group)
            rest = rest[4 + size :]
        return found


def hello(profile: str = "schannel", host: str = "host.test", alpn: tuple[bytes, ...] = ALPN_HTTP) -> Hello:
    return Hello.parse(Tls(host, new_context(PROFILES[profile], alpn)).start())


needs_shares = pytest.mark.skipif(
    SSL.OPENSSL_VERSION_NUMBER < 0x30500000, reason="choosing key shares came with OpenSSL 3.5"
)


@needs_shares
def test_schannel() -> None:
    seen = hello()
    assert seen.groups == [X25519, P256, P384]
    assert seen.shares == [X25519, P256]
    assert seen.size < 1400, "fits one packet"
    assert numbers(seen.extensions[VERSIONS][1:]) == [0x0304, 0x0303]
    assert TICKET not in seen.extensions
    assert PRE_SHARED_KEY not in seen.extensions
    assert seen.ciphers[:3] == [0x1302, 0x1303, 0x1301]
    assert 0xC02C in seen.ciphers  # ECDHE-ECDSA-AES256-GCM-SHA384


@needs_shares
def test_schannel_pq() -> None:
    seen = hello("schannel-pq")
    assert seen.groups == [X25519MLKEM768, X25519, P256, P384]
    assert seen.shares == [X25519MLKEM768, X25519]
    assert len(seen.extensions[KEY_SHARE]) > 1200
    assert {kind: data for kind, data in seen.extensions.items() if kind not in (GROUPS, KEY_SHARE)} == {
        kind: data for kind, data in hello().extensions.items() if kind not in (GROUPS, KEY_SHARE)
    }


@pytest.mark.parametrize(
    ("alpn", "body"),
    [(ALPN_HTTP, b"\x00\x09\x08http/1.1"), (ALPN_BARE, b"\x00\x0c\x02h2\x08http/1.1")],
)
def test_alpn_as_asked(alpn: tuple[bytes, ...], body: bytes) -> None:
    assert hello(alpn=alpn).extensions[ALPN] == body


@pytest.mark.parametrize("host", ["host.test", "xn--bcher-kva.test", "1.2.3.4.test"])
def test_names_go_into_sni(host: str) -> None:
    name = host.encode()
    assert hello(host=host).extensions[SNI] == b"\x00" + bytes([len(name) + 3, 0, 0, len(name)]) + name


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "::1"])
def test_addresses_do_not(host: str) -> None:
    assert SNI not in hello(host=host).extensions


def test_a_second_hello_of_one_context_resumes_nothing() -> None:
    context = new_context(PROFILES["schannel"], ALPN_HTTP)
    first, second = (Hello.parse(Tls("host.test", context).start()) for _ in range(2))
    assert first.session != second.session  # random, for middleboxes
    assert PRE_SHARED_KEY not in second.extensions
    assert TICKET not in second.extensions
    assert first.size == second.size


class Library:
    """Stands in for cryptography's bindings."""

    def __init__(self, accepted: set[bytes]) -> None:
        self.accepted = accepted
        self.asked: list[bytes] = []
        self.errors = [1, 2]

    def SSL_CTX_set1_curves_list(self, _context: object, groups: bytes) -> int:  # noqa: N802 # OpenSSL's name
        self.asked.append(groups)
        return int(groups in self.accepted)

    def ERR_get_error(self) -> int:  # noqa: N802 # OpenSSL's name
        return self.errors.pop() if self.errors else 0


@pytest.mark.parametrize(
    ("accepted", "result", "asked"),
    [
        ({b"*X25519:P-256"}, True, [b"*X25519:P-256"]),
        ({b"X25519:P-256"}, True, [b"*X25519:P-256", b"X25519:P-256"]),
        (set(), False, [b"*X25519:P-256", b"X25519:P-256"]),
    ],
    ids=["3.5", "older", "unknown groups"],
)
def test_groups_fall_back(
    monkeypatch: pytest.MonkeyPatch, accepted: set[bytes], result: bool, asked: list[bytes]
) -> None:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    library = Library(accepted)
    monkeypatch.setattr(openssl, "_lib", library)
    assert set_groups(context, "*X25519:P-256") is result
    assert library.asked == asked
    assert not library.errors or result, "a refused list leaves no error behind"


def test_without_a_setter_the_default_hello_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    with monkeypatch.context() as patch:
        patch.setattr(openssl, "_lib", object())
        assert set_groups(context, "*X25519") is False
    assert Hello.parse(Tls("host.test", context).start()).groups
