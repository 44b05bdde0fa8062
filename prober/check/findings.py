"""What counts as a finding: the words of `--fail-on`, and whether a run has any of them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from prober.report.document import Result, Run


class FailOn(StrEnum):
    """Words of `--fail-on` (contract.md, exit codes)."""

    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    UNEXPECTED_STATUS = "unexpected-status"
    INTERCEPTED = "intercepted"
    SUSPECT = "suspect"
    REVOCATION = "revocation"
    REGRESSION = "regression"


DEFAULT: Final = (FailOn.UNREACHABLE, FailOn.INTERCEPTED)


def parse_fail_on(text: str) -> tuple[FailOn, ...]:
    """A comma-separated list of words; `none` for none. Raises ValueError with every unknown word."""
    import difflib

    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["none"]:
        return ()
    known = [each.value for each in FailOn]
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        near = {word: difflib.get_close_matches(word, known, 1) for word in unknown}
        said = "; ".join(f'"{word}"' + (f": did you mean {close[0]}?" if close else "") for word, close in near.items())
        raise ValueError(f"unknown {said or 'empty list'} (known: {', '.join(known)}, none)")
    return tuple(FailOn(word) for word in words)


def has_findings(run: Run, fail_on: tuple[FailOn, ...]) -> bool:
    """Whether any result is one that was asked to fail on."""
    return any(map(finding_test(run, fail_on), run.results))


def finding_test(run: Run, fail_on: tuple[FailOn, ...]) -> Callable[[Result], bool]:
    """What says of a result of the run whether it is one that was asked to fail on. What one candidate of a device's
    component would do is no finding: it is the component's whole list that the device goes by."""
    candidates = {route.name for route in run.routes if route.candidate}

    def is_finding(result: Result) -> bool:
        return result.route not in candidates and any(_is_finding(result, word) for word in fail_on)

    return is_finding


def _is_finding(result: Result, word: FailOn) -> bool:
    match word:
        case FailOn.UNREACHABLE:
            return not result.reachable
        case FailOn.UNTRUSTED:
            return result.trusted is False
        case FailOn.UNEXPECTED_STATUS:
            return result.http is not None and result.http.as_expected is False
        case FailOn.INTERCEPTED | FailOn.SUSPECT:
            return result.interception is not None and result.interception.verdict == word.value
        case FailOn.REVOCATION:
            found = result.revocation
            return found is not None and (found.reachable is False or found.revoked is not None)
        case FailOn.REGRESSION:
            return False  # of differences `prober.diff` knows; a single run has none
