"""How often the judgement on interception is wrong, over random networks; what it costs. No sockets: a few minutes.

    python benchmarks/interception_accuracy.py                         at least 12,000 clean and 3,000 forged cells
    python benchmarks/interception_accuracy.py --seed 5000 --cells 50000
    python benchmarks/interception_accuracy.py --world 338             everything about one world
    python benchmarks/interception_accuracy.py --json out.json         every number, and the story of every mistake

A *world* follows from its seed: authorities, stores, sites, routes, what stands between. A *cell* is one target over
one route. It is clean, or an interceptor of some kind forged at least one of its connections. Worlds are judged just
as a run would: the attempts, then each contradiction and its reference once more.

Exit code 1 if a clean cell came out as intercepted.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy.program import main  # found because of the line above

if __name__ == "__main__":
    main(__doc__ or "")
