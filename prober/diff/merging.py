"""Saved runs of several egress points joined into one document.

Documents are joined as they were read, not as this version understands them, so fields that it does not know travel on.
What cannot be joined is said: see `Merged.said`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from prober.diff.sides import SidesError, clash
from prober.diff.state import PairKey
from prober.report.build import summary_of
from prober.report.document import Result, Run
from prober.report.files import RunFileError, decode
from prober.report.notes import NoteId, note
from prober.report.sanitize import several

Document = dict[str, Any]
NAMED: Final = 3
"""Egress points that the joined run's own name lists at most."""
DIFFERS: Final = "differs from egress to egress"
_ABSENT: Final = object()
_WORST: Final = ("loop_lag_max", "cpu_wait")
"""Of the environment: the joined run has the largest."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A joined document."""

    document: Document
    said: tuple[str, ...]
    """What the joined document does not have of each run, a sentence each."""


def merge(runs: Sequence[tuple[str, bytes]]) -> Merged:
    """Join runs given as file name and JSON; in whatever order they come, the document is the same.

    A pair of egress, target and route may be in several files only with the same result. Raises SidesError with every
    file that is no run, or with all results that contradict each other.
    """
    whole = []
    errors: list[str] = []
    for name, data in runs:
        try:
            decode(data, name)  # all of it must be right, not only what is joined here
        except RunFileError as error:
            errors.append(str(error))
            continue
        whole.append((name, msgspec.json.decode(data, type=Document)))
    if errors:
        raise SidesError(errors)
    if len(whole) == 1:
        return Merged(whole[0][1], ())
    whole.sort(key=lambda each: (each[1]["egress"], each[1]["started"], each[1]["finished"], each[0]))
    said: list[str] = []
    documents = [document for _, document in whole]
    results = _results(whole)
    joined = _frame(documents, [result["egress"] for result in results], said)
    joined["results"] = results
    run = decode(msgspec.json.encode(joined), "the joined run")
    joined["summary"] = msgspec.to_builtins(summary_of(run.results, _without_probes(documents, run.results)))
    return Merged(joined, tuple(said))


def join(runs: Iterable[Run]) -> Run:
    """The same of runs that this process made, each of another egress point: their results are taken as they are."""
    ordered = sorted(runs, key=lambda run: (run.egress, run.started, run.finished))
    if len(ordered) == 1:
        return ordered[0]
    documents = [msgspec.to_builtins(replace(run, results=())) for run in ordered]
    results = tuple(result for run in ordered for result in run.results)
    frame = msgspec.convert(_frame(documents, (result.egress for result in results), []), Run)
    return replace(frame, results=results, summary=summary_of(results, _without_probes(documents, results)))


def _frame(documents: Sequence[Document], probed_at: Iterable[str], said: list[str]) -> Document:
    """All of a joined run but its results and what they sum up to; `probed_at` has the egress points of the results."""
    joined: Document = {
        "schema": documents[0]["schema"],
        "prober": _same(documents, "prober", said, "the versions of the program"),
        "egress": _egress(set(probed_at), documents),
        "started": min(each["started"] for each in documents),
        "finished": max(each["finished"] for each in documents),
        "complete": all(each["complete"] for each in documents),
        "routes": _routes(documents),
        "summary": documents[0]["summary"],
        "skipped": _unique(entry for each in documents for entry in each["skipped"]),
        "results": [],
        "notes": _notes(documents),
        "environment": _environment(documents, said),
        "certificates": dict(sorted(pair for each in documents for pair in each.get("certificates", {}).items())),
        "trust": _trust(documents, said),
    }
    for unknown in dict.fromkeys(key for each in documents for key in each if key not in Run.__struct_fields__):
        joined[unknown] = _same(documents, unknown, said, f"the field {unknown}")
    return joined


def _results(whole: Sequence[tuple[str, Document]]) -> list[Document]:
    """All results, each pair once. Raises SidesError."""
    held: dict[PairKey, tuple[str, Document]] = {}
    clashes: dict[tuple[str, str], list[PairKey]] = {}
    differing = _differing([document for _, document in whole])
    for name, document in whole:
        hops = {route["name"]: route["hops"] for route in document["routes"]}
        for each in document["results"]:
            own = each.get("via") is not None or each["route"] not in differing
            result = each if own else {**each, "via": hops.get(each["route"])}
            key = (result["egress"], result["target"]["id"], result["route"])
            first, before = held.setdefault(key, (name, result))
            if before is not result and before != result:
                clashes.setdefault((first, name), []).append(key)
    if clashes:
        raise SidesError([clash(first, second, keys) for (first, second), keys in clashes.items()])
    return [result for _, result in held.values()]


def _routes(documents: Sequence[Document]) -> list[Document]:
    """Each name once. Where egress points have other proxies under the same name, each result's own count."""
    differing = _differing(documents)
    found: dict[str, Document] = {}
    for document in documents:
        for route in document["routes"]:
            found.setdefault(route["name"], {**route, "rule": DIFFERS} if route["name"] in differing else route)
    return list(found.values())


def _differing(documents: Sequence[Document]) -> set[str]:
    """Names of routes that are not the same in all runs that have them."""
    first: dict[str, Document] = {}
    routes = (route for document in documents for route in document["routes"])
    return {route["name"] for route in routes if first.setdefault(route["name"], route) != route}


def _egress(probed_at: set[str], documents: Sequence[Document]) -> str:
    names = sorted(probed_at or {each["egress"] for each in documents})
    more = f" and {several(len(names) - NAMED, 'other')}" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _notes(documents: Sequence[Document]) -> list[Document]:
    """Notes of all runs as they are; others with the egress point they are about."""
    notes = [each.get("notes", []) for each in documents]
    shared = [entry for entry in notes[0] if all(entry in others for others in notes)]
    own = [
        {**entry, "text": f"{document['egress']}: {entry['text']}"}
        for document, entries in zip(documents, notes, strict=True)
        for entry in entries
        if entry not in shared
    ]
    text = f"Joined from {several(len(documents), 'run')} (prober merge)."
    return [*_unique([*shared, *own]), msgspec.to_builtins(note(NoteId.MERGED, text))]


def _environment(documents: Sequence[Document], said: list[str]) -> Document | None:
    """What was alike; of what makes timings doubtful the worst."""
    found = [each["environment"] for each in documents if each.get("environment") is not None]
    if not found:
        return None
    joined: Document = {}
    for key in dict.fromkeys(key for each in found for key in each):
        values = [each.get(key) for each in found]
        alike = all(value == values[0] for value in values) and len(found) == len(documents)
        joined[key] = values[0] if alike else None
        if not alike and key not in _WORST:
            said.append(f"environment.{key} is not the same in all runs; the joined run has none")
    for key in _WORST:
        known = [each[key] for each in found if each.get(key) is not None]
        if known:
            joined[key] = max(known)
    return joined


def _trust(documents: Sequence[Document], said: list[str]) -> Document | None:
    """The trust of all: judging again goes by everything that any of them trusted."""
    found = [each["trust"] for each in documents if each.get("trust") is not None]
    if not found or all(each == found[0] for each in found):
        return found[0] if found else None
    said.append("the runs were judged with different trust; judging the joined run again goes by the trust of all")
    newest = max(found, key=lambda each: each.get("shipped_version", 0))
    joined: Document = {key: value for each in reversed(found) for key, value in each.items()}
    joined["shipped_version"] = newest.get("shipped_version", 0)
    joined["shipped_dated"] = newest.get("shipped_dated", "")
    joined["with_shipped"] = any(each.get("with_shipped", True) for each in found)
    joined["roots"] = list(
        {root["sha256"]: root for each in reversed(found) for root in each.get("roots", ())}.values()
    )
    joined["roots"].sort(key=lambda root: root["sha256"])
    for key in ("bridges", "os_keys", "interceptor_certificates", "interceptor_digests"):
        joined[key] = sorted({value for each in found for value in each.get(key, ())})
    pins: dict[str, set[str]] = {}
    for each in found:
        for host, keys in each.get("pins", {}).items():
            pins.setdefault(host, set()).update(keys)
    joined["pins"] = {host: sorted(pins[host]) for host in sorted(pins)}
    joined["known_bad"] = dict(sorted(pair for each in found for pair in each.get("known_bad", {}).items()))
    return joined


def _without_probes(documents: Sequence[Document], results: Iterable[Result]) -> list[str]:
    """Services of which no run has a probe."""
    probed = {result.target.service for result in results}
    named = (name for each in documents for name in each["summary"]["services_without_probes"])
    return [name for name in dict.fromkeys(named) if name not in probed]


def _same(documents: Sequence[Document], key: str, said: list[str], what: str) -> Any:
    """The value that all runs with this field have; else the first one's, and that is said."""
    values = [each[key] for each in documents if each.get(key, _ABSENT) is not _ABSENT]
    if any(value != values[0] for value in values):
        said.append(f"{what} is not the same in all runs; that of egress {documents[0]['egress']} is kept")
    return values[0]


def _unique(entries: Iterable[Document]) -> list[Document]:
    """Each entry once, in order."""
    return list({msgspec.json.encode(entry, order="deterministic"): entry for entry in entries}.values())
