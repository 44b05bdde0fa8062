"""Status, Proxy-Status, X-Squid-Error and login schemes of a refused CONNECT become one reason."""

from __future__ import annotations

import pytest

from prober.model import Reason
from prober.wire.http1 import ResponseReader
from prober.wire.layer import DETAIL_LIMIT
from prober.wire.refusal import (
    BY_PROXY_STATUS,
    BY_SQUID_ERROR,
    BY_STATUS,
    offered_schemes,
    proxy_status_error,
    refusal,
    squid_error,
)

# RFC 9209 section 2.3, all of it
ERROR_TYPES = [
    "dns_timeout", "dns_error", "destination_not_found",
    "destination_unavailable", "destination_ip_prohibited",
    "destination_ip_unroutable", "connection_refused", "connection_terminated",
    "connection_timeout", "connection_read_timeout",
    "connection_write_timeout", "connection_limit_reached", "tls_protocol_error",
    "tls_certificate_error", "tls_alert_received",
    "http_request_error", "http_request_denied", "http_response_incomplete",
    "http_response_header_section_size",
    "http_response_header_size", "http_response_body_size", "http_response_trailer_section_size",
    "http_response_trailer_size",
    "http_response_transfer_coding", "http_response_content_coding", "http_response_timeout",
    "http_upgrade_failed",
    "http_protocol_error", "proxy_internal_response", "proxy_internal_error",
    "proxy_configuration_error", "proxy_loop_detected",
]  # fmt: skip


def answer(status: int, *headers: str) -> ResponseReader:
    reader = ResponseReader()
    lines = [f"HTTP/1.1 {status} Reason", *headers, "", ""]
    assert reader.feed("\r\n".join(lines).encode())
    return reader


def reason(status: int, *headers: str) -> Reason:
    failed = refusal(answer(status, *headers), "CONNECT h:1")
    assert failed.status == status
    return failed.reason


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (300, Reason.PROXY_CAPTIVE),
        (302, Reason.PROXY_CAPTIVE),
        (399, Reason.PROXY_CAPTIVE),
        (400, Reason.PROXY_PROTOCOL_ERROR),
        (401, Reason.PROXY_AUTH_REQUIRED),
        (402, Reason.PROXY_PROTOCOL_ERROR),
        (403, Reason.PROXY_DENIED),
        (404, Reason.NOT_A_PROXY),
        (405, Reason.NOT_A_PROXY),
        (407, Reason.PROXY_AUTH_REQUIRED),
        (418, Reason.PROXY_PROTOCOL_ERROR),
        (429, Reason.PROXY_BUSY),
        (451, Reason.PROXY_DENIED),
        (500, Reason.PROXY_INTERNAL),
        (501, Reason.NOT_A_PROXY),
        (502, Reason.PROXY_UPSTREAM_CONNECT),
        (503, Reason.PROXY_UPSTREAM_CONNECT),
        (504, Reason.PROXY_UPSTREAM_TIMEOUT),
        (505, Reason.PROXY_INTERNAL),
        (511, Reason.PROXY_CAPTIVE),
        (599, Reason.PROXY_INTERNAL),
        (999, Reason.PROXY_INTERNAL),
    ],
)
def test_status(status: int, expected: Reason) -> None:
    assert reason(status) is expected


def test_every_status_in_the_table_was_asked_for() -> None:
    assert set(BY_STATUS) == {400, 401, 403, 404, 405, 407, 429, 451, 500, 501, 502, 503, 504, 511}


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("ERR_ACCESS_DENIED", 403, Reason.PROXY_DENIED),
        ("ERR_CACHE_ACCESS_DENIED", 407, Reason.PROXY_AUTH_REQUIRED),
        ("ERR_FORWARDING_DENIED", 403, Reason.PROXY_DENIED),
        ("ERR_TOO_BIG", 403, Reason.PROXY_DENIED),
        ("ERR_DNS_FAIL", 503, Reason.PROXY_UPSTREAM_DNS),
        ("ERR_CONNECT_FAIL", 503, Reason.PROXY_UPSTREAM_CONNECT),
        ("ERR_CONNECT_FAIL", 504, Reason.PROXY_UPSTREAM_CONNECT),
        ("ERR_CANNOT_FORWARD", 500, Reason.PROXY_UPSTREAM_CONNECT),
        ("ERR_READ_ERROR", 502, Reason.PROXY_UPSTREAM_CONNECT),
        ("ERR_SECURE_CONNECT_FAIL", 503, Reason.PROXY_UPSTREAM_TLS),
        ("ERR_READ_TIMEOUT", 504, Reason.PROXY_UPSTREAM_TIMEOUT),
    ],
)
def test_squid_says_more_than_the_status(name: str, status: int, expected: Reason) -> None:
    assert reason(status, f"X-Squid-Error: {name} 111") is expected
    assert reason(status, f"X-Squid-Error: {name}") is expected
    assert name in BY_SQUID_ERROR


def test_an_unknown_squid_error_leaves_the_status() -> None:
    assert reason(403, "X-Squid-Error: ERR_SOMETHING_NEW 0") is Reason.PROXY_DENIED
    assert reason(504, "X-Squid-Error:") is Reason.PROXY_UPSTREAM_TIMEOUT
    assert squid_error(answer(403)) is None


@pytest.mark.parametrize("name", ERROR_TYPES)
def test_every_error_type_of_rfc_9209(name: str) -> None:
    expected = BY_PROXY_STATUS.get(name, Reason.PROXY_UPSTREAM_CONNECT)
    assert reason(418, f"Proxy-Status: edge; error={name}") is expected
    assert name in BY_PROXY_STATUS or name.startswith("http_response_")


def test_the_table_holds_no_invented_type() -> None:
    assert set(BY_PROXY_STATUS) <= set(ERROR_TYPES)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (["p; error=dns_error"], "dns_error"),
        (['p;details="a, b; error=dns_error";error=connection_refused'], "connection_refused"),
        (["far; error=dns_error, near; error=http_request_denied"], "http_request_denied"),
        (["far; error=dns_error", "near; error=http_request_denied"], "http_request_denied"),
        (["far; error=dns_error, near"], None),
        (['"quoted; error=dns_error, x"; received-status=200'], None),
        ([r'"a \" b, c"; error=dns_timeout'], "dns_timeout"),
        (["p; ERROR=dns_error"], None),
        (["p; error = DNS_Error "], "dns_error"),
        (['p; error="dns_error"'], "dns_error"),
        (["", ", ,"], None),
        (["p; error=dns_error,"], "dns_error"),
    ],
)
def test_the_last_member_of_proxy_status_is_the_nearest(values: list[str], error: str | None) -> None:
    assert proxy_status_error(answer(502, *(f"Proxy-Status: {value}" for value in values))) == error


def test_order_of_authority() -> None:
    squid, status = "X-Squid-Error: ERR_DNS_FAIL 0", "Proxy-Status: p; error=tls_certificate_error"
    assert reason(503, squid, status) is Reason.PROXY_UPSTREAM_TLS
    assert reason(407, squid, status) is Reason.PROXY_AUTH_REQUIRED
    assert reason(503, squid, "Proxy-Status: p; error=something_new") is Reason.PROXY_UPSTREAM_DNS
    assert reason(503, squid, "Retry-After: 5") is Reason.PROXY_UPSTREAM_DNS
    assert reason(503, "Retry-After: 5") is Reason.PROXY_BUSY
    assert reason(504, "Retry-After: 5") is Reason.PROXY_UPSTREAM_TIMEOUT


def test_the_detail_names_what_was_tried_and_the_marks() -> None:
    detail = refusal(
        answer(407, 'Proxy-Authenticate: Basic realm="x"', "Proxy-Authenticate: NTLM", "Via: 1.1 p (squid/5.7)"),
        "CONNECT h:1",
    ).detail
    assert detail.startswith("407 to CONNECT h:1, offering basic, ntlm; ")
    assert "via: 1.1 p (squid/5.7)" in detail


def test_the_detail_is_bounded_and_harmless() -> None:
    detail = refusal(answer(403, "Via: \u202e\u009b31m" + "x" * 5000), "CONNECT h:1").detail
    assert len(detail) <= DETAIL_LIMIT
    assert detail.isprintable()


def test_offers_of_a_401_count_only_there() -> None:
    assert offered_schemes(answer(401, "WWW-Authenticate: NTLM")) == ("ntlm",)
    assert offered_schemes(answer(403, "WWW-Authenticate: NTLM")) == ()
    assert offered_schemes(answer(407, "WWW-Authenticate: NTLM", "Proxy-Authenticate: Basic")) == ("basic",)
