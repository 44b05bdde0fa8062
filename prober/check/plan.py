"""Settings become work: targets, routes, pairs, and everything a run needs to be started. All errors at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prober import catalog as catalogs
from prober.catalog import CatalogErrors, SelectionErrors, Skipped
from prober.check.errors import PlanErrors
from prober.check.rejudge import baseline_of
from prober.check.selection import select
from prober.check.trusting import trust_store
from prober.config import Loaded
from prober.engine.limits import Descriptors, reserve_descriptors
from prober.engine.run import Pair
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.interception.baseline import Baseline
from prober.interception.trust import TrustStore
from prober.model import Route, Target
from prober.report.document import Run
from prober.routes.environment import EnvironmentRoute, RouteRule, route_for
from prober.wire.identity import ClientCertificateError, read_identity


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that can be started."""

    egress: str
    targets: tuple[Target, ...]
    skipped: tuple[Skipped, ...]
    services_without_probes: tuple[str, ...]
    rules: tuple[RouteRule, ...]
    pairs: tuple[Pair, ...]
    """Target by target, all its routes in a row: comparing routes wants them close in time."""
    probe: ProbeSettings
    descriptors: Descriptors
    warnings: tuple[str, ...]
    attempts: int
    workers: int
    judge: TrustStore
    proxies: ProxyCertificates
    baseline: Baseline | None
    """References of a saved run."""
    locate: bool
    """Whether to look for the hop at which interception begins."""
    direct: bool
    """Whether the direct way may be probed for that."""


def make_plan(
    loaded: Loaded,
    targets: Sequence[str] = (),
    *,
    attempts: int = 1,
    workers: int = 1,
    locate: bool = False,
    baseline: Run | None = None,
) -> Plan:
    """Everything a run needs. `targets` are given by hand (`@FILE` too); without any, the catalogs are selected from.

    Raises PlanErrors.
    """
    errors: list[str] = []
    chosen, skipped, without = _targets(loaded, targets, errors)
    judge = _trust_store(loaded, errors)
    proxies = _proxy_certificates(loaded.routes, errors)
    _try_client_certificates(loaded.client_certificates, errors)
    if errors or judge is None or proxies is None:
        raise PlanErrors(errors)
    settings = loaded.settings
    descriptors = reserve_descriptors(settings.probe.concurrency, workers)
    pairs = tuple(Pair(target, route_for(rule, target)) for target in chosen for rule in loaded.routes)
    return Plan(
        egress=settings.egress,
        targets=chosen,
        skipped=skipped,
        services_without_probes=without,
        rules=tuple(loaded.routes),
        pairs=pairs,
        probe=_probe_settings(loaded, descriptors.allowed),
        descriptors=descriptors,
        warnings=tuple(loaded.warnings),
        attempts=attempts,
        workers=workers,
        judge=judge,
        proxies=proxies,
        baseline=baseline_of(baseline, judge, settings.egress),
        locate=locate,
        direct=not loaded.no_direct,
    )


def _targets(
    loaded: Loaded, given: Sequence[str], errors: list[str]
) -> tuple[tuple[Target, ...], tuple[Skipped, ...], tuple[str, ...]]:
    if given:
        return _by_hand(given, errors), (), ()
    try:
        _, selection = select(loaded.settings)
    except CatalogErrors as found:
        errors.extend(str(error) for error in found.errors)
        return (), (), ()
    except SelectionErrors as found:
        errors.extend(f"{_place(loaded, error.path)}{error}" for error in found.errors)
        return (), (), ()
    return selection.targets, selection.skipped, selection.services_without_probes


def _place(loaded: Loaded, path: str) -> str:
    """Where a setting was made, as the configuration's own errors say it: `prober.yaml:12: `."""
    origin = loaded.origin.get(path, "default").removeprefix("file ")
    return "" if origin == "default" else f"{origin}: "


def _by_hand(given: Sequence[str], errors: list[str]) -> tuple[Target, ...]:
    found: dict[str, Target] = {}
    for text in given:
        if text == "@":
            errors.append('TARGET "@": the name of a file is missing behind the @')
            continue
        try:
            several = catalogs.read_target_file(text[1:]) if text.startswith("@") else (catalogs.parse_target(text),)
        except CatalogErrors as wrong:
            errors.extend(str(error) for error in wrong.errors)
        except ValueError as wrong:
            errors.append(f'TARGET "{text}": {wrong}')
        else:
            found.update((target.id, target) for target in several)
    return tuple(found.values())


def _trust_store(loaded: Loaded, errors: list[str]) -> TrustStore | None:
    try:
        return trust_store(loaded)
    except PlanErrors as found:
        errors.extend(found.errors)
        return None


def _proxy_certificates(rules: Iterable[RouteRule], errors: list[str]) -> ProxyCertificates | None:
    hops = [hop for rule in rules for route in _routes(rule) for hop in route.hops]
    for file in {hop.trust_roots for hop in hops if hop.trust_roots is not None}:
        try:
            ProxyCertificates([hop for hop in hops if hop.trust_roots == file])
        except OSError as error:
            errors.append(f"trust_roots {file}: {error.strerror}")
        except ValueError as error:
            errors.append(f"trust_roots {file}: {error}")
    return None if errors else ProxyCertificates(hops)


def _routes(rule: RouteRule) -> tuple[Route, ...]:
    return (rule.https, rule.http) if isinstance(rule, EnvironmentRoute) else (rule,)


def _try_client_certificates(files: Mapping[str, str], errors: list[str]) -> None:
    for host, file in files.items():
        try:
            read_identity(file)
        except ClientCertificateError as error:
            errors.append(f"client certificate for {host}: {error}")


def _probe_settings(loaded: Loaded, concurrency: int) -> ProbeSettings:
    probe = loaded.settings.probe
    return ProbeSettings(
        timeout=probe.timeout,
        retries=probe.retries,
        profile=probe.profile,
        family=probe.family,
        concurrency=concurrency,
        per_route=probe.per_route,
        per_host=probe.per_host,
        rate=probe.rate,
        overrides=loaded.resolve,
        client_certificates=loaded.client_certificates,
    )
