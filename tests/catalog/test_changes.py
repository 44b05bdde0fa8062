"""What to open and what to close between two lists."""

from __future__ import annotations

from prober.catalog.changes import compare, within
from prober.catalog.entry import Entry
from prober.catalog.loading import load
from prober.model import Required, Scheme, Target


def entry(host: str, **more: object) -> Entry:
    values: dict[str, object] = {"id": f"a.b.{host}", "scheme": Scheme.HTTPS, "host": host, "port": 443}
    return Entry(Target(**{**values, **more}))  # type: ignore[arg-type] # as the test says


def test_a_list_with_itself_is_no_difference_whatever_the_order() -> None:
    entries = list(load().entries)
    assert not compare(entries, entries[::-1])


def test_sides_swapped_swap_what_is_said() -> None:
    old, new = load(["mde"]).entries, load(["mdav"]).entries
    there, back = compare(old, new), compare(new, old)
    assert [each.described() for each in there.to_open] == [each.described() for each in back.to_close]
    assert [(c.host, c.what, c.old, c.new) for c in there.changed] == [
        (c.host, c.what, c.new, c.old) for c in back.changed
    ]


def test_open_and_close_are_hosts_with_ports() -> None:
    changes = compare([entry("a.example"), entry("b.example", port=80)], [entry("a.example"), entry("b.example")])
    assert [(each.host, each.port) for each in changes.to_open] == [("b.example", 443)]
    assert [(each.host, each.port) for each in changes.to_close] == [("b.example", 80)]
    assert changes


def test_a_wildcard_of_the_other_list_is_told_for_its_own_port_only() -> None:
    old = [entry("*.example"), entry("b.x.example", port=80)]
    opened = compare(old, [entry("a.x.example"), entry("a.y.example", port=80)]).to_open
    assert [each.covered_by for each in opened] == ["*.example", None]
    closed = compare([entry("a.x.example")], [entry("*.x.example")]).to_close
    assert closed[0].covered_by == "*.x.example"


def test_moved_wanted_otherwise_and_inspection() -> None:
    old = [entry("a.example", geography="US", required=Required.OPTIONAL, inspection_bypass=True)]
    new = [entry("a.example", geography="EU", inspection_bypass=False), entry("a.example", geography="WW", path="/x")]
    told = [(each.what, each.old, each.new) for each in compare(old, new).changed]
    assert told == [("geography", "US", "WW, EU"), ("required", "optional", "yes"), ("inspection_bypass", "yes", "no")]


def test_a_list_that_says_nothing_of_inspection_takes_nothing_back() -> None:
    assert not compare([entry("a.example", inspection_bypass=True)], [entry("a.example")])


def test_several_entries_for_a_host_are_one_endpoint() -> None:
    one = [entry("a.example", path="/x"), entry("a.example", required=Required.LEGACY)]
    assert not compare(one, [entry("a.example")])


def test_only_a_cloud_and_some_geographies() -> None:
    entries = [entry("a.example", cloud=("gcc",)), entry("b.example", geography="US"), entry("c.example")]
    assert [each.target.host for each in within(entries, "commercial", [])] == ["b.example", "c.example"]
    assert [each.target.host for each in within(entries, "all", ["WW"])] == ["a.example", "c.example"]


def test_the_json_has_everything() -> None:
    changes = compare([entry("a.example")], [entry("*.b.example", geography="EU"), entry("a.example", cloud=("dod",))])
    assert changes.described("old.yaml", "new.yaml") == {
        "schema": "prober.targets-diff/1",
        "old": "old.yaml",
        "new": "new.yaml",
        "open": [
            {
                "host": "*.b.example",
                "port": 443,
                "geography": ["EU"],
                "cloud": ["commercial"],
                "required": "yes",
                "ids": ["a.b.*.b.example"],
                "covered_by": None,
            }
        ],
        "close": [],
        "changed": [
            {
                "host": "a.example",
                "port": 443,
                "what": "cloud",
                "old": "commercial",
                "new": "dod",
                "ids": ["a.b.a.example"],
            }
        ],
    }
