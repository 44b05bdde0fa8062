"""What a selection needs let through: each host and port once, wildcards included; and what stands under what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prober.catalog.entry import describe
from prober.catalog.selection import Selection
from prober.catalog.vocabulary import CLOUDS, GEOGRAPHIES, REQUIRED


@dataclass(slots=True)
class Allowed:
    """A host (or `*.name`) and port, with what all entries say of it."""

    host: str
    port: int
    schemes: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    geographies: set[str] = field(default_factory=set)
    clouds: set[str] = field(default_factory=set)
    required: str = REQUIRED[-1]
    bypass: set[bool] = field(default_factory=set)
    ids: list[str] = field(default_factory=list)

    def row(self) -> list[str]:
        """The cells of a table; several values are separated by blanks."""
        return [
            self.host,
            str(self.port),
            " ".join(sorted(self.schemes)),
            " ".join(sorted(self.services)),
            ", ".join(word for word in GEOGRAPHIES if word in self.geographies),
            " ".join(word for word in CLOUDS if word in self.clouds),
            self.required,
            "yes" if True in self.bypass else "no" if self.bypass else "",
            " ".join(self.ids),
        ]


HEADINGS = ("host", "port", "scheme", "service", "geography", "cloud", "required", "inspection_bypass", "ids")
"""Of the cells in a row."""


def allowed(selection: Selection, *, inspection_bypass: bool = False) -> list[Allowed]:
    """What a selection needs, by host and port in order; with `inspection_bypass` only what the vendor wants left out
    of TLS inspection. Templates without a value are no hosts, so they are not in it (`templates`)."""
    found: dict[tuple[str, int], Allowed] = {}
    for row in _rows(selection):
        host, port, bypass = str(row["host"]), int(str(row["port"])), row["inspection_bypass"]
        if "{" in host or (inspection_bypass and bypass is not True):
            continue
        each = found.setdefault((host, port), Allowed(host, port))
        each.schemes.add(str(row["scheme"]))
        each.services.add(str(row["service"]))
        each.geographies.add(str(row["geography"]))
        clouds = row["cloud"]
        each.clouds.update(map(str, clouds) if isinstance(clouds, Iterable) else ())
        each.required = min(each.required, str(row["required"]), key=REQUIRED.index)
        each.bypass.update((bypass,) if isinstance(bypass, bool) else ())
        each.ids.append(str(row["id"]))
    return [found[key] for key in sorted(found)]


def unusual_ports(rows: Iterable[Allowed]) -> list[str]:
    """Those that are for a port which nobody opens unasked, as `host:port`."""
    return [f"{row.host}:{row.port}" for row in rows if row.port not in (80, 443)]


def templates(selection: Selection, *, inspection_bypass: bool = False) -> list[tuple[str, str]]:
    """Hosts that want a value, each with the option that gives it."""
    wanted = {
        (str(each.target["host"]), each.option or "")
        for each in selection.skipped
        if "{" in str(each.target["host"]) and (not inspection_bypass or each.target["inspection_bypass"] is True)
    }
    return sorted(wanted)


def _rows(selection: Selection) -> Iterable[dict[str, object]]:
    yield from map(describe, selection.targets)
    for skipped in selection.skipped:
        yield dict(skipped.target)


def without_covered(hosts: Iterable[str], *, itself: bool) -> list[str]:
    """Hosts and wildcards, each once and in order, without those that a wildcard among them stands for.

    With `itself`, `*.name` stands for `name` too, as squid's `.name` does.
    """
    names = sorted(set(hosts))
    wildcards = {host[1:] for host in names if host.startswith("*.")}
    return [host for host in names if not _is_covered(host, wildcards, itself=itself)]


def _is_covered(host: str, suffixes: set[str], *, itself: bool) -> bool:
    labels = host.removeprefix("*.").split(".")
    first = 0 if itself and not host.startswith("*.") else 1
    return any("." + ".".join(labels[n:]) in suffixes for n in range(first, len(labels)))
