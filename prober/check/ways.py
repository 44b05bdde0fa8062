"""Rules become routes: what the environment, PAC scripts and a device's settings give each target.

Scripts are fetched, and asked, when a run is planned: each once, all targets in one go. A script that cannot be had or
that fails leaves its routes without a way, and they say why (`Route.problem`): one bad script must not cost the others
their run. Within a device's list it is passed over, as Windows does, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from prober.check.scripts import ScriptKey, Scripts
from prober.config import Loaded
from prober.model import Failure, Hop, Reason, Route, Scheme, Stage, Target
from prober.routes.pac.results import parse_result
from prober.routes.rules import RouteRule, ScriptedRoute, is_fixed, route_for
from prober.routes.windows.candidates import Candidate, Kind
from prober.routes.windows.route import DeviceRoute, proxies_of
from prober.routes.wpad import url_problem

_Way = tuple[Hop, ...]
_MOST_SAID: Final = 3
"""Different failures of one script that are told."""


@dataclass(slots=True)
class Settled:
    """Each target's way under each rule that is not fixed."""

    asking: Asking
    ways: dict[tuple[str, str], Route] = field(default_factory=dict)
    """By the rule's name and what is asked for."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of the scripts, each once."""
        return tuple(dict.fromkeys(self.asking.scripts.warnings))

    def route(self, rule: RouteRule, target: Target) -> Route:
        """The target's own; of one that was not among those settled it is found out now (blocks)."""
        if is_fixed(rule):
            return route_for(rule, target)
        key = _asked(rule, target)
        if key not in self.ways:
            self.ways |= self.asking.routes(rule, [target])
        return self.ways[key]


def serves(rule: RouteRule, target: Target) -> bool:
    """Whether a target is probed over a rule: a device's component talks to its own services only."""
    return not isinstance(rule, DeviceRoute) or rule.serves(target)


def settle(
    rules: Iterable[RouteRule],
    targets: Sequence[Target],
    loaded: Loaded,
    *,
    ask: bool = True,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Settled:
    """Ask every script among the rules. With `ask` off nothing is fetched, and what a script decides has no way yet.

    Blocks; not to be called on an event loop.
    """
    settled = Settled(Asking(Scripts(loaded, now), ask))
    for rule in rules:
        if not is_fixed(rule):
            settled.ways |= settled.asking.routes(rule, [target for target in targets if serves(rule, target)])
    return settled


@dataclass(slots=True)
class Asking:
    """Asks scripts for the ways of targets."""

    scripts: Scripts
    ask: bool

    def routes(self, rule: ScriptedRoute | DeviceRoute, targets: Sequence[Target]) -> dict[tuple[str, str], Route]:
        """The targets' ways, as in `Settled.ways`."""
        return self._scripted(rule, targets) if isinstance(rule, ScriptedRoute) else self._device(rule, targets)

    def _scripted(self, rule: ScriptedRoute, targets: Sequence[Target]) -> dict[tuple[str, str], Route]:
        key = ScriptKey(rule.script, rule.domain, rule.option_252, rule.trust_roots, rule.my_addresses, rule.reading)
        return {
            _asked(rule, target): _route(rule.name, [ways])
            for target, ways in zip(targets, self._answers(rule.name, rule.source, key, targets), strict=True)
        }

    def _device(self, rule: DeviceRoute, targets: Sequence[Target]) -> dict[tuple[str, str], Route]:
        by_candidate = [self._candidate(rule, candidate, targets) for candidate in rule.candidates]
        if len(by_candidate) > 1:
            for candidate, lists in zip(rule.candidates, by_candidate, strict=True):
                self._passed_over(rule.name, candidate, lists)
        return {
            _asked(rule, target): _route(rule.name, [ways[place] for ways in by_candidate])
            for place, target in enumerate(targets)
        }

    def _candidate(
        self, rule: DeviceRoute, candidate: Candidate, targets: Sequence[Target]
    ) -> list[tuple[_Way, ...] | Failure]:
        if candidate.kind is Kind.WPAD and rule.domain is None and candidate.pac_url is None:
            unknown = Failure(Stage.CONFIG, 0, Reason.WPAD_NONE, "not looked for: give the domain by --device-domain")
            return [unknown] * len(targets)
        if candidate.pac_url is not None and (problem := url_problem(candidate.pac_url)):
            unusable = Failure(Stage.CONFIG, 0, Reason.PAC_FETCH_FAILED, f"not used by Windows: {problem}")
            return [unusable] * len(targets)  # no file of this machine is the device's, either
        fixed = [proxies_of(candidate, target) for target in targets]
        asked = [target for target, ways in zip(targets, fixed, strict=True) if ways is None]
        key = ScriptKey(candidate.pac_url, None if candidate.pac_url else rule.domain, None, None, (), rule.reading)
        answers = iter(self._answers(rule.name, candidate.source, key, asked) if asked else ())
        return [next(answers) if ways is None else ways for ways in fixed]

    def _passed_over(self, name: str, candidate: Candidate, lists: Sequence[tuple[_Way, ...] | Failure]) -> None:
        """Say so, once for each reason, not once for each target."""
        failures = dict.fromkeys((each.reason, each.detail) for each in lists if isinstance(each, Failure))
        for reason, detail in list(failures)[:_MOST_SAID]:
            source = candidate.source or candidate.kind
            self.scripts.warnings.append(f"route {name}: {source} is passed over: {reason} ({detail})")

    def _answers(
        self, name: str, source: str, key: ScriptKey, targets: Sequence[Target]
    ) -> list[tuple[_Way, ...] | Failure]:
        """What the script answers for each target, as ways or as why there is none."""
        if not self.ask:
            return [Failure(Stage.CONFIG, 0, Reason.PAC_FETCH_FAILED, f"{source}: not asked in a dry run")] * len(
                targets
            )
        answers = self.scripts.ask(key, map(script_url, targets))
        if isinstance(answers, Failure):
            return [answers] * len(targets)
        found: list[tuple[_Way, ...] | Failure] = []
        for target in targets:
            answer = answers[script_url(target)]
            if answer.failure is not None or answer.result is None:
                found.append(answer.failure or Failure(Stage.CONFIG, 0, Reason.PAC_SCRIPT_ERROR, "no answer"))
                continue
            listed = parse_result(answer.result, key.reading)
            self.scripts.warnings += [f"route {name}: {remark}" for remark in listed.remarks]
            found.append(listed.ways)
        return found


def _asked(rule: ScriptedRoute | DeviceRoute, target: Target) -> tuple[str, str]:
    """Not by the target's id: a request that is redirected keeps its id, and may have another way."""
    return rule.name, f"{target.scheme} {script_url(target)}"


def script_url(target: Target) -> str:
    """The URL a script is asked with: that of the request, https for a bare handshake."""
    scheme = "http" if target.scheme is Scheme.HTTP else "https"
    port = "" if target.port == (80 if scheme == "http" else 443) else f":{target.port}"
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{scheme}://{host}{port}{target.path or '/'}"


def _route(name: str, lists: Sequence[tuple[_Way, ...] | Failure]) -> Route:
    """One list of ways after another, each way once; what could not be settled is passed over if others are left."""
    ways = list(dict.fromkeys(way for each in lists if not isinstance(each, Failure) for way in each))
    if ways:
        return Route(name, ways[0], tuple(ways[1:]))
    problem = next((each for each in lists if isinstance(each, Failure)), None)
    nothing = Failure(Stage.CONFIG, 0, Reason.INTERNAL, "no way out is configured")
    return Route(name, problem=problem or nothing)
