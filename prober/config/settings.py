"""What can be configured: every key, its meaning and its default stand here, once.

Key names and nesting are public (docs/configuration.md). Values are checked strictly: a number is not text. What is
text with a form of its own (proxy URLs, `resolve` entries, pins) is read by prober.config.texts and .routes.
"""

from __future__ import annotations

import platform
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
    WithJsonSchema,
)

from prober.config.modules import Module
from prober.config.section import Count, Seconds, Section, Text
from prober.model import Secret
from prober.routes.text import masked_url, without_login

__all__ = ["DEFAULT_FILE", "Hop", "Pac", "Probe", "Root", "Section", "Select", "Serve", "Settings", "Trust", "schema"]

DEFAULT_FILE = "prober.yaml"


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
Place = Annotated[Text, PlainSerializer(without_login, return_type=str)]
"""Where a script is: shown without a login."""


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


class Scripted(Section):
    """What a PAC script is asked with."""

    reading: Literal["chromium", "winhttp"] = Field(
        default="chromium", description="Whose reading of the script's answer: chromium goes through the whole list."
    )
    my_ip: list[Text] = Field(
        default=[], description="What myIpAddress() answers: the addresses of the device meant; empty = this machine's."
    )
    trust_roots: Text | None = Field(
        default=None, description="PEM file with the roots for the server of the script; null = the OS store."
    )


class Pac(Scripted):
    """A route that a PAC script decides, target by target."""

    pac: Place = Field(description="URL (http, https) or file of the script.")


class Wpad(Scripted):
    """A route that a PAC script decides, which WPAD finds."""

    wpad: Text = Field(description="The domain in which WPAD looks, as corp.example.")
    option_252: Place | None = Field(default=None, description="What DHCP option 252 says; it comes first.")


def _kind(value: object) -> str:
    if isinstance(value, Wpad) or (isinstance(value, dict) and "wpad" in value):
        return "wpad"
    return "pac" if isinstance(value, (dict, Pac)) else "hops"


Way = Annotated[
    Annotated[list[Hop], Tag("hops")] | Annotated[Pac, Tag("pac")] | Annotated[Wpad, Tag("wpad")],
    Discriminator(_kind),
    Field(description="Proxies, outermost first; an empty list is direct. Or a PAC script, or WPAD."),
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
    """Watching for ever."""

    interval: Seconds = Field(default=60.0, description="Seconds between two probes of a target on a route.")
    intervals: dict[str, Seconds] = Field(
        default={}, description="Other intervals: SERVICE or SERVICE/GROUP to seconds; the narrowest counts."
    )
    confirm: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="Equal results in a row before a state changes."
    )
    confirm_after: Seconds = Field(
        default=5.0, description="Seconds until the probe that confirms a change; never longer than the interval."
    )
    listen: Text = Field(default="127.0.0.1:9464", description="ADDRESS:PORT of the web server.")
    host_names: list[Text] = Field(
        default=[],
        description="Names under which a browser may open the page where neither TLS nor a password protects it; "
        "localhost, this host's own name and addresses always may.",
    )
    web_config: Text | None = Field(default=None, description="TLS and users, in the exporter-toolkit's format.")
    state: Text | None = Field(
        default="prober.db", description="File that keeps the state over a restart; null = it is not kept."
    )
    history: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=90, description="Days for which changes of state are kept."
    )
    grace: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = Field(
        default=10.0, description="Seconds that probes under way get to finish when it ends."
    )
    ask_scripts: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=900.0, description="Seconds between two askings of PAC scripts; 0 = at the start and at reloads only."
    )
    allow: list[Text] = Field(
        default=[],
        description="Targets beside the catalogs' that /probe accepts: HOST or *.SUFFIX, with :PORT (else 80, 443).",
    )
    allow_networks: list[Text] = Field(
        default=[],
        description="Private networks (CIDR) that /probe may reach; all others that are not public are refused.",
    )
    probe_concurrency: Count = Field(default=16, description="Probes for /probe at once; beyond, it answers 503.")
    modules: dict[str, Module] = Field(
        default={}, description="Modules for /probe, by name, as blackbox_exporter has them (docs/probe.md)."
    )


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
    serve: Serve = Field(default=Serve(), description="For `prober serve`.")


def schema() -> dict[str, Any]:
    """The JSON schema of prober.yaml, draft 2020-12."""
    found = Settings.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "prober.yaml"}
