from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prober.cli.routes import app

SECRET = "hunter2secret"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, environ: dict[str, str] | None = None) -> tuple[str, str]:
    result = CliRunner().invoke(app, list(arguments), env=environ or {})
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    return result.stdout, result.stderr


ENVIRON = {
    "https_proxy": f"http://svc:{SECRET}@p.example:3128",
    "http_proxy": "",
    "HTTP_PROXY": "",
    "all_proxy": "",
    "ALL_PROXY": "",
    "no_proxy": "corp.example,\x1b",
    "PROBER_PROXY_PASSWORD_TWO_2": SECRET,
}
VIA = ("--via", "two=socks5h://10.0.0.7,https://u@p.example:8443", "--via", "env", "--via", "s=socks4://id@h")


def test_the_routes_in_force_as_text() -> None:
    out, err = run(*VIA, environ=ENVIRON)
    assert out == (
        "routes in force (command line):\n"
        "direct\n"
        "  direct: no proxy\n"
        "two\n"
        "  hop 1: socks5h://10.0.0.7:1080  no login\n"
        "  hop 2: https://p.example:8443  login basic as u, password from environment PROBER_PROXY_PASSWORD_TWO_2\n"
        "env (environment), https:// and tls:// targets\n"
        "  hop 1: http://p.example:3128  login basic as svc, password from URL\n"
        "env (environment), http:// targets\n"
        "  direct: no proxy\n"
        "  direct to: corp.example \\x1b\n"
        "s\n"
        "  hop 1: socks4://h:1080  login password as id, no password\n"
    )
    assert err.count("warning: ") == 1
    assert "route env, hop 1 (http://p.example:3128): the password crosses the network in the clear" in err


def test_the_routes_in_force_as_json() -> None:
    document = json.loads(run(*VIA, "--format", "json", environ=ENVIRON)[0])
    assert document["origin"] == "command line"
    assert [route["name"] for route in document["routes"]] == ["direct", "two", "env", "s"]
    assert document["routes"][0]["hops"] == []
    assert document["routes"][1]["hops"][1] == {
        "scheme": "https",
        "host": "p.example",
        "port": 8443,
        "auth": "basic",
        "user": "u",
        "password_from": "environment PROBER_PROXY_PASSWORD_TWO_2",
        "trust_roots": None,
    }
    assert document["routes"][2]["http"] == []
    assert len(document["warnings"]) == 1


def test_a_configured_route_is_chosen_by_name() -> None:
    Path("prober.yaml").write_text("routes: {hq: [{url: http://10.0.0.6}], two: []}\n")
    assert run()[0].splitlines()[0] == "routes in force (file prober.yaml:1):"
    assert [line for line in run("--via", "hq")[0].splitlines() if not line.startswith(" ")][1:] == ["direct", "hq"]


def test_a_login_in_the_url_of_a_script_is_not_shown() -> None:
    for arguments in ([], ["--format", "json"]):
        out, err = run("--via", "x=pac+http://carol:topsecret9@wpad.corp.example/p.pac", *arguments)
        assert "http://wpad.corp.example/p.pac" in out
        assert "topsecret9" not in out + err


SCRIPTED = """\
routes:
  hq: {pac: 'http://px.corp.example/p.pac', reading: winhttp, my_ip: [10.1.2.3], trust_roots: corp.pem}
  de: {wpad: corp.example, option_252: 'http://px/w.dat'}
"""


def test_routes_that_a_script_decides_as_text() -> None:
    Path("corp.pem").touch()
    Path("prober.yaml").write_text(SCRIPTED)
    out, err = run("--via", "hq", "--via", "de", "--via", "own=pac+/etc/own.pac")
    when = "asked for each target when a run is planned"
    assert out == (
        "routes in force (command line):\n"
        "direct\n"
        "  direct: no proxy\n"
        "hq (PAC http://px.corp.example/p.pac)\n"
        f"  read as winhttp does, {when}\n"
        "de (WPAD in corp.example)\n"
        f"  read as chromium does, {when}\n"
        "own (PAC /etc/own.pac)\n"
        f"  read as chromium does, {when}\n"
    )
    assert err == ""


def test_routes_that_a_script_decides_as_json() -> None:
    Path("corp.pem").touch()
    Path("prober.yaml").write_text(SCRIPTED)
    document = json.loads(run("--format", "json")[0])
    assert document["routes"] == [
        {
            "name": "hq",
            "pac": "http://px.corp.example/p.pac",
            "wpad": None,
            "option_252": None,
            "reading": "winhttp",
            "my_ip": ["10.1.2.3"],
            "trust_roots": "corp.pem",
        },
        {
            "name": "de",
            "pac": None,
            "wpad": "corp.example",
            "option_252": "http://px/w.dat",
            "reading": "chromium",
            "my_ip": [],
            "trust_roots": None,
        },
    ]


def test_a_login_in_a_script_s_url_is_not_shown() -> None:
    text = f"http://svc:{SECRET}@px.corp.example/p.pac"
    Path("prober.yaml").write_text(f"routes: {{hq: {{pac: '{text}'}}}}\n")
    assert "px.corp.example/p.pac" in run()[0]
    assert "px.corp.example/p.pac" in run("--format", "json")[0]
