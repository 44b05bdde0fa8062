"""What is the same for all operations of a run, worked out once: addresses, names, contexts, the request, logins."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from OpenSSL import SSL

from prober.engine.assembly import Onward, negotiation, next_stop
from prober.engine.settings import USER_AGENT
from prober.engine.stores import ProxyCertificates
from prober.load.words import Load, Measure, Span, Workload
from prober.model import DEFAULT_PORTS, Failure, Hop, HopScheme, Route, Scheme, Stage, Target
from prober.wire import http1
from prober.wire.layer import Layer
from prober.wire.lean_tls import DEFAULT_GROUPS, LeanTls, lean_context
from prober.wire.socks import Socks4
from prober.wire.stack import Rung, Stack
from prober.wire.tls import ALPN_HTTP
from prober.wire.transfers import Held, Transfers

_SPANS: Final = {Stage.PROXY_TLS: Span.PROXY_TLS, Stage.PROXY: Span.TUNNEL, Stage.TLS: Span.TARGET_TLS}
_OTHER_GROUPS: Final = {
    "secp256r1": "*P-256:X25519:P-384",
    "prime256v1": "*P-256:X25519:P-384",
    "secp384r1": "*P-384:X25519:P-256",
}
_ASKING: Final = (Workload.REQUEST, Workload.BULK)
_JUDGED: Final = 1024
"""Judgements on proxies' certificates that are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One process's part of a run, as it is told."""

    load: Load
    target: Target
    route: Route
    endpoint: tuple[str, int]
    """Address and port to connect to."""
    onward: Onward
    worker: int
    workers: int
    expected: int | None = None
    sources: tuple[str, ...] = ()


class Plan:
    """Makes the stacks of a run, and remembers what proxies demand."""

    def __init__(self, job: Job, *, wall: Callable[[], float] = time.time) -> None:
        """Raises OSError or ValueError if an HTTPS proxy's `trust_roots` cannot be used."""
        self.job = job
        self.load = job.load
        self.hops = job.route.hops
        self.first_hop = 1 if self.hops else 0
        self.logins: dict[int, tuple[str, str]] = {}
        """Hops that demanded a login: they get it at once from then on."""
        self.session: SSL.Session | None = None
        """The newest one that can be resumed."""
        self._groups: dict[int, str] = {}
        """For each hop (0 = the target) the groups to offer."""
        self._certificates = ProxyCertificates(self.hops)
        self._judged: dict[tuple[int, bytes], Failure | None] = {}
        self._wall = wall
        self._proxied = self._is_proxied()
        self._makers = self._rungs()
        self._request = self._get()
        self.steps = (Measure(Span.CONNECT, self.first_hop), *self._measures())
        """What is measured of a connection until it can be used, in order."""

    def _is_proxied(self) -> bool:
        asks = self.load.workload in _ASKING
        return asks and self.job.target.scheme is Scheme.HTTP and bool(self.hops) and self.hops[-1].scheme.is_http

    def _measures(self) -> list[Measure]:
        made = [rung for make in self._makers if (rung := make()).stage in _SPANS]
        return [Measure(_SPANS[rung.stage], rung.hop) for rung in made]

    def _rungs(self) -> list[Callable[[], Rung]]:
        target, route = self.job.target, self.job.route
        makers: list[Callable[[], Rung]] = []
        for index, hop in enumerate(self.hops, 1):
            if hop.scheme is HopScheme.HTTPS:
                makers.append(self._tls(hop.host, Stage.PROXY_TLS, index))
            if index == len(self.hops) and self._proxied:
                break  # the request itself goes to this proxy, in absolute form
            makers.append(self._negotiation(index, hop, self.job.onward.get(index) or next_stop(target, route, index)))
        if target.scheme is not Scheme.HTTP:
            makers.append(self._tls(target.host, Stage.TLS, 0))
        return makers

    def _negotiation(self, index: int, hop: Hop, onward: tuple[str, int]) -> Callable[[], Rung]:
        def make() -> Rung:
            layer = negotiation(hop, *onward, anonymous_first=False)
            login = self.logins.get(index)
            if login is not None and not isinstance(layer, Socks4):
                layer.preauthorise(*login)
            return Rung(layer, Stage.PROXY, index)

        return make

    def _tls(self, host: str, stage: Stage, hop: int) -> Callable[[], Rung]:
        resume = self.load.resume and stage is Stage.TLS

        def make() -> Rung:
            context = lean_context(ALPN_HTTP, self.groups(hop), resume=resume)
            return Rung(LeanTls(host, context, self.session if resume else None), stage, hop)

        return make

    def _get(self) -> bytes:
        target = self.job.target
        place = target.address
        if target.port == DEFAULT_PORTS[target.scheme]:
            place = place.rsplit(":", 1)[0]
        headers = [("User-Agent", USER_AGENT), ("Accept", "*/*")]
        last = self.hops[-1] if self.hops else None
        if self._proxied and last is not None and last.user is not None:
            headers.append(("Proxy-Authorization", http1.basic(*login_of(last))))
        form = f"http://{place}{target.path}" if self._proxied else target.path
        return http1.request("GET", form, place, headers)

    def stack(self) -> Stack:
        """The layers of one connection."""
        rungs = [make() for make in self._makers]
        top: Layer | None = None
        if self.load.workload in _ASKING:
            top = Transfers(self._request, expected=self.job.expected, proxied=self._proxied)
        elif self.load.workload is Workload.TUNNEL or self.load.resume:  # tickets come behind the handshake
            top = Held()
        if top is not None:
            rungs.append(Rung(top, Stage.HTTP, 0))
        return Stack(rungs, last_hop=len(self.hops))

    def take_ticket(self, stack: Stack, data: bytes) -> None:
        """What comes behind the goodbye may hold a ticket; at its end the session is kept for others."""
        if data:
            stack.receive(data)
            return
        for rung in stack.rungs:
            if rung.stage is Stage.TLS and isinstance(rung.layer, LeanTls):
                self.session = rung.layer.session

    def carrier(self, hop: int) -> int:
        """The HTTPS proxy in whose TLS a password for this hop travels: the nearest one up to it; 0 = none."""
        return next((index for index in range(hop, 0, -1) if self.hops[index - 1].scheme is HopScheme.HTTPS), 0)

    def says_password(self, hop: int) -> bool:
        """Whether a password goes through this HTTPS proxy's TLS without anybody asking once more."""
        known = set(self.logins)
        if self._proxied and self.hops[-1].user is not None:
            known.add(len(self.hops))
        return any(self.carrier(index) == hop for index in known)

    def untrusted(self, hop: int, session: LeanTls) -> Failure | None:
        """Why this HTTPS proxy's certificate is not trusted; looked at once for each certificate."""
        known = (hop, session.leaf or b"")
        if known not in self._judged:
            if len(self._judged) >= _JUDGED:
                self._judged.clear()
            self._judged[known] = self._certificates.failure(self.hops[hop - 1], hop, session.chain, self._wall())
        return self._judged[known]

    def groups(self, hop: int) -> str:
        """The groups that are offered to a hop (0 = the target)."""
        return self._groups.get(hop, DEFAULT_GROUPS)

    def learn_group(self, hop: int, session: LeanTls) -> None:
        """The first handshake shows what group is agreed on: later ones send a key share for it, so that no server has
        to ask for another one (HelloRetryRequest) more than once."""
        if hop not in self._groups:
            group = (session.group or "").lower()
            self._groups[hop] = _OTHER_GROUPS.get(group, DEFAULT_GROUPS)

    def learn_login(self, hop: int) -> tuple[str, str] | None:
        """A proxy demanded a login: what it is to be told now, and at once from now on. None = nothing is known."""
        if self.hops[hop - 1].user is None:
            return None
        login = self.logins[hop] = login_of(self.hops[hop - 1])
        return login


def login_of(hop: Hop) -> tuple[str, str]:
    """User and password; a user without a password has an empty one."""
    return hop.user or "", "" if hop.password is None else hop.password.reveal()
