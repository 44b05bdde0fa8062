"""Observations there and back."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.catalog import parse_target
from prober.cluster.cargo import Kept, packed, unpacked
from prober.engine.run import Pair
from prober.model import Failure, HttpFacts, Observation, Purpose, Reason, Route, Stage, Timings, TlsFacts

TLS = TlsFacts("TLSv1.3", "c", "x25519", None, client_cert_requested=False, ocsp_stapled=True, chain=())
PAIRS = [Pair(parse_target(f"tls://h{number}.test"), Route("r")) for number in range(10)]
SEEN = Observation(
    target=PAIRS[0].target.id,
    route="r",
    at=1.0,
    peer="127.0.0.1:1",
    tried="127.0.0.1:1",
    tls=replace(TLS, chain=(b"leaf", b"root")),
)
CHAINS = st.lists(st.sampled_from([b"leaf", b"other", b"middle", b"root"]), max_size=4).map(tuple)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    chain = draw(st.none() | CHAINS)
    failed = draw(st.booleans())
    return Observation(
        target="",
        route="r",
        at=draw(st.floats(0, 2e9)),
        failure=Failure(Stage.TLS, 1, Reason.TLS_TIMEOUT, "late") if failed else None,
        timings=Timings(connect=draw(st.none() | st.floats(0, 10))),
        tls=None if chain is None else replace(TLS, chain=chain),
        http=HttpFacts(200, (("via", "a"),)) if draw(st.booleans()) else None,
        purpose=draw(st.sampled_from(list(Purpose))),
    )


@given(st.lists(st.tuples(st.integers(0, 9), observations()), max_size=12))
def test_there_and_back(seen: list[tuple[int, Observation]]) -> None:
    seen = [(place, replace(each, target=PAIRS[place].target.id)) for place, each in seen]
    brought = pickle.loads(pickle.dumps(packed(seen, 0.1, None)))  # noqa: S301 # our own
    assert list(unpacked(brought, PAIRS, Kept())) == [(PAIRS[place], each) for place, each in seen]
    assert len(brought.certificates) == len(set(brought.certificates))


def test_equal_handshakes_are_one() -> None:
    kept = Kept()
    both = [next(unpacked(packed([(0, SEEN)], 0.0, None), PAIRS, kept))[1] for _ in range(2)]
    assert both[0] == both[1] == SEEN
    assert both[0].tls is both[1].tls
    assert both[0].peer is both[1].peer
    assert both[0].tried is both[1].tried


def test_what_does_not_fit() -> None:
    brought = packed([(0, SEEN)], 0.0, None)
    damages = (replace(brought, observations=b"\xc1"), replace(brought, certificates=()), replace(brought, chains=()))
    for broken in damages:
        with pytest.raises(ValueError, match=r"cannot be read|argument"):
            list(unpacked(broken, PAIRS, Kept()))
