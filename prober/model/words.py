"""The words of the house as frozen values: target, hop, route, failure.

Imports nothing of ours. Times are seconds, instants are seconds since the Unix epoch (UTC), sizes are bytes.
`None` always means "not measured" or "unknown", never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Secret:
    """A password. Shows itself as `***` everywhere; only `reveal()` gives it away.

    Not a dataclass on purpose: no generic serialiser can walk into it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The clear text, for the one place that puts it on the wire."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


class Scheme(StrEnum):
    """What a probe speaks to its target."""

    TLS = "tls"
    """A bare TLS handshake."""
    HTTPS = "https"
    """TLS, then one HTTP/1.1 request."""
    HTTP = "http"
    """One HTTP/1.1 request in the clear."""


DEFAULT_PORTS: Final = {Scheme.TLS: 443, Scheme.HTTPS: 443, Scheme.HTTP: 80}


class HopScheme(StrEnum):
    """How a proxy is spoken to."""

    HTTP = "http"
    """CONNECT in the clear (RFC 9110 section 9.3.6)."""
    HTTPS = "https"
    """CONNECT inside TLS to the proxy."""
    SOCKS4 = "socks4"
    """SOCKS 4; the name is resolved here, IPv4 only."""
    SOCKS4A = "socks4a"
    """SOCKS 4a; the proxy resolves the name."""
    SOCKS5 = "socks5"
    """SOCKS 5 (RFC 1928); the name is resolved here."""
    SOCKS5H = "socks5h"
    """SOCKS 5; the proxy resolves the name."""

    @property
    def resolves_here(self) -> bool:
        """Whether the name handed to this proxy must be resolved by us first."""
        return self in (HopScheme.SOCKS4, HopScheme.SOCKS5)

    @property
    def is_http(self) -> bool:
        """Whether this proxy speaks HTTP (so it takes CONNECT, and the absolute form for `http://`)."""
        return self in (HopScheme.HTTP, HopScheme.HTTPS)


HOP_DEFAULT_PORTS: Final = {
    HopScheme.HTTP: 8080,
    HopScheme.HTTPS: 443,
    HopScheme.SOCKS4: 1080,
    HopScheme.SOCKS4A: 1080,
    HopScheme.SOCKS5: 1080,
    HopScheme.SOCKS5H: 1080,
}


class Required(StrEnum):
    """How much a service needs a target. Each level of a selection includes the ones before."""

    YES = "yes"
    OPTIONAL = "optional"
    LEGACY = "legacy"


class TrustClass(StrEnum):
    """Who is expected to sign a target's certificate."""

    PUBLIC = "public"
    """A root of the public web (Mozilla's store, or one that has left it lately)."""
    VENDOR_PRIVATE = "vendor_private"
    """One of the vendor's own roots, in no public store."""


class Anchor(StrEnum):
    """Where a certificate chain ends; contract.md, `tls.anchor`."""

    PUBLIC = "public"
    PUBLIC_LEGACY = "public_legacy"
    VENDOR_PRIVATE = "vendor_private"
    PINNED = "pinned"
    OS_ONLY = "os_only"
    UNKNOWN = "unknown"
    INCOMPLETE = "incomplete"
    SELF_SIGNED_LEAF = "self_signed_leaf"


class Stage(StrEnum):
    """Where in a probe something failed."""

    CONFIG = "config"
    LOCAL = "local"
    DNS = "dns"
    CONNECT = "connect"
    PROXY_TLS = "proxy-tls"
    PROXY = "proxy"
    TLS = "tls"
    HTTP = "http"


class Reason(StrEnum):
    """Why something failed: the closed vocabulary of contract.md, in its order."""

    LOCAL_DESCRIPTORS = "local-descriptors"
    LOCAL_PORTS = "local-ports"
    LOCAL_MEMORY = "local-memory"
    DNS_NXDOMAIN = "dns-nxdomain"
    DNS_NODATA = "dns-nodata"
    DNS_SERVFAIL = "dns-servfail"
    DNS_TIMEOUT = "dns-timeout"
    DNS_SINKHOLE = "dns-sinkhole"
    TCP_REFUSED = "tcp-refused"
    TCP_UNREACHABLE = "tcp-unreachable"
    TCP_TIMEOUT = "tcp-timeout"
    TCP_RESET = "tcp-reset"
    PROXY_AUTH_REQUIRED = "proxy-auth-required"
    PROXY_AUTH_FAILED = "proxy-auth-failed"
    PROXY_DENIED = "proxy-denied"
    PROXY_CAPTIVE = "proxy-captive"
    PROXY_BUSY = "proxy-busy"
    PROXY_INTERNAL = "proxy-internal"
    PROXY_PROTOCOL_ERROR = "proxy-protocol-error"
    NOT_A_PROXY = "not-a-proxy"
    PROXY_UPSTREAM_DNS = "proxy-upstream-dns"
    PROXY_UPSTREAM_CONNECT = "proxy-upstream-connect"
    PROXY_UPSTREAM_TIMEOUT = "proxy-upstream-timeout"
    PROXY_UPSTREAM_TLS = "proxy-upstream-tls"
    PROXY_TIMEOUT = "proxy-timeout"
    PROXY_CLOSED = "proxy-closed"
    PROXY_CLIENT_CERT_REQUIRED = "proxy-client-cert-required"
    TLS_VERSION = "tls-version"
    TLS_HANDSHAKE = "tls-handshake"
    TLS_HANDSHAKE_CLOSED = "tls-handshake-closed"
    TLS_TIMEOUT = "tls-timeout"
    CLIENT_CERT_REQUIRED = "client-cert-required"
    CLIENT_CERT_UNUSABLE = "client-cert-unusable"
    CERT_UNTRUSTED = "cert-untrusted"
    CERT_INCOMPLETE_CHAIN = "cert-incomplete-chain"
    CERT_EXPIRED = "cert-expired"
    CERT_NOT_YET_VALID = "cert-not-yet-valid"
    CERT_NAME_MISMATCH = "cert-name-mismatch"
    CERT_WRONG_USAGE = "cert-wrong-usage"
    CERT_INVALID = "cert-invalid"
    CERT_REVOKED = "cert-revoked"
    REVOCATION_UNREACHABLE = "revocation-unreachable"
    HTTP_TIMEOUT = "http-timeout"
    HTTP_CLOSED = "http-closed"
    HTTP_PROTOCOL_ERROR = "http-protocol-error"
    HTTP_AUTH_REQUIRED = "http-auth-required"
    PAC_FETCH_FAILED = "pac-fetch-failed"
    PAC_SCRIPT_ERROR = "pac-script-error"
    WPAD_NONE = "wpad-none"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a target was not reached (or, as a trust failure, why its certificate is not trusted)."""

    stage: Stage
    hop: int
    """0 for the target itself, 1… for proxies, outermost first."""
    reason: Reason
    detail: str = ""
    """Free text for a person: what was tried and what came back. Never a metric label."""
    status: int | None = None
    """The HTTP status a proxy or target answered with, where that was the failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An endpoint that must be reachable, with what the catalog knows of it."""

    id: str
    """Stable and unique over all catalogs; the identity in metrics and diffs."""
    scheme: Scheme
    host: str
    """A DNS name in lower case (A-labels), or an IP literal without brackets."""
    port: int
    path: str = "/"
    """Path and query of the request, in origin form."""
    method: str = "GET"
    service: str = ""
    """MDE, MDAV, MDI, MMA, AMA, COMMON; empty for a target given by hand."""
    group: str = ""
    geography: str = "WW"
    cloud: tuple[str, ...] = ("commercial",)
    os: tuple[str, ...] = ()
    """OS scope as families (`windows`, `linux`, …); empty = any."""
    os_note: str = ""
    """The scope in the source's own words, versions included."""
    required: Required = Required.YES
    expected: tuple[int, ...] = ()
    """HTTP statuses documented for this request; empty = none is documented."""
    inspection_bypass: bool | None = None
    """Whether TLS inspection must leave it alone; None = nothing is stated."""
    trust: TrustClass | None = None
    """Expected trust class; None = not known."""
    client_certificate: bool = False
    """Whether the service authenticates its client by certificate."""
    proxy_login: bool = True
    """Whether the service can log in to a proxy. Where it cannot, a 407 stays a failure
    even if this prober's own credentials would get through."""
    source: str = ""
    dated: str = ""
    """Date or period of the source, as stated there."""

    @property
    def address(self) -> str:
        """`host:port`, IPv6 in brackets: the authority form of RFC 9110 section 4.2."""
        return authority(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Hop:
    """One proxy."""

    scheme: HopScheme
    host: str
    port: int
    user: str | None = None
    password: Secret | None = None
    trust_roots: str | None = None
    """PEM file with the roots that may sign an HTTPS proxy's own certificate; None = the OS store."""

    @property
    def auth(self) -> str:
        """`none`, `basic` (HTTP proxies) or `password` (SOCKS): what we hold, never the secret."""
        if self.user is None:
            return "none"
        return "basic" if self.scheme.is_http else "password"

    @property
    def address(self) -> str:
        """`host:port`, IPv6 in brackets."""
        return authority(self.host, self.port)

    @property
    def url(self) -> str:
        """The proxy as a URL without user and password."""
        return f"{self.scheme}://{self.address}"


@dataclass(frozen=True, slots=True)
class Route:
    """A named list of hops, outermost first; no hops = direct."""

    name: str
    hops: tuple[Hop, ...] = ()
    fallbacks: tuple[tuple[Hop, ...], ...] = ()
    """Ways to take in turn where none before them could be connected: what a PAC script or a device's settings list."""
    problem: Failure | None = None
    """Why no way is known (a PAC script that failed); then nothing is connected to."""

    @property
    def choices(self) -> int:
        """How many ways it has."""
        return 1 + len(self.fallbacks)

    @property
    def every_hop(self) -> tuple[Hop, ...]:
        """The proxies of all its ways."""
        return self.hops + tuple(hop for way in self.fallbacks for hop in way)

    @property
    def text(self) -> str:
        """Its ways for people, without logins: `http://a:3128,socks5h://b:1080 else direct`."""
        if self.problem is not None:
            return f"no way ({self.problem.reason})"
        return " else ".join(",".join(each.way) or "direct" for each in self.each_way)

    @property
    def each_way(self) -> tuple[Route, ...]:
        """Its ways, each as a route of its own under the same name."""
        return tuple(self.after(failed) for failed in range(self.choices))

    def after(self, failed: int) -> Route:
        """The one way that is taken when the first `failed` ones could not be connected; alone, under the same name."""
        if not self.fallbacks:
            return self
        hops = self.fallbacks[failed - 1] if failed else self.hops
        return Route(self.name, hops)

    @property
    def way(self) -> tuple[str, ...]:
        """Its proxies as URLs, without logins: what two routes have in common."""
        return tuple(hop.url for hop in self.hops)


def authority(host: str, port: int) -> str:
    """`host:port` with an IPv6 literal in brackets (RFC 9110 section 7.2, RFC 3986 section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
