"""Why an HTTP proxy refused: status, `Proxy-Status`, `X-Squid-Error` and login schemes become one closed reason.

The order of authority: a 407 is a 407; then RFC 9209 `Proxy-Status`, which says what the proxy nearest to us
means; then squid's own mark; then the status. Text of the page never decides.
"""

from __future__ import annotations

from prober.model import Reason
from prober.wire.http1 import ResponseReader, challenges, split_quoted
from prober.wire.layer import Failed, printable

BY_STATUS = {
    400: Reason.PROXY_PROTOCOL_ERROR,
    401: Reason.PROXY_AUTH_REQUIRED,
    403: Reason.PROXY_DENIED,
    404: Reason.NOT_A_PROXY,
    405: Reason.NOT_A_PROXY,
    407: Reason.PROXY_AUTH_REQUIRED,
    429: Reason.PROXY_BUSY,
    451: Reason.PROXY_DENIED,
    500: Reason.PROXY_INTERNAL,
    501: Reason.NOT_A_PROXY,
    502: Reason.PROXY_UPSTREAM_CONNECT,
    503: Reason.PROXY_UPSTREAM_CONNECT,
    504: Reason.PROXY_UPSTREAM_TIMEOUT,
    511: Reason.PROXY_CAPTIVE,
}
"""RFC 9110 section 15 and RFC 6585 section 6 (511), read as a proxy's answer to CONNECT."""

BY_SQUID_ERROR = {
    "ERR_ACCESS_DENIED": Reason.PROXY_DENIED,
    "ERR_CACHE_ACCESS_DENIED": Reason.PROXY_AUTH_REQUIRED,
    "ERR_FORWARDING_DENIED": Reason.PROXY_DENIED,
    "ERR_TOO_BIG": Reason.PROXY_DENIED,
    "ERR_DNS_FAIL": Reason.PROXY_UPSTREAM_DNS,
    "ERR_CONNECT_FAIL": Reason.PROXY_UPSTREAM_CONNECT,
    "ERR_CANNOT_FORWARD": Reason.PROXY_UPSTREAM_CONNECT,
    "ERR_READ_ERROR": Reason.PROXY_UPSTREAM_CONNECT,
    "ERR_SECURE_CONNECT_FAIL": Reason.PROXY_UPSTREAM_TLS,
    "ERR_READ_TIMEOUT": Reason.PROXY_UPSTREAM_TIMEOUT,
}
"""First word of squid's `X-Squid-Error`."""

BY_PROXY_STATUS = {
    "dns_timeout": Reason.PROXY_UPSTREAM_DNS,
    "dns_error": Reason.PROXY_UPSTREAM_DNS,
    "destination_not_found": Reason.PROXY_UPSTREAM_DNS,
    "destination_unavailable": Reason.PROXY_UPSTREAM_CONNECT,
    "destination_ip_prohibited": Reason.PROXY_DENIED,
    "destination_ip_unroutable": Reason.PROXY_UPSTREAM_CONNECT,
    "connection_refused": Reason.PROXY_UPSTREAM_CONNECT,
    "connection_terminated": Reason.PROXY_UPSTREAM_CONNECT,
    "connection_timeout": Reason.PROXY_UPSTREAM_TIMEOUT,
    "connection_read_timeout": Reason.PROXY_UPSTREAM_TIMEOUT,
    "connection_write_timeout": Reason.PROXY_UPSTREAM_TIMEOUT,
    "connection_limit_reached": Reason.PROXY_BUSY,
    "tls_protocol_error": Reason.PROXY_UPSTREAM_TLS,
    "tls_certificate_error": Reason.PROXY_UPSTREAM_TLS,
    "tls_alert_received": Reason.PROXY_UPSTREAM_TLS,
    "http_request_error": Reason.PROXY_PROTOCOL_ERROR,
    "http_request_denied": Reason.PROXY_DENIED,
    "http_response_timeout": Reason.PROXY_UPSTREAM_TIMEOUT,
    "http_protocol_error": Reason.PROXY_UPSTREAM_CONNECT,
    "http_upgrade_failed": Reason.PROXY_UPSTREAM_CONNECT,
    "proxy_internal_error": Reason.PROXY_INTERNAL,
    "proxy_internal_response": Reason.PROXY_INTERNAL,
    "proxy_configuration_error": Reason.PROXY_INTERNAL,
    "proxy_loop_detected": Reason.PROXY_INTERNAL,
}
"""Error types of RFC 9209 section 2.3; the other `http_response_*` types are upstream faults."""

_KEPT = ("x-squid-error", "proxy-status", "via", "server", "location", "retry-after", "proxy-authenticate")


def refusal(reader: ResponseReader, tried: str) -> Failed:
    """What a proxy's final non-2xx answer to `tried` means."""
    reason = _reason(reader)
    marks = [f"{name}: {value}" for name, value in reader.headers if name in _KEPT]
    offered = ", ".join(offered_schemes(reader))
    said = f"{reader.status} to {tried}" + (f", offering {offered}" if offered else "")
    return Failed(reason, printable("; ".join([said, *marks])), reader.status)


def offered_schemes(reader: ResponseReader) -> tuple[str, ...]:
    """Login schemes in the answer; also a 401's, which some proxies send by mistake."""
    return challenges(
        reader.all("proxy-authenticate") or (reader.all("www-authenticate") if reader.status == 401 else [])
    )


def proxy_status_error(reader: ResponseReader) -> str | None:
    """The `error` parameter of the `Proxy-Status` member nearest to us, which is the last (RFC 9209 section 2)."""
    members = [member for value in reader.all("proxy-status") for member in split_quoted(value, ",") if member.strip()]
    if not members:
        return None
    for parameter in split_quoted(members[-1], ";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "error":
            return value.strip().strip('"').lower()
    return None


def squid_error(reader: ResponseReader) -> str | None:
    """The name in squid's `X-Squid-Error` (`ERR_DNS_FAIL`), without the system error behind it."""
    value = reader.first("x-squid-error")
    return value.split(" ", 1)[0] if value else None


def _reason(reader: ResponseReader) -> Reason:
    status = reader.status
    if status == 407:
        return Reason.PROXY_AUTH_REQUIRED
    named = proxy_status_error(reader)
    if named is not None:
        if named in BY_PROXY_STATUS:
            return BY_PROXY_STATUS[named]
        if named.startswith("http_response_"):
            return Reason.PROXY_UPSTREAM_CONNECT
    squid = squid_error(reader)
    if squid in BY_SQUID_ERROR:
        return BY_SQUID_ERROR[squid]
    if status == 503 and reader.first("retry-after") is not None:
        return Reason.PROXY_BUSY
    if 300 <= status < 400:
        return Reason.PROXY_CAPTIVE
    if status in BY_STATUS:
        return BY_STATUS[status]
    return Reason.PROXY_INTERNAL if status >= 500 else Reason.PROXY_PROTOCOL_ERROR
