"""Modules made ready: each with the trust it verifies with, files read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prober.config.modules import LARGEST_BODY, Module, modules_in_force
from prober.interception.anchors import UserRoot
from prober.interception.trust import TrustStore
from prober.model import Anchor, Secret
from prober.model.inquiry import Inquiry

_ONE_FAMILY: Final = ("ipv4", "ipv6")


@dataclass(frozen=True, slots=True)
class ReadyModule:
    """A module that can be used."""

    name: str
    module: Module
    own_roots: TrustStore | None
    """The only roots that count, where the module names a file of them."""

    def inquiry(self, host: str | None) -> Inquiry:
        """What is asked of a target; `host` replaces its name in the Host header, and in the handshake where the module
        names none."""
        module, tls = self.module, self.module.tls_config
        headers = {name: value for name, value in module.http.headers.items() if name.lower() != "host"}
        named = host or self.host_header
        only = tls.min_version == "TLS13"
        if module.prober == "tcp":
            name = tls.server_name or host
            return Inquiry(server_name=name, only_tls_1_3=only, connect_only=not module.tcp.tls)
        return Inquiry(
            body_limit=self.body_limit,
            host=named,
            headers=tuple(headers.items()),
            server_name=tls.server_name or (named and bare_host(named)),
            only_tls_1_3=only,
        )

    @property
    def host_header(self) -> str | None:
        """The Host header that the configuration gives."""
        value = next((v for name, v in self.module.http.headers.items() if name.lower() == "host"), Secret(""))
        return value.reveal() or None

    @property
    def body_limit(self) -> int:
        """Bytes of a body that are read."""
        return min(self.module.http.body_size_limit or LARGEST_BODY, LARGEST_BODY)

    def family(self, configured: str) -> str:
        """Address families in the engine's words, given what `probe.family` says. Like blackbox_exporter, IPv6 comes
        first where nothing is said; a family that the prober as a whole does without is not used either."""
        preferred, fallback = self.module.addresses
        if preferred is None and configured in _ONE_FAMILY:
            return configured
        first = "ipv4" if preferred == "ip4" else "ipv6"
        return f"{first}-first" if fallback else first


def bare_host(text: str) -> str:
    """The host of `HOST[:PORT]`, without brackets."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def ready_modules(
    configured: Mapping[str, Module], routes: Collection[str], errors: list[str]
) -> dict[str, ReadyModule]:
    """The shipped modules and the configured ones; what is wrong is appended to `errors`. Reads files."""
    ready: dict[str, ReadyModule] = {}
    for name, module in modules_in_force(dict(configured)).items():
        place = f"serve.modules.{name}"
        if module.route is not None and module.route not in routes:
            errors.append(f"{place}.route: there is no route {module.route!r}: in force are {', '.join(routes)}")
        ready[name] = ReadyModule(name, module, _own_roots(module, place, errors))
    return ready


def _own_roots(module: Module, place: str, errors: list[str]) -> TrustStore | None:
    file = module.tls_config.ca_file
    if file is None:
        return None
    try:
        return TrustStore(b"", None, [UserRoot(Path(file).read_bytes(), Anchor.PINNED)], with_shipped=False)
    except OSError as error:
        errors.append(f"{place}.{module.prober}.tls_config.ca_file: {file}: {error.strerror}")
    except ValueError as error:
        errors.append(f"{place}.{module.prober}.tls_config.ca_file: {file}: {error}")
    return None
