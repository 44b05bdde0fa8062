from __future__ import annotations

from ipaddress import ip_address

import pytest
from OpenSSL import SSL

from prober.engine.assembly import assemble, next_stop
from prober.engine.settings import USER_AGENT
from prober.model import Hop, Scheme, Stage
from prober.wire.connect import Connect
from prober.wire.exchange import Exchange
from prober.wire.socks import Socks4, Socks5
from prober.wire.stack import Rung, Stack
from prober.wire.tls import Tls, shared_context

from .world import PASSWORD, USER, hop, route, settings, target


def no_guard(stack: Stack, rung: Rung) -> None:
    """Nothing to look at."""


def rungs(scheme: str, *hops: Hop, onward: dict[int, tuple[str, int]] | None = None, **more: object) -> list[Rung]:
    aim = target(443 if scheme != "http" else 80, scheme)
    logins = dict.fromkeys(range(1, len(hops) + 1), (USER, PASSWORD)) if more.get("logged_in") else {}
    return list(assemble(aim, route(*hops), onward or {}, settings(), logins, no_guard).rungs)


def shape(found: list[Rung]) -> list[tuple[type[object], str, int]]:
    return [(type(rung.layer), str(rung.stage), rung.hop) for rung in found]


HTTP, HTTPS = hop(8080, "http", "a.test"), hop(8443, "https", "b.test")
SOCKS4A, SOCKS5H = hop(1080, "socks4a", "c.test"), hop(1080, "socks5h", "d.test")

TARGET_TLS = (Tls, "tls", 0)
REQUEST = (Exchange, "http", 0)


@pytest.mark.parametrize(
    ("scheme", "hops", "expected"),
    [
        ("tls", [], [TARGET_TLS]),
        ("https", [], [TARGET_TLS, REQUEST]),
        ("http", [], [REQUEST]),
        ("tls", [HTTP], [(Connect, "proxy", 1), TARGET_TLS]),
        ("tls", [HTTPS], [(Tls, "proxy-tls", 1), (Connect, "proxy", 1), TARGET_TLS]),
        ("http", [HTTP], [REQUEST]),
        ("http", [HTTPS], [(Tls, "proxy-tls", 1), REQUEST]),
        ("http", [SOCKS5H], [(Socks5, "proxy", 1), REQUEST]),
        ("http", [SOCKS4A, HTTP], [(Socks4, "proxy", 1), REQUEST]),
        ("http", [HTTP, SOCKS5H], [(Connect, "proxy", 1), (Socks5, "proxy", 2), REQUEST]),
        (
            "https",
            [SOCKS4A, HTTPS, SOCKS5H],
            [
                (Socks4, "proxy", 1),
                (Tls, "proxy-tls", 2),
                (Connect, "proxy", 2),
                (Socks5, "proxy", 3),
                TARGET_TLS,
                REQUEST,
            ],
        ),
    ],
)
def test_the_layers_of_a_probe(scheme: str, hops: list[Hop], expected: list[object]) -> None:
    assert shape(rungs(scheme, *hops)) == expected


def test_each_hop_is_asked_for_the_next() -> None:
    way = route(HTTP, SOCKS4A, HTTPS)
    aim = target(443)
    assert [next_stop(aim, way, number) for number in (1, 2, 3)] == [
        ("c.test", 1080),
        ("b.test", 8443),
        ("origin.example.com", 443),
    ]
    connect = rungs("tls", HTTP, SOCKS4A)[0].layer
    assert connect.start().startswith(b"CONNECT c.test:1080 HTTP/1.1\r\n")


def test_addresses_go_where_names_may_not() -> None:
    """What was resolved here goes as an address, with the port of an override."""
    found = rungs("tls", hop(1080, "socks4"), onward={1: ("192.0.2.9", 4443)})
    assert found[0].layer.start() == b"\x04\x01" + (4443).to_bytes(2, "big") + ip_address("192.0.2.9").packed + b"\0"
    socks5 = rungs("tls", hop(1080, "socks5"), onward={1: ("2001:db8::9", 443)})[0].layer
    socks5.start()
    sent, _ = socks5.feed(b"\x05\x00")
    assert sent == b"\x05\x01\x00\x04" + ip_address("2001:db8::9").packed + (443).to_bytes(2, "big")


def test_an_ipv6_target_is_bracketed_for_connect() -> None:
    aim = target(443, host="2001:db8::1")
    (connect, _) = assemble(aim, route(HTTP), {}, settings(), {}, no_guard).rungs
    assert connect.layer.start().startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n")


def test_known_logins_are_sent_at_once() -> None:
    with_login = hop(8080, "http", "a.test", login=True)
    first, second, _ = rungs("tls", with_login, with_login, logged_in=True)
    assert b"Proxy-Authorization: Basic " in first.layer.start()
    assert b"Proxy-Authorization: Basic " in second.layer.start()
    (request,) = rungs("http", with_login, logged_in=True)
    assert b"Proxy-Authorization: Basic " in request.layer.start()
    assert b"Proxy-Authorization" not in rungs("tls", with_login)[0].layer.start()


def test_a_socks4_user_is_an_id_not_a_login() -> None:
    found = rungs("tls", hop(1080, "socks4a", login=True), logged_in=True)
    assert found[0].layer.start().endswith(USER.encode() + b"\0origin.example.com\0")


def test_requests_name_the_program() -> None:
    assert f"User-Agent: {USER_AGENT}\r\n".encode() in rungs("http")[0].layer.start()
    assert f"User-Agent: {USER_AGENT}\r\n".encode() in rungs("tls", HTTP)[0].layer.start()


def test_the_last_proxy_is_known_even_without_a_rung() -> None:
    stack = assemble(target(80, "http"), route(SOCKS4A, HTTP), {}, settings(), {}, no_guard)
    stack.start()
    stack.receive(b"\0\x5a" + bytes(6))
    stack.receive(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    assert stack.failure is not None
    assert (stack.failure.stage, stack.failure.hop) == (Stage.PROXY, 2)


def test_schemes_are_all_covered() -> None:
    assert {Scheme.TLS, Scheme.HTTPS, Scheme.HTTP} == set(Scheme)


@pytest.mark.parametrize(("present", "loaded"), [(frozenset[str](), False), (frozenset({"00"}), True)])
def test_a_client_certificate_needs_a_key_to_show_it_to(
    present: frozenset[str], loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def note(profile: str, alpn: tuple[bytes, ...], client_certificate: str | None = None) -> SSL.Context:
        asked.append(client_certificate)
        return shared_context(profile, alpn)

    monkeypatch.setattr("prober.engine.assembly.shared_context", note)
    chosen = settings(client_certificates={"*": "client.pem"})
    assemble(target(443), route(HTTPS), {}, chosen, {}, no_guard, present)
    assert asked == [None, "client.pem" if loaded else None]
