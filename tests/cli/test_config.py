from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prober.cli.config import app
from tests.published import published

SECRET = "hunter2secret"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, environ: dict[str, str] | None = None, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(app, list(arguments), env=environ or {})
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


GOLDEN = """\
egress                     "paris"                                         file prober.yaml:1
catalogs                   ["mde", "mdav", "mdi", "mma", "ama", "common"]  default
select.cloud               "commercial"                                    default
select.geography           ["EU", "US"]                                    environment PROBER_GEO
select.required            "yes"                                           default
select.service             []                                              default
select.os                  []                                              default
set.workspace              ["contoso"]                                     file prober.yaml:5
routes.direct              []                                              file prober.yaml:3
routes.hq                  [{"url": "http://svc:***@10.0.0.6:8080"}]       file prober.yaml:4
probe.timeout              2.5                                             command line
probe.concurrency          256                                             default
probe.per_route            128                                             default
probe.per_host             4                                               default
probe.rate                 null                                            default
probe.retries              1                                               default
probe.profile              "schannel"                                      default
probe.family               "ipv4"                                          command line
resolve["a.example:443"]   "127.0.0.1:8443"                                file prober.yaml:6
trust.roots                []                                              default
trust.pins                 {}                                              default
trust.known_interceptors   []                                              default
trust.client_certificates  {}                                              default
serve.interval             60.0                                            default
serve.intervals            {}                                              default
serve.confirm              2                                               default
serve.confirm_after        5.0                                             default
serve.listen               "127.0.0.1:9464"                                default
serve.host_names           []                                              default
serve.web_config           null                                            default
serve.state                "prober.db"                                     default
serve.history              90                                              default
serve.grace                10.0                                            default
serve.ask_scripts          900.0                                           default
serve.allow                []                                              default
serve.allow_networks       []                                              default
serve.probe_concurrency    16                                              default
serve.modules              {}                                              default
(routes in force)          ["direct", "hq"]                                file prober.yaml:2
"""

FILE = f"""\
egress: paris
routes:
  direct: []
  hq: [{{url: 'http://svc:{SECRET}@10.0.0.6:8080'}}]
set: {{workspace: [contoso]}}
resolve: {{"a.example:443": "127.0.0.1:8443"}}
"""


def test_show_prints_every_value_with_its_origin() -> None:
    Path("prober.yaml").write_text(FILE)
    out, err = run("show", "--timeout", "2.5", "-4", environ={"PROBER_GEO": "EU,US"})
    assert out == GOLDEN
    assert SECRET not in out + err
    assert "the password stands in the configuration" in err


def test_show_as_json_says_the_same() -> None:
    Path("prober.yaml").write_text(FILE)
    out, _ = run("show", "--format", "json", "--no-direct")
    document = json.loads(out)
    assert document["file"] == "prober.yaml"
    assert document["settings"]["routes"] == {"direct": [], "hq": [{"url": "http://svc:***@10.0.0.6:8080"}]}
    assert document["origin"]["routes.hq"] == "file prober.yaml:4"
    assert document["origin"]['resolve["a.example:443"]'] == "file prober.yaml:6"
    assert document["routes_in_force"] == {"names": ["hq"], "origin": "file prober.yaml:2"}
    assert SECRET not in out


def test_check_of_a_good_file() -> None:
    Path("site.yaml").write_text("routes: {direct: [], hq: [{url: http://h}]}\n")
    assert run("check", "--config", "site.yaml")[0] == "site.yaml: fine; routes: direct, hq; warnings: 0\n"
    assert run("check")[0] == "no file, defaults only: fine; routes: direct; warnings: 0\n"


def test_check_prints_every_error_and_ends_with_2() -> None:
    Path("prober.yaml").write_text(f"sirve: 1\nroutes: {{hq: [{{url: 'sock5://u:{SECRET}@h'}}]}}\n")
    out, err = run("check", code=2)
    assert out == ""
    assert err.splitlines() == [
        "error: prober.yaml:1: sirve: unknown key: did you mean serve?",
        'error: prober.yaml:2: routes.hq[0].url: unknown scheme "sock5": did you mean socks5?',
    ]


def test_schema_is_json() -> None:
    assert json.loads(run("schema")[0])["title"] == "prober.yaml"


def test_help_has_an_example() -> None:
    for command in ("check", "schema", "show"):
        assert "Example" in run(command, "--help")[0]


def test_the_command_line_loads_without_the_heavy_libraries() -> None:
    program = (
        "import sys, prober.cli.config, prober.cli.init, prober.cli.routes, prober.cli.options; "
        "print({'pydantic', 'yaml', 'rich.table', 'OpenSSL', 'cryptography', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select: {service: [MDX]}", 'unknown service "MDX"'),
        ("select: {geography: [Mars]}", 'unknown geography "Mars"'),
        ("catalogs: [mdx]", 'unknown catalog "mdx"'),
        ("set: {workspaces: [a]}", 'unknown placeholder "workspaces"'),
        ("trust: {roots: [site.yaml]}", "no certificate"),
        ("trust: {client_certificates: {x.example: site.yaml}}", "no certificate with its private key"),
    ],
)
def test_check_refuses_what_prober_check_would_refuse(text: str, said: str) -> None:
    Path("site.yaml").write_text(text)
    out, err = run("check", "--config", "site.yaml", code=2)
    assert out == ""
    assert said in err


SCRIPTED = """\
routes:
  hq: {pac: 'http://svc:hunter2secret@px.corp.example/p.pac', reading: winhttp}
  de: {wpad: corp.example, option_252: 'http://svc:hunter2secret@px/w.dat'}
"""


def test_routes_that_a_script_decides_are_shown_without_logins() -> None:
    Path("prober.yaml").write_text(SCRIPTED)
    text, _ = run("show")
    assert SECRET not in text
    rows = [re.split(r"  +", line) for line in text.splitlines() if line.startswith(("routes.", "(routes"))]
    assert rows[-1] == ["(routes in force)", '["hq", "de"]', "file prober.yaml:1"]
    assert rows[0][0] == "routes.hq"
    assert json.loads(rows[0][1])["pac"] == "http://px.corp.example/p.pac"
    assert json.loads(rows[0][1])["reading"] == "winhttp"
    assert json.loads(rows[1][1])["option_252"] == "http://px/w.dat"
    document = run("show", "--format", "json")[0]
    assert SECRET not in document
    assert json.loads(document)["settings"]["routes"]["de"]["wpad"] == "corp.example"


def test_check_with_scripts() -> None:
    """One that cannot be had is no mistake of the configuration: its routes say so when they are probed."""
    Path("own.pac").write_text('function FindProxyForURL(url, host) { return "DIRECT"; }')
    Path("prober.yaml").write_text("routes: {own: {pac: own.pac}, gone: {pac: gone.pac}}\n")
    assert run("check")[0].startswith("prober.yaml: fine; routes: own, gone; warnings: ")
    with published() as pac:
        Path("prober.yaml").write_text(f"routes: {{hq: {{pac: '{pac.put('DIRECT')}'}}}}\n")
        run("check")
        assert pac.asked == [], "nothing is sent"
    Path("prober.yaml").write_text("routes:\n  own: {pac: 'ftp://px/p.pac'}\n  de: {wpad: corp}\n")
    _, err = run("check", code=2)
    assert "prober.yaml:2: routes.own.pac: a PAC script is fetched by http:// or https://" in err
    assert "prober.yaml:3: routes.de.wpad: WPAD looks in a domain of two labels at least" in err


LOGINS = """\
routes:
  p: {pac: 'http://carol:topsecret9@127.0.0.1:9/p.pac'}
  w: {wpad: corp.example, option_252: 'http://carol:topsecret9@127.0.0.1:9/w.dat'}
"""


def test_a_login_in_the_place_of_a_script_is_not_shown() -> None:
    Path("prober.yaml").write_text(LOGINS)
    for arguments in (["show"], ["show", "--format", "json"]):
        out, err = run(*arguments)
        assert "http://127.0.0.1:9/p.pac" in out
        assert "http://127.0.0.1:9/w.dat" in out
        assert "topsecret9" not in out + err


def test_check_asks_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent: a file can be checked where its network is not."""
    asked: list[object] = []
    monkeypatch.setattr("prober.check.scripts.Scripts.ask", lambda *given: asked.append(given))
    Path("prober.yaml").write_text(LOGINS)
    out, _ = run("check")
    assert "routes: p, w" in out
    assert not asked
