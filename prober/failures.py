"""Failures for people: what to do about one, whether to try again, and what Windows would show. Pure.

The texts stand in `prober.failure_table`, the Windows codes in `prober.windows_codes`.
"""

from __future__ import annotations

from prober.failure_table import ADVICE, Advice
from prober.model import Failure, Reason, Route, Target
from prober.windows_codes import WindowsCode, windows_code

__all__ = ["Advice", "WindowsCode", "advice", "hint", "is_transient", "proxy_name", "sentence", "windows_code"]


def advice(reason: Reason) -> Advice:
    """Everything there is to say about a reason."""
    return ADVICE[reason]


def is_transient(reason: Reason) -> bool:
    """Whether one more attempt at once is worth its time (`--retries`)."""
    return ADVICE[reason].transient


def hint(failure: Failure, *, route: Route | None = None, target: Target | str | None = None) -> str:
    """What to do about a failure, with the names of the proxy and the target where they are known.

    `target` may be words instead of a target ("these names") when many failed alike.
    """
    name = target.address if isinstance(target, Target) else target or "the target"
    peer = name if _blames_target(failure) else proxy_name(failure.hop, route)
    if failure.reason.startswith("dns-"):
        peer = _looked_up(failure, route, target)
    return ADVICE[failure.reason].action.format(peer=peer, name=name, via=_via(failure, route))


def sentence(failure: Failure, *, route: Route | None = None, count: str) -> str:
    """One sentence that says who did what to `count` ("14 of 57 targets"), over the route."""
    said = ADVICE[failure.reason].said
    status = f" with {failure.status}" if failure.status is not None else ""
    if _blames_target(failure):
        return f"{count} {said.format(status=status)}"
    who = proxy_name(failure.hop, route)
    if "{count}" in said:
        return f"{who} {said.format(count=count, status=status)}"
    return f"{who} {said.format(status=status)}: {count} not reached"


def _looked_up(failure: Failure, route: Route | None, target: Target | str | None) -> str:
    """The name that DNS was asked for."""
    if route is not None and 1 <= failure.hop <= len(route.hops):
        return route.hops[failure.hop - 1].host
    if failure.hop:
        return "the proxy's name"
    return target.host if isinstance(target, Target) else target or "the target's name"


def _blames_target(failure: Failure) -> bool:
    return not failure.hop and "{count}" not in ADVICE[failure.reason].said


def proxy_name(hop: int, route: Route | None) -> str:
    """`proxy hq (hop 1, http://10.0.0.6:8080)`, or as much of it as is known. Hops count from 1."""
    if not hop:
        return "a proxy on the way"
    if route is None:
        return f"the proxy at hop {hop}"
    if 1 <= hop <= len(route.hops):
        return f"proxy {route.name} (hop {hop}, {route.hops[hop - 1].url})"
    return f"proxy {route.name} (hop {hop})"


def _via(failure: Failure, route: Route | None) -> str:
    """The way to the target, where it matters: behind a proxy the device to look for may stand there."""
    if failure.hop or route is None or not route.hops:
        return ""
    return f" on or behind route {route.name}"
