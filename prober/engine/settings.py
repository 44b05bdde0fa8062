"""What a probe needs to know beside its target and route. Filled from the configuration; no defaults of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prober import __version__
from prober.routes.overrides import Overrides

USER_AGENT = f"prober/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """How to probe. Durations are seconds."""

    timeout: float
    """One deadline for the whole probe: names, connections, handshakes, answer."""
    retries: int
    """How often a probe is repeated after a transient failure."""
    profile: str
    """Name of the ClientHello, a key of `prober.wire.tls.PROFILES`."""
    family: str
    """`ipv4-first`, `ipv4` or `ipv6`."""
    concurrency: int
    """Probes in flight in this process."""
    per_route: int
    per_host: int
    rate: float | None
    """Probe starts a second; None = as fast as the limits allow."""
    overrides: Overrides = field(default_factory=Overrides)
    client_certificates: Mapping[str, str] = field(default_factory=dict)
    """Host, `*.suffix` or `*` to a PEM file with certificate and key."""
    name_servers: Sequence[str] = ()
    """`address[:port]`; empty = the system's."""

    def client_certificate(self, host: str) -> str | None:
        """The file for this host: the exact name first, then the longest matching suffix, then `*`."""
        if not self.client_certificates:
            return None
        if host in self.client_certificates:
            return self.client_certificates[host]
        labels = host.split(".")
        for index in range(1, len(labels)):
            suffix = "*." + ".".join(labels[index:])
            if suffix in self.client_certificates:
                return self.client_certificates[suffix]
        return self.client_certificates.get("*")
