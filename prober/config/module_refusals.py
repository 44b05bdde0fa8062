"""Keys that blackbox_exporter's modules know and ours do not, each with why, or what to write instead.

Taken from blackbox_exporter's CONFIGURATION.md up to version 0.28. A key whose value switches it off is let pass: what
it asks for is what is done here anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

_ROUTE: Final = "proxies are configured as routes: name one with `route:` in the module, or with &route= in the request"
_LOGIN: Final = "write the header itself under `headers`, as in Authorization: Bearer …"
_REGEXP: Final = (
    "a server's answer can keep Python's regular expressions busy for ever, and here they would hold up other probes"
)
_ANSWERED: Final = "a probe here sends GET or HEAD and reads how long the answer is, not what it says"
_CLIENT: Final = "certificates are shown to catalog targets only, as trust.client_certificates says"
_SOURCE: Final = "the system chooses the source address"
_HTTP2: Final = "HTTP/1.1 is spoken, so that every proxy on the way can be told apart; leave it out, or write false"

_MODULE: Final = {
    "icmp": "this prober sends no ICMP: keep such modules in blackbox_exporter",
    "dns": "this prober asks name servers for addresses only: keep such modules in blackbox_exporter",
    "grpc": "this prober speaks no gRPC: keep such modules in blackbox_exporter",
    "unix": "this prober looks at the network only: keep such modules in blackbox_exporter",
}
_HTTP: Final = {
    "body": _ANSWERED,
    "body_file": _ANSWERED,
    "compression": "bodies are counted as they are sent, nothing is decompressed",
    "fail_if_body_matches_regexp": _REGEXP,
    "fail_if_body_not_matches_regexp": _REGEXP,
    "fail_if_header_matches": _REGEXP,
    "fail_if_header_not_matches": _REGEXP,
    "fail_if_body_json_matches_cel": _ANSWERED,
    "fail_if_body_json_not_matches_cel": _ANSWERED,
    "enable_regexps_from_params": _REGEXP,
    "basic_auth": _LOGIN,
    "authorization": _LOGIN,
    "bearer_token": _LOGIN,
    "bearer_token_file": _LOGIN,
    "http_headers": "write them under `headers`",
    "oauth2": "this prober asks nobody for a token",
    "proxy_url": _ROUTE,
    "no_proxy": _ROUTE,
    "proxy_from_environment": "name a route that follows the environment: `prober serve --via env`, then `route: env`",
    "proxy_connect_header": _ROUTE,
    "proxy_connect_headers": _ROUTE,
    "skip_resolve_phase_with_proxy": "whether a name is resolved at the proxy follows from its scheme in the route",
    "use_proxy_dns": "whether a name is resolved at the proxy follows from its scheme in the route",
    "enable_http2": _HTTP2,
    "enable_http3": _HTTP2,
    "use_http3": _HTTP2,
    "source_ip_address": _SOURCE,
}
_TCP: Final = {
    "query_response": "this prober connects and shakes hands, it holds no conversations in other protocols",
    "source_ip_address": _SOURCE,
}
_TLS: Final = {
    "ca": "write the roots into a file and name it with ca_file",
    "ca_ref": "name a file with ca_file",
    "cert": _CLIENT,
    "cert_file": _CLIENT,
    "cert_ref": _CLIENT,
    "key": _CLIENT,
    "key_file": _CLIENT,
    "key_ref": _CLIENT,
    "max_version": "TLS 1.2 and 1.3 are always offered: min_version says what counts as a success",
}
_REFUSED: Final[dict[str, Mapping[str, str]]] = {"": _MODULE, "http": _HTTP, "tcp": _TCP, "tls_config": _TLS}
_OFF: Final[tuple[object, ...]] = (None, False, "", 0, [], {})
_AS_DONE: Final = {"compression": "identity"}
"""Values that ask for what is done anyway."""


def refusal(path: tuple[str | int, ...]) -> str | None:
    """Why a key of blackbox_exporter's is not taken, as a sentence; None for keys it does not know.

    `path` starts below `serve.modules`: `("http_2xx", "http", "proxy_url")`.
    """
    if len(path) < 2:
        return None
    section = "" if len(path) == 2 else str(path[-2])
    why = _REFUSED.get(section, {}).get(str(path[-1]))
    return None if why is None else f"known to blackbox_exporter, not to prober: {why}"


def without_idle_keys(section: str) -> Callable[[Any], Any]:
    """A validator that drops the section's refused keys where their value switches them off."""

    def drop(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        refused = _REFUSED[section]
        return {
            key: inner
            for key, inner in value.items()
            if key not in refused or not (inner in _OFF or inner == _AS_DONE.get(key))
        }

    return drop
