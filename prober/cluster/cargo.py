"""Observations on their way from an agent: MessagePack, each certificate of a share once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import msgspec

from prober.cluster.words import Brought
from prober.model import Observation

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[int, Observation]]).decode


def packed(seen: Iterable[tuple[int, Observation]], worst_lag: float, cpu_wait: float | None) -> Brought:
    """What came of a share: places of items with what was observed."""
    places: dict[bytes, int] = {}
    chains: list[tuple[int, ...]] = []
    light: list[tuple[int, Observation]] = []
    for place, observation in seen:
        tls = observation.tls
        if tls is None or not tls.chain:
            chains.append(())
            light.append((place, observation))
            continue
        chains.append(tuple(places.setdefault(der, len(places)) for der in tls.chain))
        light.append((place, replace(observation, tls=replace(tls, chain=()))))
    return Brought(_encode(light), tuple(chains), tuple(places), worst_lag, cpu_wait)


def unpacked(brought: Brought, keep: Callable[[bytes], bytes]) -> Iterator[tuple[int, Observation]]:
    """The same, again. `keep` gives one object for equal certificates. Raises ValueError for what does not fit."""
    try:
        light = _decode(brought.observations)
        certificates = [keep(der) for der in brought.certificates]
        for (place, observation), chain in zip(light, brought.chains, strict=True):
            if observation.tls is not None and chain:
                whole = tuple(certificates[each] for each in chain)
                yield place, replace(observation, tls=replace(observation.tls, chain=whole))
            else:
                yield place, observation
    except (msgspec.DecodeError, IndexError) as error:
        raise ValueError(f"an agent's observations cannot be read: {error}") from None
