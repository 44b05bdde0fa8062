"""prober beside its peers on the same origin, in the same interleaved rounds: how many times as much for a CPU second.

Everyone makes full TLS 1.3 handshakes with an ECDSA origin on the client's core, nobody takes a session up again, and
only prober looks at the certificates it gets. Those with a request GET a page of 1 KiB and read it. Limits, on the
median: 1.5 × blackbox_exporter's tcp module, 1.7 × its http module, 1.1 × `openssl s_time`, 2 × aiohttp's client.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from benchmarks.speed import commands
from benchmarks.speed.blackbox import PROGRAM, exporter
from benchmarks.speed.child import measured, progress
from benchmarks.speed.engine import Case, job
from benchmarks.speed.figures import Figure, Part, ratio
from benchmarks.speed.jobs import Spent, StreamsJob
from benchmarks.speed.options import Asked
from benchmarks.speed.servers import Origin, Proxies, origin

TCP, HTTP = "blackbox_exporter, tcp with TLS", "blackbox_exporter, http"
BARE, FULL = "prober, TLS", "prober, HTTP request"
GO, GO_ASKING = "Go, crypto/tls", "Go, crypto/tls with request"


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody to be held against."""

    name: str
    against: str
    """`BARE` or `FULL`: who of ours does the same work."""
    run: Callable[[], Spent] | None
    """None: cannot take part here."""
    missing: str = ""
    at_least: float | None = None


def run(asked: Asked) -> Part:
    """Measure all in turn, round after round."""
    part = Part(name="peers", about="prober over each peer, probes for a CPU second of the client")
    spent: dict[str, list[Spent]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(origin(asked.folder, asked.cores))
        peers = [each for each in _peers(asked, server, stack) if asked.wants(each.name)]
        out: dict[str, str] = {}
        contestants = {name: _ours(asked, server, scheme) for name, scheme in ((BARE, "tls"), (FULL, "https"))}
        contestants |= {each.name: each.run for each in peers if each.run is not None}
        for number in range(asked.amounts.rounds):
            for name, go in contestants.items():
                if name in out:
                    continue
                try:
                    took = go()
                except (SystemExit, OSError) as error:
                    if name in (BARE, FULL):
                        raise
                    out[name] = str(error)  # its own affair: the others go on
                    continue
                spent.setdefault(name, []).append(took)
                progress(f"peers, round {number + 1}: {name}: {took.rate:.0f} for a CPU second")
                part.raw.append({"contestant": name, "round": number + 1, **msgspec.to_builtins(took)})
    part.notes += [
        "curl in a loop: a process for each request; curl, many addresses: one process, 'Connection: close', "
        "--no-sessionid, its start included",
        "blackbox_exporter: driven by wrk, processor time from /proc, what was under way at the end counts as made",
    ]
    part.notes += [f"{each.name} left out: {each.missing}" for each in peers if each.run is None]
    part.notes += [f"{name} broke off: {why}" for name, why in out.items()]
    part.figures.extend(_figures({name: seen for name, seen in spent.items() if name not in out}, peers))
    return part


def _ours(asked: Asked, server: Origin, scheme: str) -> Callable[[], Spent]:
    told = job(asked, Case(name="ours", scheme=scheme), server, Proxies())
    if told is None:
        raise RuntimeError("a direct probe needs no proxy")
    return lambda: measured(told)


def _peers(asked: Asked, server: Origin, stack: ExitStack) -> list[Peer]:
    amounts, cores, port = asked.amounts, asked.cores, server.port
    blackbox = None
    if any([asked.wants(TCP), asked.wants(HTTP)]):
        blackbox = stack.enter_context(exporter(asked.folder, port, cores, max(8, amounts.in_flight // 2)))
    no_blackbox = "" if blackbox else f"{PROGRAM} and wrk are needed"
    program = commands.build_go(asked.folder) if asked.wants(GO) or asked.wants(GO_ASKING) else None
    openssl, curl = shutil.which("openssl"), shutil.which("curl")
    streams = StreamsJob(
        cores=cores.client, port=port, probes=amounts.probes, warm=amounts.warm, in_flight=amounts.in_flight
    )

    def exported(module: str) -> Callable[[], Spent] | None:
        return None if blackbox is None else lambda: blackbox.probe(module, amounts.peer_seconds)

    def in_go(*, ask: bool) -> Callable[[], Spent] | None:
        if program is None:
            return None
        return lambda: commands.go_peer(program, port, amounts.probes, amounts.in_flight, cores, ask=ask)

    return [
        Peer(TCP, BARE, exported("tls"), no_blackbox, 1.5),
        Peer(HTTP, FULL, exported("https"), no_blackbox, 1.7),
        Peer(
            "openssl s_time -new",
            BARE,
            (lambda: commands.s_time(port, amounts.peer_seconds, cores)) if openssl else None,
            "openssl is not installed",
            1.1,
        ),
        Peer("aiohttp on uvloop", FULL, lambda: measured(streams), at_least=2.0),
        Peer(GO, BARE, in_go(ask=False), "no Go compiler that can build it"),
        Peer(GO_ASKING, FULL, in_go(ask=True), "no Go compiler that can build it"),
        Peer(
            "curl in a loop",
            FULL,
            (lambda: commands.curl_loop(port, amounts.curls, cores)) if curl else None,
            "curl is not installed",
        ),
        Peer(
            "curl, many addresses",
            FULL,
            (lambda: commands.curl_many(port, amounts.probes, cores)) if curl else None,
            "curl is not installed",
        ),
    ]


def _figures(spent: dict[str, list[Spent]], peers: list[Peer]) -> list[Figure]:
    rates = {name: tuple(took.rate for took in seen) for name, seen in spent.items()}
    figures = [Figure(name=name, unit="/s", values=values) for name, values in rates.items()]
    for each in peers:
        name = f"{each.against} over {each.name}"
        if each.name in rates:
            figures.append(ratio(name, rates[each.against], rates[each.name], at_least=each.at_least))
        elif each.at_least is not None:
            figures.append(Figure(name=name, unit="×", values=(), at_least=each.at_least))
    return figures
