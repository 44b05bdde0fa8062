"""`prober bench`: load-test one or several proxies."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from prober.cli.bench_command import command_again, typed
from prober.cli.bench_elsewhere import Elsewhere, refuse_contradictions
from prober.cli.bench_options import (
    DEFAULT_RATE,
    ArrivalsName,
    ArrivalsOption,
    BenchFormat,
    Blocks,
    Compare,
    Consent,
    Duration,
    FindCapacity,
    Format,
    From,
    Generators,
    InFlight,
    LabKey,
    Listen,
    MaxRate,
    Preset,
    PresetOption,
    Ramp,
    Rate,
    Resume,
    Reuse,
    Save,
    Seed,
    Size,
    SlowestP99,
    Source,
    TargetText,
    Timeout,
    Tunnels,
    Work,
    Workers,
    WorkloadName,
)
from prober.cli.bench_watched import carry_out
from prober.cli.cluster_options import TlsFolder
from prober.cli.options import ROUTES, Shared, load_or_exit, refuse, say, with_shared
from prober.cli.outcome import FINDINGS, INCOMPLETE, Output, check_paths, unwritten

if TYPE_CHECKING:
    from prober.bench.document import Bench

EXAMPLES = (
    "Examples: prober bench --via hq=http://127.0.0.1:8888 --target lab · "
    "prober bench --via a=http://10.0.0.6:8080 --via b=http://10.0.0.7:8080 --target "
    "https://origin.lab.corp:8443/bytes/1024 --workload request --reuse 10 --rate 100 --compare --i-may-load-this · "
    "prober bench --via hq=http://127.0.0.1:8888 --target lab --find-capacity --format html --output hq.html · "
    "prober bench --via hq=http://127.0.0.1:8888 --target lab --workload tunnel --tunnels 2000 · "
    "prober bench --via hq=http://127.0.0.1:8888 --target lab --preset rfc9411 --save hq.json.zst "
    "--listen 127.0.0.1:9465 · "
    "prober bench --from hq.json.zst --format html --output hq.html · "
    "prober bench --scheduler tls://scheduler.corp:8786 --tls certs --egress paris,berlin "
    "--via hq=http://10.0.0.6:8080 --target https://origin.lab.corp:8443/ --rate 2000 --max-rate 2000 --i-may-load-this"
)
WITH_FROM: Final = frozenset({"--from", "--format", "--output", "--save", "--quiet", "--verbose", "--log-format"})
"""Options that have an effect on a saved benchmark."""
BENCH: Final = ROUTES | {"egress", "resolve", "ipv4", "ipv6"}
"""Shared options that have an effect here."""


@with_shared(only=BENCH)
def bench(
    ctx: typer.Context,
    target: TargetText = None,
    workload: Work = WorkloadName.HANDSHAKE,
    reuse: Reuse = 1,
    size: Size = None,
    rate: Rate = DEFAULT_RATE,
    duration: Duration = None,
    ramp: Ramp = None,
    arrivals: ArrivalsOption = ArrivalsName.CONSTANT,
    preset: PresetOption = None,
    tunnels: Tunnels = None,
    resume: Resume = False,
    find_capacity: FindCapacity = False,
    p99: SlowestP99 = None,
    compare: Compare = False,
    blocks: Blocks = None,
    seed: Seed = 1,
    in_flight: InFlight = None,
    timeout: Timeout = None,
    workers: Workers = None,
    source: Source = None,
    key: LabKey = None,
    i_may_load_this: Consent = False,
    max_rate: MaxRate = None,
    format: Format = BenchFormat.TABLE,  # noqa: A002 # the option's name
    output: Output = None,
    save: Save = None,
    from_: From = None,
    listen: Listen = None,
    scheduler: Generators = None,
    tls: TlsFolder = None,
    *,
    shared: Shared,
) -> None:
    """Load-test one or several proxies: open loop, latency from when each operation was due, one route at a time.

    A null run without a proxy comes first, unless --no-direct: it shows what the generator and the target bear, and
    what each proxy adds. Only the sustain phase counts.

    Exit codes: 0 every run is valid (or a search or comparison was completed), 1 a run is not valid or TLS inspection
    changed under load, 2 usage or configuration error and all that is refused, 3 the benchmark could not be completed
    (what was measured is still reported).
    """
    check_paths(save, output)
    if from_ is not None:
        if others := typed(ctx) - WITH_FROM:
            refuse([f"--from shows a saved benchmark: without {', '.join(sorted(others))}"])
        _show_saved(from_, format, output, save)
        return
    from prober.bench.asking import Asked, AskErrors, make_undertaking
    from prober.load.words import Workload

    elsewhere = None if scheduler is None else Elsewhere(scheduler, tls, shared.egress)
    refuse_contradictions(ctx, elsewhere, target)
    loaded = load_or_exit(shared if elsewhere is None else replace(shared, egress=None))
    processes = workers or max(1, _cores() - 1)
    asked = Asked(
        target=target,
        workload=Workload(workload.value),
        reuse=reuse,
        size=size,
        rate=rate,
        duration=duration,
        ramp=ramp,
        poisson=arrivals is ArrivalsName.POISSON,
        rfc9411=preset is Preset.RFC9411,
        tunnels=tunnels,
        resume=resume,
        find_capacity=find_capacity,
        p99=p99,
        compare=compare,
        blocks=blocks,
        seed=seed,
        in_flight=in_flight,
        sources=tuple(source or ()),
        key=None if key is None else key.value,
        consent=i_may_load_this,
        max_rate=max_rate,
        timeout=timeout,
        workers=processes,
        cores=_cores(),
        command=command_again(ctx, loaded, workers if elsewhere is not None else processes),
    )
    try:
        undertaking = make_undertaking(asked, loaded)
    except AskErrors as error:
        refuse(error.lines)
    ground = None if elsewhere is None else elsewhere.ground(workers, timeout, loaded.resolve)
    made = carry_out(undertaking, listen, quiet=shared.quiet, elsewhere=ground)
    if not made.complete:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not cost what was measured
    saved = save is None or _saved(made, save)
    _report(made, format, output)
    if not made.complete or not saved:
        raise typer.Exit(INCOMPLETE)
    _exit_by(made)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# afterwards


def _show_saved(path: Path, format_: BenchFormat, output: Path | None, save: Path | None) -> None:
    from prober.bench.saved import load
    from prober.report.files import RunFileError

    try:
        made = load(path)
    except RunFileError as error:
        refuse([f"--from: {error}"])
    saved = save is None or _saved(made, save)
    _report(made, format_, output)
    if not saved:
        raise typer.Exit(INCOMPLETE)


def _saved(made: Bench, path: Path) -> bool:
    from prober.bench.saved import save
    from prober.report.files import RunFileError

    try:
        save(made, path)
    except RunFileError as error:
        say(f"error: {error}")
        return False
    return True


def _report(made: Bench, format_: BenchFormat, output: Path | None) -> None:
    from prober.bench.showing import write_report

    try:
        write_report(made, format_.value, output)
    except OSError as error:
        unwritten(error)
        raise typer.Exit(INCOMPLETE) from None


def _exit_by(made: Bench) -> None:
    from prober.bench.standing import has_findings

    if has_findings(made):
        raise typer.Exit(FINDINGS)
