"""The options of `prober bench`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_RATE: Final = 50.0
MOST_TUNNELS: Final = 50_000
_LOAD: Final = "Load"
_SAFETY: Final = "Safety"
_REPORT: Final = "Report"


class WorkloadName(StrEnum):
    """What one operation is."""

    HANDSHAKE = "handshake"
    TUNNEL = "tunnel"
    REQUEST = "request"
    BULK = "bulk"


class ArrivalsName(StrEnum):
    """How due times are spread."""

    CONSTANT = "constant"
    POISSON = "poisson"


class Preset(StrEnum):
    """A load profile."""

    RFC9411 = "rfc9411"


class KeyName(StrEnum):
    """Kinds of key the lab's origin can have."""

    ECDSA = "ecdsa"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"


class BenchFormat(StrEnum):
    """How the report looks."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"
    MARKDOWN = "markdown"


TargetText = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="URL|lab",
        help="https://… or tls://… that is yours to load, or lab: an origin of prober's own on this machine. Hosts of "
        "the vendor's catalogs are always refused.",
        show_default=False,
    ),
]
Work = Annotated[
    WorkloadName,
    typer.Option(
        "--workload", rich_help_panel=_LOAD,
        help="handshake (tunnel, TLS, close), tunnel (open and hold), request (small GETs), bulk (a large GET).",
    ),
]  # fmt: skip
Reuse = Annotated[
    int, typer.Option(metavar="N", min=1, max=1_000_000, rich_help_panel=_LOAD, help="request: GETs on one connection.")
]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="BYTES", rich_help_panel=_LOAD,
        help="request and bulk: the object, such as 1k or 10M; 1k and 1M. With a URL of your own: what its answer has.",
        show_default=False,
    ),
]  # fmt: skip
Rate = Annotated[
    float,
    typer.Option(metavar="N", min=0.01, rich_help_panel=_LOAD, help="Operations per second; where a search begins."),
]
Duration = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", min=1.0, max=86_400.0, rich_help_panel=_LOAD,
        help="Of the sustain phase: 30; with --compare of each block: 10; with --find-capacity of each step and "
        "confirmation: 20 and 60.", show_default=False,
    ),
]  # fmt: skip
Ramp = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", min=0.0, max=3_600.0, rich_help_panel=_LOAD, show_default=False,
        help="From 0 to the full rate; 2.",
    ),
]  # fmt: skip
ArrivalsOption = Annotated[
    ArrivalsName,
    typer.Option("--arrivals", rich_help_panel=_LOAD, help="constant (evenly spread) or poisson (as many clients)."),
]
PresetOption = Annotated[
    Preset | None,
    typer.Option(
        "--preset", rich_help_panel=_LOAD, show_default=False,
        help="rfc9411: 5 s init, 30 s ramp-up, 300 s sustain, 30 s ramp-down.",
    ),
]  # fmt: skip
Tunnels = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=MOST_TUNNELS, rich_help_panel=_LOAD, show_default=False,
        help="tunnel: how many; opened at --rate, then held for --duration.",
    ),
]  # fmt: skip
Resume = Annotated[
    bool, typer.Option("--resume", rich_help_panel=_LOAD, help="Resume TLS sessions; RFC 9411 wants full handshakes.")
]
FindCapacity = Annotated[
    bool, typer.Option("--find-capacity", rich_help_panel=_LOAD, help="Look for the highest valid rate of each route.")
]
SlowestP99 = Annotated[
    float | None,
    typer.Option(
        "--p99", metavar="SECONDS", min=0.001, rich_help_panel=_LOAD, show_default=False,
        help="--find-capacity: the slowest p99 response that still counts; three times that of the lowest load.",
    ),
]  # fmt: skip
Compare = Annotated[
    bool,
    typer.Option("--compare", rich_help_panel=_LOAD, help="Interleave short runs of all routes; tell them apart."),
]
Blocks = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=2, max=1_000, rich_help_panel=_LOAD, show_default=False,
        help="--compare: short runs of each route. As many as show a difference of 10 %: 20 at least, 120 at most.",
    ),
]  # fmt: skip
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=2**53, rich_help_panel=_LOAD, help="Of all that is drawn.")]
InFlight = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=200_000, rich_help_panel=_LOAD, show_default=False,
        help="Operations under way at once; what is beyond is skipped, and counted. 2 s of --rate, 1000 at least.",
    ),
]  # fmt: skip
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", min=0.01, max=3_600.0, rich_help_panel=_LOAD, show_default=False,
        help="What an operation may take from its start; then it has failed. 10.",
    ),
]  # fmt: skip
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N", envvar="PROBER_WORKERS", min=1, max=256, rich_help_panel=_LOAD, show_default=False,
        help="Generator processes; all cores but one.",
    ),
]  # fmt: skip
Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source", metavar="ADDRESS", rich_help_panel=_LOAD, show_default=False,
        help="Local address to connect from; repeat it, they take turns. By default the system's choice, towards "
        "loopback as many of 127.0.0.0/8 as the rate needs ports.",
    ),
]  # fmt: skip
Consent = Annotated[
    bool,
    typer.Option(
        "--i-may-load-this", rich_help_panel=_SAFETY,
        help="Target and proxies beyond this machine are mine, or I was asked to load them.",
    ),
]  # fmt: skip
MaxRate = Annotated[
    float | None,
    typer.Option(
        metavar="N", min=0.01, rich_help_panel=_SAFETY, show_default=False,
        help="The most that may be asked for, per second; 5000 on this machine, 200 beyond it.",
    ),
]  # fmt: skip
LabKey = Annotated[
    KeyName | None,
    typer.Option(
        "--key", rich_help_panel=_LOAD, show_default=False, help="--target lab: kind of the certificate's key; ecdsa."
    ),
]
Format = Annotated[
    BenchFormat,
    typer.Option("--format", rich_help_panel=_REPORT, help="table, json, html (one file, with charts), markdown."),
]
Save = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", rich_help_panel=_REPORT, help="Save everything, histograms too: .json, .json.gz or .json.zst."
    ),
]
From = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE", rich_help_panel=_REPORT, show_default=False,
        help="Show a saved benchmark in another form; nothing is loaded.",
    ),
]  # fmt: skip
Listen = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS:PORT", rich_help_panel=_REPORT, show_default=False, help="Serve /metrics there while it runs."
    ),
]
Generators = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="URL",
        rich_help_panel=_LOAD,
        help="Make the load from the agents of this scheduler, tls://HOST[:PORT], together, in place of this machine: "
        "all of those of --egress NAME[,NAME], or all there are. Routes are those given here; names are looked up at "
        "each. --workers is for each machine.",
    ),
]
