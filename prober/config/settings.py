"""What can be configured: every key, its meaning and its default stand here, once.

Key names and nesting are public (docs/configuration.md). Values are checked strictly: a number is not text. What is
text with a form of its own (proxy URLs, `resolve` entries, pins) is read by prober.config.texts and .routes.
"""

from __future__ import annotations

import platform
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from prober.model import Secret
from prober.routes.text import masked_url

DEFAULT_FILE = "prober.yaml"

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Text = Annotated[str, Field(min_length=1, max_length=4096)]


def _secret(value: object) -> Secret:
    if not isinstance(value, str):
        raise ValueError("expected text: a proxy URL such as http://proxy.corp:8080")
    return Secret(value)


ProxyUrl = Annotated[
    Secret,
    PlainValidator(_secret),
    PlainSerializer(lambda url: masked_url(url.reveal()), return_type=str),
    WithJsonSchema({"type": "string", "examples": ["http://10.0.0.6:8080", "socks5h://[fd00::7]:1080"]}),
]


class Section(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class Select(Section):
    """Which targets of the catalogs are probed."""

    cloud: Literal["commercial", "gcc", "gcc-high", "dod", "china", "all"] = Field(
        default="commercial", description="The cloud whose targets are probed."
    )
    geography: list[Text] = Field(default=[], description="Geographies beside WW, which is always in; empty = all.")
    required: Literal["yes", "optional", "legacy", "all"] = Field(
        default="yes", description="How far down the list: each level includes the ones before."
    )
    service: list[Text] = Field(default=[], description="Services (MDE, MDAV, …); empty = all.")
    os: list[Text] = Field(default=[], description="Operating systems of the devices; empty = all.")


class Hop(Section):
    """One proxy of a route."""

    url: ProxyUrl = Field(
        description="SCHEME://[USER[:PASSWORD]@]HOST[:PORT]: http, https, socks4, socks4a, socks5, socks5h."
    )
    user: Text | None = Field(default=None, description="User name, as it is (not percent-encoded).")
    password_file: Text | None = Field(
        default=None, description="File with the password; one newline at its end is dropped."
    )
    trust_roots: Text | None = Field(
        default=None, description="PEM file with the roots for an HTTPS proxy's own certificate; null = the OS store."
    )


class Pac(Section):
    """A route found by a PAC script; known, but not followed by this version."""

    pac: Text = Field(description="URL or file of the script. Comes with a later version: refused at load for now.")


def _kind(value: object) -> str:
    return "pac" if isinstance(value, (dict, Pac)) else "hops"


Way = Annotated[
    Annotated[list[Hop], Tag("hops")] | Annotated[Pac, Tag("pac")],
    Discriminator(_kind),
    Field(description="Proxies, outermost first; an empty list is direct."),
]


class Probe(Section):
    """How a probe is made, and how many at once."""

    timeout: Seconds = Field(default=10.0, description="Seconds for one probe, all stages and hops together.")
    concurrency: Count = Field(default=256, description="Probes in flight, at most.")
    per_route: Count = Field(default=128, description="Probes in flight on one route.")
    per_host: Count = Field(default=4, description="Probes in flight to one host.")
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Probes a second, at most; null = no limit."
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        default=1, description="Further probes, after a transient failure only."
    )
    profile: Literal["schannel", "schannel-pq"] = Field(
        default="schannel", description="The ClientHello: as Windows Schannel; -pq adds a post-quantum key share."
    )
    family: Literal["ipv4-first", "ipv4", "ipv6"] = Field(
        default="ipv4-first", description="Address families, in order."
    )


class Root(Section):
    """One file of trusted roots."""

    file: Text = Field(description="PEM file.")
    anchor: Literal["pinned", "public", "vendor_private"] = Field(
        default="pinned", description="What a chain that ends in one of these roots is said to be anchored in."
    )
    names: list[Text] = Field(default=[], description="DNS suffixes that these roots may vouch for; empty = any name.")


def _root(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


TrustRoot = Annotated[Root, BeforeValidator(_root, json_schema_input_type=str | Root)]


class Trust(Section):
    """Whose certificates are believed."""

    roots: list[TrustRoot] = Field(
        default=[], description="Further trusted roots: PEM files, or mappings {file, anchor, names}."
    )
    pins: dict[str, list[Text]] = Field(
        default={}, description="HOST to the SHA-256 of the public keys (SPKI) it may have: 64 hex digits or base64."
    )
    known_interceptors: list[Text] = Field(
        default=[],
        description="Your own TLS inspection: SHA-256 of its CA certificate or key (64 hex digits), or a PEM file.",
    )
    client_certificates: dict[str, Text] = Field(
        default={}, description="Host pattern (* allowed) to a PEM file with a client certificate and its key."
    )


class Serve(Section):
    """For `prober serve`, which comes with a later version: checked already, used by nothing yet."""

    interval: Seconds = Field(default=60.0, description="Seconds between two probes of a target on a route.")
    confirm: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="Equal results in a row before a state changes."
    )
    listen: Text = Field(default="127.0.0.1:9464", description="ADDRESS:PORT of the web server.")
    web_config: Text | None = Field(default=None, description="TLS and users, in the exporter-toolkit's format.")
    state: Text = Field(default="prober.db", description="File that keeps the state over a restart.")
    allow: list[Text] = Field(default=[], description="Targets beside the catalogs' that /probe accepts.")
    modules: dict[str, dict[str, Any]] = Field(default={}, description="Modules for /probe, by name.")


def _here() -> str:
    return platform.node() or "localhost"


class Settings(Section):
    """The whole of prober.yaml."""

    egress: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")] = Field(
        default_factory=_here, description="The name of the place where this prober stands; default: the host name."
    )
    catalogs: list[Text] = Field(
        default=["mde", "mdav", "mdi", "mma", "ama", "common"], description="Catalogs: bundled names, or YAML files."
    )
    select: Select = Field(default=Select(), description="Which of their targets are probed.")
    set: dict[str, list[Text]] = Field(default={}, description="Values for placeholders such as {workspace}.")
    routes: dict[str, Way] = Field(default={}, description="The ways out, by name; none = direct only.")
    probe: Probe = Field(default=Probe(), description="How probes are made.")
    resolve: dict[str, Text] = Field(
        default={}, description="HOST[:PORT], * or *:PORT to IP[:PORT], in place of DNS. The narrowest entry wins."
    )
    trust: Trust = Field(default=Trust(), description="Roots, pins and client certificates.")
    serve: Serve = Field(default=Serve(), description="For `prober serve`; checked, but not used by this version.")


def schema() -> dict[str, Any]:
    """The JSON schema of prober.yaml, draft 2020-12."""
    found = Settings.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "prober.yaml"}
