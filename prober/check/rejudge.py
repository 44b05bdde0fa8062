"""A saved run judged again, and a saved run as the baseline of a new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace as changed

from prober.check.trusting import further_trust, trust_store
from prober.config import Loaded
from prober.engine.stores import mozilla_roots
from prober.interception.baseline import Baseline
from prober.interception.comparison import Comparison, PairKey
from prober.interception.holdings import TrustSnapshot
from prober.interception.trust import TrustStore
from prober.model import Observation, Purpose, Route, Target
from prober.report.build import collect_certificates, failure_document, headline, summary_of
from prober.report.document import Result, Run
from prober.report.notes import NoteId, note
from prober.report.reread import Missing, egresses_of, observations_of
from prober.report.sanitize import several
from prober.report.trust import certificates_of, snapshot_of, trust_document
from prober.report.verdicts import interception_document

Seen = tuple[Target, Route, Observation]


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A run with new judgements."""

    run: Run
    missing: tuple[Missing, ...]
    """Pairs, or probes of theirs, that the document does not hold enough of; they keep the judgement they had."""


def judge_again(run: Run, loaded: Loaded, baseline: Run | None = None) -> Rejudged:
    """Judge a run with the trust it was made with, and with what the settings in force add to it.

    Raises PlanErrors for roots that cannot be read, and ValueError (a clause) where the run's own trust is damaged.
    """
    store, snapshot = _store(run, loaded)
    missing: list[Missing] = []
    results: dict[tuple[str, str, str], Result] = {}
    used: set[str] = set()
    for egress in egresses_of(run):
        judged = _Judged(run, egress, store, baseline_of(baseline, store, egress), missing)
        used |= judged.comparison.certificates_used()
        for result in run.results:
            if result.egress == egress:
                results[egress, result.target.id, result.route] = judged.result(result)
    ordered = tuple(results[result.egress, result.target.id, result.route] for result in run.results)
    kept = store.snapshot(used)
    notes = [each for each in run.notes if each.id != NoteId.REJUDGED]
    again = changed(
        run,
        results=ordered,
        summary=summary_of(ordered, run.summary.services_without_probes),
        trust=trust_document(kept),
        certificates={**run.certificates, **collect_certificates((), certificates_of(kept))},
        notes=(*notes, note(NoteId.REJUDGED, f"{_how(snapshot, store, missing)}{_without(run, baseline)}")),
    )
    return Rejudged(again, tuple(missing))


def baseline_of(run: Run | None, store: TrustStore, egress: str) -> Baseline | None:
    """References from a saved run: those of the same egress if it has any, else those of all."""
    if run is None:
        return None
    known = egresses_of(run)
    looks = [
        look
        for each in ([egress] if egress in known else known)
        for look in _compared(run, list(observations_of(run, egress=each)), store).references()
    ]
    return Baseline.of(looks)


def _compared(run: Run, seen: Sequence[Seen], store: TrustStore, baseline: Baseline | None = None) -> Comparison:
    """Observations side by side. All intermediates are learned first: then the order makes no difference."""
    for _, _, observation in seen:
        if observation.tls is not None:
            store.learn(observation.tls.chain)
    comparison = Comparison(store, baseline=baseline)
    if any(each.id == NoteId.DIRECT_IS_PROXIED for each in run.notes):  # in a joined run: of any of its egresses
        comparison.distrust_direct()
    for target, route, observation in seen:
        comparison.add(target, route, observation)
    return comparison


class _Judged:
    """One egress of a run, judged."""

    def __init__(
        self, run: Run, egress: str, store: TrustStore, baseline: Baseline | None, missing: list[Missing]
    ) -> None:
        seen = list(observations_of(run, missing, egress=egress))
        self.comparison = _compared(run, seen, store, baseline)
        self._seen: dict[PairKey, tuple[Target, Route, list[Observation]]] = {}
        for target, route, observation in seen:
            self._seen.setdefault((target.id, route.name), (target, route, []))[2].append(observation)

    def result(self, result: Result) -> Result:
        """A result with its judgements made anew; as it was where the document holds too little."""
        held = self._seen.get((result.target.id, result.route))
        if held is None:
            return result
        target, route, observations = held
        asked = [each for each in observations if each.purpose in (Purpose.ATTEMPT, Purpose.CLIENT_CERTIFICATE)]
        trust = self.comparison.trust(headline(asked), target) if asked else None
        verdict = self.comparison.verdict(target.id, route.name)
        tls = result.tls
        return changed(
            result,
            trusted=None if trust is None else trust.trusted,
            trust_failure=None if trust is None else failure_document(trust.failure, route, target),
            tls=changed(tls, anchor=trust.anchor.value) if tls is not None and trust is not None else tls,
            interception=interception_document(verdict),
        )


def _store(run: Run, loaded: Loaded) -> tuple[TrustStore, TrustSnapshot | None]:
    snapshot = snapshot_of(run)
    if snapshot is None:
        return trust_store(loaded), None
    return TrustStore.from_snapshot(further_trust(snapshot, loaded), mozilla_roots()), snapshot


def _how(snapshot: TrustSnapshot | None, store: TrustStore, missing: Iterable[Missing]) -> str:
    text = "Judged again from what the run saved."
    if snapshot is None:
        text = "Judged again, with the trust stores of this machine: the run does not say what it was judged with."
    elif snapshot.mozilla_sha256 != store.snapshot(()).mozilla_sha256:
        text = "Judged again with another edition of Mozilla's store than the run's own."
    lacking = len({(each.target, each.egress, each.route) for each in missing})
    return f"{text} Not enough was saved of {several(lacking, 'pair')}." if lacking else text


def _without(run: Run, baseline: Run | None) -> str:
    """What the run's own verdicts rested on and these do not."""
    references = (each.interception.reference for each in run.results if each.interception is not None)
    rested = any(reference is not None and reference.kind == "baseline" for reference in references)
    return " Its own verdicts rested on a baseline, which is not in it (--baseline)." if rested and not baseline else ""
