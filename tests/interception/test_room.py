"""What this room may know: no sockets, no loop, no other room."""

from __future__ import annotations

import ast
from pathlib import Path

import prober.interception

FORBIDDEN = {"asyncio", "socket", "ssl", "aiohttp", "selectors", "subprocess", "uvloop", "time"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_imports() -> None:
    folder = Path(prober.interception.__file__).parent
    modules = sorted(folder.rglob("*.py"))
    assert modules
    for path in modules:
        for name in imported(path):
            assert name.split(".")[0] not in FORBIDDEN, f"{path.name} imports {name}"
            assert not name.startswith("OpenSSL.SSL"), f"{path.name} imports {name}"
            if name.startswith("prober."):
                assert name.startswith(("prober.interception.", "prober.model.", "prober.spki.")), (
                    f"{path.name} imports {name}"
                )
