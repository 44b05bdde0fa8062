"""What a lint is: a finding about settings, made without sending a packet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prober.routes.severity import Severity
from prober.routes.windows.candidates import Component, Reading
from prober.routes.windows.device import Device


@dataclass(frozen=True, slots=True)
class Lint:
    """One finding."""

    id: str
    """One of `lints.RULES`."""
    severity: Severity
    component: Component
    text: str
    """What was found where, and what to do. Holds text from the files, logins hidden: escape it before it is shown."""


@dataclass(frozen=True, slots=True)
class Case:
    """What rules look at."""

    device: Device
    readings: Mapping[Component, Reading]
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Texts of PAC scripts, by URL or file name."""


Found = tuple[Severity, Component, str]
"""A finding before its rule is named."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    id: str
    """Kebab-case, public."""
    about: str
    """What it finds, in a few words."""
    check: Callable[[Case], Iterator[Found]]
