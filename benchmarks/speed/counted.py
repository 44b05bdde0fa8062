"""A client to be counted by callgrind: `python -m benchmarks.speed.counted PORT SCHEME NUMBER [PROXY_PORT…]` makes so
many probes and ends. Proxies speak HTTP. Exit code 1 if a probe failed.
"""

from __future__ import annotations

import sys

from benchmarks.speed.probing import settings, target
from prober.engine.loop import run_loop
from prober.engine.run import Pair, Run
from prober.engine.stores import ProxyCertificates
from prober.model import Hop, HopScheme, Observation, Route, Scheme

_WARM = 20
_IN_FLIGHT = 16


async def _probe(port: int, scheme: Scheme, count: int, proxies: list[int]) -> bool:
    hops = tuple(Hop(HopScheme.HTTP, "127.0.0.1", proxy) for proxy in proxies)
    route = Route("counted", hops)
    failed: list[Observation] = []

    def look(_: Pair, observation: Observation) -> None:
        if observation.failure is not None:
            failed.append(observation)

    async with Run(settings(_IN_FLIGHT, port), ProxyCertificates(())) as run:
        for number in (_WARM, count):
            await run.probe([Pair(target(each, scheme, port, named=False), route) for each in range(number)], look)
    if failed:
        print(f"{len(failed)} probes failed: {failed[0].failure}", file=sys.stderr)
    return not failed


if __name__ == "__main__":
    _, told_port, told_scheme, told_count, *told_proxies = sys.argv
    work = _probe(int(told_port), Scheme(told_scheme), int(told_count), [int(each) for each in told_proxies])
    sys.exit(0 if run_loop(work) else 1)
