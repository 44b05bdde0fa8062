"""Names to addresses, with c-ares: no thread pool in the path of a probe.

Asked only for direct targets, for the first hop, and for what `socks4` and `socks5` hops need; behind any other
proxy the proxy resolves. One question a name and run; who asks while it is under way waits for the same answer.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import aiodns
import pycares

from prober.engine.errors import LOCAL, ares_reason, os_reason, os_text
from prober.model import Reason
from prober.routes.overrides import Overrides

_AI_NOSORT: Final = 1 << 7
"""ARES_AI_NOSORT: pycares does not export it; sorting would open a socket for each address."""
_FAMILIES: Final = {"ipv4-first": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_QUERY_SECONDS: Final = 2.0
_TRIES: Final = 3
_SPECIAL_USE: Final = (
    "localhost",
    "test",
    "local",
    "invalid",
    "example",
    "internal",
    "home.arpa",
    "lan",
    "corp",
    "home",
)
"""Names where a loopback answer is nobody's sinkhole (RFC 6761, RFC 8375, and what people use at home)."""
_PASSING: Final = LOCAL | {Reason.DNS_SERVFAIL}
"""Failures that are not remembered: they are quick, and a retry must be able to succeed."""


class ResolutionError(Exception):
    """A name could not be resolved; carries the reason and a sentence."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where to connect to."""

    endpoints: tuple[tuple[str, int], ...]
    """Address and port, in the order to try."""
    seconds: float | None = None
    """How long the answer took; None if nobody was asked (literal, override, answer already known)."""
    ipv6_only: bool = False
    """The name has addresses, but none of IPv4."""


class Resolver:
    """Resolves with the system's name servers and hosts file, or with the servers given (`address[:port]`).

    `family` is `ipv4-first`, `ipv4` or `ipv6`. Close it when done.
    """

    def __init__(
        self, family: str = "ipv4-first", overrides: Overrides | None = None, servers: Sequence[str] = ()
    ) -> None:
        self._family = _FAMILIES[family]
        self._overrides = overrides or Overrides()
        self._servers = list(servers)
        self._channels: dict[bool, aiodns.DNSResolver] = {}
        self._answers: dict[str, asyncio.Task[tuple[tuple[str, ...], float]]] = {}

    async def resolve(self, host: str, port: int) -> Resolved:
        """Addresses of a name. Raises ResolutionError."""
        replaced = self._overrides.find(host, port)
        if replaced is not None:
            return Resolved(((replaced.address, port if replaced.to_port is None else replaced.to_port),))
        literal = as_address(host)
        if literal is not None:
            return Resolved(((host, port),))
        known = host in self._answers
        if not known:
            name = f"resolve {host}"
            self._answers[host] = asyncio.get_running_loop().create_task(self._ask(host), name=name)
        # shielded: the answer belongs to all who wait for it, not to the probe that is cancelled first
        answer = self._answers[host]
        try:
            addresses, seconds = await asyncio.shield(answer)
        except ResolutionError as error:
            if error.reason in _PASSING and self._answers.get(host) is answer:
                del self._answers[host]  # the next one asks anew
            raise
        return Resolved(
            tuple((address, port) for address in addresses),
            None if known else seconds,
            # with -6 nobody has asked for the IPv4 addresses
            ipv6_only=self._family is not socket.AF_INET6 and all(":" in address for address in addresses),
        )

    async def _ask(self, host: str) -> tuple[tuple[str, ...], float]:
        started = time.perf_counter()
        try:
            answer = await self._channel(host).getaddrinfo(
                host, family=self._family, type=socket.SOCK_STREAM, flags=_AI_NOSORT
            )
        except aiodns.error.DNSError as error:
            raise ResolutionError(*_failure(host, error)) from None
        seconds = time.perf_counter() - started
        found = [
            node.addr[0].decode("ascii") for node in answer.nodes if node.family in (socket.AF_INET, socket.AF_INET6)
        ]
        addresses = tuple(dict.fromkeys(sorted(found, key=lambda address: ":" in address)))
        if not addresses:
            raise ResolutionError(Reason.DNS_NODATA, f"{host} exists but has no address of the family asked for")
        if is_sinkholed(host, addresses):
            raise ResolutionError(
                Reason.DNS_SINKHOLE,
                f"{host} resolves to {', '.join(addresses[:4])}: a filter answers in place of the real address",
            )
        return addresses, seconds

    def _channel(self, host: str) -> aiodns.DNSResolver:
        """Search domains only for single labels: catalog names are absolute, and a search list multiplies queries."""
        search = "." not in host
        if search not in self._channels:
            flags = pycares.ARES_FLAG_EDNS | (0 if search else pycares.ARES_FLAG_NOSEARCH)
            servers = self._servers or None
            self._channels[search] = aiodns.DNSResolver(servers, timeout=_QUERY_SECONDS, tries=_TRIES, flags=flags)
        return self._channels[search]

    async def close(self) -> None:
        """End what is under way and close the channels."""
        tasks = list(self._answers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._answers.clear()
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()


def _failure(host: str, error: aiodns.error.DNSError) -> tuple[Reason, str]:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else -1
    reason = ares_reason(number)
    exhausted = _exhaustion() if reason is Reason.DNS_SERVFAIL else None
    if exhausted is not None:
        return os_reason(exhausted), f"{host}: no socket to ask a name server with: {os_text(exhausted)}"
    name = pycares.errno.errorcode.get(number, number)
    return reason, f"{host}: name resolution ended with {name} ({error.args[-1]})"


def _exhaustion() -> OSError | None:
    """What keeps this process from opening a socket, if it is our own limit. c-ares does not tell: it says that no
    server could be reached."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as error:
        return error if os_reason(error) in LOCAL else None
    return None


@lru_cache(maxsize=4096)
def as_address(host: str) -> IPv4Address | IPv6Address | None:
    """The host as an address, if it is a literal (a zone id is allowed)."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_sinkholed(host: str, addresses: Sequence[str]) -> bool:
    """Whether a public name resolves to nothing but 0.0.0.0/8, `::` or loopback."""
    name = host.rstrip(".").lower()
    if "." not in name or any(name == suffix or name.endswith(f".{suffix}") for suffix in _SPECIAL_USE):
        return False
    parsed = [ip_address(address) for address in addresses]
    plain = [each.ipv4_mapped or each if isinstance(each, IPv6Address) else each for each in parsed]
    return all(
        each.is_loopback or each.is_unspecified or (each.version == 4 and int(each) >> 24 == 0) for each in plain
    )
