"""At which hop interception begins: the first from which on every beginning of the chain shows the same signer."""

from __future__ import annotations

from collections.abc import Sequence

from prober.interception.looks import Look
from prober.model import Route

HERE = 0
"""Not any proxy: this machine, or something on the way to the first hop."""


def responsible_hop(look: Look, route: Route, others: Sequence[tuple[Route, Sequence[Look]]]) -> int | None:
    """The hop at which the look's signer appears, counted from 1; HERE if the direct route shows it too; None if the
    routes observed do not tell.

    `others` are the other routes to the same host with what they showed. Only those that are beginnings of `route` tell
    something, and only the same signer counts: a proxy that opens tunnels may be blind to a tunnel nested in its own.
    A direct route that shows no anchored certificate either tells nothing: the same box may sign with several keys.
    Neither does one on which something is known to answer for others: that is no fault of this machine's.
    Nothing is told of a look over another way of the route than its first.
    """
    if look.hops != len(route.hops) or look.proxied:
        return None
    shows = {len(route.hops): True}
    for other, each_look in others:
        length = len(other.hops)
        looks = [each for each in each_look if not each.proxied]
        if looks and length < len(route.hops) and other.way == route.way[:length]:
            seen = any(_same_signer(each, look) for each in looks)
            if seen or length or any(each.is_reference for each in looks):
                shows[length] = shows.get(length, False) or seen
    first = len(route.hops)
    for length in sorted(shows, reverse=True):
        if not shows[length]:
            break  # a shorter beginning that shows it again has another box of the same authority
        first = length
    return first if first == HERE or shows.get(first - 1) is False else None


def prefixes(route: Route) -> tuple[Route, ...]:
    """The beginnings of a chain, shortest first, the direct way included and the whole left out."""
    return tuple(Route(f"{route.name}[:{length}]", route.hops[:length]) for length in range(len(route.hops)))


def _same_signer(one: Look, other: Look) -> bool:
    return one.unanchored and (one.view.signer == other.view.signer or one.view.key == other.view.key)
