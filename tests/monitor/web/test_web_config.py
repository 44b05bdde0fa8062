"""The exporter-toolkit's file: what is understood, what is refused and how, and that no secret is ever quoted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prober.model import Secret
from prober.monitor.web.go_names import ClientAuth, seconds_of
from prober.monitor.web.web_config import RateLimit, TlsSettings, WebConfig, hash_problem, read_web_config

from .serving import HASH

FILE = Path("etc/web.yml")


def read(text: str) -> WebConfig:
    config, errors = read_web_config(text, FILE)
    assert errors == []
    assert config is not None
    return config


def errors(text: str) -> list[str]:
    config, found = read_web_config(text, FILE)
    assert config is None
    return [str(error) for error in found]


FULL = f"""\
# everything that the toolkit's documentation names
tls_server_config:
  cert_file: server.crt
  key_file: /etc/keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.corp, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    - TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
    - TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
    - TLS_AES_128_GCM_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP384]
http_server_config:
  http2: true
  headers:
    Content-Security-Policy: default-src 'self'
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: 0
    Strict-Transport-Security: max-age=1
basic_auth_users:
  alice: {HASH}
  1234: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG
rate_limit:
  interval: 100ms
  burst: 20
"""


def test_everything_the_toolkit_documents_is_understood() -> None:
    config = read(FULL)
    assert config.tls == TlsSettings(
        cert_file=Path("etc/server.crt"),
        key_file=Path("/etc/keys/server.key"),
        client_auth=ClientAuth.VERIFY,
        client_ca_file=Path("etc/ca.crt"),
        allowed_sans=("prometheus.corp", "10.0.0.1"),
        ciphers=("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-AES256-SHA"),
        server_order=False,
        curves=("secp384r1",),
    )
    assert dict(config.headers) == {
        "Content-Security-Policy": "default-src 'self'",
        "X-Frame-Options": "deny",
        "X-Content-Type-Options": "nosniff",
        "X-XSS-Protection": "0",
        "Strict-Transport-Security": "max-age=1",
    }
    assert config.users["alice"] == Secret(HASH)
    assert list(config.users) == ["alice", "1234"]
    assert config.rate == RateLimit(0.1, 20)
    assert config.warnings == ()
    assert HASH not in repr(config)


@pytest.mark.parametrize("text", ["", "# nothing\n", "tls_server_config:\nbasic_auth_users: {}\n", "\ufeff{}"])
def test_a_file_may_ask_for_nothing(text: str) -> None:
    config = read(text.removeprefix("\ufeff"))
    assert config == WebConfig()


def test_the_defaults_are_the_toolkit_s() -> None:
    tls = read("tls_server_config: {cert: PEM, key: PEM}\n").tls
    assert tls is not None
    assert (tls.minimum, tls.maximum) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert (tls.client_auth, tls.server_order, tls.ciphers, tls.curves) == (ClientAuth.NONE, True, None, ())
    assert "key=Secret('***')" in repr(tls)


def test_all_errors_come_at_once_each_with_its_line() -> None:
    assert errors(
        "tls_server_confg: {}\n"
        "tls_server_config:\n"
        "  cert_file: a.crt\n"
        "  cert: inline\n"
        "  cleint_ca_file: ca.crt\n"
        "  min_version: tls13\n"
        "  max_version: TLS11\n"
        "  client_auth_type: RequireAndVerify\n"
        "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA, TLS_AES_128_GCM_SHA256]\n"
        "  prefer_server_cipher_suites: maybe\n"
        "  curve_preferences: [P256]\n"
        "http_server_config:\n"
        '  headers: {Server: x, X-Frame-Options: sometimes, X-XSS-Protection: "a\\nb"}\n'
        "basic_auth_users:\n"
        "  alice: hunter2\n"
        "  bob: [hunter2]\n"
        '  "c:d": ' + HASH + "\n"
        "rate_limit: {interval: 1 second, burst: -1}\n"
    ) == [
        "etc/web.yml:1: tls_server_confg: unknown key: did you mean tls_server_config?",
        "etc/web.yml:2: tls_server_config.key_file: this key is required (or key, with the PEM text itself)",
        "etc/web.yml:4: tls_server_config.cert: cert_file is there as well: leave one of them out",
        "etc/web.yml:5: tls_server_config.cleint_ca_file: unknown key: did you mean client_ca_file?",
        "etc/web.yml:6: tls_server_config.min_version: not a valid value: did you mean TLS13?",
        "etc/web.yml:7: tls_server_config.max_version: TLS 1.0 and 1.1 are not spoken here: TLS12 or TLS13",
        "etc/web.yml:8: tls_server_config.client_auth_type: not a valid value: did you mean "
        "RequireAndVerifyClientCert?",
        "etc/web.yml:9: tls_server_config.cipher_suites[0]: not a valid value: did you mean "
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA?",
        "etc/web.yml:10: tls_server_config.prefer_server_cipher_suites: expected true or false",
        "etc/web.yml:11: tls_server_config.curve_preferences[0]: not a valid value: did you mean CurveP256?",
        "etc/web.yml:13: http_server_config.headers.Server: unknown key: expected one of Content-Security-Policy, "
        "X-Frame-Options, X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security",
        "etc/web.yml:13: http_server_config.headers.X-Frame-Options: not a valid value: expected deny or sameorigin",
        "etc/web.yml:13: http_server_config.headers.X-XSS-Protection: a header's value is one line of printable ASCII",
        "etc/web.yml:15: basic_auth_users.alice: expected a bcrypt hash, which begins with $2a$, $2b$ or $2y$ and has "
        "60 characters: htpasswd -nBC 10 USER makes one",
        "etc/web.yml:16: basic_auth_users.bob: expected text",
        "etc/web.yml:16: basic_auth_users.bob: expected a bcrypt hash, which begins with $2a$, $2b$ or $2y$ and has "
        "60 characters: htpasswd -nBC 10 USER makes one",
        'etc/web.yml:17: basic_auth_users["c:d"]: a user\'s name has at most 255 characters, no colon and no control '
        "characters",
        "etc/web.yml:18: rate_limit.burst: expected a whole number between 0 and 1000000",
        "etc/web.yml:18: rate_limit.interval: expected a duration such as 100ms, 1s or 1m30s",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a", "etc/web.yml:1: expected a mapping: {key: value}"),
        ("a: [", "etc/web.yml:1: not YAML: expected the node content, but found '<stream end>'"),
        ("tls_server_config: 5", "etc/web.yml:1: tls_server_config: expected a mapping: {key: value}"),
        ("tls_server_config: {min_version: TLS12}", "etc/web.yml:1: tls_server_config.cert_file: this key is required"),
        ("basic_auth_users: {a: x, a: y}", "etc/web.yml:1: basic_auth_users.a: duplicate key"),
        ("tls_server_config: {cert: [1]}", "etc/web.yml:1: tls_server_config.cert: expected text"),
        ('tls_server_config: {cert_file: "a\\0b"}', "etc/web.yml:1: tls_server_config.cert_file: has a NUL"),
    ],
)
def test_files_that_are_no_web_configuration(text: str, expected: str) -> None:
    assert errors(text)[0].startswith(expected)


BASE = "tls_server_config: {cert_file: c, key_file: k, "


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("client_auth_type: RequireAnyClientCert}", "client_auth_type: a certificate that nobody vouches for proves"),
        ("client_auth_type: RequireClientCert}", "client_auth_type: a certificate that nobody vouches for proves"),
        ("client_auth_type: RequireAndVerifyClientCert}", "client_auth_type: client_ca_file (or client_ca) is needed"),
        ("client_auth_type: VerifyClientCertIfGiven}", "client_auth_type: client_ca_file (or client_ca) is needed"),
        ("client_ca_file: ca}", "client_ca_file: has no effect without client_auth_type"),
        ("client_ca: PEM, client_auth_type: NoClientCert}", "client_ca: has no effect without client_auth_type"),
        ("client_ca: PEM, client_ca_file: f, client_auth_type: VerifyClientCertIfGiven}", "client_ca: client_ca_file"),
        (
            "client_ca: P, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a]}",
            "client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
        ),
        ("curve_preferences: [X25519, CurveP256]}", "curve_preferences: Python's ssl can be held to one curve"),
        ("min_version: TLS13, max_version: TLS12}", "min_version: is higher than max_version"),
        ("max_version: TLS12, cipher_suites: [TLS_AES_128_GCM_SHA256]}", "cipher_suites: has only suites of TLS 1.3"),
        ("cipher_suites: TLS_AES_128_GCM_SHA256}", "cipher_suites: expected a list"),
        ("cipher_suites: [[]]}", "cipher_suites[0]: expected text"),
    ],
)
def test_what_cannot_be_kept_to_is_refused_not_ignored(rest: str, expected: str) -> None:
    found = errors(BASE + rest)
    assert len(found) == 1
    assert found[0].startswith(f"etc/web.yml:1: tls_server_config.{expected}")


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("min_version: TLS10}", "TLS 1.0 and 1.1 are not spoken here: it is TLS12"),
        ("client_auth_type: RequestClientCert}", "RequestClientCert asks for what nobody looks at"),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]}", "TLS 1.2 is not spoken therefore"),
    ],
)
def test_what_has_less_effect_than_it_seems_is_said(rest: str, expected: str) -> None:
    (warning,) = read(BASE + rest).warnings
    assert expected in warning


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (HASH, ""),
        ("$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG", ""),
        (HASH.replace("$2b$", "$2a$"), ""),
        (HASH.replace("$2b$", "$2x$"), "expected a bcrypt hash"),
        (HASH[:-1], "expected a bcrypt hash"),
        (HASH + "a", "expected a bcrypt hash"),
        (HASH + "\n", "expected a bcrypt hash"),
        ("$apr1$abc$def", "expected a bcrypt hash"),
        ("", "expected a bcrypt hash"),
        (HASH.replace("$04$", "$16$"), "the hash has cost 16: between 4 and 15"),
        (HASH.replace("$04$", "$31$"), "the hash has cost 31"),
        (HASH.replace("$04$", "$03$"), "the hash has cost 3"),
        (HASH[:28] + "/" + HASH[29:], "the hash is damaged"),
    ],
)
def test_hashes_are_tried_when_the_file_is_read(value: str, problem: str) -> None:
    assert hash_problem(value).startswith(problem)
    assert bool(hash_problem(value)) is bool(problem)
    assert not value or value not in hash_problem(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("100ms", 0.1),
        ("1h30m", 5400.0),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("2us", 2e-6),
        ("5µs", 5e-6),
        ("0", 0),
    ],
)
def test_durations_as_go_writes_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "s", "1 s", "-1s", "1d", "1s ", "1sx", "１s"])
def test_what_go_would_not_read_either(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate_limit: {interval: 1s}", "must be at least 1"),
        ("rate_limit: {interval: 1s, burst: 0}", "must be at least 1"),
    ],
)
def test_a_rate_that_lets_nobody_in_is_an_error(text: str, said: str) -> None:
    assert said in errors(text)[0]
    assert read("rate_limit: {interval: 0, burst: 0}").rate is None


SECRET = "hunter2secret"


@pytest.mark.parametrize(
    "text",
    [
        f"basic_auth_users: {{alice: {SECRET}}}",
        f"basic_auth_users: {SECRET}",
        f"basic_auth_users: [{SECRET}]",
        f"basic_auth_users:\n  alice: *{SECRET}\n",
        f"basic_auth_users:\n  alice: !{SECRET} x\n",
        f"basic_auth_users:\n  alice: '{SECRET}\n",
        f"basic_auth_users:\n  alice: %{SECRET}\n",
        f"basic_auth_users:\n  alice: `{SECRET}`\n",
        f"basic_auth_users:\n  alice: {{{SECRET}\n",
        f"basic_auth_users:\n  alice: &{SECRET}! x\n",
        f"tls_server_config: {{cert_file: c, key: {SECRET}, key_file: f}}",
        f"tls_server_config: {{cert_file: c, key: [{SECRET}]}}",
        f"rate_limit: {{interval: {SECRET}, burst: {SECRET}}}",
        f"http_server_config: {{http2: {SECRET}, headers: {{X-Frame-Options: {SECRET}}}}}",
    ],
)
def test_a_value_is_never_quoted(text: str) -> None:
    found = errors(text)
    assert found
    assert SECRET not in "\n".join(found)


KEYS = st.sampled_from(
    [
        *("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit", "headers", "cert", "key"),
        *(
            "cert_file",
            "key_file",
            "client_ca",
            "client_auth_type",
            "min_version",
            "cipher_suites",
            "interval",
            "burst",
        ),
        *("X-Frame-Options", "http2", "alice"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([HASH, "TLS13"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.text() | st.dictionaries(KEYS, VALUES, max_size=4).map(repr) | st.binary().map(lambda raw: raw.decode("latin-1"))
)
@example("a: &a [*a]")
@example("? [a]\n: b")
@example("basic_auth_users: {<<: {a: b}}")
@example("%YAML 1.1\n---\n{}\n---\n{}")
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    config, found = read_web_config(text, FILE)
    assert (config is None) is bool(found)
    for error in found:
        assert str(error).isprintable()
        assert len(str(error)) < 1500


@given(st.data())
def test_no_damage_to_a_good_file_breaks_the_reader(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(FULL)))
    until = data.draw(st.integers(at, len(FULL)))
    text = FULL[:at] + data.draw(st.text(max_size=10)) + FULL[until:]
    config, found = read_web_config(text, FILE)
    assert (config is None) is bool(found)
    assert HASH not in "\n".join(map(str, found))
