"""What is written down while one probe runs; becomes an Observation at the end, whatever happened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Never

from prober.engine.hiding import hidden
from prober.engine.terms import AS_SET, Terms
from prober.model import (
    Failure,
    HopFacts,
    HopTimings,
    Observation,
    Purpose,
    Reason,
    Route,
    Scheme,
    Stage,
    Target,
    Timings,
    TlsFacts,
)
from prober.wire.exchange import Exchange
from prober.wire.fetch import Fetch
from prober.wire.layer import Layer
from prober.wire.stack import Rung, Stack
from prober.wire.tls import Tls

now = time.perf_counter
"""Seconds; uvloop's own clock has only milliseconds."""


_NOTHING: Final[Mapping[int, Never]] = MappingProxyType({})


def _nothing() -> Mapping[int, Never]:
    """For what most probes have nothing in: one for all, not a dict for each."""
    return _NOTHING


@dataclass(slots=True)
class Record:
    """Mutable notes on one probe."""

    target: Target
    route: Route
    at: float
    purpose: Purpose = Purpose.ATTEMPT
    terms: Terms = AS_SET
    started: float = field(default_factory=now)
    stage: Stage = Stage.DNS
    hop: int = 0
    failure: Failure | None = None
    peer: str | None = None
    tried: str | None = None
    connections: int = 0
    dns: dict[int, float] = field(default_factory=dict)
    connect: float | None = None
    refused: list[str] = field(default_factory=list)
    """Addresses of the first peer that failed already, with why."""
    stack: Stack | None = None
    reached: list[float] = field(default_factory=list)
    """reached[0]: connected; reached[i + 1]: rung i done."""
    first_byte: float | None = None
    asked_again: float | None = None
    """When the request itself went out once more, with a login, on the same connection."""
    ipv6_only: tuple[int, ...] = ()
    offered: Mapping[int, tuple[str, ...]] = field(default_factory=_nothing)
    """Login schemes that hops demanded, on whichever connection of this probe."""
    tls_failures: Mapping[int, Failure] = field(default_factory=_nothing)
    """Proxies' own certificates that were looked at and are not trusted."""
    kept_away: str | None = None
    """Why the guard of the terms allows none of the target's addresses."""
    refused_anonymous: Failure | None = None
    """A proxy's demand for a login, kept where the service itself could not log in."""

    def begin_connection(self, stack: Stack, moment: float) -> None:
        """Connected: what an earlier connection measured of the answer is void."""
        self.stack = stack
        self.reached = [moment]
        self.first_byte = self.asked_again = None

    def ask_again(self) -> None:
        """A login is about to be sent: if the request itself carries it, its answer is yet to come."""
        if self.stack is not None and isinstance(self.stack.rung.layer, Exchange):
            self.first_byte = None
            self.asked_again = now()

    def fail(self, reason: Reason, detail: str, stage: Stage | None = None, hop: int | None = None) -> None:
        """Note a failure outside the stack; the first one stands."""
        if self.failure is None:
            self.failure = Failure(stage or self.stage, self.hop if hop is None else hop, reason, detail)

    @property
    def place(self) -> tuple[Stage, int]:
        """Stage and hop of the step in progress."""
        return (self.stage, self.hop) if self.stack is None else self.stack.place

    def expire(self, timeout: float) -> None:
        """The deadline fell: the step in progress is the one that failed."""
        waited = f"no end after {timeout:g} s"
        stack = self.stack
        if stack is None:
            reason = Reason.DNS_TIMEOUT if self.stage is Stage.DNS else Reason.TCP_TIMEOUT
            before = f" (before that {'; '.join(self.refused)})" if self.refused else ""
            self.fail(reason, f"{waited} while {_doing(self.stage, self.hop, self.target, self.route)}{before}")
        elif not stack.over:
            stage, hop = stack.place
            reason = stack.rung.layer.timeout_reason if stage is stack.rung.stage else Reason.PROXY_TIMEOUT
            stack.fail(reason, f"{waited} while {_doing(stage, hop, self.target, self.route)}", stage, hop)

    def note_progress(self, before: int) -> None:
        """After bytes came in: which rungs are done now, and whether the answer has begun."""
        stack = self.stack
        if stack is None:
            return
        done = stack.position - before
        begins = self.first_byte is None and stack.exchange is not None and stack.exchange.answering
        if done or begins:
            moment = now()
            if begins:
                self.first_byte = moment
            self.reached.extend([moment] * done)

    def observation(self) -> Observation:
        """The facts so far, as a value; what peers quoted of this route's passwords is taken out."""
        rungs = self._rungs()
        exchange = None if self.stack is None else self.stack.exchange
        hops = self.route.hops
        found = Observation(
            target=self.target.id,
            route=self.route.name,
            at=self.at,
            failure=self._final_failure(),
            timings=self._timings(rungs),
            peer=self.peer,
            tried=self.tried,
            tls=_tls_facts(rungs, 0),
            http=None if exchange is None else exchange.facts,
            hops=tuple([self._hop(rungs, index) for index in range(1, len(hops) + 1)]),
            ipv6_only=tuple(sorted(set(self.ipv6_only))),
            attempts=max(1, self.connections),
            purpose=self.purpose,
        )
        return hidden(found, hops) if hops else found

    def _rungs(self) -> tuple[Rung, ...]:
        return self.stack.rungs if self.stack is not None else ()

    def _final_failure(self) -> Failure | None:
        failure = self.failure or (self.stack.failure if self.stack is not None else None)
        anonymous = self.refused_anonymous
        if anonymous is None:
            return failure
        if failure is None:
            after = (
                "with the login of this route the target was reached, but the service itself cannot log in to a proxy"
            )
        else:
            after = f"with the login of this route it failed too: {failure.reason} ({failure.detail})"
        return replace(anonymous, detail=f"{anonymous.detail}; {after}"[:600])

    def _timings(self, rungs: tuple[Rung, ...]) -> Timings:
        reached, hops = self.reached, self.route.hops
        spent = {
            (rungs[index].stage, rungs[index].hop): reached[index + 1] - reached[index]
            for index in range(min(len(rungs), len(reached) - 1))
        }
        return Timings(
            dns=self.dns.get(0),
            connect=None if hops else self.connect,
            hops=tuple(
                [
                    HopTimings(
                        dns=self.dns.get(index),
                        connect=self.connect if index == 1 else None,
                        tls=spent.get((Stage.PROXY_TLS, index)),
                        negotiate=spent.get((Stage.PROXY, index)),
                    )
                    for index in range(1, len(hops) + 1)
                ]
            ),
            tls=spent.get((Stage.TLS, 0)),
            ttfb=self._ttfb(rungs),
            total=now() - self.started,
            transfer=self._transfer(rungs),
        )

    def _transfer(self, rungs: tuple[Rung, ...]) -> float | None:
        if self.first_byte is None or len(self.reached) <= len(rungs) or not isinstance(rungs[-1].layer, Fetch):
            return None
        return self.reached[len(rungs)] - self.first_byte

    def _ttfb(self, rungs: tuple[Rung, ...]) -> float | None:
        if self.first_byte is None or len(self.reached) < len(rungs):
            return None
        return self.first_byte - (self.asked_again or self.reached[len(rungs) - 1])

    def _hop(self, rungs: tuple[Rung, ...], index: int) -> HopFacts:
        negotiation = self._negotiation(rungs, index)
        return HopFacts(
            status=getattr(negotiation, "status", None),
            offered=getattr(negotiation, "offered", ()) or self.offered.get(index, ()),
            login=getattr(negotiation, "login_state", "none"),
            tls=_tls_facts(rungs, index),
            tls_failure=self.tls_failures.get(index),
        )

    def _negotiation(self, rungs: tuple[Rung, ...], hop: int) -> Layer | None:
        """The layer that talked to this proxy: its CONNECT or SOCKS, or the request in absolute form."""
        for rung in rungs:
            if rung.hop == hop and rung.stage is Stage.PROXY:
                return rung.layer
        last = None if self.stack is None else self.stack.exchange
        return last if last is not None and last.proxied and hop == len(self.route.hops) else None


def _tls_facts(rungs: tuple[Rung, ...], hop: int) -> TlsFacts | None:
    """Of the handshake with this hop, 0 = the target."""
    for layer, _, place in rungs:
        if place == hop and isinstance(layer, Tls):
            return layer.facts
    return None


def _doing(stage: Stage, hop: int, target: Target, route: Route) -> str:
    """What was going on, in words."""
    proxy = f"hop {hop} ({route.hops[hop - 1].url})" if 0 < hop <= len(route.hops) else target.address
    onward = not (0 < hop == len(route.hops) and target.scheme is Scheme.HTTP and route.hops[-1].scheme.is_http)
    return {
        Stage.DNS: f"resolving the name of {proxy}",
        Stage.CONNECT: f"connecting to {proxy}",
        Stage.PROXY_TLS: f"shaking hands (TLS) with {proxy}",
        Stage.PROXY: f"waiting for {proxy} to open the way" if onward else f"waiting for the answer of {proxy}",
        Stage.TLS: f"shaking hands (TLS) with {target.address}",
        Stage.HTTP: f"waiting for the answer of {target.address}",
    }.get(stage, f"working on {proxy}")
