"""The request to the target, and whose answer it was (contract.md, *reachable*)."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from prober.model import Reason, Scheme
from prober.wire.exchange import MAX_BODY, Exchange, document_parses
from prober.wire.http1 import MAX_HEAD, basic
from prober.wire.layer import NEED_MORE, Challenge, Done, Failed, Outcome

from .transcripts import LOGIN, bytewise, end_early, play, play_all_cuts, reason_of, target

ASKED = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n"


def crl_and_certificate() -> tuple[bytes, bytes, bytes, bytes]:
    """A CRL and a certificate, each in DER and PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    at = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    later = at + dt.timedelta(days=1)
    crl = x509.CertificateRevocationListBuilder(name, at, later).sign(key, hashes.SHA256())
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, at, later).sign(key, hashes.SHA256())
    der, pem = serialization.Encoding.DER, serialization.Encoding.PEM
    return crl.public_bytes(der), crl.public_bytes(pem), certificate.public_bytes(der), certificate.public_bytes(pem)


CRL, CRL_PEM, CRT, CRT_PEM = crl_and_certificate()
CAB = b"MSCF\x00\x00\x00\x00 the rest"
PAGE = b"<html>Please log in</html>"


def response(status: int = 200, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Reason", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def outcome_of(layer: Exchange, answer: bytes) -> Outcome:
    return play(layer, [[answer]]).outcome


# requests


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (
            Exchange(target(path="/a?b=c"), user_agent="ua"),
            "GET /a?b=c HTTP/1.1|Host: host.test|User-Agent: ua|Accept: */*|Connection: close",
        ),
        (
            Exchange(target(path="/a?b=c"), user_agent="ua", proxied=True, via_proxy=True),
            "GET http://host.test/a?b=c HTTP/1.1|Host: host.test|User-Agent: ua|Accept: */*|Proxy-Connection: close"
            "|Connection: close",
        ),
        (
            Exchange(target(), user_agent="ua", proxied=True, via_proxy=True, can_login=True),
            "GET http://host.test/ HTTP/1.1|Host: host.test|User-Agent: ua|Accept: */*|Proxy-Connection: keep-alive",
        ),
        (
            Exchange(target(port=8080), user_agent="ua", proxied=True),
            "GET http://host.test:8080/ HTTP/1.1|Host: host.test:8080|User-Agent: ua|Accept: */*"
            "|Proxy-Connection: close|Connection: close",
        ),
        (
            Exchange(target(host="2001:db8::1"), user_agent="ua"),
            "GET / HTTP/1.1|Host: [2001:db8::1]|User-Agent: ua|Accept: */*|Connection: close",
        ),
        (
            Exchange(target(Scheme.HTTPS, host="2001:db8::1", port=8443, method="HEAD"), user_agent="ua"),
            "HEAD / HTTP/1.1|Host: [2001:db8::1]:8443|User-Agent: ua|Accept: */*|Connection: close",
        ),
        (
            Exchange(target(Scheme.HTTPS, method="POST"), user_agent="ua"),
            "POST / HTTP/1.1|Host: host.test|User-Agent: ua|Accept: */*|Connection: close|Content-Length: 0",
        ),
    ],
    ids=["origin", "absolute", "absolute with login", "port", "IPv6", "IPv6 port HEAD", "POST"],
)
def test_requests(exchange: Exchange, expected: str) -> None:
    assert exchange.start().decode() == expected.replace("|", "\r\n") + "\r\n\r\n"


# inside TLS: any well-formed response is the target's


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 407, 500, 502, 503, 511])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_inside_tls_any_response_counts(status: int, method: str) -> None:
    layer = Exchange(target(Scheme.HTTPS, path="/a.crl", method=method), user_agent="ua")
    answer = response(status, PAGE, "X-Squid-Error: ERR_DNS_FAIL 0", "Proxy-Status: p; error=dns_error")
    assert isinstance(outcome_of(layer, answer), Done)
    assert layer.facts is not None
    assert layer.facts.status == layer.status == status
    assert not layer.blames_proxy


# in the clear: whose answer is it?

UNEXPECTED = [
    (401, Reason.PROXY_AUTH_REQUIRED),
    (403, Reason.PROXY_DENIED),
    (500, Reason.PROXY_INTERNAL),
    (502, Reason.PROXY_UPSTREAM_CONNECT),
    (503, Reason.PROXY_UPSTREAM_CONNECT),
    (504, Reason.PROXY_UPSTREAM_TIMEOUT),
    (511, Reason.PROXY_CAPTIVE),
]


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize(("status", "reason"), UNEXPECTED)
def test_suspicious_statuses_through_a_proxy(proxied: bool, status: int, reason: Reason) -> None:
    layer = Exchange(target(), user_agent="ua", proxied=proxied, via_proxy=True)
    outcome = outcome_of(layer, response(status, PAGE))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.status) == (reason, status)
    assert layer.blames_proxy
    expected = Exchange(target(expected=(200, status)), user_agent="ua", proxied=proxied, via_proxy=True)
    assert isinstance(outcome_of(expected, response(status, PAGE)), Done)
    assert not expected.blames_proxy
    direct = Exchange(target(), user_agent="ua")
    assert isinstance(outcome_of(direct, response(status, PAGE)), Done)


@pytest.mark.parametrize("status", [200, 204, 301, 302, 400, 404, 501])
def test_other_statuses_are_the_origins(status: int) -> None:
    layer = Exchange(target(), user_agent="ua", proxied=True, via_proxy=True)
    assert isinstance(outcome_of(layer, response(status, PAGE)), Done)


@pytest.mark.parametrize(
    ("status", "header", "reason"),
    [
        (407, "Via: x", Reason.PROXY_AUTH_REQUIRED),
        (404, "X-Squid-Error: ERR_DNS_FAIL 0", Reason.PROXY_UPSTREAM_DNS),
        (200, "X-Squid-Error: ERR_ACCESS_DENIED 0", Reason.PROXY_DENIED),
        (503, "Proxy-Status: p; error=connection_timeout", Reason.PROXY_UPSTREAM_TIMEOUT),
    ],
)
@pytest.mark.parametrize("via_proxy", [False, True])
def test_marks_of_a_proxy_are_never_the_origins(status: int, header: str, reason: Reason, via_proxy: bool) -> None:
    layer = Exchange(target(expected=(status,)), user_agent="ua", via_proxy=via_proxy)
    assert reason_of(outcome_of(layer, response(status, PAGE, header))) is reason
    assert layer.blames_proxy


def test_a_proxy_status_without_an_error_is_no_failure() -> None:
    layer = Exchange(target(), user_agent="ua", via_proxy=True)
    assert isinstance(outcome_of(layer, response(200, PAGE, "Proxy-Status: p; received-status=200")), Done)


# documents


def framed(body: bytes) -> dict[str, bytes]:
    size = f"{len(body):x}".encode()
    half = len(body) // 2
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (body[:half], body[half:]) if part)
    return {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body,
        "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + body + b"\r\n0\r\n\r\n",
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nT: x\r\n\r\n",
        "behind a 1xx": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body,
    }


GENUINE = [
    ("/pki/a.crl", CRL),
    ("/pki/a.crl", CRL_PEM),
    ("/a.CRL?x=y", CRL),
    ("/a.crt", CRT),
    ("/a.crt", b"\r\n" + CRT_PEM),
    ("/authroot.cab", CAB),
]


@pytest.mark.parametrize("framing", ["length", "chunk", "chunks", "behind a 1xx"])
@pytest.mark.parametrize(("path", "body"), GENUINE)
def test_genuine_documents(path: str, body: bytes, framing: str) -> None:
    def make() -> Exchange:
        return Exchange(target(path=path), user_agent="ua", via_proxy=True)

    answer = framed(body)[framing]
    assert play_all_cuts(make, [answer]).outcome == Done()
    assert end_early(make, [answer]) == {Reason.HTTP_CLOSED}


@pytest.mark.parametrize(("path", "body"), GENUINE)
def test_genuine_documents_until_the_end_of_the_connection(path: str, body: bytes) -> None:
    answer = b"HTTP/1.0 200 OK\r\n\r\n" + body
    for cut in [[answer], bytewise(answer)]:
        layer = Exchange(target(path=path), user_agent="ua")
        assert play(layer, [cut]).outcome is NEED_MORE
        assert layer.eof() == Done()


@pytest.mark.parametrize("framing", ["length", "chunk", "chunks", "behind a 1xx"])
@pytest.mark.parametrize(
    ("path", "body"),
    [("/a.crl", PAGE), ("/a.crl", CRT), ("/a.crl", CRL[:-1]), ("/a.crt", PAGE), ("/a.crt", CRL), ("/a.cab", PAGE)],
    ids=["crl: page", "crl: crt", "crl: cut", "crt: page", "crt: crl", "cab: page"],
)
def test_a_portal_in_place_of_a_document(path: str, body: bytes, framing: str) -> None:
    layer = Exchange(target(path=path, expected=(200,)), user_agent="ua")
    outcome = play_all_cuts(lambda: Exchange(target(path=path), user_agent="ua"), [framed(body)[framing]]).outcome
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.status) == (Reason.PROXY_CAPTIVE, 200)
    assert reason_of(outcome_of(layer, framed(body)[framing])) is Reason.PROXY_CAPTIVE
    assert layer.blames_proxy


def test_an_empty_document_and_a_page_until_eof_are_a_portals() -> None:
    assert reason_of(outcome_of(Exchange(target(path="/a.crl"), user_agent="ua"), response())) is Reason.PROXY_CAPTIVE
    layer = Exchange(target(path="/a.crl"), user_agent="ua")
    assert outcome_of(layer, b"HTTP/1.1 200 OK\r\n\r\n" + PAGE) is NEED_MORE
    assert reason_of(layer.eof()) is Reason.PROXY_CAPTIVE


@pytest.mark.parametrize(
    ("method", "status", "path"),
    [
        ("HEAD", 200, "/a.crl"),
        ("POST", 200, "/a.crl"),
        ("GET", 304, "/a.crl"),
        ("GET", 404, "/a.crl"),
        ("GET", 200, "/a?b=.crl"),
    ],
)
def test_bodies_that_need_no_look(method: str, status: int, path: str) -> None:
    layer = Exchange(target(path=path, method=method), user_agent="ua", via_proxy=True)
    head = f"HTTP/1.1 {status} Reason\r\nContent-Length: 5000\r\n\r\n".encode()
    assert play_all_cuts(lambda: Exchange(target(path=path, method=method), user_agent="ua"), [head]).outcome == Done()
    assert outcome_of(layer, head) == Done()


def test_a_path_that_is_no_url_by_itself() -> None:
    layer = Exchange(target(path="//[x/a.crl"), user_agent="ua")
    assert outcome_of(layer, framed(CRL)["length"]) == Done()


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"T: " + b"x" * 8000 + b"\r\n"),
    ],
    ids=["body", "trailers"],
)
def test_an_endless_document_is_refused(head: bytes, piece: bytes) -> None:
    layer = Exchange(target(path="/a.cab"), user_agent="ua")
    outcome = outcome_of(layer, head)
    fed = 0
    while outcome is NEED_MORE:
        fed += len(piece)
        assert fed <= MAX_BODY + len(piece)
        outcome = layer.feed(piece)[1]
    assert reason_of(outcome) is Reason.HTTP_PROTOCOL_ERROR


def test_document_parses_never_raises_for_other_names() -> None:
    assert document_parses("/a.txt", b"anything")


# ends and nonsense


def test_early_ends() -> None:
    def make() -> Exchange:
        return Exchange(target(Scheme.HTTPS), user_agent="ua")

    assert end_early(make, [response(200, b"", "Server: x")]) == {Reason.HTTP_CLOSED}
    assert play_all_cuts(make, [response(200, b"body")]).outcome == Done(b"body")
    layer = make()
    layer.start()
    assert not layer.answering
    layer.feed(b"H")
    assert layer.answering


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-x\r\n", b"<html>", b"HTTP/1.1 2x\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28"]
)
def test_nonsense_is_a_protocol_error(answer: bytes) -> None:
    played = play_all_cuts(lambda: Exchange(target(Scheme.HTTPS), user_agent="ua"), [answer])
    assert reason_of(played.outcome) is Reason.HTTP_PROTOCOL_ERROR


def test_an_endless_head_is_refused() -> None:
    layer = Exchange(target(), user_agent="ua")
    assert reason_of(outcome_of(layer, b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_HEAD)) is Reason.HTTP_PROTOCOL_ERROR


def test_kept_headers_are_few_and_bounded() -> None:
    layer = Exchange(target(Scheme.HTTPS), user_agent="ua")
    lines = [*(f"Via: {i}" for i in range(50)), "Server: \u202e" + "s" * 1000, "Set-Cookie: secret"]
    outcome_of(layer, response(200, b"", lines[-2], lines[-1], *lines[:-2]))
    assert layer.facts is not None
    assert len(layer.facts.headers) == 16
    assert all(len(value) <= 256 and value.isprintable() for _, value in layer.facts.headers)
    assert {name for name, _ in layer.facts.headers} == {"server", "via"}


# login


def proxied(can_login: bool = True) -> Exchange:
    return Exchange(target(), user_agent="ua", proxied=True, via_proxy=True, can_login=can_login)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 0\r\n\r\n",
        b"Content-Length: 2\r\n\r\nno",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    ],
)
def test_login_on_the_same_connection(rest: bytes) -> None:
    played = play_all_cuts(proxied, [ASKED + rest, b"HTTP/1.1 204 No Content\r\n\r\n"], login=True)
    assert isinstance(played.outcome, Done)
    again = played.sent[1].decode()
    assert f"\r\nProxy-Authorization: {basic(*LOGIN)}\r\n" in again
    assert again.startswith("GET http://host.test/ HTTP/1.1\r\n")


def test_login_rejected_and_what_is_told() -> None:
    layer = proxied()
    played = play(layer, [[ASKED + b"Content-Length: 0\r\n\r\n"], [ASKED + b"\r\n"]], login=True)
    assert reason_of(played.outcome) is Reason.PROXY_AUTH_FAILED
    assert (layer.login_state, layer.offered, layer.blames_proxy) == ("rejected", ("basic",), True)
    layer = proxied()
    play(layer, [[ASKED + b"Content-Length: 0\r\n\r\n"], [response()]], login=True)
    assert layer.login_state == "accepted"
    assert layer.status == 200
    layer = proxied()
    layer.preauthorise(*LOGIN)
    assert b"Proxy-Authorization" in layer.start()
    assert reason_of(layer.feed(ASKED + b"\r\n")[1]) is Reason.PROXY_AUTH_FAILED


def test_a_401_after_a_login() -> None:
    """Some proxies say 401 where they mean 407; an origin names the scheme it wants."""
    layer = proxied()
    asked = ASKED + b"Content-Length: 0\r\n\r\n"
    played = play(layer, [[asked], [response(401, PAGE)]], login=True)
    assert reason_of(played.outcome) is Reason.PROXY_AUTH_FAILED
    assert layer.login_state == "rejected"
    wanted = target(expected=(401,))
    layer = Exchange(wanted, user_agent="ua", proxied=True, via_proxy=True, can_login=True)
    played = play(layer, [[asked], [response(401, PAGE, "WWW-Authenticate: Basic")]], login=True)
    assert isinstance(played.outcome, Done)
    assert layer.login_state == "accepted"


def test_407_without_a_way_on() -> None:
    assert reason_of(outcome_of(proxied(False), ASKED + b"\r\n")) is Reason.PROXY_AUTH_REQUIRED
    digest = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=x\r\n\r\n"
    assert reason_of(outcome_of(proxied(), digest)) is Reason.PROXY_AUTH_REQUIRED


@pytest.mark.parametrize(
    "rest", [b"Connection: close\r\n\r\n", b"\r\npage", b"Content-Length: 9000000\r\n\r\n" + b"a" * 2**19]
)
def test_407_that_ends_the_connection(rest: bytes) -> None:
    outcome = outcome_of(proxied(), ASKED + rest)
    assert isinstance(outcome, Challenge)
    assert not outcome.reusable
    layer = proxied()
    assert outcome_of(layer, ASKED + b"Content-Length: 9\r\n\r\npart") is NEED_MORE
    cut = layer.eof()
    assert isinstance(cut, Challenge)
    assert not cut.reusable
