"""What is to be said of a run as a whole: notes for its reader, and how the prober was set and fared itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from prober.check.bypassed import bypass_sentences
from prober.check.plan import Plan
from prober.engine.run import Pair
from prober.interception.comparison import PairKey
from prober.model import Observation
from prober.report.document import Environment, NoteDoc
from prober.report.notes import NOTES, NoteId, note
from prober.report.sanitize import several

_LAG_WORTH_A_NOTE = 0.25


def notes_on(
    plan: Plan,
    pairs: Mapping[PairKey, Pair],
    seen: Mapping[PairKey, Sequence[Observation]],
    *,
    interrupted: str | None,
    lag: float,
    shortfall: str | None = None,
    unasked: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[NoteDoc]:
    """Notes on a run. `interrupted` says how far it came if it was cut short; `lag` is in seconds; `shortfall`
    says what was not probed and why; `unasked` has routes with the number of addresses for revocation that were too
    many."""
    for warning in plan.warnings:
        yield note(NoteId.CONFIGURATION, warning)
    if plan.device is not None:
        for lint in plan.device.lints:
            yield note(NoteId.DEVICE, f"{lint.severity}, {lint.component}: {lint.text}")
        for sentence in bypass_sentences(plan.rules, plan.targets):
            yield note(NoteId.DEVICE, sentence)
    if plan.descriptors.clamped:
        found = plan.descriptors
        text = (
            f"{found.allowed} probes at once instead of {found.asked}: "
            f"the limit of open descriptors is {found.limit} (raise it with ulimit -n)"
        )
        yield note(NoteId.CONCURRENCY_CLAMPED, text)
    if interrupted is not None:
        yield note(NoteId.INTERRUPTED, f"Interrupted after {interrupted} probes; what was measured is reported.")
    if shortfall is not None:
        yield note(NoteId.NOT_PROBED, shortfall)
    yield from _ipv6_notes(pairs, seen, has_ipv4=plan.machine.has_ipv4)
    if unasked:
        cut = ", ".join(f"{several(number, 'address', 'addresses')} over {name}" for name, number in unasked.items())
        yield note(NoteId.REVOCATION_CUT, f"{NOTES[NoteId.REVOCATION_CUT]} Not asked: {cut}.")
    if not plan.machine.has_roots:
        yield note(NoteId.OS_TRUST_STORE_MISSING)
    if lag > _LAG_WORTH_A_NOTE:
        yield note(
            NoteId.LOOP_LAG,
            f"The prober's own event loop was up to {lag:.2f} s late: timings around then are too long.",
        )


def environment_of(plan: Plan, lag: float, cpu_wait: float | None) -> Environment:
    """How the prober was set, how late its loop was at worst (seconds), and how much it waited for a processor."""
    probe = plan.probe
    return Environment(
        loop_lag_max=round(lag, 6),
        cpu_wait=None if cpu_wait is None else round(cpu_wait, 3),
        concurrency=probe.concurrency,
        descriptors=plan.descriptors.limit,
        timeout=probe.timeout,
        retries=probe.retries,
        attempts=plan.attempts,
        profile=probe.profile,
        family=probe.family,
        platform=plan.machine.platform,
    )


def _ipv6_notes(
    pairs: Mapping[PairKey, Pair], seen: Mapping[PairKey, Sequence[Observation]], *, has_ipv4: bool
) -> Iterator[NoteDoc]:
    """The services do not support devices that have IPv6 only, so whatever has no IPv4 is named."""
    proxies: set[str] = set()
    targets: set[str] = set()
    for key, observations in seen.items():
        pair = pairs[key]
        for hop in {hop for observation in observations for hop in observation.ipv6_only}:
            (targets if hop == 0 else proxies).add(pair.target.host if hop == 0 else pair.route.hops[hop - 1].host)
    if proxies:
        yield note(NoteId.PROXY_IPV6_ONLY, f"{note(NoteId.PROXY_IPV6_ONLY).text} ({', '.join(sorted(proxies))})")
    if targets:
        yield note(NoteId.TARGET_IPV6_ONLY, f"{note(NoteId.TARGET_IPV6_ONLY).text} ({', '.join(sorted(targets))})")
    if not has_ipv4 and _leaves_the_machine(seen):
        yield note(NoteId.EGRESS_WITHOUT_IPV4)


def _leaves_the_machine(seen: Mapping[PairKey, Sequence[Observation]]) -> bool:
    """Whether any probe went, or tried to go, further than loopback."""
    peers = [each.peer for observations in seen.values() for each in observations]
    return any(peer is None or not _is_loopback(peer) for peer in peers)


def _is_loopback(peer: str) -> bool:
    return ipaddress.ip_address(peer.rsplit(":", 1)[0].strip("[]")).is_loopback
