"""Full probes for a second of the client's processor: what each way, key, version and judgement costs.

One base case (direct, TLS 1.3, ECDSA, handshake only, judged, with its result), and each dimension varied alone, in
interleaved rounds; every figure is of a fresh process. Limits: one CONNECT hop below 120 µs more than direct, three
hops below 400 µs more; TLS within TLS is stated apart and has none.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from benchmarks.speed.child import measured, progress
from benchmarks.speed.figures import Figure, Part, difference
from benchmarks.speed.jobs import Judged, ProbeJob, Spent
from benchmarks.speed.options import Asked
from benchmarks.speed.servers import Origin, Proxies, origin, proxies

CONNECT_HOP = 120.0
THREE_HOPS = 400.0
"""Microseconds."""
BASE = "direct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to probe; what is not said is as in the base case."""

    name: str
    key: str = "ecdsa"
    tls: str = "1.3"
    scheme: str = "tls"
    hops: tuple[str, ...] = ()
    judged: Judged = Judged.RESULT
    names: bool = False


CASES = (
    Case(name=BASE),
    Case(name="direct, HTTP request", scheme="https"),
    Case(name="direct, RSA 2048", key="rsa2048"),
    Case(name="direct, TLS 1.2", tls="1.2"),
    Case(name="direct, TLS 1.2, RSA 2048", tls="1.2", key="rsa2048"),
    Case(name="direct, a name for each target", names=True),
    Case(name="http proxy", hops=("http",)),
    Case(name="http proxy, HTTP request", hops=("http",), scheme="https"),
    Case(name="socks5 proxy", hops=("socks5",)),
    Case(name="https proxy", hops=("https",)),
    Case(name="three hops: http, socks5, http", hops=("http", "socks5", "http")),
    Case(name="three hops: https, socks5, http", hops=("https", "socks5", "http")),
    Case(name="direct, facts alone", judged=Judged.FACTS),
    Case(name="direct, result as JSON", judged=Judged.JSON),
    Case(name="direct, serve's board", judged=Judged.BOARD),
)


def job(asked: Asked, case: Case, server: Origin, found: Proxies) -> ProbeJob | None:
    """The case as a client is told of it; None if a proxy for it is missing."""
    hops = found.hops(case.hops)
    if hops is None:
        return None
    amounts = asked.amounts
    return ProbeJob(
        cores=asked.cores.client,
        port=server.port,
        root=server.root,
        scheme=case.scheme,
        probes=amounts.probes,
        warm=amounts.warm,
        in_flight=amounts.in_flight,
        targets=amounts.targets,
        hops=hops,
        hop_roots=found.roots if "https" in case.hops else None,
        names=case.names,
        judged=case.judged,
        version=server.version,
    )


def run(asked: Asked) -> Part:
    """Measure all cases in turn, round after round."""
    part = Part(name="engine", about="full probes of prober, processor time of the client alone")
    spent: dict[str, list[Spent]] = {}
    with ExitStack() as stack:
        found = stack.enter_context(proxies(asked.folder, asked.cores))
        cases = [case for case in CASES if case.name == BASE or asked.wants(case.name)]
        kinds = {(case.key, case.tls) for case in cases}
        origins = {
            (key, tls): stack.enter_context(origin(asked.folder, asked.cores, key=key, tls=tls)) for key, tls in kinds
        }
        jobs = {case.name: job(asked, case, origins[case.key, case.tls], found) for case in cases}
        for number in range(asked.amounts.rounds):
            for name, each in jobs.items():
                if each is not None:
                    took = measured(each)
                    spent.setdefault(name, []).append(took)
                    progress(f"engine, round {number + 1}: {name}: {took.each:.0f} µs")
                    part.raw.append({"case": name, "round": number + 1, **msgspec.to_builtins(took)})
        left_out = [name for name, each in jobs.items() if each is None]
    part.notes.append("proxies: tinyproxy (http), microsocks (socks5), haproxy in front of tinyproxy (https)")
    if left_out:
        part.notes.append(f"left out, {', '.join(found.missing)} not installed: {'; '.join(left_out)}")
    part.figures.extend(_figures(spent, complete=not asked.wanted))
    return part


def _figures(spent: dict[str, list[Spent]], *, complete: bool) -> list[Figure]:
    """`complete`: what is missing was not left out by whoever asked, so its limit is not met."""
    each = {name: [took.each for took in seen] for name, seen in spent.items()}
    figures = [Figure(name=name, unit="µs", values=tuple(values)) for name, values in each.items()]
    figures += [
        Figure(name=f"{name}: probes for a CPU second", unit="/s", values=tuple(took.rate for took in spent[name]))
        for name in (BASE, "direct, HTTP request")
        if name in spent
    ]
    more = (
        ("one CONNECT hop more than direct", "http proxy", CONNECT_HOP),
        ("one SOCKS5 hop more than direct", "socks5 proxy", None),
        ("one HTTPS proxy more than direct", "https proxy", None),
        ("three hops more than direct", "three hops: http, socks5, http", THREE_HOPS),
        ("three hops with TLS in TLS more than direct", "three hops: https, socks5, http", None),
        ("an HTTP request more than none", "direct, HTTP request", None),
    )
    for name, case, limit in more:
        if case in each:
            figures.append(difference(name, each[case], each[BASE], below=limit))
        elif limit is not None and complete:
            figures.append(Figure(name=name, unit="µs", values=(), below=limit))
    return figures
