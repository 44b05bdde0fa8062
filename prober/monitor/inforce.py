"""What `serve` has in force: the plan, each pair's interval, this process's share; made whole before it counts."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from prober import catalog as catalogs
from prober.check.errors import PlanErrors
from prober.check.plan import Plan, make_plan
from prober.config import Loaded
from prober.config.layers import dotted
from prober.engine.run import Pair
from prober.model import Target
from prober.monitor.blackbox.modules import ReadyModule, ready_modules
from prober.monitor.state import PairKey
from prober.routes.rules import RouteRule, fixed_hops, is_fixed

_SHARE: Final = 2**64
_KEY: Final = secrets.token_bytes(32)
"""Of this process: without it a digest tells nobody whether he has guessed a password."""
_FRESH: Final = 300.0
"""Seconds for which an observation tells what is now, or so many intervals of the pair, whichever is longer."""
_FRESH_INTERVALS: Final = 3


@dataclass(frozen=True, slots=True)
class Shard:
    """One replica's share of the pairs: `number` of `count`, counted from 0 as Kubernetes counts pods."""

    number: int = 0
    count: int = 1

    def holds(self, target: Target) -> bool:
        """Whether a target is this replica's. All routes to one endpoint stay together: they are compared."""
        digest = hashlib.sha256(target.address.encode()).digest()
        return int.from_bytes(digest[:8]) * self.count // _SHARE == self.number

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Read `i/n`, i from 0 to n - 1. Raises ValueError with a sentence."""
    number, slash, count = text.partition("/")
    if not (slash and number.isascii() and number.isdecimal() and count.isascii() and count.isdecimal()):
        raise ValueError(f"expected I/N such as 0/3, found {text!r}")
    shard = Shard(int(number), int(count))
    if not (0 <= shard.number < shard.count <= 1000):
        raise ValueError(f"{text}: I counts from 0 and stays below N, N is 1000 at most")
    return shard


class Hanging(NamedTuple):
    """A limit that would hold probes back if nothing answered: the first of its kind."""

    where: str
    """`over route hq`, `at host a.example`; empty = altogether."""
    setting: str
    """Of `probe`."""
    probes: float
    """In flight then."""
    allowed: int


@dataclass(frozen=True, slots=True)
class InForce:
    """One configuration, read, checked and planned."""

    loaded: Loaded
    plan: Plan
    pairs: tuple[Pair, ...]
    """Those of this shard."""
    intervals: Mapping[PairKey, float]
    """Seconds."""
    shard: Shard
    trust_digest: str
    """Changes whenever a chain could be judged otherwise."""
    modules: Mapping[str, ReadyModule]
    """Those of /probe, files read."""
    engine_digest: str
    """Changes whenever a probe would be made otherwise: other settings, or other contents of the files they name."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets of the catalogs in force, of all shards."""
        return self.plan.targets

    @property
    def hanging(self) -> tuple[Hanging, ...]:
        """What the limits would have to allow for the schedule to be kept while nothing answered, where they do not."""
        probe = self.plan.probe
        routes: Counter[str] = Counter()
        hosts: Counter[str] = Counter()
        for pair in self.pairs:
            share = min(1.0, probe.timeout / self.intervals[pair.target.id, pair.route.name])
            routes[pair.route.name] += share  # type: ignore[assignment] # a Counter counts in any number
            hosts[pair.target.host] += share  # type: ignore[assignment] # likewise
        wanted = [Hanging("", "concurrency", sum(routes.values()), probe.concurrency)]
        for where, setting, found, allowed in (
            ("over route ", "per_route", routes, probe.per_route),
            ("at host ", "per_host", hosts, probe.per_host),
        ):
            wanted += [Hanging(where + name, setting, count, allowed) for name, count in found.most_common(1)]
        return tuple(each for each in wanted if each.probes > each.allowed)

    def valid_from(self, now: float) -> Callable[[PairKey], float]:
        """What says of each pair before which moment its last observation tells no more what is `now`: some intervals
        ago. Seconds since the epoch."""
        return lambda key: now - max(_FRESH_INTERVALS * self.intervals[key], _FRESH)


def put_in_force(loaded: Loaded, *, workers: int, shard: Shard, ask_scripts: bool = True) -> InForce:
    """Plan what the settings say, PAC scripts fetched unless `ask_scripts` is off. Raises PlanErrors with everything
    that is wrong."""
    plan = make_plan(loaded, workers=workers, ask_scripts=ask_scripts)
    errors = list(_interval_errors(loaded))
    modules = ready_modules(loaded.settings.serve.modules, [rule.name for rule in plan.rules if is_fixed(rule)], errors)
    if not plan.pairs:
        errors.append("nothing to probe: the selection holds no target (prober check says what would widen it)")
    if errors:
        raise PlanErrors(errors)
    pairs = tuple(pair for pair in plan.pairs if shard.holds(pair.target))
    serve = loaded.settings.serve
    intervals = {
        (pair.target.id, pair.route.name): interval_of(pair.target, serve.interval, serve.intervals) for pair in pairs
    }
    return InForce(
        loaded=loaded,
        plan=plan,
        pairs=pairs,
        intervals=intervals,
        shard=shard,
        trust_digest=_digest(
            [loaded.settings.trust.model_dump_json(), repr(sorted(loaded.pins.items()))], _trust_files(loaded)
        ),
        modules=modules,
        engine_digest=_digest(
            _engine_texts(loaded, plan, workers), _engine_files(loaded, plan.rules), _passwords(plan.rules)
        ),
    )


def interval_of(target: Target, interval: float, intervals: Mapping[str, float]) -> float:
    """Seconds between two probes of a target: `SERVICE/GROUP` counts before `SERVICE`, that before the default."""
    folded = {name.casefold(): seconds for name, seconds in intervals.items()}
    service = target.service.casefold()
    return folded.get(f"{service}/{target.group.casefold()}", folded.get(service, interval))


def _interval_errors(loaded: Loaded) -> Iterable[str]:
    """Names that no catalog in force knows, selected or not: what is left out today may be selected tomorrow."""
    intervals = loaded.settings.serve.intervals
    if not intervals:
        return
    known: dict[str, str] = {}
    catalog = catalogs.load(loaded.settings.catalogs)
    services = ", ".join(catalog.services)
    for entry in catalog.entries:
        for name in (entry.target.service, f"{entry.target.service}/{entry.target.group}"):
            known.setdefault(name.casefold(), name)
    for name in intervals:
        if name.casefold() not in known:
            key = dotted(("serve", "intervals", name))
            place = loaded.origin.get(key, "default").removeprefix("file ")
            here = "" if place == "default" else f"{place}: "
            near = get_close_matches(name.casefold(), known, n=1)
            advice = f"did you mean {known[near[0]]}?" if near else f"expected SERVICE or SERVICE/GROUP, of {services}"
            yield f"{here}{key}: no catalog has such a service or group: {advice}"


def _trust_files(loaded: Loaded) -> list[str]:
    trust = loaded.settings.trust
    return [*(root.file for root in trust.roots), *trust.known_interceptors]


def _engine_texts(loaded: Loaded, plan: Plan, workers: int) -> list[str]:
    settings = loaded.settings
    return [
        settings.probe.model_dump_json(),
        repr(sorted(settings.resolve.items())),
        repr(sorted(loaded.client_certificates.items())),
        f"{plan.probe.concurrency} {workers}",
    ]


def _engine_files(loaded: Loaded, rules: Sequence[RouteRule]) -> list[str]:
    roots = {hop.trust_roots for rule in rules for hop in fixed_hops(rule) if hop.trust_roots is not None}
    return sorted({*roots, *loaded.client_certificates.values()})


def _passwords(rules: Sequence[RouteRule]) -> list[str]:
    """The workers hide them in what they log: with other ones there have to be other workers."""
    return sorted({hop.password.reveal() for rule in rules for hop in fixed_hops(rule) if hop.password is not None})


def _digest(texts: Iterable[str], files: Iterable[str], passwords: Iterable[str] = ()) -> str:
    """Of texts and of what is in files; one that cannot be read counts by its name (fingerprints are no files). With a
    key of this process: digests of two processes are never the same."""
    found = hashlib.blake2b(key=_KEY, digest_size=32)
    for text in (*texts, *passwords):
        found.update(text.encode("utf-8", "surrogatepass") + b"\0")
    for name in files:
        found.update(name.encode("utf-8", "surrogatepass") + b"\0")
        try:
            found.update(hashlib.sha256(Path(name).read_bytes()).digest())
        except OSError:
            continue
    return found.hexdigest()
