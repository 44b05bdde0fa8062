"""Writes the dashboards as JSON: `python -m deploy.grafana.build` from the repository's root (`make dashboards`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import health, interception, overview, proxy

FOLDER: Final = Path(__file__).parent / "dashboards"
MODULES: Final[tuple[ModuleType, ...]] = (overview, proxy, interception, health)


def documents() -> Mapping[str, dict[str, Any]]:
    """File name to the dashboard as Grafana reads it."""
    found: dict[str, dict[str, Any]] = {}
    for module in MODULES:
        board = json.loads(json.dumps(module.build().build(), cls=JSONEncoder))
        number_panels(board)
        found[f"{module.UID}.json"] = board
    return found


def number_panels(board: dict[str, Any]) -> None:
    """Give panels the ids that links to them need: their places, so that a rebuild changes nothing else."""
    for place, panel in enumerate(board["panels"], 1):
        panel["id"] = place


def text_of(board: Mapping[str, Any]) -> str:
    """A dashboard as it is checked in: one way to write it, so that differences are differences."""
    return json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them all; files of dashboards that are no more go."""
    FOLDER.mkdir(exist_ok=True)
    built = documents()
    for old in FOLDER.glob("*.json"):
        if old.name not in built:
            old.unlink()
    for name, board in built.items():
        (FOLDER / name).write_text(text_of(board), encoding="utf-8")


if __name__ == "__main__":
    main()
