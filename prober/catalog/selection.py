"""Which entries are meant, which of them are targets, and why the others are not (contract.md, "Selection")."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from prober.catalog import vocabulary as words
from prober.catalog.entry import Catalog, Entry, describe, fill, is_host, listed, placeholders_in
from prober.catalog.errors import SelectionError, SelectionErrors, shown, unknown
from prober.model import Target

MAX_FILLED: Final = 10_000
"""Targets that one template may become."""

_VALUE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class SkippedKind(StrEnum):
    """Why an entry is no target yet."""

    TEMPLATE = "template"
    """Its host or path holds a placeholder without a value."""
    WILDCARD_HOST = "wildcard-host"
    """Its host stands for a family of hosts."""
    WILDCARD_PATH = "wildcard-path"
    """Its path stands for several requests to one host."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that was asked for and cannot be probed."""

    target: Mapping[str, object]
    """As in the run document."""
    why: str
    option: str | None
    """What on the command line would make it probeable."""
    kind: SkippedKind


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for."""

    targets: tuple[Target, ...]
    skipped: tuple[Skipped, ...]
    services_without_probes: tuple[str, ...]
    """Services asked for (or all of the catalog's) of which not a single target is left."""


def select(
    catalog: Catalog,
    *,
    cloud: str = "commercial",
    geography: Sequence[str] = (),
    required: str = "yes",
    service: Sequence[str] = (),
    os: Sequence[str] = (),
    placeholders: Mapping[str, Sequence[str]] | None = None,
) -> Selection:
    """The entries of `catalog` that match, with templates filled from `placeholders` (name to values).

    An empty sequence selects everything; case does not matter. Raises `SelectionErrors` with every unknown name and
    every unusable value.
    """
    errors: list[SelectionError] = []
    clouds = _known("cloud", [cloud], (*words.CLOUDS, "all"), errors)
    levels = _known("required", [required], (*words.REQUIRED, "all"), errors)
    geographies = _known("geography", geography, words.GEOGRAPHIES, errors)
    services = _known("service", service, catalog.services, errors)
    families = _known("os", os, words.OS_FAMILIES, errors)
    values = check_placeholders(catalog, placeholders or {}, errors)
    if errors:
        raise SelectionErrors(errors)
    wanted_levels = words.REQUIRED if "all" in levels else words.REQUIRED[: words.REQUIRED.index(levels[0]) + 1]
    chosen = [
        entry
        for entry in catalog.entries
        if ("all" in clouds or clouds[0] in entry.target.cloud)
        and (not services or entry.target.service in services)
        and (not geographies or entry.target.geography in {*geographies, *words.GEOGRAPHIES_ALWAYS_IN})
        and entry.target.required in wanted_levels
        and (not families or not entry.target.os or not set(families).isdisjoint(entry.target.os))
    ]
    return _sort_out(chosen, services or catalog.services, values)


def check_placeholders(
    catalog: Catalog, given: Mapping[str, Sequence[str]], errors: list[SelectionError]
) -> dict[str, tuple[str, ...]]:
    """The values in lower case, each once. A name with no values counts as not given."""
    known = tuple(dict.fromkeys((*words.PLACEHOLDERS, *catalog.placeholders)))
    checked: dict[str, tuple[str, ...]] = {}
    for name, values in given.items():
        if name not in known:
            errors.append(SelectionError(f"set.{name}", unknown("placeholder", name, known)))
            continue
        folded = [value.strip().lower() for value in values]
        for value in folded:
            if not _VALUE.fullmatch(value):
                expected = "letters, digits and hyphens (part of a host name, 63 at most)"
                errors.append(SelectionError(f"set.{name}", f"expected {expected}, got {shown(value)}"))
        if folded:
            checked[name] = tuple(dict.fromkeys(folded))
    return checked


def fold_name(name: str, valid: Iterable[str]) -> str | None:
    """`name` as spelled in `valid`, whatever its case; None if it is not there."""
    return next((each for each in valid if each.casefold() == name.strip().casefold()), None)


def _known(kind: str, names: Sequence[str], valid: Sequence[str], errors: list[SelectionError]) -> list[str]:
    found: list[str] = []
    for name in names:
        folded = fold_name(name, valid)
        if folded is None:
            errors.append(SelectionError(f"select.{kind}", unknown(_SPOKEN.get(kind, kind), name, valid)))
        else:
            found.append(folded)
    return found


_SPOKEN: Final = {"os": "operating system", "required": "level"}


def _sort_out(chosen: Sequence[Entry], services: Sequence[str], values: Mapping[str, tuple[str, ...]]) -> Selection:
    targets: list[Target] = []
    skipped: list[Skipped] = []
    errors: list[SelectionError] = []
    for entry in chosen:
        missing = [name for name in entry.placeholders if name not in values]
        if entry.wildcard:
            skipped.append(_skipped_wildcard(entry))
        elif missing:
            skipped.append(_skipped_template(entry, missing))
        elif entry.placeholders:
            targets.extend(_filled(entry, values, errors))
        else:
            targets.append(entry.target)
    if errors:
        raise SelectionErrors(errors)
    probed = {target.service for target in targets}
    return Selection(tuple(targets), tuple(skipped), tuple(name for name in services if name not in probed))


def _filled(entry: Entry, values: Mapping[str, tuple[str, ...]], errors: list[SelectionError]) -> Iterator[Target]:
    """One target for each combination of values. The id ends in `@` and the values, which no catalog id can hold."""
    names = entry.placeholders
    combinations = itertools.product(*(values[name] for name in names))
    for count, combination in enumerate(combinations):
        if count == MAX_FILLED:
            message = f"{entry.target.id} would become more than {MAX_FILLED} targets"
            errors.append(SelectionError(f"set.{names[0]}", message))
            return
        filling = dict(zip(names, combination, strict=True))
        host = fill(entry.target.host, filling)
        if not is_host(host):
            errors.append(SelectionError(f"set.{names[0]}", f"{shown(host)} would be no valid host name"))
            continue
        suffix = ".".join(combination)
        yield replace(entry.target, id=f"{entry.target.id}@{suffix}", host=host, path=fill(entry.target.path, filling))


def _skipped_template(entry: Entry, missing: Sequence[str]) -> Skipped:
    names = " and ".join("{" + name + "}" for name in missing)
    option = " ".join(f"--set {name}=NAME" for name in missing)
    return Skipped(describe(entry.target), f"no value is given for {names}", option, SkippedKind.TEMPLATE)


def _skipped_wildcard(entry: Entry) -> Skipped:
    kind = SkippedKind.WILDCARD_HOST if "*" in entry.target.host else SkippedKind.WILDCARD_PATH
    pattern = "host" if kind is SkippedKind.WILDCARD_HOST else "path"
    concrete = [each for each in entry.expansion if "{" not in each]
    templates = [each for each in entry.expansion if "{" in each]
    if concrete:
        why = f"a wildcard names no single {pattern}; known: {listed(concrete)}"
    elif templates:
        why = f"a wildcard names no single {pattern}; known: {listed(templates)}"
    else:
        why = f"a wildcard names no single {pattern}; none is documented"
    if templates and not concrete:
        option = " ".join(f"--set {name}=NAME" for name in placeholders_in(*templates))
    elif kind is SkippedKind.WILDCARD_HOST:
        option = "prober check HOST…"
    else:
        option = f"prober check {entry.target.scheme}://{entry.target.host}/PATH"
    return Skipped(describe(entry.target), why, option, kind)
