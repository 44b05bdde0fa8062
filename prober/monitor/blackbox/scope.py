"""What /probe may do, and with what: one value for what is in force, replaced as a whole by a reload."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from prober.config import Loaded
from prober.config.allowance import Allowance, allowances, parse_network
from prober.engine.address_policy import AddressPolicy
from prober.engine.run import Pair
from prober.engine.terms import Probed, Terms
from prober.interception.trust import TrustStore
from prober.model import Target
from prober.monitor.blackbox.modules import ReadyModule
from prober.routes.rules import FixedRule, is_fixed

Ask = Callable[[Pair, Terms], Awaitable[Probed | None]]
"""Probes a pair at once; None = the probe was lost with its worker."""


@dataclass(frozen=True, kw_only=True)
class ProbeScope:
    """Targets, routes, modules and limits in force."""

    targets: tuple[Target, ...]
    """Those of the catalogs (or given by hand) that are in force."""
    routes: tuple[FixedRule, ...]
    modules: Mapping[str, ReadyModule]
    allow: tuple[Allowance, ...]
    policy: AddressPolicy
    judge: TrustStore
    ask: Ask
    timeout: float
    """Seconds, where neither Prometheus nor the module says."""
    family: str
    """`probe.family`."""
    scripted: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Names of routes that a script decides: /probe has none of them."""
    concurrency: int
    wall: Callable[[], float] = field(default=time.time)
    """Seconds since the epoch."""

    @cached_property
    def by_id(self) -> dict[str, Target]:
        """Targets under their ids."""
        return {target.id: target for target in self.targets}

    @cached_property
    def places(self) -> frozenset[tuple[str, int]]:
        """Hosts with ports of the targets."""
        return frozenset((target.host, target.port) for target in self.targets)

    @cached_property
    def by_name(self) -> dict[str, FixedRule]:
        """Routes under their names."""
        return {rule.name: rule for rule in self.routes}


def probe_scope(
    loaded: Loaded, targets: Iterable[Target], judge: TrustStore, modules: Mapping[str, ReadyModule], ask: Ask
) -> ProbeScope:
    """The scope that a configuration gives. `modules` are `ready_modules` of the same configuration."""
    serve, probe = loaded.settings.serve, loaded.settings.probe
    return ProbeScope(
        targets=tuple(targets),
        routes=tuple(filter(is_fixed, loaded.routes)),
        scripted=frozenset(rule.name for rule in loaded.routes if not is_fixed(rule)),
        modules=modules,
        allow=allowances(serve.allow),
        policy=AddressPolicy(tuple(parse_network(text) for text in serve.allow_networks)),
        judge=judge,
        ask=ask,
        timeout=probe.timeout,
        family=probe.family,
        concurrency=serve.probe_concurrency,
    )
