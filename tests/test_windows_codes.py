"""The Windows codes beside failures, and how people write them."""

from __future__ import annotations

import pytest

from prober.model import Failure, Reason, Stage
from prober.windows_codes import (
    AMBIGUOUS,
    BY_REASON,
    OTHERS,
    WINHTTP,
    http_code,
    look_up,
    parse_code,
    shown_codes,
    windows_code,
)


def shown(stage: str, hop: int, reason: str, status: int | None = None) -> tuple[int | None, str] | None:
    code = windows_code(Failure(Stage(stage), hop, Reason(reason), "", status))
    return None if code is None else (code.code, code.hresult)


@pytest.mark.parametrize(
    ("stage", "hop", "reason", "status", "expected"),
    [
        ("dns", 0, "dns-nxdomain", None, (12007, "0x80072EE7")),
        ("dns", 1, "dns-timeout", None, (12007, "0x80072EE7")),
        ("dns", 0, "dns-sinkhole", None, None),
        ("connect", 0, "tcp-refused", None, (12029, "0x80072EFD")),
        ("connect", 1, "tcp-unreachable", None, (12029, "0x80072EFD")),
        ("connect", 0, "tcp-timeout", None, (12002, "0x80072EE2")),
        ("tls", 0, "tcp-reset", None, (12030, "0x80072EFE")),
        ("tls", 0, "tls-handshake-closed", None, (12030, "0x80072EFE")),
        ("tls", 0, "tls-timeout", None, (12002, "0x80072EE2")),
        ("tls", 0, "tls-version", None, None),
        ("tls", 0, "tls-handshake", None, None),
        ("proxy-tls", 1, "tls-version", None, (12188, "0x80072F9C")),
        ("proxy-tls", 2, "cert-untrusted", None, (12188, "0x80072F9C")),
        ("proxy-tls", 1, "tls-timeout", None, (12002, "0x80072EE2")),
        ("proxy-tls", 1, "proxy-client-cert-required", None, (12187, "0x80072F9B")),
        ("proxy", 1, "proxy-auth-required", 407, (None, "0x80190197")),
        ("proxy", 1, "proxy-auth-required", 401, (None, "0x80190191")),
        ("proxy", 1, "proxy-auth-required", None, None),
        ("proxy", 1, "proxy-denied", 403, (None, "0x80190193")),
        ("proxy", 1, "proxy-upstream-dns", 503, (None, "0x801901F7")),
        ("proxy", 1, "proxy-upstream-timeout", 504, (None, "0x801901F8")),
        ("proxy", 1, "proxy-upstream-connect", 502, (None, "0x801901F6")),
        ("proxy", 1, "proxy-internal", 500, (None, "0x801901F4")),
        ("proxy", 1, "proxy-captive", 302, None),
        ("proxy", 1, "proxy-protocol-error", None, (12152, "0x80072F78")),
        ("proxy", 1, "proxy-closed", None, (12030, "0x80072EFE")),
        ("proxy", 1, "proxy-timeout", None, (12002, "0x80072EE2")),
        ("http", 0, "http-protocol-error", 200, (12152, "0x80072F78")),
        ("http", 0, "http-auth-required", 401, (None, "0x80190191")),
        ("tls", 0, "cert-untrusted", None, (12045, "0x80072F0D")),
        ("tls", 0, "cert-expired", None, (12037, "0x80072F05")),
        ("tls", 0, "cert-not-yet-valid", None, (12037, "0x80072F05")),
        ("tls", 0, "cert-name-mismatch", None, (12038, "0x80072F06")),
        ("tls", 0, "cert-wrong-usage", None, (12179, "0x80072F93")),
        ("tls", 0, "cert-revoked", None, (12170, "0x80072F8A")),
        ("tls", 0, "revocation-unreachable", None, (12057, "0x80072F19")),
        ("tls", 0, "client-cert-required", None, (12044, "0x80072F0C")),
        ("tls", 0, "client-cert-unusable", None, None),
        ("config", 0, "wpad-none", None, (12180, "0x80072F94")),
        ("config", 0, "pac-fetch-failed", None, (12167, "0x80072F87")),
        ("local", 0, "local-ports", None, None),
    ],
)
def test_windows_code(
    stage: str, hop: int, reason: str, status: int | None, expected: tuple[int | None, str] | None
) -> None:
    assert shown(stage, hop, reason, status) == expected


def test_12175_is_never_guessed() -> None:
    shown_at = {
        windows_code(Failure(stage, hop, reason, "", status))
        for stage in Stage
        for hop in (0, 1)
        for reason in Reason
        for status in (None, 200, 302, 403, 407, 503)
    }
    assert 12175 not in {code.code for code in shown_at if code is not None}
    assert 12175 not in BY_REASON.values()
    assert not set(AMBIGUOUS) & set(BY_REASON)


def test_what_is_shown_is_known() -> None:
    for reason in Reason:
        for code in shown_codes(reason):
            found = look_up(int(code.hresult, 16))
            assert found is not None
            assert found[0] == code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x80072EE7", 0x80072EE7),
        ("0X80072ee7", 0x80072EE7),
        ("80072ee7", 0x80072EE7),
        ("80072746", 0x80072746),
        ("-2147012889", 0x80072EE7),
        ("2147954407", 0x80072EE7),
        ("12007", 12007),
        ("0x80072EE7L", 0x80072EE7),
        ("407", 407),
        ("0x", None),
        ("-99999999999", None),
        ("0x123456789", None),
        ("eighty", None),
        ("", None),
        ("٣", None),
    ],
)
def test_parse_code(text: str, value: int | None) -> None:
    assert parse_code(text) == value


@pytest.mark.parametrize("code", WINHTTP)
def test_a_number_and_its_hresult_are_the_same(code: int) -> None:
    found = look_up(code)
    assert found is not None
    assert found == look_up(0x80070000 + code)
    assert found[0].hresult == f"0x{0x80070000 + code:08X}"


def test_others_and_statuses() -> None:
    assert http_code(407).name == "HTTP_E_STATUS_PROXY_AUTH_REQ"
    assert look_up(0x80190197) == look_up(407)
    for code, meaning in OTHERS.items():
        assert look_up(code) is not None
        assert meaning.meaning
    assert look_up(0) is None
    assert look_up(0x80190000 + 299) is None
