"""A vendor's list put onto a catalog that exists: its ids, its comments and what was written by hand stay.

The catalog's text is edited, never written anew: every line that nothing has to be said about stays as it is, so that a
comparison of the two files shows what the vendor changed and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from prober.catalog.document import List, Map, read_document
from prober.catalog.entry import Entry
from prober.catalog.intake.columns import SERVICES
from prober.catalog.intake.findings import clouds_of
from prober.catalog.intake.reading import joined
from prober.catalog.matching import Known, same_region
from prober.catalog.naming import name_entries
from prober.catalog.reader import CatalogFile, read_catalog
from prober.catalog.writing import group_lines, placeholder_line, source_line
from prober.catalog.yaml_text import mapping, plain

FIELDS: Final = ("required", "geography")
"""What lists say of an endpoint and a catalog may say otherwise."""


class Vanished(StrEnum):
    """What becomes of entries that the list does not have."""

    KEEP = "keep"
    LEGACY = "legacy"
    """They stay, with `required: legacy`."""
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An entry of which the list says something else."""

    entry: Entry
    field: str
    catalog: str
    listed: str
    place: str
    """Where the list says so."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A catalog with a list put onto it."""

    text: str
    added: tuple[tuple[str, Entry], ...]
    """Ids and entries that are new."""
    matched: int
    vanished: tuple[Entry, ...]
    """Entries of the catalog, in a cloud that the list speaks of, that it does not have."""
    disagreements: tuple[Disagreement, ...]
    elsewhere: tuple[Entry, ...] = ()
    """Entries of the list that nobody has, but which belong to another service than the catalog's."""


class NotEditable(Exception):
    """A catalog whose text cannot be edited; the message says where and what to do."""


def put_onto(
    data: bytes,
    file: str,
    listed: Sequence[Entry],
    source: tuple[str, str, str],
    *,
    beside: Sequence[Entry] = (),
    update: bool = False,
    vanished: Vanished = Vanished.KEEP,
    whole: bool = True,
) -> Merged:
    """The catalog in `data` with the entries of a list. `source` is its short id, name and date.

    What stands in `beside` (other catalogs) counts as known and is not added. With `update` the list's word counts
    where the two disagree. From a list that is not `whole`, or has nothing of
    the catalog's service, nothing can vanish. Raises NotEditable.
    """
    catalog = read_catalog(data, file)
    if catalog.errors:
        raise NotEditable("\n".join(str(error) for error in catalog.errors))
    listed = _with_services(listed, catalog)
    known, others, told = Known(catalog.entries), Known(beside), Known(listed)
    new: list[Entry] = []
    elsewhere: list[Entry] = []
    disagreements: list[Disagreement] = []
    met: dict[str, Entry] = {}
    for entry in listed:
        # Entries of another region have moved here, unless the list has that region, too: then this one is new.
        same = [each for each in known.same_as(entry) if _agree(each, entry) or not told.has_region_of(each)]
        met.update((each.target.id, each) for each in same)
        if same:
            disagreements += _disagreements(same, entry)
        elif not others.same_as(entry):
            (new if entry.target.service in catalog.services else elsewhere).append(entry)
    clouds = clouds_of(listed)
    whole = whole and any(each.target.service in catalog.services for each in listed)
    gone = tuple(
        each
        for each in catalog.entries
        if whole and each.target.id not in met and not clouds.isdisjoint(each.target.cloud)
    )
    names = name_entries(new, frozenset(map(_own_id, catalog.entries)))
    text = _Text(data, file)
    changes: dict[str, dict[str, str]] = {}
    for each in disagreements if update else ():
        changes.setdefault(each.entry.path, {})[each.field] = each.listed
    if vanished is Vanished.LEGACY:
        changes |= {each.path: {"required": "legacy"} for each in gone if each.target.required.value != "legacy"}
    text.change(changes, frozenset(each.path for each in gone) if vanished is Vanished.DROP else frozenset())
    text.add(new, names, source, catalog.service)
    edited = text.result()
    left = {each.target.id for each in gone} if vanished is Vanished.DROP else set()
    _check(edited, file, frozenset(each.target.id for each in catalog.entries) - left)
    added = tuple(
        (f"{each.target.service.lower()}.{each.target.group}.{name}", each)
        for name, each in zip(names, new, strict=True)
    )
    return Merged(edited, added, len(met), gone, tuple(disagreements), tuple(elsewhere))


def _with_services(listed: Sequence[Entry], catalog: CatalogFile) -> list[Entry]:
    """The list with the service of each entry. Where a list does not say, it is the catalog's; and a catalog of a
    person's own, which has no service that lists know, takes all of them as its own."""
    takes_all = not any(service in SERVICES for service in catalog.services)
    return joined(
        [
            replace(each, target=replace(each.target, service=catalog.service))
            if takes_all or not each.target.service
            else each
            for each in listed
        ]
    )


def _agree(one: Entry, other: Entry) -> bool:
    return same_region(one.target.geography, other.target.geography)


def _own_id(entry: Entry) -> tuple[str, str, str]:
    service, group = entry.target.service, entry.target.group
    return service, group, entry.target.id.removeprefix(f"{service.lower()}.{group}.")


def _disagreements(same: Sequence[Entry], listed: Entry) -> list[Disagreement]:
    """Where none of the catalog's entries for an endpoint says what the list says of it."""
    found: list[Disagreement] = []
    told = listed.target
    if not any(same_region(each.target.geography, told.geography) for each in same):
        found += [Disagreement(each, "geography", each.target.geography, told.geography, listed.path) for each in same]
    if not any(each.target.required is told.required for each in same):
        levels = [(each, each.target.required.value, told.required.value) for each in same]
        found += [Disagreement(each, "required", mine, theirs, listed.path) for each, mine, theirs in levels]
    return found


def _check(text: str, file: str, kept: frozenset[str]) -> None:
    """What was edited must be a sound catalog that has every entry that was to stay, by its id."""
    after = read_catalog(text.encode(), file)
    if after.errors:
        raise NotEditable("the edited text is no sound catalog: " + "; ".join(str(each) for each in after.errors[:3]))
    lost = kept - {each.target.id for each in after.entries}
    if lost:
        raise NotEditable(f"{file}: cannot be edited without losing {min(lost)}: edit it by hand")


class _Text:
    """The lines of a catalog, edited from the end so that the numbers of the lines before stay right."""

    def __init__(self, data: bytes, file: str) -> None:
        self._file = file
        root = read_document(data, file).root
        assert isinstance(root, Map)  # noqa: S101 - a catalog that was read without errors is a mapping
        self._root = root
        self._lines = data.decode("utf-8-sig").splitlines()
        self._starts = sorted(_starts(root))
        self._insertions: list[tuple[int, list[str]]] = []
        """Line number (from 1) and what to put before it."""
        self._edits: list[tuple[int, int, list[str]]] = []
        """First line, line after the last, and what stands there instead."""

    def change(self, changes: Mapping[str, Mapping[str, str]], dropped: frozenset[str]) -> None:
        """Change keys of targets and drop targets, both by their path in the file."""
        groups = self._root.items["groups"]
        assert isinstance(groups, List)  # noqa: S101 - as above
        for number, group in enumerate(groups.items):
            targets = group.items["targets"] if isinstance(group, Map) else group
            assert isinstance(targets, List)  # noqa: S101 - as above
            paths = [f"groups[{number}].targets[{index}]" for index in range(len(targets.items))]
            if dropped.issuperset(paths):
                self._replace(group.line, [], f"groups[{number}]", whole_group=True)
                continue
            for path, target in zip(paths, targets.items, strict=True):
                if path in dropped:
                    self._replace(target.line, [], path)
                elif path in changes and isinstance(target, Map):
                    self._replace(target.line, self._changed(target, changes[path], path), path)

    def add(self, new: Sequence[Entry], names: Sequence[str], source: tuple[str, str, str], service: str) -> None:
        """Add entries as new groups behind the others, with their source and placeholders."""
        if not new:
            return
        name, title, date = source
        sources = self._root.items.get("sources")
        declared = set(sources.items) if isinstance(sources, Map) else set()
        name = next(each for each in (name, *(f"{name}-{n}" for n in range(2, 10_000))) if each not in declared)
        self._declare("sources", [source_line(name, title, date, self._indent("sources"))])
        wanted = dict.fromkeys(each for entry in new for each in entry.placeholders)
        mine = self._root.items.get("placeholders")
        missing = [each for each in wanted if not (isinstance(mine, Map) and each in mine.items)]
        if missing:
            indent = self._indent("placeholders")
            self._declare("placeholders", [placeholder_line(each, indent) for each in missing])
        groups = self._root.items["groups"]
        assert isinstance(groups, List)  # noqa: S101 - as above
        first = groups.items[0].line
        line = self._lines[first - 1]
        if not line.lstrip().startswith("- "):
            raise NotEditable(f"{self._file}:{first}: write each group as `- name: …` on a line of its own")
        named = [(own, entry, name) for own, entry in zip(names, new, strict=True)]
        lines = group_lines(named, service, indent=len(line) - len(line.lstrip()))
        self._insertions.append((self._end(groups.items[-1].line, after_group=True), ["", *lines]))

    def result(self) -> str:
        """The text with all edits."""
        edits = [*self._edits, *((line, line, lines) for line, lines in self._insertions)]
        lines = list(self._lines)
        for first, end, new in sorted(edits, key=lambda edit: (edit[0], edit[1]), reverse=True):
            lines[first - 1 : end - 1] = new
        return "\n".join(lines) + "\n"

    def _changed(self, target: Map, values: Mapping[str, str], path: str) -> list[str]:
        line = self._lines[target.line - 1]
        indent = len(line) - len(line.lstrip())
        return mapping({**plain(target), **values}, indent=indent)

    def _replace(self, line: int, new: list[str], path: str, *, whole_group: bool = False) -> None:
        if not self._lines[line - 1].lstrip().startswith("- ") or self._starts.count(line) > 1 + whole_group:
            raise NotEditable(
                f"{self._file}:{line}: {path}: write it as `- …` on a line of its own, or edit it by hand"
            )
        self._edits.append((line, self._end(line, after_group=whole_group), new))

    def _end(self, line: int, *, after_group: bool = False) -> int:
        """The line after the last one that belongs to what begins here; comments and blank lines before the next thing
        are the next thing's."""
        later = self._starts if not after_group else sorted({*_tops(self._root)})
        end = next((each for each in later if each > line), len(self._lines) + 1)
        while end - 2 >= line and self._lines[end - 2].strip()[:1] in ("", "#"):
            end -= 1
        return end

    def _indent(self, key: str) -> int:
        section = self._root.items.get(key)
        if not isinstance(section, Map) or not section.lines:
            return 2
        line = self._lines[min(section.lines.values()) - 1]
        return len(line) - len(line.lstrip())

    def _declare(self, key: str, lines: list[str]) -> None:
        """Put declarations in front of those that are there, or a section of them in front of the groups."""
        section = self._root.items.get(key)
        if not isinstance(section, Map) or not section.lines:
            if key in self._root.lines:
                raise NotEditable(f"{self._file}:{self._root.lines[key]}: leave out the empty `{key}`")
            self._insertions.append((self._root.lines["groups"], [f"{key}:", *lines, ""]))
            return
        first = min(section.lines.values())
        if first == self._root.lines[key]:
            raise NotEditable(f"{self._file}:{first}: write `{key}` with a line for each of them")
        self._insertions.append((first, lines))


def _tops(root: Map) -> list[int]:
    """The first lines of groups and of the keys of the file."""
    groups = root.items["groups"]
    return [*root.lines.values(), *(group.line for group in (groups.items if isinstance(groups, List) else ()))]


def _starts(root: Map) -> list[int]:
    """The first lines of everything that ends what stands before it."""
    lines = list(root.lines.values())
    groups = root.items["groups"]
    for group in groups.items if isinstance(groups, List) else ():
        lines.append(group.line)
        if isinstance(group, Map):
            lines += [line for key, line in group.lines.items() if line != group.line]
            targets = group.items.get("targets")
            lines += [target.line for target in targets.items] if isinstance(targets, List) else []
    return lines
