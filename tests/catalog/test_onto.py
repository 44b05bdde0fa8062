"""A list put onto a catalog: ids and hand-written lines stay, what is new is added, what vanished is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from prober.catalog.entry import Entry
from prober.catalog.loading import bundled_directory, load
from prober.catalog.onto import Merged, NotEditable, Vanished, put_onto
from prober.catalog.reader import read_catalog
from prober.model import Required, Scheme, Target

SOURCE = ("july", "july.xlsx", "2026-07-03")
CATALOG = """\
# Kept by hand.
service: CONTOSO # the name
sources:
  june: {name: june.xlsx, date: 2026-06-01}

groups:
  # the web
  - name: web
    defaults: {source: [june], expected: [200]}
    targets:
      - {id: portal, host: portal.example, note: "asked by Ann"} # ticket 7
      # the old one
      - id: old
        host: old.example
        required: optional

  - name: files
    targets:
      - {id: box, host: box.example, geography: EU}

# the end
"""


def listed(*hosts: str, **more: object) -> list[Entry]:
    found = []
    for host in hosts:
        values: dict[str, object] = {"id": "", "scheme": Scheme.HTTPS, "host": host, "port": 443, "group": "web"}
        found.append(Entry(Target(**{**values, **more}), path="List!E2"))  # type: ignore[arg-type] # as the test says
    return found


def put(entries: Sequence[Entry], text: str = CATALOG, **more: object) -> Merged:
    return put_onto(text.encode(), "own.yaml", entries, SOURCE, **more)  # type: ignore[arg-type] # as the test says


def ids(text: str) -> dict[str, str]:
    file = read_catalog(text.encode(), "own.yaml")
    assert file.errors == ()
    return {entry.target.id: entry.target.host for entry in file.entries}


ALL = ("portal.example", "old.example", "box.example")


def test_nothing_new_leaves_the_text_as_it_is() -> None:
    merged = put(listed("portal.example"))
    assert merged.text == CATALOG
    assert merged.matched == 1
    assert [each.target.host for each in merged.vanished] == ["old.example", "box.example"]


def test_new_entries_come_behind_the_others_with_their_source() -> None:
    merged = put(listed(*ALL, "new.example", "*.new.example"))
    after = merged.text.splitlines()
    rest = iter(after)
    assert all(line in rest for line in CATALOG.splitlines())  # each of them, in order
    added = {"contoso.web.new": "new.example", "contoso.web.any-new": "*.new.example"}
    assert ids(merged.text) == {**ids(CATALOG), **added}
    assert [name for name, _ in merged.added] == ["contoso.web.new", "contoso.web.any-new"]
    assert "  july: {name: july.xlsx, date: 2026-07-03}" in after
    assert after[-2:] == ["", "# the end"]
    assert merged.vanished == ()


def test_importing_the_same_list_again_changes_nothing() -> None:
    entries = listed(*ALL, "new.example", "*.new.example", path="/x/*")
    once = put(entries).text
    assert put(entries, once).text == once


def test_an_id_that_is_taken_is_not_given_again() -> None:
    merged = put(listed("portal.example", port=8443))
    assert [name for name, _ in merged.added] == ["contoso.web.portal.8443"]


def test_a_source_of_the_same_name_stays() -> None:
    merged = put_onto(CATALOG.encode(), "own.yaml", listed("new.example"), ("june", "june.xlsx", "2026-08-01"))
    assert "june-2: {name: june.xlsx, date: 2026-08-01}" in merged.text
    assert "june: {name: june.xlsx, date: 2026-06-01}" in merged.text


def test_differences_are_told_and_the_catalog_stays() -> None:
    merged = put(listed("old.example", "portal.example") + listed("box.example", geography="US"))
    told = [(each.entry.target.id, each.field, each.catalog, each.listed) for each in merged.disagreements]
    assert told == [
        ("contoso.web.old", "required", "optional", "yes"),
        ("contoso.files.box", "geography", "EU", "US"),
    ]
    assert merged.text == CATALOG


def test_a_region_more_is_a_new_entry_and_no_move() -> None:
    merged = put(listed("box.example", geography="US") + listed("box.example", geography="EU"))
    assert [(name, entry.target.geography) for name, entry in merged.added] == [("contoso.web.box", "US")]
    assert merged.disagreements == ()


def test_with_update_the_list_counts_and_only_those_lines_change() -> None:
    merged = put(listed("old.example", "portal.example") + listed("box.example", geography="US"), update=True)
    entries = {entry.target.id: entry for entry in read_catalog(merged.text.encode(), "own.yaml").entries}
    assert entries["contoso.web.old"].target.required is Required.YES
    assert entries["contoso.files.box"].target.geography == "US"
    assert entries["contoso.web.old"].target.expected == (200,)
    gone = [line for line in CATALOG.splitlines() if line not in merged.text.splitlines()]
    assert all("old" in line or "box" in line or "required" in line for line in gone)
    assert "# ticket 7" in merged.text
    assert "      # the old one" in merged.text


def test_vanished_entries_become_legacy_or_go() -> None:
    legacy = put(listed("portal.example"), vanished=Vanished.LEGACY)
    entries = {entry.target.id: entry for entry in read_catalog(legacy.text.encode(), "own.yaml").entries}
    assert {name: entry.target.required.value for name, entry in entries.items()} == {
        "contoso.web.portal": "yes",
        "contoso.web.old": "legacy",
        "contoso.files.box": "legacy",
    }
    dropped = put(listed("portal.example"), vanished=Vanished.DROP)
    assert ids(dropped.text) == {"contoso.web.portal": "portal.example"}
    assert "name: files" not in dropped.text
    assert [each.target.id for each in dropped.vanished] == ["contoso.web.old", "contoso.files.box"]


def test_entries_of_other_clouds_do_not_vanish() -> None:
    assert put(listed("gov.example", cloud=("gcc",))).vanished == ()


def test_nothing_vanishes_from_a_list_that_is_not_whole() -> None:
    merged = put(listed("new.example"), whole=False, vanished=Vanished.DROP)
    assert merged.vanished == ()
    assert ids(CATALOG).items() < ids(merged.text).items()


def test_a_catalog_of_a_known_service_takes_no_other_and_its_entries_stay() -> None:
    text = CATALOG.replace("CONTOSO", "MDE")
    entries = listed("said.example", service="MDE") + listed("unsaid.example") + listed("other.example", service="MDAV")
    merged = put(entries, text)
    assert [name for name, _ in merged.added] == ["mde.web.said", "mde.web.unsaid"]
    assert [each.target.host for each in merged.elsewhere] == ["other.example"]
    assert len(merged.vanished) == 3
    # A list with nothing of the catalog's own has nothing to say about what it lacks.
    assert put(listed("other.example", service="MDAV"), text, vanished=Vanished.DROP).text == text


def test_a_catalog_of_ones_own_takes_every_service_once() -> None:
    merged = put(listed("new.example", service="MDE") + listed("new.example", service="MDAV"))
    assert [name for name, _ in merged.added] == ["contoso.web.new"]
    assert merged.elsewhere == ()


def test_a_catalog_of_several_services_gets_each_under_its_own() -> None:
    text = CATALOG.replace("CONTOSO", "MDE").replace("  - name: files\n", "  - name: files\n    service: MMA\n")
    merged = put(listed("box.example", service="MMA", geography="EU") + listed("new.example", service="MMA"), text)
    assert [name for name, _ in merged.added] == ["mma.web.new"]
    assert ids(merged.text)["mma.web.new"] == "new.example"
    assert ids(merged.text)["mma.files.box"] == "box.example"


def test_what_stands_in_catalogs_beside_it_is_not_added() -> None:
    beside = listed("crl.example", port=80)
    merged = put(listed(*ALL) + listed("crl.example", port=80), beside=beside)
    assert merged.added == ()


def test_a_path_pattern_is_known_by_a_path_under_it() -> None:
    text = CATALOG.replace("host: portal.example,", "host: portal.example, path: /pki/a.crl,")
    assert put(listed("portal.example", path="/pki/*"), text).added == ()
    assert len(put(listed("portal.example", path="/other/*"), text).added) == 1


def test_templates_bring_their_placeholder_along() -> None:
    entry = listed("{workspace_id}.example")[0]
    new = Entry(entry.target, path="List!E2", placeholders=("workspace_id",))
    merged = put([new])
    assert "placeholders:\n  workspace_id: " in merged.text
    assert "contoso.web.workspace-id" in ids(merged.text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("service: [", "not valid YAML"),
        ("service: A\ngroups: [{name: web, targets: [{id: a, host: a.example}]}]\n", "on a line of its own"),
        (CATALOG.replace("sources:\n  june", "sources: {june").replace("06-01}", "06-01}}"), "a line for each of them"),
    ],
)
def test_texts_that_cannot_be_edited(text: str, message: str) -> None:
    with pytest.raises(NotEditable, match=message):
        put(listed("new.example"), text)


@pytest.mark.parametrize("name", ["mde", "mdav", "mdi", "mma", "ama", "common"])
@pytest.mark.parametrize("vanished", list(Vanished))
def test_bundled_catalogs_can_be_edited(name: str, vanished: Vanished) -> None:
    """Each loses half of its hosts, in turn, and gets a new one; ids of what stays are as they were."""
    data = (bundled_directory() / f"{name}.yaml").read_bytes()
    entries = load([name]).entries
    for half in (entries[::2], entries[1::2]):
        merged = put_onto(data, name, [*half, *listed("new.example")], SOURCE, vanished=vanished, update=True)
        before = {entry.target.id for entry in entries}
        after = ids(merged.text).keys()
        gone = {entry.target.id for entry in merged.vanished}
        assert before - after == (gone if vanished is Vanished.DROP else set())
        assert len(after - before) == 1
        comments = [line for line in data.decode().splitlines() if line.startswith("#")]
        assert [line for line in merged.text.splitlines() if line.startswith("#")] == comments


def test_a_bundled_catalog_put_onto_itself_is_the_same() -> None:
    for name in ("mde", "common"):
        data = (bundled_directory() / f"{name}.yaml").read_bytes()
        merged = put_onto(data, name, load([name]).entries, SOURCE)
        assert merged.text == data.decode()
        assert not merged.vanished
        assert not merged.disagreements
        assert not merged.added
