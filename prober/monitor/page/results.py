"""The current state as results, and all of them as a run document (schema `prober.run/1`), in slices of the loop.

A result stands for what is confirmed: of the observations kept, the newest that agrees with the confirmed state. What
contradicts it and is not confirmed yet is among the samples, and at `/api/v1/pairs`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from prober.check.conduct import program
from prober.check.remarks import environment_of, notes_on
from prober.engine.run import Pair
from prober.interception.comparison import Comparison
from prober.model import Observation
from prober.monitor.held import confirmed
from prober.monitor.page.source import PageSource
from prober.monitor.state import PairKey, PairState
from prober.report.build import (
    build_result,
    collect_certificates,
    instant,
    rule_document,
    skipped_document,
    summary_of,
)
from prober.report.document import SCHEMA, Result, Run
from prober.report.trust import certificates_of, trust_document

SLICE: Final = 12
"""Results made at a stretch: about two milliseconds."""
_CHUNK: Final = 128 * 1024
_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pairs; empty = any."""

    target: str = ""
    service: str = ""
    route: str = ""

    def takes(self, state: PairState) -> bool:
        """Whether a pair is among them."""
        return (
            self.target in ("", state.target.id)
            and self.service in ("", state.target.service)
            and self.route in ("", state.route.name)
        )


def standing(state: PairState) -> Observation | None:
    """The observation that stands for the confirmed state; before anything is confirmed, the newest."""
    reach = confirmed(state.reach)
    if reach is not None:
        for each in reversed(state.recent):
            if each.reachable is reach.value.reached:
                return each
    return state.last


def result_of(state: PairState, comparison: Comparison, egress: str, *, samples: bool = True) -> Result | None:
    """The result of one pair; None before the first observation. `samples` are the observations kept."""
    chosen = standing(state)
    if chosen is None:
        return None
    return build_result(
        state.target,
        state.route,
        tuple(state.recent) if samples else (chosen,),
        comparison.trust(chosen, state.target),
        egress,
        verdict=state.verdict,
        chosen=chosen,
    )


async def document_of(source: PageSource, states: Sequence[PairState]) -> Run:
    """The run document of these pairs; lets go of the loop now and then, so what is newest may differ by a moment."""
    board = source.board
    plan, egress, comparison, judge = source.plan, board.egress, board.comparison, board.judge
    results: list[Result] = []
    seen: dict[PairKey, tuple[Observation, ...]] = {}
    certificates: dict[str, bytes] = {}
    for number, state in enumerate(states):
        if (result := result_of(state, comparison, egress)) is not None:
            results.append(result)
            seen[state.key] = tuple(state.recent)
        if number % SLICE == SLICE - 1:
            await asyncio.sleep(0)
    for part in _sliced(list(seen.values()), SLICE * 16):
        certificates |= collect_certificates([each for observations in part for each in observations])
        await asyncio.sleep(0)
    snapshot = judge.snapshot(comparison.certificates_used())
    await asyncio.sleep(0)
    moments = [each.at for observations in seen.values() for each in observations] or [source.now()]
    status = source.status()
    pairs = {state.key: Pair(state.target, state.route) for state in states}
    newest = {key: observations[-1:] for key, observations in seen.items()}
    lag = status.lag or 0.0
    # it may ask the routing table and read the machine's store
    notes = await asyncio.to_thread(lambda: tuple(notes_on(plan, pairs, newest, interrupted=None, lag=lag)))
    summary = summary_of(results, plan.services_without_probes)
    await asyncio.sleep(0)
    return Run(
        schema=SCHEMA,
        prober=program(),
        egress=egress,
        started=instant(min(moments)),
        finished=instant(max(moments)),
        complete=len(results) == len(states),
        routes=tuple(map(rule_document, plan.rules)),
        summary=summary,
        skipped=tuple(skipped_document(each.target, each.why, each.option, each.kind.value) for each in plan.skipped),
        results=tuple(results),
        notes=notes,
        environment=environment_of(plan, lag, None),
        certificates=dict(sorted({**certificates, **collect_certificates((), certificates_of(snapshot))}.items())),
        trust=trust_document(snapshot),
    )


async def encoded(run: Run) -> AsyncIterator[bytes]:
    """The document as JSON, piece by piece, with the loop free between them."""
    pieces: list[bytes] = []
    size = 0
    for piece in _pieces(run):
        pieces.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
            await asyncio.sleep(0)
    yield b"".join(pieces)


def _pieces(run: Run) -> Iterable[bytes]:
    large: dict[str, Callable[[], Iterable[bytes]]] = {
        "results": lambda: _listed(run.results),
        "skipped": lambda: _listed(run.skipped),
        "certificates": lambda: _mapped(run.certificates),
    }
    before = b"{"
    for name in run.__struct_fields__:
        yield before + _encoder.encode(name) + b":"
        before = b","
        if name in large:
            yield from large[name]()
        else:
            yield _encoder.encode(getattr(run, name))
    yield b"}\n"


def _listed(values: Iterable[object]) -> Iterable[bytes]:
    before = b"["
    for value in values:
        yield before + _encoder.encode(value)
        before = b","
    yield b"[]" if before == b"[" else b"]"


def _mapped(values: dict[str, bytes]) -> Iterable[bytes]:
    before = b"{"
    for name, value in values.items():
        yield before + _encoder.encode(name) + b":" + _encoder.encode(value)
        before = b","
    yield b"{}" if before == b"{" else b"}"


def _sliced(values: Sequence[tuple[Observation, ...]], size: int) -> Iterable[Sequence[tuple[Observation, ...]]]:
    return (values[start : start + size] for start in range(0, len(values), size))
