"""One probe: names, connection, stack, deadline; always ends in an Observation."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from prober.engine.assembly import assemble, next_stop
from prober.engine.egress import has_way_out
from prober.engine.errors import os_reason, os_text, stage_of
from prober.engine.link import Link, Login
from prober.engine.record import Record, now
from prober.engine.resolver import ResolutionError, Resolver
from prober.engine.settings import ProbeSettings
from prober.engine.terms import AS_SET, Terms
from prober.engine.ways import Ways, is_connecting
from prober.model import Failure, Hop, HopScheme, Observation, Purpose, Reason, Route, Stage, Target, authority
from prober.wire.fetch import may_speak
from prober.wire.layer import Challenge
from prober.wire.stack import Rung, Stack
from prober.wire.tls import Tls

log = logging.getLogger(__name__)

_MOST_ADDRESSES = 4
"""How many addresses of one name are tried before giving up."""
_GOODBYE = 1.0
"""Seconds that sockets have to close when a run ends."""


class ProxyGate(Protocol):
    """Judges an HTTPS proxy's own certificate."""

    def failure(self, hop: Hop, index: int, chain: tuple[bytes, ...], at: float) -> Failure | None:
        """Why the chain is not trusted for this hop, or None if it is. `at` is seconds since the epoch."""


class _Stop(Exception):
    """Ends a probe early."""


def _end_if_connecting(record: Record, clock: asyncio.Timeout) -> None:
    if is_connecting(*record.place, record.route):
        clock.reschedule(asyncio.get_running_loop().time())


class Prober:
    """Makes probes with one resolver and one set of settings. Close it when done."""

    def __init__(
        self, settings: ProbeSettings, resolver: Resolver, gate: ProxyGate, *, wall: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._gate = gate
        self._wall = wall
        self._links: set[Link] = set()
        self._emptied: asyncio.Event | None = None
        """Set when the last link is gone, for whoever waits for it."""

    async def probe(
        self,
        target: Target,
        route: Route,
        purpose: Purpose = Purpose.ATTEMPT,
        present: frozenset[str] = frozenset(),
    ) -> Observation:
        """Reach the target over the route. Never raises for what the network does; cancellation passes through.

        `purpose` is only written down. `present` are the target's keys (SHA-256 of the SubjectPublicKeyInfo, hex) to
        which the client certificate of the settings may be shown; without any it stays where it is.
        """
        observation, _ = await self.probe_on(AS_SET, target, route, purpose, present)
        return observation

    async def probe_on(
        self,
        terms: Terms,
        target: Target,
        route: Route,
        purpose: Purpose = Purpose.ATTEMPT,
        present: frozenset[str] = frozenset(),
    ) -> tuple[Observation, str | None]:
        """As `probe`, on other terms; the second value says why their guard kept it from the target, if it did.

        Such a probe ends as one that a local firewall stops: `connect`, `tcp-unreachable`, the sentence in the detail.
        What the guard has looked at is what is connected to: no name is looked up a second time.
        """
        timeout = self._settings.timeout if terms.timeout is None else terms.timeout
        over = Ways(route, timeout)
        while True:
            way, seconds, share = over.next()
            record = Record(target, way, self._wall(), purpose, terms=terms)
            try:
                await self._to_the_end(record, present, seconds, share)
                observation = over.told(record.observation())
                if observation is not None:
                    return observation, record.kept_away
            finally:
                record.stack = None  # whose guard knows the record: nothing of a probe waits for the garbage collector

    async def _to_the_end(self, record: Record, present: frozenset[str], seconds: float, share: float) -> None:
        """Within `seconds`; at an end after `share` if the first stop is not connected by then."""
        if record.route.problem is not None:
            record.failure = record.route.problem
            return
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout_at(begun + seconds) as clock:
                early = loop.call_at(begun + share, _end_if_connecting, record, clock) if share < seconds else None
                del clock  # it knows the task, whose traceback would know this frame: nothing waits for the collector
                try:
                    await self._attempt(record, begun + share, begun + seconds, present)
                finally:
                    if early is not None:
                        early.cancel()
        except TimeoutError:
            record.expire(share if is_connecting(*record.place, record.route) else seconds)
        except _Stop:
            pass
        except Exception as error:  # a bug of ours must not lose the other probes
            log.exception("probe of %s over %s broke", record.target.id, record.route.name)
            record.fail(Reason.INTERNAL, f"{type(error).__name__} inside prober; please report it")

    async def close(self) -> None:
        """Wait until every socket of this prober is closed; who does not take our goodbye is left without."""
        try:
            if self._links:
                if self._emptied is None or self._emptied.is_set():
                    self._emptied = asyncio.Event()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_GOODBYE):
                        await self._emptied.wait()
        finally:
            for link in tuple(self._links):
                link.abandon()

    def _gone(self, link: Link) -> None:
        self._links.discard(link)
        if self._emptied is not None and not self._links:
            self._emptied.set()

    async def _attempt(self, record: Record, connected_by: float, deadline: float, present: frozenset[str]) -> None:
        first, onward = await self._resolve_all(record)
        logins: dict[int, Login] = {}
        while True:
            guard = self._guard(record, logins)
            inquiry = record.terms.inquiry
            link = await self._connect(
                record,
                partial(assemble, record.target, record.route, onward, self._settings, logins, guard, present, inquiry),
                first,
                connected_by,
            )
            stack = link.stack
            try:
                await link.done
            finally:
                link.close()
            if stack.challenge is None:
                return
            # The proxy closed after its demand; once more, with the login sent at once.
            hop = self._challenged(record, stack)
            login = _login(record.route.hops[hop - 1])
            if hop in logins or login is None:
                stack.refuse_login()
                return
            logins[hop] = login
            connected_by = deadline

    # names

    async def _resolve_all(self, record: Record) -> tuple[tuple[tuple[str, int], ...], dict[int, tuple[str, int]]]:
        """What we connect to, and what the hops that take addresses must be given."""
        hops = record.route.hops
        guard = record.terms.guard
        if guard is not None and hops and not hops[-1].scheme.resolves_here:
            _stop_if(record, guard.refusal_of_name(record.target.host))
        start = (hops[0].host, hops[0].port) if hops else (record.target.host, record.target.port)
        first = await self._resolve(record, *start, hop=1 if hops else 0)
        onward: dict[int, tuple[str, int]] = {}
        for index, hop in enumerate(hops, 1):
            host, port = next_stop(record.target, record.route, index)
            after = index + 1 if index < len(hops) else 0
            old = hop.scheme in (HopScheme.SOCKS4, HopScheme.SOCKS4A)
            if hop.scheme.resolves_here:
                endpoints = await self._resolve(record, host, port, hop=after)
                usable = [end for end in endpoints if not old or ":" not in end[0]]
                if not usable:
                    record.fail(
                        Reason.DNS_NODATA, f"{host} has no IPv4 address, and SOCKS 4 carries no other", Stage.DNS, after
                    )
                    raise _Stop
                onward[index] = usable[0]
            elif old and ":" in host:
                record.fail(Reason.DNS_NODATA, f"{host} is an IPv6 address, and SOCKS 4 carries none", Stage.DNS, after)
                raise _Stop
        return first, onward

    async def _resolve(self, record: Record, host: str, port: int, *, hop: int) -> tuple[tuple[str, int], ...]:
        record.stage, record.hop = Stage.DNS, hop
        guard = record.terms.guard if hop == 0 else None
        try:
            answer = await self._resolver.resolve(host, port, record.terms.family)
        except ResolutionError as error:
            record.fail(error.reason, error.detail, stage_of(error.reason, Stage.DNS))
            if guard is not None and error.addresses:
                record.kept_away = guard.refusal(error.addresses[0])
            raise _Stop from None
        if answer.seconds is not None:
            record.dns[hop] = answer.seconds
        if answer.ipv6_only:
            record.ipv6_only += (hop,)
        if guard is None:
            return answer.endpoints
        refusals = [guard.refusal(address) for address, _ in answer.endpoints]
        allowed = tuple(end for end, refused in zip(answer.endpoints, refusals, strict=True) if refused is None)
        if not allowed:
            _stop_if(record, refusals[0])
        return allowed

    # connection

    async def _connect(
        self, record: Record, make: Callable[[], Stack], endpoints: tuple[tuple[str, int], ...], deadline: float
    ) -> Link:
        """TCP to the first address that answers, each with a stack of its own.

        Raises _Stop with the first address's failure noted.
        """
        record.stage, record.hop = Stage.CONNECT, 1 if record.route.hops else 0
        record.stack = None
        loop = asyncio.get_running_loop()
        tried = endpoints[:_MOST_ADDRESSES]
        reasons: list[Reason] = []
        record.refused.clear()
        for index, (address, port) in enumerate(tried):
            record.connections += 1
            record.tried = authority(address, port)
            started = now()
            link = self._new_link(record, make(), loop)
            try:
                if index == len(tried) - 1:  # within the deadline of all
                    await loop.create_connection(lambda link=link: link, address, port)  # type: ignore[misc]
                else:
                    moment = loop.time()
                    async with asyncio.timeout_at(moment + (deadline - moment) / (len(tried) - index)):
                        await loop.create_connection(lambda link=link: link, address, port)  # type: ignore[misc]
            except (OSError, MemoryError) as error:  # TimeoutError is an OSError; ours has no errno
                link.abandon()
                reason = Reason.TCP_TIMEOUT if isinstance(error, TimeoutError) else os_reason(error)
                if reason is Reason.LOCAL_PORTS and ":" in address and not has_way_out(socket.AF_INET6):
                    reason = Reason.TCP_UNREACHABLE  # IPv6 is switched off here: no address to send from, not no port
                reasons.append(reason)
                record.refused.append(f"{authority(address, port)}: {os_text(error)}")
                continue
            except BaseException:
                link.abandon()
                raise
            record.connect = link.connected_at - started
            record.peer = record.tried  # the socket cannot tell any more if the peer has reset it by now
            return link
        record.fail(reasons[0], "; ".join(record.refused), stage_of(reasons[0], Stage.CONNECT))
        raise _Stop

    def _new_link(self, record: Record, stack: Stack, loop: asyncio.AbstractEventLoop) -> Link:
        link = Link(stack, record, partial(self._decide, record), self._gone, loop)
        self._links.add(link)
        return link

    # logins and proxies' certificates

    def _challenged(self, record: Record, stack: Stack) -> int:
        """The hop that demands a login; a request in absolute form is answered by the last one."""
        return stack.rung.hop or len(record.route.hops)

    def _decide(self, record: Record, stack: Stack, challenge: Challenge) -> Login | None:
        index = self._challenged(record, stack)
        hop = record.route.hops[index - 1]
        record.offered = {**record.offered, index: challenge.offered}
        if not record.target.proxy_login and record.refused_anonymous is None:
            refusal = challenge.refusal
            record.refused_anonymous = Failure(Stage.PROXY, index, refusal.reason, refusal.detail, refusal.status)
        if not self._may_send(record, stack, index):
            return None
        return _login(hop) if challenge.reusable else None

    def _may_send(self, record: Record, stack: Stack, index: int) -> bool:
        """Whether a password may go to this hop: over TLS only if the proxy's certificate is trusted."""
        untrusted = self._untrusted_for(record, index)
        if untrusted is not None:
            self._withhold(stack, untrusted)
        return untrusted is None

    def _untrusted_for(self, record: Record, index: int) -> Failure | None:
        """What is wrong with the TLS that a password for this hop travels in: that of the nearest HTTPS proxy up to it.

        A hop in the clear behind an HTTPS proxy is whatever that proxy says it is.
        """
        for nearest in range(index, 0, -1):
            if record.route.hops[nearest - 1].scheme is HopScheme.HTTPS:
                return record.tls_failures.get(nearest)
        return None

    def _withhold(self, stack: Stack, untrusted: Failure) -> None:
        stack.challenge = None
        detail = f"the password was not sent, the proxy's certificate is not trusted: {untrusted.detail}"
        stack.failure = stack.failure or replace(untrusted, detail=detail)

    def _guard(self, record: Record, logins: dict[int, Login]) -> Callable[[Stack, Rung], None]:
        """Looks at every HTTPS proxy's certificate before anything is said to the proxy behind it, and at the target's
        where an inquiry is not for everybody."""
        inquiry = record.terms.inquiry

        def guard(stack: Stack, done: Rung) -> None:
            if not isinstance(done.layer, Tls) or done.layer.facts is None:
                return
            if done.stage is Stage.TLS:
                if inquiry is not None and not may_speak(inquiry, done.layer.facts):
                    stack.stop()
                return
            hop = record.route.hops[done.hop - 1]
            failure = self._gate.failure(hop, done.hop, done.layer.facts.chain, self._wall())
            if failure is not None:
                record.tls_failures = {**record.tls_failures, done.hop: failure}
                if any(self._untrusted_for(record, index) is failure for index in logins):
                    self._withhold(stack, failure)

        return guard


def _stop_if(record: Record, refused: str | None) -> None:
    """End the probe if the guard keeps it from the target. Raises _Stop."""
    if refused is not None:
        record.kept_away = refused
        record.fail(Reason.TCP_UNREACHABLE, f"not connected to, by a rule of this prober: {refused}", Stage.CONNECT, 0)
        raise _Stop


def _login(hop: Hop) -> Login | None:
    """What the hop is to be told; a user without a password has an empty one, as curl reads it."""
    if hop.user is None:
        return None
    return hop.user, "" if hop.password is None else hop.password.reveal()
