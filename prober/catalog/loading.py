"""Finding catalogs, bundled or the user's own, and joining them into one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prober.catalog.document import MAX_BYTES
from prober.catalog.entry import Catalog, Entry
from prober.catalog.errors import CatalogError, CatalogErrors, unknown
from prober.catalog.reader import CatalogFile, read_catalog
from prober.catalog.vocabulary import BUNDLED

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def bundled_directory() -> Path:
    """Where the bundled catalogs are: inside the package when installed, beside it in a checkout."""
    installed = _PACKAGE / "targets"
    return installed if installed.is_dir() else _PACKAGE.parent / "targets"


def load(names: Sequence[str] = BUNDLED) -> Catalog:
    """The catalogs named, joined: bundled names (`mde`) or file paths. A catalog named twice is taken once.

    Raises `CatalogErrors` with every mistake in every file, ids that occur twice over all files included.
    """
    errors: list[CatalogError] = []
    files: dict[Path, CatalogFile] = {}
    for name in names:
        path = _locate(name, errors)
        if path is not None and path not in files:
            files[path] = _read(path, _shown_name(name, path), errors)
    if not names:
        errors.append(CatalogError("catalogs", "", "no catalog is named"))
    for file in files.values():
        errors.extend(file.errors)
    entries = [entry for file in files.values() for entry in file.entries]
    errors.extend(_duplicates(entries))
    if errors:
        raise CatalogErrors(errors)
    return Catalog(
        tuple(entries),
        files=tuple(file.file for file in files.values()),
        services=tuple(dict.fromkeys(service for file in files.values() for service in file.services)),
        placeholders={name: text for file in files.values() for name, text in file.placeholders.items()},
    )


def _locate(name: str, errors: list[CatalogError]) -> Path | None:
    if name in BUNDLED:
        return bundled_directory() / f"{name}.yaml"
    path = Path(name).expanduser()
    if path.is_file():
        return path.resolve()
    if "/" in name or "\\" in name or path.suffix in (".yaml", ".yml"):
        reason = "is a directory: expected a file" if path.is_dir() else "no such file"
        errors.append(CatalogError(name, "", reason))
    else:
        errors.append(CatalogError(name, "", f"{unknown('catalog', name, BUNDLED)} (or a path to a file)"))
    return None


def _read(path: Path, shown: str, errors: list[CatalogError]) -> CatalogFile:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        errors.append(CatalogError(shown, "", f"cannot be read: {error.strerror}"))
        return CatalogFile(shown, "", (), {}, ())
    return read_catalog(data, shown)


def _shown_name(name: str, path: Path) -> str:
    """Bundled files go by their place in the project, own ones as the user wrote them."""
    return f"targets/{path.name}" if name in BUNDLED else name


def _duplicates(entries: Sequence[Entry]) -> list[CatalogError]:
    seen: dict[str, Entry] = {}
    errors: list[CatalogError] = []
    for entry in entries:
        first = seen.setdefault(entry.target.id, entry)
        if first is not entry:
            message = f'the id "{entry.target.id}" is taken by {first.file}:{first.line} ({first.path})'
            errors.append(CatalogError(entry.file, f"{entry.path}.id", message, entry.line))
    return errors
