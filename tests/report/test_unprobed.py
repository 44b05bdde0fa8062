"""What was left out of a run: bounded, told by kind, nothing lost with `-v`."""

from __future__ import annotations

from types import ModuleType

import msgspec
import pytest

from prober import catalog
from prober.report.build import skipped_document, summary_of
from prober.report.document import SkippedDoc
from prober.report.table import table_text
from prober.report.unprobed import PATTERNS_SHOWN, by_kind, by_reason


def host(name: str, why: str = "a wildcard", kind: str | None = "wildcard-host") -> SkippedDoc:
    return skipped_document({"host": name, "path": "/"}, why, "prober check HOST…", kind)


def template(service: str, group: str, option: str | None) -> SkippedDoc:
    return skipped_document({"host": "{x}.example", "service": service, "group": group}, "no value", option, "template")


def sentences(*skipped: SkippedDoc) -> list[str]:
    return [group.sentence for group in by_kind(skipped)]


def test_wildcards_share_a_line_whatever_is_known_of_each() -> None:
    assert sentences(host("*.a.example", "one"), host("*.b.example", "two"), host("*.a.example", "three")) == [
        "2 wildcards name no single host (*.a.example, *.b.example): try prober check HOST…"
    ]


@pytest.mark.parametrize("count", [1, PATTERNS_SHOWN, PATTERNS_SHOWN + 1, PATTERNS_SHOWN + 2, 200])
def test_the_list_is_bounded_and_counts_what_it_leaves_out(count: int) -> None:
    (line,) = sentences(*(host(f"*.{number}.example") for number in range(count)))
    named = line.count(".example")
    assert line.startswith(f"{count} wildcard")
    if count <= PATTERNS_SHOWN + 1:
        assert named == count
        assert "more" not in line
    else:
        assert named == PATTERNS_SHOWN
        assert f"… and {count - PATTERNS_SHOWN} more: -v)" in line


def test_a_wildcard_in_a_path_shows_the_path() -> None:
    path = skipped_document({"host": "crl.example", "path": "/crl/*"}, "a wildcard", None, "wildcard-path")
    assert sentences(path) == ["1 wildcard in a path (crl.example/crl/*): try prober check URL"]


def test_templates_have_a_line_an_option_with_their_places_once() -> None:
    assert sentences(
        template("MDI", "sensor-api", "--set workspace=NAME"),
        template("AMA", "dce", "--set dce=NAME --set region=NAME"),
        template("MDI", "console", "--set workspace=NAME"),
        template("MDI", "console", "--set workspace=NAME"),
    ) == [
        "3 templates want --set workspace=NAME (MDI sensor-api, MDI console)",
        "1 template wants --set dce=NAME --set region=NAME (AMA dce)",
    ]


def test_a_run_of_a_version_without_kinds_is_told_by_reason() -> None:
    old = [host("*.a.example", kind=None), host("*.b.example", kind=None), host("*.c.example", "other", "later-kind")]
    assert sentences(*old) == ["2 targets: a wildcard (prober check HOST…)", "1 target: other (prober check HOST…)"]


def test_by_reason_names_every_host() -> None:
    skipped = [host(f"*.{number}.example", "even" if number % 2 else "odd") for number in range(9)]
    assert sorted(name for group in by_reason(skipped) for name in group.names) == [f"*.{n}.example" for n in range(9)]


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_default_selection_takes_six_lines(world: ModuleType, ascii_only: bool) -> None:
    selection = catalog.select(catalog.load(["mde", "mdav", "mdi", "mma", "ama", "common"]))
    run = msgspec.structs.replace(
        world.run_of(count=1),
        skipped=tuple(skipped_document(each.target, each.why, each.option, each.kind) for each in selection.skipped),
        summary=summary_of((), selection.services_without_probes),
        notes=(),
    )
    section = table_text(run, ascii_only=ascii_only).split("Not probed\n")[1].split("\n\n")[0].splitlines()
    assert len(section) <= 6
    assert "  1 template wants --set workspace=NAME (MDI sensor-api)" in section
    assert section[-1] == "  No probe at all for MDI, MMA, AMA."
    whole = " ".join(table_text(run, verbose=1).split())
    assert all(str(each.target["host"]) in whole for each in selection.skipped)
