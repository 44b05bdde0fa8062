"""A run as the vendor's connectivity analyzer prints it: five methods for each URL, a verdict for each group of URLs.

The methods are those of the sensor (EDR). Where they stand among the routes of a run with `--device`: 1 is `edr.named`
(WinHTTP's proxy; without one, direct), 2 `edr.wpad`, 3 `edr.direct`, 4 `edr.static` (TelemetryProxyServer), 5 the first
route that was given by `--via`. The statuses 200, 400, 404 and 405 count as reached; one working method is enough.

The shape of the block and the result ids are the analyzer's. No source has its wording of failures, nor which id
belongs to which group beyond their order: both are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from prober.report.document import Result, Run
from prober.report.sanitize import sanitize

REACHED: Final = frozenset({200, 400, 404, 405})
MISSING: Final = "Doesn't exist"
UNTESTED: Final = "Not tested"
"""Auto-detection, where the device's domain was not given."""
_DIRECT: Final = ("edr.direct", "direct")
_WPAD: Final = ("edr.wpad",)
_METHODS: Final = (
    ("Default proxy", ("edr.named", *_DIRECT)),
    ("Proxy auto discovery (WPAD)", _WPAD),
    ("Proxy disabled", _DIRECT),
    ("Named proxy", ("edr.static",)),
)
_COMMAND_LINE: Final = "Command line proxy"
_GROUPS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("Command and control (CnC)", frozenset({"c2"})),
    ("Cyber data", frozenset({"cyber-data", "cyber-data-legacy"})),
    ("Automated investigation blobs", frozenset({"autoir-blob"})),
    ("Sample upload blobs", frozenset({"sample-blob"})),
    ("Configuration management", frozenset({"settings", "core-service", "security-mgmt"})),
)
"""In the order of the ids, with the catalogs' groups."""
_OK, _WARNING, _ERROR, _NOTHING = 130017, 131013, 132021, 131001


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """What came of a group of URLs."""

    id: int
    name: str
    tested: int
    failed: int

    @property
    def text(self) -> str:
        """`130017 Command and control (CnC): 12 of 12 URLs reached`."""
        if not self.tested:
            return f"{self.id} {self.name}: no results"
        return f"{self.id} {self.name}: {self.tested - self.failed} of {self.tested} URLs reached"


def write_analyzer(run: Run, stream: TextIO) -> None:
    """The blocks of all URLs, then the verdicts. Targets that are not asked over HTTP, or over none of the sensor's
    methods, have no block."""
    methods = [*_METHODS, (_COMMAND_LINE, tuple(_given(run)))]
    for url, results in _tested(run, run.results).items():
        stream.write(f"Testing URL : {sanitize(url)}\n")
        stream.writelines(f"{sanitize(line)}\n" for line in _block(methods, results))
        stream.write("\n")
    stream.writelines(f"{verdict.text}\n" for verdict in group_verdicts(run))


def group_verdicts(run: Run) -> list[GroupVerdict]:
    """One for each group, in the order of the ids; none failing is ok, one a warning, more an error."""
    found = []
    for place, (name, groups) in enumerate(_GROUPS):
        outcomes = [
            any(map(succeeded, results.values()))
            for results in _tested(run, (each for each in run.results if each.target.group in groups)).values()
        ]
        failed = outcomes.count(False)
        base = (_OK, _WARNING, _ERROR)[min(failed, 2)]
        found.append(GroupVerdict(base + place if outcomes else _NOTHING, name, len(outcomes), failed))
    return found


def succeeded(result: Result) -> bool:
    """Whether the method reached the URL: by its status alone."""
    return result.http is not None and result.reachable and result.http.status in REACHED


def _tested(run: Run, results: Iterable[Result]) -> dict[str, dict[str, Result]]:
    """By URL and route; only URLs that were asked by a method. A route of the command line has the targets of other
    components, too: it is a method of the sensor's URLs, and makes none of them one."""
    sensor = {route for _, routes in _METHODS for route in routes} & {route.name for route in run.routes}
    methods = sensor or set(_given(run))
    several = len({result.egress for result in run.results}) > 1
    return {url: found for url, found in _by_url(results, several=several).items() if methods & found.keys()}


def _by_url(results: Iterable[Result], *, several: bool) -> dict[str, dict[str, Result]]:
    """Results by URL and route; of several egress points each has blocks of its own."""
    found: dict[str, dict[str, Result]] = {}
    for result in results:
        target = result.target
        if target.scheme in ("http", "https"):
            default = 443 if target.scheme == "https" else 80
            host = f"[{target.host}]" if ":" in target.host else target.host
            port = "" if target.port == default else f":{target.port}"
            url = f"{target.scheme}://{host}{port}{target.path}{f' (from {result.egress})' if several else ''}"
            found.setdefault(url, {})[result.route] = result
    return found


def _given(run: Run) -> Iterator[str]:
    """Routes that are neither the device's nor direct: those of the command line or the configuration."""
    for route in run.routes:
        if not (route.rule or "").startswith("device:") and (route.hops or route.rule):
            yield route.name
            return


def _block(methods: Sequence[tuple[str, Sequence[str]]], results: Mapping[str, Result]) -> Iterator[str]:
    for number, (name, routes) in enumerate(methods, 1):
        result = next((results[route] for route in routes if route in results), None)
        missing = UNTESTED if routes == _WPAD else MISSING
        yield f"{number} - {name}: {missing if result is None else _said(result)}"


def _said(result: Result) -> str:
    if succeeded(result) and result.http is not None:
        return f"Succeeded ({result.http.status})"
    if result.reachable and result.http is not None:
        return f"Failed ({result.http.status})"
    failure = result.failure
    if failure is None:
        return "Failed (no HTTP answer)"
    if failure.reason in ("wpad-none", "pac-fetch-failed") and failure.stage == "config":
        return f"{MISSING} ({failure.detail})"
    status = f"{failure.status}, " if failure.status is not None else ""
    where = f", hop {failure.hop}" if failure.hop else ""
    return f"Failed ({status}{failure.reason}{where})"
