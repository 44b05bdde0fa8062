"""The bundled catalogs against the facts they were made from (endpoints.tsv, beside this file) and their own past."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from prober.catalog import Catalog, Entry, load, select
from prober.catalog.vocabulary import BUNDLED, PLACEHOLDERS
from prober.model import TrustClass

HERE = Path(__file__).parent

ADDED = {
    # Probe paths that the sources document beside the rows of the facts (docs/catalogs.md, "Beside the facts").
    *(f"mde.gateway.mdav-{geo}.packages-{os}" for geo in ("us", "eu", "uk", "au") for os in ("mac", "linux")),
    "common.crl.crl.root-2011.usgov",
}

Row = dict[str, str]


def facts() -> list[Row]:
    with (HERE / "endpoints.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def key_of_row(row: Row) -> tuple[object, ...]:
    group = "c2" if row["group"] == "cnc" else row["group"]
    path = "/" if row["path"] == "-" else row["path"]
    cloud = tuple(row["cloud"].split(","))
    return (row["service"], group, row["host_or_pattern"], int(row["port"]), path, row["geography"], cloud)


def key_of_entry(entry: Entry) -> tuple[object, ...]:
    target = entry.target
    return (
        target.service,
        target.group,
        target.host,
        target.port,
        target.path,
        target.geography,
        target.cloud,
    )


def test_every_row_of_the_facts_is_an_entry_and_agrees_with_it(catalog: Catalog) -> None:
    entries = {key_of_entry(entry): entry.target for entry in catalog.entries}
    rows = facts()
    assert len(rows) == 424
    for row in rows:
        target = entries[key_of_row(row)]
        assert target.scheme.value == row["scheme"], target.id
        assert target.required.value == row["required"], target.id
        bypass = {True: "yes", False: "no", None: "-"}[target.inspection_bypass]
        assert bypass == row["inspection_bypass_required"], target.id
        expected = () if row["expected_http"] == "-" else tuple(map(int, row["expected_http"].split(",")))
        if "/fwlink/" in target.path:
            # The status of the facts is the one after a redirect, which this prober does not follow.
            expected += (301, 302)
        assert target.expected == expected, target.id


def test_nothing_is_there_beyond_the_facts_but_what_is_known(catalog: Catalog) -> None:
    rows = {key_of_row(row) for row in facts()}
    assert {entry.target.id for entry in catalog.entries if key_of_entry(entry) not in rows} == ADDED
    assert len(catalog.entries) == len(rows) + len(ADDED) == 433


def test_every_host_of_the_facts_is_there(catalog: Catalog) -> None:
    assert {row["host_or_pattern"] for row in facts()} == {entry.target.host for entry in catalog.entries}


def test_ids_are_unique_and_the_same_as_ever(catalog: Catalog) -> None:
    ids = [entry.target.id for entry in catalog.entries]
    assert len(set(ids)) == len(ids)
    # An id is an identity in metrics and saved runs: it is added or retired, never changed or given to something else.
    assert sorted(ids) == (HERE / "ids.txt").read_text(encoding="utf-8").split()


def test_ids_have_the_shape_of_the_contract(catalog: Catalog) -> None:
    ids = {entry.target.id: entry.target for entry in catalog.entries}
    assert ids["mde.c2.winatp-gw-neu"].host == "winatp-gw-neu.microsoft.com"
    assert ids["mde.c2.winatp-gw-neu"].path == "/commands/test"
    for name, target in ids.items():
        assert name.startswith(f"{target.service.lower()}.{target.group}."), name


def test_entries_by_service(catalog: Catalog) -> None:
    assert Counter(entry.target.service for entry in catalog.entries) == {
        "MDE": 199,
        "MDAV": 137,
        "MDI": 30,
        "COMMON": 29,
        "MMA": 24,
        "AMA": 14,
    }


def test_probeable_by_service_and_geography(catalog: Catalog) -> None:
    selection = select(catalog, cloud="all", required="all")
    assert len(selection.targets) == 352
    assert len(selection.skipped) == 81
    assert selection.services_without_probes == ()
    assert Counter(target.service for target in selection.targets) == {
        "MDE": 181,
        "MDAV": 115,
        "COMMON": 26,
        "MDI": 20,
        "MMA": 6,
        "AMA": 4,
    }
    assert Counter(target.geography for target in selection.targets) == {
        "WW": 103,
        "US": 63,
        "EU": 41,
        "UK": 27,
        "AU": 24,
        "GCCHigh": 19,
        "DoD": 19,
        "GCC": 17,
        "USGov": 14,
        "CH": 7,
        "IN": 7,
        "CN": 5,
        "AE": 4,
        "ASIA": 2,
    }
    regions = Counter((target.service, target.geography) for target in selection.targets)
    assert [regions["MDE", geo] for geo in ("WW", "US", "EU", "UK", "AU", "AE", "CH", "IN")] == [
        30, 40, 30, 19, 19, 4, 2, 2,
    ]  # fmt: skip
    assert [regions["MDAV", geo] for geo in ("WW", "US", "EU", "UK", "AU", "AE", "CH", "IN")] == [
        45, 16, 7, 7, 5, 0, 5, 5,
    ]  # fmt: skip
    assert [regions["MDE", geo] for geo in ("USGov", "GCC", "GCCHigh", "DoD")] == [8, 9, 8, 10]
    assert [regions["MDAV", geo] for geo in ("USGov", "GCC", "GCCHigh", "DoD")] == [1, 8, 8, 8]
    assert [regions["MDI", geo] for geo in ("WW", "US", "EU", "UK", "ASIA", "GCCHigh", "DoD")] == [2, 7, 4, 1, 2, 3, 1]


@pytest.mark.parametrize(
    ("cloud", "yes", "optional", "legacy"),
    [
        ("commercial", 175, 235, 278),
        ("gcc", 24, 29, 31),
        ("gcc-high", 21, 28, 32),
        ("dod", 23, 30, 32),
        ("china", 0, 4, 5),
        ("all", 227, 304, 352),
    ],
)
def test_probeable_by_cloud_and_level(catalog: Catalog, cloud: str, yes: int, optional: int, legacy: int) -> None:
    found = [len(select(catalog, cloud=cloud, required=level).targets) for level in ("yes", "optional", "legacy")]
    assert found == [yes, optional, legacy]
    assert len(select(catalog, cloud=cloud, required="all").targets) == legacy


def test_every_template_becomes_probeable(catalog: Catalog) -> None:
    values = {"workspace": ["contoso"], "workspace_id": ["0a1b"], "vm_region": ["westeurope"], "dce": ["a-1b2c"]}
    filled = select(catalog, cloud="all", required="all", placeholders={**values, "region": ["westeurope-1"]})
    assert len(filled.targets) == 352 + 27
    assert all("wildcard" in skipped.why and skipped.kind != "template" for skipped in filled.skipped)
    ids = {target.id: target.host for target in filled.targets}
    assert len(ids) == len(filled.targets)
    assert ids["mdi.sensor-api.sensorapi-atp@contoso"] == "contososensorapi.atp.azure.com"
    assert ids["ama.dce.ingest-monitor@a-1b2c.westeurope-1"] == "a-1b2c.westeurope-1.ingest.monitor.azure.com"


def test_methods_are_those_of_the_sources(catalog: Catalog) -> None:
    for entry in catalog.entries:
        path = entry.target.path
        if path == "/api/network/mac":
            assert entry.target.method == "POST", entry.target.id
        elif path.startswith(("/fwlink/", "/packages/")):
            assert entry.target.method == "HEAD", entry.target.id
        else:
            assert entry.target.method == "GET", entry.target.id


PRIVATE = re.compile(
    r"(mdav|edr-\w+)\.\w+\.endpoint\.security\.microsoft\.com"
    r"|winatp-gw-\w+\.microsoft\.com|\w+(?<!\bx)\.cp\.wd\.microsoft\.com"
    r"|(\w+-)?v(10|10c|20)\.events\.data\.microsoft\.com|settings-win\.data\.microsoft\.com"
    r"|\w+\.vortex-win\.data\.microsoft\.com|(\*\.)?(wdcp|wdcpalt)\.microsoft\.com"
    r"|\w+-v20\.events\.endpoint\.security\.microsoft\.com|(sls|fe2)\.update\.microsoft\.com"
    r"|[\w*]+\.delivery\.mp\.microsoft\.com"
)


def test_trust_classes_follow_the_host(catalog: Catalog) -> None:
    for entry in catalog.entries:
        target = entry.target
        if target.scheme.value == "http":
            assert target.trust is None, target.id
        elif PRIVATE.fullmatch(target.host):
            assert target.trust is TrustClass.VENDOR_PRIVATE, target.id
        else:
            assert target.trust is not TrustClass.VENDOR_PRIVATE, target.id
        if target.scheme.value != "http" and target.host.endswith((".blob.core.windows.net", ".atp.azure.com")):
            assert target.trust is TrustClass.PUBLIC, target.id


def test_client_certificates_and_proxy_logins(catalog: Catalog) -> None:
    for entry in catalog.entries:
        target = entry.target
        presents = target.group.startswith("sensor-api") or (target.service == "MMA" and ".ods." in target.host)
        assert target.client_certificate == presents, target.id
        assert target.proxy_login == (target.service in ("MDI", "AMA")), target.id


def test_every_entry_names_a_dated_source(catalog: Catalog) -> None:
    for entry in catalog.entries:
        assert entry.target.source, entry.target.id
        assert entry.target.dated, entry.target.id


def test_only_wildcards_have_expansions_and_documented_ones_are_kept(catalog: Catalog) -> None:
    entries = {entry.target.id: entry for entry in catalog.entries}
    assert entries["mde.wns.any-wns-windows"].expansion == ("client.wns.windows.com",)
    assert entries["common.crl.crl.any"].expansion == ("/pki/crl/products/MicRooCerAut2011_2011_03_22.crl",)
    assert len(entries["mdav.smartscreen.any-smartscreen"].expansion) == 9
    for entry in catalog.entries:
        assert entry.wildcard or not entry.expansion, entry.target.id


def test_placeholders_are_the_known_ones(catalog: Catalog) -> None:
    assert set(catalog.placeholders) == set(PLACEHOLDERS)
    assert {name for entry in catalog.entries for name in entry.placeholders} == set(PLACEHOLDERS)


def test_every_catalog_is_bundled_and_every_file_is_a_catalog(catalog: Catalog) -> None:
    directory = HERE.parents[1] / "targets"
    assert sorted(path.stem for path in directory.iterdir()) == sorted(BUNDLED)
    assert catalog.files == tuple(f"targets/{name}.yaml" for name in BUNDLED)
    assert catalog.services == ("MDE", "MDAV", "MDI", "MMA", "AMA", "COMMON")
