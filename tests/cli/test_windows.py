"""`prober routes windows`, from files to text and JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prober.cli.routes import app
from prober.routes.windows import blobs
from prober.routes.windows.device import ConnectionSettings, WinHttpSettings

SECRET = "hunter2secret"
MACHINE = r"HKEY_LOCAL_MACHINE\SOFTWARE"
INTERNET = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def octets(data: bytes) -> str:
    return "hex:" + ",".join(f"{octet:02x}" for octet in data)


def write(name: str, *keys: tuple[str, str]) -> str:
    lines = ["Windows Registry Editor Version 5.00", ""]
    for key, values in keys:
        lines += [f"[{key}]", values, ""]
    Path(name).write_bytes(b"\xff\xfe" + "\r\n".join(lines).encode("utf-16-le"))
    return name


def device(name: str = "device.reg") -> str:
    winhttp = octets(blobs.encode_winhttp(WinHttpSettings(3, "http=px:80;https=px:443", "<local>;*.microsoft.com")))
    account = octets(blobs.encode_connection(ConnectionSettings(3, "old:3128", "", "")))
    return write(
        name,
        (MACHINE + r"\Policies\Microsoft\Windows\DataCollection", '"TelemetryProxyServer"="10.0.0.6:8080"'),
        (MACHINE + r"\Microsoft\Windows\CurrentVersion\Internet Settings\Connections", f'"WinHttpSettings"={winhttp}'),
        (rf"HKEY_USERS\S-1-5-19\{INTERNET}\Connections", f'"DefaultConnectionSettings"={account}'),
    )


def run(*arguments: str, code: int = 0, stdin: bytes | None = None) -> tuple[str, str]:
    result = CliRunner().invoke(app, ["windows", *arguments], input=stdin)
    assert result.exit_code == code, result.output
    assert SECRET not in result.output
    return result.stdout, result.stderr


EDR = r"""device.reg: registry export

edr: EDR sensor (Defender for Endpoint), account LocalSystem
  1. static  10.0.0.6:8080 [modelled]
             HKLM\SOFTWARE\Policies\Microsoft\Windows\DataCollection\TelemetryProxyServer
               (device.reg:4)
  2. named   https: px:443, http: px:80 [modelled]
             HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet
               Settings\Connections\WinHttpSettings (device.reg:7)
             except <local>, *.microsoft.com
  3. wpad    auto-detection [modelled]  WinHTTP auto-detection, on unless DisableWpad = 1
  4. direct  no proxy [documented]  fallback
             Documented: the sensor goes direct if its static proxy cannot be reached. Only the
             place behind WinHTTP and auto-detection is the model's.
  * Microsoft publishes no order for the sensor. This is a model: static proxy, WinHTTP's proxy,
    auto-detection, direct.
  * Either: PreferStaticProxyForHttpRequest is not 1, so a request may take the static proxy
    (10.0.0.6:8080) or WinHTTP's ("http=px:80;https=px:443"). Both have to work.

2 lints: 1 high, 1 warning
  high     bypass-entry (edr)
           The bypass list of HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet
           Settings\Connections\WinHttpSettings (device.reg:7): "*.microsoft.com" sends
           winatp-gw-neu.microsoft.com direct. Where there is no way out but the proxy that fails.
           Take the entry out, or open the firewall.
  warning  edr-login-not-disabled (edr)
           TelemetryProxyServer is set (device.reg:4), but DisableEnterpriseAuthProxy beside it is
           missing: the telemetry service may use an authenticated proxy. Set it to DWORD 1; the two
           belong together.
"""


def test_text() -> None:
    assert run(device(), "--component", "edr") == (EDR, "")


def test_text_names_every_component_in_turn() -> None:
    out, _ = run(device())
    heads = [line.partition(":")[0] for line in out.splitlines() if ", account " in line]
    assert heads == ["edr", "mdav", "mdi_sensor", "mdi_updater", "system"]
    severities = [line.split()[0] for line in out.splitlines() if line.startswith(("  high", "  warning", "  info"))]
    assert severities == sorted(severities, key=["high", "warning", "info"].index)
    assert max(map(len, out.splitlines())) <= 100


def test_an_inactive_candidate_has_no_number() -> None:
    winhttp = octets(blobs.encode_winhttp(WinHttpSettings(1, "px:80", "")))
    key = MACHINE + r"\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
    out, _ = run(write("d.reg", (key, f'"WinHttpSettings"={winhttp}')), "--component", "system")
    assert "  -  named   px:80 [not used]\n" in out
    assert "  1. direct  no proxy [modelled]" in out


def test_json() -> None:
    document = json.loads(run(device(), "--format", "json")[0])
    assert list(document["components"]) == ["edr", "mdav", "mdi_sensor", "mdi_updater", "system"]
    candidates = document["components"]["edr"]["candidates"]
    assert [(each["kind"], each["route"], each["active"], each["confidence"]) for each in candidates] == [
        ("static", [{"scheme": "http", "host": "10.0.0.6", "port": 8080}], True, "modelled"),
        ("named", [{"scheme": "http", "host": "px", "port": 443}], True, "modelled"),
        ("wpad", [], True, "modelled"),
        ("direct", [], True, "documented"),
    ]
    assert candidates[0]["source"] == r"HKLM\SOFTWARE\Policies\Microsoft\Windows\DataCollection\TelemetryProxyServer"
    assert candidates[0]["place"] == "device.reg:4"
    assert candidates[1]["bypass"] == ["<local>", "*.microsoft.com"]
    assert candidates[1]["routes"]["http"] == [[{"scheme": "http", "host": "px", "port": 80}]]
    assert [each["routes"]["https"] for each in candidates[2:]] == [None, [[]]]
    assert all(isinstance(note, str) for note in document["components"]["edr"]["notes"])
    wininet = document["components"]["mdi_sensor"]["candidates"][0]
    assert (wininet["kind"], wininet["bypass"]) == ("wininet", []), "what nobody wrote is not listed"
    assert all(set(each) == {"id", "severity", "component", "text"} for each in document["lints"])
    assert {each["severity"] for each in document["lints"]} <= {"info", "warning", "high"}
    assert document["files"] == {"device.reg": "registry export"}


def test_one_component_as_json() -> None:
    document = json.loads(run(device(), "--component", "mdi_sensor,edr", "--format", "json")[0])
    assert list(document["components"]) == ["edr", "mdi_sensor"]
    assert {each["component"] for each in document["lints"]} <= {"edr", "mdi_sensor"}


def test_all_files_that_are_of_no_use_at_once() -> None:
    Path("notes.txt").write_text("nothing that anybody knows\n")
    Path("empty").write_bytes(b"")
    out, err = run(device(), "missing.reg", "notes.txt", ".", "empty", code=2)
    assert out == ""
    assert [line.partition(" ")[2].partition(":")[0] for line in err.splitlines()] == [
        "missing.reg", ".", "notes.txt", "empty"
    ]  # fmt: skip
    assert all(line.startswith("error: ") for line in err.splitlines())


def test_a_doubt_goes_to_stderr_with_its_line() -> None:
    path = write(
        "d.reg", (MACHINE + r"\Policies\Microsoft\Windows\DataCollection", '"TelemetryProxyServer"="a:80\r\nx')
    )
    out, err = run(path)
    assert err.startswith("warning: d.reg:4: ")
    assert "edr" in out


def test_too_large_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    _, err = run("/dev/zero", code=2)
    assert "octets: a file has at most" in err


def test_standard_input() -> None:
    out, _ = run("-", "--component", "system", stdin=Path(device()).read_bytes())
    assert "(-:7)" in out


def test_unknown_words() -> None:
    _, err = run(device(), "--component", "edd,mdav,xyz", code=2)
    assert err.splitlines()[0] == "error: --component: unknown name: did you mean edr?"
    assert len(err.splitlines()) == 2
    _, err = run(device(), "--code-page", "klingon", code=2)
    assert "--code-page" in err


def test_linux_alone() -> None:
    document = {"cloudService": {"proxy": f"http://svc:{SECRET}@px.example:8080"}}
    Path("mdatp_managed.json").write_text(json.dumps(document))
    out, _ = run("mdatp_managed.json")
    heads = [line.partition(":")[0] for line in out.splitlines() if ", account " in line]
    assert heads == ["mde_linux", "mde_macos"]
    assert "px.example:8080 [modelled]" in out
    assert out.endswith("No lints.\n")
    assert json.loads(run("mdatp_managed.json", "--format", "json")[0])["components"].keys() > {"edr", "mde_linux"}


def test_asking_for_linux_without_its_files() -> None:
    assert "mde_linux: " in run(device(), "--component", "mde_linux")[0]
    heads = [line for line in run(device(), "--component", "all")[0].splitlines() if ", account " in line]
    assert len(heads) == 7


def test_a_pac_script_among_the_files() -> None:
    Path("p.pac").write_text('function FindProxyForURL(u, h) { if (u == "https://a.example/x") return "DIRECT" }')
    _, err = run(device(), "p.pac")
    assert err == "warning: p.pac: a PAC script, but no setting in use names one\n"
    key = MACHINE + r"\Policies\Microsoft\Windows Defender"
    out, err = run(write("d.reg", (key, '"ProxyPacUrl"="http://px/p.pac"')), "p.pac", "--component", "mdav")
    assert err == ""
    assert "warning  pac-unusable (mdav)" in out
    assert "p.pac: PAC script" in out


def test_nothing_of_a_file_drives_the_terminal() -> None:
    nasty = "\x1b[31m\u202e\x9b\x07;px:80"
    winhttp = octets(blobs.encode_winhttp(WinHttpSettings(3, "\x1b]0;x\x07 px:80", "\x1b[2J;*.microsoft.com")))
    path = write(
        "d.reg",
        (MACHINE + r"\Policies\Microsoft\Windows\DataCollection", f'"TelemetryProxyServer"="{nasty}"'),
        (MACHINE + r"\Policies\Microsoft\Windows Defender", f'"ProxyPacUrl"="http://px/\x1b[31m\x7f{nasty}"'),
        (MACHINE + r"\Microsoft\Windows\CurrentVersion\Internet Settings\Connections", f'"WinHttpSettings"={winhttp}'),
    )
    for arguments in ((), ("--format", "json")):
        for text in run(path, *arguments):
            assert not [letter for letter in text if not letter.isprintable() and letter != "\n"]
            assert "\u202e" not in text


def test_a_terminal_that_takes_ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    key = MACHINE + r"\Policies\Microsoft\Windows\DataCollection"
    path = write("d.reg", (key, '"TelemetryProxyServer"="größe:80x"'))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    from prober.cli.windows import windows

    windows([path])
    stream.flush()
    assert rb"gr\xf6\xdfe:80x" in stream.buffer.getvalue()


def test_a_pac_url_with_a_login_is_masked() -> None:
    key = MACHINE + r"\Policies\Microsoft\Windows Defender"
    path = write("d.reg", (key, f'"ProxyPacUrl"="http://svc:{SECRET}@px/p.pac"'))
    assert "***@px/p.pac" in run(path)[0]
    assert (
        json.loads(run(path, "--format", "json")[0])["components"]["mdav"]["candidates"][0]["pac_url"] == "***@px/p.pac"
    )
