"""Allow-lists: deterministic, without doubles; each host that was asked for is let through by each of them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import quickjs
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.catalog import Catalog, Selection, load, select
from prober.catalog.allow_list import Allowed, allowed, templates, without_covered
from prober.catalog.export import ExportFormat, export
from prober.catalog.intake.findings import Weight
from prober.catalog.intake.reading import read_list
from prober.catalog.matching import covering
from prober.catalog.reader import read_catalog
from prober.engine.pac.names import table
from prober.engine.pac.sandbox import PacSandbox

OTHERS = "PROXY proxy.corp.example:8080"


@pytest.fixture(scope="module")
def everything() -> tuple[Catalog, Selection]:
    catalog = load()
    return catalog, select(catalog, cloud="all", required="all", placeholders={"workspace": ["contoso"]})


def rows_of(*hosts: str) -> list[Allowed]:
    return [Allowed(host, 443) for host in hosts]


def lines(format_: ExportFormat, *hosts: str) -> list[str]:
    return [line for line in export(format_, rows_of(*hosts)).splitlines() if not line.startswith("#")]


def test_hosts_ports_and_wildcards_of_the_selection(everything: tuple[Catalog, Selection]) -> None:
    rows = {(row.host, row.port): row for row in allowed(everything[1])}
    assert ("contososensorapi.atp.azure.com", 443) in rows
    assert ("*.wns.windows.com", 443) in rows
    assert not any("{" in host for host, _ in rows)
    shared = rows["us4-v20.events.data.microsoft.com", 443]
    assert {"gcc", "gcc-high", "dod"} <= shared.clouds
    wanted = {target.host for target in everything[1].targets}
    assert wanted <= {host for host, _ in rows}


def test_what_wants_a_value_is_told_with_its_option(everything: tuple[Catalog, Selection]) -> None:
    told = templates(everything[1])
    assert told
    assert all("{" in host and option.startswith("--set ") for host, option in told)
    assert len(templates(everything[1], inspection_bypass=True)) <= len(told)


def test_bypass_list_has_what_the_vendor_asks_for_and_nothing_else(everything: tuple[Catalog, Selection]) -> None:
    catalog, selection = everything
    stated = {e.target.host for e in catalog.entries if e.target.inspection_bypass is True and not e.placeholders}
    hosts = {row.host for row in allowed(selection, inspection_bypass=True)}
    assert stated <= hosts
    assert "crl.microsoft.com" not in hosts
    assert {host for host in hosts if "contoso" not in host} == stated


def test_squid_has_no_entry_below_another() -> None:
    hosts = ("*.a.example", "a.example", "x.a.example", "*.x.a.example", "b.example", "x.b.example", "ba.example")
    assert lines(ExportFormat.SQUID, *hosts) == [".a.example", "b.example", "ba.example", "x.b.example"]


def test_names_beside_their_wildcards_stay_where_the_format_tells_them_apart() -> None:
    hosts = ("*.a.example", "a.example", "x.a.example", "*.x.a.example")
    assert lines(ExportFormat.PALOALTO_EDL, *hosts) == ["*.a.example/", "a.example/"]
    assert lines(ExportFormat.FQDN, *hosts) == sorted(hosts)


def test_lists_without_hosts_are_lists() -> None:
    assert export(ExportFormat.FQDN, []) == ""
    assert export(ExportFormat.CSV, []).startswith("host,port,")
    assert "patterns = [\n\n]" in export(ExportFormat.PAC, [], others=OTHERS)


def test_the_csv_says_everything(everything: tuple[Catalog, Selection]) -> None:
    rows = list(csv.DictReader(io.StringIO(export(ExportFormat.CSV, allowed(everything[1])))))
    assert len(rows) == len(allowed(everything[1]))
    crl = next(row for row in rows if row["host"] == "crl.microsoft.com")
    assert (crl["port"], crl["scheme"], crl["inspection_bypass"], crl["required"]) == ("80", "http", "no", "yes")
    assert "common.crl" in crl["ids"]


@pytest.mark.parametrize("format_", list(ExportFormat))
def test_the_order_of_a_catalog_makes_no_difference(
    everything: tuple[Catalog, Selection], format_: ExportFormat
) -> None:
    rows = allowed(everything[1])
    if format_ is ExportFormat.CSV:
        assert rows == sorted(rows, key=lambda row: (row.host, row.port))
    else:
        assert export(format_, rows, others=OTHERS) == export(format_, rows[::-1], others=OTHERS)


def answers(script: str, hosts: list[str]) -> dict[str, str | None]:
    now = datetime(2026, 3, 3, 12, tzinfo=UTC)
    with PacSandbox(script, now=now, resolve=table({})) as sandbox:
        found = sandbox.evaluate([f"https://{host}/" for host in hosts])
    assert [answer.failure for answer in found] == [None] * len(hosts)
    return {host: answer.result for host, answer in zip(hosts, found, strict=True)}


@pytest.mark.parametrize("bypass", [False, True])
def test_the_pac_script_knows_every_exported_host_and_no_other(
    everything: tuple[Catalog, Selection], bypass: bool
) -> None:
    rows = allowed(everything[1], inspection_bypass=bypass)
    script = export(ExportFormat.PAC, rows, listed="DIRECT", others=OTHERS)
    hosts = sorted({row.host for row in rows})
    named = [host for host in hosts if not host.startswith("*.")]
    below = [f"x{depth}{host[1:]}" for host in hosts if host.startswith("*.") for depth in ("", ".y")]
    assert set(answers(script, named + below).values()) == {"DIRECT"}
    wildcards = [host for host in hosts if host.startswith("*.")]
    bare = [host[2:] for host in wildcards if host[2:] not in named and not covering(host[2:], wildcards)]
    strangers = [*bare, "example.com", "constructor", "microsoft.com", *(f"{host}.evil.example" for host in named[:50])]
    strangers += [f"evil{host[2:]}" for host in wildcards if not covering(f"evil{host[2:]}", wildcards)]
    assert set(answers(script, strangers).values()) == {OTHERS}


def test_case_and_the_dot_of_the_root_make_no_difference_to_the_pac_script() -> None:
    script = export(ExportFormat.PAC, rows_of("a.example", "*.b.example"), others=OTHERS)
    assert set(answers(script, ["A.EXAMPLE", "a.example.", "X.B.example."]).values()) == {"DIRECT"}


labels = st.sampled_from(["a", "b", "c", "xn--p1ai", "a-1"])
names = st.lists(labels, min_size=1, max_size=4).map(lambda parts: ".".join([*parts, "example"]))
patterns = st.tuples(st.sampled_from(["", "*."]), names).map("".join)


@settings(deadline=None, max_examples=60)
@given(st.sets(patterns, min_size=1, max_size=12), st.sampled_from([ExportFormat.FQDN, ExportFormat.CSV]))
def test_what_is_exported_is_imported_again(
    tmp_path_factory: pytest.TempPathFactory, hosts: set[str], format_: ExportFormat
) -> None:
    path = tmp_path_factory.mktemp("round") / "list.txt"
    path.write_text(export(format_, rows_of(*hosts)))
    intake = read_list(path)
    assert {entry.target.host for entry in intake.entries} == hosts
    assert [remark for remark in intake.remarks if remark.weight is not Weight.ASIDE] == []


@settings(deadline=None, max_examples=60)
@given(st.sets(patterns, min_size=1, max_size=12), names)
def test_shortened_lists_let_the_same_hosts_through(
    tmp_path_factory: pytest.TempPathFactory, hosts: set[str], host: str
) -> None:
    """What squid and the firewall get stands, read back, for all that went in, and for nothing else."""
    path: Path = tmp_path_factory.mktemp("round") / "list.txt"
    for format_, itself in ((ExportFormat.SQUID, True), (ExportFormat.PALOALTO_EDL, False)):
        path.write_text(export(format_, rows_of(*hosts)))
        back = {entry.target.host for entry in read_list(path).entries}
        meant = hosts | ({each[2:] for each in hosts if each.startswith("*.")} if itself else set())
        assert lets_through(back, host) == lets_through(meant, host)


def lets_through(hosts: set[str], host: str) -> bool:
    return host in hosts or covering(host, sorted(each for each in hosts if each.startswith("*."))) is not None


def test_covered_names_are_left_out_once() -> None:
    assert without_covered(["*.a.example", "*.a.example", "b.a.example"], itself=False) == ["*.a.example"]


def test_the_pac_script_takes_hosts_however_they_are_written() -> None:
    """Chromium and this project's evaluator fold a host before they hand it over; not every program does."""
    script = export(ExportFormat.PAC, rows_of("*.a.example", "b.example"), others=OTHERS)
    context = quickjs.Context()
    context.eval("function shExpMatch(host, pattern) { return host.endsWith(pattern.slice(1)); }")
    context.eval(script)
    hosts = ("X.A.Example", "x.a.example.", "B.EXAMPLE", "b.example.", "c.example", "toString", "__proto__")
    found = [context.eval(f"FindProxyForURL('', {json.dumps(host)})") for host in hosts]
    assert found == ["DIRECT"] * 4 + [OTHERS] * 3


def test_the_strongest_requirement_counts_wherever_it_stands() -> None:
    text = (
        "service: OWN\ngroups:\n  - name: web\n    targets:\n"
        "      - {id: a, host: a.example, required: optional}\n"
        "      - {id: b, host: a.example, path: /b}\n"
        "      - {id: c, host: a.example, path: /c, required: legacy}\n"
    )
    file = read_catalog(text.encode(), "own.yaml")
    assert file.errors == ()
    selection = select(Catalog(file.entries, services=file.services), required="all")
    (row,) = allowed(selection)
    assert (row.required, len(row.ids)) == ("yes", 3)


def test_the_csv_of_every_cloud_comes_back_with_its_clouds(
    everything: tuple[Catalog, Selection], tmp_path: Path
) -> None:
    rows = allowed(everything[1])
    path = tmp_path / "list.csv"
    path.write_text(export(ExportFormat.CSV, rows))
    found: dict[tuple[str, int], set[str]] = {}
    for entry in read_list(path).entries:
        found.setdefault((entry.target.host, entry.target.port), set()).update(entry.target.cloud)
    assert found == {(row.host, row.port): row.clouds for row in rows}
