from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from prober.cli.routes import app

SCRIPT = """
function FindProxyForURL(url, host) {
  if (isPlainHostName(host)) return "DIRECT";
  if (isInNet(host, "10.0.0.0", "255.0.0.0")) return "PROXY inside:3128; HTTPS [2001:db8::1]; nonsense; DIRECT";
  if (weekdayRange("SAT", "SUN")) return "SOCKS5 weekend:1";
  if (shExpMatch(url, "*bad*")) return nope();
  alert("\\u001b[31m no rule for " + host);
  return "";
}
"""
TUESDAY = ("--now", "2026-03-03T12:00:00+01:00")


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "proxy.pac"
    path.write_text(SCRIPT)
    return str(path)


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["pac", *arguments], input=stdin)
    return result.exit_code, result.stdout, result.stderr


def values(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    code, out, _ = run(*arguments, "--format", "json")
    return code, json.loads(out)


def test_the_contract_s_fields(script: str) -> None:
    code, (answer,) = values(script, "https://in.example/x", "--dns", "in.example=2001:db8::5,10.1.2.3", *TUESDAY)
    assert code == 0
    assert answer["url"] == "https://in.example/x"
    assert answer["result"] == "PROXY inside:3128; HTTPS [2001:db8::1]; nonsense; DIRECT"
    assert answer["routes"] == [
        [{"scheme": "http", "host": "inside", "port": 3128}],
        [{"scheme": "https", "host": "2001:db8::1", "port": 443}],
        [],
    ]
    assert answer["error"] is None
    assert (answer["asked"], answer["host"], answer["entry"]) == (
        "https://in.example/",
        "in.example",
        "FindProxyForURL",
    )
    assert answer["calls"][1] == {
        "function": "isInNet",
        "arguments": ['"in.example"', '"10.0.0.0"', '"255.0.0.0"'],
        "result": "true",
    }
    assert len(answer["remarks"]) == 1


def test_readings_differ(script: str) -> None:
    code, (answer,) = values(
        script, "https://in.example", "--dns", "in.example=10.1.2.3", "--reading", "winhttp", *TUESDAY
    )
    assert code == 0
    assert answer["routes"] == [[{"scheme": "http", "host": "inside", "port": 3128}]]
    assert "WinHTTP uses the first item only: 2 more would be tried by a browser" in answer["remarks"]


def test_text(script: str) -> None:
    code, out, err = run(
        script, "https://user:hunter2@in.example/x", "http://x/", "https://bad.example", "http://bad.example",
        "--dns", "in.example=10.1.2.3", *TUESDAY,
    )  # fmt: skip
    assert (code, err) == (1, "")
    assert out == (
        f"{script}, as chromium reads it\n"
        "\n"
        "https://in.example/x\n"
        '  asked   FindProxyForURL("https://in.example/", "in.example")\n'
        '  called  isPlainHostName("in.example") = false\n'
        '  called  isInNet("in.example", "10.0.0.0", "255.0.0.0") = true\n'
        '  result  "PROXY inside:3128; HTTPS [2001:db8::1]; nonsense; DIRECT"\n'
        "  way 1   http://inside:3128\n"
        "  way 2   https://[2001:db8::1]:443\n"
        "  way 3   direct\n"
        '  remark  "nonsense" is dropped: expected DIRECT, PROXY, HTTPS, SOCKS, SOCKS4 or SOCKS5\n'
        "\n"
        "http://x/\n"
        '  asked   FindProxyForURL("http://x/", "x")\n'
        '  called  isPlainHostName("x") = true\n'
        '  result  "DIRECT"\n'
        "  way 1   direct\n"
        "\n"
        "https://bad.example\n"
        '  asked   FindProxyForURL("https://bad.example/", "bad.example")\n'
        '  called  isPlainHostName("bad.example") = false\n'
        '  called  isInNet("bad.example", "10.0.0.0", "255.0.0.0") = false\n'
        '  called  weekdayRange("SAT", "SUN") = false\n'
        '  called  shExpMatch("https://bad.example/", "*bad*") = true\n'
        "  error   pac-script-error: FindProxyForURL threw ReferenceError: nope is not defined (line 6)\n"
        "  remark  Chromium goes on with its next setting, or direct\n"
        "\n"
        "http://bad.example\n"
        '  asked   FindProxyForURL("http://bad.example/", "bad.example")\n'
        '  called  isPlainHostName("bad.example") = false\n'
        '  called  isInNet("bad.example", "10.0.0.0", "255.0.0.0") = false\n'
        '  called  weekdayRange("SAT", "SUN") = false\n'
        '  called  shExpMatch("http://bad.example/", "*bad*") = true\n'
        "  error   pac-script-error: FindProxyForURL threw ReferenceError: nope is not defined (line 6)\n"
        "  remark  Chromium goes on with its next setting, or direct\n"
    )


def test_what_a_script_says_cannot_drive_a_terminal(script: str) -> None:
    code, out, _ = run(script, "https://other.example", "--dns", "x=", *TUESDAY)
    assert code == 0
    assert "  alert   \\x1b[31m no rule for other.example\n" in out
    assert "\x1b" not in out
    assert "  remark  an empty result: direct\n" in out


def test_the_clock_is_the_device_s(script: str) -> None:
    for moment, result in (("2026-03-07T23:00:00-05:00", "SOCKS5 weekend:1"), ("2026-03-09T00:00:00+14:00", "")):
        _, (answer,) = values(script, "https://other.example", "--dns", "x=", "--now", moment)
        assert answer["result"] == result


def test_a_script_on_standard_input() -> None:
    code, out, _ = run("-", "https://a", stdin="function FindProxyForURL() { return 'PROXY ' + myIpAddress(); }")
    assert code == 0
    assert "  way 1   http://127.0.0.1:80\n" in out
    assert "give it with --my-ip" in out
    code, out, _ = run(
        "-", "https://a", "--my-ip", "10.0.0.9", stdin="function FindProxyForURL() { return 'PROXY ' + myIpAddress(); }"
    )
    assert "  way 1   http://10.0.0.9:80\n" in out
    assert "--my-ip" not in out


def test_names_of_this_machine_are_pointed_out() -> None:
    code, out, _ = run("-", "https://a", stdin="function FindProxyForURL() { return 'PROXY ' + dnsResolve('::1'); }")
    assert code == 0
    assert "names were resolved on this machine" in out


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pac")
    code, out, err = run(
        missing, "www.example.com", "http://u:hunter2@a b/", "--dns", "a", "--dns", "b=c", "--dns", "-=192.0.2.1",
        "--my-ip", "me", "--now", "2026-01-01",
    )  # fmt: skip
    assert (code, out) == (2, "")
    assert "hunter2" not in err
    assert err.splitlines() == [
        "error: command line: URL 1: expected a URL such as https://host/path: the scheme is missing",
        "error: command line: URL 2: expected a URL such as https://host/path, without blanks and control characters",
        'error: command line: --dns: expected HOST=IP[,IP], not "a"',
        'error: command line: --dns b: "c" is not an IP address',
        "error: command line: --dns -: the host is missing or not a DNS name",
        'error: command line: --my-ip: "me" is not an IP address',
        'error: command line: --now: "2026-01-01" is not a time with its offset, such as 2026-03-02T08:30:00+01:00 '
        "or …Z",
        f"error: command line: SCRIPT {missing}: No such file or directory",
    ]


def test_a_folder_is_no_script(tmp_path: Path) -> None:
    code, _, err = run(str(tmp_path), "https://a")
    assert code == 2
    assert "it is a folder" in err


def test_a_script_that_cannot_be_had_fails_every_url(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html>not found</html>")
    code, answers = values(str(page), "https://a", "https://b")
    assert code == 1
    assert [answer["error"]["reason"] for answer in answers] == ["pac-fetch-failed"] * 2
    assert [answer["routes"] for answer in answers] == [[], []]


def test_a_script_that_does_not_parse_fails_every_url(tmp_path: Path) -> None:
    path = tmp_path / "broken.pac"
    path.write_text("function FindProxyForURL(url, host) {\n  retrun x\n}")
    code, answers = values(str(path), "https://a", "https://b", "--reading", "winhttp")
    assert code == 1
    error = answers[1]["error"]
    assert (error["stage"], error["reason"]) == ("config", "pac-script-error")
    assert error["detail"].startswith("the script has a syntax error: SyntaxError: ")
    assert error["detail"].endswith("(line 2)")
    assert answers[1]["remarks"] == ["WinHTTP reports 12166 or 12177 and no proxy"]
