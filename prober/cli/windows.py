"""`prober routes windows`: what each Defender component makes of a device's settings."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from prober.cli.config import Format, OutputFormat
from prober.cli.options import refuse, say

if TYPE_CHECKING:
    from prober.routes.windows.components import Component, Reading
    from prober.routes.windows.device import Device
    from prober.routes.windows.lints import Lint

EXAMPLES: Final = (
    "Examples: prober routes windows device.reg proxy.txt · prober routes windows device.reg --component edr,system · "
    "prober routes windows *.reg SensorConfiguration.json --format json | jq .lints · ssh host cat device.reg | prober "
    "routes windows -   How to export: docs/windows.md"
)


def windows(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…",
            help="Any mix: .reg exports, text of reg query, of netsh winhttp show proxy and show advproxy, "
            "SensorConfiguration.json, mdatp_managed.json, environment variables, PAC scripts for the lints; - is "
            "standard input.",
        ),
    ],
    output: OutputFormat = Format.TEXT,
    component: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[,NAME]",
            help="edr, mdav, mdi_sensor, mdi_updater, system, mde_linux, mde_macos or all; those that the files are "
            "about.",
        ),
    ] = None,
    code_page: Annotated[
        str, typer.Option("--code-page", metavar="NAME", help="Of texts that are neither UTF-16 nor UTF-8.")
    ] = "cp1252",
    oem_code_page: Annotated[
        str, typer.Option("--oem-code-page", metavar="NAME", help="Of a console's output that is neither.")
    ] = "cp850",
) -> None:
    """Say which ways out each Defender component would try on a device, in order, and what is odd about its settings.

    Nothing is sent. A file that cannot be read or is not recognised: exit code 2.
    """
    from prober.routes.windows.components import are_shown, read_components
    from prober.routes.windows.lints import lint

    chosen = _chosen(component or [])
    device, scripts = _read(files, code_page, oem_code_page)
    readings = read_components(device, chosen or ())
    lints = lint(device, readings, scripts=scripts)
    if scripts and not any(each.pac_url for reading in readings.values() for each in reading.active):
        say(f"warning: {', '.join(scripts)}: a PAC script, but no setting in use names one")
    wanted = chosen or (tuple(readings) if output is Format.JSON else are_shown(device))
    shown = {name: reading for name, reading in readings.items() if name in wanted}
    _print(device, shown, [each for each in lints if each.component in shown], output)


def _chosen(texts: list[str]) -> tuple[Component, ...] | None:
    """The components asked for; None = not asked."""
    from prober.routes.text import did_you_mean
    from prober.routes.windows.components import Component

    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in (*Component, "all")]
    if unknown:
        refuse([f"--component: unknown name{did_you_mean(word, [*Component, 'all'])}" for word in unknown])
    if not words:
        return None
    return tuple(Component) if "all" in words else tuple(each for each in Component if each in words)


def _read(names: list[str], code_page: str, oem_code_page: str) -> tuple[Device, dict[str, str]]:
    """The device, and PAC scripts by file name; ends the program with exit code 2 if a file is of no use."""
    from prober.routes.windows.carriers import read_device, script_text

    files: list[tuple[str, bytes]] = []
    scripts: dict[str, str] = {}
    errors: list[str] = []
    for name in dict.fromkeys(names):
        try:
            data = _octets(name)
        except OSError as error:
            errors.append(f"{name}: {error.strerror or error}")
            continue
        script = script_text(data)
        if script is None:
            files.append((name, data))
        else:
            scripts[name] = script
    try:
        device = read_device(files, code_page=code_page, oem_code_page=oem_code_page)
    except ValueError as error:
        refuse([*errors, f"--code-page, --oem-code-page: {error}"])
    device.carriers |= dict.fromkeys(scripts, "PAC script")
    for each in device.complaints:
        if each.fatal:
            errors.append(f"{each.place}: {each.message}")
        else:
            say(f"warning: {each.place}: {each.message}")
    if errors:
        refuse(errors)
    return device, scripts


def _octets(name: str) -> bytes:
    """A file's octets, one more than are read at most, so that whoever reads them can say that there are too many."""
    from pathlib import Path

    from prober.routes.windows.encoding import MAX_FILE

    if name == "-":
        return sys.stdin.buffer.read(MAX_FILE + 1)
    with Path(name).open("rb") as stream:
        return stream.read(MAX_FILE + 1)


def _print(device: Device, readings: dict[Component, Reading], lints: list[Lint], output: Format) -> None:
    from prober.report.device import as_document, as_lines
    from prober.report.sanitize import takes_unicode

    if output is Format.JSON:
        # ASCII: whatever a file has in it reaches no terminal as it is, and nothing of it is lost
        text = json.dumps(as_document(device, readings, lints), indent=2)
        typer.echo(text.replace("\x7f", "\\u007f"))
        return
    from rich.console import Console
    from rich.text import Text

    width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))
    console = Console(highlight=False, emoji=False, markup=False, soft_wrap=True)
    for line, style in as_lines(device, readings, lints, width=width, ascii_only=not takes_unicode(sys.stdout)):
        console.print(Text(line, style=style))
