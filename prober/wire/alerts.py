"""TLS alerts: their names, and the reasons they become (RFC 8446 section 6). Numbers decide, never a library's text."""

from __future__ import annotations

from typing import Final

from prober.model import Reason

_NAMES: Final = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
    46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol",
}  # fmt: skip
_CLOSE_NOTIFY: Final = 0
_PROTOCOL_VERSION: Final = 70
_CERTIFICATE_REQUIRED: Final = 116
_ABOUT_OUR_CERTIFICATE: Final = frozenset({40, 42, 43, 44, 45, 46, 48, 49, 51})


def alert_text(number: int) -> str:
    """`alert 40 (handshake_failure)`."""
    return f"alert {number} ({_NAMES.get(number, 'unknown')})"


def reason_of_sent(number: int) -> Reason:
    """Why a handshake failed that we had to end with this alert."""
    return Reason.TLS_VERSION if number == _PROTOCOL_VERSION else Reason.TLS_HANDSHAKE


def reason_of_received(number: int, *, asked: bool, presented: bool) -> Reason:
    """Why a handshake failed that the peer ended with this alert.

    `asked`: it had asked for a client certificate; `presented`: we had one for it.
    """
    if number == _CLOSE_NOTIFY:
        return Reason.TLS_HANDSHAKE_CLOSED
    if number == _PROTOCOL_VERSION:
        return Reason.TLS_VERSION
    if number == _CERTIFICATE_REQUIRED:
        return Reason.CLIENT_CERT_REQUIRED
    if asked and number in _ABOUT_OUR_CERTIFICATE:
        return Reason.CLIENT_CERT_UNUSABLE if presented else Reason.CLIENT_CERT_REQUIRED
    return Reason.TLS_HANDSHAKE
