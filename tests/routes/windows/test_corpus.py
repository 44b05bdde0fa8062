"""Each file of corpus/ reads as a person reads it: the table was written by hand, not taken from the parser."""

from __future__ import annotations

import runpy
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from prober.routes.windows.blobs import decode_connection, decode_winhttp
from prober.routes.windows.carriers import read_device
from prober.routes.windows.device import ConnectionSettings, WinHttpSettings

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"

COLLECTION = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\DataCollection"
DEFENDER = r"HKLM\SOFTWARE\Policies\Microsoft\Windows Defender"
UNDER = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
MACHINE = rf"HKLM\{UNDER}"
WOW = r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
STATIC = {
    rf"{COLLECTION}\TelemetryProxyServer": (1, "10.0.0.6:8080"),
    rf"{COLLECTION}\DisableEnterpriseAuthProxy": (4, 1),
}
LATER_TAIL = bytes(28)
OEM = (None, "Read in the console's code page cp850, which no file names.")
NO_HEADER = 'The header is missing; read as if "Windows Registry Editor Version 5.00" stood here.'
BRANCH = (True, "http=px:80;https=px:443", "<local>", False, "", True, True, "Branch")
QUERY = {**STATIC, rf"{MACHINE}\WinHttpSettings": (3, WinHttpSettings(3, "10.0.0.6:8080", ""))}


@dataclass(frozen=True)
class Reads:
    """What a file is expected to say."""

    kind: str | None
    values: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """Type and data by path; the settings where the data is a binary value, a text where that value is torn."""
    shown: tuple[str, str] | None = None
    advanced: tuple[Any, ...] = ()
    sensor: tuple[str, str | None, bool] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    linux: str | None = None
    complaints: tuple[tuple[int | None, str], ...] = ()
    """Line and how the sentence begins."""
    fatal: bool = False


def registry(values: dict[str, tuple[int, Any]], *complaints: tuple[int | None, str]) -> Reads:
    return Reads("registry export", values, complaints=complaints)


def netsh(proxy: str, bypass: str, *complaints: tuple[int | None, str]) -> Reads:
    return Reads("netsh winhttp show proxy", shown=(proxy, bypass), complaints=complaints)


def refused(line: int | None, message: str) -> Reads:
    return Reads(None, complaints=((line, message),), fatal=True)


READS: dict[str, Reads] = {
    "worked-example.reg": registry(
        {
            **STATIC,
            rf"{MACHINE}\WinHttpSettings": (3, WinHttpSettings(3, "10.0.0.6:8080", "", header=0x28)),
            r"HKU\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
            r"\DefaultConnectionSettings": (
                3,
                ConnectionSettings(3, "10.0.0.6:8080", "<local>", "", counter=5, tail=LATER_TAIL),
            ),
        }
    ),
    "utf16-without-bom.reg": registry(STATIC, (None, "No byte-order mark; taken for UTF-16LE by its zero octets.")),
    "utf16-big-endian.reg": registry(STATIC, (None, "Regedit does not take UTF-16BE.")),
    "utf8-with-bom.reg": registry(STATIC),
    "utf8-line-feeds.reg": registry(STATIC),
    "carriage-returns.reg": registry(STATIC),
    "mixed-line-ends.reg": registry({rf"{COLLECTION}\TelemetryProxyServer": (1, "a:1")}),
    "regedit4-cp1252.reg": registry(
        {
            rf"{DEFENDER}\ProxyPacUrl": (1, "http://büro.example/p.pac"),
            rf"{DEFENDER}\Expanded": (2, "%TEMP%\\ü"),
            rf"{DEFENDER}\Several": (7, ("a", "ü")),
        },
        (None, "Not UTF-8 (octet 0xfc at offset 102), read in code page cp1252"),
    ),
    "truncated-utf16.reg": registry(
        STATIC,
        (None, "Octets at offset 398 mean nothing in UTF-16LE."),
        (6, "Neither a key in brackets nor a value nor a comment."),
    ),
    "hand-made-deletes.reg": registry(
        {
            rf"{COLLECTION}\telemetryproxyserver": (1, "second:2"),
            rf"{DEFENDER}\ProxyServer": (1, "http://late:3"),
        }
    ),
    "comments-and-blanks.reg": registry({**STATIC, rf"{COLLECTION}\Blob": (3, b"\x01\x02\x03\x04")}),
    "abbreviated-roots.reg": registry(
        {
            rf"{COLLECTION}\TelemetryProxyServer": (1, "a:1"),
            rf"{DEFENDER}\ProxyServer": (1, "http://b:2"),
            r"HKU\S-1-5-18\Software\x": (4, 2),
        },
        (3, "HKLM is not accepted in .reg files; taken for HKEY_LOCAL_MACHINE."),
        (5, "HKLM: is not accepted in .reg files; taken for HKEY_LOCAL_MACHINE."),
        (7, "HKEY_USERS is written in a form that .reg files do not have."),
        (9, "Not read, with the values below it: the key does not begin with HKEY_LOCAL_MACHINE, "),
    ),
    "lost-continuation.reg": registry(
        STATIC,
        (
            4,
            'The data of "WinHttpSettings" goes on after line 4, which has lost the \\ at its end; 18 octets were read',
        ),
    ),
    "broken-off.reg": registry(
        STATIC, (8, 'The data of "WinHttpSettings" breaks off after 18 octets: the line that should follow line 8')
    ),
    "broken-off-by-a-key.reg": registry(
        STATIC, (4, 'The data of "WinHttpSettings" breaks off after 4 octets: the line that should follow line 4')
    ),
    "missing-header.reg": registry(STATIC, (1, NO_HEADER)),
    "nothing-but-a-value.reg": registry({}, (1, NO_HEADER), (1, "Values without a key above them were left out.")),
    "unknown-header.reg": refused(1, "Unknown header: regedit imports nothing from such a file."),
    "all-types.reg": registry(
        {
            r"HKCU\Types\none": (0, b"\x01\x02"),
            r"HKCU\Types\text": (1, "a\0b"),
            r"HKCU\Types\expand": (2, "%T%"),
            r"HKCU\Types\binary": (3, b"\xff"),
            r"HKCU\Types\number": (4, 31),
            r"HKCU\Types\big": (5, 31),
            r"HKCU\Types\link": (6, b"a\0"),
            r"HKCU\Types\several": (7, ("a", "bc")),
            r"HKCU\Types\none of several": (7, ()),
            r"HKCU\Types\resources": (8, b"\0"),
            r"HKCU\Types\requirements": (10, b"\x01"),
            r"HKCU\Types\long": (11, 2**32),
            r"HKCU\Types\odd": (31, b"\x01"),
            r"HKCU\Types\no octets": (3, b""),
            r"HKCU\Types\short number": (4, b"\x1f\0"),
            r"HKCU\Types\odd text": (1, "\N{REPLACEMENT CHARACTER}"),
        },
        (18, '"short number" is REG_DWORD of 2 octets instead of 4.'),
        (19, '"odd text" is REG_SZ that is no text in utf-16-le at octet 0.'),
    ),
    "default-values.reg": registry({r"HKCU\A\(Default)": (1, "of A"), r"HKCU\A\B\(Default)": (4, 7)}),
    "escapes.reg": registry(
        {
            r"HKCU\Path with ] and; in it\back\slash": (1, 'C:\\Temp\\x "y"'),
            r"HKCU\Path with ] and; in it\controls": (1, "a\nb\rc\0d"),
            r"HKCU\Path with ] and; in it\alone": (1, "CORPsvc"),
            r"HKCU\Path with ] and; in it\semicolon": (1, "http=a:1;https=b:2"),
            r"HKCU\Path with ] and; in it\wine": (2, "%TEMP%"),
        },
        (6, "A backslash stands alone"),
        (7, 'The text of "open" has no closing quote on its line.'),
        (8, 'The text of "goes on" goes on after its closing quote.'),
        (10, '"no equals" has no = behind it.'),
        (11, 'The data of "unquoted" cannot be read: expected a quoted text, "dword:" or "hex:".'),
        (12, 'The data of "number" cannot be read: expected 1 to 8 hex digits.'),
        (13, '"wine" is written with "str:", which only Wine\'s tools know.'),
    ),
    "wow6432node.reg": registry(
        {
            rf"{MACHINE}\WinHttpSettings": (3, WinHttpSettings(3, "px64:8080", "")),
            rf"{WOW}\WinHttpSettings": (3, WinHttpSettings(3, "px32:8080", "<local>", header=0x18)),
        }
    ),
    "odd-tails.reg": registry(
        {
            rf"HKCU\{UNDER}\DefaultConnectionSettings": (
                3,
                ConnectionSettings(9, "", "", " ", discovery=1, counter=17, tail=bytes(range(60))),
            ),
            rf"HKCU\{UNDER}\SavedLegacySettings": (
                3,
                ConnectionSettings(3, "px:3128", "", "", size=0x3C, counter=17, tail=LATER_TAIL),
            ),
            rf"HKCU\{UNDER}\Branch VPN": (
                3,
                ConnectionSettings(5, "", "", "http://px/p.pac", discovery=None, counter=17),
            ),
            rf"HKCU\{UNDER}\Dial-up": (
                3,
                ConnectionSettings(1, "", "", "", discovery=None, size=0x5A, counter=17, tail=b"\x01\0\0"),
            ),
            rf"HKCU\{UNDER}\Torn": (3, "the value ends at octet 18, within its proxy (offset 16, 7 octets)"),
            rf"HKCU\{UNDER}\WinHttpSettings": (
                3,
                WinHttpSettings(5, "", "", tail=b"\x0f\0\0\0http://px/p.pac" + bytes(32)),
            ),
        }
    ),
    "long-bypass.reg": registry(
        {
            rf"{MACHINE}\WinHttpSettings": (
                3,
                WinHttpSettings(3, "px:8080", ";".join(f"host{number:03}.example" for number in range(40))),
            )
        }
    ),
    "formerly-used.reg": registry(
        {
            rf"HKU\.DEFAULT\{UNDER}\DefaultConnectionSettings": (
                3,
                ConnectionSettings(1, "old:80", "*.old", "http://old/p.pac", counter=17, tail=LATER_TAIL),
            )
        }
    ),
    "joined.reg": registry(
        {
            rf"{COLLECTION}\TelemetryProxyServer": (1, "later:2"),
            rf"{COLLECTION}\DisableEnterpriseAuthProxy": (4, 1),
        }
    ),
    "two-accounts.reg": registry(
        {
            rf"HKU\S-1-5-18\{UNDER}\DefaultConnectionSettings": (
                3,
                ConnectionSettings(3, "px:3128", "<local>", "", counter=17, tail=LATER_TAIL),
            ),
            rf"HKU\S-1-5-19\{UNDER}\DefaultConnectionSettings": (
                3,
                ConnectionSettings(11, "py:3128", "", "", counter=17, tail=LATER_TAIL),
            ),
        }
    ),
    "wrong-types.reg": registry(
        {
            rf"{COLLECTION}\DisableEnterpriseAuthProxy": (1, "1"),
            rf"{COLLECTION}\TelemetryProxyServer": (2, "a:1"),
            rf"{MACHINE}\WinHttpSettings": (1, "28000000"),
        }
    ),
    "no-closing-bracket.reg": registry(
        {rf"{DEFENDER}\ProxyServer": (1, "http://kept:2")},
        (3, "The key has no closing bracket; the values below it were left out."),
        (7, "The value's name has no closing quote."),
        (8, "Neither a key in brackets nor a value nor a comment."),
    ),
    "reg-query.txt": Reads("reg query", QUERY),
    "reg-query-german-oem.txt": Reads(
        "reg query",
        {
            r"HKCU\Software\Büro\(Default)": (1, "Zürich"),
            r"HKCU\Software\Büro\(Klammer)": (1, "eine zweite"),
            r"HKCU\Software\Büro\Mit vier    Blanks": (1, "  zwei davor"),
            r"HKCU\Software\Büro\Mehrere": (7, ("a", "b c", "d")),
            r"HKCU\Software\Büro\Leer": (1, ""),
            r"HKCU\Software\Büro\Groß": (11, 2**32),
            r"HKCU\Software\Büro\Pfad": (2, r"%TEMP%\x"),
            r"HKCU\Software\Büro\Unten\Roh": (0, b""),
        },
        complaints=(
            OEM,
            (14, 'The data of "Krumm" is not an even number of hex digits; the value was left out.'),
            (15, 'The data of "Zahl" is not a number such as 0x1; the value was left out.'),
        ),
    ),
    "reg-query-powershell.txt": Reads("reg query", QUERY),
    "reg-query-old-tabs.txt": Reads(
        "reg query",
        {
            rf"{COLLECTION}\(Default)": (1, "unnamed"),
            rf"{COLLECTION}\TelemetryProxyServer": (1, "10.0.0.6:8080"),
            rf"{COLLECTION}\Number": (4, 31),
        },
    ),
    "show-proxy-direct.txt": netsh("", ""),
    "show-proxy.txt": netsh("10.0.0.6:8080", ""),
    "show-proxy-french-oem.txt": netsh("10.0.0.6:8080", "", OEM),
    "show-proxy-french-direct.txt": netsh("", "", OEM),
    "show-proxy-french-broken.txt": netsh("", ""),
    "show-proxy-german-oem.txt": netsh("http=px:80;https=px:443", "<local>;*.büro.example", OEM),
    "show-proxy-without-port.txt": netsh("proxy", "*.lan", (4, "Taken for the proxy, though it has no port.")),
    "show-advproxy.txt": Reads("netsh winhttp show advproxy", advanced=(BRANCH,)),
    "show-advproxy-bare.json": Reads(
        "netsh winhttp show advproxy", advanced=((False, "", "", None, "", False, None, None),)
    ),
    "show-advproxy-torn.txt": Reads(
        "netsh winhttp show advproxy", complaints=((11, "The JSON of show advproxy cannot be read: "),)
    ),
    "console-log.txt": Reads(
        "netsh winhttp show proxy + netsh winhttp show advproxy + reg query", QUERY, ("", ""), (BRANCH,)
    ),
    "netsh-dump.txt": Reads("netsh winhttp dump", shown=("http=a:80;https=a:443", "*.contoso.com;<local>")),
    "SensorConfiguration.json": Reads(
        "MDI sensor configuration", sensor=("http://px.contoso.com:8080", r"CONTOSO\svc", True)
    ),
    "sensor-without-proxy.json": Reads("MDI sensor configuration", sensor=("", None, False)),
    "sensor-with-login-in-url.json": Reads(
        "MDI sensor configuration",
        sensor=("http://px:8080", "svc", True),
        complaints=((None, '"Url" in "SensorProxyConfiguration" has a login in it, which is not kept'),),
    ),
    "mdatp_managed.json": Reads("mdatp_managed.json", linux="http://px:8080/"),
    "managed-without-proxy.json": Reads("mdatp_managed.json"),
    "etc-environment": Reads(
        "environment variables",
        environment={"HTTPS_PROXY": "http://px:8080", "NO_PROXY": "localhost,.corp"},
        complaints=((4, "HTTPS_PROXY differs from https_proxy above, which comes first."),),
    ),
    "windows-set.txt": Reads(
        "environment variables",
        environment={"HTTP_PROXY": "px:80", "HTTPS_PROXY": "px:81", "NO_PROXY": "*.corp,10.0.0.0/8"},
    ),
    "unit-drop-in.conf": Reads("environment variables", environment={"HTTPS_PROXY": "http://px:8080"}),
    "empty.reg": refused(None, "The file is empty. Expected a .reg export, "),
    "picture.png": refused(None, "Not recognised. Expected a .reg export, "),
    "Registry.pol": refused(None, "This is a Group Policy Registry.pol, which is not read"),
    "letter.txt": refused(None, "Not recognised. Expected a .reg export, "),
    "torn.json": refused(1, "It begins like JSON, but is none: "),
    "other.json": refused(None, "JSON with none of the entries looked for: SensorProxyConfiguration, cloudService"),
}


def decoded(name: str, data: object, expected: object) -> object:
    """Binary data as what the table has for it."""
    if isinstance(data, bytes) and not isinstance(expected, bytes):
        return decode_winhttp(data) if name == "WinHttpSettings" else decode_connection(data)
    return data


@pytest.mark.parametrize("name", READS)
def test_a_file_reads_as_it_should(name: str) -> None:
    expected = READS[name]
    device = read_device([(name, (CORPUS / name).read_bytes())])
    assert device.carriers.get(name) == expected.kind
    found = {
        value.path: (value.type, decoded(value.name, value.data, expected.values.get(value.path, (0, None))[1]))
        for value in device.registry
    }
    assert found == expected.values
    assert (device.shown and (device.shown.proxy, device.shown.bypass)) == expected.shown
    assert tuple(
        (
            each.proxy_enabled, each.proxy, each.bypass, each.pac_enabled, each.pac_url, each.auto_detect,
            each.per_user, each.connection,
        )
        for each in device.advanced
    ) == expected.advanced  # fmt: skip
    sensor = device.sensor
    assert (sensor and (sensor.url, sensor.user, sensor.has_password)) == expected.sensor
    assert device.environment == expected.environment
    assert device.linux == expected.linux
    assert len(device.complaints) == len(expected.complaints), device.complaints
    for complaint, (line, begins) in zip(device.complaints, expected.complaints, strict=True):
        assert (complaint.place.file, complaint.place.line, complaint.fatal) == (name, line, expected.fatal)
        assert complaint.message.startswith(begins)
        assert complaint.message.endswith(".")


def test_every_file_has_its_reading_and_survives_git() -> None:
    """Checked out with other line ends, or touched by an editor, a file differs from what the generator writes."""
    files = runpy.run_path(str(HERE / "make_corpus.py"))["FILES"]
    assert {path.name: path.read_bytes() for path in CORPUS.iterdir()} == files
    assert files.keys() == READS.keys()
    assert len(files) >= 32


def test_git_leaves_the_corpus_alone() -> None:
    found = subprocess.run(
        ["git", "check-attr", "text", "tests/routes/windows/corpus/worked-example.reg"],
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        pytest.skip("not a git checkout")
    assert found.stdout.rstrip().endswith("text: unset")


def test_no_secret_survives() -> None:
    files = [(path.name, path.read_bytes()) for path in sorted(CORPUS.iterdir())]
    seen = repr(read_device(files))
    assert "hunter2" not in seen
    assert "c2VjcmV0" not in seen
    assert "0011223344556677889900112233445566778899" not in seen
