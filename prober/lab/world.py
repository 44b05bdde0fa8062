"""The whole lab: starts everything, writes certificates and a ready prober.yaml, ends everything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import yaml
from cryptography.x509.oid import ExtendedKeyUsageOID

from prober.lab.addresses import Addresses, proxy_host
from prober.lab.authorities import PKI_HOST, Authorities, pem
from prober.lab.contexts import server_context
from prober.lab.faults import Fault
from prober.lab.inspection import Interceptor
from prober.lab.listener import LOOPBACK, Listener
from prober.lab.origins import Origins
from prober.lab.policy import PRODUCTS, Policy, Product
from prober.lab.proxies import HttpProxy
from prober.lab.socks import SocksProxy
from prober.model import Target, TrustClass

USER: Final = "lab"
PASSWORD: Final = "correct-horse"  # noqa: S105  # the password of a lab on loopback; the config it writes shows it too
BLOCKED: Final = ("*.blob.core.windows.net", "*.smartscreen*.microsoft.com")
BYPASSED: Final = ("endpoint.security.microsoft.com",)
"""Domains that the lab's interceptor leaves alone, as the vendor asks."""
DELAY_SECONDS: Final = 0.15
"""How long the slow proxy thinks about each connection."""
PLACEHOLDERS: Final[dict[str, list[str]]] = {
    "workspace": ["contoso"],
    "workspace_id": ["00000000-0000-4000-8000-000000000001"],
    "vm_region": ["westeurope"],
    "region": ["westeurope"],
    "dce": ["contoso-dce"],
}
"""What the ready prober.yaml fills the catalogs' templates with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSettings:
    """What can be varied in a lab."""

    blocked: Sequence[str] = BLOCKED
    """Host patterns that the blocking proxy refuses."""
    delay: float = DELAY_SECONDS
    """Seconds that the slow proxy waits on each connection."""
    interception: Policy = field(default_factory=lambda: Policy(bypass=BYPASSED))


def inspecting_as(product: Product | None) -> LabSettings:
    """The usual lab, whose interceptor forges as this product does and leaves the same domains alone."""
    if product is None:
        return LabSettings()
    return LabSettings(interception=replace(PRODUCTS[product], bypass=BYPASSED))


class Lab:
    """An async context manager: inside it the lab runs; `directory` holds its certificates and prober.yaml."""

    def __init__(
        self,
        targets: Sequence[Target],
        directory: Path,
        *,
        settings: LabSettings | None = None,
        authorities: Authorities | None = None,
    ) -> None:
        settings = settings or LabSettings()
        self.directory = directory
        self.authorities = authorities or Authorities()
        self.origins = Origins(targets, self.authorities)
        self.addresses = Addresses(self.origins)
        self._vendor_names = vendor_names(targets)
        self.proxies: dict[str, Listener] = {proxy.name: proxy for proxy in self._make_proxies(settings)}
        for proxy in self.proxies.values():
            self.addresses.add(proxy)

    def _make_proxies(self, settings: LabSettings) -> list[Listener]:
        where, login = self.addresses, (USER, PASSWORD)
        certificate = self.authorities.corporate.leaf([proxy_host("secure"), LOOPBACK])
        trusted = (*self.authorities.public_roots, self.authorities.vendor.root)
        self.interceptor = Interceptor("inspected", where, self.authorities.inspection, trusted, settings.interception)
        return [
            HttpProxy("open", where),
            HttpProxy("login", where, login=login),
            HttpProxy("secure", where, tls=server_context(certificate)),
            SocksProxy("socks5", where, versions=(5,), login=login),
            SocksProxy("socks4a", where, versions=(4,)),
            HttpProxy("blocking", where, blocked=settings.blocked),
            HttpProxy("no-revocation", where, blocked=[PKI_HOST]),
            HttpProxy("slow", where, delay=settings.delay),
            self.interceptor,
        ]

    async def __aenter__(self) -> Self:
        """Starts everything and writes the files. Raises OSError."""
        try:
            await self.origins.start()
            for proxy in self.proxies.values():
                await proxy.start()
            self.write_files()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends everything. Raises an ExceptionGroup if the lab itself failed at something meanwhile."""
        await self.close()
        crashes = [crash for listener in self.listeners for crash in listener.crashes]
        if crashes and error is None:
            raise ExceptionGroup("the lab failed at something", crashes)

    async def close(self) -> None:
        """Ends everything: no socket and no task is left."""
        for proxy in self.proxies.values():
            await proxy.close()
        await self.origins.close()

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Every server of the lab."""
        return (self.origins.tls, self.origins.plain, *self.proxies.values())

    @property
    def ports(self) -> dict[str, int]:
        """Name of each server to its port."""
        return {listener.name: listener.port for listener in self.listeners}

    @property
    def config_file(self) -> Path:
        """The ready prober.yaml."""
        return self.directory / "prober.yaml"

    def write_files(self) -> None:
        """Writes certificates, the proxies' password, a client's certificate, and prober.yaml."""
        ours = self.authorities
        client = ours.vendor.leaf(["client.lab.test"], usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        files = {
            "public-root.pem": pem(*ours.public_roots),
            "vendor-root.pem": pem(ours.vendor.root),
            "corporate-ca.pem": pem(ours.corporate.root),
            "inspection-ca.pem": pem(self.interceptor.root),
            "client.pem": client.pem() + client.key_pem(),
            "password": PASSWORD.encode() + b"\n",
            self.config_file.name: self.config().encode(),
        }
        self.directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_whole(self.directory / name, content)

    def config(self) -> str:
        """The ready prober.yaml: routes over every proxy, the lab's roots, and every name led to its origins."""
        return yaml.safe_dump(self._config(), sort_keys=False, default_flow_style=None, width=110)

    def _config(self) -> dict[str, object]:
        login = {"user": USER, "password_file": str(self.directory / "password")}
        secure = {"trust_roots": str(self.directory / "corporate-ca.pem")}
        hops: dict[str, dict[str, str]] = {
            "open": {"url": self._url("http", "open")},
            "login": {"url": self._url("http", "login"), **login},
            "https-proxy": {"url": self._url("https", "secure"), **secure},
            "socks5": {"url": self._url("socks5h", "socks5"), **login},
            "socks4a": {"url": self._url("socks4a", "socks4a")},
            "blocking": {"url": self._url("http", "blocking")},
            "no-revocation": {"url": self._url("http", "no-revocation")},
            "slow": {"url": self._url("http", "slow")},
            "inspected": {"url": self._url("http", "inspected")},
        }
        routes: dict[str, list[dict[str, str]]] = {"direct": []}
        routes.update({name: [dict(hop)] for name, hop in hops.items()})
        routes["chain"] = [dict(hops["socks4a"]), dict(hops["https-proxy"]), dict(hops["open"])]
        return {
            "egress": "lab",
            "set": PLACEHOLDERS,
            "routes": routes,
            "probe": {"timeout": 10},
            "resolve": {
                Fault.CLOSED.host: f"{LOOPBACK}:{self.origins.closed_port}",
                "*:443": f"{LOOPBACK}:{self.origins.tls.port}",
                "*:80": f"{LOOPBACK}:{self.origins.plain.port}",
            },
            "trust": {"roots": self._roots()},
            "serve": {"allow_networks": ["127.0.0.0/8"]},  # that is where the lab's targets are
        }

    def _roots(self) -> list[dict[str, object]]:
        public: dict[str, object] = {"file": str(self.directory / "public-root.pem"), "anchor": "public"}
        vendor: dict[str, object] = {"file": str(self.directory / "vendor-root.pem"), "anchor": "vendor_private"}
        return [public, {**vendor, "names": self._vendor_names}] if self._vendor_names else [public]

    def _url(self, scheme: str, proxy: str) -> str:
        return f"{scheme}://{LOOPBACK}:{self.proxies[proxy].port}"


def vendor_names(targets: Sequence[Target]) -> list[str]:
    """The domains in which the vendor's private root may vouch for a name: those of the targets it signs."""
    hosts = {target.host for target in targets if target.trust is TrustClass.VENDOR_PRIVATE}
    return sorted({".".join(host.split(".")[-2:]) for host in hosts})


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; only the owner may read it. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
