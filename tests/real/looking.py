"""`prober check` from end to end, over routes with interceptors on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .asking import Run, run_check
from .names import HIJACKED
from .proxies import Proxy
from .sites import Site, Sites


class Watcher:
    """Checks sites; the families of the public web are told to it as roots that are public."""

    def __init__(self, folder: Path, sites: Sites) -> None:
        self._folder = folder
        self._sites = sites

    def check(
        self,
        routes: Mapping[str, Sequence[Proxy]],
        hosts: Iterable[str],
        *arguments: str,
        astray: Iterable[str] = (),
        catalog: bool = False,
    ) -> Watched:
        """One run over these routes; a route without proxies makes the run a direct one as well.

        `astray` are names that the prober takes to be sslsplit's. `catalog` gives the hosts as a catalog of targets
        whose authorities are expected to be public, not as targets by hand.
        """
        sites = [self._sites[host] for host in hosts]
        configuration = self._folder / "prober.yaml"
        configuration.write_text(yaml.safe_dump(self._settings(routes, astray)))
        given = ["--config", str(configuration)]
        if all(routes.values()):
            given.append("--no-direct")
        given += ["--catalog", str(self._catalog(sites))] if catalog else [site.url() for site in sites]
        return Watched(run_check([*given, *arguments], {}))

    def judge(self, saved: Path, *arguments: str) -> Watched:
        """A saved run judged again, with nothing but what it holds."""
        return Watched(run_check([str(saved), *arguments], {}, "judge"))

    def _settings(self, routes: Mapping[str, Sequence[Proxy]], astray: Iterable[str]) -> dict[str, Any]:
        return {
            "routes": {name: [proxy.hop() for proxy in proxies] for name, proxies in routes.items()},
            "probe": {"retries": 0, "per_host": 64},
            "resolve": {"*": "127.0.0.1", **dict.fromkeys(astray, HIJACKED)},
            "trust": {"roots": [{"file": str(family.roots), "anchor": "public"} for family in self._sites.public]},
        }

    def _catalog(self, sites: Sequence[Site]) -> Path:
        targets = [{"id": site.host.split(".")[0], "host": site.host, "port": site.port} for site in sites]
        group = {"name": "sites", "defaults": {"trust": "public", "source": "test"}, "targets": targets}
        path = self._folder / "sites.yaml"
        sources = {"test": {"name": "tests", "date": "2026-11"}}
        path.write_text(
            yaml.safe_dump({"service": "SITES", "about": "test sites", "sources": sources, "groups": [group]})
        )
        return path


class Watched:
    """A run, asked by host and route."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._results = {(each["target"]["host"], each["route"]): each for each in run.document["results"]}

    @property
    def summary(self) -> dict[str, Any]:
        """The run's own count."""
        summary = self.run.document["summary"]
        assert isinstance(summary, dict)
        return summary

    def result(self, host: str, route: str) -> dict[str, Any]:
        """The result as documented."""
        found = self._results[host, route]
        assert isinstance(found, dict)
        return found

    def interception(self, host: str, route: str) -> dict[str, Any]:
        """Its verdict."""
        found = self.result(host, route)["interception"]
        assert isinstance(found, dict), f"{host} over {route} was not judged"
        return found

    def words(self) -> dict[tuple[str, str], str]:
        """Every verdict's word."""
        return {key: each["interception"]["verdict"] for key, each in self._results.items()}


def ids(interception: Mapping[str, Any]) -> set[str]:
    """Of the evidence."""
    return {each["id"] for each in interception["evidence"]}
