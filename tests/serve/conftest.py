"""What every test of the whole program has: a stage, a folder with a configuration, programs that end with the test."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from prober.lab.authorities import Authorities

from .serving import Serving, write_catalog, write_config
from .stage import Stage

GROUPS = 2
"""Files of this folder that run at the same time, at most."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole programs are hungry: with `--dist loadgroup` only so many run at once."""
    here = Path(__file__).parent
    files = sorted({item.path for item in items if item.path.parent == here})
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.xdist_group(f"serve-{files.index(item.path) % GROUPS}"))
            item.add_marker(pytest.mark.timeout(300))  # they wait for facts, and a busy machine has them late


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    return Authorities()


@pytest.fixture
def stage(tmp_path: Path, authorities: Authorities) -> Iterator[Stage]:
    with Stage(tmp_path, authorities) as stage:
        yield stage


class World:
    """A folder to serve from, and what was started in it."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self.folder = folder
        self.stage = stage
        self.started: list[Serving] = []
        self.settings: dict[str, Any] = {}

    def configure(
        self,
        hosts: Sequence[str] = ("a.contoso.test", "b.contoso.test"),
        routes: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
        *,
        origin: int | None = None,
        serve: Mapping[str, Any] | None = None,
        probe: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Write catalog and configuration: every host at the origin, probed twice a second, confirmed quickly."""
        write_catalog(self.folder, hosts)
        self.settings = {
            "egress": "here",
            "catalogs": ["own.yaml"],
            "routes": {name: [dict(hop) for hop in way] for name, way in (routes or {"direct": []}).items()},
            "resolve": {"*:443": f"127.0.0.1:{origin or self.stage.origin}"},
            "trust": {"roots": [{"file": "roots.pem", "anchor": "public"}]},
            "probe": {"timeout": 3, **(probe or {})},
            "serve": {"interval": 0.5, "confirm_after": 0.1, "grace": 2, **(serve or {})},
            **more,
        }
        write_config(self.folder, self.settings)
        return copy.deepcopy(self.settings)

    def rewrite(self, settings: Mapping[str, Any]) -> None:
        """Another configuration."""
        write_config(self.folder, settings)

    def start(self, *arguments: str, **options: Any) -> Serving:
        """`prober serve`, which may still be starting."""
        serving = Serving(self.folder, arguments, **options)
        self.started.append(serving)
        return serving

    def close(self) -> None:
        for serving in self.started:
            serving.close()


@pytest.fixture
def world(tmp_path: Path, stage: Stage) -> Iterator[World]:
    world = World(tmp_path, stage)
    try:
        yield world
    finally:
        world.close()


Through = Callable[[int], list[dict[str, str]]]


@pytest.fixture
def through() -> Through:
    """The way over a proxy on a port."""
    return lambda port: [{"url": f"http://127.0.0.1:{port}"}]
