"""Observations on their way from an agent: MessagePack, each certificate and each handshake of a share once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar, cast

import msgspec

from prober.cluster.words import Brought
from prober.engine.run import Pair
from prober.model import Observation, TlsFacts

T = TypeVar("T", bound=bytes | str | TlsFacts)
_Light = tuple[int, int | None, Observation]
"""Place of a share's item, place of a handshake, and the rest of an observation."""
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[list[TlsFacts], list[_Light]]).decode


class Kept:
    """What a run's client has once, however often it came, from whichever site."""

    def __init__(self) -> None:
        self._values: dict[object, object] = {}

    def once(self, value: T) -> T:
        """The first value that is equal to this one."""
        return cast("T", self._values.setdefault(value, value))


def packed(seen: Iterable[tuple[int, Observation]], worst_lag: float, cpu_wait: float | None) -> Brought:
    """What came of a share: places of items with what was observed."""
    handshakes: dict[TlsFacts, int] = {}
    light: list[_Light] = []
    for place, observation in seen:
        tls = observation.tls
        number = None if tls is None else handshakes.setdefault(tls, len(handshakes))
        light.append((place, number, replace(observation, target="", route="", tls=None)))
    places: dict[bytes, int] = {}
    chains = tuple(tuple(places.setdefault(der, len(places)) for der in each.chain) for each in handshakes)
    bare = [replace(each, chain=()) for each in handshakes]
    return Brought(_encode((bare, light)), chains, tuple(places), worst_lag, cpu_wait)


def unpacked(brought: Brought, pairs: Sequence[Pair], kept: Kept) -> Iterator[tuple[Pair, Observation]]:
    """The same, again, for the pairs that were asked about. Raises ValueError for what does not fit."""
    try:
        bare, light = _decode(brought.observations)
        certificates = [kept.once(der) for der in brought.certificates]
        handshakes = [
            kept.once(replace(each, chain=tuple(certificates[place] for place in chain)))
            for each, chain in zip(bare, brought.chains, strict=True)
        ]
        for place, number, observation in light:
            pair = pairs[place]
            yield (
                pair,
                replace(
                    observation,
                    target=pair.target.id,
                    route=pair.route.name,
                    peer=None if observation.peer is None else kept.once(observation.peer),
                    tried=None if observation.tried is None else kept.once(observation.tried),
                    tls=None if number is None else handshakes[number],
                ),
            )
    except (msgspec.DecodeError, IndexError) as error:
        raise ValueError(f"an agent's observations cannot be read: {error}") from None
