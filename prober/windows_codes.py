"""Windows error codes beside our failure words: what a Defender component on Windows would show about.

A mapping for orientation, not an observation. WinHTTP and WinINET codes become HRESULTs by adding 0x80070000,
HTTP statuses by adding 0x80190000. Code 12175 stands for any TLS or certificate fault, so nothing is read into it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from prober.model import Failure, Reason, Stage

_WIN32: Final = 0x8007_0000
_HTTP: Final = 0x8019_0000


@dataclass(frozen=True, slots=True)
class WindowsCode:
    """One code as Windows shows it."""

    code: int | None
    """WinHTTP's decimal number, where it has one."""
    hresult: str
    """`0x80072EE7`"""
    name: str


@dataclass(frozen=True, slots=True)
class WindowsMeaning:
    """What a code means, with the failure words that may stand behind it."""

    name: str
    meaning: str
    reasons: tuple[Reason, ...] = ()


_R = Reason
_TIMEOUTS = (_R.TCP_TIMEOUT, _R.PROXY_TIMEOUT, _R.TLS_TIMEOUT, _R.HTTP_TIMEOUT)
_DNS = (_R.DNS_NXDOMAIN, _R.DNS_NODATA, _R.DNS_SERVFAIL, _R.DNS_TIMEOUT)
_TLS = (_R.TLS_VERSION, _R.TLS_HANDSHAKE, _R.TLS_HANDSHAKE_CLOSED)
_CERT = tuple(reason for reason in Reason if reason.startswith("cert-"))

WINHTTP: Final[dict[int, WindowsMeaning]] = {
    code: WindowsMeaning(name if "ERROR_" in name else f"ERROR_WINHTTP_{name}", meaning, reasons)
    for code, name, meaning, reasons in (
        (12002, "TIMEOUT", "a phase of the request ran out of time", _TIMEOUTS),
        (12004, "INTERNAL_ERROR", "an internal fault of the Windows HTTP stack", ()),
        (12005, "INVALID_URL", "the URL cannot be parsed: a setting is wrong", ()),
        (12007, "NAME_NOT_RESOLVED", "a name was not resolved; behind a proxy it is the proxy's own name", _DNS),
        (12012, "SHUTDOWN", "the Windows HTTP stack was being unloaded", ()),
        (12015, "LOGIN_FAILURE", "a login failed", (_R.PROXY_AUTH_REQUIRED, _R.HTTP_AUTH_REQUIRED)),
        (12017, "OPERATION_CANCELLED", "the request was given up before it ended", ()),
        (12019, "INCORRECT_HANDLE_STATE", "a call was made in the wrong state", ()),
        (12029, "CANNOT_CONNECT", "TCP to the server, or to the proxy in use, failed",
         (_R.TCP_REFUSED, _R.TCP_UNREACHABLE, _R.TCP_TIMEOUT)),
        (12030, "CONNECTION_ERROR", "the connection was reset or closed, or no TLS version is common",
         (_R.TCP_RESET, _R.TLS_HANDSHAKE_CLOSED, _R.PROXY_CLOSED, _R.HTTP_CLOSED, _R.TLS_VERSION)),
        (12031, "ERROR_INTERNET_CONNECTION_RESET", "the connection was reset (WinINET)", (_R.TCP_RESET,)),
        (12032, "RESEND_REQUEST", "the request is to be sent again: a signal, not a fault", ()),
        (12033, "ERROR_INTERNET_INVALID_PROXY_REQUEST", "the request to the proxy was invalid (WinINET)",
         (_R.PROXY_PROTOCOL_ERROR,)),
        (12037, "SECURE_CERT_DATE_INVALID", "a certificate is outside its validity period",
         (_R.CERT_EXPIRED, _R.CERT_NOT_YET_VALID)),
        (12038, "SECURE_CERT_CN_INVALID", "the host name is not in the certificate", (_R.CERT_NAME_MISMATCH,)),
        (12044, "CLIENT_AUTH_CERT_NEEDED", "the server asks for a client certificate", (_R.CLIENT_CERT_REQUIRED,)),
        (12045, "SECURE_INVALID_CA", "the chain ends in an untrusted root; often TLS inspection", (_R.CERT_UNTRUSTED,)),
        (12055, "ERROR_INTERNET_SEC_CERT_ERRORS", "the certificate has errors (WinINET)", (_R.CERT_INVALID,)),
        (12057, "SECURE_CERT_REV_FAILED", "revocation could not be checked", (_R.REVOCATION_UNREACHABLE,)),
        (12151, "ERROR_HTTP_DOWNLEVEL_SERVER", "the server sent no headers (WinINET)", (_R.HTTP_PROTOCOL_ERROR,)),
        (12152, "INVALID_SERVER_RESPONSE", "the answer cannot be parsed as HTTP",
         (_R.HTTP_PROTOCOL_ERROR, _R.PROXY_PROTOCOL_ERROR)),
        (12153, "ERROR_HTTP_INVALID_HEADER", "a header is invalid (WinINET)", (_R.HTTP_PROTOCOL_ERROR,)),
        (12156, "REDIRECT_FAILED", "a redirect was refused, or there were too many", (_R.PROXY_CAPTIVE,)),
        (12157, "SECURE_CHANNEL_ERROR", "an error inside Schannel", (_R.TLS_VERSION, _R.TLS_HANDSHAKE)),
        (12163, "ERROR_INTERNET_DISCONNECTED", "no connectivity (WinINET)", (_R.TCP_UNREACHABLE,)),
        (12164, "ERROR_INTERNET_SERVER_UNREACHABLE", "the server is unreachable (WinINET)", (_R.TCP_UNREACHABLE,)),
        (12165, "ERROR_INTERNET_PROXY_SERVER_UNREACHABLE", "the proxy is unreachable (WinINET)",
         (_R.TCP_REFUSED, _R.TCP_UNREACHABLE, _R.TCP_TIMEOUT)),
        (12166, "BAD_AUTO_PROXY_SCRIPT", "the PAC script could not be run", (_R.PAC_SCRIPT_ERROR,)),
        (12167, "UNABLE_TO_DOWNLOAD_SCRIPT", "the PAC script could not be downloaded", (_R.PAC_FETCH_FAILED,)),
        (12169, "SECURE_INVALID_CERT", "the certificate is invalid", (_R.CERT_INVALID,)),
        (12170, "SECURE_CERT_REVOKED", "the certificate is revoked", (_R.CERT_REVOKED,)),
        (12175, "SECURE_FAILURE",
         "some TLS or certificate fault; the code does not say which (in WinINET: content decoding failed)",
         (*_TLS, *_CERT, _R.REVOCATION_UNREACHABLE)),
        (12176, "UNHANDLED_SCRIPT_TYPE", "this type of PAC script is not supported", (_R.PAC_SCRIPT_ERROR,)),
        (12177, "SCRIPT_EXECUTION_ERROR", "the PAC script failed while it ran", (_R.PAC_SCRIPT_ERROR,)),
        (12178, "AUTO_PROXY_SERVICE_ERROR", "the automatic proxy service found no proxy or cannot be used",
         (_R.WPAD_NONE,)),
        (12179, "SECURE_CERT_WRONG_USAGE", "the certificate is not valid for this use", (_R.CERT_WRONG_USAGE,)),
        (12180, "AUTODETECTION_FAILED", "WPAD found no PAC address", (_R.WPAD_NONE,)),
        (12181, "HEADER_COUNT_EXCEEDED", "too many headers", (_R.HTTP_PROTOCOL_ERROR,)),
        (12182, "HEADER_SIZE_OVERFLOW", "the headers are too large", (_R.HTTP_PROTOCOL_ERROR,)),
        (12183, "CHUNKED_ENCODING_HEADER_SIZE_OVERFLOW", "a chunk header is too large", (_R.HTTP_PROTOCOL_ERROR,)),
        (12184, "RESPONSE_DRAIN_OVERFLOW", "the answer is too large to drain", (_R.HTTP_PROTOCOL_ERROR,)),
        (12185, "CLIENT_CERT_NO_PRIVATE_KEY", "the client certificate has no private key", (_R.CLIENT_CERT_UNUSABLE,)),
        (12186, "CLIENT_CERT_NO_ACCESS_PRIVATE_KEY", "the private key may not be used", (_R.CLIENT_CERT_UNUSABLE,)),
        (12187, "CLIENT_AUTH_CERT_NEEDED_PROXY", "the HTTPS proxy asks for a client certificate",
         (_R.PROXY_CLIENT_CERT_REQUIRED,)),
        (12188, "SECURE_FAILURE_PROXY", "a TLS or certificate fault on the way to an HTTPS proxy (stage proxy-tls)",
         (*_TLS, *_CERT)),
        (12190, "HTTP_PROTOCOL_MISMATCH", "the peer uses another HTTP version", (_R.HTTP_PROTOCOL_ERROR,)),
        (12191, "GLOBAL_CALLBACK_FAILED", "an internal fault of the Windows HTTP stack", ()),
        (12192, "FEATURE_DISABLED", "a feature is switched off: a setting is wrong", ()),
    )
}  # fmt: skip
"""WinHTTP's and WinINET's own numbers."""

HTTP_NAMES: Final = {
    401: "HTTP_E_STATUS_DENIED",
    403: "HTTP_E_STATUS_FORBIDDEN",
    404: "HTTP_E_STATUS_NOT_FOUND",
    407: "HTTP_E_STATUS_PROXY_AUTH_REQ",
    500: "HTTP_E_STATUS_SERVER_ERROR",
    502: "HTTP_E_STATUS_BAD_GATEWAY",
    503: "HTTP_E_STATUS_SERVICE_UNAVAIL",
    504: "HTTP_E_STATUS_GATEWAY_TIMEOUT",
}

OTHERS: Final[dict[int, WindowsMeaning]] = {
    0x8007_0006: WindowsMeaning(
        "ERROR_INVALID_HANDLE", "a follow-on error without a meaning for the network: look at the error before it"
    ),
    0x8007_2746: WindowsMeaning("WSAECONNRESET", "the connection was reset", (_R.TCP_RESET,)),
    0x8007_274C: WindowsMeaning("WSAETIMEDOUT", "the TCP connection timed out", (_R.TCP_TIMEOUT,)),
    0x8007_274D: WindowsMeaning("WSAECONNREFUSED", "the TCP connection was refused", (_R.TCP_REFUSED,)),
    0x8007_2751: WindowsMeaning("WSAEHOSTUNREACH", "there is no route to the host", (_R.TCP_UNREACHABLE,)),
    0x8007_2AF9: WindowsMeaning("WSAHOST_NOT_FOUND", "the name was not found", (_R.DNS_NXDOMAIN,)),
    0x8009_2010: WindowsMeaning("CRYPT_E_REVOKED", "the certificate is revoked", (_R.CERT_REVOKED,)),
    0x8009_2012: WindowsMeaning(
        "CRYPT_E_NO_REVOCATION_CHECK", "revocation could not be checked", (_R.REVOCATION_UNREACHABLE,)
    ),
    0x8009_2013: WindowsMeaning(
        "CRYPT_E_REVOCATION_OFFLINE", "the revocation source cannot be reached", (_R.REVOCATION_UNREACHABLE,)
    ),
    0x800B_0101: WindowsMeaning(
        "CERT_E_EXPIRED", "a certificate is outside its validity period", (_R.CERT_EXPIRED, _R.CERT_NOT_YET_VALID)
    ),
    0x800B_0109: WindowsMeaning("CERT_E_UNTRUSTEDROOT", "the chain ends in an untrusted root", (_R.CERT_UNTRUSTED,)),
    0x800B_010A: WindowsMeaning(
        "CERT_E_CHAINING", "no chain to a root could be built", (_R.CERT_UNTRUSTED, _R.CERT_INCOMPLETE_CHAIN)
    ),
    0x800B_010F: WindowsMeaning("CERT_E_CN_NO_MATCH", "the certificate is for another name", (_R.CERT_NAME_MISMATCH,)),
    0x8009_0325: WindowsMeaning("SEC_E_UNTRUSTED_ROOT", "the chain ends in an untrusted root", (_R.CERT_UNTRUSTED,)),
    0x8009_0326: WindowsMeaning(
        "SEC_E_ILLEGAL_MESSAGE", "a message was unexpected or badly formed", (_R.TLS_HANDSHAKE, _R.TLS_VERSION)
    ),
    0x8009_0327: WindowsMeaning("SEC_E_CERT_UNKNOWN", "the certificate could not be processed", (_R.CERT_INVALID,)),
    0x8009_0328: WindowsMeaning("SEC_E_CERT_EXPIRED", "the certificate has expired", (_R.CERT_EXPIRED,)),
    0x8009_0331: WindowsMeaning(
        "SEC_E_ALGORITHM_MISMATCH", "no common algorithm", (_R.TLS_HANDSHAKE, _R.TLS_VERSION)
    ),
    0x8024_4018: WindowsMeaning("WU_E_PT_HTTP_STATUS_FORBIDDEN", "Windows Update: HTTP 403", (_R.PROXY_DENIED,)),
    0x8024_401B: WindowsMeaning(
        "WU_E_PT_HTTP_STATUS_PROXY_AUTH_REQ", "Windows Update: HTTP 407", (_R.PROXY_AUTH_REQUIRED,)
    ),
    0x8024_4022: WindowsMeaning(
        "WU_E_PT_HTTP_STATUS_SERVICE_UNAVAIL",
        "Windows Update: HTTP 503",
        (_R.PROXY_UPSTREAM_DNS, _R.PROXY_UPSTREAM_CONNECT, _R.PROXY_BUSY),
    ),
    0x8024_402C: WindowsMeaning(
        "WU_E_PT_WINHTTP_NAME_NOT_RESOLVED", "Windows Update: a name was not resolved", _DNS
    ),
}  # fmt: skip
"""HRESULTs that are neither WinHTTP's nor an HTTP status."""

STATUS_REASONS: Final[dict[int, tuple[Reason, ...]]] = {
    400: (_R.PROXY_PROTOCOL_ERROR,),
    401: (_R.PROXY_AUTH_REQUIRED, _R.HTTP_AUTH_REQUIRED),
    403: (_R.PROXY_DENIED,),
    404: (_R.NOT_A_PROXY,),
    405: (_R.NOT_A_PROXY,),
    407: (_R.PROXY_AUTH_REQUIRED, _R.PROXY_AUTH_FAILED),
    429: (_R.PROXY_BUSY,),
    451: (_R.PROXY_DENIED,),
    500: (_R.PROXY_INTERNAL, _R.PROXY_UPSTREAM_CONNECT),
    501: (_R.NOT_A_PROXY,),
    502: (_R.PROXY_UPSTREAM_CONNECT, _R.PROXY_UPSTREAM_DNS, _R.PROXY_UPSTREAM_TLS),
    503: (_R.PROXY_UPSTREAM_DNS, _R.PROXY_UPSTREAM_CONNECT, _R.PROXY_UPSTREAM_TLS, _R.PROXY_BUSY),
    504: (_R.PROXY_UPSTREAM_TIMEOUT,),
}
"""What a proxy's refusal of CONNECT with that status is taken for."""

BY_REASON: Final[dict[Reason, int]] = {
    **dict.fromkeys(_TIMEOUTS, 12002),
    **dict.fromkeys(_DNS, 12007),
    _R.TCP_REFUSED: 12029,
    _R.TCP_UNREACHABLE: 12029,
    _R.TCP_RESET: 12030,
    _R.TLS_HANDSHAKE_CLOSED: 12030,
    _R.PROXY_CLOSED: 12030,
    _R.HTTP_CLOSED: 12030,
    _R.PROXY_PROTOCOL_ERROR: 12152,
    _R.HTTP_PROTOCOL_ERROR: 12152,
    _R.PROXY_CLIENT_CERT_REQUIRED: 12187,
    _R.CLIENT_CERT_REQUIRED: 12044,
    _R.CERT_UNTRUSTED: 12045,
    _R.CERT_EXPIRED: 12037,
    _R.CERT_NOT_YET_VALID: 12037,
    _R.CERT_NAME_MISMATCH: 12038,
    _R.CERT_WRONG_USAGE: 12179,
    _R.CERT_INVALID: 12169,
    _R.CERT_REVOKED: 12170,
    _R.REVOCATION_UNREACHABLE: 12057,
    _R.PAC_FETCH_FAILED: 12167,
    _R.PAC_SCRIPT_ERROR: 12166,
    _R.WPAD_NONE: 12180,
}
"""The likeliest code. A reason that is missing has none, or several between which one would have to guess."""

AMBIGUOUS: Final[dict[Reason, tuple[int, ...]]] = {
    _R.TLS_VERSION: (12175, 12157),
    _R.TLS_HANDSHAKE: (12175, 12157),
    _R.CLIENT_CERT_UNUSABLE: (12185, 12186),
}
"""Reasons for which Windows may show one of several codes, and nothing tells which."""


def windows_code(failure: Failure) -> WindowsCode | None:
    """The code that Windows would show about; None where there is none or it would be a guess.

    Behind a proxy Windows shows the HTTP status of a refusal as an HRESULT; every TLS fault on the way to an HTTPS
    proxy is one code of its own.
    """
    reason = failure.reason
    if failure.stage in (Stage.PROXY, Stage.HTTP) and failure.status is not None and 400 <= failure.status < 600:
        return http_code(failure.status)
    early_end = reason in (Reason.TLS_TIMEOUT, Reason.TLS_HANDSHAKE_CLOSED)
    if failure.stage is Stage.PROXY_TLS and reason.startswith(("tls-", "cert-")) and not early_end:
        return winhttp_code(12188)
    code = BY_REASON.get(reason)
    return None if code is None else winhttp_code(code)


def winhttp_code(code: int) -> WindowsCode:
    """The HRESULT and name of one of WinHTTP's numbers; KeyError if it has none."""
    return WindowsCode(code, f"0x{_WIN32 + code:08X}", WINHTTP[code].name)


def http_code(status: int) -> WindowsCode:
    """The HRESULT of an HTTP status."""
    return WindowsCode(None, f"0x{_HTTP + status:08X}", HTTP_NAMES.get(status, f"HTTP {status}"))


def shown_codes(reason: Reason) -> tuple[WindowsCode, ...]:
    """Every code that Windows may show for a reason, for documents: several where one would be a guess."""
    numbers = AMBIGUOUS.get(reason) or ((BY_REASON[reason],) if reason in BY_REASON else ())
    statuses = [status for status, reasons in STATUS_REASONS.items() if reason in reasons and status in HTTP_NAMES]
    return (*map(winhttp_code, numbers), *map(http_code, statuses))


def parse_code(text: str) -> int | None:
    """An HRESULT or number as people paste it (`0x80072EE7`, `80072EE7`, `-2147012889`, `12007`), unsigned."""
    text = text.strip().rstrip("Ll")
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", text):
        return int(text, 16)
    if re.fullmatch(r"-?[0-9]{1,10}", text):
        value = int(text)
        if re.fullmatch(r"8[0-9]{7}", text):  # eight digits that happen to hold no letter: an HRESULT without its 0x
            return int(text, 16)
        return value & 0xFFFF_FFFF if -(2**31) <= value < 2**32 else None
    return int(text, 16) if re.fullmatch(r"8[0-9a-fA-F]{7}", text) else None


def look_up(value: int) -> tuple[WindowsCode, WindowsMeaning] | None:
    """What an HRESULT, a WinHTTP number or an HTTP status means; None if it is not known here."""
    number = value - _WIN32 if value - _WIN32 in WINHTTP else value
    if number in WINHTTP:
        return winhttp_code(number), WINHTTP[number]
    if value in OTHERS:
        return WindowsCode(None, f"0x{value:08X}", OTHERS[value].name), OTHERS[value]
    status = value - _HTTP if value > _HTTP else value
    if status in STATUS_REASONS or status in HTTP_NAMES:
        meaning = f"HTTP {status}, from the proxy or the server"
        return http_code(status), WindowsMeaning(http_code(status).name, meaning, STATUS_REASONS.get(status, ()))
    return None
