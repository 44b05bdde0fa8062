"""A run as JUnit XML, so that CI systems show it: a suite for each route, a case for each target.

There is no standard, but a schema that most follow (Jenkins' junit-10.xsd, after Ant's). What `--fail-on` asks for is a
failure; whatever else is odd stands in the case's system-out; targets that could not be probed are skipped cases of a
suite of their own. Differences from an earlier run (`prober check --against`) stand in the case of their pair, and come
first there; pairs that are not in this run any more have a suite of their own too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TextIO
from xml.sax.saxutils import escape

from prober.report.document import Result, Run, SkippedDoc
from prober.report.failure_document import FailureDoc
from prober.report.matrix import GIVEN, Way, way_name, ways_of
from prober.report.sanitize import sanitize
from prober.report.verdicts import TOLD, word_of

MAX_LINE: Final = 2000
"""Characters of one line."""
XML: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
UNPROBED: Final = "not probed"
"""Name of the suite of what was skipped."""
GONE: Final = "not probed any more"
"""Name of the suite of pairs that only the earlier run has."""

PairKey = tuple[str, str, str]
"""Egress, target id, route."""
Told = tuple[str, str, Sequence[str]]
"""A word, one line, and all lines."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference of one pair from an earlier run."""

    kind: str
    sentence: str
    lines: tuple[str, ...]
    """What else there is to say about it."""
    service: str
    asked: str
    """Host and port."""
    fails: bool
    """Whether it is one that was asked to fail on."""

    @property
    def told(self) -> Told:
        """As a case tells it."""
        return self.kind, self.sentence, (self.sentence, *filter(None, self.lines))


Differences = Mapping[PairKey, Sequence[Difference]]
"""By pair, gravest first."""


class _Judged:
    """What is a failure: of results, and of their differences."""

    def __init__(self, fails: Callable[[Result], bool], differences: Differences) -> None:
        self._fails = fails
        self._differences = differences

    def of(self, result: Result) -> Sequence[Difference]:
        """How the result differs."""
        return self._differences.get((result.egress, result.target.id, result.route), ())

    def __call__(self, result: Result) -> bool:
        return _fails(self.of(result)) or self._fails(result)


def write_junit(
    run: Run, stream: TextIO, fails: Callable[[Result], bool], differences: Differences | None = None
) -> None:
    """Write the run; `fails` says whether a result is what was asked to fail on. `differences` are those from an
    earlier run: a pair with one that fails is a failed case, with the kind for its type."""
    ways = ways_of(run)
    by_way: dict[Way, list[Result]] = {way: [] for way in ways}
    for result in run.results:
        by_way[result.egress, result.route].append(result)
    judged = _Judged(fails, differences or {})
    here = {(result.egress, result.target.id, result.route) for result in run.results}
    gone = {key: found for key, found in (differences or {}).items() if key not in here}
    failed = sum(map(judged, run.results)) + _failing(gone)
    suites = [_suite(number, run, way_name(way, ways), way, by_way[way], judged) for number, way in enumerate(ways)]
    if gone:
        place = suite_place(len(suites), run.started, run.egress)
        suites.append(differences_suite(GONE, gone, place))
    if run.skipped:
        suites.append(_unprobed(len(suites), run, run.skipped))
    counts = {"tests": len(run.results) + len(gone) + len(run.skipped), "failures": failed, "errors": 0}
    time = _seconds(sum(result.timings.total or 0 for result in run.results))
    stream.write(XML)
    stream.write(tag("testsuites", {"name": f"prober {run.egress}", **counts, "time": time}))
    for suite in suites:
        stream.writelines(suite)
    stream.write("</testsuites>\n")


def differences_suite(name: str, differences: Differences, place: Mapping[str, object]) -> Iterator[str]:
    """A suite of pairs of which there is nothing to tell but how they differ. `place` are the attributes of the suite
    that say when and where."""
    counts = {"tests": len(differences), "failures": _failing(differences), "errors": 0, "skipped": 0}
    yield tag("testsuite", {"name": name, **counts, "time": _seconds(0), **place})
    for (egress, target, route), found in differences.items():
        classname = ".".join((f"{egress}/{route}", found[0].service or GIVEN))
        attributes = {"classname": classname, "name": f"{target} {found[0].asked}", "time": _seconds(0)}
        yield from _told_case(attributes, found, (), fails=_fails(found))
    yield "</testsuite>\n"


def _failing(differences: Differences) -> int:
    return sum(map(_fails, differences.values()))


def _fails(found: Sequence[Difference]) -> bool:
    return any(each.fails for each in found)


def _suite(number: int, run: Run, name: str, way: Way, results: Sequence[Result], judged: _Judged) -> Iterator[str]:
    attributes = {
        "name": name,
        "tests": len(results),
        "failures": sum(map(judged, results)),
        "errors": 0,
        "skipped": 0,
        "time": _seconds(sum(result.timings.total or 0 for result in results)),
    }
    yield tag("testsuite", {**attributes, **suite_place(number, run.started, way[0])})
    for result in results:
        yield from _case(result, name, judged)
    yield "</testsuite>\n"


def suite_place(number: int, started: str, egress: str) -> dict[str, object]:
    """The attributes of a suite that say when and where. `timestamp` is a xs:dateTime without fraction and zone: more
    breaks readers that follow Ant's schema."""
    return {"timestamp": started[:19], "hostname": egress, "id": number, "package": "prober"}


def _case(result: Result, suite: str, judged: _Judged) -> Iterator[str]:
    target = result.target
    asked = f"{target.scheme}://{target.host}:{target.port}{'' if target.scheme == 'tls' else target.path}"
    attributes = {
        "classname": ".".join((suite, target.service or GIVEN, target.geography)),
        "name": f"{target.id} {asked}",
        "time": _seconds(result.timings.total or 0),
    }
    yield from _told_case(attributes, judged.of(result), list(_said(result)), fails=judged(result))


def _told_case(
    attributes: Mapping[str, object], differences: Sequence[Difference], said: Sequence[Told], *, fails: bool
) -> Iterator[str]:
    """What a case fails by comes first: the differences that were asked for, else the result itself."""
    asked = [each.told for each in differences if each.fails]
    found = [*asked, *said, *(each.told for each in differences if not each.fails)]
    yield from case(attributes, found, fails=fails)


def case(attributes: Mapping[str, object], found: Sequence[Told], *, fails: bool) -> Iterator[str]:
    """One case. What it fails by comes first; without a failure all of it is output."""
    if not found and not fails:
        yield tag("testcase", attributes, closed=True)
        return
    yield tag("testcase", attributes)
    text = "\n".join(escape(_line(line)) for _, _, lines in found for line in lines)
    if fails:
        kind, message = found[0][:2] if found else ("finding", "what --fail-on asks for")
        yield tag("failure", {"type": kind, "message": message}, end="") + f"{text}</failure>\n"
    else:
        yield f"<system-out>{text}</system-out>\n"
    yield "</testcase>\n"


def _said(result: Result) -> Iterator[Told]:
    """What is to be told of a result, gravest first: a word, one line, and all lines."""
    verdict = result.interception
    if not result.reachable:
        failure = result.failure
        yield ("unreachable", "not reached", ["not reached"]) if failure is None else _failure("not reached", failure)
    if verdict is not None and verdict.verdict in TOLD:
        signer = "" if verdict.signer is None else f", signed by {verdict.signer.subject}"
        message = f"{verdict.verdict} ({verdict.reason or verdict.basis}){signer}"
        proofs = [
            f"{each.id} {each.points if each.decides else f'({each.points})'} {each.text}" for each in verdict.evidence
        ]
        yield verdict.verdict, message, [message, *proofs]
    if result.trusted is False and (word_of(result) not in TOLD or result.trust_failure is not None):
        why = result.trust_failure
        yield ("untrusted", "certificate not trusted", []) if why is None else _failure("certificate not trusted", why)
    revocation = result.revocation
    if revocation is not None:
        for heading, lacking in (("revoked", revocation.revoked), ("revocation out of reach", revocation.failure)):
            if lacking is not None:
                yield _failure(heading, lacking)
    if result.http is not None and result.http.as_expected is False:
        documented = " or ".join(map(str, result.http.expected))
        message = f"status {result.http.status} where {documented} is documented"
        yield "unexpected-status", message, [message]
    for passed in result.passed_over:
        yield _failure("another way was taken", passed.failure)


def _failure(heading: str, failure: FailureDoc) -> Told:
    where = f"hop {failure.hop}" if failure.hop else "target"
    message = f"{heading}: {failure.reason} (stage {failure.stage}, {where})"
    windows = "" if failure.windows is None else f"Windows shows about {failure.windows.hresult} {failure.windows.name}"
    return failure.reason, message, [each for each in (message, failure.detail, failure.hint, windows) if each]


def _unprobed(number: int, run: Run, skipped: Sequence[SkippedDoc]) -> Iterator[str]:
    counts = {"tests": len(skipped), "failures": 0, "errors": 0, "skipped": len(skipped), "time": _seconds(0)}
    yield tag("testsuite", {"name": UNPROBED, **counts, **suite_place(number, run.started, run.egress)})
    for each in skipped:
        name = str(each.target.get("id") or each.target.get("host") or "?")
        service = str(each.target.get("service") or GIVEN)
        why = f"{each.why} ({each.option})" if each.option else each.why
        yield tag("testcase", {"classname": f"{UNPROBED}.{service}", "name": name, "time": _seconds(0)})
        yield tag("skipped", {"message": why}, closed=True)
        yield "</testcase>\n"
    yield "</testsuite>\n"


def tag(name: str, attributes: Mapping[str, object], *, closed: bool = False, end: str = "\n") -> str:
    """A tag that opens, or one without content."""
    given = "".join(f' {key}="{escape(_line(str(value)), {chr(34): "&quot;"})}"' for key, value in attributes.items())
    return f"<{name}{given}{'/' if closed else ''}>{end}"


def _line(text: str) -> str:
    """Without the characters that XML 1.0 has no way to write, and bounded."""
    return sanitize(text, limit=MAX_LINE)


def _seconds(value: float) -> str:
    """The schema's pattern has no sign: a negative time can come from an edited file only."""
    return f"{max(value, 0.0):.3f}"
