"""The web configuration file, in the format of Prometheus' exporter-toolkit: TLS, users, headers, a rate.

Format: web-configuration.md of the exporter-toolkit. docs/web-config.md says key by key what is done with it.
All errors come at once, with their lines; unknown keys are errors. Neither passwords nor hashes nor keys are quoted.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Final

import bcrypt

from prober.config.document import Document, Path, parse
from prober.config.layers import dotted
from prober.config.load import ConfigError
from prober.model import Secret
from prober.monitor.web.go_names import CIPHERS, CIPHERS_13, CLIENT_AUTH, CURVES, VERSIONS, ClientAuth, seconds_of
from prober.monitor.web.section import Section
from prober.report.sanitize import sanitize

LARGEST: Final = 1024 * 1024
"""Bytes of the file, and of each file that it names."""
HIGHEST_COST: Final = 15
"""Of a bcrypt hash: some three seconds of a processor core for each login that is not remembered."""
MOST_USERS: Final = 1000
_QUOTED: Final = re.compile(r"'(?!\W'|<[a-z ]+>')[^']*'")
"""Punctuation, and the names of YAML's own tokens, may stay."""
_HASH: Final = re.compile(r"(\$2[aby]\$)(\d\d)\$([./A-Za-z0-9]{22})[./A-Za-z0-9]{31}", re.ASCII)
_TLS: Final = ("tls_server_config",)
_TLS_KEYS: Final = (
    *("cert_file", "key_file", "cert", "key", "client_auth_type", "client_ca_file", "client_ca"),
    *("client_allowed_sans", "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites"),
    "curve_preferences",
)
HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
"""The headers that can be set, with their values where those are given."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What `tls_server_config` says; files are not read yet."""

    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    cert: str = ""
    """PEM, in place of the file."""
    key: Secret | None = None
    client_auth: ClientAuth = ClientAuth.NONE
    client_ca_file: FilePath | None = None
    client_ca: str = ""
    allowed_sans: tuple[str, ...] = ()
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] | None = None
    """Suites of TLS 1.2 in OpenSSL's names; None is the system's choice."""
    server_order: bool = True
    curves: tuple[str, ...] = ()
    """In OpenSSL's names; none is the system's choice."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A bucket of tokens: one comes every `interval` seconds, `burst` fit in."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The whole file. Without one: no TLS, no users, nothing else."""

    tls: TlsSettings | None = None
    users: Mapping[str, Secret] = field(default_factory=lambda: MappingProxyType({}))
    """User to bcrypt hash."""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    rate: RateLimit | None = None
    warnings: tuple[str, ...] = ()
    lines: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    """The lines of the keys of `tls_server_config`, for what turns out to be wrong with the files they name."""


def read_web_config(text: str, file: FilePath) -> tuple[WebConfig | None, list[ConfigError]]:
    """The file's text as a configuration, or every error in it. Paths within start at the file's directory."""
    document = parse(text)
    reader = _Reader(document, file)
    for fault in document.faults:
        reader.errors.append(_error(file, fault.path, _unquoted(fault.message), fault.line))
    config = reader.read() if not document.faults or document.value is not None else None
    if reader.errors:
        return None, sorted(dict.fromkeys(reader.errors), key=lambda error: error.line or 0)
    return config, []


def _error(file: FilePath, path: Path, message: str, line: int | None) -> ConfigError:
    place = str(file) if line is None else f"{file}:{line}"
    return ConfigError(sanitize(dotted(path)), sanitize(message), str(file), line, sanitize(place))


def _unquoted(message: str) -> str:
    """What YAML says without what it quotes: that could be a password that begins with `*` or `!`."""
    return re.sub(r"(the tag) \S+", r"\1", _QUOTED.sub("'…'", message))


class _Reader:
    def __init__(self, document: Document, file: FilePath) -> None:
        self._document = document
        self._file = file
        self._warnings: list[str] = []
        self.errors: list[ConfigError] = []

    def complain(self, path: Path, message: str) -> None:
        lines = self._document.lines
        line = next((lines[path[:length]] for length in range(len(path), -1, -1) if path[:length] in lines), None)
        self.errors.append(_error(self._file, path, message, line))

    def read(self) -> WebConfig:
        known = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
        top = Section(self._document.value, (), known, self.complain)
        http = top.section("http_server_config", ("http2", "headers"))
        http.flag("http2", True)  # HTTP/1.1 is what clients settle on: nothing to switch
        return WebConfig(
            tls=self._tls(top.section("tls_server_config", _TLS_KEYS)),
            users=self._users(top.section("basic_auth_users", None)),
            headers=self._headers(http.section("headers", HEADERS)),
            rate=self._rate(top.section("rate_limit", ("interval", "burst"))),
            warnings=tuple(self._warnings),
            lines=MappingProxyType(
                {
                    str(path[1]): line
                    for path, line in self._document.lines.items()
                    if path[:1] == _TLS and len(path) == 2
                }
            ),
        )

    # TLS

    def _tls(self, tls: Section) -> TlsSettings | None:
        if not tls:
            return None
        for kind in ("cert", "key"):
            inline, file = tls.text(kind), tls.text(f"{kind}_file")
            if inline and file:
                tls.wrong(kind, f"{kind}_file is there as well: leave one of them out")
            elif not inline and not file:
                tls.wrong(f"{kind}_file", f"this key is required (or {kind}, with the PEM text itself)")
        minimum, maximum = self._versions(tls)
        client_auth = tls.word("client_auth_type", CLIENT_AUTH, ClientAuth.NONE)
        key = tls.text("key")
        settings = TlsSettings(
            cert_file=self._path(tls.text("cert_file")),
            key_file=self._path(tls.text("key_file")),
            cert=tls.text("cert"),
            key=Secret(key) if key else None,
            client_auth=client_auth,
            client_ca_file=self._path(tls.text("client_ca_file")),
            client_ca=tls.text("client_ca"),
            allowed_sans=tuple(tls.texts("client_allowed_sans")),
            minimum=minimum,
            maximum=maximum,
            ciphers=self._ciphers(tls, minimum, maximum),
            server_order=tls.flag("prefer_server_cipher_suites", True),
            curves=self._curves(tls),
        )
        self._client_rules(tls, settings)
        return settings

    def _path(self, name: str) -> FilePath | None:
        return self._file.parent / name if name else None

    def _versions(self, tls: Section) -> tuple[ssl.TLSVersion, ssl.TLSVersion]:
        oldest = ssl.TLSVersion.TLSv1_2
        minimum = tls.word("min_version", VERSIONS, oldest)
        maximum = tls.word("max_version", VERSIONS, ssl.TLSVersion.TLSv1_3)
        if maximum < oldest:
            tls.wrong("max_version", "TLS 1.0 and 1.1 are not spoken here: TLS12 or TLS13")
        elif minimum > maximum:
            tls.wrong("min_version", "is higher than max_version")
        if minimum < oldest:
            self._warnings.append("tls_server_config.min_version: TLS 1.0 and 1.1 are not spoken here: it is TLS12")
        return max(minimum, oldest), max(maximum, oldest)

    def _ciphers(self, tls: Section, minimum: ssl.TLSVersion, maximum: ssl.TLSVersion) -> tuple[str, ...] | None:
        if not tls.texts("cipher_suites"):
            return None
        found = tls.words("cipher_suites", {**CIPHERS, **dict.fromkeys(CIPHERS_13, "")})
        ciphers = tuple(dict.fromkeys(name for name in found if name))
        if len(found) < len(tls.texts("cipher_suites")):
            return ciphers  # there is something else to say about it
        if not ciphers and maximum < ssl.TLSVersion.TLSv1_3:
            tls.wrong("cipher_suites", "has only suites of TLS 1.3, which max_version rules out")
        elif not ciphers and minimum < ssl.TLSVersion.TLSv1_3:
            self._warnings.append(
                "tls_server_config.cipher_suites has only suites of TLS 1.3: TLS 1.2 is not spoken therefore"
            )
        return ciphers

    def _curves(self, tls: Section) -> tuple[str, ...]:
        curves = tuple(dict.fromkeys(tls.words("curve_preferences", CURVES)))
        if len(curves) > 1:
            tls.wrong(
                "curve_preferences",
                "Python's ssl can be held to one curve, not to a list: name one, or leave the key out",
            )
        return curves

    def _client_rules(self, tls: Section, settings: TlsSettings) -> None:
        auth = settings.client_auth
        if settings.client_ca and settings.client_ca_file:
            tls.wrong("client_ca", "client_ca_file is there as well: leave one of them out")
        authority = bool(settings.client_ca or settings.client_ca_file)
        if auth is ClientAuth.ANY:
            tls.wrong(
                "client_auth_type",
                "a certificate that nobody vouches for proves nothing: "
                "RequireAndVerifyClientCert with client_ca_file (a self-signed certificate may be its own authority)",
            )
        elif auth.verifies and not authority:
            tls.wrong("client_auth_type", "client_ca_file (or client_ca) is needed: any public authority would do else")
        elif authority and not auth.verifies:
            tls.wrong(
                "client_ca" if settings.client_ca else "client_ca_file",
                "has no effect without client_auth_type: RequireAndVerifyClientCert",
            )
        if settings.allowed_sans and auth is not ClientAuth.VERIFY:
            tls.wrong("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")
        if auth is ClientAuth.REQUEST:
            self._warnings.append(
                "tls_server_config.client_auth_type: RequestClientCert asks for what nobody looks at: nothing is asked"
            )

    # the rest

    def _users(self, users: Section) -> Mapping[str, Secret]:
        found: dict[str, Secret] = {}
        names = users.keys()
        if len(names) > MOST_USERS:
            users.wrong(names[MOST_USERS], f"more than {MOST_USERS} users: a proxy in front is made for that")
        for name in names[:MOST_USERS]:
            problem = hash_problem(value := users.text(name))
            if ":" in name or not name.isprintable() or len(name) > 255:
                users.wrong(name, "a user's name has at most 255 characters, no colon and no control characters")
            elif problem:
                users.wrong(name, problem)
            else:
                found[name] = Secret(value)
        return MappingProxyType(found)

    def _headers(self, headers: Section) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name in headers.keys():  # noqa: SIM118 - a section, not a mapping
            value, allowed = headers.text(name), HEADERS.get(name, ())
            if allowed and value and value not in allowed:
                headers.wrong(name, f"not a valid value: expected {' or '.join(allowed)}")
            elif not value.isascii() or not value.isprintable():
                headers.wrong(name, "a header's value is one line of printable ASCII")
            elif value and name in HEADERS:
                found[name] = value
        return MappingProxyType(found)

    def _rate(self, rate: Section) -> RateLimit | None:
        burst, interval = rate.number("burst"), 0.0
        try:
            interval = seconds_of(rate.text("interval") or "0")
        except ValueError as error:
            rate.wrong("interval", str(error))
        if interval <= 0:
            return None
        if not burst:
            rate.wrong("burst", "must be at least 1 where interval is set: nobody would be answered else")
            return None
        return RateLimit(interval, burst)


def hash_problem(value: str) -> str:
    """What is wrong with a bcrypt hash, as a sentence that does not quote it; empty if it is a good one."""
    found = _HASH.fullmatch(value)
    if found is None:
        return (
            "expected a bcrypt hash, which begins with $2a$, $2b$ or $2y$ and has 60 characters: "
            "htpasswd -nBC 10 USER makes one"
        )
    cost = int(found[2])
    if not 4 <= cost <= HIGHEST_COST:
        return f"the hash has cost {cost}: between 4 and {HIGHEST_COST} is possible (10 to 12 is usual)"
    try:
        bcrypt.hashpw(b"", f"{found[1]}04${found[3]}".encode())  # the cheapest cost: is the salt one?
    except ValueError:
        return "the hash is damaged: its salt is not one that bcrypt makes"
    return ""
