"""A run in one paragraph, to be pasted into a ticket. Texts are as they came: escape before showing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from prober.report.document import Run
from prober.report.finding import Finding, Kind
from prober.report.matrix import duration_of, ways_of
from prober.report.revocation import revocation_line
from prober.report.sanitize import seconds, several
from prober.report.verdict_counts import verdict_line

_TOPMOST = 3
"""Causes that are told in full."""
_ASIDE = (Kind.LOGIN, Kind.FALLBACK)
"""What is worth knowing and breaks nothing by itself."""


def moment(instant: str) -> str:
    """`2026-11-22 01:07:03Z`, of an instant of the run document."""
    return f"{instant[:19].replace('T', ' ')}Z"


def paragraph_of(run: Run, findings: Sequence[Finding]) -> str:
    """Who probed what when, how much of it was reached, the verdicts, and the largest causes."""
    counts = run.summary
    egresses = dict.fromkeys([run.egress, *(result.egress for result in run.results)])
    duration = duration_of(run)
    took = f" in {seconds(duration)}" if duration is not None else ""
    parts = [
        f"From {', '.join(egresses)} on {moment(run.started)}, prober {run.prober.version} probed "
        f"{several(counts.targets, 'target')} over {several(len(ways_of(run)), 'route')}{took}: {_reached(run)}"
    ]
    if not run.complete:
        parts.append("The run was interrupted; this is what was measured until then.")
    parts += [f"{line[0].upper()}{line[1:]}." for line in (verdict_line(run), revocation_line(run)) if line]
    parts.append(_causes(findings))
    if counts.services_without_probes:
        parts.append(f"No probe at all for {', '.join(counts.services_without_probes)}.")
    return " ".join(parts)


def _reached(run: Run) -> str:
    counts = run.summary
    if not counts.probes:
        return "nothing was probed."
    if not counts.unreachable:
        text = f"all {several(counts.probes, 'pair')} of target and route were reached"
    else:
        text = (
            f"{counts.reachable:,} of {several(counts.probes, 'pair')} of target and route were reached, "
            f"{counts.unreachable:,} were not"
        )
    more = [
        f"{counts.untrusted:,} showed an untrusted certificate" if counts.untrusted else "",
        f"{counts.unexpected_status:,} answered with an unexpected status" if counts.unexpected_status else "",
    ]
    return "; ".join([text, *filter(None, more)]) + "."


def _causes(findings: Sequence[Finding]) -> str:
    grave = [finding for finding in findings if finding.kind not in _ASIDE]
    if not grave:
        return "Nothing is wrong."
    shown = grave[:_TOPMOST]
    listed = " ".join(f"({number}) {finding.sentence}." for number, finding in enumerate(shown, 1))
    rest = Counter(finding.kind.value for finding in grave[_TOPMOST:])
    more = f" Further: {', '.join(f'{number} {kind}' for kind, number in rest.items())}." if rest else ""
    return f"{several(len(grave), 'cause')}: {listed}{more}"
