"""The report for a ticket: the same page as Markdown. Nothing in it can become markup or mention anybody."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TextIO

from prober.bench.document import Bench, GroundDoc
from prober.bench.html.knee import capacity_lines
from prober.bench.onepage import columns_of, failure_lines, lines_of, reasons_of, remarks_of, summary
from prober.bench.standing import standings
from prober.bench.table import comparison_lines, generator_lines, stage_line
from prober.report.markdown import escaped
from prober.report.sanitize import several


def write_markdown(bench: Bench, stream: TextIO) -> None:
    """Write the benchmark as Markdown."""
    stream.write("\n".join(_lines(bench)) + "\n")


def _lines(bench: Bench) -> Iterator[str]:
    found = standings(bench)
    lines = lines_of(found)
    judged = sum(not each.null for each in found)
    yield f"# Load on {several(judged, 'route')} to {_text(bench.target.url)}"
    yield ""
    yield _text(summary(bench, found), 4000)
    yield ""
    has = columns_of(found)
    searched = bool(bench.capacities)
    names = ["route", "verdict", *(["highest valid"] if searched else []), "achieved of offered /s", "connections /s",
             "handshakes /s", *(["transactions /s"] if has["transactions"] else []), "response p50 / p95 / p99 ms",
             "service p50 / p95 / p99 ms", "added ms", "failed", "open",
             *(["throughput"] if has["throughput"] else [])]  # fmt: skip
    yield _row(names)
    yield "|---|---|" + "---:|" * (len(names) - 2)
    for line in lines:
        yield _row([
            line.route, line.verdict, *([line.capacity or "–"] if searched else []), line.rate, line.connections,
            line.handshakes, *([line.transactions] if has["transactions"] else []), " / ".join(line.response),
            " / ".join(line.service), line.added, line.failed, line.concurrent,
            *([line.throughput] if has["throughput"] else []),
        ])  # fmt: skip
    yield from _section("Not valid", reasons_of(found))
    yield from _section("To bear in mind", remarks_of(found))
    yield from _section("TLS interception under load", [f"{flip.route}: {flip.text}" for flip in bench.flips])
    yield from _section("Capacity", list(capacity_lines(bench)))
    if bench.comparison is not None:
        yield from _section("What separates them", list(comparison_lines(bench.comparison)))
    yield from _section("Stages, median in ms (more than direct)", [line for line in map(stage_line, found) if line])
    failures = [f"{each.route}: {line}" for each in found for line in failure_lines(each)]
    yield from _section("Failures", failures)
    yield from _section("Generator", [line for each in found if each.runs for line in generator_lines(each)])
    yield from _section("Notes", bench.notes)
    yield from _section("Test bed", [
        f"prober {bench.prober.version}, Python {bench.prober.python}, {bench.prober.openssl}",
        f"{bench.machine.system}; {bench.machine.cpu}, {bench.machine.cores} cores",
        *(ground_line(each) for each in bench.grounds),
        *(f"{name} = {value}" for name, value in bench.machine.settings.items()),
    ])  # fmt: skip
    yield from _section("Again", [shlex.join(bench.command)])


def ground_line(ground: GroundDoc) -> str:
    """One of several machines that made the load."""
    machine = ground.machine
    return (
        f"generator {ground.name} (egress {ground.egress}): {several(ground.processes, 'process', 'processes')}; "
        f"{machine.system}; {machine.cpu}, {machine.cores} cores"
    )


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"## {title}"
        yield ""
        yield from (f"- {_text(line, 2000)}" for line in lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_text(cell) for cell in cells) + " |"


def _text(text: str, limit: int = 400) -> str:
    return escaped(text, limit=limit)
