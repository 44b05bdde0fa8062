"""Names to addresses, with c-ares: no thread pool in the path of a probe.

Asked only for direct targets, for the first hop, and for what `socks4` and `socks5` hops need; behind any other
proxy the proxy resolves. One question a name and run, or a name and a few seconds in what runs for ever; who asks while
it is under way waits for the same answer.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import aiodns
import pycares

from prober.engine.channels import Channels
from prober.engine.errors import LOCAL, ares_reason, os_reason, os_text
from prober.model import Reason
from prober.routes.overrides import Overrides

_MOST_KEPT: Final = 4096
"""Names whose answers are kept at the same time, where they are kept for seconds only."""
_AI_NOSORT: Final = 1 << 7
"""ARES_AI_NOSORT: pycares does not export it; sorting would open a socket for each address."""
_FAMILIES: Final = {
    "ipv4-first": socket.AF_UNSPEC,
    "ipv6-first": socket.AF_UNSPEC,
    "ipv4": socket.AF_INET,
    "ipv6": socket.AF_INET6,
}
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
    """A name could not be resolved; carries the reason and a sentence, and addresses that were found and not taken."""

    def __init__(self, reason: Reason, detail: str, addresses: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.addresses = addresses


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where to connect to."""

    endpoints: tuple[tuple[str, int], ...]
    """Address and port, in the order to try."""
    seconds: float | None = None
    """How long the answer took; None if nobody was asked (literal, override, answer already known)."""
    ipv6_only: bool = False
    """The name has addresses, but none of IPv4."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a name server said."""

    addresses: tuple[str, ...]
    seconds: float
    ttl: float
    """Seconds for which it holds; 0 for what stands in the hosts file."""


@dataclass(slots=True)
class _Answer:
    """A question that is under way or was answered."""

    task: asyncio.Task[_Found]
    until: float | None = None
    """When it is void, on the resolver's clock; None = it is under way, or good for the whole run."""


_Key = tuple[str, str]
"""Name and family."""


class Resolver:
    """Resolves with the system's name servers and hosts file, or with the servers given (`address[:port]`).

    `family` is `ipv4-first`, `ipv6-first`, `ipv4` or `ipv6`. Without `keep` a name is asked for once. With it an answer
    is used for that many seconds at most, and no longer than its time to live; a failure only by those who wait for it
    already. Close it when done.
    """

    def __init__(
        self,
        family: str = "ipv4-first",
        overrides: Overrides | None = None,
        servers: Sequence[str] = (),
        *,
        keep: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._family = family
        self._overrides = overrides or Overrides()
        self._channels = Channels(servers, timeout=_QUERY_SECONDS, tries=_TRIES, afresh=keep is not None)
        self._keep = keep
        self._clock = clock
        self._answers: dict[_Key, _Answer] = {}

    async def resolve(self, host: str, port: int, family: str | None = None) -> Resolved:
        """Addresses of a name, of another family than the resolver's if one is given. Raises ResolutionError."""
        replaced = self._overrides.find(host, port)
        if replaced is not None:
            return Resolved(((replaced.address, port if replaced.to_port is None else replaced.to_port),))
        literal = as_address(host)
        if literal is not None:
            return Resolved(((host, port),))
        key = (host, family or self._family)
        answer = self._answers.get(key)
        if answer is not None and answer.until is not None and self._clock() >= answer.until:
            answer = None
        known = answer is not None
        if answer is None:
            answer = self._answers[key] = self._begin(key)
        # shielded: the answer belongs to all who wait for it, not to the probe that is cancelled first
        try:
            found = await asyncio.shield(answer.task)
        except ResolutionError as error:
            if error.reason in _PASSING and self._answers.get(key) is answer:
                del self._answers[key]  # the next one asks anew
            raise
        finally:
            del answer  # the error in it has a traceback with this frame in it: a circle that would keep all of a probe
        return Resolved(
            tuple((address, port) for address in found.addresses),
            None if known else found.seconds,
            # with -6 nobody has asked for the IPv4 addresses
            ipv6_only=key[1] != "ipv6" and all(":" in address for address in found.addresses),
        )

    def _begin(self, key: _Key) -> _Answer:
        task = asyncio.get_running_loop().create_task(self._ask(*key), name=f"resolve {key[0]}")
        answer = _Answer(task)
        if self._keep is not None:
            task.add_done_callback(partial(self._settle, key, answer, self._keep))
        return answer

    def _settle(self, key: _Key, answer: _Answer, keep: float, task: asyncio.Task[_Found]) -> None:
        """The answer is there: keep it for a while, or forget a failure."""
        if self._answers.get(key) is not answer:
            return
        del self._answers[key]
        if task.cancelled() or task.exception() is not None:
            return
        answer.until = self._clock() + min(keep, task.result().ttl)
        self._answers[key] = answer  # the newest is the last
        if len(self._answers) > _MOST_KEPT:
            del self._answers[next(each for each, old in self._answers.items() if old.until is not None)]

    async def _ask(self, host: str, family: str) -> _Found:
        started = time.perf_counter()
        try:
            async with self._channels.channel(host) as channel:
                answer = await channel.getaddrinfo(
                    host, family=_FAMILIES[family], type=socket.SOCK_STREAM, flags=_AI_NOSORT
                )
        except aiodns.error.DNSError as error:
            raise ResolutionError(*_failure(host, error)) from None
        seconds = time.perf_counter() - started
        nodes = [node for node in answer.nodes if node.family in (socket.AF_INET, socket.AF_INET6)]
        found = [node.addr[0].decode("ascii") for node in nodes]
        six_first = family == "ipv6-first"
        addresses = tuple(dict.fromkeys(sorted(found, key=lambda address: (":" in address) is not six_first)))
        if not addresses:
            raise ResolutionError(Reason.DNS_NODATA, f"{host} exists but has no address of the family asked for")
        if is_sinkholed(host, addresses):
            raise ResolutionError(
                Reason.DNS_SINKHOLE,
                f"{host} resolves to {', '.join(addresses[:4])}: a filter answers in place of the real address",
                addresses,
            )
        ttls = [*(node.ttl for node in nodes), *(alias.ttl for alias in answer.cnames)]
        return _Found(addresses, seconds, min(ttls))

    async def close(self) -> None:
        """End what is under way and close the channels."""
        tasks = [answer.task for answer in self._answers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._answers.clear()
        await self._channels.close()


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
