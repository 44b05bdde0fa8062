"""A device's files become routes: one for each candidate of each component, and one for its whole list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prober.check.errors import PlanErrors
from prober.routes.windows.candidates import Candidate, Component, Kind, Reading
from prober.routes.windows.carriers import read_device, script_text
from prober.routes.windows.components import are_shown, read_components
from prober.routes.windows.lints import Lint, lint
from prober.routes.windows.route import DeviceRoute

LARGEST: Final = 16 * 1024 * 1024
"""Octets of a file that is read."""
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What a device's settings come to."""

    readings: tuple[Reading, ...]
    """Of the components chosen."""
    lints: tuple[Lint, ...]
    """Those that concern them."""
    routes: tuple[DeviceRoute, ...]
    complaints: tuple[str, ...]
    """What could not be read, or was read with doubt."""


def plan_device(
    files: Sequence[str], components: Sequence[str] = (ALL,), *, domain: str | None = None, code_page: str = "cp1252"
) -> DevicePlan:
    """Read the files, and make the routes of the components chosen (`all` = every one that the
    files say something about). PAC scripts among them are for the lints.

    `domain` is the device's DNS domain, in which WPAD looks. Raises PlanErrors with everything that is wrong.
    """
    errors: list[str] = []
    known = [component.value for component in Component]
    errors += [
        f'--component: "{word}" is none of {", ".join([*known, ALL])}'
        for word in components
        if word not in (*known, ALL)
    ]
    contents = dict(_contents(files, errors))
    scripts = {name: text for name, data in contents.items() if (text := script_text(data)) is not None}
    settings = [(name, data) for name, data in contents.items() if name not in scripts]
    if not settings and not errors:
        errors.append(f"--device {', '.join(scripts)}: only PAC scripts, no settings of a device")
    device = read_device(settings, code_page=code_page)
    errors += [f"{each.place}: {each.message}" for each in device.complaints if each.fatal]
    if errors:
        raise PlanErrors(errors)
    readings = read_components(device, [Component(word) for word in components if word != ALL])
    names = {*components, *(are_shown(device) if ALL in components else ())}
    chosen = tuple(reading for name, reading in readings.items() if name in names)
    return DevicePlan(
        readings=chosen,
        lints=tuple(each for each in lint(device, readings, scripts=scripts) if each.component in names),
        routes=tuple(route for reading in chosen for route in routes_of(reading, domain)),
        complaints=(*(f"{each.place}: {each.message}" for each in device.complaints), *_untested(chosen, domain)),
    )


def _untested(readings: Iterable[Reading], domain: str | None) -> Iterator[str]:
    names = [each.component.value for each in readings if domain is None and any(map(needs_domain, each.active))]
    if names:
        yield f"auto-detection (WPAD) of {', '.join(names)} is not tested: give the device's domain by --device-domain"


def routes_of(reading: Reading, domain: str | None = None) -> Iterator[DeviceRoute]:
    """The component's whole list, then each active candidate alone: `edr`, `edr.static`, `edr.wpad`, `edr.direct`.

    Of several candidates of one kind the second is `edr.wininet-2`. Auto-detection is tested where the domain is known.
    """
    active = reading.active
    component = reading.component
    yield DeviceRoute(component.value, component, active, domain)
    for name, candidate in _named(component, active):
        if domain is not None or not needs_domain(candidate):
            yield DeviceRoute(name, component, (candidate,), domain, alone=True)


def needs_domain(candidate: Candidate) -> bool:
    """Whether nothing can be tested of it unless the device's domain is known."""
    return candidate.kind is Kind.WPAD and candidate.pac_url is None


def _named(component: Component, candidates: Iterable[Candidate]) -> Iterator[tuple[str, Candidate]]:
    seen: dict[str, int] = {}
    for candidate in candidates:
        number = seen[candidate.kind] = seen.get(candidate.kind, 0) + 1
        yield f"{component}.{candidate.kind}" + (f"-{number}" if number > 1 else ""), candidate


def _contents(files: Iterable[str], errors: list[str]) -> Iterator[tuple[str, bytes]]:
    for name in files:
        try:
            with Path(name).open("rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            errors.append(f"--device {name}: {error.strerror or error}")
            continue
        if len(data) > LARGEST:
            errors.append(f"--device {name}: is larger than {LARGEST // 1024 // 1024} MB")
            continue
        yield name, data
