"""Names become addresses once, before a run: a load of names would be one on somebody's name servers."""

from __future__ import annotations

from dataclasses import dataclass

from prober.engine.assembly import Onward, next_stop
from prober.engine.errors import stage_of
from prober.engine.resolver import ResolutionError, Resolver
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.model import Failure, HopScheme, Reason, Route, Stage, Target
from prober.routes.overrides import Overrides


class CannotBeginError(Exception):
    """A run that cannot start: a name that does not resolve, an HTTPS proxy's `trust_roots` that cannot be read."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Way:
    """Where to connect to, and what hops that take addresses are told."""

    endpoint: tuple[str, int]
    """The first address of the first stop: one peer is loaded, however many its name has."""
    onward: Onward


async def find_way(target: Target, route: Route, settings: ProbeSettings | None = None) -> Way:
    """Ask for the names that have to be known here. Raises CannotBeginError."""
    if route.problem is not None:
        raise CannotBeginError(route.problem)
    _check_roots(route)
    resolver = (
        Resolver("ipv4-first", Overrides(), ())
        if settings is None
        else Resolver(settings.family, settings.overrides, settings.name_servers)
    )
    try:
        hops = route.hops
        first = await _addresses(
            resolver, *((hops[0].host, hops[0].port) if hops else (target.host, target.port)), 1 if hops else 0
        )
        onward: dict[int, tuple[str, int]] = {}
        for index, hop in enumerate(hops, 1):
            host, port = next_stop(target, route, index)
            after = index + 1 if index < len(hops) else 0
            old = hop.scheme in (HopScheme.SOCKS4, HopScheme.SOCKS4A)
            if hop.scheme.resolves_here:
                found = [
                    each for each in await _addresses(resolver, host, port, after) if not old or ":" not in each[0]
                ]
                if not found:
                    text = f"{host} has no IPv4 address, and SOCKS 4 carries no other"
                    raise CannotBeginError(Failure(Stage.DNS, after, Reason.DNS_NODATA, text))
                onward[index] = found[0]
            elif old and ":" in host:
                text = f"{host} is an IPv6 address, and SOCKS 4 carries none"
                raise CannotBeginError(Failure(Stage.DNS, after, Reason.DNS_NODATA, text))
        return Way(first[0], onward)
    finally:
        await resolver.close()


async def _addresses(resolver: Resolver, host: str, port: int, hop: int) -> tuple[tuple[str, int], ...]:
    try:
        return (await resolver.resolve(host, port)).endpoints
    except ResolutionError as error:
        failure = Failure(stage_of(error.reason, Stage.DNS), hop, error.reason, error.detail)
        raise CannotBeginError(failure) from None


def _check_roots(route: Route) -> None:
    for index, hop in enumerate(route.hops, 1):
        if hop.scheme is HopScheme.HTTPS:
            try:
                ProxyCertificates([hop])
            except (OSError, ValueError) as error:
                text = f"trust_roots {hop.trust_roots} of {hop.url} cannot be used: {error}"
                raise CannotBeginError(Failure(Stage.CONFIG, index, Reason.CERT_UNTRUSTED, text)) from None
