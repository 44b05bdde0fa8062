"""Settings become work: targets, routes, pairs, and everything a run needs to be started. All errors at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prober import catalog as catalogs
from prober.catalog import CatalogErrors, SelectionErrors, Skipped
from prober.check.device import DevicePlan
from prober.check.errors import PlanErrors
from prober.check.machine import Machine, this_machine
from prober.check.rejudge import baseline_of
from prober.check.revocation import RevocationSettings, follow_hosts, named_addresses
from prober.check.selection import select
from prober.check.trusting import trust_store
from prober.check.ways import serves, settle
from prober.config import Loaded
from prober.engine.limits import Descriptors, reserve_descriptors
from prober.engine.run import Pair
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.interception.baseline import Baseline
from prober.interception.trust import TrustStore
from prober.interception.views import Views
from prober.model import Target
from prober.report.document import Run
from prober.routes.rules import RouteRule, fixed_hops
from prober.routes.windows.candidates import Component
from prober.routes.windows.route import DeviceRoute
from prober.wire.identity import ClientCertificateError, read_identity


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be probed, before anybody asked over which ways."""

    targets: tuple[Target, ...]
    skipped: tuple[Skipped, ...] = ()
    services_without_probes: tuple[str, ...] = ()


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
    device: DevicePlan | None = None
    """The device whose settings are tested, if any."""
    revocation: RevocationSettings | None = None
    """How revocation is to be looked at; None = not at all."""
    machine: Machine = field(default_factory=this_machine)
    """The one that probes."""
    views: Views | None = None
    """Of `judge`, shared with the plans of other egress points; None = its own."""


def choose(loaded: Loaded, given: Sequence[str] = ()) -> Chosen:
    """The targets `given` by hand (`@FILE` too), else those that the settings select. Raises PlanErrors."""
    errors: list[str] = []
    chosen = Chosen(*_targets(loaded, given, errors))
    if errors:
        raise PlanErrors(errors)
    return chosen


def make_plan(
    loaded: Loaded,
    targets: Sequence[str] | Chosen = (),
    *,
    attempts: int = 1,
    workers: int = 1,
    locate: bool = False,
    baseline: Run | None = None,
    device: DevicePlan | None = None,
    ask_scripts: bool = True,
    revocation: bool = False,
    revocation_route: str | None = None,
) -> Plan:
    """Everything a run needs. `targets` are given by hand (`@FILE` too), or were chosen before; without any, the
    catalogs are selected from.
    `revocation` asks for the addresses in certificates too: over each target's own route, or over `revocation_route`.

    With a `device` its routes are probed, each to the targets of its component, beside those of --via to all of them.
    PAC scripts are fetched and asked here, unless `ask_scripts` is off: then their routes have no way. That one cannot
    be had is no error: its routes fail, and say why. Not to be called on an event loop. Raises PlanErrors.
    """
    errors: list[str] = []
    found = targets if isinstance(targets, Chosen) else Chosen(*_targets(loaded, targets, errors))
    judge = _trust_store(loaded, errors)
    proxies = _proxy_certificates(loaded.routes, errors)
    _try_client_certificates(loaded.client_certificates, errors)
    rules = tuple(loaded.routes) if device is None else _with_device(loaded, device)
    asked = revocation or revocation_route is not None
    hosts = revocation_hosts(rules, revocation_route, errors) if asked else frozenset()
    if errors or judge is None or proxies is None:
        raise PlanErrors(errors)
    settings = loaded.settings
    descriptors = reserve_descriptors(settings.probe.concurrency, workers)
    chosen = tuple(target for target in found.targets if any(serves(rule, target) for rule in rules))
    settled = settle(rules, chosen, loaded, ask=ask_scripts)
    pairs = tuple(
        Pair(target, settled.route(rule, target)) for target in chosen for rule in rules if serves(rule, target)
    )
    return Plan(
        egress=settings.egress,
        targets=chosen,
        skipped=found.skipped,
        services_without_probes=found.services_without_probes,
        rules=rules,
        pairs=pairs,
        probe=probe_settings(loaded, descriptors.allowed),
        descriptors=descriptors,
        warnings=(*loaded.warnings, *settled.warnings),
        attempts=attempts,
        workers=workers,
        judge=judge,
        proxies=proxies,
        baseline=baseline_of(baseline, judge, settings.egress),
        locate=locate,
        direct=not loaded.no_direct,
        device=device,
        revocation=RevocationSettings(
            rules={rule.name: rule for rule in rules},
            way=settled.route,
            over=revocation_route or _system(rules),
            hosts=hosts,
            allowed=named_addresses(loaded.resolve),
        )
        if asked
        else None,
    )


def _with_device(loaded: Loaded, device: DevicePlan) -> tuple[RouteRule, ...]:
    """Beside a device's routes those are probed that were asked for with it, not the configuration's own. Direct is
    among the device's; so is any other name that it has. With --no-direct those without any proxy are left out."""
    taken = {"direct", *(route.name for route in device.routes)}
    beside = [rule for rule in loaded.routes if rule.name not in taken] if loaded.routes_given else []
    return (*beside, *(route for route in device.routes if not (loaded.no_direct and route.is_direct)))


def _system(rules: Iterable[RouteRule]) -> str | None:
    """Windows itself fetches revocation lists, over its own way, for whichever component."""
    system = Component.SYSTEM.value
    return system if any(isinstance(rule, DeviceRoute) and rule.name == system for rule in rules) else None


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
    hops = [hop for rule in rules for hop in fixed_hops(rule)]
    for file in {hop.trust_roots for hop in hops if hop.trust_roots is not None}:
        try:
            ProxyCertificates([hop for hop in hops if hop.trust_roots == file])
        except OSError as error:
            errors.append(f"trust_roots {file}: {error.strerror}")
        except ValueError as error:
            errors.append(f"trust_roots {file}: {error}")
    return None if errors else ProxyCertificates(hops)


def revocation_hosts(rules: Iterable[RouteRule], over: str | None, errors: list[str]) -> frozenset[str]:
    """The hosts of the catalog at which revocation is published. What is wrong, the route `over` which all of it is to
    be asked to begin with, is added to `errors`."""
    names = [rule.name for rule in rules]
    if over is not None and over not in names:
        errors.append(f'--revocation-route "{over}": no such route (known: {", ".join(names)})')
    try:
        return follow_hosts(entry.target for entry in catalogs.load(("common",)).entries)
    except CatalogErrors as found:
        errors.extend(str(error) for error in found.errors)
        return frozenset()


def _try_client_certificates(files: Mapping[str, str], errors: list[str]) -> None:
    for host, file in files.items():
        try:
            read_identity(file)
        except ClientCertificateError as error:
            errors.append(f"client certificate for {host}: {error}")


def probe_settings(loaded: Loaded, concurrency: int) -> ProbeSettings:
    """What the settings in force say about probes, `concurrency` of them at once."""
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
