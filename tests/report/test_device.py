"""The lines for a person keep to the width, whatever stands in the files."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from prober.report.device import as_document, as_lines
from prober.routes.windows import blobs
from prober.routes.windows.carriers import read_device
from prober.routes.windows.components import read_components
from prober.routes.windows.device import ConnectionSettings
from prober.routes.windows.lints import lint

WORDS = st.sampled_from(
    ["px:80", "http=px:80", "https=b:443", "<local>", "*.microsoft.com", "10.0.0.0/8", "[::1]:80", "@", "socks5://x"]
)
TEXTS = st.one_of(
    st.lists(WORDS, max_size=9).map(";".join),
    st.text(st.characters(codec="latin-1", exclude_characters='\r\n"\\'), max_size=300),
)


@given(TEXTS, TEXTS, TEXTS, st.integers(0, 15), st.integers(60, 120))
def test_lines_keep_to_the_width(proxy: str, bypass: str, pac: str, flags: int, width: int) -> None:
    data = blobs.encode_connection(ConnectionSettings(flags, proxy, bypass, pac))
    octets = ",".join(f"{octet:02x}" for octet in data)
    text = (
        "Windows Registry Editor Version 5.00\n\n"
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows Defender]\n"
        f'"ProxyServer"="{proxy}"\n"ProxyBypass"="{bypass}"\n"ProxyPacUrl"="{pac}"\n\n'
        "[HKEY_USERS\\S-1-5-19\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\\Connections]\n"
        f'"DefaultConnectionSettings"=hex:{octets}\n'
    )
    device = read_device([("device.reg", text.encode())])
    readings = read_components(device)
    lints = lint(device, readings)
    lines = list(as_lines(device, readings, lints, width=width))
    assert [line for line, _ in lines if len(line) > width or not line.isprintable()] == []
    assert len([line for line, style in lines if style == "bold"]) >= len(readings) + 1
    document = json.loads(json.dumps(as_document(device, readings, lints)))
    assert len(document["lints"]) == len(lints)
    assert document["components"].keys() == {"edr", "mdav", "mdi_sensor", "mdi_updater", "system"}


def test_a_login_in_a_bypass_list_is_not_shown() -> None:
    text = (
        "Windows Registry Editor Version 5.00\n\n"
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows Defender]\n"
        '"ProxyServer"="http://px:80"\n"ProxyBypass"="*.lan;http://carol:topsecret9@*.microsoft.com"\n'
    )
    device = read_device([("device.reg", text.encode())])
    readings = read_components(device)
    lints = lint(device, readings)
    lines = [line for line, _ in as_lines(device, readings, lints, width=200)]
    assert any("except *.lan, ***@*.microsoft.com" in line for line in lines)
    assert "topsecret9" not in "\n".join(lines)
    assert "topsecret9" not in json.dumps(as_document(device, readings, lints))
