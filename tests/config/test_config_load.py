from __future__ import annotations

import base64
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from prober.config import ConfigErrors, Loaded, Settings, load, schema
from prober.model import Hop, HopScheme, Route, Secret
from prober.routes.environment import EnvironmentRoute
from prober.routes.rules import ScriptedRoute

SECRET = "hunter2secret"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def put(text: str, name: str = "prober.yaml", mode: int = 0o600) -> Path:
        file = Path(name)
        file.write_text(text)
        file.chmod(mode)
        return file

    return put


def errors(path: Path | None = None, environ: dict[str, str] | None = None, **options: object) -> list[str]:
    overrides = options.pop("overrides", {})
    with pytest.raises(ConfigErrors) as caught:
        load(path, environ or {}, overrides, **options)  # type: ignore[arg-type] # tables of anything
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return [str(error) for error in caught.value.errors]


def names(loaded: Loaded) -> list[str]:
    return [rule.name for rule in loaded.routes]


CONTRACT = """\
egress: paris
catalogs: [mde, mdav, mdi, mma, ama, common]
select: {cloud: commercial, geography: [EU], required: "yes", service: [], os: []}
set: {workspace: [contoso], workspace_id: []}
routes:
  direct: []
  hq: [{url: http://10.0.0.6:8080, user: svc, password_file: hq}]
  two: [{url: socks5h://10.0.0.7:1080}, {url: https://proxy.corp:8443, trust_roots: corp.pem}]
probe: {timeout: 10, concurrency: 256, per_route: 128, per_host: 4, rate: null, retries: 1, profile: schannel,
  family: ipv4-first}
resolve: {}
trust: {roots: [], pins: {}, known_interceptors: [], client_certificates: {}}
serve: {interval: 60, confirm: 2, listen: 127.0.0.1:9464, web_config: null, state: prober.db, allow: [], modules: {}}
"""


def test_the_contract_s_example_states_the_defaults(write: Write) -> None:
    write("pw\n", "hq")
    write("", "corp.pem")
    loaded = load(write(CONTRACT), {}, {})
    plain = {"egress": "paris", "set": {"workspace": ["contoso"], "workspace_id": []}}
    for section in ("catalogs", "probe", "resolve", "trust", "serve"):
        assert getattr(loaded.settings, section) == getattr(Settings(), section)
    assert {key: getattr(loaded.settings, key) for key in plain} == plain
    assert loaded.routes == (
        Route("direct"),
        Route("hq", (Hop(HopScheme.HTTP, "10.0.0.6", 8080, "svc", Secret("pw")),)),
        Route(
            "two",
            (
                Hop(HopScheme.SOCKS5H, "10.0.0.7", 1080),
                Hop(HopScheme.HTTPS, "proxy.corp", 8443, trust_roots="corp.pem"),
            ),
        ),
    )
    assert loaded.password_sources == {("hq", 1): "file hq"}


def test_without_anything_there_are_the_defaults_and_direct(write: Write) -> None:
    loaded = load(None, {}, {})
    assert loaded.routes == (Route("direct"),)
    assert loaded.file is None
    assert loaded.settings.egress
    assert set(loaded.origin.values()) == {"default"}
    assert loaded.warnings == ()


def test_precedence_and_origins(write: Write) -> None:
    write("probe:\n  timeout: 1\n  retries: 2\n  per_host: 9\nresolve:\n  a.example: 10.0.0.1\n  b.example: 10.0.0.2\n")
    environ = {"PROBER_PROBE__TIMEOUT": "2", "PROBER_PROBE__RETRIES": "3", "PROBER_RESOLVE": "a.example=10.0.0.3"}
    loaded = load(None, environ, {"probe.timeout": 4.5, "resolve": {"c.example": "10.0.0.4"}})
    probe = loaded.settings.probe
    assert (probe.timeout, probe.retries, probe.per_host, probe.per_route) == (4.5, 3, 9, 128)
    assert loaded.settings.resolve == {"a.example": "10.0.0.3", "b.example": "10.0.0.2", "c.example": "10.0.0.4"}
    asked = ["probe.timeout", "probe.retries", "probe.per_host", "probe.per_route", "egress"]
    asked += [f'resolve["{letter}.example"]' for letter in "abc"]
    assert [loaded.origin[key] for key in asked] == [
        "command line",
        "environment PROBER_PROBE__RETRIES",
        "file prober.yaml:4",
        "default",
        "default",
        "environment PROBER_RESOLVE",
        "file prober.yaml:7",
        "command line",
    ]
    found = loaded.resolve.find("a.example", 443)
    assert found is not None
    assert found.address == "10.0.0.3"


def test_all_errors_at_once_each_with_its_place(write: Write) -> None:
    write(
        "select: {cloud: comercial, servce: []}\n"
        "routes:\n"
        f"  hq: [{{url: 'sock5://svc:{SECRET}@h:0'}}]\n"
        "  two: [{urll: http://h, trust_roots: gone.pem}, 7]\n"
        "  a-b: []\n"
        "  a_b: []\n"
        "  direct: [{url: http://h}]\n"
        "  device: {pac: gopher://wpad/x.pac, my_ip: [here]}\n"
        "  bad name: []\n"
        "  none: 5\n"
        "probe: {timeout: 0, retries: 99, rate: -1, concurrency: '5', profile: schanel}\n"
        "resolve: {a.example: b.example, a.example: 1.2.3.4}\n"
        "trust: {pins: {h: [abc]}, roots: [{fil: x}], client_certificates: {'a*': gone.pem}}\n"
        "set: {Work: [a], workspace: x}\n"
        "sirve: {}\n"
        "egress: ''\n"
    )
    environ = {"PROBER_PROBE__PER_HOST": "zero", "PROBER_GEO": "EU", "PROBER_SELECT__GEOGRAPHY": "US"}
    found = errors(environ=environ, via=["x=http://h:99999", "hqq"], overrides={"probe.per_route": 0})
    assert sorted(found) == sorted(
        [
            "prober.yaml:1: select.cloud: not a valid value: did you mean commercial?",
            "prober.yaml:1: select.servce: unknown key: did you mean service?",
            'prober.yaml:3: routes.hq[0].url: unknown scheme "sock5": did you mean socks5?',
            "prober.yaml:3: routes.hq[0].url: the port is not between 1 and 65535",
            "prober.yaml:4: routes.two[0].url: this key is required",
            "prober.yaml:4: routes.two[0].urll: unknown key: did you mean url?",
            "prober.yaml:4: routes.two[0].trust_roots: no such file: gone.pem",
            "prober.yaml:4: routes.two[1]: expected a mapping: {key: value}",
            'prober.yaml:6: routes.a_b: routes "a-b" and "a_b" would share the variable PROBER_PROXY_PASSWORD_A_B_1: '
            "rename one",
            'prober.yaml:7: routes.direct: the name "direct" is taken: --via direct has a meaning of its own',
            "prober.yaml:8: routes.device.pac: a PAC script is fetched by http:// or https://, or read from a file",
            'prober.yaml:8: routes.device.my_ip: "here" is not an IP address',
            'prober.yaml:9: routes["bad name"]: a route\'s name is 1 to 40 letters, digits, _ . or -',
            "prober.yaml:10: routes.none: expected a list: [a, b]",
            "prober.yaml:11: probe.timeout: must be greater than 0",
            "prober.yaml:11: probe.retries: must be at most 10",
            "prober.yaml:11: probe.rate: must be greater than 0",
            "prober.yaml:11: probe.concurrency: expected a whole number",
            "prober.yaml:11: probe.profile: not a valid value: did you mean schannel?",
            'prober.yaml:12: resolve["a.example"]: duplicate key: it stands already in line 12',
            'prober.yaml:12: resolve["a.example"]: "b.example" is not IP[:PORT] '
            "(an IPv6 address with a port needs brackets)",
            "prober.yaml:13: trust.pins.h[0]: expected the SHA-256 of a public key: 64 hex digits, "
            "or base64 of 32 bytes",
            "prober.yaml:13: trust.roots[0].file: this key is required",
            "prober.yaml:13: trust.roots[0].fil: unknown key: did you mean file?",
            'prober.yaml:13: trust.client_certificates["a*"]: the host is missing or not a DNS name',
            'prober.yaml:13: trust.client_certificates["a*"]: no such file: gone.pem',
            "prober.yaml:14: set.Work: a placeholder's name is lower-case letters, digits and _",
            "prober.yaml:14: set.workspace: expected a list: [a, b]",
            "prober.yaml:15: sirve: unknown key: did you mean serve?",
            "prober.yaml:16: egress: expected some text, found none",
            "environment PROBER_PROBE__PER_HOST: probe.per_host: expected a whole number",
            "environment PROBER_SELECT__GEOGRAPHY: PROBER_GEO sets the same key: unset one of them",
            "command line: probe.per_route: must be at least 1",
            "command line: --via x, hop 1: the port is not between 1 and 65535",
            'command line: --via: "hqq" is neither a proxy URL nor a configured route: did you mean hq?',
        ]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b", ["prober.yaml:1: expected a mapping of keys"]),
        ("a: [", ["not YAML"]),
        ("probe: 5", ["prober.yaml:1: probe: expected a mapping: {key: value}"]),
        ("x" * (1024 * 1024 + 1), ["prober.yaml: is larger than 1048576 bytes"]),
    ],
)
def test_files_that_are_no_configuration(write: Write, text: str, expected: list[str]) -> None:
    write(text)
    found = errors(overrides={"probe.timeout": 3.0})
    assert len(found) == len(expected)
    assert expected[0] in found[0]


def test_files_that_cannot_be_read(write: Write, tmp_path: Path) -> None:
    assert errors(Path("gone.yaml")) == ["gone.yaml: no such file"]
    assert errors(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]
    Path("latin.yaml").write_bytes(b"egress: \xe9")
    assert errors(Path("latin.yaml")) == ["latin.yaml: is not UTF-8"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "probe:\nserve:\nroutes:\n", "\ufeffprobe: {}\n"])
def test_empty_files_and_sections_are_fine(write: Write, text: str) -> None:
    loaded = load(write(text), {}, {})
    assert loaded.settings.probe == Settings().probe
    assert loaded.routes == (Route("direct"),)


def test_file_names_in_a_file_start_at_its_directory(write: Write, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for name in ("roots.pem", "client.pem", "own.yaml", "pw"):
        write("secretpw", f"etc/{name}")
    write("", "cli.pem")
    text = (
        "catalogs: [mde, own.yaml]\nserve: {state: s.db}\nroutes: {r: [{url: http://h, user: u, password_file: pw}]}\n"
        "trust: {roots: [roots.pem, {file: roots.pem, anchor: public}], "
        "client_certificates: {'*.example': client.pem}}\n"
    )
    loaded = load(write(text, "etc/p.yaml"), {}, {"trust.client_certificates": {"*": "cli.pem"}})
    assert loaded.settings.catalogs == ["mde", "etc/own.yaml"]
    assert [(root.file, root.anchor) for root in loaded.settings.trust.roots] == [
        ("etc/roots.pem", "pinned"),
        ("etc/roots.pem", "public"),
    ]
    assert loaded.client_certificates == {"*.example": "etc/client.pem", "*": "cli.pem"}
    assert loaded.settings.serve.state == "etc/s.db"
    assert loaded.password_sources == {("r", 1): "file etc/pw"}
    assert loaded.origin["routes.r"] == "file etc/p.yaml:3"


def test_files_of_a_script_start_at_the_file_s_directory_too(write: Write, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    write("", "etc/roots.pem")
    write("routes: {p: {pac: p.pac, trust_roots: roots.pem}, u: {pac: 'http://h/p.pac'}}", "etc/p.yaml")
    found = {rule.name: rule for rule in load(Path("etc/p.yaml"), {}, {}).routes}
    assert found["p"] == ScriptedRoute("p", script="etc/p.pac", trust_roots="etc/roots.pem")
    assert found["u"] == ScriptedRoute("u", script="http://h/p.pac")


def test_a_script_s_place_is_wrong(write: Write) -> None:
    write("routes:\n  p: {pac: 'http://h:0/p.pac', trust_roots: gone.pem}\n")
    assert sorted(errors()) == [
        "prober.yaml:2: routes.p.pac: the URL of a PAC script: the port is not between 1 and 65535",
        "prober.yaml:2: routes.p.trust_roots: no such file: gone.pem",
    ]


def test_pins_come_in_hex_base64_and_curl_s_form(write: Write) -> None:
    digest = bytes(range(32))
    b64 = base64.b64encode(digest).decode()
    pins = [digest.hex().upper(), b64, f"sha256//{b64}"]
    loaded = load(None, {}, {"trust.pins": {"A.Example": pins}})
    assert loaded.pins == {"a.example": (digest.hex(),) * 3}


ROUTES = """\
routes:
  hq: [{url: http://10.0.0.6:8080}]
  plain: []
  two: [{url: socks5h://10.0.0.7}, {url: https://p.example}]
"""


@pytest.mark.parametrize(
    ("text", "via", "no_direct", "expected"),
    [
        ("", [], False, ["direct"]),
        (ROUTES, [], False, ["hq", "plain", "two"]),
        (ROUTES, [], True, ["hq", "two"]),
        (ROUTES, ["hq"], False, ["direct", "hq"]),
        (ROUTES, ["two", "x=http://h"], True, ["two", "x"]),
        (ROUTES, ["direct"], False, ["direct"]),
        (ROUTES, ["http://h:1", "direct"], False, ["http-h-1", "direct"]),
        (ROUTES, ["hq=http://other"], False, ["direct", "hq"]),
        ("", ["env", "office=env"], True, ["env", "office"]),
    ],
)
def test_which_routes_are_in_force(
    write: Write, text: str, via: list[str], no_direct: bool, expected: list[str]
) -> None:
    write(text)
    loaded = load(None, {"HTTPS_PROXY": "http://p"}, {}, via=via, no_direct=no_direct)
    assert names(loaded) == expected
    assert loaded.routes_origin == ("command line" if via else "file prober.yaml:1" if text else "default")


@pytest.mark.parametrize(
    ("via", "sentence"),
    [
        (["a=http://h", "a=http://i"], 'command line: --via: two routes are named "a": give one of them a NAME='),
        (["http://u@h", "http://v@h"], 'two routes are named "http-h-8080"'),
        (["a.b=http://h", "A-B=http://i"], "would share the variable PROBER_PROXY_PASSWORD_A_B_1"),
        (["bad name=env"], "a route's name is 1 to 40"),
        (["direct=env"], 'the name "direct" is taken'),
        (["env"], "environment: HTTPS_PROXY: unknown scheme"),
    ],
)
def test_via_that_cannot_be_used(write: Write, via: list[str], sentence: str) -> None:
    assert any(sentence in line for line in errors(environ={"HTTPS_PROXY": "sock5://h"}, via=via))


def test_no_route_left(write: Write) -> None:
    assert "no route is left" in errors(no_direct=True)[0]


def test_routes_from_the_environment_s_own_variable(write: Write) -> None:
    loaded = load(None, {"PROBER_VIA": "a=http://h b=socks5://i", "PROBER_NO_DIRECT": "true"}, {})
    assert names(loaded) == ["a", "b"]
    assert loaded.routes_origin == "environment PROBER_VIA"
    assert names(load(None, {"PROBER_VIA": "a=http://h"}, {}, via=["c=http://h"])) == ["direct", "c"]
    assert names(load(None, {"PROBER_NO_DIRECT": "1"}, {}, via=["c=http://h"])) == ["c"]


def password(loaded: Loaded, route: str) -> Secret | None:
    rule = next(rule for rule in loaded.routes if rule.name == route)
    assert isinstance(rule, Route)
    return rule.hops[0].password


@pytest.mark.parametrize(
    ("content", "expected"), [("pw\n", "pw"), ("pw\r\n", "pw"), ("pw\n\n", None), ("p w ", "p w "), ("", "")]
)
def test_a_password_file_loses_one_newline(write: Write, content: str, expected: str | None) -> None:
    write(content, "pw")
    write("routes: {r: [{url: https://h, user: u, password_file: pw}]}")
    if expected is None:
        assert "control characters" in errors()[0]
        return
    assert password(load(None, {}, {}), "r") == Secret(expected)


@pytest.mark.parametrize(
    ("hop", "content", "sentence"),
    [
        ("{url: https://h, password_file: pw}", "x", "password_file: a password without a user"),
        ("{url: socks4://h, user: u, password_file: pw}", "x", "socks4 has a user id but no password"),
        ("{url: 'https://u:a@h', password_file: pw}", "x", "the url has a password too"),
        ("{url: https://u@h, user: v}", "x", "the url has a user too"),
        ("{url: https://h, user: 'a:b'}", "x", "cannot contain a colon"),
        ("{url: https://h, user: u, password_file: pw}", "x" * 5000, "pw: is longer than 4096 bytes"),
        ("{url: socks5://h, user: u, password_file: pw}", "x" * 256, "longer than the 255 bytes"),
        ("{url: https://h, user: u, password_file: gone}", "x", "gone cannot be read: No such file or directory"),
    ],
)
def test_credentials_that_cannot_be_used(write: Write, hop: str, content: str, sentence: str) -> None:
    write(content, "pw")
    write(f"\nroutes: {{r: [{hop}]}}")
    found = errors()
    assert any(sentence in line for line in found)
    assert all(line.startswith("prober.yaml:2: routes.r[0]") for line in found)


def test_a_password_file_of_a_route_not_in_force_is_not_read(write: Write) -> None:
    write("routes: {r: [{url: https://h, user: u, password_file: gone}]}")
    assert names(load(None, {}, {}, via=["x=http://h"])) == ["direct", "x"]


def test_where_passwords_come_from_and_what_is_said(write: Write) -> None:
    write("filepw", "pw", mode=0o644)
    write(
        "routes:\n"
        "  f: [{url: https://h, user: u, password_file: pw}]\n"
        "  e: [{url: https://h, user: u, password_file: gone}]\n"
        "  u: [{url: 'https://u:urlpw@h'}]\n"
        "  n: [{url: https://h, user: u}]\n"
    )
    environ = {"PROBER_PROXY_PASSWORD_E_1": "", "PROBER_PROXY_PASSWORD_E_2": "stray", "PROBER_TIMEOT": "5"}
    loaded = load(None, environ, {})
    assert [password(loaded, name) for name in "feun"] == [Secret("filepw"), Secret(""), Secret("urlpw"), None]
    assert loaded.password_sources == {
        ("f", 1): "file pw",
        ("e", 1): "environment PROBER_PROXY_PASSWORD_E_1",
        ("u", 1): "URL",
    }
    said = "\n".join(loaded.warnings)
    assert "unknown variable PROBER_TIMEOT in the environment: did you mean PROBER_TIMEOUT?" in said
    assert "PROBER_PROXY_PASSWORD_E_2 in the environment fits no hop of any route" in said
    assert "route f, hop 1: every user can read pw: chmod o-r it" in said
    assert "route u, hop 1: the password stands in the configuration" in said
    assert "route n, hop 1 (https://h:443): a user without a password: set PROBER_PROXY_PASSWORD_N_1" in said
    assert len(loaded.warnings) == 5


def test_a_password_on_the_command_line_is_pointed_out(write: Write) -> None:
    loaded = load(None, {}, {}, via=[f"hq=http://svc:{SECRET}@h:1"])
    assert len(loaded.warnings) == 2
    assert "can be read by every user of this machine: put it into PROBER_PROXY_PASSWORD_HQ_1" in loaded.warnings[0]
    assert "crosses the network in the clear" in loaded.warnings[1]
    assert load(None, {"PROBER_PROXY_PASSWORD_HQ_1": "x"}, {}, via=["hq=https://svc@h:1"]).warnings == ()


def test_the_environment_s_proxies_get_passwords_too(write: Write) -> None:
    environ = {"HTTPS_PROXY": "https://svc@h:1", "PROBER_PROXY_PASSWORD_ENV_1": "pw"}
    loaded = load(None, environ, {}, via=["env"])
    rule = loaded.routes[1]
    assert isinstance(rule, EnvironmentRoute)
    assert rule.https.hops[0].password == Secret("pw")
    assert loaded.warnings == ()


def test_no_password_is_ever_shown(write: Write) -> None:
    write(SECRET, "pw")
    write(
        f"routes:\n  a: [{{url: 'http://u:{SECRET}@h'}}]\n  b: [{{url: https://h, user: u, password_file: pw}}]\n"
        "  c: [{url: https://h, user: u}]\n"
    )
    loaded = load(None, {"PROBER_PROXY_PASSWORD_C_1": SECRET}, {})
    shown = [repr(loaded), str(loaded), repr(loaded.settings), loaded.settings.model_dump_json()]
    shown += [str(loaded.settings.model_dump()), *loaded.warnings]
    assert SECRET not in "".join(shown)
    assert all(password(loaded, name) == Secret(SECRET) for name in "abc")


def test_tracebacks_hold_no_password_even_with_locals_of_the_settings(write: Write) -> None:
    write(f"routes: {{a: [{{url: 'http://u:{SECRET}@h', x: 1}}]}}")
    with pytest.raises(ConfigErrors) as caught:
        load(None, {}, {})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert SECRET not in repr(caught.value) + repr(caught.value.errors)


def test_the_schema_describes_every_key() -> None:
    found = schema()
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    models = [found, *found["$defs"].values()]
    assert all(model["additionalProperties"] is False for model in models)
    assert all("description" in key for model in models for key in model["properties"].values())
    assert set(found["properties"]) == set(Settings.model_fields)


def test_nothing_is_read_twice(write: Write) -> None:
    """A file that can be read once only, as from a process substitution."""
    write("")
    reader, writer = os.pipe()
    os.write(writer, b"egress: once\n")
    os.close(writer)
    try:
        assert load(Path(f"/dev/fd/{reader}"), {}, {}).settings.egress == "once"
    finally:
        os.close(reader)
