"""Measures prober's speed beside its peers, and holds it against its limits.

engine       full probes for a CPU second: ways, keys, versions of TLS, with and without a request
peers        ratios to blackbox_exporter, openssl s_time, curl, aiohttp, a program in Go
limit        how much of a probe is OpenSSL's and the kernel's (perf)
instructions what a probe has, by library (callgrind)
scale        1,000 to 100,000 pairs, workers, 10,000 in flight
disturbance  lateness and loop lag of `prober serve` at shares of its capacity

examples:
  python -m benchmarks.speed                              everything, about half an hour
  python -m benchmarks.speed --only engine --only peers   two parts
  python -m benchmarks.speed --only engine --case hop     of a part those cases whose name has this in it
  python -m benchmarks.speed --quick                      a smoke test: everything runs, the figures mean nothing
  python -m benchmarks.speed --json speed.json            every round's raw figures too

The client is kept on the first core that this process may use, all servers on the others; Linux only. What is printed
are medians with the least and the most of the rounds. Exit code 1 if a limit was missed, or could not be measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path

import msgspec

from benchmarks.speed.child import progress
from benchmarks.speed.figures import Part, lines
from benchmarks.speed.machine import busy_share, cores, describe
from benchmarks.speed.options import QUICK, USUAL, Asked

PARTS = ("engine", "peers", "limit", "instructions", "scale", "disturbance")
SCHEMA = "prober.benchmark-speed/1"


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; may be given more than once")
    parser.add_argument(
        "--case", action="append", default=[], help="of engine, peers and scale, what has this in its name"
    )
    parser.add_argument("--rounds", type=_positive, help="rounds of engine, peers, limit and workers (default: 5)")
    parser.add_argument("--probes", type=_positive, help="probes of one client in one round (default: 2000)")
    parser.add_argument("--in-flight", type=_positive, help="probes of one client at once (default: 64)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures, raw ones too")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def main() -> None:
    """Measure, print, write; the exit code says whether all limits are met."""
    options = arguments()
    given = {name: getattr(options, name) for name in ("rounds", "probes", "in_flight")}
    amounts = dataclasses.replace(
        QUICK if options.quick else USUAL, **{name: value for name, value in given.items() if value is not None}
    )
    placed = cores()
    os.sched_setaffinity(0, placed.others)
    machine = {**describe(placed), "busy_before": busy_share()}
    _introduce(machine, quick=options.quick)
    parts: list[Part] = []
    matched: set[str] = set()
    names = options.only or PARTS
    if options.json is not None:
        options.json.touch()  # that it cannot be written is better known now
    began = datetime.datetime.now(datetime.UTC)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="prober-speed-") as folder:
            asked = Asked(
                amounts=amounts, cores=placed, folder=Path(folder), wanted=frozenset(options.case), matched=matched
            )
            parts.append(_run(name, asked))
        print("\n".join(lines(parts[-1])), flush=True)
        if options.json is not None:  # after each part: what a later one breaks off is not lost
            document = {
                "schema": SCHEMA,
                "started": began.isoformat(timespec="seconds"),
                "amounts": dataclasses.asdict(amounts),
                "machine": machine,
                "parts": [part.document() for part in parts],
                "complete": len(parts) == len(names),
                "met": all(part.met for part in parts) if len(parts) == len(names) else None,
            }
            options.json.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1))
    missed = [figure.name for part in parts for figure in part.figures if figure.met is False]
    print(f"\n{len(missed)} limits missed: {'; '.join(missed)}" if missed else "\nall limits looked at are met")
    broken = [part.name for part in parts if part.broken is not None]
    if broken:
        print(f"broke off: {', '.join(broken)}")
    unknown = sorted(set(options.case) - matched)
    if unknown:
        print(f"no case has this in its name: {', '.join(unknown)}")
    sys.exit(1 if missed or broken or unknown else 0)


def _run(name: str, asked: Asked) -> Part:
    """One part; that it breaks off is its own affair, and told."""
    try:
        found: Part = importlib.import_module(f"benchmarks.speed.{name}").run(asked)
    except SystemExit as error:
        return Part(name=name, about="nothing of it counts", broken=str(error))
    except Exception as error:  # noqa: BLE001 # whatever it is, half an hour of the other parts stands
        traceback.print_exc()
        return Part(name=name, about="nothing of it counts", broken=f"{type(error).__name__}: {error}")
    return found


def _introduce(machine: dict[str, object], *, quick: bool) -> None:
    for name, value in machine.items():
        shown = f"{value:.0%}" if isinstance(value, float) else value
        print(f"{name.replace('_', ' ')}: {shown}")
    if quick:
        progress("quick: the figures mean nothing")


if __name__ == "__main__":
    main()
