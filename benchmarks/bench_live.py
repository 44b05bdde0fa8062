"""Comparisons as a user makes them, of proxies of which the difference is known: equals, and one that is 10 % slower.

    python benchmarks/bench_live.py [--comparisons 5] [--rate 100] [--duration 2]

Each comparison is a whole `prober bench --compare` over two scripted proxies (those of tests/bench/truth), which
answer each CONNECT after 30 ms, the slower one after 33 ms. They go on until a difference of 10 % would be found, in
rounds of the given length. Every comparison is printed as it comes: rounds, the difference at p50 and p95 with its
interval, and whether it was called one. Nothing is left out and nothing repeated. Equals are called different in some
5 % of comparisons by design; so the program fails only if that happens in more than one of five, or the slower one is
missed in more than one of five.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from prober.bench.saved import load
from tests.bench.truth.apparatus import scripted
from tests.bench.truth.scripted_proxy import Script

SERVICE: Final = 0.030
SLOWER: Final = 1.1
ALLOWED: Final = 0.2


def compared(asked: argparse.Namespace, other: float, seed: int, folder: Path) -> bool:
    """One comparison of a proxy with one that is `other` times as slow; whether a difference was called."""
    path = folder / f"{seed}.json.zst"
    with scripted(Script(service=SERVICE)) as one, scripted(Script(service=other * SERVICE)) as two:
        vias = ["--via", f"a=http://127.0.0.1:{one.port}", "--via", f"b=http://127.0.0.1:{two.port}"]
        loads = ["--rate", str(asked.rate), "--duration", str(asked.duration), "--ramp", "0", "--seed", str(seed)]
        command = ["bench", *vias, "--target", "lab", "--no-direct", "--compare", *loads, "--save", str(path), "-q"]
        done = subprocess.run(
            [sys.executable, "-m", "prober", *command], stdout=subprocess.DEVNULL, check=False
        ).returncode
    found = load(path).comparison
    if done not in (0, 1) or found is None:
        raise SystemExit(f"prober bench ended with {done}")
    told = [
        f"{each.percentile} {1e3 * each.difference:+.2f} ms [{1e3 * each.low:+.2f}, {1e3 * each.high:+.2f}] "
        f"{each.word or ('different' if each.distinguishable else 'indistinguishable')}"
        for each in found.differences
    ]
    print(f"  seed {seed}: {found.blocks} rounds; {'; '.join(told)}", flush=True)
    for remark in found.remarks:
        print(f"    {remark}", flush=True)
    return any(each.distinguishable for each in found.differences)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=5, help="of each kind")
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--duration", type=float, default=2.0, help="seconds of a block")
    asked = parser.parse_args()
    well = True
    with tempfile.TemporaryDirectory(prefix="bench-live-") as folder:
        for kind, other, wanted in (("itself", 1.0, False), ("10 % slower twin", SLOWER, True)):
            print(f"{kind}:", flush=True)
            called = sum(compared(asked, other, seed, Path(folder)) for seed in range(1, asked.comparisons + 1))
            print(f"  called different: {called} of {asked.comparisons}", flush=True)
            wrong = asked.comparisons - called if wanted else called
            well = well and wrong <= ALLOWED * asked.comparisons
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
