"""The counts behind the table."""

from __future__ import annotations

from types import ModuleType

import msgspec

from prober.report.document import Run
from prober.report.matrix import GIVEN, duration_of, rows_of, way_name, ways_of


def test_routes_stand_in_their_order(world: ModuleType) -> None:
    run: Run = world.run_of(world.ROUTES[:4], 3)
    shuffled = msgspec.structs.replace(run, results=tuple(reversed(run.results)))
    assert [route for _, route in ways_of(shuffled)] == ["direct", "hq", "two", "inspected"]


def test_without_results_the_routes_are_there(world: ModuleType) -> None:
    run = msgspec.structs.replace(world.run_of(world.ROUTES[:2], 1), results=())
    assert ways_of(run) == (("paris", "direct"), ("paris", "hq"))


def test_the_egress_is_named_where_there_are_several() -> None:
    assert way_name(("paris", "hq"), [("paris", "hq"), ("paris", "direct")]) == "hq"
    assert way_name(("lyon", "hq"), [("paris", "hq"), ("lyon", "hq")]) == "lyon/hq"


def test_the_own_egress_comes_first(world: ModuleType) -> None:
    run: Run = world.run_of(world.ROUTES[:1], 1)
    other = msgspec.structs.replace(run.results[0], egress="amsterdam")
    assert ways_of(msgspec.structs.replace(run, results=(other, *run.results)))[0] == ("paris", "direct")


def test_a_service_is_the_sum_of_its_geographies(world: ModuleType) -> None:
    run: Run = world.run_of(world.ROUTES[:4], 57)
    rows = rows_of(run)
    for way in ways_of(run):
        whole = sum(row.cells[way].total for row in rows if row.geography is None and row.cells)
        assert whole == 57
        mde = [row.cells[way] for row in rows if row.service == "MDE"]
        assert mde[0].total == sum(cell.total for cell in mde[1:])
        assert mde[0].reached == sum(cell.reached for cell in mde[1:])


def test_one_geography_needs_no_line_of_its_own(world: ModuleType) -> None:
    rows = [row for row in rows_of(world.run_of()) if row.service in ("MDI", "COMMON")]
    assert [row.geography for row in rows] == [None, None]


def test_services_stand_in_their_order_and_others_behind(world: ModuleType) -> None:
    run: Run = world.run_of(world.ROUTES[:1])
    given = msgspec.structs.replace(run.results[0], target=msgspec.structs.replace(run.results[0].target, service=""))
    run = msgspec.structs.replace(run, results=(given, *run.results))
    names = list(dict.fromkeys(row.service for row in rows_of(run)))
    assert names == ["MDE", "MDAV", "MDI", "MMA", "COMMON", GIVEN]


def test_a_service_without_a_probe_has_no_cells(world: ModuleType) -> None:
    (row,) = [row for row in rows_of(world.run_of()) if row.service == "MMA"]
    assert not row.cells


def test_duration(world: ModuleType) -> None:
    run: Run = world.run_of(world.ROUTES[:1], 1)
    assert duration_of(run) == 8.4
    assert duration_of(msgspec.structs.replace(run, finished=run.started)) == 0
    assert duration_of(msgspec.structs.replace(run, finished="2020-01-01T00:00:00Z")) == 0
    assert duration_of(msgspec.structs.replace(run, finished="2020-13-41T00:00:00Z")) is None


def test_verdicts_are_counted_once_each(world: ModuleType) -> None:
    """What a verdict tells is not counted as untrusted too; some connections only is a mark of its own."""
    run: Run = world.run_of(judged=True)
    cells = {row.service: row.cells for row in rows_of(run) if row.geography is None and row.cells}
    inspected = cells["MDE"]["paris", "inspected"]
    assert (inspected.intercepted, inspected.untrusted, inspected.mixed) == (29, 0, 0)
    two = cells["MDE"]["paris", "two"]
    assert (two.intercepted, two.mixed, two.blocked, two.suspect) == (0, 1, 1, 0)
    assert cells["MDAV"]["paris", "two"].suspect == 2
    assert cells["MDE"]["paris", "direct"].intercepted == 0


def test_without_verdicts_untrusted_counts(world: ModuleType) -> None:
    cells = next(row.cells for row in rows_of(world.run_of()) if row.service == "MDE")
    assert cells["paris", "inspected"].untrusted == 29
