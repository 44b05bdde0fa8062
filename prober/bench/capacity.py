"""The search for the knee: the highest rate that a way out of the network takes and stays valid.

Low-load qualification (the baseline), geometric steps up to the first rate that fails, bisection between it and the
last valid one, confirmation. A state machine: `next` says what to run, `saw` takes what came of it.

* A hiccup of the machine is not a breaking point: on the way up a rate has failed when it failed three times in a row
  (one mistake there would end the search far below the knee), in the bisection when it failed twice. A rate is
  confirmed when most of its confirmation runs held; if not, it has failed, and the next lower one is looked for.
* Failed means: not valid (`validity`), or p99 of the response time above the limit, which is absolute or a multiple of
  the baseline's p99.
* Where the generator was the limit, the search ends below it. The answer is then "at least", and no capacity.
"""

from __future__ import annotations

import math
from typing import Final

from prober.bench.criteria import Fault
from prober.bench.knee import Capacity, Ending, Seen, Step, StepKind, Terms
from prober.bench.kpis import Kpis, SpanFigures
from prober.bench.validity import Validity
from prober.load.words import Span

LONGEST: Final = 180.0
"""Seconds that a step lasts at most for the sake of `Terms.samples`."""
FAILURES: Final = {StepKind.QUALIFY: 3, StepKind.STEP: 3, StepKind.BISECT: 2}
"""Runs in a row that must fail before a rate has."""
MOST_CONFIRMATIONS: Final = 4
"""Rates that are tried for confirmation before the search gives the lowest of them up."""
ENDINGS: Final = {
    Fault.FAILED: Ending.ERRORS,
    Fault.RESET: Ending.ERRORS,
    Fault.NOTHING: Ending.ERRORS,
    Fault.STOPPED: Ending.STOPPED,
    Fault.BEHIND: Ending.BEHIND,
    Fault.IN_FLIGHT: Ending.BEHIND,
    Fault.UNSTEADY: Ending.UNSTEADY,
    Fault.CONCURRENCY: Ending.UNSTEADY,
}


class Search:
    """One route's search. Ask `next`, make that run, tell `saw`; until `next` is None."""

    def __init__(self, terms: Terms) -> None:
        if not (0 < terms.start <= terms.most < math.inf and terms.factor > 1 and 0 < terms.precision < 1):
            raise ValueError(f"no search from {terms.start:g} to {terms.most:g} by {terms.factor:g}")
        self._terms = terms
        self._seen: list[Seen] = []
        self._powers: list[tuple[float, float]] = []
        self._baseline: float | None = None
        self._held: list[float] = []
        """Rates that held, in the order in which they did."""
        self._breaking: Seen | None = None
        """Lowest that failed."""
        self._ceiling: Seen | None = None
        """Lowest at which the generator was the limit."""
        self._doubts: list[Seen] = []
        """Runs in a row that failed, of one rate."""
        self._confirming: list[Seen] = []
        self._tried = 0
        self._confirmed = False
        self._over = False

    def next(self) -> Step | None:
        """The run to make now; None when the search is over. The same until `saw`."""
        if self._over:
            return None
        if self._doubts:
            return self._step(self._doubts[-1].step.kind, self._doubts[-1].step.rate)
        if not self._seen:
            return self._step(StepKind.QUALIFY, self._terms.start)
        knee = self._knee()
        if knee is None:
            return None
        bound = self._bound()
        if bound is None and knee < self._terms.most:
            return self._step(StepKind.STEP, min(knee * self._terms.factor, self._terms.most))
        if bound is not None and not self._limited and bound / knee > 1 + self._terms.precision:
            return self._step(StepKind.BISECT, math.sqrt(knee * bound))
        if self._confirmed or self._tried >= MOST_CONFIRMATIONS or not self._terms.confirmations:
            return None
        return self._step(StepKind.CONFIRM, knee)

    def saw(self, step: Step, kpis: Kpis, validity: Validity) -> Seen:
        """Take in what a run came to; the answer is what it meant."""
        seen = self._judged(step, kpis, validity)
        self._seen.append(seen)
        response = kpis.spans.get(Span.RESPONSE.value)
        if response is not None and response.mean:
            self._powers.append((kpis.achieved / response.mean, step.rate))
        if step.kind is StepKind.CONFIRM:
            self._confirm(seen)
        elif seen.held:
            self._doubts = []
            self._held.append(step.rate)
            if step.kind is StepKind.QUALIFY:
                self._baseline = _tail(response)
        else:
            self._doubts.append(seen)
            if len(self._doubts) >= FAILURES[step.kind]:
                self._doubts = []
                self._fail(seen)
        return seen

    def stop(self) -> None:
        """End the search now, with what is known (interrupted)."""
        self._over = True

    @property
    def result(self) -> Capacity:
        """What is known so far; final once `next` is None."""
        knee = self._knee()
        at_knee = [seen.achieved for seen in self._confirming if seen.held and seen.step.rate == knee]
        breaking = None if self._breaking is None else self._breaking.step.rate
        generator_limited = self._limited
        word, reason = self._ending(knee)
        return Capacity(
            knee,
            breaking,
            word,
            reason,
            generator_limited,
            self._confirmed,
            at_least=knee is not None and (generator_limited or breaking is None),
            low=min(at_knee, default=knee),
            high=None if generator_limited else breaking,
            baseline_p99=self._baseline,
            limit_p99=self._limit(),
            best_power=max(self._powers)[1] if self._powers else None,
            seen=tuple(self._seen),
        )

    # what a run meant

    def _judged(self, step: Step, kpis: Kpis, validity: Validity) -> Seen:
        p99 = _tail(kpis.spans.get(Span.RESPONSE.value))
        word, text = self._verdict(p99, validity)
        return Seen(step, not word, validity.generator_limited, word, text, kpis.achieved, p99)

    def _verdict(self, p99: float | None, validity: Validity) -> tuple[str, str]:
        if validity.generator_limited:
            texts = " ".join(reason.text for reason in validity.reasons)
            return Ending.GENERATOR, texts or "The generator was the limit."
        if validity.reasons:
            first = validity.reasons[0]
            return ENDINGS.get(Fault(first.word), Ending.ERRORS), first.text
        limit = self._limit()
        if limit is not None and p99 is not None and p99 > limit:
            return Ending.LATENCY, (
                f"p99 of the response time was {1e3 * p99:.1f} ms; the limit is {1e3 * limit:.1f} ms"
                + (
                    f", {self._terms.times_baseline:g} times that of the lowest load."
                    if self._terms.p99 is None
                    else "."
                )
            )
        return "", ""

    def _limit(self) -> float | None:
        if self._terms.p99 is not None:
            return self._terms.p99
        if self._baseline is None:
            return None
        return max(self._terms.times_baseline * self._baseline, self._terms.least_p99)

    def _fail(self, seen: Seen) -> None:
        """A rate failed for good."""
        if seen.generator_limited:
            if self._ceiling is None or seen.step.rate < self._ceiling.step.rate:
                self._ceiling = seen
        elif self._breaking is None or seen.step.rate < self._breaking.step.rate:
            self._breaking = seen
        self._held = [rate for rate in self._held if rate < seen.step.rate]
        self._confirming = []
        if not self._held:
            self._over = True

    def _confirm(self, seen: Seen) -> None:
        self._confirming.append(seen)
        needed = self._terms.confirmations // 2 + 1
        held = sum(each.held for each in self._confirming)
        failed = [each for each in self._confirming if not each.held]
        if len(failed) > self._terms.confirmations - needed:
            self._tried += 1
            self._fail(failed[-1])
        elif len(self._confirming) == self._terms.confirmations:
            self._confirmed = held >= needed

    # where the search is

    @property
    def _limited(self) -> bool:
        """Whether the generator gave up before the proxy did."""
        if self._ceiling is None:
            return False
        return self._breaking is None or self._ceiling.step.rate <= self._breaking.step.rate

    def _knee(self) -> float | None:
        return max(self._held, default=None)

    def _bound(self) -> float | None:
        """The lowest rate that is known to be too much, for whatever reason."""
        return min((each.step.rate for each in (self._breaking, self._ceiling) if each is not None), default=None)

    def _step(self, kind: StepKind, rate: float) -> Step:
        seconds = self._terms.confirm_seconds if kind is StepKind.CONFIRM else self._terms.seconds
        seconds = max(seconds, min(math.ceil(self._terms.samples / rate), LONGEST))
        return Step(kind, rate, seconds, len(self._seen) + 1)

    def _ending(self, knee: float | None) -> tuple[str, str]:
        if self._limited and self._ceiling is not None:
            rest = "no rate held" if knee is None else f"at least {knee:,.0f}/s, the generator's limit, not the proxy's"
            return Ending.GENERATOR, f"{rest}. {self._ceiling.text}"
        if self._breaking is not None:
            first = "" if knee is not None else "Already the lowest rate failed: start lower. "
            return self._breaking.word, f"{first}At {self._breaking.step.rate:,.0f}/s: {self._breaking.text}"
        if knee is not None and knee >= self._terms.most:
            return (
                Ending.NOT_REACHED,
                f"It held up to {knee:,.0f}/s, the highest rate asked for: raise it to find more.",
            )
        return Ending.STOPPED, "The search was stopped before a rate failed."


def _tail(response: SpanFigures | None) -> float | None:
    """p99; of too few samples the largest, which is never below it."""
    if response is None or not response.count:
        return None
    return response.p99 if response.p99 is not None else response.most
