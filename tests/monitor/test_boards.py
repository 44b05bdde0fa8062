"""The makers of the other tests make what they say."""

from __future__ import annotations

from prober.interception.verdict import Word

from .boards import DIRECT, HQ, NOW, REFUSED, board_of, key_of, pairs, seen


def test_a_pair_that_is_reached_is_trusted_and_clean() -> None:
    both = pairs(targets=1, routes=(DIRECT, HQ))
    board = board_of(both)
    for one in both:
        board.take(key_of(one), seen(one))
    for state in board.pairs.values():
        assert state.exported is not None
        assert state.exported.reachable is state.exported.trusted is True
        assert state.exported.verdict is Word.CLEAN
        assert state.exported.issuer is not None
        assert "First Trust TLS CA 01" in state.exported.issuer


def test_a_refused_pair_is_down_after_two_probes() -> None:
    (one,) = pairs()
    board = board_of([one])
    for late in (0, 5):
        board.take(key_of(one), seen(one, REFUSED, at=NOW + late))
    exported = board.pairs[key_of(one)].exported
    assert exported is not None
    assert exported.reachable is False
    assert exported.failure is not None
    assert str(exported.failure) == "connect/0/tcp-refused"


def test_strangers_sign_what_is_not_trusted() -> None:
    (one,) = pairs()
    board = board_of([one])
    for late in (0, 5):
        board.take(key_of(one), seen(one, at=NOW + late, signer="stranger"))
    exported = board.pairs[key_of(one)].exported
    assert exported is not None
    assert exported.trusted is False
    assert exported.issuer == "CN=Corp Root CA,O=Example Corp"
