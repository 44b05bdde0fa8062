"""What a run probes beside the attempts it was asked for, once these are in: confirmations, beginnings of chains,
handshakes with a client certificate, and what differs from an earlier run.

Each step looks at the verdicts so far and names pairs; the engine probes them in the order given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from prober.engine.run import Pair
from prober.interception.comparison import Comparison, PairKey
from prober.interception.location import prefixes
from prober.interception.verdict import Verdict, Why, Word
from prober.model import Observation, Purpose

_GRAVE = (Word.INTERCEPTED, Word.SUSPECT)


def confirmations(comparison: Comparison, pairs: Mapping[PairKey, Pair]) -> list[Pair]:
    """Contradictions once more, each pair right after its reference: what does not repeat is not believed."""
    wanted: dict[PairKey, Pair] = {}
    for target_id, route in pairs:
        for key in comparison.to_confirm(target_id, route):
            if key in pairs:
                wanted.setdefault(key, _again(pairs[key], Purpose.CONFIRMATION))
    return list(wanted.values())


def beginnings(comparison: Comparison, pairs: Mapping[PairKey, Pair], *, direct: bool) -> list[tuple[PairKey, Pair]]:
    """Beginnings of the chains on which something was found and the hop is not known yet, with the pair they are for.

    `direct` allows the empty one. A beginning that is a route of the run itself was probed already.
    """
    known = {(pair.target.id, pair.route.way) for pair in pairs.values()}
    wanted: list[tuple[PairKey, Pair]] = []
    for key, pair in pairs.items():
        verdict = comparison.verdict(*key)
        if verdict.word not in _GRAVE or verdict.hop is not None:
            continue
        wanted += (
            (key, Pair(pair.target, route, purpose=Purpose.LOCATE))
            for route in prefixes(pair.route)
            if (route.hops or direct) and (pair.target.id, route.way) not in known
        )
    return wanted


def presentations(
    comparison: Comparison,
    pairs: Mapping[PairKey, Pair],
    seen: Mapping[PairKey, Sequence[Observation]],
    certificate_for: Callable[[str], str | None],
) -> list[Pair]:
    """Pairs whose server asked for a client certificate that we hold, and whose chain was judged clean: once more, with
    the certificate, for no other leaf key than the one judged.

    `certificate_for` gives the file for a host, or None.
    """
    wanted: list[Pair] = []
    for key, pair in pairs.items():
        if certificate_for(pair.target.host) is None:
            continue
        asked = any(each.tls is not None and each.tls.client_cert_requested for each in seen.get(key, ()))
        keys = comparison.clean_keys(*key) if asked else frozenset()
        if keys:
            wanted.append(_again(pair, Purpose.CLIENT_CERTIFICATE, keys))
    return wanted


def rechecks(
    pairs: Mapping[PairKey, Pair], seen: Mapping[PairKey, Sequence[Observation]], wanted: Collection[PairKey]
) -> list[Pair]:
    """Pairs that are wanted once more; what was confirmed already has been."""
    return [
        _again(pair, Purpose.CONFIRMATION)
        for key, pair in pairs.items()
        if key in wanted and all(each.purpose is not Purpose.CONFIRMATION for each in seen.get(key, ()))
    ]


def is_final(verdict: Verdict) -> bool:
    """Whether nothing that a run still does is likely to change a verdict: a result can be told at once."""
    return verdict.word is Word.CLEAN or verdict.reason is Why.NO_TLS


def _again(pair: Pair, purpose: Purpose, present: frozenset[str] = frozenset()) -> Pair:
    return Pair(pair.target, pair.route, present=present, purpose=purpose)
