"""The bounded memory."""

from __future__ import annotations

from prober.interception.recent import Recent


def test_bounded_and_oldest_first_out() -> None:
    recent: Recent[int, int] = Recent(16)
    for number in range(1_000):
        recent.put(number, -number)
        assert len(recent) <= 16
    assert recent.get(999) == -999
    assert recent.get(0) is None


def test_replacing_costs_nobody_a_place() -> None:
    recent: Recent[int, int] = Recent(2)
    recent.put(1, 1)
    recent.put(2, 2)
    recent.put(2, 3)
    assert (recent.get(1), recent.get(2)) == (1, 3)
