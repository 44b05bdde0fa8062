"""contract.md, "Selection": what is in, what is skipped and why, and what a name that does not exist gets told."""

from __future__ import annotations

import pytest

from prober.catalog import Catalog, Selection, SelectionErrors, load, select
from prober.catalog.reader import read_catalog

TEXT = """\
service: ACME
placeholders: {site: a, room: b}
groups:
  - name: g
    targets:
      - {id: ww, host: ww.example}
      - {id: eu, host: eu.example, geography: EU, os: [windows]}
      - {id: us, host: us.example, geography: US, os: [linux, macos]}
      - {id: opt, host: opt.example, required: optional}
      - {id: old, host: old.example, required: legacy}
      - {id: gov, host: gov.example, geography: USGov, cloud: [gcc, gcc-high, dod]}
      - {id: gcc, host: gcc.example, geography: GCC, cloud: [gcc]}
      - {id: high, host: high.example, geography: GCCHigh, cloud: [gcc-high]}
      - {id: dod, host: dod.example, geography: DoD, cloud: [dod]}
      - {id: cn, host: cn.example, geography: CN, cloud: [china]}
      - {id: one, host: "{site}.example"}
      - {id: two, host: "{site}-{room}.example", path: "/{site}/x"}
      - {id: any, host: "*.example", expansion: [ww.example, eu.example, us.example, opt.example]}
      - {id: any-site, host: "*.site.example", expansion: ["{site}.site.example"]}
      - {id: any-none, host: "*.none.example"}
      - {id: any-path, host: path.example, path: /crl/*, expansion: [/crl/a.crl]}
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    file = read_catalog(TEXT.encode(), "acme.yaml")
    assert file.errors == ()
    return Catalog(file.entries, ("acme.yaml",), ("ACME", "EMPTY"), file.placeholders)


def names(selection: Selection) -> list[str]:
    return [target.id.removeprefix("acme.g.") for target in selection.targets]


def test_defaults_are_commercial_and_required_only(catalog: Catalog) -> None:
    assert names(select(catalog)) == ["ww", "eu", "us"]


@pytest.mark.parametrize(
    ("cloud", "expected"),
    [
        ("gcc", ["gov", "gcc"]),
        ("gcc-high", ["gov", "high"]),
        ("GCC-High", ["gov", "high"]),
        ("dod", ["gov", "dod"]),
        ("china", ["cn"]),
        ("all", ["ww", "eu", "us", "gov", "gcc", "high", "dod", "cn"]),
    ],
)
def test_cloud(catalog: Catalog, cloud: str, expected: list[str]) -> None:
    assert names(select(catalog, cloud=cloud)) == expected


def test_worldwide_and_the_government_geographies_are_always_in(catalog: Catalog) -> None:
    assert names(select(catalog, geography=["EU"])) == ["ww", "eu"]
    assert names(select(catalog, geography=["eu", "US"])) == ["ww", "eu", "us"]
    assert names(select(catalog, geography=["WW"])) == ["ww"]
    assert names(select(catalog, geography=["EU"], cloud="all")) == ["ww", "eu", "gov", "gcc", "high", "dod"]
    assert names(select(catalog, geography=["US"], cloud="gcc")) == ["gov", "gcc"]


def test_each_level_includes_the_ones_before(catalog: Catalog) -> None:
    assert names(select(catalog, required="optional")) == ["ww", "eu", "us", "opt"]
    assert names(select(catalog, required="legacy")) == ["ww", "eu", "us", "opt", "old"]
    assert names(select(catalog, required="all")) == ["ww", "eu", "us", "opt", "old"]


def test_an_entry_without_an_operating_system_always_matches(catalog: Catalog) -> None:
    assert names(select(catalog, os=["windows"])) == ["ww", "eu"]
    assert names(select(catalog, os=["Linux"])) == ["ww", "us"]
    assert names(select(catalog, os=["admin-workstation"])) == ["ww"]


def test_services_without_a_probe_are_named(catalog: Catalog) -> None:
    assert select(catalog).services_without_probes == ("EMPTY",)
    assert select(catalog, service=["acme"]).services_without_probes == ()
    assert select(catalog, service=["empty"]).services_without_probes == ("EMPTY",)
    assert select(catalog, service=["empty"]).targets == ()


def test_what_cannot_be_probed_is_told_with_the_option_that_helps(catalog: Catalog) -> None:
    skipped = {str(each.target["id"]): (each.why, each.option, each.kind) for each in select(catalog).skipped}
    assert skipped == {
        "acme.g.one": ("no value is given for {site}", "--set site=NAME", "template"),
        "acme.g.two": ("no value is given for {site} and {room}", "--set site=NAME --set room=NAME", "template"),
        "acme.g.any": (
            "a wildcard names no single host; known: ww.example, eu.example, us.example and 1 more",
            "prober check HOST…",
            "wildcard-host",
        ),
        "acme.g.any-site": (
            "a wildcard names no single host; known: {site}.site.example",
            "--set site=NAME",
            "wildcard-host",
        ),
        "acme.g.any-none": (
            "a wildcard names no single host; none is documented",
            "prober check HOST…",
            "wildcard-host",
        ),
        "acme.g.any-path": (
            "a wildcard names no single path; known: /crl/a.crl",
            "prober check https://path.example/PATH",
            "wildcard-path",
        ),
    }


def test_placeholders_are_filled_with_every_combination(catalog: Catalog) -> None:
    selection = select(catalog, placeholders={"site": ["Paris", "rome", "paris"], "room": ["r1", "r2"]})
    filled = {target.id: (target.host, target.path) for target in selection.targets if "@" in target.id}
    assert filled == {
        "acme.g.one@paris": ("paris.example", "/"),
        "acme.g.one@rome": ("rome.example", "/"),
        "acme.g.two@paris.r1": ("paris-r1.example", "/paris/x"),
        "acme.g.two@paris.r2": ("paris-r2.example", "/paris/x"),
        "acme.g.two@rome.r1": ("rome-r1.example", "/rome/x"),
        "acme.g.two@rome.r2": ("rome-r2.example", "/rome/x"),
    }


def test_a_placeholder_without_values_counts_as_not_given(catalog: Catalog) -> None:
    selection = select(catalog, placeholders={"site": ["paris"], "room": []})
    assert "acme.g.one@paris" in {target.id for target in selection.targets}
    assert ("acme.g.two", "--set room=NAME") in {(each.target["id"], each.option) for each in selection.skipped}


def test_bundled_placeholders_are_known_to_any_catalog(catalog: Catalog) -> None:
    assert select(catalog, placeholders={"workspace": ["contoso"]}) == select(catalog)


def test_every_unknown_name_is_told_at_once_with_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(SelectionErrors) as caught:
        select(
            catalog,
            cloud="comercial",
            geography=["EU", "UE", "USGvo"],
            required="maybe",
            service=["AMCE"],
            os=["window", "solaris"],
            placeholders={"sit": ["a"], "site": ["a b", "-x", ""], "room": ["x" * 64]},
        )
    value = "expected letters, digits and hyphens (part of a host name, 63 at most), got"
    assert [str(error) for error in caught.value.errors] == [
        'select.cloud: unknown cloud "comercial": did you mean "commercial"?',
        'select.required: unknown level "maybe": expected one of yes, optional, legacy, all',
        'select.geography: unknown geography "UE": expected one of WW, US, EU, UK, AU, AE, CH, IN, CN, ASIA, USGov,'
        " GCC, GCCHigh, DoD",
        'select.geography: unknown geography "USGvo": did you mean "USGov"?',
        'select.service: unknown service "AMCE": did you mean "ACME"?',
        'select.os: unknown operating system "window": did you mean "windows"?',
        'select.os: unknown operating system "solaris": expected one of windows, macos, linux, admin-workstation',
        'set.sit: unknown placeholder "sit": did you mean "site"?',
        f'set.site: {value} "a b"',
        f'set.site: {value} "-x"',
        f'set.site: {value} ""',
        f'set.room: {value} "{"x" * 64}"',
    ]


def test_values_that_make_no_host_together_are_refused(catalog: Catalog) -> None:
    with pytest.raises(SelectionErrors, match="would be no valid host name"):
        select(catalog, placeholders={"site": ["a" * 60], "room": ["b" * 60]})


def test_a_template_does_not_explode(catalog: Catalog) -> None:
    many = [f"v{number}" for number in range(101)]
    with pytest.raises(SelectionErrors, match=r"acme\.g\.two would become more than 10000 targets"):
        select(catalog, placeholders={"site": many, "room": many})


def test_skipped_targets_are_objects_of_the_contract() -> None:
    skipped = select(load(["mdi"])).skipped[0]
    assert skipped.target["id"] == "mdi.sensor-api.sensorapi-atp"
    assert list(skipped.target)[:10] == [
        "id", "service", "group", "host", "port", "scheme", "path", "geography", "cloud", "required",
    ]  # fmt: skip
