"""What is kept of a pair, as octets: MessagePack of shapes of its own, so that a change of the program's classes does
not change what lies in a file. This, with `remembering_states`, is version 1 of it (`schema.VERSION`).

An observation is taken apart. Its *shape* (failure, TLS, HTTP, what the hops showed) is the same for hours and for many
pairs, and is kept once under its digest; certificates stand in it as SHA-256 and are kept once, too. Its *sample*
(when, how long, from where) is small. Every piece has a checksum: SQLite has none of its own, and a state file whose
octets were changed by a dying disk shall not make up a past.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from prober.model import (
    Failure,
    HopFacts,
    HopTimings,
    HttpFacts,
    Observation,
    Purpose,
    Reason,
    ServerHello,
    Stage,
    Timings,
    TlsFacts,
)

T = TypeVar("T")
Moment = Annotated[float, Meta(ge=-1e12, le=1e12)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Span = Moment | None
SUM: Final = 4
"""Octets of the checksum at the end of samples and states."""
_DETAIL: Final = 1000
"""Characters kept of a text for people."""


class DamagedError(Exception):
    """Octets that are not what was written."""


class _Failure(Struct, omit_defaults=True):
    stage: str
    hop: int
    reason: str
    detail: str = ""
    status: int | None = None


class _Tls(Struct, omit_defaults=True):
    version: str
    cipher: str
    group: str | None = None
    alpn: str | None = None
    asks: bool = False
    stapled: bool = False
    chain: tuple[bytes, ...] = ()
    """SHA-256 of each certificate."""
    hello: tuple[int, int, int | None, tuple[int, ...], bool] | None = None
    proven: bool = True


class _Http(Struct, omit_defaults=True):
    status: int
    headers: tuple[tuple[str, str], ...] = ()


class _Hop(Struct, omit_defaults=True):
    status: int | None = None
    offered: tuple[str, ...] = ()
    login: str = "none"
    tls: _Tls | None = None
    tls_failure: _Failure | None = None


class Shape(Struct, omit_defaults=True):
    """What an observation shows, its moment apart."""

    failure: _Failure | None = None
    tls: _Tls | None = None
    http: _Http | None = None
    hops: tuple[_Hop, ...] = ()
    ipv6_only: tuple[int, ...] = ()
    attempts: int = 1
    purpose: str = Purpose.ATTEMPT.value
    passed: tuple[_Failure, ...] = ()

    def certificates(self) -> frozenset[bytes]:
        """SHA-256 of every certificate in it."""
        both = (self.tls, *(hop.tls for hop in self.hops))
        return frozenset(digest for tls in both if tls is not None for digest in tls.chain)


class _Sample(Struct, array_like=True):
    peer: str | None
    dns: Span
    connect: Span
    tls: Span
    ttfb: Span
    hops: tuple[tuple[Span, Span, Span, Span], ...] = ()


encoder: Final = msgspec.msgpack.Encoder()
_shapes: Final = msgspec.msgpack.Decoder(Shape)
_samples: Final = msgspec.msgpack.Decoder(_Sample)


# observations


def encode_shape(observation: Observation, hide: Callable[[str], str]) -> tuple[bytes, dict[bytes, bytes]]:
    """What an observation shows, and its certificates (DER) by their SHA-256. Texts go through `hide`."""
    certificates: dict[bytes, bytes] = {}
    http = observation.http
    shape = Shape(
        None if observation.failure is None else _failure_in(observation.failure, hide),
        None if observation.tls is None else _tls_in(observation.tls, certificates),
        None if http is None else _Http(http.status, tuple((name, hide(text)) for name, text in http.headers)),
        tuple(_hop_in(hop, certificates, hide) for hop in observation.hops),
        observation.ipv6_only,
        observation.attempts,
        observation.purpose.value,
        tuple(_failure_in(failure, hide) for failure in observation.passed_over),
    )
    return encoder.encode(shape), certificates


def digest_of(shape: bytes) -> bytes:
    """Under what a shape is kept: 16 octets."""
    return hashlib.blake2b(shape, digest_size=16).digest()


def encode_times(observation: Observation) -> bytes:
    """How fast and from where. Raises ValueError for text that is no Unicode."""
    timings = observation.timings
    hops = tuple((hop.dns, hop.connect, hop.tls, hop.negotiate) for hop in timings.hops)
    return encoder.encode(
        _Sample(observation.peer, timings.dns, timings.connect, timings.tls, timings.ttfb, hops),
    )


def sealed_sample(times: bytes, at: float, total: float | None, *numbers: int) -> bytes:
    """With a checksum that covers the row's other columns, too."""
    return times + checksum(times, _row(at, total, numbers))


def check_sample(data: object, at: object, total: object, *numbers: object) -> bytes:
    """A sample without its checksum, of columns as they lie in the file: any may hold anything. Raises DamagedError."""
    try:
        return checked(data, _row(at, total, numbers))
    except struct.error as error:
        raise DamagedError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Facts:
    """What observations of one shape have in common."""

    failure: Failure | None
    tls: TlsFacts | None
    http: HttpFacts | None
    hops: tuple[HopFacts, ...]
    ipv6_only: tuple[int, ...]
    attempts: int
    purpose: Purpose
    passed_over: tuple[Failure, ...]


def decode_shape(data: bytes) -> Shape:
    """Raises DamagedError for what is no shape."""
    return decoded(_shapes, data)


def facts_of(shape: Shape, certificates: Mapping[bytes, bytes]) -> Facts:
    """A shape in the program's own words; certificates (DER) come by their SHA-256. Raises DamagedError for words that
    this version does not know."""
    try:
        return Facts(
            failure=_failure_out(shape.failure),
            tls=_tls_out(shape.tls, certificates),
            http=None if shape.http is None else HttpFacts(shape.http.status, shape.http.headers),
            hops=tuple(_hop_out(hop, certificates) for hop in shape.hops),
            ipv6_only=shape.ipv6_only,
            attempts=shape.attempts,
            purpose=Purpose(shape.purpose),
            passed_over=tuple(map(_known_out, shape.passed)),
        )
    except (KeyError, ValueError) as error:
        raise DamagedError(f"a shape: {error!r}") from error


def decode_observation(
    target: str, route: str, at: float, total: float | None, sample: bytes, facts: Facts
) -> Observation:
    """An observation from its parts; `sample` is without its checksum. Raises DamagedError."""
    times = decoded(_samples, sample)
    timings = Timings(
        times.dns, times.connect, tuple(HopTimings(*hop) for hop in times.hops), times.tls, times.ttfb, total
    )
    return Observation(
        target=target,
        route=route,
        at=at,
        failure=facts.failure,
        timings=timings,
        peer=times.peer,
        tls=facts.tls,
        http=facts.http,
        hops=facts.hops,
        ipv6_only=facts.ipv6_only,
        attempts=facts.attempts,
        purpose=facts.purpose,
        passed_over=facts.passed_over,
    )


# parts


def _failure_in(failure: Failure, hide: Callable[[str], str]) -> _Failure:
    detail = hide(failure.detail)[:_DETAIL]
    return _Failure(failure.stage.value, failure.hop, failure.reason.value, detail, failure.status)


def _failure_out(failure: _Failure | None) -> Failure | None:
    return None if failure is None else _known_out(failure)


def _known_out(failure: _Failure) -> Failure:
    return Failure(Stage(failure.stage), failure.hop, Reason(failure.reason), failure.detail, failure.status)


def _tls_in(tls: TlsFacts, certificates: dict[bytes, bytes]) -> _Tls:
    digests = tuple(hashlib.sha256(der).digest() for der in tls.chain)
    certificates.update(zip(digests, tls.chain, strict=True))
    hello = tls.hello
    return _Tls(
        tls.version,
        tls.cipher,
        tls.group,
        tls.alpn,
        tls.client_cert_requested,
        tls.ocsp_stapled,
        digests,
        None if hello is None else (hello.version, hello.cipher, hello.group, hello.extensions, hello.retried),
        tls.key_proven,
    )


def _tls_out(tls: _Tls | None, certificates: Mapping[bytes, bytes]) -> TlsFacts | None:
    if tls is None:
        return None
    return TlsFacts(
        version=tls.version,
        cipher=tls.cipher,
        group=tls.group,
        alpn=tls.alpn,
        client_cert_requested=tls.asks,
        ocsp_stapled=tls.stapled,
        chain=tuple(certificates[digest] for digest in tls.chain),
        hello=None if tls.hello is None else ServerHello(*tls.hello),
        key_proven=tls.proven,
    )


def _hop_in(hop: HopFacts, certificates: dict[bytes, bytes], hide: Callable[[str], str]) -> _Hop:
    return _Hop(
        hop.status,
        hop.offered,
        hop.login,
        None if hop.tls is None else _tls_in(hop.tls, certificates),
        None if hop.tls_failure is None else _failure_in(hop.tls_failure, hide),
    )


def _hop_out(hop: _Hop, certificates: Mapping[bytes, bytes]) -> HopFacts:
    failure = _failure_out(hop.tls_failure)
    return HopFacts(hop.status, hop.offered, hop.login, _tls_out(hop.tls, certificates), failure)


def decoded(decoder: msgspec.msgpack.Decoder[T], data: bytes) -> T:
    """What the octets say. Raises DamagedError for any that do not say it."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedError(str(error)) from error


def _row(at: object, total: object, numbers: tuple[object, ...]) -> bytes:
    return struct.pack(f"<dd{len(numbers)}q", at, -1.0 if total is None else total, *numbers)


def checksum(data: bytes, more: bytes) -> bytes:
    """CRC-32 of what is kept, and of `more` that belongs to it: against accidents, not against people."""
    return zlib.crc32(more, zlib.crc32(data)).to_bytes(SUM)


def checked(data: object, more: bytes) -> bytes:
    """The octets without their checksum. Raises DamagedError."""
    if not isinstance(data, bytes) or checksum(data[:-SUM], more) != data[-SUM:]:
        raise DamagedError("the checksum does not fit")
    return data[:-SUM]
