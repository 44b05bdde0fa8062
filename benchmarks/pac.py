"""1,000 targets over one PAC script of about 500 rules: within 2 s, process included.

    python benchmarks/pac.py

The script is of the kind that grows in an organisation over the years: plain names, suffixes, shell expressions, lists
in arrays, networks of resolved addresses, working hours. A quarter of the targets is decided by the last rules. Prints
the time without a record of calls, which has the limit, and with one. Exit code 1 if the limit was missed.
"""

from __future__ import annotations

import collections
import sys
import time
from datetime import UTC, datetime

from prober.engine.pac.sandbox import PacSandbox

LIMIT = 2.0
TARGETS = 1_000
ROUNDS = 5


def script() -> str:
    """About 500 rules."""
    lines = ["var internal = ["]
    lines += [f'  "app{n}.intra.example",' for n in range(60)]
    lines += ["];", "function FindProxyForURL(url, host) {", "  host = host.toLowerCase();"]
    lines += ['  if (isPlainHostName(host)) return "DIRECT";']
    lines += ['  for (var i = 0; i < internal.length; i++) if (host == internal[i]) return "DIRECT";']
    lines += [f'  if (dnsDomainIs(host, ".site{n}.corp.example")) return "PROXY p{n % 4}:8080";' for n in range(150)]
    lines += [f'  if (shExpMatch(host, "*.partner{n}.example")) return "PROXY out:3128; DIRECT";' for n in range(180)]
    lines += [f'  if (shExpMatch(url, "https://*.cloud{n}.example/*")) return "PROXY c:3128";' for n in range(60)]
    lines += [f'  if (localHostOrDomainIs(host, "srv{n}.example")) return "DIRECT";' for n in range(30)]
    lines += ["  var address = dnsResolve(host);"]
    lines += [f'  if (isInNet(address, "10.{n}.0.0", "255.255.0.0")) return "PROXY in{n}:3128";' for n in range(40)]
    lines += [
        '  if (weekdayRange("MON", "FRI") && timeRange(8, 18)) return "PROXY day:8080; PROXY night:8080; DIRECT";'
    ]
    lines += ['  return "PROXY night:8080; DIRECT";', "}"]
    return "\n".join(lines)


def targets() -> list[str]:
    """A thousand URLs, spread over the rules."""
    kinds = ("www{n}.site{a}.corp.example", "api{n}.partner{b}.example", "x{n}.cloud{c}.example", "h{n}.other.example")
    names = [kinds[n % 4].format(n=n, a=n % 150, b=n % 180, c=n % 60) for n in range(TARGETS)]
    return [f"https://{name}/" for name in names]


def main() -> int:
    """Measure and print."""
    text, urls = script(), targets()
    kept = True
    for trace in (False, True):
        seconds = []
        for _ in range(ROUNDS):
            asked: list[str] = []

            def resolve(name: str, asked: list[str] = asked) -> list[str]:
                asked.append(name)
                return [f"10.{len(asked) % 80}.0.1"]

            began = time.perf_counter()
            with PacSandbox(text, now=datetime(2026, 3, 3, 9, tzinfo=UTC), resolve=resolve, trace=trace) as sandbox:
                answers = sandbox.evaluate(urls)
            seconds.append(time.perf_counter() - began)
        results = collections.Counter(answer.result for answer in answers)
        if None in results:
            print(next(answer.failure for answer in answers if answer.failure))
            return 1
        calls = sum(len(answer.calls) + answer.trace.calls_left_out for answer in answers)
        best, worst = min(seconds), max(seconds)
        kept &= trace or best <= LIMIT
        recorded = f"{calls:,} calls recorded" if trace else "no record of calls"
        limit = "" if trace else f", limit {LIMIT:g} s"
        print(
            f"{len(urls):,} targets, {text.count('return'):,} rules, {len(text):,} characters, {len(asked)} names, "
            f"{len(results)} different answers, {recorded}: {best:.2f} s to {worst:.2f} s{limit}"
        )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
