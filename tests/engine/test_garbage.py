"""What is set aside stays out of collections; what was garbage by then goes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from prober.engine.garbage import kept_out, set_aside


class Knot:
    """Refers to itself: only the collector of cycles frees it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_stays_is_set_aside() -> None:
    before = gc.get_freeze_count()
    kept = Knot()
    set_aside()
    assert gc.get_freeze_count() > before
    assert not any(each is kept for each in gc.get_objects())
    assert gc.get_threshold() == (10_000, 20, 50)


def test_what_is_garbage_by_the_next_time_goes() -> None:
    knot = Knot()
    gone = weakref.ref(knot)
    set_aside()
    del knot
    gc.collect()
    assert gone() is not None  # set aside: no collection sees it
    set_aside()
    assert gone() is None


@pytest.mark.parametrize("frozen", [False, True])
def test_a_run_leaves_all_as_it_was(frozen: bool) -> None:
    gc.unfreeze()
    if frozen:
        gc.freeze()
    before = gc.get_threshold(), gc.get_freeze_count()
    kept = Knot()
    with kept_out():
        assert gc.get_threshold() == (10_000, 20, 50)
        assert gc.get_freeze_count() > 0
        assert any(each is kept for each in gc.get_objects()) is frozen
    assert gc.get_threshold() == before[0]
    assert (gc.get_freeze_count() > 0) is frozen
    assert kept.self is kept
