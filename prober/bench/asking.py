"""What was asked for on the command line becomes an undertaking. All errors at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from prober import catalog as catalogs
from prober.bench.comparison import SECONDS as BLOCK_SECONDS
from prober.bench.document import TargetDoc
from prober.bench.order import Mode, Order
from prober.bench.profiles import RFC_SUSTAIN, hold_tunnels, rfc9411, steady
from prober.bench.safety import MAX_RATE_HERE, Vendor
from prober.bench.undertaking import LAB, Undertaking
from prober.check.ways import settle
from prober.config import Loaded
from prober.engine.settings import ProbeSettings
from prober.load.words import Arrivals, Load, Phase, Workload
from prober.model import Route, Scheme, Target

RUN_SECONDS: Final = 30.0
STEP_SECONDS: Final = 20.0
CONFIRM_SECONDS: Final = 60.0
LEAST_IN_FLIGHT: Final = 1_000
RAMP_SECONDS: Final = 2.0
DEFAULT_KEY: Final = "ecdsa"
DEFAULT_TUNNELS: Final = 1_000
MOST_BYTES: Final = 1 << 30
DEFAULT_BYTES: Final = {Workload.REQUEST: 1 << 10, Workload.BULK: 1 << 20}
WITH_OBJECTS: Final = (Workload.REQUEST, Workload.BULK)
_SIZE: Final = re.compile(r"(\d{1,12})([kmg]?)(?:i?b)?", re.IGNORECASE)
_UNITS: Final = {"": 0, "k": 10, "m": 20, "g": 30}


class AskErrors(Exception):
    """What was asked for makes no benchmark; `lines` has every reason."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of `prober bench` as given; None = not given."""

    target: str | None
    workload: Workload
    reuse: int
    size: str | None
    rate: float
    duration: float | None
    ramp: float | None
    poisson: bool
    rfc9411: bool
    tunnels: int | None
    resume: bool
    find_capacity: bool
    p99: float | None
    compare: bool
    blocks: int | None
    seed: int
    in_flight: int | None
    sources: tuple[str, ...]
    key: str | None
    consent: bool
    max_rate: float | None
    timeout: float | None
    workers: int
    """Generator processes."""
    cores: int
    """Of this machine."""
    command: tuple[str, ...]

    @property
    def mode(self) -> Mode:
        """What is wanted."""
        if self.find_capacity:
            return Mode.FIND_CAPACITY
        return Mode.COMPARE if self.compare else Mode.RUN

    @property
    def lab(self) -> bool:
        """Whether the target is an origin of our own."""
        return self.target == LAB


def make_undertaking(asked: Asked, loaded: Loaded) -> Undertaking:
    """Everything that a benchmark needs. Blocks (PAC scripts are asked); raises AskErrors."""
    errors = list(_contradictions(asked))
    size = _size(asked, errors)
    target = _target(asked, size, errors)
    sources = _sources(asked, errors)
    if errors or target is None:
        raise AskErrors(errors)
    null, routes = _routes(loaded, target, errors)
    if asked.mode is Mode.COMPARE and len(routes) < 2:
        errors.append("--compare: needs two routes or more (--via NAME=CHAIN, several times)")
    if errors:
        raise AskErrors(errors)
    profile = _profile(asked)
    load = Load(
        workload=asked.workload,
        phases=profile(asked.rate, None),
        seed=asked.seed,
        arrivals=Arrivals.POISSON if asked.poisson else Arrivals.CONSTANT,
        reuse=asked.reuse,
        object_bytes=size or 0,
        in_flight=_in_flight(asked),
        timeout=asked.timeout or 10.0,
        resume=asked.resume,
    )
    order = Order(
        mode=asked.mode,
        load=load,
        rate=asked.rate,
        profile=profile,
        target=target,
        routes=routes,
        null=null,
        target_document=TargetDoc(url=target.id, host=target.host, port=target.port),
        workers=asked.workers,
        rounds=asked.blocks,
        most_rate=asked.max_rate or MAX_RATE_HERE,
        step_seconds=asked.duration or STEP_SECONDS,
        confirm_seconds=_confirm_seconds(asked),
        slowest=asked.p99,
        expected=size if asked.workload in WITH_OBJECTS and (asked.lab or asked.size is not None) else None,
        command=asked.command,
    )
    return Undertaking(
        order=order,
        settings=_settings(loaded, asked),
        vendor=Vendor(catalogs.load().entries),
        consent=asked.consent,
        max_rate=asked.max_rate,
        sources=sources,
        lab_key=(asked.key or DEFAULT_KEY) if asked.lab else None,
        lab_workers=max(1, asked.cores - 1),
    )


def _contradictions(asked: Asked) -> list[str]:
    found: list[str] = []
    tunnels = asked.workload is Workload.TUNNEL
    if asked.target is None:
        found.append("--target is missing: a URL of your own (https://origin.corp:8443/), or lab")
    if asked.find_capacity and asked.compare:
        found.append("--find-capacity, --compare: give one of them")
    if tunnels and (asked.find_capacity or asked.compare or asked.rfc9411):
        found.append("--workload tunnel: only as a plain run, without --find-capacity, --compare and --preset")
    if asked.tunnels is not None and not tunnels:
        found.append("--tunnels needs --workload tunnel")
    if asked.reuse > 1 and asked.workload is not Workload.REQUEST:
        found.append("--reuse needs --workload request")
    if asked.rfc9411 and (asked.duration is not None or asked.ramp is not None):
        found.append("--preset rfc9411 has its own lengths: without --duration and --ramp")
    if asked.ramp is not None and tunnels:
        found.append("--ramp: tunnels are opened at --rate; without --ramp")
    if asked.blocks is not None and not asked.compare:
        found.append("--blocks needs --compare")
    if asked.key is not None and not asked.lab and asked.target is not None:
        found.append("--key needs --target lab: an origin of your own has the key that it has")
    if asked.size is not None and asked.workload not in WITH_OBJECTS:
        found.append("--size needs --workload request or bulk")
    if asked.p99 is not None and not asked.find_capacity:
        found.append("--p99 needs --find-capacity")
    if asked.rfc9411 and asked.compare:
        found.append("--preset rfc9411, --compare: give one of them; blocks are short on purpose")
    return found


def _size(asked: Asked, errors: list[str]) -> int | None:
    if asked.size is None:
        return DEFAULT_BYTES.get(asked.workload)
    match = _SIZE.fullmatch(asked.size.strip())
    size = 0 if match is None else int(match[1]) << _UNITS[match[2].lower()]
    if match is None or not 0 < size <= MOST_BYTES:
        errors.append(f'--size "{asked.size[:40]}": bytes such as 1024, 16k or 10M are expected, 1G at most')
        return None
    return size


def _sources(asked: Asked, errors: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for text in asked.sources:
        try:
            found.append(str(ip_address(text)))
        except ValueError:
            errors.append(f"--source {text[:60]!r}: an address of this machine is expected, such as 10.0.0.5")
    return tuple(dict.fromkeys(found))


def _target(asked: Asked, size: int | None, errors: list[str]) -> Target | None:
    objects = asked.workload in WITH_OBJECTS
    if asked.target is None:
        return None
    if asked.lab:
        scheme = Scheme.HTTPS if objects else Scheme.TLS
        path = f"/bytes/{size}" if objects else "/"
        return Target(id="lab", scheme=scheme, host="127.0.0.1", port=1, path=path)
    try:
        target = catalogs.parse_target(asked.target)
    except ValueError as error:
        errors.append(f"--target: {error}")
        return None
    if target.scheme is Scheme.HTTP:
        errors.append(f"--target {target.id}: a target that speaks TLS is expected, https:// or tls://")
    elif objects and target.scheme is not Scheme.HTTPS:
        errors.append(
            f"--target {target.id}: --workload {asked.workload.value} asks for an object: give https://HOST/PATH"
        )
    return target


def _routes(loaded: Loaded, target: Target, errors: list[str]) -> tuple[Route | None, tuple[Route, ...]]:
    """The null run's way, and those to judge."""
    settled = settle(loaded.routes, [target], loaded)
    found = [settled.route(rule, target) for rule in loaded.routes]
    for route in found:
        if route.problem is not None:
            errors.append(f"--via {route.name}: no way is known ({route.problem.reason.value}: {route.problem.detail})")
        elif route.fallbacks:
            errors.append(
                f"--via {route.name}: it has several ways ({route.text}); load each by itself: --via NAME=CHAIN"
            )
    proxied = tuple(route for route in found if route.hops)
    direct = next((route for route in found if not route.hops and route.problem is None), None)
    if loaded.no_direct:
        direct = None
    return (direct, proxied) if proxied else (None, () if direct is None else (direct,))


def _profile(asked: Asked) -> Callable[[float, float | None], tuple[Phase, ...]]:
    def profile(rate: float, seconds: float | None) -> tuple[Phase, ...]:
        if asked.workload is Workload.TUNNEL:
            count = asked.tunnels or DEFAULT_TUNNELS
            return hold_tunnels(count, seconds or asked.duration or RUN_SECONDS, rate=rate)
        if asked.rfc9411 and seconds is None:
            return rfc9411(rate)
        usual = BLOCK_SECONDS if asked.mode is Mode.COMPARE else RUN_SECONDS
        return steady(rate, seconds or asked.duration or usual, ramp=RAMP_SECONDS if asked.ramp is None else asked.ramp)

    return profile


def _confirm_seconds(asked: Asked) -> float:
    if asked.rfc9411:
        return RFC_SUSTAIN
    return CONFIRM_SECONDS if asked.duration is None else asked.duration


def _in_flight(asked: Asked) -> int:
    if asked.in_flight is not None:
        return asked.in_flight
    most = (asked.max_rate or MAX_RATE_HERE) if asked.find_capacity else asked.rate
    return max(LEAST_IN_FLIGHT, math.ceil(2 * most))


def _settings(loaded: Loaded, asked: Asked) -> ProbeSettings:
    probe = loaded.settings.probe
    return ProbeSettings(
        timeout=asked.timeout or 10.0,
        retries=1,
        profile=probe.profile,
        family=probe.family,
        concurrency=16,
        per_route=4,
        per_host=4,
        rate=None,
        overrides=loaded.resolve,
    )
