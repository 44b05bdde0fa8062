"""What the report shows of one target: every way with its stages, verdicts with evidence, chains, revocation. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace as changed

from prober.interception.verdict import Why, Word
from prober.report.document import Result, RouteHopDoc, SampleDoc
from prober.report.failure_document import FailureDoc
from prober.report.html.chains import Chains, chains_of, names_of
from prober.report.html.signs import Cell
from prober.report.html.view import RowView, WayView, hops_text
from prober.report.judgement import InterceptionDoc
from prober.report.matrix import Way
from prober.report.revocation_document import RevocationDoc
from prober.report.sanitize import duration
from prober.report.verdict_words import REASONS
from prober.report.verdicts import untrusted_else
from prober.report.waterfall import Waterfall, waterfall

MAX_SAMPLES: Final = 20
"""Probes of one pair that are listed."""
MAX_HEADERS: Final = 12
_OWN_NAME: Final = frozenset({"socks4", "socks5"})
"""Proxies to which the target's name goes resolved."""


@dataclass(frozen=True, slots=True)
class Over:
    """The target over one way."""

    name: str
    via: str
    """Its proxies, where they are not those that the route has for all targets."""
    result: Result
    cell: Cell
    waterfall: Waterfall | None
    facts: tuple[str, ...]
    untrusted: FailureDoc | None
    """Why its certificate is not trusted, where no verdict says so already."""
    causes: tuple[int, ...]
    passed_over: tuple[tuple[str, FailureDoc], ...]
    hops: tuple[str, ...]
    """What proxies said for themselves, where it is worth a line."""
    headers: tuple[tuple[str, str], ...]
    samples: tuple[str, ...]

    @property
    def bars(self) -> str:
        """The waterfall as the script draws it: kinds by their first letter, each with its width in per cent."""
        bars = () if self.waterfall is None else self.waterfall.bars
        return "".join(f"{bar.kind[0]}{bar.width:.1f}".removesuffix(".0") for bar in bars)

    @property
    def tells(self) -> bool:
        """Whether there is more to say than the line itself does."""
        result = self.result
        told = (result.failure, self.untrusted, self.causes, self.passed_over, self.hops, self.samples)
        return any(told)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and the ways of which it was said."""

    over: str
    """The ways' names."""
    verdict: InterceptionDoc
    reason: str
    """What its reason means, where it has one."""

    @property
    def plain(self) -> bool:
        """Whether one line says it all."""
        return self.verdict.verdict == Word.CLEAN and not self.verdict.policy_mismatch


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything about a target."""

    row: RowView
    facts: tuple[str, ...]
    """What all ways have in common."""
    over: tuple[Over, ...]
    judged: tuple[Judged, ...]
    chains: Chains | None
    revocations: tuple[tuple[tuple[str, ...], RevocationDoc], ...]


def detail_of(row: RowView, ways: Sequence[WayView], explained: Mapping[tuple[str, Way], tuple[int, ...]]) -> Detail:
    """The details of a row."""
    there = [
        (way, result, cell)
        for way, result, cell in zip(ways, row.results, row.cells, strict=True)
        if result is not None and cell is not None
    ]
    named = {way.name: result for way, result, _ in there}
    facts = {way: tuple(_facts(result)) for way, result in named.items()}
    shared = tuple(_shared(list(facts.values())))
    return Detail(
        row=row,
        facts=shared,
        over=tuple(
            _over(
                way,
                result,
                cell,
                tuple(fact for fact in facts[way.name] if fact not in shared),
                explained.get((row.target.id, (result.egress, result.route)), ()),
            )
            for way, result, cell in there
        ),
        judged=tuple(_judged(named)),
        chains=chains_of(named),
        revocations=tuple(_revocations(named)),
    )


def _shared(facts: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Facts of the ways that came so far as to have any of a handshake, where all of these agree."""
    told = [each for each in facts if len(each) > 1]
    if len(told) > 1:
        yield from (fact for fact in told[0] if all(fact in each for each in told))


def _over(way: WayView, result: Result, cell: Cell, facts: tuple[str, ...], causes: tuple[int, ...]) -> Over:
    failure, via = result.failure, result.via
    usual = () if way.route is None else way.route.hops
    hops = usual if via is None else via
    own_name_at = next((number for number, hop in enumerate(hops, 1) if hop.scheme in _OWN_NAME), 0)
    failed = None if failure is None else (failure.stage, failure.hop)
    odd = result.http is not None and (result.http.as_expected is False or cell.sign.word != "ok")
    return Over(
        name=way.name,
        via="" if via is None or tuple(via) == tuple(usual) else hops_text(via),
        result=result,
        cell=cell,
        waterfall=waterfall(result.timings, own_name_at=own_name_at, failed=failed),
        facts=facts,
        untrusted=result.trust_failure if untrusted_else(result) else None,
        causes=causes,
        passed_over=tuple((hops_text(each.via), each.failure) for each in result.passed_over),
        hops=tuple(_hop_lines(result, hops)),
        headers=result.http.headers[:MAX_HEADERS] if result.http is not None and odd else (),
        samples=tuple(_samples(result)),
    )


def _facts(result: Result) -> Iterator[str]:
    if result.http is not None:
        documented = " or ".join(map(str, result.http.expected))
        odd = f" where {documented} is documented" if result.http.as_expected is False else ""
        yield f"status {result.http.status}{odd}"
    if result.tls is not None:
        tls = result.tls
        yield ", ".join(filter(None, [tls.version, tls.cipher, tls.group, tls.alpn and f"ALPN {tls.alpn}"]))
        if tls.client_cert_requested:
            yield "asks for a client certificate"
        if tls.key_proven is False:
            yield "key not proven"
    if result.trust_failure is not None and not untrusted_else(result):
        yield result.trust_failure.reason
    if result.peer:
        yield f"connected to {result.peer}"
    if len(result.samples) > 1:
        took = [sample.timings.total for sample in result.samples if sample.timings.total is not None]
        yield f"{len(result.samples)} probes" + (f", {duration(min(took))} to {duration(max(took))}" if took else "")
    elif result.attempts > 1:
        yield f"{result.attempts} connections"
    if result.ipv6_only:
        yield "IPv6 addresses only"


def _hop_lines(result: Result, hops: Sequence[RouteHopDoc]) -> Iterator[str]:
    for number, hop in enumerate(result.hops, 1):
        said = []
        if hop.offered or hop.login != "none":
            said.append(f"asked for a login ({', '.join(hop.offered) or 'a password'}): {hop.login}")
        failure = None if hop.tls is None else hop.tls.trust_failure
        if failure is not None:
            said.append(f"its own certificate is not trusted: {failure.reason}, {failure.detail}")
        if said:
            name = hops_text(hops[number - 1 : number]) if number <= len(hops) else ""
            yield f"Hop {number} {name} {'; '.join(said)}"


def _samples(result: Result) -> Iterator[str]:
    """Probes one by one, where they did not all end alike."""
    if len(set(map(_outcome, result.samples))) < 2:
        return
    for sample in result.samples[:MAX_SAMPLES]:
        purpose = "" if sample.purpose == "attempt" else f" ({sample.purpose})"
        total = sample.timings.total
        yield f"{sample.at[11:23]}{purpose} {_outcome(sample)}{'' if total is None else f', {duration(total)}'}"
    if len(result.samples) > MAX_SAMPLES:
        yield f"and {len(result.samples) - MAX_SAMPLES} more"


def _outcome(sample: SampleDoc) -> str:
    failure = sample.failure
    return "reached" if failure is None else failure.reason + (f" at hop {failure.hop}" if failure.hop else "")


def _judged(results: Mapping[str, Result]) -> Iterator[Judged]:
    """Verdicts, each once with all ways it was said of; what is not clean first."""
    members: dict[InterceptionDoc, list[str]] = {}
    for way, result in results.items():
        if result.interception is not None:
            members.setdefault(_comparable(result.interception), []).append(way)
    over = names_of(list(members.values()))
    order = [Word.INTERCEPTED.value, Word.BLOCKED.value, Word.SUSPECT.value, Word.INCONCLUSIVE.value]
    for verdict in sorted(members, key=lambda each: order.index(each.verdict) if each.verdict in order else len(order)):
        yield _told(verdict, over[members[verdict][0]])


def _comparable(verdict: InterceptionDoc) -> InterceptionDoc:
    """Without what differs from way to way and says nothing: when the reference was seen; who signed what is clean."""
    if verdict.verdict == Word.CLEAN and not verdict.policy_mismatch:
        return changed(verdict, evidence=(), reference=None, signer=None, score=0, shared_key_with=(), families=())
    reference = verdict.reference
    return verdict if reference is None else changed(verdict, reference=changed(reference, at=None))


def _told(verdict: InterceptionDoc, over: str) -> Judged:
    """Words of a later version have no sentence."""
    reason = REASONS.get(Why(verdict.reason)) if verdict.reason in set(Why) else None
    return Judged(over, verdict, "" if reason is None else reason.meaning)


def _revocations(results: Mapping[str, Result]) -> Iterator[tuple[tuple[str, ...], RevocationDoc]]:
    members: dict[RevocationDoc, list[str]] = {}
    for way, result in results.items():
        if result.revocation is not None:
            members.setdefault(result.revocation, []).append(way)
    for revocation, ways in members.items():
        yield tuple(ways), revocation
