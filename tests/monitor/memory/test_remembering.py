"""What is kept as octets comes back as it was, for whatever a probe can show; and anything else is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception.verdict import Word
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
from prober.monitor.held import Held, Unsettled
from prober.monitor.memory.remembering import (
    SUM,
    DamagedError,
    check_sample,
    decode_observation,
    decode_shape,
    encode_shape,
    encode_times,
    facts_of,
    sealed_sample,
)
from prober.monitor.memory.remembering_states import decode_states, encode_states
from prober.monitor.state import Outcome, Remembered

moments = st.floats(0, 1e11, allow_nan=False)
spans = st.none() | st.floats(0, 1e4, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(0, 65535)
failures = st.builds(
    Failure, st.sampled_from(Stage), st.integers(0, 9), st.sampled_from(Reason), texts, st.none() | numbers
)
hellos = st.builds(ServerHello, numbers, numbers, st.none() | numbers, st.tuples(numbers, numbers), st.booleans())
tls = st.builds(
    TlsFacts,
    version=texts,
    cipher=texts,
    group=st.none() | texts,
    alpn=st.none() | texts,
    client_cert_requested=st.booleans(),
    ocsp_stapled=st.booleans(),
    chain=st.lists(st.binary(max_size=40), max_size=4).map(tuple),
    hello=st.none() | hellos,
    key_proven=st.booleans(),
)
hops = st.builds(
    HopFacts, st.none() | numbers, st.lists(texts, max_size=2).map(tuple), texts, st.none() | tls, st.none() | failures
)
timings = st.builds(
    Timings,
    spans,
    spans,
    st.lists(st.builds(HopTimings, spans, spans, spans, spans), max_size=3).map(tuple),
    spans,
    spans,
    spans,
)
observations = st.builds(
    Observation,
    target=texts,
    route=texts,
    at=moments,
    failure=st.none() | failures,
    timings=timings,
    peer=st.none() | texts,
    tls=st.none() | tls,
    http=st.none() | st.builds(HttpFacts, numbers, st.lists(st.tuples(texts, texts), max_size=3).map(tuple)),
    hops=st.lists(hops, max_size=3).map(tuple),
    ipv6_only=st.lists(st.integers(0, 9), max_size=2).map(tuple),
    attempts=st.integers(1, 100),
    purpose=st.sampled_from(Purpose),
)


def held(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(Held, values, moments, st.none() | values, st.integers(0, 100), moments, st.none() | moments)


def states(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | held(values) | st.builds(Unsettled, values, st.integers(0, 100), moments)


remembered = st.builds(
    Remembered,
    key=st.tuples(texts, texts),
    identity=texts,
    recent=st.just(()),
    reach=states(st.builds(Outcome, texts, st.integers(0, 9), texts)),
    trust=states(texts),
    interception=states(st.sampled_from(Word)),
    leaf=st.none() | held(texts),
    leaves=st.lists(texts, max_size=3).map(tuple),
)


@settings(max_examples=300, deadline=None)
@given(observations)
def test_an_observation_comes_back_as_it_was(observation: Observation) -> None:
    data, certificates = encode_shape(observation, str)
    total = observation.timings.total
    sample = sealed_sample(encode_times(observation), observation.at, total, 3, 4, 5)
    facts = facts_of(decode_shape(data), certificates)
    bare = check_sample(sample, observation.at, total, 3, 4, 5)
    back = decode_observation(observation.target, observation.route, observation.at, total, bare, facts)
    assert back == observation


@settings(max_examples=300, deadline=None)
@given(remembered)
def test_states_come_back_as_they_were(one: Remembered) -> None:
    assert decode_states(one.key, one.identity, encode_states(one)) == one


@settings(max_examples=200, deadline=None)
@given(observations, st.data())
def test_a_changed_sample_is_refused(observation: Observation, data: st.DataObject) -> None:
    total = observation.timings.total
    sample = bytearray(sealed_sample(encode_times(observation), observation.at, total, 3, 4, 5))
    place = data.draw(st.integers(0, len(sample) - 1))
    sample[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedError):
        check_sample(bytes(sample), observation.at, total, 3, 4, 5)


@pytest.mark.parametrize(
    "columns",
    [
        (None, 1.0, 2.0, 3), (b"", 1.0, 2.0, 3), (b"1234", 1.0, 2.0, 3), ("text", 1.0, 2.0, 3), (b"12345", "x", 2.0, 3),
        (b"12345", None, None, None), (b"12345", 1.0, b"x", 3), (b"12345", 1.0, 2.0, 2**70), (b"12345", 1.0, 2.0, "x"),
    ],
)  # fmt: skip
def test_columns_that_hold_anything_are_refused(columns: tuple[object, ...]) -> None:
    with pytest.raises(DamagedError):
        check_sample(*columns)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_refused_or_read(data: bytes) -> None:
    for decode in (decode_shape, lambda octets: decode_states(("t", "r"), "i", octets)):
        try:
            decode(data)
        except DamagedError:
            continue


@settings(max_examples=100, deadline=None)
@given(remembered, texts, st.data())
def test_states_of_another_pair_or_changed_are_refused(one: Remembered, identity: str, data: st.DataObject) -> None:
    octets = bytearray(encode_states(one))
    if identity != one.identity:
        with pytest.raises(DamagedError):
            decode_states(one.key, identity, bytes(octets))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedError):
        decode_states(one.key, one.identity, bytes(octets))


def test_words_of_no_vocabulary_are_refused() -> None:
    """A later version's reason, say."""
    observation = Observation(target="t", route="r", at=1.0, failure=Failure(Stage.DNS, 0, Reason.DNS_TIMEOUT))
    data, _ = encode_shape(observation, str)
    with pytest.raises(DamagedError, match="a shape"):
        facts_of(decode_shape(data.replace(b"dns-timeout", b"dns-timeouz")), {})


def test_a_shape_whose_certificate_is_missing_is_refused() -> None:
    seen = TlsFacts("TLSv1.3", "x", None, None, False, False, (b"der",))
    data, certificates = encode_shape(Observation(target="t", route="r", at=1.0, tls=seen), str)
    assert list(certificates.values()) == [b"der"]
    with pytest.raises(DamagedError):
        facts_of(decode_shape(data), {})


def test_moments_out_of_this_world_are_refused() -> None:
    one = Remembered(("t", "r"), "i", (), Held(Outcome(), 1e300), None, None, None)
    with pytest.raises(DamagedError):
        decode_states(one.key, one.identity, encode_states(one))
    nan = Remembered(("t", "r"), "i", (), Held(Outcome(), float("nan")), None, None, None)
    with pytest.raises(DamagedError):
        decode_states(nan.key, nan.identity, encode_states(nan))


def test_steady_observations_are_small() -> None:
    """What is written for each probe of a steady pair."""
    observation = Observation(
        target="mde.c2.t0", route="hq", at=1.79e9, peer="203.0.113.7:443",
        timings=Timings(0.1, 0.2, (HopTimings(0.1, 0.2, 0.3, 0.4),), 0.3, 0.4, 0.5),
    )  # fmt: skip
    assert len(sealed_sample(encode_times(observation), observation.at, 0.5, 1, 2, 3)) < 110
    assert SUM == 4
