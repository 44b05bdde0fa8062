"""`prober lab` and `prober lab origin`."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from prober.lab.policy import Product

if TYPE_CHECKING:
    from prober.lab.bare import BareSettings
    from prober.lab.world import Lab
    from prober.model import Target

app = typer.Typer(help="An embedded world on loopback to try prober in.", no_args_is_help=False)

EXIT_USAGE: Final = 2


class KeyKind(StrEnum):
    """Kinds of key a load-test origin can have."""

    ECDSA = "ecdsa"
    RSA = "rsa"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"


class TlsVersion(StrEnum):
    """Versions that a load-test origin can be held to."""

    V1_2 = "1.2"
    V1_3 = "1.3"


ReadyFile = Annotated[
    Path | None,
    typer.Option("--ready-file", help="Write this file (JSON: ports, pid, config) once everything listens."),
]


@app.callback(invoke_without_command=True)
def lab(
    context: typer.Context,
    write_config: Annotated[
        Path | None, typer.Option("--write-config", help="Write the ready prober.yaml here as well.")
    ] = None,
    ready_file: ReadyFile = None,
    directory: Annotated[
        Path | None, typer.Option(help="Keep certificates here; default: a directory that goes when the lab ends.")
    ] = None,
    interceptor: Annotated[
        Product | None,
        typer.Option(
            help="Let the route `inspected` forge as this product does; default: like squid, under the lab's own name."
        ),
    ] = None,
) -> None:
    """Run the lab until Ctrl-C or SIGTERM: origins for every catalog host, and proxies of every kind.

    Prints ports and a ready prober.yaml: `prober check --config FILE` works in it at once.
    """
    if context.invoked_subcommand is not None:
        return
    from prober.lab.process import run

    targets = catalog_targets()
    with tempfile.TemporaryDirectory(prefix="prober-lab-") if directory is None else nullcontext(directory) as place:
        config = write_config.absolute() if write_config else None
        try:
            run(_run_lab(targets, Path(place).absolute(), config, ready_file, interceptor))
        except OSError as error:
            _fail(f"the lab cannot start: {error}")


@app.command()
def origin(
    listen: Annotated[str, typer.Option(help="ADDRESS[:PORT]; port 0 takes a free one.")] = "127.0.0.1:0",
    key: Annotated[KeyKind, typer.Option(help="Kind of the certificate's key.")] = KeyKind.ECDSA,
    size: Annotated[
        int, typer.Option(min=0, max=1 << 30, help="Bytes in the body of every answer but those to /bytes/N.")
    ] = 1024,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that share the port.")] = 1,
    tickets: Annotated[bool, typer.Option("--tickets", help="Let clients resume sessions.")] = False,
    tls: Annotated[TlsVersion | None, typer.Option(help="Speak this version of TLS alone; default: both.")] = None,
    until_input_ends: Annotated[
        bool, typer.Option("--until-input-ends", help="End when standard input does: with the program that started it.")
    ] = False,
    ready_file: ReadyFile = None,
    write_root: Annotated[
        Path | None, typer.Option(help="Write the root that signed the certificate to this file (PEM).")
    ] = None,
) -> None:
    """Run a bare origin for load tests: TLS or plain HTTP on one port, one answer for everything.

    `GET /bytes/N` is answered with N octets.
    """
    from prober.lab.authorities import pem
    from prober.lab.bare import BareSettings, bare_credential, serve_bare, serve_bare_in
    from prober.lab.process import run

    host, port = _listen_address(listen)
    credential, root = bare_credential(key)
    settings = BareSettings(
        host=host,
        port=port,
        size=size,
        certificate=credential.pem(),
        key=credential.key_pem(),
        tickets=tickets,
        tls=None if tls is None else tls.value,
        until_input_ends=until_input_ends,
    )

    def ready(actual: int) -> None:
        if write_root is not None:
            write_root.write_bytes(pem(root))
        typer.echo(_describe_origin(settings, actual, key, workers))
        if write_root is not None:
            typer.echo(f"its root: {write_root}")
        _write_ready(ready_file, {"pid": os.getpid(), "ports": {"bare-origin": actual}})

    try:
        run(serve_bare(settings, ready) if workers == 1 else serve_bare_in(workers, settings, ready))
    except (OSError, RuntimeError) as error:
        _fail(f"the origin cannot serve on {listen}: {error}")


async def _run_lab(
    targets: Sequence[Target],
    place: Path,
    write_config: Path | None,
    ready_file: Path | None,
    interceptor: Product | None,
) -> None:
    from prober.lab.process import ending
    from prober.lab.world import Lab, inspecting_as, write_whole

    with ending() as told:
        async with Lab(targets, place, settings=inspecting_as(interceptor)) as world:
            config = world.config_file
            if write_config is not None:
                config = write_config
                write_whole(config, world.config().encode())
            typer.echo(_describe(world, config))
            _write_ready(ready_file, {"pid": os.getpid(), "config": str(config), "ports": world.ports})
            await told.wait()


def catalog_targets() -> Sequence[Target]:
    """Every target of the bundled catalogs that can be probed, in every cloud, templates filled."""
    from prober.catalog import load, select
    from prober.lab.world import PLACEHOLDERS

    return select(load(), cloud="all", required="all", placeholders=PLACEHOLDERS).targets


def _describe(world: Lab, config: Path) -> str:
    """Ports and broken hosts as comments, then the configuration: the whole is a valid prober.yaml."""
    from prober.lab.faults import EXPLAINED

    lines = [
        "# prober lab, on 127.0.0.1; Ctrl-C ends it",
        *(f"#   {port:>5}  {name}" for name, port in world.ports.items()),
    ]
    lines += ["#", "# broken on purpose, as is every name below them:"]
    lines += [f"#   {fault.host:<24} {how}" for fault, how in EXPLAINED.items()]
    lines += [
        "#",
        f"# try: prober check --config {config} --geo EU",
        f"#      prober check --config {config} expired.lab.test",
    ]
    return "\n".join([*lines, world.config()])


def _describe_origin(settings: BareSettings, port: int, key: KeyKind, workers: int) -> str:
    place = f"[{settings.host}]:{port}" if ":" in settings.host else f"{settings.host}:{port}"
    version = "TLS" if settings.tls is None else f"TLS {settings.tls}"
    speaks = f"{version} ({key}) and plain HTTP"
    return f"origin on {place}: {speaks}, {settings.size} bytes an answer, {workers} process(es)"


def _write_ready(path: Path | None, content: dict[str, object]) -> None:
    """Whoever sees the ready file may read it: it appears whole."""
    from prober.lab.world import write_whole

    if path is not None:
        write_whole(path, json.dumps(content).encode() + b"\n")


def _listen_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, "0"
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        _fail(f"--listen {text}: ADDRESS[:PORT] is expected, such as 127.0.0.1:8443 or [::1]:8443")
    return host, int(port)


def _fail(text: str) -> NoReturn:
    typer.echo(f"prober: {text}", err=True)
    raise typer.Exit(EXIT_USAGE)
