"""Finding catalogs and joining them."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.catalog import CatalogErrors, load
from prober.catalog.loading import bundled_directory

OWN = "service: OWN\ngroups:\n  - name: g\n    targets:\n      - {id: a, host: a.example}\n"


def messages(names: list[str]) -> list[str]:
    with pytest.raises(CatalogErrors) as caught:
        load(names)
    assert str(caught.value) == "\n".join(map(str, caught.value.errors))
    return [str(error) for error in caught.value.errors]


def test_bundled_and_own_catalogs_join_in_the_order_named(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN)
    catalog = load(["mdi", str(own), "common", "mdi"])
    assert catalog.services == ("MDI", "OWN", "COMMON")
    assert catalog.files == ("targets/mdi.yaml", str(own), "targets/common.yaml")
    assert "own.g.a" in {entry.target.id for entry in catalog.entries}
    assert list(catalog.placeholders) == ["workspace"]


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    assert messages(["mdee", "ghost.yaml", str(tmp_path / "x" / "y"), f"{tmp_path}/"]) == [
        'mdee: unknown catalog "mdee": did you mean "mde"? (or a path to a file)',
        "ghost.yaml: no such file",
        f"{tmp_path}/x/y: no such file",
        f"{tmp_path}/: is a directory: expected a file",
    ]
    assert messages([]) == ["catalogs: no catalog is named"]


def test_mistakes_of_all_files_come_together(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(OWN.replace("host: a.example", "hots: a.example"))
    second.write_text("service: [\n")
    found = messages([str(first), "nope", str(second)])
    assert (
        found[0]
        == 'nope: unknown catalog "nope": expected one of mde, mdav, mdi, mma, ama, common (or a path to a file)'
    )
    assert found[2] == f"{first}:5: groups[0].targets[0].host: the key is missing"
    assert found[1] == f'{first}:5: groups[0].targets[0].hots: unknown key "hots": did you mean "host"?'
    assert found[3].startswith(f"{second}:2: not valid YAML")
    assert len(found) == 4


def test_an_id_that_stands_twice_is_a_mistake_across_files_too(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(OWN + "      - {id: b, host: b.example}\n      - {id: b, host: c.example}\n")
    second.write_text(OWN)
    assert messages([str(first), str(second)]) == [
        f'{first}:7: groups[0].targets[2].id: the id "own.g.b" is taken by {first}:6 (groups[0].targets[1])',
        f'{second}:5: groups[0].targets[0].id: the id "own.g.a" is taken by {first}:5 (groups[0].targets[0])',
    ]


def test_a_file_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(1 << 34)
    assert messages([str(huge)]) == [f"{huge}: larger than 4 MiB: not a catalog"]


def test_the_bundled_catalogs_are_found_in_a_checkout() -> None:
    assert (bundled_directory() / "mde.yaml").is_file()


def test_an_installed_package_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "prober"
    (package / "targets").mkdir(parents=True)
    (tmp_path / "targets").mkdir()
    monkeypatch.setattr("prober.catalog.loading._PACKAGE", package)
    assert bundled_directory() == package / "targets"
