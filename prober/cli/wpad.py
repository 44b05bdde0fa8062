"""`prober routes wpad`: where automatic discovery looks, what is there, and whose it is."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from prober.cli.config import Format, OutputFormat
from prober.cli.options import Shared, load_or_exit, refuse, with_shared
from prober.cli.outcome import FINDINGS
from prober.report.sanitize import sanitize, several, takes_unicode
from prober.routes.text import without_login

if TYPE_CHECKING:
    from prober.config import Loaded
    from prober.engine.documents import Script
    from prober.engine.wpad import Discovery, Outcome
    from prober.model import Failure

EXAMPLES: Final = (
    "Examples: prober routes wpad dept.corp.example.com  ·  "
    "prober routes wpad corp.example.com --option-252 http://pac.corp.example.com/proxy.pac"
)
_OPTIONS: Final = frozenset({"resolve", "ipv4", "ipv6"})


@with_shared(only=_OPTIONS)
def wpad(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The DNS domain of a device: dept.corp.example.com.")],
    shared: Shared,
    option_252: Annotated[
        str | None,
        typer.Option("--option-252", metavar="TEXT", help="What DHCP says in option 252: a URL, or its octets in hex."),
    ] = None,
    level: Annotated[
        int | None,
        typer.Option(metavar="N", help="Windows' devolution level: labels at which it ends; 2 at least."),
    ] = None,
    own: Annotated[
        list[str] | None,
        typer.Option(metavar="DOMAIN", help="A further domain of the organisation: answers from it are not foreign."),
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Look for a PAC script as a device's automatic discovery does, and show every place with what came of it.

    The exit code is 0 if a script was found and nothing is highly suspicious, 1 otherwise.
    """
    loaded = load_or_exit(shared)
    from prober.routes.severity import Severity

    try:
        discovery = _discover(loaded, domain, option_252, level, own or [])
    except ValueError as error:
        refuse([f"command line: {error}"])
    if output is Format.JSON:
        typer.echo(json.dumps(as_values(discovery), indent=2))
    else:
        ascii_only = not takes_unicode(sys.stdout)
        typer.echo("\n".join(sanitize_line(line, ascii_only) for line in as_lines(discovery)))
    if discovery.script is None or any(each.severity is Severity.HIGH for each in discovery.findings):
        raise typer.Exit(FINDINGS)


def _discover(loaded: Loaded, domain: str, option_252: str | None, level: int | None, own: list[str]) -> Discovery:
    from prober.engine.documents import fetch_script
    from prober.engine.loop import run_loop
    from prober.engine.resolver import Resolver
    from prober.engine.wpad import discover

    async def run() -> Discovery:
        resolver = Resolver(loaded.settings.probe.family, loaded.resolve)
        try:
            fetch = partial(fetch_script, resolve=resolver.resolve)
            return await discover(
                domain, option_252=option_252, level=level, own=own, resolve=resolver.resolve, fetch=fetch
            )
        finally:
            await resolver.close()

    return run_loop(run())


def as_values(discovery: Discovery) -> dict[str, Any]:
    """The discovery as plain values."""
    found = discovery.candidates
    return {
        "domain": found.domain,
        "level": found.level,
        "organisation": found.organisation,
        "own": list(found.own),
        "script": _script_values(discovery.script),
        "failure": _failure_values(discovery.result),
        "candidates": [
            {
                "origin": each.candidate.origin.value,
                "url": without_login(each.candidate.url),
                "host": each.candidate.host,
                "whose": each.candidate.whose.value,
                "addresses": list(each.addresses),
                "chosen": each.chosen,
                "script": _script_values(each.result),
                "failure": _failure_values(each.result),
            }
            for each in discovery.outcomes
        ],
        "not_asked": [{"host": each.host, "why": each.why, "by_devices": each.by_devices} for each in found.not_asked],
        "findings": [
            {"id": each.id, "severity": each.severity.value, "text": each.text} for each in discovery.findings
        ],
    }


def _script_values(result: Script | Failure | None) -> dict[str, Any] | None:
    from prober.engine.documents import Script

    if not isinstance(result, Script):
        return None
    return {
        "url": result.url,
        "fetched_from": result.fetched_from,
        "redirects": list(result.redirects),
        "encoding": result.encoding,
        "characters": len(result.text),
        "sha256": result.digest,
        "remarks": list(result.remarks),
    }


def _failure_values(result: Script | Failure | None) -> dict[str, Any] | None:
    from prober.model import Failure

    if not isinstance(result, Failure):
        return None
    return {
        "stage": result.stage.value,
        "reason": result.reason.value,
        "detail": result.detail,
        "status": result.status,
    }


def as_lines(discovery: Discovery) -> list[str]:
    """The discovery for people."""
    found = discovery.candidates
    level = "" if found.level is None else f", devolution level {found.level}"
    lines = [f"WPAD in {found.domain} (organisation: {', '.join(found.own) or 'none known'}{level})"]
    for number, each in enumerate(discovery.outcomes, start=1):
        lines += ["", *_outcome_lines(number, each)]
    if found.not_asked:
        lines += ["", "Not asked"]
        lines += [f"  {each.host}: {each.why}" for each in found.not_asked]
    if discovery.findings:
        lines += ["", "Findings"]
        lines += [f"  {each.severity.value}: {each.text} [{each.id}]" for each in discovery.findings]
    return [*lines, "", _last_line(discovery)]


def _outcome_lines(number: int, outcome: Outcome) -> list[str]:
    from prober.engine.documents import Script

    candidate = outcome.candidate
    lines = [f"{number} {candidate.origin.value.upper()} {without_login(candidate.url)} ({candidate.whose.value})"]
    if outcome.addresses:
        lines.append(f"  at {', '.join(outcome.addresses[:8])}")
    if isinstance(outcome.result, Script):
        script = outcome.result
        taken = "  <- taken" if outcome.chosen else ""
        lines.append(
            f"  script: {several(len(script.text), 'character')}, {script.encoding}, from {script.fetched_from}, "
            f"SHA-256 {script.digest[:16]}{taken}"
        )
        lines += [f"  {remark}" for remark in script.remarks]
    else:
        lines.append(f"  {outcome.result.reason.value}: {outcome.result.detail}")
    return lines


def _last_line(discovery: Discovery) -> str:
    script = discovery.script
    if script is not None:
        return f"A device uses {script.source}: see `prober routes pac {script.url} URL` for what it answers."
    why = "" if discovery.failure is None else f" ({discovery.failure.reason.value})"
    return f"No script{why}: a device goes on with its other settings."


def sanitize_line(line: str, ascii_only: bool) -> str:
    """A line fit for a terminal, its indentation kept."""
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + sanitize(text, limit=2000, ascii_only=ascii_only)
