"""Student's t and Wilson's interval against printed tables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.bench.intervals import t_distribution, t_quantile, wilson


@pytest.mark.parametrize(
    ("probability", "freedom", "printed"),
    [
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.975, 3, 3.182),
        (0.975, 4, 2.776),
        (0.95, 5, 2.015),
        (0.995, 9, 3.250),
        (0.9, 19, 1.328),
        (0.975, 100, 1.984),
    ],
)
def test_t_as_printed(probability: float, freedom: int, printed: float) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(printed, abs=5e-4)
    assert t_quantile(1 - probability, freedom) == pytest.approx(-printed, abs=5e-4)


@given(st.floats(0.001, 0.999), st.integers(1, 200))
@settings(deadline=None)
def test_t_quantile_is_the_inverse(probability: float, freedom: int) -> None:
    assert t_distribution(t_quantile(probability, freedom), freedom) == pytest.approx(probability, abs=1e-8)


@pytest.mark.parametrize(("probability", "freedom"), [(0, 3), (1, 3), (0.5, 0)])
def test_no_t(probability: float, freedom: int) -> None:
    with pytest.raises(ValueError, match="no t"):
        t_quantile(probability, freedom)


def test_wilson_as_printed() -> None:
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    printed = ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718))
    for count, of, low, high in printed:
        assert wilson(count, of) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 10_000), st.data())
@settings(deadline=None)
def test_wilson_holds_the_share(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    low, high = wilson(count, of)
    assert 0 <= low <= count / of <= high <= 1
