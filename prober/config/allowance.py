"""Entries of `serve.allow`: what /probe may be sent to beside the catalogs' targets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from prober.routes.text import host_name, port_number, split_port

PORTS: Final = frozenset({80, 443})
"""The ports of an entry that names none."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """One entry: a host (or all below a suffix) with its ports."""

    host: str
    """A name in lower case (A-labels) or an IP literal, normalised; without the `*.` of a suffix."""
    below: bool
    """Whether the names below it are meant, and not it."""
    ports: frozenset[int] | None
    """None = every port."""

    def covers(self, host: str, port: int) -> bool:
        """Whether a host (normalised in the same way) with this port is meant."""
        if self.ports is not None and port not in self.ports:
            return False
        return host.endswith(f".{self.host}") if self.below else host == self.host


def parse_allowance(text: str) -> Allowance:
    """`HOST`, `*.SUFFIX`, either with `:PORT` or `:*` (every port). Raises ValueError with a sentence."""
    host, port = split_port(text)
    if host in ("*", "*.", ""):
        raise ValueError("this would let everybody use /probe to reach anything: name hosts, or *.SUFFIX")
    below = host.startswith("*.")
    if "*" in host[2 if below else 0 :]:
        raise ValueError("a * stands only at the beginning, before a dot: *.example.com")
    name = plain_host(host_name(host[2:] if below else host))
    if below and (is_literal(name) or "." not in name):
        raise ValueError("behind *. stands a name of two labels or more, as in *.example.com")
    return Allowance(name, below, PORTS if port is None else None if port == "*" else frozenset({port_number(port)}))


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """An entry of `serve.allow_networks`. Raises ValueError with a sentence."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"expected a network such as 10.0.0.0/8 or fd00::/8: {error}") from None


def plain_host(host: str) -> str:
    """An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) as the IPv4 address; all else as it is."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def is_literal(host: str) -> bool:
    """Whether it is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def allowances(texts: Iterable[str]) -> tuple[Allowance, ...]:
    """All entries. Raises ValueError for the first that is none; a loaded configuration has only good ones."""
    return tuple(parse_allowance(text) for text in texts)
