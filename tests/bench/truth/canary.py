"""Whether this machine gives a program its cores: work of a fixed size on each of them, again and again, timed.

    python canary.py 2

Prints the share of its time that was lost: what pieces (of a millisecond or two) took longer than the median one.
Nothing of the prober is in it: what it finds is no fault of the prober's.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time

_PIECE = b"\0" * (1 << 20)


def lost(seconds: float) -> float:
    """Of so many seconds on one core, 0 to 1."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < until:
        hashlib.sha256(_PIECE).digest()
        took.append(time.perf_counter() - begun)
    median = sorted(took)[len(took) // 2]
    return sum(max(0.0, each - median) for each in took) / sum(took)


def most_lost(seconds: float) -> float:
    """The worst core's, all at once."""
    command = [sys.executable, __file__, str(seconds)]
    cores = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(os.cpu_count() or 1)]
    return max(float(each.communicate()[0]) for each in cores)


if __name__ == "__main__":
    sys.stdout.write(f"{lost(float(sys.argv[1]))}\n")
