from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prober.routes.windows.blobs import decode_connection, decode_winhttp, encode_connection, encode_winhttp
from prober.routes.windows.device import ConnectionSettings, WinHttpSettings


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace("|", ""))


# windows-proxy.md §2.1, value for value.
WINHTTP = [
    (
        "18 00 00 00 | 00 00 00 00 | 01 00 00 00 | 00 00 00 00 | 00 00 00 00",
        20,
        WinHttpSettings(1, "", "", header=0x18),
        False,
    ),
    ("28 00 00 00 | 00 00 00 00 | 01 00 00 00 | 00 00 00 00 | 00 00 00 00", 20, WinHttpSettings(1, "", ""), False),
    (
        "28 00 00 00 | 00 00 00 00 | 03 00 00 00 | 0d 00 00 00 |31 30 2e 30 2e 30 2e 36 3a 38 30 38 30 | 00 00 00 00",
        33,
        WinHttpSettings(3, "10.0.0.6:8080", ""),
        True,
    ),
    (
        "28 00 00 00 | 00 00 00 00 | 03 00 00 00 | 17 00 00 00 |"
        "68 74 74 70 3d 70 78 3a 38 30 3b 68 74 74 70 73 3d 70 78 3a 34 34 33 |"
        "0d 00 00 00 | 3c 6c 6f 63 61 6c 3e 3b 2a 2e 6c 61 6e",
        56,
        WinHttpSettings(3, "http=px:80;https=px:443", "<local>;*.lan"),
        True,
    ),
]

# windows-proxy.md §2.2; 32 octets of zeroes are the discovery flags and 28 of the tail.
ZEROES = " 00" * 32
TAIL = bytes(28)
CONNECTION = [
    (
        "46 00 00 00 | 01 00 00 00 | 01 00 00 00 | 00 00 00 00 | 00 00 00 00 | 00 00 00 00 |" + ZEROES,
        56,
        ConnectionSettings(1, "", "", "", counter=1, tail=TAIL),
        (False, False, False, "", "", ""),
    ),
    (
        "46 00 00 00 | 02 00 00 00 | 09 00 00 00 | 00 00 00 00 | 00 00 00 00 | 00 00 00 00 | 01 00 00 00 |"
        + " 00" * 28,
        56,
        ConnectionSettings(9, "", "", "", discovery=1, counter=2, tail=TAIL),
        (False, False, True, "", "", ""),
    ),
    (
        "46 00 00 00 | 05 00 00 00 | 03 00 00 00 | 0d 00 00 00 | 31 30 2e 30 2e 30 2e 36 3a 38 30 38 30 |"
        "07 00 00 00 | 3c 6c 6f 63 61 6c 3e | 00 00 00 00 |" + ZEROES,
        76,
        ConnectionSettings(3, "10.0.0.6:8080", "<local>", "", counter=5, tail=TAIL),
        (True, False, False, "10.0.0.6:8080", "<local>", ""),
    ),
    (
        "46 00 00 00 | 07 00 00 00 | 05 00 00 00 | 00 00 00 00 | 00 00 00 00 | 0f 00 00 00 |"
        "68 74 74 70 3a 2f 2f 70 78 2f 70 2e 70 61 63 |" + ZEROES,
        71,
        ConnectionSettings(5, "", "", "http://px/p.pac", counter=7, tail=TAIL),
        (False, True, False, "", "", "http://px/p.pac"),
    ),
    (
        "46 00 00 00 | 09 00 00 00 | 0f 00 00 00 | 07 00 00 00 | 70 78 3a 33 31 32 38 | 07 00 00 00 |"
        "3c 6c 6f 63 61 6c 3e | 0f 00 00 00 | 68 74 74 70 3a 2f 2f 70 78 2f 70 2e 70 61 63 | 01 00 00 00 |"
        + " 00"
        * 28,
        85,
        ConnectionSettings(15, "px:3128", "<local>", "http://px/p.pac", discovery=1, counter=9, tail=TAIL),
        (True, True, True, "px:3128", "<local>", "http://px/p.pac"),
    ),
    (
        "3c 00 00 00 | 09 00 00 00 | 03 00 00 00 | 07 00 00 00 | 70 78 3a 33 31 32 38 | 00 00 00 00 | 00 00 00 00 |"
        + ZEROES,
        63,
        ConnectionSettings(3, "px:3128", "", "", size=0x3C, counter=9, tail=TAIL),
        (True, False, False, "px:3128", "", ""),
    ),
]


@pytest.mark.parametrize(("text", "length", "settings", "in_use"), WINHTTP)
def test_worked_winhttp_values(text: str, length: int, settings: WinHttpSettings, in_use: bool) -> None:
    assert len(octets(text)) == length
    assert decode_winhttp(octets(text)) == settings
    assert settings.in_use is in_use
    assert encode_winhttp(settings) == octets(text)


@pytest.mark.parametrize(("text", "length", "settings", "meaning"), CONNECTION)
def test_worked_connection_values(
    text: str, length: int, settings: ConnectionSettings, meaning: tuple[bool, bool, bool, str, str, str]
) -> None:
    assert len(octets(text)) == length
    assert decode_connection(octets(text)) == settings
    assert settings.meaning == meaning
    assert encode_connection(settings) == octets(text)


def test_texts_stay_where_their_flag_is_off() -> None:
    settings = decode_connection(encode_connection(ConnectionSettings(1, "old:80", "*.x", "http://old/p.pac")))
    assert isinstance(settings, ConnectionSettings)
    assert (settings.proxy, settings.pac_url) == ("old:80", "http://old/p.pac")
    assert settings.meaning == (False, False, False, "", "", "")
    winhttp = decode_winhttp(encode_winhttp(WinHttpSettings(1, "old:80", "")))
    assert isinstance(winhttp, WinHttpSettings)
    assert not winhttp.in_use
    assert not WinHttpSettings(3, " ", "").in_use


@pytest.mark.parametrize("length", [255, 256, 257, 4_000, 70_000])
def test_lengths_beyond_one_octet(length: int) -> None:
    """Taking octet 12 alone for the length is a fault of scripts in the wild."""
    proxy = "p" * length
    assert decode_winhttp(encode_winhttp(WinHttpSettings(3, proxy, "b" * length))) == WinHttpSettings(
        3, proxy, "b" * length
    )
    settings = ConnectionSettings(3, proxy, "b" * length, "u" * length)
    assert decode_connection(encode_connection(settings)) == settings


@pytest.mark.parametrize(
    ("cut", "problem"),
    [
        (0, "the value ends at octet 0, within its first dword (offset 0, 4 octets)"),
        (7, "the value ends at octet 7, within its second dword (offset 4, 4 octets)"),
        (11, "the value ends at octet 11, within its flags (offset 8, 4 octets)"),
        (15, "the value ends at octet 15, within its proxy's length (offset 12, 4 octets)"),
        (20, "the value ends at octet 20, within its proxy (offset 16, 13 octets)"),
        (29, "the value ends at octet 29, within its bypass list's length (offset 29, 4 octets)"),
    ],
)
def test_a_truncated_value_says_where(cut: int, problem: str) -> None:
    assert decode_winhttp(octets(WINHTTP[2][0])[:cut]) == problem


def test_a_truncated_connection_value_says_where() -> None:
    whole = octets(CONNECTION[4][0])
    assert decode_connection(whole[:40]) == "the value ends at octet 40, within its PAC URL (offset 38, 15 octets)"
    assert decode_connection(whole[:6]) == "the value ends at octet 6, within its counter (offset 4, 4 octets)"
    huge = whole[:12] + b"\xff\xff\xff\xff" + whole[16:]
    assert decode_connection(huge) == "the value ends at octet 85, within its proxy (offset 16, 4,294,967,295 octets)"


@pytest.mark.parametrize(("cut", "tail"), [(53, b""), (54, b"\x01"), (56, b"\x01\0\0")])
def test_a_value_may_end_before_its_discovery_flags(cut: int, tail: bytes) -> None:
    found = decode_connection(octets(CONNECTION[4][0])[:cut])
    assert isinstance(found, ConnectionSettings)
    assert (found.discovery, found.tail, found.pac_url) == (None, tail, "http://px/p.pac")


def test_what_does_not_fit_is_not_written() -> None:
    with pytest.raises(ValueError, match="latin-1"):
        encode_winhttp(WinHttpSettings(3, "прокси:80", ""))
    with pytest.raises(ValueError, match="32 bits"):
        encode_connection(ConnectionSettings(3, "", "", "", counter=1 << 32))


DWORDS = st.integers(0, 0xFFFFFFFF)
TEXTS = st.text(st.characters(max_codepoint=255), max_size=600)
WINHTTP_SETTINGS = st.builds(WinHttpSettings, DWORDS, TEXTS, TEXTS, DWORDS, DWORDS, st.binary(max_size=80))
CONNECTIONS = st.builds(
    ConnectionSettings, DWORDS, TEXTS, TEXTS, TEXTS, DWORDS, DWORDS, DWORDS, st.binary(max_size=80)
)  # fmt: skip


@given(WINHTTP_SETTINGS)
def test_winhttp_there_and_back(settings: WinHttpSettings) -> None:
    assert decode_winhttp(encode_winhttp(settings)) == settings


@given(CONNECTIONS)
def test_connections_there_and_back(settings: ConnectionSettings) -> None:
    assert decode_connection(encode_connection(settings)) == settings
    short = replace(settings, discovery=None, tail=settings.tail[:3])
    assert decode_connection(encode_connection(short)) == short


@given(st.one_of(st.binary(max_size=200), WINHTTP_SETTINGS.map(encode_winhttp), CONNECTIONS.map(encode_connection)))
@example(b"")
@example(bytes(20))
def test_any_octets_are_read_or_refused_with_an_offset_and_come_back(data: bytes) -> None:
    winhttp, connection = decode_winhttp(data), decode_connection(data)
    if isinstance(winhttp, str):
        assert f"ends at octet {len(data)}" in winhttp
    else:
        assert encode_winhttp(winhttp) == data
    if isinstance(connection, str):
        assert f"ends at octet {len(data)}" in connection
    else:
        assert encode_connection(connection) == data
