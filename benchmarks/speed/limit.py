"""What is left to win: the share of a direct probe's processor time that OpenSSL, the kernel and the rest take.

The limit: what is neither OpenSSL's nor the kernel's takes 140 µs of a direct probe at most.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from benchmarks.speed.child import progress
from benchmarks.speed.engine import Case, job
from benchmarks.speed.figures import Figure, Part
from benchmarks.speed.options import Asked
from benchmarks.speed.profile import OURS, Where, event, sampled, where
from benchmarks.speed.servers import Proxies, origin

PYTHON = 140.0
"""Microseconds."""
_SHOWN = 12
"""Symbols that are printed."""


def run(asked: Asked) -> Part:
    """Profile the base case, handshake only and with a request."""
    part = Part(name="limit", about="where the processor time of a direct probe goes")
    kind = event()
    if kind is None:
        part.notes.append("perf is missing or may not sample here: nothing was measured")
        part.figures.append(Figure(name="direct: outside OpenSSL and kernel", unit="µs", values=(), at_most=PYTHON))
        return part
    part.notes.append(f"perf sampled {kind}, {asked.amounts.samples} times a second")
    with origin(asked.folder, asked.cores) as server:
        for name, scheme in (("direct", "tls"), ("direct, HTTP request", "https")):
            told = job(asked, Case(name=name, scheme=scheme), server, Proxies())
            if told is None:
                raise RuntimeError("a direct probe needs no proxy")
            shares: dict[Where, list[float]] = {each: [] for each in Where}
            costs: dict[Where, list[float]] = {each: [] for each in Where}
            symbols: Counter[tuple[str, str]] = Counter()
            for number in range(asked.amounts.rounds):
                spent, samples = sampled(told, kind, asked.amounts.samples, asked.folder / "perf.data")
                places: Counter[Where] = Counter()
                for (library, _), count in samples.items():
                    places[where(library)] += count
                for each in Where:
                    shares[each].append(places[each] / samples.total())
                    costs[each].append(shares[each][-1] * spent.each)
                symbols += samples
                progress(f"limit, round {number + 1}: {name}: {spent.each:.0f} µs, {samples.total()} samples")
                part.raw.append({
                    "case": name, "round": number + 1, **msgspec.to_builtins(spent),
                    "samples": {each.value: places[each] for each in Where},
                })  # fmt: skip
            part.figures.extend(_figures(name, shares, costs, PYTHON if scheme == "tls" else None))
            part.notes.extend(f"{name}: {line}" for line in _most(symbols))
    return part


def _figures(
    name: str, shares: dict[Where, list[float]], costs: dict[Where, list[float]], limit: float | None
) -> list[Figure]:
    figures = [
        Figure(name=f"{name}: {each.value}", unit="%", values=tuple(share * 100 for share in shares[each]))
        for each in Where
    ]
    ours = tuple(map(sum, zip(*(costs[each] for each in OURS), strict=True)))
    figures.append(Figure(name=f"{name}: outside OpenSSL and kernel", unit="µs", values=ours, at_most=limit))
    return figures


def _most(symbols: Counter[tuple[str, str]]) -> list[str]:
    """The symbols seen most, as lines."""
    total = symbols.total()
    return [
        f"{count / total:5.1%}  {symbol} in {library.rsplit('/', 1)[-1]}"
        for (library, symbol), count in symbols.most_common(_SHOWN)
    ]
