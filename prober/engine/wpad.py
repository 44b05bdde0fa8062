"""Automatic discovery of a PAC script, as a device goes about it: option 252, then `wpad` in DNS, domain by domain.

All candidates are tried, at the same time, and each keeps its outcome: the first one in order that gave a script is
taken, and the others say what else would have answered. Names of DNS candidates have a second to be found, Chromium's
quick check; Windows waits longer. `fetch` is `prober.engine.documents.fetch_script` with its resolver bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from prober.engine.address_policy import AddressPolicy
from prober.engine.document_web import Resolve
from prober.engine.documents import Script
from prober.engine.errors import LOCAL, stage_of
from prober.engine.resolver import ResolutionError
from prober.model import Failure, Reason, Stage
from prober.routes.text import without_login
from prober.routes.wpad import Candidate, Candidates, Origin, candidates
from prober.routes.wpad_findings import Finding, Seen, findings

Fetch = Callable[[str], Awaitable[Script | Failure]]
"""Fetches a URL."""
_QUICK_CHECK: Final = 1.0
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one candidate."""

    candidate: Candidate
    addresses: tuple[str, ...]
    """What its name resolves to; empty where that failed."""
    result: Script | Failure
    """A failure of stage `dns` where the name was not found, else `pac-fetch-failed`."""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Discovery:
    """What automatic discovery comes to in one domain."""

    candidates: Candidates
    outcomes: tuple[Outcome, ...]
    """One for each candidate, in a device's order."""
    result: Script | Failure
    """The first script, or `wpad-none`; our own exhaustion keeps its reason."""
    findings: tuple[Finding, ...]

    @property
    def script(self) -> Script | None:
        """The script, if there is one."""
        return self.result if isinstance(self.result, Script) else None

    @property
    def failure(self) -> Failure | None:
        """Why there is none."""
        return self.result if isinstance(self.result, Failure) else None


async def discover(
    domain: str,
    *,
    option_252: str | None = None,
    level: int | None = None,
    own: Iterable[str] = (),
    resolve: Resolve,
    fetch: Fetch,
    quick_check: float = _QUICK_CHECK,
) -> Discovery:
    """Try every candidate of a domain. `quick_check` is seconds for a name; the rest as in `wpad.candidates`.

    Raises ValueError with a sentence if domain, level or own domains cannot be used.
    """
    looked_for = candidates(domain, level=level, option_252=option_252, own=own)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_try(each, resolve, fetch, quick_check), name=f"wpad {each.host}")
            for each in looked_for.each
        ]
    tried = [task.result() for task in tasks]
    first = next((number for number, each in enumerate(tried) if isinstance(each.result, Script)), None)
    outcomes = tuple(
        Outcome(each.candidate, each.addresses, each.result, chosen=number == first)
        for number, each in enumerate(tried)
    )
    result = tried[first].result if first is not None else _none(looked_for, outcomes)
    return Discovery(looked_for, outcomes, result, findings(looked_for, [_seen(each) for each in outcomes]))


async def _try(candidate: Candidate, resolve: Resolve, fetch: Fetch, quick_check: float) -> Outcome:
    from_dns = candidate.origin is Origin.DNS
    port = _PORTS[candidate.url.partition(":")[0].lower()]
    try:
        async with asyncio.timeout(quick_check if from_dns else None):
            found = await resolve(candidate.host, port)
    except ResolutionError as error:
        failure = Failure(stage_of(error.reason, Stage.DNS), 0, error.reason, error.detail)
        return Outcome(candidate, error.addresses, failure)
    except TimeoutError:
        detail = (
            f"{candidate.host}: no answer within {quick_check:g} s, the time a browser gives it; Windows waits longer"
        )
        return Outcome(candidate, (), Failure(Stage.DNS, 0, Reason.DNS_TIMEOUT, detail))
    addresses = tuple(dict.fromkeys(address for address, _ in found.endpoints))
    return Outcome(candidate, addresses, await fetch(candidate.url))


def _none(looked_for: Candidates, outcomes: tuple[Outcome, ...]) -> Failure:
    """Why there is no script, every candidate in one sentence."""
    failures = [(each.candidate, each.result) for each in outcomes if isinstance(each.result, Failure)]
    ours = next((failure for _, failure in failures if failure.reason in LOCAL), None)
    if ours is not None:
        return ours
    tried = [f"{without_login(candidate.url)} ({_in_short(failure)})" for candidate, failure in failures]
    tried += [f"{each.host} not asked ({each.why})" for each in looked_for.not_asked if each.by_devices]
    said = "; ".join(tried) or "there is nothing to ask"
    return Failure(Stage.CONFIG, 0, Reason.WPAD_NONE, f"WPAD in {looked_for.domain} found no script: {said}")


def _in_short(failure: Failure) -> str:
    return str(failure.reason) if failure.status is None else f"{failure.reason}, status {failure.status}"


def _seen(outcome: Outcome) -> Seen:
    script = outcome.result if isinstance(outcome.result, Script) else None
    failure = outcome.result if isinstance(outcome.result, Failure) else None
    policy = AddressPolicy()
    return Seen(
        outcome.candidate,
        tuple(address for address in outcome.addresses if policy.refusal(address) is None),
        failure.reason if failure is not None and failure.stage is Stage.DNS else None,
        script.hosts if script is not None else (),
        script.digest if script is not None else None,
    )
