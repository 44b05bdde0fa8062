"""serve.modules as blackbox_exporter has them, serve.allow and serve.allow_networks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.config import ConfigErrors, load, schema
from prober.config.allowance import Allowance, parse_allowance, plain_host
from prober.config.module_refusals import _REFUSED
from prober.config.modules import SHIPPED, HttpModule, Module, TcpModule, TlsConfig, duration, modules_in_force, size

DOC = (Path(__file__).parents[2] / "docs" / "probe.md").read_text()


def module(path: Path, text: Any) -> Module:
    """The module of that YAML (or value), loaded from a file."""
    value = yaml.safe_load(text) if isinstance(text, str) else text
    file = path / "prober.yaml"
    file.write_text(yaml.safe_dump({"serve": {"modules": {"m": value}}}))
    return load(file, {}, {}).settings.serve.modules["m"]


def wrong(path: Path, text: Any) -> list[str]:
    """The errors, each with its key, without the file."""
    with pytest.raises(ConfigErrors) as caught:
        module(path, text)
    return [f"{error.path.removeprefix('serve.modules.')}: {error.message}" for error in caught.value.errors]


EVERYTHING = """
prober: http
timeout: 1m30s
http:
  valid_status_codes: [200, 301]
  valid_http_versions: ["HTTP/1.1", "HTTP/2.0"]
  method: HEAD
  headers: {Host: vhost.example.com, Accept-Language: en-US, Authorization: "Bearer geheim"}
  body_size_limit: 10MB
  follow_redirects: false
  fail_if_ssl: false
  fail_if_not_ssl: true
  preferred_ip_protocol: ip4
  ip_protocol_fallback: false
  tls_config: {insecure_skip_verify: true, server_name: Name.Example, min_version: TLS13}
route: hq
"""


def test_a_module_with_everything(tmp_path: Path) -> None:
    found = module(tmp_path, EVERYTHING)
    assert (found.prober, found.timeout, found.route) == ("http", 90.0, "hq")
    http = found.http
    assert (http.valid_status_codes, http.method, http.body_size_limit) == ([200, 301], "HEAD", 10 * 1024 * 1024)
    assert not http.follows
    assert http.headers["Authorization"].reveal() == "Bearer geheim"
    assert found.addresses == ("ip4", False)
    assert found.tls_config == TlsConfig(insecure_skip_verify=True, server_name="name.example", min_version="TLS13")


def test_headers_are_shown_to_nobody(tmp_path: Path) -> None:
    found = module(tmp_path, EVERYTHING)
    for text in (repr(found), str(found), found.model_dump_json(), json.dumps(found.model_dump(mode="json"))):
        assert "geheim" not in text
        assert "vhost" not in text


def test_defaults_are_blackbox_exporter_s(tmp_path: Path) -> None:
    found = module(tmp_path, "prober: http\nhttp:\ntcp:\n")
    assert found == Module(prober="http")
    assert found.http.follows
    assert (found.addresses, found.timeout) == ((None, True), None)
    assert not found.http.tls_config.insecure_skip_verify


def test_the_older_word_for_redirects(tmp_path: Path) -> None:
    assert not module(tmp_path, {"prober": "http", "http": {"no_follow_redirects": True}}).http.follows
    both = {"no_follow_redirects": True, "follow_redirects": True}
    assert not module(tmp_path, {"prober": "http", "http": both}).http.follows


def test_files_start_at_the_configuration_s_directory(tmp_path: Path) -> None:
    (tmp_path / "corp.pem").write_text("")
    text = {"prober": "tcp", "tcp": {"tls": True, "tls_config": {"ca_file": "corp.pem"}}}
    assert module(tmp_path, text).tls_config.ca_file == str(tmp_path / "corp.pem")
    text = {"prober": "tcp", "tcp": {"tls_config": {"ca_file": "none.pem"}}}
    assert wrong(tmp_path, text) == [f"m.tcp.tls_config.ca_file: no such file: {tmp_path / 'none.pem'}"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1h2m3s4ms", 3723.004),
        (7, 7),
        (0.5, 0.5),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)
    assert Module.model_validate({"prober": "http", "timeout": text}).timeout == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "5x", "s", "5 s", "-5s", "5s5", "1d", "٥s", "infs", "0s", 0, -1, True, [], "99999h"]
)
def test_what_is_no_duration(tmp_path: Path, text: object) -> None:
    assert len(wrong(tmp_path, {"prober": "http", "timeout": text})) == 1


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("10MB", 10 << 20), ("512KiB", 512 << 10), ("1GB", 1 << 30), ("7", 7), ("7B", 7), (7, 7), (0, 0)],
)
def test_sizes(text: object, bytes_: int) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize("text", ["", "10", "1.5MB", "MB", "10TB", -1, "9" * 13])
def test_what_is_no_size(tmp_path: Path, text: object) -> None:
    if text == "10":
        assert size(text) == 10
        return
    assert len(wrong(tmp_path, {"prober": "http", "http": {"body_size_limit": text}})) == 1


def test_all_that_is_wrong_comes_at_once(tmp_path: Path) -> None:
    said = wrong(
        tmp_path,
        {
            "prober": "gopher",
            "timeout": "soon",
            "icmp": {"ttl": 5},
            "http": {"method": "POST", "vald_status_codes": [1], "proxy_url": "http://x", "body": "x"},
            "tcp": {"query_response": [{"expect": "x"}], "tls_config": {"cert_file": "a", "min_version": "TLS10"}},
        },
    )
    keys = {line.partition(":")[0] for line in said}
    assert keys == {
        *("m.prober", "m.timeout", "m.icmp", "m.http.method", "m.http.vald_status_codes", "m.http.proxy_url"),
        *("m.http.body", "m.tcp.query_response", "m.tcp.tls_config.cert_file", "m.tcp.tls_config.min_version"),
    }
    assert "m.http.vald_status_codes: unknown key: did you mean valid_status_codes?" in said
    assert any(
        line.startswith("m.http.proxy_url: known to blackbox_exporter, not to prober: proxies are") for line in said
    )


SECTIONS = {"": (), "http": ("http",), "tcp": ("tcp",), "tls_config": ("http", "tls_config")}
REFUSED = [(section, key) for section, keys in _REFUSED.items() for key in keys]


def nested(path: tuple[str, ...], key: str, value: object) -> dict[str, object]:
    text: dict[str, object] = {key: value}
    for part in reversed(path):
        text = {part: text}
    return {"prober": "http", **text}


@pytest.mark.parametrize(("section", "key"), REFUSED)
def test_every_refused_key_says_why_unless_it_is_off(tmp_path: Path, section: str, key: str) -> None:
    path = SECTIONS[section]
    (said,) = wrong(tmp_path, nested(path, key, True))
    assert said.startswith(f"{'.'.join(('m', *path, key))}: known to blackbox_exporter, not to prober: ")
    switched_off: list[object] = [False, None, "", [], {}]
    for off in switched_off:
        assert module(tmp_path, nested(path, key, off)) == Module(prober="http")


def test_no_key_is_both_taken_and_refused() -> None:
    for section, model in (("", Module), ("http", HttpModule), ("tcp", TcpModule), ("tls_config", TlsConfig)):
        assert not set(_REFUSED[section]) & set(model.model_fields)


@pytest.mark.parametrize(
    ("http", "said"),
    [
        ({"headers": {"X": "a\r\nY: b"}}, "not a header's value"),
        ({"headers": {"X": " a"}}, "not a header's value"),
        ({"headers": {"X": "ü"}}, "not a header's value"),
        ({"headers": {"X": 5}}, "expected text"),
        ({"headers": {"X Y": "a"}}, "a header's name"),
        ({"headers": {"X:": "a"}}, "a header's name"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "prober sets it"),
        ({"headers": {"content-length": "5"}}, "prober sets it"),
        ({"headers": {"Proxy-Authorization": "Basic x"}}, "prober sets it"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "comes twice"),
        ({"headers": []}, "expected a mapping"),
        ({"valid_http_versions": ["HTTP/2.0"]}, "can never be met"),
        ({"fail_if_ssl": True, "fail_if_not_ssl": True}, "can never be met"),
        ({"valid_status_codes": ["2xx"]}, "expected a whole number"),
        ({"valid_status_codes": [99]}, "at least 100"),
        ({"method": "get"}, "GET or HEAD"),
        ({"preferred_ip_protocol": "ipv6"}, "did you mean ip6?"),
        ({"tls_config": {"server_name": "a b"}}, "not a DNS name"),
        ({"tls_config": {"min_version": "TLS14"}}, "expected one of TLS12, TLS13"),
        ({"follow_redirects": "no"}, "expected true or false"),
    ],
)
def test_values_of_the_wrong_form(tmp_path: Path, http: dict[str, object], said: str) -> None:
    (error,) = wrong(tmp_path, {"prober": "http", "http": http})
    assert said in error


def test_a_module_needs_a_prober(tmp_path: Path) -> None:
    assert wrong(tmp_path, {"timeout": "5s"}) == ["m.prober: this key is required"]
    for other in ("icmp", "dns", "grpc", "unix"):
        assert "keep" in wrong(tmp_path, {"prober": other})[0]


def test_shipped_modules_can_be_replaced() -> None:
    assert set(modules_in_force({})) == set(SHIPPED) == {"http_2xx", "tcp_connect", "tcp_tls"}
    mine = Module(prober="tcp")
    assert modules_in_force({"http_2xx": mine})["http_2xx"] is mine


def test_the_schema_knows_modules() -> None:
    text = json.dumps(schema())
    for key in ("valid_status_codes", "insecure_skip_verify", "body_size_limit"):
        assert key in text


# allow


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.test", Allowance("a.test", False, frozenset({80, 443}))),
        ("A.TEST.:8443", Allowance("a.test", False, frozenset({8443}))),
        ("*.a.test:*", Allowance("a.test", True, None)),
        ("10.0.0.1:22", Allowance("10.0.0.1", False, frozenset({22}))),
        ("[2001:DB8::1]:443", Allowance("2001:db8::1", False, frozenset({443}))),
        ("[::ffff:10.0.0.1]", Allowance("10.0.0.1", False, frozenset({80, 443}))),
        ("bücher.test", Allowance("xn--bcher-kva.test", False, frozenset({80, 443}))),
    ],
)
def test_entries_of_the_allow_list(text: str, expected: Allowance) -> None:
    assert parse_allowance(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("*", "*.", "*:443", "*.com", "*.10.0.0.1", "a.*.test", "*a.test", "*.*.test", "", ":443", "a.test:0"),
        *("a.test:65536", "a.test:x", "http://a.test", "a.test/x", "a@b.test", "a b", "[::1", "1.2.3"),
        *("0300.0.0.1", "a.test:443:1"),
    ],
)
def test_what_is_no_entry(text: str) -> None:
    with pytest.raises(ValueError, match=r".{10}"):
        parse_allowance(text)


def test_an_entry_below_a_suffix_does_not_mean_the_suffix() -> None:
    entry = parse_allowance("*.a.test")
    assert entry.covers("x.a.test", 443)
    assert entry.covers("x.y.a.test", 80)
    assert not entry.covers("a.test", 443)
    assert not entry.covers("xa.test", 443)
    assert not entry.covers("x.a.test", 8443)


def test_addresses_in_another_form() -> None:
    assert plain_host("::ffff:7f00:1") == "127.0.0.1"
    assert plain_host("2001:db8:0::1") == "2001:db8::1"
    assert plain_host("name.test") == "name.test"


def test_wrong_entries_come_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text('serve:\n  allow: [fine.test, "*"]\n  allow_networks: [10.0.0.0/8, 10.0.0.1/8, x]\n')
    with pytest.raises(ConfigErrors) as caught:
        load(file, {}, {})
    assert [(error.path, error.line) for error in caught.value.errors] == [
        ("serve.allow[1]", 2),
        ("serve.allow_networks[1]", 3),
        ("serve.allow_networks[2]", 3),
    ]


# documents


def test_every_key_of_a_module_is_documented() -> None:
    stated = [line for line in DOC.splitlines() if re.match(r"\| `[a-z_.]+` \| ", line)]
    for prefix, model in (("", Module), ("http.", HttpModule), ("tcp.", TcpModule), ("tls_config.", TlsConfig)):
        for name, field in model.model_fields.items():
            if name in ("http", "tcp", "tls_config"):
                continue
            assert f"| `{prefix}{name}` | {field.description} |" in stated


def test_every_refused_key_is_documented() -> None:
    for keys in _REFUSED.values():
        for key in keys:
            assert f"`{key}`" in DOC
