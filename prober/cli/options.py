"""The options that commands share, and the way from them to what is in force.

A command takes them as one parameter: decorate it with `with_shared`, or with `with_shared(only=…)` where not all of
them have an effect, and give it `shared: Shared`.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, overload

import typer

if TYPE_CHECKING:
    from prober.config import Loaded
    from prober.model import Hop
    from prober.routes.rules import RouteRule

USAGE = 2
"""Exit code of a usage or configuration error."""


class LogFormat(StrEnum):
    """How lines on stderr look."""

    TEXT = "text"
    JSON = "json"


_TARGETS = "Selection"
_WAYS = "Routes, names and trust"
_PROGRAM = "Program"

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", envvar="PROBER_CONFIG", rich_help_panel=_PROGRAM,
        help="Configuration; ./prober.yaml if there.",
    ),
]  # fmt: skip
Egress = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", rich_help_panel=_PROGRAM, help="Where this prober stands; the host name if not given."
    ),
]
Catalog = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME_OR_FILE[,…]", rich_help_panel=_TARGETS, help="Catalogs, bundled or your own; all bundled ones."
    ),
]
Service = Annotated[
    list[str] | None, typer.Option(metavar="NAME[,NAME]", rich_help_panel=_TARGETS, help="Services: MDE, MDAV, …")
]
Geo = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME[,NAME]", rich_help_panel=_TARGETS, help="Geographies: EU,US. WW is always in."),
]
Cloud = Annotated[
    str | None,
    typer.Option(metavar="NAME", rich_help_panel=_TARGETS, help="commercial, gcc, gcc-high, dod, china or all."),
]
OperatingSystem = Annotated[
    list[str] | None,
    typer.Option("--os", metavar="NAME[,NAME]", rich_help_panel=_TARGETS, help="Operating systems of the devices."),
]
Required = Annotated[
    str | None,
    typer.Option(metavar="LEVEL", rich_help_panel=_TARGETS, help="yes, optional, legacy or all."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE[,VALUE]", rich_help_panel=_TARGETS, help="Values of a placeholder in the catalogs."
    ),
]
Via = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]CHAIN", rich_help_panel=_WAYS,
        help="A route: proxy URLs separated by commas, outermost first; direct; env; or the NAME of a configured one. "
        "May be given again. Direct is probed beside them.",
    ),
]  # fmt: skip
NoDirect = Annotated[bool, typer.Option("--no-direct", rich_help_panel=_WAYS, help="Leave out routes without a proxy.")]
Resolve = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST[:PORT]=IP[:PORT]", rich_help_panel=_WAYS, help="An address in place of DNS; HOST may be *."
    ),
]
TrustRoots = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE", rich_help_panel=_WAYS, help="PEM file with trusted roots, in place of those configured."
    ),
]
Pin = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST=SPKI_SHA256", rich_help_panel=_WAYS, help="The public key that a host may have."),
]
KnownInterceptor = Annotated[
    list[str] | None,
    typer.Option(
        "--known-interceptor", metavar="FILE_OR_SHA256", rich_help_panel=_WAYS,
        help="Your own TLS inspection: PEM file of its authority, or the SHA-256 of that certificate or key.",
    ),
]  # fmt: skip
ClientCert = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", rich_help_panel=_WAYS, help="PEM file with a client certificate and key, for all hosts."
    ),
]
Ipv4 = Annotated[bool, typer.Option("-4", rich_help_panel=_WAYS, help="IPv4 only.")]
Ipv6 = Annotated[bool, typer.Option("-6", rich_help_panel=_WAYS, help="IPv6 only.")]
Concurrency = Annotated[
    int | None, typer.Option(metavar="N", rich_help_panel=_PROGRAM, help="Probes in flight at most.")
]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", rich_help_panel=_PROGRAM, help="Deadline of one probe, all hops.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N", envvar="PROBER_WORKERS", min=1, max=256, rich_help_panel=_PROGRAM, help="Processes that probe."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", rich_help_panel=_PROGRAM, help="Show what would be probed, and stop.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=_PROGRAM, help="Errors only on stderr.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, rich_help_panel=_PROGRAM, help="More in reports and on stderr; -vv: all."
    ),
]
LogStyle = Annotated[
    LogFormat,
    typer.Option("--log-format", envvar="PROBER_LOG_FORMAT", rich_help_panel=_PROGRAM, help="Lines on stderr."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The shared options as given. Field by field the parameters of every decorated command."""

    config: ConfigFile = None
    egress: Egress = None
    catalog: Catalog = None
    service: Service = None
    geo: Geo = None
    cloud: Cloud = None
    os: OperatingSystem = None
    required: Required = None
    set_: Set = None
    via: Via = field(default=None, repr=False)
    no_direct: NoDirect = False
    resolve: Resolve = None
    trust_roots: TrustRoots = None
    pin: Pin = None
    known_interceptor: KnownInterceptor = None
    client_cert: ClientCert = None
    ipv4: Ipv4 = False
    ipv6: Ipv6 = False
    concurrency: Concurrency = None
    timeout: Timeout = None
    workers: Workers = None
    dry_run: DryRun = False
    quiet: Quiet = False
    verbose: Verbose = 0
    log_format: LogStyle = LogFormat.TEXT


_ALWAYS: Final = frozenset({"config", "quiet", "verbose", "log_format"})
"""Where the configuration is, and how stderr looks."""
SELECTION: Final = frozenset({"catalog", "service", "geo", "cloud", "os", "required", "set_"})
"""What chooses targets."""
ROUTES: Final = frozenset({"via", "no_direct"})
"""What chooses routes."""
SETTINGS: Final = frozenset(f.name for f in fields(Shared)) - {"workers", "dry_run"}
"""All that ends up in the settings or routes in force."""

Command = Callable[..., Any]


@overload
def with_shared(command: Command) -> Command: ...
@overload
def with_shared(*, only: frozenset[str]) -> Callable[[Command], Command]: ...
def with_shared(
    command: Command | None = None, *, only: frozenset[str] | None = None
) -> Command | Callable[[Command], Command]:
    """Give a typer command the shared options behind its own; it receives them as the keyword `shared`.

    `only` names fields of `Shared`: the options beside `--config` and those about stderr that the command has. The
    others keep their defaults.
    """
    if command is not None:
        return _with_options(command, frozenset(f.name for f in fields(Shared)))
    wanted = _ALWAYS | (only or frozenset())
    return lambda command: _with_options(command, wanted)


def _with_options(command: Command, wanted: frozenset[str]) -> Command:
    hints = inspect.get_annotations(Shared, eval_str=True)
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "shared"]
    given = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(Shared)
        if f.name in wanted
    ]

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        shared = Shared(**{parameter.name: kwargs.pop(parameter.name) for parameter in given})
        return command(*args, shared=shared, **kwargs)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + given
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what typer reads
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def overrides(shared: Shared, errors: list[tuple[str, str]]) -> dict[str, object]:
    """What the command line says, by dotted key, for `prober.config.load`.

    `errors` grows by option and sentence for every malformed one.
    """
    if shared.ipv4 and shared.ipv6:
        errors.append(("-4, -6", "give one of them"))
    family = "ipv4" if shared.ipv4 else "ipv6" if shared.ipv6 else None
    given = {
        "egress": shared.egress,
        "catalogs": _catalogs(shared.catalog),
        "select.service": _words(shared.service),
        "select.geography": _words(shared.geo),
        "select.cloud": shared.cloud,
        "select.os": _words(shared.os),
        "select.required": shared.required,
        "set": _placeholders(shared.set_, errors),
        "resolve": _pairs("--resolve", shared.resolve, errors),
        "trust.roots": shared.trust_roots,
        "trust.pins": _pairs("--pin", shared.pin, errors, many=True),
        "trust.known_interceptors": shared.known_interceptor,
        "trust.client_certificates": {"*": shared.client_cert} if shared.client_cert else None,
        "probe.concurrency": shared.concurrency,
        "probe.timeout": shared.timeout,
        "probe.family": family,
    }
    return {key: value for key, value in given.items() if value not in (None, [], {})}


def _catalogs(texts: list[str] | None) -> list[str]:
    """Names and files, repeated or separated by commas; a file whose name holds a comma is one file."""
    return [name for text in texts or () for name in ([text] if Path(text).is_file() else _words([text]))]


def _placeholders(texts: list[str] | None, errors: list[tuple[str, str]]) -> dict[str, list[str]]:
    found = {name: _words(values) for name, values in _pairs("--set", texts, errors, many=True).items()}
    errors += [
        ("--set", f"expected NAME=VALUE[,VALUE], {name} has no value") for name, some in found.items() if not some
    ]
    return found


def _words(texts: list[str] | None) -> list[str]:
    return [word.strip() for text in texts or () for word in text.split(",") if word.strip()]


def _pairs(
    option: str, texts: list[str] | None, errors: list[tuple[str, str]], *, many: bool = False
) -> dict[str, Any]:
    if not texts:
        return {}
    from prober.config.environment import pairs

    return pairs(texts, option, errors, many=many)


class Unusable(Exception):
    """The options or the configuration cannot be used; `lines` has every reason."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def load_or_exit(shared: Shared, further: dict[str, object] | None = None, *, without_routes: bool = False) -> Loaded:
    """What is in force; warnings go to stderr, and with them logging is set up so that it hides every password.

    `further` are a command's own options by dotted key (`{"probe.retries": 2}`), None among them counts as not given;
    `without_routes` as in `prober.config.load`. Errors are printed to stderr, all of them, and end the program with
    exit code 2.
    """
    try:
        loaded = read_settings(shared, further, without_routes=without_routes)
    except Unusable as error:
        refuse(error.lines)
    if not shared.quiet:
        for warning in loaded.warnings:
            say(f"warning: {warning}")
    return loaded


def read_settings(
    shared: Shared,
    further: dict[str, object] | None = None,
    *,
    hidden: Iterable[Hop] = (),
    without_routes: bool = False,
) -> Loaded:
    """What is in force, read now; logging is set up so that it hides every password in it, and those of `hidden`.

    Raises Unusable.
    """
    from prober.cli import logging as cli_logging
    from prober.config import ConfigErrors, load

    errors: list[tuple[str, str]] = []
    given = overrides(shared, errors)
    given |= {key: value for key, value in (further or {}).items() if value is not None}
    lines = [f"command line: {option}: {message}" for option, message in errors]
    loaded = None
    try:
        loaded = load(
            shared.config,
            os.environ,
            given,
            via=shared.via or (),
            no_direct=shared.no_direct,
            without_routes=without_routes,
        )
    except ConfigErrors as error:
        lines += map(str, error.errors)
    if loaded is None or lines:
        raise Unusable(lines)
    hops = [*hidden, *hops_of(loaded.routes)]
    cli_logging.set_up(shared.log_format, verbose=shared.verbose, quiet=shared.quiet, hops=hops)
    return loaded


def hops_of(rules: Iterable[RouteRule]) -> list[Hop]:
    """Every hop of these routes."""
    from prober.routes.rules import fixed_hops

    return [hop for rule in rules for hop in fixed_hops(rule)]


def refuse(lines: list[str]) -> NoReturn:
    """Print errors to stderr and end the program with exit code 2."""
    for line in lines:
        say(f"error: {line}")
    raise typer.Exit(USAGE)


def say(line: str) -> None:
    """One line on stderr; characters that would drive a terminal are escaped."""
    safe = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
    with contextlib.suppress(OSError):  # a full disk behind stderr must not end a run whose report has room
        print(safe, file=sys.stderr, flush=True)  # noqa: T201 - the one place that talks to stderr in the commands' name


def abandon_stdout() -> None:
    """Nothing more can be written there. Python must not find out again when it flushes at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
