"""Failures that a proxy is to blame for."""

from __future__ import annotations

from typing import Any

from prober.model import Observation, Reason, Stage

from .case import Case, Provoke
from .peers import (
    OPENED,
    Script,
    after_bytes,
    answering,
    connect_proxy,
    dripping,
    origin,
    response,
    silent,
    socks5_proxy,
    turns,
)
from .world import SHORT, World, hop, server_tls, target

PAGE = "<html>Please sign in</html>"
ENDLESS = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000
ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
SOCKS4_TO_ADDRESS = 9
"""Bytes of a SOCKS 4 request with an address and an empty user id."""
SOCKS5_TO_ADDRESS = 10


def _first(script: Script, scheme: str = "http", *, timeout: float = 5, login: bool = False) -> Provoke:
    """The proxy is the only hop, and the target is an address, so that requests have a known length."""

    async def provoke(world: World) -> Observation:
        proxy = await world.peer(script, tls=server_tls() if scheme == "https" else None)
        return await world.probe(target(443, host="192.0.2.1"), hop(proxy.port, scheme, login=login), timeout=timeout)

    return provoke


def _behind(outer: Script, outer_scheme: str, script: Script, scheme: str = "http", *, timeout: float = 5) -> Provoke:
    """The proxy is the second hop, behind one that does its work."""

    async def provoke(world: World) -> Observation:
        first = await world.peer(outer)
        second = await world.peer(script)
        return await world.probe(
            target(443, host="192.0.2.1"), hop(first.port, outer_scheme), hop(second.port, scheme), timeout=timeout
        )

    return provoke


def _plain(script: Script, *, timeout: float = 5, **changes: Any) -> Provoke:
    """An http:// target: the proxy gets the request itself."""

    async def provoke(world: World) -> Observation:
        proxy = await world.peer(script)
        aim = target(80, "http", **changes)
        return await world.probe(aim, hop(proxy.port), timeout=timeout)

    return provoke


def _plain_behind_two(script: Script) -> Provoke:
    async def provoke(world: World) -> Observation:
        first = await world.peer(socks5_proxy())
        second = await world.peer(script)
        return await world.probe(target(80, "http"), hop(first.port, "socks5h"), hop(second.port))

    return provoke


def _status(line: str, reason: Reason, detail: str, *headers: str, body: str = "") -> Case:
    """One answer to CONNECT."""
    name = " ".join([line, *(header.split(":")[0] for header in headers)])
    status = int(line.split(" ", maxsplit=1)[0])
    return Case(name, Stage.PROXY, 1, reason, detail, _first(answering(response(line, *headers, body=body))), status)


def _proxy_status(error: str, reason: Reason) -> Case:
    return _status("502 Bad Gateway", reason, error, f"Proxy-Status: edge; error={error}")


def _squid(error: str, reason: Reason, line: str = "503 Service Unavailable") -> Case:
    return _status(line, reason, error, f"X-Squid-Error: {error} 110")


def _socks5_reply(code: int, reason: Reason, words: str) -> Case:
    script = turns((3, b"\x05\x00"), (SOCKS5_TO_ADDRESS, b"\x05" + bytes([code]) + b"\x00\x01" + bytes(6)))
    return Case(f"socks5 reply {code}", Stage.PROXY, 1, reason, f"reply {code} ({words}", _first(script, "socks5"))


def _socks4_reply(code: int, reason: Reason, words: str) -> Case:
    script = turns((SOCKS4_TO_ADDRESS, b"\0" + bytes([code]) + bytes(6)))
    return Case(f"socks4 reply {code}", Stage.PROXY, 1, reason, f"reply {code} ({words}", _first(script, "socks4"))


def _proxy(name: str, reason: Reason, detail: str, provoke: Provoke, hop: int = 1, status: int | None = None) -> Case:
    return Case(name, Stage.PROXY, hop, reason, detail, provoke, status)


REFUSALS = [
    _status("403 Forbidden", Reason.PROXY_DENIED, "403 to CONNECT 192.0.2.1:443"),
    _status("451 Unavailable", Reason.PROXY_DENIED, "451 to CONNECT"),
    _status("401 Unauthorized", Reason.PROXY_AUTH_REQUIRED, "offering basic", "WWW-Authenticate: Basic realm=x"),
    _status("407 Login", Reason.PROXY_AUTH_REQUIRED, "offering basic", "Proxy-Authenticate: Basic realm=x"),
    _status(
        "407 Login",
        Reason.PROXY_AUTH_REQUIRED,
        "offering negotiate, ntlm",
        "Proxy-Authenticate: Negotiate",
        "Proxy-Authenticate: NTLM",
    ),
    _status("407 Login", Reason.PROXY_AUTH_REQUIRED, "407 to CONNECT 192.0.2.1:443"),
    _status("400 Bad Request", Reason.PROXY_PROTOCOL_ERROR, "400 to CONNECT"),
    _status("404 Not Found", Reason.NOT_A_PROXY, "404 to CONNECT"),
    _status("405 Method Not Allowed", Reason.NOT_A_PROXY, "server: nginx", "Server: nginx"),
    _status("501 Not Implemented", Reason.NOT_A_PROXY, "501 to CONNECT"),
    _status("429 Too Many Requests", Reason.PROXY_BUSY, "429 to CONNECT"),
    _status("503 Busy", Reason.PROXY_BUSY, "retry-after: 5", "Retry-After: 5"),
    _status("500 Oops", Reason.PROXY_INTERNAL, "500 to CONNECT"),
    _status("599 Oops", Reason.PROXY_INTERNAL, "599 to CONNECT"),
    _status("502 Bad Gateway", Reason.PROXY_UPSTREAM_CONNECT, "502 to CONNECT"),
    _status("503 Unavailable", Reason.PROXY_UPSTREAM_CONNECT, "503 to CONNECT"),
    _status("504 Gateway Timeout", Reason.PROXY_UPSTREAM_TIMEOUT, "504 to CONNECT"),
    _status("302 Found", Reason.PROXY_CAPTIVE, "location: http://portal/", "Location: http://portal/"),
    _status("511 Authentication Required", Reason.PROXY_CAPTIVE, "511 to CONNECT", body=PAGE),
    _proxy_status("dns_error", Reason.PROXY_UPSTREAM_DNS),
    _proxy_status("dns_timeout", Reason.PROXY_UPSTREAM_DNS),
    _proxy_status("connection_refused", Reason.PROXY_UPSTREAM_CONNECT),
    _proxy_status("connection_timeout", Reason.PROXY_UPSTREAM_TIMEOUT),
    _proxy_status("connection_limit_reached", Reason.PROXY_BUSY),
    _proxy_status("tls_certificate_error", Reason.PROXY_UPSTREAM_TLS),
    _proxy_status("tls_alert_received", Reason.PROXY_UPSTREAM_TLS),
    _proxy_status("http_request_denied", Reason.PROXY_DENIED),
    _proxy_status("proxy_internal_error", Reason.PROXY_INTERNAL),
    _squid("ERR_DNS_FAIL", Reason.PROXY_UPSTREAM_DNS),
    _squid("ERR_CONNECT_FAIL", Reason.PROXY_UPSTREAM_CONNECT),
    _squid("ERR_SECURE_CONNECT_FAIL", Reason.PROXY_UPSTREAM_TLS),
    _squid("ERR_READ_TIMEOUT", Reason.PROXY_UPSTREAM_TIMEOUT),
    _squid("ERR_ACCESS_DENIED", Reason.PROXY_DENIED, "403 Forbidden"),
]

SOCKS = [
    _socks5_reply(1, Reason.PROXY_INTERNAL, "general failure"),
    _socks5_reply(2, Reason.PROXY_DENIED, "not allowed"),
    _socks5_reply(3, Reason.PROXY_UPSTREAM_CONNECT, "network unreachable"),
    _socks5_reply(4, Reason.PROXY_UPSTREAM_CONNECT, "host unreachable"),
    _socks5_reply(5, Reason.PROXY_UPSTREAM_CONNECT, "connection refused"),
    _socks5_reply(6, Reason.PROXY_UPSTREAM_TIMEOUT, "TTL expired"),
    _socks5_reply(7, Reason.PROXY_PROTOCOL_ERROR, "command not supported"),
    _socks5_reply(8, Reason.PROXY_PROTOCOL_ERROR, "address type not supported"),
    _socks5_reply(99, Reason.PROXY_PROTOCOL_ERROR, "unknown"),
    _socks4_reply(0x5B, Reason.PROXY_UPSTREAM_CONNECT, "request rejected"),
    _socks4_reply(0x5C, Reason.PROXY_AUTH_REQUIRED, "the proxy could not reach an identd"),
    _socks4_reply(0x5D, Reason.PROXY_AUTH_FAILED, "identd and the user id"),
    _proxy("no method suits", Reason.PROXY_AUTH_REQUIRED, "method 255", _first(turns((3, b"\x05\xff")), "socks5h")),
    _proxy(
        "method not offered", Reason.PROXY_PROTOCOL_ERROR, "chose method 1", _first(turns((3, b"\x05\x01")), "socks5h")
    ),
    _proxy(
        "socks5 password refused",
        Reason.PROXY_AUTH_FAILED,
        "refused the password (status 1)",
        _first(socks5_proxy(user=b"other", password=b"other"), "socks5h", login=True),
    ),
    _proxy("socks5 hangs up", Reason.PROXY_CLOSED, "SOCKS5 CONNECT", _first(after_bytes(then="close"), "socks5")),
    _proxy("socks4 hangs up", Reason.PROXY_CLOSED, "SOCKS4 CONNECT", _first(after_bytes(then="close"), "socks4a")),
    _proxy(
        "http answers socks5", Reason.NOT_A_PROXY, "use http://", _first(after_bytes(response("400 What")), "socks5")
    ),
    _proxy(
        "http answers socks4", Reason.NOT_A_PROXY, "use http://", _first(after_bytes(response("400 What")), "socks4")
    ),
    _proxy(
        "tls answers socks5",
        Reason.NOT_A_PROXY,
        "use https://",
        _first(after_bytes(ALERT), "socks5"),
    ),
    _proxy("garbage to socks5", Reason.PROXY_PROTOCOL_ERROR, "SSH-2.0", _first(after_bytes(b"SSH-2.0-x"), "socks5")),
    _proxy(
        "silent socks5",
        Reason.PROXY_TIMEOUT,
        "waiting for hop 1 (socks5://127.0.0.1:",
        _first(silent, "socks5", timeout=SHORT),
    ),
]

CONVERSATIONS = [
    _proxy(
        "one byte at a time",
        Reason.PROXY_TIMEOUT,
        "no end after 0.3 s while waiting for hop 1 (http://",
        _first(dripping(OPENED, 0.1), timeout=SHORT),
    ),
    _proxy(
        "second hop never answers",
        Reason.PROXY_TIMEOUT,
        "waiting for hop 2 (http://",
        _behind(connect_proxy(), "http", silent, timeout=SHORT),
        2,
    ),
    _proxy("closes at once", Reason.PROXY_CLOSED, "without an answer", _first(after_bytes(then="close"))),
    _proxy(
        "closes inside the head",
        Reason.PROXY_CLOSED,
        "after 'HTTP/1.1 200 O' to CONNECT",
        _first(answering(b"HTTP/1.1 200 O", then="close")),
    ),
    _proxy(
        "second hop closes",
        Reason.PROXY_CLOSED,
        "without an answer to CONNECT",
        _behind(socks5_proxy(), "socks5h", after_bytes(then="close")),
        2,
    ),
    _proxy(
        "second hop denies",
        Reason.PROXY_DENIED,
        "403 to CONNECT",
        _behind(connect_proxy(), "http", answering(response("403 No"))),
        2,
        403,
    ),
    _proxy("garbage", Reason.PROXY_PROTOCOL_ERROR, "SSH-2.0", _first(after_bytes(b"SSH-2.0-x\r\n"))),
    _proxy(
        "endless head",
        Reason.PROXY_PROTOCOL_ERROR,
        "65536",
        _first(answering(ENDLESS)),
    ),
    _proxy("TLS to CONNECT", Reason.PROXY_PROTOCOL_ERROR, "not HTTP", _first(after_bytes(ALERT))),
    _proxy(
        "page in the tunnel",
        Reason.PROXY_CAPTIVE,
        "<html>",
        _first(answering(OPENED + PAGE.encode())),
    ),
    _proxy("page with a 200", Reason.PROXY_CAPTIVE, "<html>", _first(answering(response("200 OK", body=PAGE)))),
    _proxy(
        "second hop's page",
        Reason.PROXY_CAPTIVE,
        "<html>",
        _behind(connect_proxy(), "http", answering(OPENED + PAGE.encode())),
        2,
    ),
    _proxy("clear text after", Reason.PROXY_PROTOCOL_ERROR, "220 mail", _first(answering(OPENED + b"220 mail"))),
]

PLAIN = [
    _proxy("plain 403", Reason.PROXY_DENIED, "403 to GET http://", _plain(answering(response("403 No"))), status=403),
    _proxy(
        "plain 403 at the second hop",
        Reason.PROXY_DENIED,
        "403 to GET http://",
        _plain_behind_two(answering(response("403 No"))),
        2,
        403,
    ),
    _proxy("plain 407", Reason.PROXY_AUTH_REQUIRED, "407 to GET", _plain(answering(response("407 Login"))), status=407),
    _proxy(
        "plain with squid's mark",
        Reason.PROXY_UPSTREAM_DNS,
        "ERR_DNS_FAIL",
        _plain(answering(response("503 No", "X-Squid-Error: ERR_DNS_FAIL 0"))),
        status=503,
    ),
    _proxy(
        "plain with proxy-status",
        Reason.PROXY_UPSTREAM_TLS,
        "tls_protocol_error",
        _plain(answering(response("200 Odd", "Proxy-Status: edge; error=tls_protocol_error"))),
        status=200,
    ),
    _proxy("plain 504", Reason.PROXY_UPSTREAM_TIMEOUT, "504 to GET", _plain(answering(response("504 No"))), status=504),
    _proxy("plain 511", Reason.PROXY_CAPTIVE, "511 to GET", _plain(answering(response("511 Sign in"))), status=511),
    _proxy(
        "page for a revocation list",
        Reason.PROXY_CAPTIVE,
        "<html>",
        _plain(origin(response("200 OK", body=PAGE)), path="/pki/list.crl"),
        status=200,
    ),
]

CASES = [*REFUSALS, *SOCKS, *CONVERSATIONS, *PLAIN]
