"""A benchmark from settings to document: looks at what would be loaded, starts what it needs, carries the order out.

Everything that is refused is refused here, before the first connection that is not a single probe.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from prober.bench.conduct import Conduct
from prober.bench.document import Bench, TargetDoc
from prober.bench.ground import Ground, Here, Refused
from prober.bench.machine import machine
from prober.bench.order import Mode, Order
from prober.bench.own_origin import OriginError, OwnOrigin
from prober.bench.safety import Looked, Vendor, rate_cap, refusals, unconsented
from prober.bench.watching import Watcher
from prober.check.conduct import program
from prober.engine.limits import reserve_descriptors
from prober.engine.settings import ProbeSettings
from prober.model import Route, Scheme, Target

__all__ = ["Hindered", "Refused", "Undertaking", "undertake"]

LAB: Final = "lab"
LEAST_COMPARED: Final = 2
"""Routes of a comparison."""


class Hindered(Exception):
    """It may be carried out, but nothing gets through; `lines` has every reason."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undertaking:
    """An order, and what is needed to carry it out."""

    order: Order
    """With `--target lab` its target is a stand-in, whose path counts."""
    settings: ProbeSettings
    vendor: Vendor
    consent: bool
    """Whether `--i-may-load-this` was given."""
    max_rate: float | None
    sources: tuple[str, ...]
    """Local addresses to connect from; empty = the generator's choice."""
    lab_key: str | None
    """Kind of key of the lab's origin; None = the target is somebody else's."""
    lab_workers: int


async def undertake(
    undertaking: Undertaking,
    watchers: Sequence[Watcher],
    begun: Callable[[Conduct], None],
    say: Callable[[str], None],
    ground: Ground | None = None,
) -> Bench:
    """Carry it out. `begun` gets the conduct before its first run, so that it can be stopped; `say` a line for people;
    `ground` None is this machine.

    Raises Refused, Hindered.
    """
    if ground is None:
        ground = Here(undertaking.settings, undertaking.sources, undertaking.vendor)
    order = ground.settled(undertaking.order)
    if lines := refusals(order.target, _each(order), undertaking.vendor):
        raise Refused(lines)
    async with contextlib.AsyncExitStack() as stack:
        order = await _with_origin(undertaking, order, stack)
        order, forbidden = _without_direct(order, ground)
        looked = await ground.look(order.target, _each(order))
        if not undertaking.consent and (lines := unconsented(looked)):
            raise Refused(lines)
        if order.rate > (cap := rate_cap(looked, undertaking.max_rate)):
            raise Refused([_too_fast(order.rate, cap, looked)])
        order = replace(order, most_rate=min(order.most_rate, cap))
        order, dropped, notes = await _that_work(ground, order)
        notes = (*forbidden, *notes)
        for note in notes:
            say(note)
        order = replace(order, target_document=_target_document(order, looked))
        reserve_descriptors(order.load.in_flight)  # processes inherit the limit
        conduct = Conduct(
            order,
            await stack.enter_async_context(ground.generators(order)),
            prober=program(),
            machine=machine(),
            grounds=ground.documents,
            watchers=watchers,
            notes=notes,
            dropped=dropped,
        )
        begun(conduct)
        await conduct.carry_out()
        return conduct.document()


def _each(order: Order) -> list[Route]:
    return [*([order.null] if order.null is not None else []), *order.routes]


async def _with_origin(undertaking: Undertaking, order: Order, stack: contextlib.AsyncExitStack) -> Order:
    if undertaking.lab_key is None:
        return order
    try:
        origin = await stack.enter_async_context(OwnOrigin(undertaking.lab_key, undertaking.lab_workers))
    except OriginError as error:
        raise Hindered([str(error)]) from None
    target = replace(order.target, host=origin.host, port=origin.port, id=_url(order.target, origin.host, origin.port))
    document = TargetDoc(url=target.id, host=target.host, port=target.port, lab=True, key=undertaking.lab_key)
    return replace(order, target=target, target_document=document)


def _url(target: Target, host: str, port: int) -> str:
    path = target.path if target.scheme is Scheme.HTTPS else ""
    return f"{target.scheme.value}://{host}:{port}{path}"


def _without_direct(order: Order, ground: Ground) -> tuple[Order, tuple[str, ...]]:
    """Where nothing may go without a proxy there is no null run."""
    if ground.direct or order.null is None:
        return order, ()
    return replace(order, null=None), ("No null run: an egress allows nothing without a proxy (no_direct).",)


def _too_fast(rate: float, cap: float, looked: Looked) -> str:
    where = "on this machine" if looked.here else "beyond this machine"
    return f"--rate {rate:g}: more than {cap:g}/s, the most that is loaded {where} without --max-rate {rate:g}"


async def _that_work(ground: Ground, order: Order) -> tuple[Order, tuple[Route, ...], tuple[str, ...]]:
    """One probe over each route first. The order without those that do not get through; these; and why."""
    seen = await ground.preflight(order.target, _each(order))
    if seen.theirs:
        raise Refused(seen.theirs)
    working = {route.name for route in seen.works}
    left = tuple(route for route in order.routes if route.name in working)
    if not left:
        raise Hindered(seen.broken)
    if order.mode is Mode.COMPARE and len(left) < LEAST_COMPARED:
        raise Hindered(
            [*seen.broken, f"--compare: of its routes only {left[0].name} is left, nothing to compare it with"]
        )
    dropped = tuple(route for route in order.routes if route.name not in working)
    null = order.null if order.null is not None and order.null.name in working else None
    return replace(order, routes=left, null=null), dropped, seen.broken


def _target_document(order: Order, looked: Looked) -> TargetDoc:
    document = order.target_document
    return TargetDoc(
        url=document.url,
        host=document.host,
        port=document.port,
        addresses=looked.target,
        lab=document.lab,
        key=document.key,
    )
