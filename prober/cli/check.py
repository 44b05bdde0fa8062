"""`prober check`: targets × routes once, a report, an exit code."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.cli.against import (
    AgainstRun,
    against_or_exit,
    exit_by_differences,
    fail_on_both,
    junit_differences,
    tell_differences,
)
from prober.cli.check_everywhere import Asked, Probed, probe_everywhere, refuse_site_options
from prober.cli.cluster_options import SchedulerUrl, TlsFolder
from prober.cli.options import USAGE, Shared, load_or_exit, refuse, say, with_shared
from prober.cli.outcome import (
    DEFAULT_FAIL_ON,
    INCOMPLETE,
    BaselineRun,
    FailOnText,
    Output,
    Save,
    check_paths,
    exit_by,
    load_run,
    report,
    save_run,
    unwritten,
)

if TYPE_CHECKING:
    from prober.check.conduct import Conduct
    from prober.check.device import DevicePlan
    from prober.check.live import JsonLines
    from prober.check.plan import Plan
    from prober.config import Loaded

EXAMPLES = (
    "Examples: prober check --geo EU · prober check --via hq=http://10.0.0.6:8080 · "
    "prober check --via two=socks5h://10.0.0.7:1080,https://proxy.corp:8443 https://example.com · "
    "prober check --format json | jq .summary · prober check --save before.json.zst · "
    "prober check --attempts 3 --against before.json.zst · prober check --attempts 10 --locate · "
    "prober check --device edr.reg --device netsh.txt --format analyzer · "
    "prober check --scheduler tls://prober.corp:8786 --tls certs --egress paris,berlin"
)


class CheckFormat(StrEnum):
    """How the report looks."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    SVG = "svg"
    HTML = "html"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    ANALYZER = "analyzer"


Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help="HOST[:PORT], tls://… (a bare handshake), https://…, http://…, or @FILE with one a line. "
        "None = the catalogs.",
        show_default=False,
    ),
]
Format = Annotated[
    CheckFormat,
    typer.Option(
        "--format",
        help="table, json, jsonl (a line a result, as it comes), csv, svg (a picture of the table), html (one file for "
        "a browser), markdown (for tickets), junit (for CI), analyzer (the vendor's block of five methods for each "
        "URL).",
    ),
]
Attempts = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Independent probes of each pair.")]
Retries = Annotated[int | None, typer.Option(metavar="N", min=0, max=10, help="After a transient failure only.")]
Device = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="A Windows device's settings (.reg, reg query, netsh, SensorConfiguration.json), repeatable: probe the "
        "targets of its components over the ways each would take.",
        show_default=False,
    ),
]
DeviceComponent = Annotated[
    list[str] | None,
    typer.Option(
        "--component",
        metavar="WORD[,WORD]",
        help="With --device: edr, mdav, mdi_sensor, mdi_updater, system, mde_linux, mde_macos or all.",
        show_default="all",
    ),
]
DeviceDomain = Annotated[
    str | None,
    typer.Option(metavar="DOMAIN", help="With --device: the device's DNS domain, in which WPAD looks."),
]
Locate = Annotated[
    bool, typer.Option("--locate", help="Probe the beginnings of chains to name the hop that intercepts.")
]

Revocation = Annotated[
    bool,
    typer.Option(
        "--revocation",
        help="Ask the addresses where certificates have their revocation published (CRL, OCSP), as Windows does.",
    ),
]
RevocationRoute = Annotated[
    str | None,
    typer.Option(
        "--revocation-route",
        metavar="NAME",
        help="Ask them over this route, as Windows does over the system's proxy, not over each target's own; "
        "--revocation goes without saying.",
    ),
]


@with_shared
def check(
    ctx: typer.Context,
    targets: Targets = None,
    format: Format = CheckFormat.TABLE,  # noqa: A002 # the option's name
    output: Output = None,
    save: Save = None,
    attempts: Attempts = 1,
    retries: Retries = None,
    against: AgainstRun = None,
    baseline: BaselineRun = None,
    locate: Locate = False,
    device: Device = None,
    component: DeviceComponent = None,
    device_domain: DeviceDomain = None,
    revocation: Revocation = False,
    revocation_route: RevocationRoute = None,
    scheduler: SchedulerUrl = None,
    tls: TlsFolder = None,
    fail_on: FailOnText = DEFAULT_FAIL_ON,
    *,
    shared: Shared,
) -> None:
    """Probe targets over routes once, print a matrix, exit by result.

    Exit codes: 0 nothing to report, 1 findings (see --fail-on), 2 usage or configuration error, 3 the run could not be
    completed (what was measured is still reported).
    """
    words, kinds = fail_on_both(fail_on, against=against is not None, given=given_by_user(ctx, "fail_on"))
    revocation = revocation or revocation_route is not None
    if "revocation" in words and not revocation:
        refuse(["--fail-on revocation: nobody would ask (--revocation)"])
    check_paths(save, output)
    if scheduler is not None:
        refuse_site_options(ctx)
    elif tls is not None and given_by_user(ctx, "tls", here=True):
        refuse(["--tls needs --scheduler"])
    mine = shared if scheduler is None else replace(shared, egress=None)
    loaded = load_or_exit(mine, {"probe.retries": retries}, without_routes=scheduler is not None)
    references = load_run(baseline, "--baseline") if baseline is not None else None
    if scheduler is not None:
        asked = Asked(
            scheduler, tls, targets or [], attempts, locate, references, against, revocation, revocation_route
        )
        probed = probe_everywhere(asked, loaded, shared, None if shared.dry_run else _lines(format, output))
    else:
        options: dict[str, Any] = {
            "attempts": attempts,
            "workers": shared.workers or 1,
            "locate": locate,
            "baseline": references,
            "revocation": revocation,
            "revocation_route": revocation_route,
            "device": _device(device, component, device_domain, targets or [], shared),
            "ask_scripts": not shared.dry_run,
        }
        probed = _probe_here(_plan(loaded, targets or [], options), shared, against, format, output)
    if probed is None:
        return
    run, whole, earlier = probed
    # First the file: a full disk behind the report or a reader that leaves must not cost what was measured.
    saved = save is None or save_run(run, save)
    differences = None if earlier is None else earlier.compared(run)
    if format is not CheckFormat.JSONL:
        told = junit_differences(differences, kinds) if format is CheckFormat.JUNIT else None
        report(run, format.value, output, verbose=shared.verbose, fail_on=words, differences=told)
    if differences is not None:
        tell_differences(differences, shared, on_stdout=format is CheckFormat.TABLE and output is None)
    if not whole or not saved:
        raise typer.Exit(INCOMPLETE)
    if differences is not None:
        exit_by_differences(differences, kinds)
    exit_by(run, words)


def _probe_here(
    plan: Plan, shared: Shared, against: Path | None, format_: CheckFormat, output: Path | None
) -> Probed | None:
    """Carry a plan out on this machine; None where it was only to be shown."""
    if shared.dry_run:
        _show(plan)
        return None
    from prober.check.conduct import Conduct

    earlier = against_or_exit(against, plan.egress) if against is not None else None
    conduct = Conduct(plan, recheck=None if earlier is None else earlier.doubtful)
    whole = _probe(conduct, plan, _lines(format_, output), quiet=shared.quiet)
    if not whole:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not cost what was measured
    return Probed(conduct.document(), whole, earlier)


def given_by_user(ctx: typer.Context, parameter: str, *, here: bool = False) -> bool:
    """Whether an option stands on the command line or in the environment; `here`: on the command line itself."""
    source = ctx.get_parameter_source(parameter)
    others = ("DEFAULT", "DEFAULT_MAP", "ENVIRONMENT") if here else ("DEFAULT", "DEFAULT_MAP")
    return source is not None and source.name not in others


def _device(
    files: list[Path] | None,
    components: list[str] | None,
    domain: str | None,
    targets: list[str],
    shared: Shared,
) -> DevicePlan | None:
    if not files:
        given = [option for option, value in (("--component", components), ("--device-domain", domain)) if value]
        if given:
            refuse([f"{option} needs --device" for option in given])
        return None
    if strays := [target for target in targets if Path(target).is_file()]:
        refuse([f'TARGET "{each}" is a file: every one of a device\'s files has its own --device' for each in strays])
    from prober.check.device import plan_device
    from prober.check.errors import PlanErrors

    try:
        chosen = [word for text in components or ["all"] for each in text.split(",") if (word := each.strip())]
        plan = plan_device([str(file) for file in files], chosen or ["all"], domain=domain)
    except PlanErrors as error:
        refuse(list(error.errors))
    if not shared.quiet:
        for complaint in plan.complaints:
            say(f"warning: {complaint}")
    return plan


def _plan(loaded: Loaded, targets: list[str], options: dict[str, Any]) -> Plan:
    from prober.check.errors import PlanErrors
    from prober.check.plan import make_plan

    try:
        plan = make_plan(loaded, targets, **options)
    except PlanErrors as error:
        refuse(list(error.errors))
    if not plan.pairs:
        _explain_nothing(plan, loaded)
        raise typer.Exit(USAGE)
    return plan


def _explain_nothing(plan: Plan, loaded: Loaded) -> None:
    if not plan.rules:
        say("error: no route is left: --no-direct needs a --via or routes in the configuration")
        return
    say("error: nothing to probe: the selection holds no target")
    for skipped in plan.skipped[:10]:
        say(f"  {skipped.target.get('id', '')}: {skipped.why}" + (f" ({skipped.option})" if skipped.option else ""))
    from prober.check.selection import wider
    from prober.report.sanitize import several

    for option, count in wider(loaded.settings):
        say(f"  {several(count, 'target')} with {option}")


def _show(plan: Plan) -> None:
    """What would be probed, one pair a line."""
    from prober.report.sanitize import several

    for pair in plan.pairs:
        hops = pair.route.text
        target = pair.target
        request = f"{target.method} {target.scheme}://{target.address}{target.path}"
        wanted = f"handshake tls://{target.address}" if target.scheme == "tls" else request
        typer.echo(f"{target.id}\t{pair.route.name}\t{hops}\t{wanted}")
    left_out = (
        f"; {several(len(plan.skipped), 'entry', 'entries')} of the catalogs cannot be probed (prober targets list)"
    )
    say(
        f"{several(len(plan.pairs) * plan.attempts, 'probe')}: {several(len(plan.targets), 'target')} over "
        f"{several(len(plan.rules), 'route')}{left_out if plan.skipped else ''}"
    )


def _lines(format_: CheckFormat, output: Path | None) -> JsonLines | None:
    if format_ is not CheckFormat.JSONL:
        return None
    from prober.check.live import JsonLines

    try:
        return JsonLines(output)
    except OSError as error:
        refuse([f"--output {output}: {error.strerror or error}"])


def _probe(conduct: Conduct, plan: Plan, lines: JsonLines | None, *, quiet: bool) -> bool:
    """Run it with progress on a terminal; False if it was cut short. Ctrl-C, SIGTERM and SIGHUP do, nothing is lost."""
    from prober.check.live import Progress, probe_until_done
    from prober.report.sanitize import several

    show_progress = not quiet and sys.stderr.isatty() and (lines is None or not lines.to_stdout)
    heading = f"{several(len(plan.targets), 'target')} × {several(len(plan.rules), 'route')}"
    with Progress(heading, lambda: conduct.expected, enabled=show_progress) as progress:
        if lines is None:
            return probe_until_done(conduct, [progress])
        try:
            with lines:
                whole = probe_until_done(conduct, [progress, lines])
                lines.rest(conduct)
                return whole
        except OSError as error:
            unwritten(error)
            return False
