"""The vendor's lists into a catalog of their own, or onto one that exists; and any list to be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from prober.catalog import vocabulary as words
from prober.catalog.document import MAX_BYTES
from prober.catalog.entry import Entry
from prober.catalog.errors import CatalogErrors, unknown
from prober.catalog.intake.columns import slug
from prober.catalog.intake.findings import Intake
from prober.catalog.intake.package import UnusableFile, read_bounded
from prober.catalog.intake.reading import joined, read_list
from prober.catalog.loading import bundled_directory, load
from prober.catalog.naming import name_entries
from prober.catalog.onto import Merged, NotEditable, Vanished, put_onto
from prober.catalog.reader import read_catalog
from prober.catalog.writing import Head, write_catalog
from prober.model import Scheme

_DATE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z .:-]{0,39}")
_SERVICE: Final = re.compile(r"[A-Z][A-Z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be imported, and how."""

    files: Sequence[Path]
    onto: str | None = None
    beside: Sequence[str] = ()
    update: bool = False
    vanished: str = Vanished.KEEP
    service: str | None = None
    clouds: Sequence[str] = ()
    inspection_bypass: bool | None = None
    """What holds for TLS endpoints; the lists themselves do not say."""
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A catalog, and everything a person should know about how it came to be."""

    text: str
    intakes: tuple[Intake, ...]
    told: tuple[str, ...]
    """What was added, what vanished, what disagrees: one line each."""
    merged: Merged | None = field(default=None)


class Unusable(Exception):
    """Nothing can be made of a request; `lines` has every reason."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


def import_lists(request: Request) -> Outcome:
    """The catalog that a request asks for. Raises Unusable."""
    errors = _mistakes(request)
    intakes: list[Intake] = []
    for path in request.files:
        try:
            intakes.append(read_list(path, request.clouds))
        except UnusableFile as error:
            errors.append(f"{path}: {error}")
    if errors:
        raise Unusable(errors)
    intakes = [_with_terms(intake, request) for intake in intakes]
    if not any(intake.entries for intake in intakes):
        raise Unusable([*(f"{each.file}: names no endpoint" for each in intakes), *map(str, _first_remarks(intakes))])
    return _onto(request, request.onto, intakes) if request.onto else _own(request, intakes)


def read_side(names: Sequence[str]) -> tuple[list[Entry], list[Intake]]:
    """The entries of catalogs (bundled names, YAML files) and lists of the vendor's, together. Raises Unusable."""
    catalogs = [name for name in names if _is_catalog(name)]
    lists = [name for name in names if not _is_catalog(name)]
    entries: list[Entry] = []
    intakes: list[Intake] = []
    errors: list[str] = [] if names else ["nothing is named to compare"]
    if catalogs:
        try:
            entries += load(catalogs).entries
        except CatalogErrors as error:
            errors += map(str, error.errors)
    for name in lists:
        try:
            intakes.append(read_list(Path(name)))
        except UnusableFile as error:
            errors.append(f"{name}: {error}")
    if errors:
        raise Unusable(errors)
    return [*entries, *(entry for intake in intakes for entry in intake.entries)], intakes


def _is_catalog(name: str) -> bool:
    """Bundled names, and YAML; so is a bare word that is no file, which may be a bundled name misspelled."""
    path = Path(name)
    return name in words.BUNDLED or path.suffix in (".yaml", ".yml") or not (path.suffix or path.exists())


def _mistakes(request: Request) -> list[str]:
    errors = [f"--cloud: {unknown('cloud', name, words.CLOUDS)}" for name in request.clouds if name not in words.CLOUDS]
    if request.service is not None and not _SERVICE.fullmatch(request.service):
        errors.append(f"--service {request.service!r}: expected a name in upper case, such as MDE")
    if request.service is not None and request.onto is not None:
        errors.append("--service: the catalog given with --onto has its own")
    if request.date is not None and not _DATE.fullmatch(request.date):
        errors.append(f"--date {request.date!r}: expected a day such as 2026-11-22")
    return errors


def _with_terms(intake: Intake, request: Request) -> Intake:
    """What was asked for on top of what the list says."""
    entries = [
        replace(each, target=replace(each.target, inspection_bypass=request.inspection_bypass))
        if each.target.scheme is not Scheme.HTTP
        else each
        for each in intake.entries
    ]
    return replace(intake, entries=entries, dated=request.date or intake.dated)


def _own(request: Request, intakes: Sequence[Intake]) -> Outcome:
    sources: dict[str, tuple[str, str]] = {}
    by_file: dict[str, str] = {}
    for intake in intakes:
        name = _source_id(intake, sources)
        sources[name] = (intake.title, intake.dated or "not known")
        by_file[intake.file] = name
    entries = joined(
        [
            replace(
                entry, target=replace(entry.target, service=request.service or entry.target.service or intake.service)
            )
            for intake in intakes
            for entry in intake.entries
        ]
    )
    names = name_entries(entries)
    services = Counter(entry.target.service for entry in entries)
    service = max(services, key=lambda name: services[name])
    about = next((intake.about for intake in intakes if intake.service == service), "") if len(intakes) == 1 else ""
    head = Head(service, about, sources)
    named = [(name, entry, by_file[entry.file]) for name, entry in zip(names, entries, strict=True)]
    text = write_catalog(head, named)
    _checked(text)
    told = f"{_many(len(entries), 'entry', 'entries')} from {', '.join(by_file)}"
    if len(services) > 1:
        told += f": {', '.join(f'{name} {number}' for name, number in services.items())}"
    return Outcome(text, tuple(intakes), (told,))


def _checked(text: str) -> None:
    """What is written must be readable; if it is not, that is a mistake of this program's and is not hidden."""
    errors = read_catalog(text.encode(), "the new catalog").errors
    if errors:
        raise Unusable([str(error) for error in errors])


def _onto(request: Request, name: str, intakes: Sequence[Intake]) -> Outcome:
    path = bundled_directory() / f"{name}.yaml" if name in words.BUNDLED else Path(name)
    try:
        data = read_bounded(path, MAX_BYTES)
        beside = load(request.beside).entries if request.beside else ()
    except UnusableFile as error:
        raise Unusable([f"--onto {name}: {error}"]) from None
    except CatalogErrors as error:
        raise Unusable([f"--beside: {each}" for each in error.errors]) from None
    listed = joined([entry for intake in intakes for entry in intake.entries])
    title = ", ".join(intake.title for intake in intakes)
    dated = "; ".join(dict.fromkeys(intake.dated or "not known" for intake in intakes))
    source = (_source_id(intakes[0], {}), title, dated)
    try:
        merged = put_onto(
            data,
            name,
            listed,
            source,
            beside=beside,
            update=request.update,
            vanished=Vanished(request.vanished),
            whole=all(intake.whole for intake in intakes),
        )
    except NotEditable as error:
        raise Unusable(str(error).splitlines()) from None
    return Outcome(merged.text, tuple(intakes), tuple(_told(merged, request, len(listed))), merged)


def _told(merged: Merged, request: Request, listed: int) -> list[str]:
    lines = [f"new: {name} ({entry.target.address}, {entry.path})" for name, entry in merged.added]
    became = {Vanished.KEEP: "kept", Vanished.LEGACY: "now legacy", Vanished.DROP: "dropped"}[
        Vanished(request.vanished)
    ]
    lines += [
        f"not added, another service's: {each.target.service} {each.target.address} ({each.path})"
        for each in merged.elsewhere
    ]
    lines += [f"vanished, {became}: {each.target.id} ({each.target.address})" for each in merged.vanished]
    for each in merged.disagreements:
        kept = "taken from the list" if request.update else "kept as it is"
        said = f"{each.field} {each.catalog}, the list has {each.listed} ({each.place})"
        lines.append(f"differs, {kept}: {each.entry.target.id}: {said}")
    lines.append(
        f"{_many(listed, 'endpoint')} listed, {len(merged.added)} new, "
        f"{_many(merged.matched, 'entry', 'entries')} matched, {len(merged.vanished)} vanished, "
        f"{_many(len(merged.disagreements), 'difference')}"
        + (f", {len(merged.elsewhere)} of other services: --onto their catalogs" if merged.elsewhere else "")
    )
    return lines


def _many(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _source_id(intake: Intake, taken: dict[str, tuple[str, str]]) -> str:
    stem = slug(Path(intake.title).stem) or "list"
    names = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _first_remarks(intakes: Sequence[Intake]) -> list[str]:
    return [str(remark) for intake in intakes for remark in intake.remarks][:20]
