"""The finding that the direct route is not direct: a transparent proxy stands in front of everything."""

from __future__ import annotations

from typing import Final

from prober.report.document import Run
from prober.report.finding import Finding, Kind
from prober.report.notes import NOTES, NoteId

TO_DO: Final = (
    "Ask whoever runs the network which box that is, and have Defender's names exempted on it. Until then compare with "
    "something that does not pass it: another egress (--baseline RUN), a pin (--pin)."
)


def direct_findings(run: Run) -> list[Finding]:
    """One, where the run's notes say so."""
    if not any(each.id == NoteId.DIRECT_IS_PROXIED for each in run.notes):
        return []
    over = [each for each in run.results if each.via == ()]
    return [
        Finding(
            kind=Kind.DIRECT,
            sentence=NOTES[NoteId.DIRECT_IS_PROXIED],
            hint=TO_DO,
            words=NoteId.DIRECT_IS_PROXIED.value,
            windows="",
            detail="",
            names=(),
            results=len(over),
            members=tuple((each.target.id, (each.egress, each.route)) for each in over),
        )
    ]
