"""A comparison as JUnit XML, and its differences for the JUnit of a run that is compared with an earlier one.

A case for each pair that differs, failed if it has a difference that `--fail-on` names. Pairs that do not differ are no
cases: a comparison does not keep them. The first case is the comparison itself, so that no file is without a case.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from prober.diff.document import DiffDoc, DifferenceDoc
from prober.report.junit import (
    XML,
    Difference,
    Differences,
    PairKey,
    case,
    differences_suite,
    suite_place,
    tag,
)
from prober.report.matrix import Way

WHOLE: Final = "comparison"
"""Name of the suite and the case of the comparison itself."""
NOTHING: Final = "nothing-compared"
"""Type of its failure."""


def differences_of(document: DiffDoc, kinds: Collection[str]) -> Differences:
    """Every difference by its pair, gravest first. Those of `kinds` are the ones that were asked to fail on."""
    found: dict[PairKey, list[Difference]] = {}
    for difference in document.differences:
        lines = _lines(difference)
        for pair in difference.pairs:
            host = f"[{pair.host}]" if ":" in pair.host else pair.host
            found.setdefault((pair.egress, pair.target, pair.route), []).append(
                Difference(
                    kind=difference.kind,
                    sentence=difference.sentence,
                    lines=lines,
                    service=pair.service,
                    asked=f"{host}:{pair.port}",
                    fails=difference.kind in kinds,
                )
            )
    return found


def diff_junit(document: DiffDoc, kinds: Collection[str]) -> str:
    """The whole comparison as one XML document."""
    ways: dict[Way, dict[PairKey, Sequence[Difference]]] = {}
    for key, found in differences_of(document, kinds).items():
        ways.setdefault((key[0], key[2]), {})[key] = found
    started = min((source.started for source in document.after), default="")
    suites = [list(_whole(document, started))]
    for number, way in enumerate(sorted(ways), 1):
        place = suite_place(number, started, way[0])
        suites.append(list(differences_suite("/".join(way), ways[way], place)))
    failed = sum(any(each.fails for each in found) for way in ways.values() for found in way.values())
    counts = {
        "tests": 1 + sum(map(len, ways.values())),
        "failures": failed + (not document.summary.compared),
        "errors": 0,
    }
    head = tag("testsuites", {"name": "prober diff", **counts, "time": "0.000"})
    return "".join((XML, head, *(line for suite in suites for line in suite), "</testsuites>\n"))


def _whole(document: DiffDoc, started: str) -> list[str]:
    """A suite with one case that says what was compared; failed where there was nothing to compare."""
    failed = not document.summary.compared
    counts = {"tests": 1, "failures": int(failed), "errors": 0, "skipped": 0, "time": "0.000"}
    egresses = sorted({egress for source in document.after for egress in source.egresses})
    place = suite_place(0, started, ", ".join(egresses))
    text = (document.summary.text, *document.notes)
    return [
        tag("testsuite", {"name": WHOLE, **counts, **place}),
        *case({"classname": "prober", "name": WHOLE, "time": "0.000"}, [(NOTHING, text[0], text)], fails=failed),
        "</testsuite>\n",
    ]


def _lines(difference: DifferenceDoc) -> tuple[str, ...]:
    return tuple(filter(None, (difference.detail, difference.hint, difference.words)))
