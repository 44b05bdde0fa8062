"""What is written down while one probe runs; becomes an Observation at the end, whatever happened."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

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
)
from prober.wire.exchange import Exchange
from prober.wire.layer import Layer
from prober.wire.stack import Rung, Stack
from prober.wire.tls import Tls

now = time.perf_counter
"""Seconds; uvloop's own clock has only milliseconds."""


@dataclass(slots=True)
class Record:
    """Mutable notes on one probe."""

    target: Target
    route: Route
    at: float
    purpose: Purpose = Purpose.ATTEMPT
    started: float = field(default_factory=now)
    stage: Stage = Stage.DNS
    hop: int = 0
    failure: Failure | None = None
    peer: str | None = None
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
    ipv6_only: list[int] = field(default_factory=list)
    offered: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Login schemes that hops demanded, on whichever connection of this probe."""
    tls_failures: dict[int, Failure] = field(default_factory=dict)
    """Proxies' own certificates that were looked at and are not trusted."""
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
        if self.first_byte is None:
            layer = stack.rungs[min(before, len(stack.rungs) - 1)].layer
            current = stack.rung.layer
            if (isinstance(layer, Exchange) and layer.answering) or (
                isinstance(current, Exchange) and current.answering
            ):
                self.first_byte = now()
        if stack.position > before:
            moment = now()
            self.reached.extend([moment] * (stack.position - before))

    def observation(self) -> Observation:
        """The facts so far, as a value."""
        return Observation(
            target=self.target.id,
            route=self.route.name,
            at=self.at,
            failure=self._final_failure(),
            timings=self._timings(),
            peer=self.peer,
            tls=next(
                (rung.layer.facts for rung in self._rungs() if isinstance(rung.layer, Tls) and rung.hop == 0), None
            ),
            http=next((rung.layer.facts for rung in self._rungs() if isinstance(rung.layer, Exchange)), None),
            hops=self._hops(),
            ipv6_only=tuple(sorted(set(self.ipv6_only))),
            attempts=max(1, self.connections),
            purpose=self.purpose,
        )

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

    def _timings(self) -> Timings:
        spent: dict[tuple[Stage, int], float] = {}
        for rung, (begin, end) in zip(self._rungs(), zip(self.reached, self.reached[1:], strict=False), strict=False):
            spent[rung.stage, rung.hop] = end - begin
        hops = tuple(
            HopTimings(
                dns=self.dns.get(index),
                connect=self.connect if index == 1 else None,
                tls=spent.get((Stage.PROXY_TLS, index)),
                negotiate=spent.get((Stage.PROXY, index)),
            )
            for index in range(1, len(self.route.hops) + 1)
        )
        return Timings(
            dns=self.dns.get(0),
            connect=None if self.route.hops else self.connect,
            hops=hops,
            tls=spent.get((Stage.TLS, 0)),
            ttfb=self._ttfb(),
            total=now() - self.started,
        )

    def _ttfb(self) -> float | None:
        rungs = self._rungs()
        if self.first_byte is None or len(self.reached) < len(rungs):
            return None
        return self.first_byte - (self.asked_again or self.reached[len(rungs) - 1])

    def _hops(self) -> tuple[HopFacts, ...]:
        facts: list[HopFacts] = []
        for index in range(1, len(self.route.hops) + 1):
            negotiation = self._negotiation(index)
            tls = next(
                (rung.layer.facts for rung in self._rungs() if isinstance(rung.layer, Tls) and rung.hop == index), None
            )
            facts.append(
                HopFacts(
                    status=getattr(negotiation, "status", None),
                    offered=getattr(negotiation, "offered", ()) or self.offered.get(index, ()),
                    login=getattr(negotiation, "login_state", "none"),
                    tls=tls,
                    tls_failure=self.tls_failures.get(index),
                )
            )
        return tuple(facts)

    def _negotiation(self, hop: int) -> Layer | None:
        """The layer that talked to this proxy: its CONNECT or SOCKS, or the request in absolute form."""
        for rung in self._rungs():
            if rung.hop == hop and rung.stage is Stage.PROXY:
                return rung.layer
        last = self._rungs()[-1].layer if self._rungs() else None
        return last if isinstance(last, Exchange) and last.proxied and hop == len(self.route.hops) else None


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
