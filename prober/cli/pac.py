"""`prober routes pac`: what a PAC script answers for URLs, and how it came to that."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from prober.cli.config import Format, OutputFormat
from prober.cli.options import refuse
from prober.cli.outcome import FINDINGS
from prober.report.sanitize import sanitize, several, takes_unicode
from prober.routes.pac.reading import Reading
from prober.routes.text import without_login

if TYPE_CHECKING:
    from prober.engine.documents import Script
    from prober.engine.pac.answers import PacAnswer, PacCall
    from prober.model import Failure, Hop
    from prober.routes.pac.results import ResultList

EXAMPLES: Final = (
    "Examples: prober routes pac proxy.pac https://winatp-gw-neu.microsoft.com  ·  "
    "prober routes pac http://pac.corp/proxy.pac https://a.example --my-ip 10.20.30.40 --reading winhttp  ·  "
    "prober routes pac - http://intra/x --dns intra=10.0.0.9 --now 2026-03-02T08:30:00+01:00 < proxy.pac"
)
_MOST_STDIN: Final = 16 * 1024 * 1024
"""Octets of standard input that are looked at: more than any script may have."""


@dataclass(frozen=True, slots=True)
class World:
    """What a script can learn of a device."""

    dns: dict[str, list[str]] | None
    """Names and their addresses; None = the machine's own resolver is asked."""
    addresses: list[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Everything there is to show."""

    source: str
    reading: Reading
    about: tuple[str, ...]
    """Remarks on the script as a whole."""
    loading: tuple[PacCall, ...]
    loading_alerts: tuple[str, ...]
    answers: list[tuple[PacAnswer, ResultList | None]]


def pac(
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="A file, - for standard input, or an http(s) URL.")],
    urls: Annotated[list[str], typer.Argument(metavar="URL…", help="What a device would ask for: https://host/path.")],
    dns: Annotated[
        list[str] | None,
        typer.Option(
            "--dns",
            metavar="HOST=IP[,IP]",
            help="An address that the device would get; nothing after = means none. With it no other name is resolved.",
        ),
    ] = None,
    my_ip: Annotated[
        list[str] | None,
        typer.Option("--my-ip", metavar="IP", help="The device's own address, for myIpAddress(); may be given again."),
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(metavar="RFC3339", help="The device's time with its offset: 2026-03-02T08:30:00+01:00."),
    ] = None,
    reading: Annotated[
        Reading, typer.Option(help="Whose rules: Chromium's, or those of Windows (WinHTTP).")
    ] = Reading.CHROMIUM,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Evaluate a PAC script for URLs: the answer, the ways in order, and the functions that were called.

    The exit code is 1 if there is no answer for one of them.
    """
    from prober.model import Failure

    world = _world(script, urls, dns or [], my_ip or [], now)
    got = _script(script)
    evaluated = (
        _unread(script, reading, urls, got) if isinstance(got, Failure) else _evaluated(got, urls, world, reading)
    )
    if output is Format.JSON:
        typer.echo(json.dumps(as_values(evaluated), indent=2))
    else:
        ascii_only = not takes_unicode(sys.stdout)
        typer.echo("\n".join(_fit(label, text, ascii_only) for label, text in as_lines(evaluated)))
    if any(answer.failure is not None for answer, _ in evaluated.answers):
        raise typer.Exit(FINDINGS)


def _world(script: str, urls: list[str], dns: list[str], my_ip: list[str], now: str | None) -> World:
    """The device's world from the options; all errors at once."""
    from prober.routes.pac.urls import pac_url

    errors: list[str] = []
    for number, url in enumerate(urls, start=1):
        try:
            pac_url(url)
        except ValueError as error:
            errors.append(f"URL {number}: {error}")
    table: dict[str, list[str]] = {}
    for text in dns:
        _add_name(text, table, errors)
    addresses = [address for text in my_ip if (address := _address(text, "--my-ip", errors)) is not None]
    moment = _moment(now, errors)
    if not script.lower().startswith(("http:", "https:", "file:")) and script != "-":
        problem = _file_problem(Path(script))
        if problem:
            errors.append(f"SCRIPT {script}: {problem}")
    if errors or moment is None:
        refuse([f"command line: {error}" for error in errors])
    return World(table if dns else None, addresses, moment)


def _add_name(text: str, table: dict[str, list[str]], errors: list[str]) -> None:
    from prober.routes.text import host_name

    host, equals, values = text.partition("=")
    if not equals:
        errors.append(f'--dns: expected HOST=IP[,IP], not "{text}"')
        return
    found = [_address(value.strip(), f"--dns {host}", errors) for value in values.split(",") if value.strip()]
    try:
        table.setdefault(host_name(host.strip()), []).extend(each for each in found if each is not None)
    except ValueError as error:
        errors.append(f"--dns {host}: {error}")


def _address(text: str, where: str, errors: list[str]) -> str | None:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        errors.append(f'{where}: "{text}" is not an IP address')
        return None


def _moment(text: str | None, errors: list[str]) -> datetime | None:
    if text is None:
        return datetime.now().astimezone()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        errors.append(f'--now: "{text}" is not a time with its offset, such as 2026-03-02T08:30:00+01:00 or …Z')
        return None
    return moment


def _file_problem(path: Path) -> str | None:
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            return "it is a folder"
        with path.open("rb"):
            return None
    except OSError as error:
        return error.strerror or type(error).__name__
    except ValueError:
        return "it is no name of a file"


def _script(source: str) -> Script | Failure | str:
    """The script, from standard input as its mere text."""
    if source == "-":
        from prober.engine.document_text import decode

        return decode(sys.stdin.buffer.read(_MOST_STDIN), None).text
    from prober.engine.documents import fetch_script
    from prober.engine.loop import run_loop
    from prober.engine.resolver import Resolver
    from prober.routes.overrides import Overrides

    async def fetch() -> Script | Failure:
        resolver = Resolver("ipv4-first", Overrides())
        try:
            return await fetch_script(source, resolve=resolver.resolve)
        finally:
            await resolver.close()

    return run_loop(fetch())


def _unread(source: str, reading: Reading, urls: list[str], failure: Failure) -> Evaluated:
    from prober.engine.pac.answers import PacAnswer
    from prober.routes.pac.urls import pac_url

    asked = [pac_url(url) for url in urls]
    answers = [PacAnswer(url, each.url, each.host, None, failure) for url, each in zip(urls, asked, strict=True)]
    return Evaluated(source, reading, (), (), (), [(answer, None) for answer in answers])


def _evaluated(got: Script | str, urls: list[str], world: World, reading: Reading) -> Evaluated:
    from prober.engine.pac.names import machine, table
    from prober.engine.pac.sandbox import PacSandbox
    from prober.routes.pac.results import parse_result

    text, source, about = (got, "-", ()) if isinstance(got, str) else (got.text, without_login(got.url), got.remarks)
    resolve = machine if world.dns is None else table(world.dns)
    with PacSandbox(
        text, now=world.now, resolve=resolve, my_addresses=world.addresses, reading=reading, trace=True
    ) as sandbox:
        answers = sandbox.evaluate(urls)
        loading = sandbox.loading
    called = {call.function for trace in (loading, *(each.trace for each in answers)) for call in trace.calls}
    if not world.addresses and called & {"myIpAddress", "myIpAddressEx"}:
        about = (
            *about,
            "the script asks for the device's own address and got none of the device's: give it with --my-ip",
        )
    if world.dns is None and called & _RESOLVING:
        about = (*about, "names were resolved on this machine: --dns says what a device would get")
    results = [None if each.result is None else parse_result(each.result, reading) for each in answers]
    return Evaluated(source, reading, about, loading.calls, loading.alerts, list(zip(answers, results, strict=True)))


_RESOLVING: Final = frozenset({"dnsResolve", "isResolvable", "isInNet", "dnsResolveEx", "isResolvableEx"})


def _remarks(answer: PacAnswer, result: ResultList | None, reading: Reading) -> list[str]:
    remarks = list(result.remarks) if result is not None else []
    if answer.trace.random:
        remarks.append("the script draws lots (Math.random): a device may get another answer")
    if answer.failure is not None:
        remarks.append(
            "WinHTTP reports 12166 or 12177 and no proxy"
            if reading is Reading.WINHTTP
            else "Chromium goes on with its next setting, or direct"
        )
    return remarks


def as_values(evaluated: Evaluated) -> list[dict[str, Any]]:
    """The answers as plain values."""
    return [
        {
            "url": without_login(answer.url),
            "result": answer.result,
            "routes": [] if result is None else [[_hop(hop) for hop in way] for way in result.ways],
            "error": None if answer.failure is None else _error(answer.failure),
            "reading": evaluated.reading.value,
            "asked": answer.asked,
            "host": answer.host,
            "entry": answer.entry,
            "calls": _calls(answer.calls),
            "calls_left_out": answer.trace.calls_left_out,
            "alerts": list(answer.alerts),
            "alerts_left_out": answer.trace.alerts_left_out,
            "remarks": _remarks(answer, result, evaluated.reading),
            "script": {
                "source": evaluated.source,
                "remarks": list(evaluated.about),
                "calls": _calls(evaluated.loading),
                "alerts": list(evaluated.loading_alerts),
            },
        }
        for answer, result in evaluated.answers
    ]


def _hop(hop: Hop) -> dict[str, Any]:
    return {"scheme": hop.scheme.value, "host": hop.host, "port": hop.port}


def _error(failure: Failure) -> dict[str, Any]:
    return {"stage": failure.stage.value, "reason": failure.reason.value, "detail": failure.detail}


def _calls(calls: tuple[PacCall, ...]) -> list[dict[str, Any]]:
    return [{"function": call.function, "arguments": list(call.arguments), "result": call.result} for call in calls]


def as_lines(evaluated: Evaluated) -> list[tuple[str, str]]:
    """The answers for people: lines as label and text; the label is empty in front of a heading."""
    lines = [("", f"{evaluated.source}, as {evaluated.reading.value} reads it")]
    lines += [("remark", remark) for remark in evaluated.about]
    lines += [("called", f"{call} (while loading)") for call in evaluated.loading]
    lines += [("alert", f"{text} (while loading)") for text in evaluated.loading_alerts]
    for answer, result in evaluated.answers:
        lines += [("", ""), *_answer_lines(answer, result, evaluated.reading)]
    return lines


def _answer_lines(answer: PacAnswer, result: ResultList | None, reading: Reading) -> list[tuple[str, str]]:
    entry = answer.entry or "FindProxyForURL"
    lines = [("", without_login(answer.url)), ("asked", f'{entry}("{answer.asked}", "{answer.host}")')]
    lines += [("called", str(call)) for call in answer.calls]
    if answer.trace.calls_left_out:
        lines.append(("called", f"… and {several(answer.trace.calls_left_out, 'call')} more"))
    lines += [("alert", text) for text in answer.alerts]
    if answer.trace.alerts_left_out:
        lines.append(("alert", f"… and {several(answer.trace.alerts_left_out, 'alert')} more"))
    if answer.failure is not None:
        lines.append(("error", f"{answer.failure.reason.value}: {answer.failure.detail}"))
    if answer.result is not None:
        lines.append(("result", f'"{answer.result}"'))
    for number, way in enumerate(result.ways if result is not None else (), start=1):
        lines.append((f"way {number}", ", ".join(hop.url for hop in way) or "direct"))
    return [*lines, *(("remark", remark) for remark in _remarks(answer, result, reading))]


def _fit(label: str, text: str, ascii_only: bool) -> str:
    shown = sanitize(text, limit=2000, ascii_only=ascii_only)
    return f"  {label:<8}{shown}" if label else shown
