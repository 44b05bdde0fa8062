"""Modules of `/probe`, in blackbox_exporter's own YAML, so that people can paste theirs.

A key that stands here does what blackbox_exporter says it does. Every other key of blackbox_exporter's is refused by
name, with what to do instead (`prober.config.module_refusals`); all else is an unknown key.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from prober.config.module_refusals import without_idle_keys
from prober.config.section import Seconds, Section, Text
from prober.model import Secret
from prober.routes.text import host_name

LARGEST_BODY: Final = 16 * 1024 * 1024
"""Bytes of a body that are read where a module does not say less."""

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)")
_SIZE: Final = re.compile(r"([0-9]{1,12}) ?(B|[KMG]i?B)?")
_POWERS: Final = {"B": 0, "K": 1, "M": 2, "G": 3}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE: Final = re.compile(r"(?:[!-~]|[!-~][\t -~]{0,8190}[!-~])?")
"""Visible ASCII, blanks inside (RFC 9110 section 5.5)."""
_NOT_OURS: Final = frozenset(
    {
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("content-length", "proxy-authorization", "proxy-authenticate", "proxy-connection"),
    }
)
"""Headers about the connection, the body or the proxies: they belong to the route, not to the question."""


def duration(value: object) -> object:
    """Seconds out of a duration as Go writes it (`5s`, `1m30s`, `250ms`); a number is seconds already.

    Raises ValueError with a sentence.
    """
    if not isinstance(value, str):
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    parts = _DURATION_PART.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError("not a duration: expected one like 5s, 1m30s or 250ms, or a number of seconds")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def size(value: object) -> object:
    """Bytes out of a size (`10MB`, `512KiB`, of 1024 each as blackbox_exporter has it); a number is bytes already.

    Raises ValueError with a sentence.
    """
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value)
    if found is None:
        raise ValueError("not a size: expected one like 10MB or 512KB, or a number of bytes")
    return int(found[1]) * 1024 ** _POWERS[(found[2] or "B")[0]]


def _nothing_as_empty(value: object) -> object:
    """A key with nothing behind it is an empty mapping, as in blackbox_exporter."""
    return {} if value is None else value


def _header_value(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("expected text (put numbers and true, false, null in quotes)")
    if _VALUE.fullmatch(value) is None:
        raise ValueError("not a header's value: printable ASCII without blanks at its ends, at most 8192 characters")
    return Secret(value)


def _headers(value: object) -> object:
    value = _nothing_as_empty(value)
    names = [name for name in value if isinstance(name, str)] if isinstance(value, dict) else []
    for name in names:
        if _TOKEN.fullmatch(name) is None:
            raise ValueError("a header's name is letters, digits and !#$%&'*+-.^_`|~")
        if name.lower() in _NOT_OURS:
            raise ValueError(f"{name} is about the connection, the body or a proxy: prober sets it")
    lower = [name.lower() for name in names]
    if len(set(lower)) < len(lower):
        raise ValueError("one header comes twice: upper and lower case are the same")
    return value


def _server_name(value: object) -> object:
    return host_name(value) if isinstance(value, str) else value


def _method(value: object) -> object:
    if isinstance(value, str) and value not in ("GET", "HEAD"):
        raise ValueError("GET or HEAD: a probe of this prober changes nothing at its target and sends no body")
    return value


def _least_tls(value: object) -> object:
    if value in ("TLS10", "TLS11"):
        raise ValueError("TLS12 or TLS13: this prober offers nothing older, leave the key out")
    return value


Duration = Annotated[Seconds, BeforeValidator(duration, json_schema_input_type=float | str)]
Size = Annotated[int, Field(ge=0, le=1 << 40), BeforeValidator(size, json_schema_input_type=int | str)]
HeaderValue = Annotated[
    Secret,
    PlainValidator(_header_value),
    PlainSerializer(lambda value: "***", return_type=str),
    WithJsonSchema({"type": "string"}),
]
Family = Literal["ip4", "ip6"]


class TlsConfig(Section):
    """Prometheus' `tls_config`, as far as it makes sense here."""

    insecure_skip_verify: bool = Field(
        default=False, description="The probe may succeed whatever the certificate; it is judged all the same."
    )
    ca_file: Text | None = Field(
        default=None, description="PEM file with the only roots that count; null = the prober's own trust."
    )
    server_name: Annotated[Text, BeforeValidator(_server_name)] | None = Field(
        default=None, description="The name asked for in the handshake and verified; null = the target's host."
    )
    min_version: Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_least_tls)] | None = Field(
        default=None, description="TLS12 or TLS13: the oldest version with which the probe succeeds."
    )

    _idle = model_validator(mode="before")(without_idle_keys("tls_config"))


class HttpModule(Section):
    """The section `http` of a module."""

    valid_status_codes: list[Annotated[int, Field(ge=100, le=999)]] = Field(
        default=[], description="Statuses that are a success; empty = 2xx."
    )
    valid_http_versions: list[Text] = Field(
        default=[], description='Versions that are a success ("HTTP/1.1"); empty = any. Only HTTP/1 is spoken.'
    )
    method: Annotated[Literal["GET", "HEAD"], BeforeValidator(_method)] = Field(
        default="GET", description="GET or HEAD."
    )
    headers: Annotated[dict[str, HeaderValue], BeforeValidator(_headers)] = Field(
        default={}, description="Further headers of the request; Host replaces the target's own. Shown to nobody."
    )
    body_size_limit: Size = Field(
        default=0, description="Size (10MB) of the body beyond which the probe fails; 0 = it does not fail for that."
    )
    follow_redirects: bool = Field(default=True, description="Whether redirects are followed, ten at most.")
    no_follow_redirects: bool = Field(
        default=False, description="The same the other way round, as versions before 0.20 had it; true wins."
    )
    fail_if_ssl: bool = Field(default=False, description="The probe fails if its last request went over TLS.")
    fail_if_not_ssl: bool = Field(default=False, description="The probe fails if its last request went in the clear.")
    preferred_ip_protocol: Family | None = Field(
        default=None, description="ip4 or ip6: the family tried first; null = ip6, unless probe.family allows one only."
    )
    ip_protocol_fallback: bool = Field(default=True, description="Whether the other family is tried too.")
    tls_config: Annotated[TlsConfig, BeforeValidator(_nothing_as_empty)] = Field(
        default=TlsConfig(), description="What is asked of TLS."
    )

    _idle = model_validator(mode="before")(without_idle_keys("http"))

    @model_validator(mode="after")
    def _speakable(self) -> HttpModule:
        versions = self.valid_http_versions
        if versions and not any(version in ("HTTP/1.0", "HTTP/1.1") for version in versions):
            raise ValueError("valid_http_versions can never be met: this prober speaks HTTP/1.1 only")
        if self.fail_if_ssl and self.fail_if_not_ssl:
            raise ValueError("fail_if_ssl and fail_if_not_ssl together can never be met")
        return self

    @property
    def follows(self) -> bool:
        """Whether redirects are followed."""
        return self.follow_redirects and not self.no_follow_redirects


class TcpModule(Section):
    """The section `tcp` of a module."""

    tls: bool = Field(default=False, description="Whether a TLS handshake is made.")
    preferred_ip_protocol: Family | None = Field(
        default=None, description="ip4 or ip6: the family tried first; null = ip6, unless probe.family allows one only."
    )
    ip_protocol_fallback: bool = Field(default=True, description="Whether the other family is tried too.")
    tls_config: Annotated[TlsConfig, BeforeValidator(_nothing_as_empty)] = Field(
        default=TlsConfig(), description="What is asked of TLS."
    )

    _idle = model_validator(mode="before")(without_idle_keys("tcp"))


def _prober(value: object) -> object:
    if value in ("icmp", "dns", "grpc", "unix"):
        raise ValueError(f"http or tcp: this prober looks at HTTP and TLS; keep {value} modules in blackbox_exporter")
    return value


class Module(Section):
    """How /probe looks at a target."""

    prober: Annotated[Literal["http", "tcp"], BeforeValidator(_prober)] = Field(description="http or tcp.")
    timeout: Duration | None = Field(
        default=None,
        description="Longest time for the probe (5s, 1m30s, or seconds); null = `probe.timeout`.",
    )
    http: Annotated[HttpModule, BeforeValidator(_nothing_as_empty)] = Field(
        default=HttpModule(), description="For `prober: http`."
    )
    tcp: Annotated[TcpModule, BeforeValidator(_nothing_as_empty)] = Field(
        default=TcpModule(), description="For `prober: tcp`."
    )
    route: Text | None = Field(
        default=None,
        description="The route to take (not in blackbox_exporter); null = direct, or the first one.",
    )

    _idle = model_validator(mode="before")(without_idle_keys(""))

    @property
    def tls_config(self) -> TlsConfig:
        """That of the section in force."""
        return self.http.tls_config if self.prober == "http" else self.tcp.tls_config

    @property
    def addresses(self) -> tuple[Family | None, bool]:
        """The family tried first and whether the other one is tried too, of the section in force."""
        section: HttpModule | TcpModule = self.http if self.prober == "http" else self.tcp
        return section.preferred_ip_protocol, section.ip_protocol_fallback


SHIPPED: Final[dict[str, dict[str, Any]]] = {
    "http_2xx": {"prober": "http"},
    "tcp_connect": {"prober": "tcp"},
    "tcp_tls": {"prober": "tcp", "tcp": {"tls": True}},
}
"""Modules that are always there, unless the configuration has others of their name."""


def modules_in_force(configured: dict[str, Module]) -> dict[str, Module]:
    """The shipped modules and the configured ones."""
    return {**{name: Module.model_validate(text) for name, text in SHIPPED.items()}, **configured}


def sections_at(path: tuple[str | int, ...]) -> type[Section] | None:
    """The section that stands at a path below `serve.modules`; None if none does."""
    match path:
        case (str(),):
            return Module
        case (str(), "http"):
            return HttpModule
        case (str(), "tcp"):
            return TcpModule
        case (str(), "http" | "tcp", "tls_config"):
            return TlsConfig
    return None
