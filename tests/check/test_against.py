"""The earlier run of `check --against`."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.check.against import Against
from prober.check.errors import PlanErrors

from ..diff.made import failed, result, saved, whole_run


def test_the_same_egress_point_of_several(tmp_path: Path) -> None:
    path = saved(tmp_path / "all.json", [result(egress="paris"), failed(egress="rome")])
    assert Against(path, "paris").compared(whole_run([result(egress="paris")])).differences == ()
    assert Against(path, "rome").doubtful(whole_run([result(egress="rome")], "rome")) == {("id.a.example", "hq")}


def test_the_only_egress_point_under_another_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "one.json", [result(egress="runner-1")], "runner-1")
    document = Against(path, "runner-2").compared(whole_run([failed(egress="runner-2")], "runner-2"))
    assert [each.kind for each in document.differences] == ["newly-unreachable"]


def test_an_egress_point_that_the_file_does_not_know(tmp_path: Path) -> None:
    path = saved(tmp_path / "all.json", [result(egress=f"e{number}") for number in range(8)])
    with pytest.raises(PlanErrors) as refused:
        Against(path, "oslo")
    (error,) = refused.value.errors
    assert "all.json: it has no results of egress oslo, but of e0, e1, e2, e3, e4 and 3 others (--egress NAME)" in error


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PlanErrors, match=r"--against: .*nowhere\.json could not be read"):
        Against(tmp_path / "nowhere.json", "paris")


def test_a_file_that_contradicts_itself(tmp_path: Path) -> None:
    with pytest.raises(PlanErrors, match="twice, with different results"):
        Against(saved(tmp_path / "odd.json", [result(), failed()]), "paris")


def test_speed_and_definitions_need_no_further_probe(tmp_path: Path) -> None:
    path = saved(tmp_path / "one.json", [result()])
    assert Against(path, "paris").doubtful(whole_run([result()])) == frozenset()
