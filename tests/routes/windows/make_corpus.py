"""Writes `corpus/`: files as devices, mail programs and people leave them. Everything in them is made up.

Run it from the repository's root after a change: `python tests/routes/windows/make_corpus.py`. What each file reads as
stands in test_corpus.py, by hand.
"""

from __future__ import annotations

import codecs
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"

V5 = "Windows Registry Editor Version 5.00"
COLLECTION = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\DataCollection"
DEFENDER = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows Defender"
CONNECTIONS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
MACHINE = rf"HKEY_LOCAL_MACHINE\{CONNECTIONS}"
STATIC = [
    f"[{COLLECTION}]",
    '"TelemetryProxyServer"="10.0.0.6:8080"',
    '"DisableEnterpriseAuthProxy"=dword:00000001',
    "",
]


def dword(number: int) -> bytes:
    return struct.pack("<I", number)


def text(content: str) -> bytes:
    return dword(len(content)) + content.encode("latin-1")


def connection(flags: int, proxy: str, bypass: str, pac: str, *, size: int = 0x46, rest: bytes = bytes(32)) -> bytes:
    return dword(size) + dword(17) + dword(flags) + text(proxy) + text(bypass) + text(pac) + rest


def winhttp(flags: int, proxy: str, bypass: str, *, header: int = 0x28, rest: bytes = b"") -> bytes:
    return dword(header) + dword(0) + dword(flags) + text(proxy) + text(bypass) + rest


def wrapped(name: str, data: bytes, kind: str = "hex") -> str:
    """A value as regedit wraps it: at most 80 columns, later lines with two blanks and 25 octets."""
    line, lines = f'"{name}"={kind}:', []
    for number, octet in enumerate(data):
        last = number == len(data) - 1
        piece = f"{octet:02x}" + ("" if last else ",")
        if len(line) + len(piece) + (not last) > 79 + last:
            lines.append(line + "\\")
            line = "  "
        line += piece
    return "\n".join([*lines, line])


def export(*lines: str, head: str = V5, end: str = "\r\n") -> str:
    return end.join("\n".join([head, "", *lines, ""]).split("\n"))


def utf16(content: str) -> bytes:
    return codecs.BOM_UTF16_LE + content.encode("utf-16-le")


def crlf(content: str) -> str:
    return content.replace("\n", "\r\n")


WORKED = r"""Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\DataCollection]
"TelemetryProxyServer"="10.0.0.6:8080"
"DisableEnterpriseAuthProxy"=dword:00000001

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections]
"WinHttpSettings"=hex:28,00,00,00,00,00,00,00,03,00,00,00,0d,00,00,00,31,30,\
  2e,30,2e,30,2e,36,3a,38,30,38,30,00,00,00,00

[HKEY_USERS\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections]
"DefaultConnectionSettings"=hex:46,00,00,00,05,00,00,00,03,00,00,00,0d,00,00,\
  00,31,30,2e,30,2e,30,2e,36,3a,38,30,38,30,07,00,00,00,3c,6c,6f,63,61,6c,3e,\
  00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,\
  00,00,00,00,00,00,00,00,00,00,00
"""

EXPORTS = {
    "worked-example.reg": utf16(crlf(WORKED)),
    "utf16-without-bom.reg": export(*STATIC).encode("utf-16-le"),
    "utf16-big-endian.reg": codecs.BOM_UTF16_BE + export(*STATIC).encode("utf-16-be"),
    "utf8-with-bom.reg": codecs.BOM_UTF8 + export("; für das Büro", *STATIC).encode(),
    "utf8-line-feeds.reg": export("; für das Büro", *STATIC, end="\n").encode(),
    "carriage-returns.reg": export(*STATIC, end="\r").encode(),
    "mixed-line-ends.reg": (V5 + "\r\n\n[" + COLLECTION + ']\r"TelemetryProxyServer"="a:1"\n\r\n').encode(),
    "regedit4-cp1252.reg": export(
        f"[{DEFENDER}]",
        '"ProxyPacUrl"="http://büro.example/p.pac"',
        '"Expanded"=hex(2):25,54,45,4d,50,25,5c,fc,00',
        '"Several"=hex(7):61,00,fc,00,00',
        "",
        head="REGEDIT4",
    ).encode("cp1252"),
    "truncated-utf16.reg": utf16(export(*STATIC))[:-3],
    "hand-made-deletes.reg": export(
        f"[{COLLECTION}]",
        '"TelemetryProxyServer"="first:1"',
        '"telemetryproxyserver"="second:2"',
        '"DisableEnterpriseAuthProxy"=dword:1',
        '"disableenterpriseauthproxy"=-',
        f"[{DEFENDER}\\Spynet]",
        '"SSLOptions"=dword:00000002',
        f"[-{DEFENDER.upper()}]",
        f"[{DEFENDER}]",
        '"ProxyServer"="http://late:3"',
    ).encode(),
    "comments-and-blanks.reg": (
        f'  \t{V5}  \r\n\r\n; a comment with [brackets] and "quotes"=dword:1\r\n\t [{COLLECTION}] ; the key\r\n'
        '  "TelemetryProxyServer" = "10.0.0.6:8080" ; the proxy\r\n'
        '\t"DisableEnterpriseAuthProxy"\t=\tdword:1;no blank\r\n'
        '   "Gone"="x"\r\n"Gone" = - ; deleted\r\n'
        '"Blob"=hex: 01 , 02 ,\\ ; goes on\r\n\r\n; in between\r\n   3,\\\r\n 04 ; ends\r\n'
    ).encode(),
    "abbreviated-roots.reg": export(
        r"[HKLM\SOFTWARE\Policies\Microsoft\Windows\DataCollection]",
        '"TelemetryProxyServer"="a:1"',
        r"[HKLM:\SOFTWARE\Policies\Microsoft\Windows Defender]",
        '"ProxyServer"="http://b:2"',
        r"[Computer\HKEY_USERS\S-1-5-18\Software]",
        '"x"=dword:2',
        r"[HKEY_LOKAL_MACHINE\SOFTWARE]",
        '"lost"="1"',
        '"lost too"="1"',
    ).encode(),
    "lost-continuation.reg": export(
        f"[{MACHINE}]",
        '"WinHttpSettings"=hex:28,00,00,00,00,00,00,00,03,00,00,00,0d,00,00,00,31,30,',
        "  2e,30,2e,30,2e,36,3a,38,30,38,30,00,00,00,00",
        "",
        *STATIC,
    ).encode(),
    "broken-off.reg": export(
        *STATIC,
        f"[{MACHINE}]",
        '"WinHttpSettings"=hex:28,00,00,00,00,00,00,00,03,00,00,00,0d,00,00,00,31,30,\\',
    ).encode(),
    "broken-off-by-a-key.reg": export(
        f"[{MACHINE}]",
        '"WinHttpSettings"=hex:28,00,00,00,\\',
        "",
        *STATIC,
    ).encode(),
    "missing-header.reg": "\r\n".join(STATIC).encode(),
    "nothing-but-a-value.reg": b'"TelemetryProxyServer"="10.0.0.6:8080"\r\n',
    "unknown-header.reg": export(*STATIC, head="REGEDIT5").encode(),
    "all-types.reg": export(
        r"[HKEY_CURRENT_USER\Types]",
        '"none"=hex(0):01,02',
        '"text"=hex(1):61,00,00,00,62,00,00,00',
        '"expand"=hex(2):25,00,54,00,25,00,00,00',
        '"binary"=hex(3):ff',
        '"number"=hex(4):1f,00,00,00',
        '"big"=hex(5):00,00,00,1f',
        '"link"=hex(6):61,00',
        '"several"=hex(7):61,00,00,00,62,00,63,00,00,00,00,00',
        '"none of several"=hex(7):00,00',
        '"resources"=hex(8):00',
        '"requirements"=hex(a):01',
        '"long"=hex(b):00,00,00,00,01,00,00,00',
        '"odd"=hex(1f):01',
        '"no octets"=hex:',
        '"short number"=hex(4):1f,00',
        '"odd text"=hex(1):61',
    ).encode(),
    "default-values.reg": export(
        r"[HKEY_CURRENT_USER\A]", '@="of A"', r"[HKEY_CURRENT_USER\A\B]", "@=dword:7"
    ).encode(),
    "escapes.reg": export(
        r"[HKEY_CURRENT_USER\Path with ] and; in it]",
        r'"back\\slash"="C:\\Temp\\x \"y\""',
        r'"controls"="a\nb\rc\0d"',
        r'"alone"="CORP\svc"',
        r'"open"="C:\"',
        r'"goes on"="a" "b"',
        r'"semicolon"="http=a:1;https=b:2"',
        r'"no equals" "x"',
        r'"unquoted"=10.0.0.6:8080',
        r'"number"=dword:0x1',
        r'"wine"=str(2):"%TEMP%"',
    ).encode(),
    "wow6432node.reg": utf16(
        export(
            f"[{MACHINE}]",
            wrapped("WinHttpSettings", winhttp(3, "px64:8080", "")),
            "",
            r"[HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Internet Settings\Connections]",
            wrapped("WinHttpSettings", winhttp(3, "px32:8080", "<local>", header=0x18)),
        )
    ),
    "odd-tails.reg": utf16(
        export(
            rf"[HKEY_CURRENT_USER\{CONNECTIONS}]",
            wrapped("DefaultConnectionSettings", connection(9, "", "", " ", rest=dword(1) + bytes(range(60)))),
            wrapped("SavedLegacySettings", connection(3, "px:3128", "", "", size=0x3C)),
            wrapped("Branch VPN", connection(5, "", "", "http://px/p.pac", rest=b"")),
            wrapped("Dial-up", connection(1, "", "", "", size=0x5A, rest=b"\x01\0\0")),
            wrapped("Torn", connection(3, "px:3128", "", "")[:18]),
            wrapped("WinHttpSettings", winhttp(5, "", "", rest=text("http://px/p.pac") + bytes(32))),
        )
    ),
    "long-bypass.reg": utf16(
        export(
            f"[{MACHINE}]",
            wrapped("WinHttpSettings", winhttp(3, "px:8080", ";".join(f"host{n:03}.example" for n in range(40)))),
        )
    ),
    "formerly-used.reg": utf16(
        export(
            rf"[HKEY_USERS\.DEFAULT\{CONNECTIONS}]",
            wrapped("DefaultConnectionSettings", connection(1, "old:80", "*.old", "http://old/p.pac")),
        )
    ),
    "joined.reg": utf16(export(*STATIC)) + utf16(export(f"[{COLLECTION}]", '"TelemetryProxyServer"="later:2"')),
    "two-accounts.reg": utf16(
        export(
            rf"[HKEY_USERS\S-1-5-18\{CONNECTIONS}]",
            wrapped("DefaultConnectionSettings", connection(3, "px:3128", "<local>", "")),
            "",
            rf"[HKEY_USERS\S-1-5-19\{CONNECTIONS}]",
            wrapped("DefaultConnectionSettings", connection(11, "py:3128", "", "")),
        )
    ),
    "wrong-types.reg": export(
        f"[{COLLECTION}]",
        '"DisableEnterpriseAuthProxy"="1"',
        '"TelemetryProxyServer"=hex(2):61,00,3a,00,31,00,00,00',
        f"[{MACHINE}]",
        '"WinHttpSettings"="28000000"',
    ).encode(),
    "no-closing-bracket.reg": export(
        f"[{COLLECTION}",
        '"TelemetryProxyServer"="lost:1"',
        f"[{DEFENDER}]",
        '"ProxyServer"="http://kept:2"',
        '"no closing quote',
        "10.0.0.6:8080",
    ).encode(),
}

QUERY = r"""
HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\DataCollection
    TelemetryProxyServer    REG_SZ    10.0.0.6:8080
    DisableEnterpriseAuthProxy    REG_DWORD    0x1

HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections
    WinHttpSettings    REG_BINARY    2800000000000000030000000D00000031302E302E302E363A3830383000000000

"""
FRENCH = "\nParamètres de proxy WinHTTP actuels :\n\n    {0}\n"
FRENCH_PROXY = "Serveur(s) proxy :  10.0.0.6:8080\n    Liste de contournement : (aucun)"
GERMAN = """
Aktuelle WinHTTP-Proxyeinstellungen:

    Proxyserver:  http=px:80;https=px:443
    Umgehungsliste:  <local>;*.büro.example
"""
ADVANCED = """
Current WinHTTP advanced proxy settings:

{
  "ConnectionName": "Branch",
  "ProxyIsEnabled": true,
  "Proxy": "http=px:80;https=px:443",
  "ProxyBypass": "<local>",
  "AutoConfigIsEnabled": false,
  "AutoconfigUrl": " ",
  "AutoDetect": true,
  "PerUserProxySettings": true
}

"""

PRINTOUTS = {
    "reg-query.txt": crlf(QUERY).encode(),
    "reg-query-german-oem.txt": crlf(
        r"""
HKEY_CURRENT_USER\Software\Büro
    (Standard)    REG_SZ    Zürich
    (Klammer)    REG_SZ    eine zweite
    Mit vier    Blanks    REG_SZ      zwei davor
    Mehrere    REG_MULTI_SZ    a\0b c\0d
    Leer    REG_SZ    
    Groß    REG_QWORD    0x100000000
    Pfad    REG_EXPAND_SZ    %TEMP%\x

HKEY_CURRENT_USER\Software\Büro\Unten
    (Standard)    REG_SZ    (Wert nicht gesetzt)
    Roh    REG_NONE    
    Krumm    REG_BINARY    123
    Zahl    REG_DWORD    viele

Suchende: 9 Übereinstimmung(en) gefunden.
"""  # noqa: W291 - an empty text ends in blanks
    ).encode("cp850"),
    "reg-query-powershell.txt": utf16(
        crlf("PS C:\\Windows\\system32> reg query HKLM\\SOFTWARE\\Policies /s\n" + QUERY + "PS C:\\Windows\\system32>")
    ),
    "reg-query-old-tabs.txt": crlf(
        "! REG.EXE VERSION 3.0\n\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\DataCollection\n"
        "    <NO NAME>\tREG_SZ\tunnamed\n    TelemetryProxyServer\tREG_SZ\t10.0.0.6:8080\n    Number\tREG_DWORD\t0x1f\n"
    ).encode(),
    "show-proxy-direct.txt": crlf(
        "\nCurrent WinHTTP proxy settings:\n\n    Direct access (no proxy server).\n\n"
    ).encode(),
    "show-proxy.txt": crlf(
        "\nCurrent WinHTTP proxy settings:\n\n    Proxy Server(s) :  10.0.0.6:8080\n    Bypass List     :  (none)\n\n"
    ).encode(),
    "show-proxy-french-oem.txt": crlf(FRENCH.format(FRENCH_PROXY)).encode("cp850"),
    "show-proxy-french-direct.txt": crlf(FRENCH.format("Accès direct (sans serveur proxy).")).encode("cp1252"),
    "show-proxy-french-broken.txt": crlf(FRENCH.format("Acc\ufffds direct (pas de serveur proxy).")).encode(),
    "show-proxy-german-oem.txt": crlf(GERMAN).encode("cp437"),
    "show-proxy-without-port.txt": crlf(
        "\nCurrent WinHTTP proxy settings:\n\n    Proxy Server(s) :  proxy\n    Bypass List     :  *.lan\n"
    ).encode(),
    "show-advproxy.txt": crlf(ADVANCED).encode(),
    "show-advproxy-bare.json": b'{"ProxyIsEnabled":false,"AutoDetect":false}',
    "show-advproxy-torn.txt": crlf(ADVANCED[: ADVANCED.index('"AutoDetect"')]).encode(),
    "console-log.txt": crlf(
        "C:\\>netsh winhttp show proxy\n\nCurrent WinHTTP proxy settings:\n\n    Direct access (no proxy server).\n\n"
        "C:\\>netsh winhttp show advproxy\n" + ADVANCED + "C:\\>reg query HKLM\\SOFTWARE /s\n" + QUERY
    ).encode(),
    "netsh-dump.txt": crlf(
        "\n# -----------------------------------------\n# WinHTTP Proxy Configuration\n"
        "# -----------------------------------------\npushd winhttp\n\nreset proxy\n"
        'set proxy proxy-server="http=a:80;https=a:443" bypass-list="*.contoso.com;<local>"\n\npopd\n\n'
        "# End of WinHTTP Proxy Configuration\n"
    ).encode(),
}

OTHERS = {
    "SensorConfiguration.json": codecs.BOM_UTF8
    + b"""{
  "$type": "SensorConfiguration",
  "SensorProxyConfiguration": {
    "$type": "SensorProxyConfiguration",
    "Url": "http://px.contoso.com:8080",
    "UserName": "CONTOSO\\\\svc",
    "EncryptedUserPasswordData": {
      "$type": "EncryptedData", "EncryptedBytes": "c2VjcmV0IG9jdGV0cw==", "SecretVersion": null,
      "CertificateThumbprint": "0011223344556677889900112233445566778899"
    }
  }
}
""",
    "sensor-without-proxy.json": b'{"SensorProxyConfiguration": null, "WorkspaceApplicationSensorApiEndpoint": {}}',
    "sensor-with-login-in-url.json": b'{"SensorProxyConfiguration": {"Url": "http://svc:hunter2@px:8080"}}',
    "mdatp_managed.json": b'{\n  "antivirusEngine": {"enforcementLevel": "real_time"},\n'
    b'  "cloudService": {"enabled": true, "proxy": "http://px:8080/"}\n}\n',
    "managed-without-proxy.json": b'{"cloudService": {"enabled": true}}',
    "etc-environment": b'# proxies\nPATH="/usr/bin:/bin"\nhttps_proxy="http://px:8080"\nHTTPS_PROXY=http://other:1\n'
    b"export no_proxy='localhost,.corp'\nSECRET_TOKEN=hunter2\n",
    "windows-set.txt": b"ALLUSERSPROFILE=C:\\ProgramData\r\nHTTP_PROXY=px:80\r\nHTTPS_PROXY=px:81\r\n"
    b"NO_PROXY=*.corp,10.0.0.0/8\r\nTOKEN=hunter2\r\n",
    "unit-drop-in.conf": b'[Service]\nEnvironment="HTTPS_PROXY=http://px:8080"\n',
    "empty.reg": codecs.BOM_UTF16_LE,
    "picture.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
    "Registry.pol": b"PReg\x01\x00\x00\x00" + "[SOFTWARE\\Policies;x\0;\x04\0;\x04\0;\x01\0]".encode("utf-16-le"),
    "letter.txt": b"Dear all,\r\n\r\nplease set the WinHTTP proxy on every device.\r\n",
    "torn.json": b'{"cloudService": {"proxy": "http://svc:hunter2@px',
    "other.json": b'{"name": "something else"}',
}

FILES = EXPORTS | PRINTOUTS | OTHERS


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    for name, data in FILES.items():
        (CORPUS / name).write_bytes(data)


if __name__ == "__main__":
    main()
