"""Explains, route by route, what a check of the lab shows, and whether it shows what the lab was built to show. Pure.

Works on a run document (schema prober.run/1) as plain data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from statistics import median
from typing import Any, Final

from prober.lab.world import BLOCKED, BYPASSED, DELAY_SECONDS

Result = Mapping[str, Any]
Cause = tuple[str, int, str]
"""Stage, hop, reason."""
_LOGIN_NEEDED: Final = ("proxy", 1, "proxy-auth-required")
_DENIED: Final = ("proxy", 1, "proxy-denied")


@dataclass(slots=True)
class Tally:
    """One route's results, counted."""

    probes: int = 0
    reachable: int = 0
    untrusted: int = 0
    causes: Counter[Cause] = field(default_factory=Counter)
    trust_causes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        """Median time of the probes that got through, in milliseconds."""
        return median(self.seconds) * 1000 if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Stop:
    """One route of the tour: what to say, and what would be unexpected."""

    route: str
    text: Callable[[Tally], str]
    surprises: Callable[[Sequence[Result]], list[str]]


@dataclass(frozen=True, slots=True)
class Tour:
    """The explanation."""

    lines: tuple[str, ...]
    surprises: tuple[str, ...]
    """What the lab should not have shown; empty = all as built."""


def tour(run: Mapping[str, Any]) -> Tour:
    """Explains a run over the routes of the lab's own prober.yaml."""
    lines: list[str] = []
    surprises: list[str] = []
    for stop in STOPS:
        results = [result for result in run["results"] if result["route"] == stop.route]
        if not results:
            surprises.append(f"{stop.route}: no results at all")
            continue
        counted = tally(results)
        lines.append(f"{stop.route}: {counted.reachable} of {counted.probes} reached. {stop.text(counted)}")
        surprises += [f"{stop.route}: {text}" for text in stop.surprises(results)]
    return Tour(tuple(lines), tuple(surprises))


def tally(results: Sequence[Result]) -> Tally:
    """Counts one route's results."""
    counted = Tally(probes=len(results))
    for result in results:
        if result["reachable"]:
            counted.reachable += 1
            counted.seconds.append(result["timings"]["total"])
        else:
            counted.causes[_cause(result)] += 1
        if result["trusted"] is False:
            counted.untrusted += 1
            counted.trust_causes[(result["trust_failure"] or {}).get("reason", "unknown")] += 1
    return counted


def _cause(result: Result) -> Cause:
    failure = result["failure"]
    return failure["stage"], failure["hop"], failure["reason"]


def _name(result: Result) -> str:
    return f"{result['target']['scheme']}://{result['target']['host']}{result['target']['path']}"


def _unreached(results: Sequence[Result], *allowed: Cause) -> list[str]:
    found = [result for result in results if not result["reachable"] and _cause(result) not in allowed]
    return [f"{_name(result)} failed: {' '.join(map(str, _cause(result)))}" for result in found]


def _untrusted(results: Sequence[Result]) -> list[str]:
    return [f"{_name(result)} is not trusted" for result in results if result["trusted"] is False]


def _clean(results: Sequence[Result]) -> list[str]:
    """For a route on which everything works."""
    return _unreached(results) + _untrusted(results)


def _clean_but_login(results: Sequence[Result]) -> list[str]:
    """For a route that asks for a login, which some services cannot give."""
    return _unreached(results, _LOGIN_NEEDED) + _untrusted(results)


def _blocked(results: Sequence[Result]) -> list[str]:
    found = _unreached(results, _DENIED) + _untrusted(results)
    for result in results:
        listed = any(fnmatchcase(result["target"]["host"], pattern) for pattern in BLOCKED)
        if listed and result["reachable"]:
            found.append(f"{_name(result)} got through although it is on the proxy's block list")
        elif not listed and not result["reachable"] and _cause(result) == _DENIED:
            found.append(f"{_name(result)} was refused although it is not on the proxy's block list")
    return found


def _slow(results: Sequence[Result]) -> list[str]:
    found = _clean(results)
    least = 0.9 * DELAY_SECONDS  # event loops round their timers
    quick = [result for result in results if result["reachable"] and result["timings"]["total"] < least]
    return found + [f"{_name(result)} took less time than the proxy waits" for result in quick]


def _inspected(results: Sequence[Result]) -> list[str]:
    found = _unreached(results)
    for result in results:
        if not result["reachable"] or result["target"]["scheme"] == "http":
            continue
        bypassed = any(result["target"]["host"].endswith(f".{domain}") for domain in BYPASSED)
        if bypassed and result["trusted"] is False:
            found.append(f"{_name(result)} is on the bypass list and yet not trusted")
        elif not bypassed and result["trusted"]:
            found.append(f"{_name(result)} was opened by the interceptor and yet trusted")
    return found


def _login_note(counted: Tally) -> str:
    closed = counted.causes[_LOGIN_NEEDED]
    if not closed:
        return "The password is right, and every service here may use it."
    return (
        f"The password is right, yet {closed} stay closed: their services cannot log in to a proxy, "
        "so what this prober could do for them does not count."
    )


def _socks5_note(counted: Tally) -> str:
    return "SOCKS5 with a password; the proxy resolves the names. " + _login_note(counted)


def _blocking_note(counted: Tally) -> str:
    return (
        f"The proxy refused {counted.causes[_DENIED]} with 403: its block list has {' and '.join(BLOCKED)}. "
        "Stage proxy, hop 1: the proxy said no, the target was never asked."
    )


def _slow_note(counted: Tally) -> str:
    return (
        f"Nothing is broken, it only takes its time: {counted.median_ms:.0f} ms a probe in the middle, "
        f"of which the proxy waits {DELAY_SECONDS * 1000:.0f}."
    )


def _inspected_note(counted: Tally) -> str:
    return (
        f"All get an answer, but {counted.untrusted} show a certificate that nobody in the store vouches for: "
        f"the proxy opens TLS and signs for itself. Only *.{BYPASSED[0]} passes untouched: it is on its bypass list."
    )


def _say(text: str) -> Callable[[Tally], str]:
    return lambda _: text


_DIRECT: Final = "No proxy: names resolved here, TLS straight to the origin. The measure for all the others."
_OPEN: Final = "An HTTP proxy that lets everything through (CONNECT, and the absolute form for http://)."
_HTTPS: Final = "As open, but with TLS to the proxy itself, whose own certificate a corporate CA signed."
_SOCKS4A: Final = "SOCKS 4a: no login, IPv4 only, but the name travels to the proxy."
_CHAIN: Final = "Three in a row: SOCKS 4a, then HTTPS, then HTTP. TLS to the target runs inside TLS to the second."

STOPS: Final = (
    Stop("direct", _say(_DIRECT), _clean),
    Stop("open", _say(_OPEN), _clean),
    Stop("login", _login_note, _clean_but_login),
    Stop("https-proxy", _say(_HTTPS), _clean),
    Stop("socks5", _socks5_note, _clean_but_login),
    Stop("socks4a", _say(_SOCKS4A), _clean),
    Stop("blocking", _blocking_note, _blocked),
    Stop("slow", _slow_note, _slow),
    Stop("inspected", _inspected_note, _inspected),
    Stop("chain", _say(_CHAIN), _clean),
)
"""The routes of the lab's prober.yaml, in the order told."""
