"""Observations there and back."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.cluster.cargo import packed, unpacked
from prober.model import Failure, HttpFacts, Observation, Purpose, Reason, Stage, Timings, TlsFacts

TLS = TlsFacts("TLSv1.3", "c", "x25519", None, client_cert_requested=False, ocsp_stapled=True, chain=())
CHAINS = st.lists(st.sampled_from([b"leaf", b"other", b"middle", b"root"]), max_size=4).map(tuple)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    chain = draw(st.none() | CHAINS)
    failed = draw(st.booleans())
    return Observation(
        target=draw(st.text(max_size=8)),
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
    brought = pickle.loads(pickle.dumps(packed(seen, 0.1, None)))  # noqa: S301 # our own
    kept: dict[bytes, bytes] = {}
    assert list(unpacked(brought, lambda der: kept.setdefault(der, der))) == seen
    assert len(brought.certificates) == len(set(brought.certificates))


def test_equal_certificates_are_one() -> None:
    seen = [(0, Observation(target="t", route="r", at=1.0, tls=replace(TLS, chain=(b"leaf",))))]
    kept: dict[bytes, bytes] = {}
    both = [next(unpacked(packed(seen, 0.0, None), lambda der: kept.setdefault(der, der))) for _ in range(2)]
    chains = [observation.tls.chain for _, observation in both if observation.tls is not None]
    assert chains[0][0] is chains[1][0]


def test_what_does_not_fit() -> None:
    brought = packed([(0, Observation(target="t", route="r", at=1.0, tls=replace(TLS, chain=(b"leaf",))))], 0.0, None)
    damages = (replace(brought, observations=b"\xc1"), replace(brought, certificates=()), replace(brought, chains=()))
    for broken in damages:
        with pytest.raises(ValueError, match=r"cannot be read|argument"):
            list(unpacked(broken, bytes))
