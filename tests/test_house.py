"""The house as drawn: imports run downwards, rooms below the engine are pure, modules stay small."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import prober

ROOT = Path(prober.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
MAX_LINES = 400

# Each room with those it may import. `prober` are the modules beside the rooms that hold words, not work.
# `spki` is below them all: it knows bytes and nothing of ours.
WORDS = {"model", "failures", "failure_table", "windows_codes"}
LOW = {"wire", "catalog", "routes", "interception", "load"}
MAY = {
    "model": set[str](),
    "spki": set[str](),
    "wire": {"model", "spki"},
    "catalog": {"model"},
    "routes": {"model"},
    "load": {"model"},
    "interception": {"model", "spki"},
}
PURE = {*LOW, "model", "spki"}
NOT_PURE = {"asyncio", "aiohttp", "socket", "ssl", "uvloop", "aiodns", "selectors", "threading"}
DASK = {"dask", "distributed"}
VAGUE = ("util", "utils", "helper", "helpers", "manager", "managers", "misc", "common")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(path: Path) -> str:
    """`wire` for wire/tls.py, `model` for model.py."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Dotted names of everything a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            assert node.module is not None
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
            found.add(node.module)
    return found


def rooms_imported(path: Path) -> set[str]:
    """Rooms of ours that a module reaches into."""
    parts = [name.split(".") for name in imports(path) if name.startswith("prober.")]
    known = {room(each) for each in MODULES}
    return {part[1] for part in parts if part[1] in known} - {room(path), "__init__"}


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 20
    assert "model" in rooms_imported(ROOT / "wire" / "tls.py")
    assert "OpenSSL" in imports(ROOT / "wire" / "tls.py")
    assert "distributed" in imports(ROOT / "cluster" / "share.py")


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) in MAY], ids=name_of)
def test_low_rooms_import_only_what_is_below_them(path: Path) -> None:
    assert rooms_imported(path) <= MAY[room(path)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nobody_imports_upwards(path: Path) -> None:
    """Nothing below `cli` imports it; the engine knows no report and no lab; only `cli` and its like see `config`."""
    mine, theirs = room(path), rooms_imported(path)
    top = {"cli", "__main__"}
    if mine not in top:
        assert not theirs & top
    if mine == "engine":
        assert theirs <= {*LOW, *WORDS, "spki"}
    if mine == "config":
        assert theirs <= {"catalog", "routes", "model", "wire"}
    if mine not in {*top, "config", "check", "lab", "monitor", "bench", "cluster"}:
        assert "config" not in theirs
    if mine == "diff":
        assert theirs <= {"report", "failures", "model"}
    if mine not in {*top, "check", "monitor", "cluster"}:
        assert "diff" not in theirs
    if mine == "cluster":
        assert theirs <= {"bench", "check", "config", "diff", "report", "engine", *LOW, *WORDS, "spki"}
    if mine not in top:
        assert "cluster" not in theirs
    if mine in WORDS:
        assert theirs <= WORDS


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_dask_is_in_one_room(path: Path) -> None:
    """It is optional, and it runs what it is sent: nobody else touches it."""
    if room(path) != "cluster":
        assert not {name.split(".")[0] for name in imports(path)} & DASK


@pytest.mark.parametrize("path", sorted((ROOT / "cli").glob("*.py")), ids=name_of)
def test_the_command_line_loads_no_cluster_before_it_is_asked_for(path: Path) -> None:
    """`prober --help` works without the extra, and as fast."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    at_once = [node.module or "" for node in body if isinstance(node, ast.ImportFrom)]
    assert not [name for name in at_once if name.startswith("prober.cluster")]


# The rooms within `monitor`, each with those beside it that it may see; the site puts them together.
WITHIN = {
    "metrics": set[str](),
    "memory": set[str](),
    "blackbox": set[str](),
    "web": {"metrics"},
    "page": {"web", "memory"},
}


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) == "monitor"], ids=name_of)
def test_rooms_within_the_monitor(path: Path) -> None:
    parts = [name.split(".")[2:] for name in imports(path) if name.startswith("prober.monitor.")]
    inner = path.relative_to(ROOT / "monitor").parts[0]
    rooms = {part[0] for part in parts if part and part[0] in WITHIN} - {inner}
    if inner in WITHIN:
        assert rooms <= WITHIN[inner]
        assert not {part[0] for part in parts if part} & {"site", "service", "rounds"}
    elif inner != "site.py":
        assert not rooms & {"web", "page"}


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) in PURE], ids=name_of)
def test_low_rooms_do_no_input_and_output(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & NOT_PURE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_a_city(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_names_say_something(path: Path) -> None:
    assert not {part.removesuffix(".py") for part in path.relative_to(ROOT).parts} & set(VAGUE)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node.name.lower() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert not [name for name in classes if name.endswith(VAGUE)]
