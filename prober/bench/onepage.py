"""The page that is read first: a line for each route, in words and figures that all forms of the report share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prober.bench.document import Bench, FailureShareDoc, KpisDoc, RateDoc, ReasonDoc, SpanDoc
from prober.bench.findings import CapacityDoc
from prober.bench.standing import Standing, State
from prober.load.words import Span
from prober.report.sanitize import duration, seconds, several


@dataclass(frozen=True, slots=True)
class Line:
    """One route, as it is printed. `–` is what was not measured."""

    route: str
    hops: str
    state: State
    verdict: str
    """`valid`, `invalid`, `generator-limited`, or what the search found."""
    rate: str
    """Offered and achieved per second."""
    capacity: str
    """Highest valid rate; empty where none was looked for."""
    connections: str
    handshakes: str
    transactions: str
    response: tuple[str, str, str]
    """p50, p95, p99, in ms."""
    service: tuple[str, str, str]
    added: str
    """What the median of the service time is more than direct, in ms."""
    failed: str
    concurrent: str
    throughput: str


def lines_of(standings: Sequence[Standing]) -> list[Line]:
    """A line for each."""
    return [_line(each) for each in standings]


def _line(standing: Standing) -> Line:
    kpis = standing.kpis
    return Line(
        route=standing.route + (" (null run)" if standing.null else ""),
        hops=standing.hops,
        state=standing.state,
        verdict=standing.state.value,
        rate="–" if kpis is None or not kpis.offered else f"{figure(kpis.achieved)} of {figure(kpis.offered)}",
        capacity=_capacity(standing),
        connections="–" if kpis is None else _rate(kpis.connections),
        handshakes="–" if kpis is None else _rate(kpis.handshakes),
        transactions="–" if kpis is None or not kpis.transactions.most else _rate(kpis.transactions),
        response=percentiles(standing.response),
        service=percentiles(standing.service),
        added=_added(standing),
        failed="–" if kpis is None else failed_text(kpis),
        concurrent="–"
        if kpis is None
        else f"{figure(round(kpis.concurrent.mean))}, max {figure(kpis.concurrent.most)}",
        throughput="–" if kpis is None or not kpis.throughput.most else bits(kpis.throughput.mean),
    )


def reasons_of(standings: Sequence[Standing]) -> list[str]:
    """Why routes are not valid: a sentence for each criterion, with the routes that missed it."""
    return _said([(each, [run.validity.reasons for run in each.runs]) for each in standings])


def remarks_of(standings: Sequence[Standing]) -> list[str]:
    """What to bear in mind though it makes nothing invalid."""
    found = _said([(each, [run.validity.remarks for run in each.runs]) for each in standings])
    unlike: dict[str, list[str]] = {}
    for each in standings:
        if each.not_added:
            unlike.setdefault(each.not_added, []).append(each.route)
    return [*found, *(f"{', '.join(names)}: nothing is called added, {why}." for why, names in unlike.items())]


def _said(told: Sequence[tuple[Standing, Sequence[Sequence[ReasonDoc]]]]) -> list[str]:
    """Grouped by word. Where texts differ the first is given; what all routes have in common names none."""
    texts: dict[str, list[str]] = {}
    places: dict[str, list[str]] = {}
    for standing, runs in told:
        of = len(runs)
        for word in dict.fromkeys(each.word for reasons in runs for each in reasons):
            found = [each.text for reasons in runs for each in reasons if each.word == word]
            texts.setdefault(word, []).extend(found)
            name = standing.route if len(found) == of else f"{standing.route} ({len(found)} of {of} runs)"
            places.setdefault(word, []).append(name)
    loaded = [standing.route for standing, runs in told if runs]
    lines: list[str] = []
    for word, found in texts.items():
        of_all = places[word] == loaded and len(set(found)) == 1 and len(loaded) > 1
        first = "for example: " if len(set(found)) > 1 else ""
        lines.append(found[0] if of_all else f"{', '.join(places[word])}: {first}{found[0]}")
    return lines


def columns_of(standings: Sequence[Standing]) -> dict[str, bool]:
    """Which of the columns that not every workload fills are worth their room."""
    known = [each.kpis for each in standings if each.kpis is not None]
    return {
        "transactions": any(each.transactions.most for each in known),
        "throughput": any(each.throughput.most for each in known),
    }


def _capacity(standing: Standing) -> str:
    capacity = standing.capacity
    if capacity is None:
        return ""
    if capacity.knee is None:
        return "none valid"
    return f"≥ {figure(capacity.knee)}/s" if _at_least(capacity) else f"{figure(capacity.knee)}/s"


def _at_least(capacity: CapacityDoc) -> bool:
    return capacity.at_least or capacity.generator_limited


def _rate(rate: RateDoc) -> str:
    return figure(rate.mean)


def percentiles(span: SpanDoc | None) -> tuple[str, str, str]:
    """p50, p95 and p99 in ms; `–` where there were too few samples."""
    if span is None:
        return "–", "–", "–"
    p50, p95, p99 = (thousandths(value) for value in (span.p50, span.p95, span.p99))
    return p50, p95, p99


def _added(standing: Standing) -> str:
    if standing.null:
        return "–"
    for each in standing.added:
        if each.measure == Span.SERVICE.value and each.p50_more is not None:
            return f"{'+' if each.p50_more >= 0 else '−'}{thousandths(abs(each.p50_more))}"
    return "–"


def failed_text(kpis: KpisDoc) -> str:
    """`0`, or count and share; skipped starts beside it."""
    skipped = sum(kpis.skipped.values())
    words = "0" if not kpis.failed else f"{kpis.failed:,} ({share(kpis.failed / max(kpis.ended, 1))})"
    return words + (f" + {skipped:,} not started" if skipped else "")


def failure_lines(standing: Standing, limit: int = 8) -> Iterator[str]:
    """Failures by word, the most frequent first; then what was never started, and what befell before and after."""
    if standing.kpis is None:
        return
    yield from _failures(standing.kpis.failures, limit)
    for cause, count in standing.kpis.skipped.items():
        if count:
            yield f"never started ({cause}): {count:,}"
    for run in standing.runs:
        if run.stopped is not None:
            yield from (f"before and after what counts: {line}" for line in _failures(run.other_failures, limit))


def _failures(failures: Sequence[FailureShareDoc], limit: int) -> Iterator[str]:
    ordered = sorted(failures, key=lambda each: -each.count)
    for each in ordered[:limit]:
        hop = f" at hop {each.hop}" if each.hop else ""
        interval = f"[{share(each.low)} to {share(each.high)}]"
        yield f"{each.reason}{hop} ({each.stage}): {each.count:,}, {share(each.share)} {interval}"
    if len(ordered) > limit:
        yield f"and {several(len(ordered) - limit, 'other kind')} of failure"


def summary(bench: Bench, standings: Sequence[Standing]) -> str:
    """The benchmark in a paragraph."""
    load = bench.load
    routes = [each for each in standings if not each.null]
    what = {
        "handshake": "tunnel, TLS handshake and close",
        "tunnel": "idle tunnels, opened and held",
        "request": f"requests of {octets(load.object_bytes)}, {load.reuse} on a connection",
        "bulk": f"transfers of {octets(load.object_bytes)}",
    }.get(load.workload, load.workload)
    loaded = sum(each.kpis is not None for each in routes)
    of = "" if loaded == len(routes) else f"{loaded} of "
    how = "together" if len(bench.grounds) > 1 else "elsewhere"
    together = f" from {several(len(bench.grounds), 'machine')} {how}" if bench.grounds else ""
    parts = [
        f"prober {bench.prober.version} loaded {of}{several(len(routes), 'route')} to {bench.target.url}{together}: "
        f"{what}; open loop, {load.arrivals} arrivals, seed {bench.seed}."
    ]
    parts += map(_standing_sentence, routes)
    if not bench.complete:
        parts.append(f"The benchmark is not complete: {bench.stopped or 'interrupted'}.")
    return " ".join(parts)


def _standing_sentence(standing: Standing) -> str:
    kpis = standing.kpis
    if kpis is None:
        return f"{standing.route} was not loaded."
    p50, _, p99 = percentiles(standing.response)
    slow = "too few samples for p99" if p99 == "–" else f"p99 {p99} ms"
    figures = f"{figure(kpis.achieved)} of {figure(kpis.offered)}/s, response p50 {p50} ms and {slow}"
    if not kpis.offered:  # tunnels are opened before the phase that counts, in which they are only held
        held = f"{figure(kpis.concurrent.least)} to {figure(kpis.concurrent.most)} connections held"
        figures = f"{held}, set up in {p50} ms (p50)"
    added = _added(standing)
    more = "" if added == "–" else f", service median {added} ms against direct at {figure(standing.null_rate or 0)}/s"
    knee = standing.capacity.knee if standing.capacity is not None else None
    if standing.state is State.GENERATOR_LIMITED:
        least = "" if knee is None else f" bears at least {figure(knee)}/s; there"
        return (
            f"{standing.route}{least or ':'} {figures}{more}; the generator or its machine was the limit, so "
            "nothing is said of what the route bears."
        )
    if standing.state is State.INVALID:
        return f"{standing.route}: not valid ({_first_reason(standing)}); {figures}."
    at_least = standing.capacity is not None and _at_least(standing.capacity)
    neither = standing.capacity is not None and standing.capacity.direct_limited
    words = (
        ""
        if knee is None
        else f" bears {'at least ' if at_least else ''}{figure(knee)}/s"
        f"{' (direct bears no more either)' if neither else ''}; there"
    )
    return f"{standing.route}{words or ':'} {figures}{more}."


def _first_reason(standing: Standing) -> str:
    reasons = () if standing.validity is None else standing.validity.reasons
    return reasons[0].text.rstrip(".") if reasons else "no reason given"


# figures


def figure(value: float) -> str:
    """A rate or a count for people: `0.4`, `98.7`, `1,204`."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def thousandths(value: float | None) -> str:
    """Seconds as milliseconds, three figures."""
    if value is None:
        return "–"
    thousand = value * 1000
    return f"{thousand:,.0f}" if thousand >= 100 else f"{thousand:.1f}" if thousand >= 10 else f"{thousand:.2f}"


def share(value: float) -> str:
    """`0 %`, `0.012 %`, `1.3 %`, `12 %`."""
    percent = value * 100
    if percent == 0:
        return "0 %"
    if percent < 0.1:
        return f"{percent:.2g} %" if percent >= 0.0001 else "< 0.0001 %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def bits(value: float) -> str:
    """`12.4 kbit/s`, `1.02 Gbit/s`."""
    for unit, least in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if value >= least:
            return f"{value / least:.3g} {unit}" if value / least < 100 else f"{value / least:,.0f} {unit}"
    return f"{value:.0f} bit/s"


def octets(value: float) -> str:
    """`1 KiB`, `10 MiB`, `700 B`."""
    for unit, least in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= least:
            return f"{value / least:.4g} {unit}"
    return f"{value:.0f} B"


def took(value: float) -> str:
    """A length of time."""
    return duration(value) if value < 1 else seconds(value)
