"""Findings as metrics: blackbox_exporter's, and our own beside them (docs/probe.md has every one).

Names, help texts and labels are blackbox_exporter's to the letter. Which series are there follows it too, with these
exceptions: what is known of a certificate is shown also where the certificate does not verify; what nobody looked up
here, because a proxy did, is absent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from prober.interception.certificates import certificate_facts
from prober.model import Anchor, HopTimings, HttpFacts, Scheme, Stage, TlsFacts
from prober.monitor.blackbox.findings import Findings, Step
from prober.monitor.blackbox.go_names import address_hash, go_cipher, go_version, leaf_names
from prober.monitor.issuers import bounded

HELP: Final = {
    "probe_dns_lookup_time_seconds": "Returns the time taken for probe dns lookup in seconds",
    "probe_duration_seconds": "Returns how long the probe took to complete in seconds",
    "probe_failed_due_to_regex": "Indicates if probe failed due to regex",
    "probe_http_content_length": "Length of http content response",
    "probe_http_duration_seconds": "Duration of http request by phase, summed over all redirects",
    "probe_http_last_modified_timestamp_seconds": "Returns the Last-Modified HTTP response header in unixtime",
    "probe_http_redirects": "The number of redirects",
    "probe_http_ssl": "Indicates if SSL was used for the final redirect",
    "probe_http_status_code": "Response HTTP status code",
    "probe_http_uncompressed_body_length": "Length of uncompressed response body",
    "probe_http_version": "Returns the version of HTTP of the probe response",
    "probe_ip_addr_hash": "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
    "probe_ip_protocol": "Specifies whether probe ip protocol is IP4 or IP6",
    "probe_ssl_earliest_cert_expiry": "Returns last SSL chain expiry in unixtime",
    "probe_ssl_last_chain_expiry_timestamp_seconds": "Returns last SSL chain expiry in timestamp",
    "probe_ssl_last_chain_info": "Contains SSL leaf certificate information",
    "probe_success": "Displays whether or not the probe was a success",
    "probe_tls_cipher_info": "Returns the TLS cipher negotiated during handshake",
    "probe_tls_version_info": "Returns the TLS version used or NaN when unknown",
    "prober_probe_anchor_info": "Where the certificate chain of the last request ends.",
    "prober_probe_body_cut": "Whether more of the body followed than was read.",
    "prober_probe_failure_info": "Why the probe failed: 1, and absent where it did not.",
    "prober_probe_hop_duration_seconds": "Seconds spent at each proxy of the route, summed over all redirects.",
    "prober_probe_trusted": "Whether the certificate of the last request is trusted, verified or not.",
}
"""Every metric that /probe can show."""

_CHAIN_LABELS: Final = ("fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber")
_HOP_PHASES: Final[dict[str, Callable[[HopTimings], float | None]]] = {
    "resolve": lambda hop: hop.dns,
    "connect": lambda hop: hop.connect,
    "tls": lambda hop: hop.tls,
    "negotiate": lambda hop: hop.negotiate,
}

LeafLabel = Callable[[Step, str, Anchor], str | None]
"""Given a step, a leaf's fingerprint and anchor: what all of its labels are replaced by, if there were too many."""


def families(findings: Findings, leaf_label: LeafLabel) -> list[Metric]:
    """All metric families of one probe, by name."""
    made = [
        _gauge("probe_success", float(findings.success)),
        _gauge("probe_duration_seconds", findings.duration),
        _gauge("probe_failed_due_to_regex", 0.0),
        *_addresses(findings),
        *_certificate(findings, leaf_label),
        *_own(findings),
    ]
    if findings.ready.module.prober == "http":
        made += _http(findings)
    return sorted(made, key=lambda family: family.name)


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, HELP[name], value=value)


def _info(name: str, **labels: str) -> Metric:
    return _labelled(name, tuple(labels), [(tuple(labels.values()), 1.0)])


def _labelled(name: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, HELP[name], labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


# names and addresses


def _addresses(findings: Findings) -> Iterator[Metric]:
    """Of the first request, as blackbox_exporter has it; nothing where the proxy looks the name up."""
    first = findings.steps[0] if findings.steps else None
    if first is None or not first.direct:
        return
    number = _address(first)
    yield _gauge("probe_dns_lookup_time_seconds", _lookup(first) or 0.0)
    yield _gauge("probe_ip_protocol", 0.0 if number is None else 4.0 if len(number) == 4 else 6.0)
    yield _gauge("probe_ip_addr_hash", 0.0 if number is None else float(address_hash(number)))


def _address(step: Step) -> bytes | None:
    """The address that was connected to, or tried last."""
    place = step.observation.peer or step.observation.tried
    if place is None:
        return None
    return ip_address(place.rsplit(":", 1)[0].strip("[]").partition("%")[0]).packed


def _lookup(step: Step) -> float | None:
    """Seconds for the target's own name. A lookup that failed took all the time there was."""
    observation = step.observation
    failed = observation.failure is not None and observation.failure.stage is Stage.DNS
    return observation.timings.total if failed and observation.timings.dns is None else observation.timings.dns


# certificates


def _certificate(findings: Findings, leaf_label: LeafLabel) -> Iterator[Metric]:
    """Of the last request over TLS, trusted or not."""
    step = findings.steps[-1] if findings.steps else None
    tls = step.observation.tls if step is not None else None
    if step is None or tls is None or not tls.chain or step.trust is None:
        return
    yield _info("probe_tls_version_info", version=go_version(tls))
    yield _info("probe_tls_cipher_info", cipher=go_cipher(tls))
    yield _gauge("prober_probe_trusted", float(step.trust.trusted))
    yield _info("prober_probe_anchor_info", anchor=step.trust.anchor.value)
    if step.last_expiry is not None:
        yield _gauge("probe_ssl_last_chain_expiry_timestamp_seconds", step.last_expiry)
    ends = [facts.not_after for der in tls.chain if (facts := certificate_facts(der)) is not None]
    if ends:
        yield _gauge("probe_ssl_earliest_cert_expiry", min(ends))
    labels = _leaf(step, tls, step.trust.anchor, leaf_label)
    if labels is not None:
        yield _labelled("probe_ssl_last_chain_info", _CHAIN_LABELS, [(labels, 1.0)])


def _leaf(step: Step, tls: TlsFacts, anchor: Anchor, leaf_label: LeafLabel) -> tuple[str, ...] | None:
    names = leaf_names(tls.chain[0])
    if names is None:
        return None
    fingerprint = hashlib.sha256(tls.chain[0]).hexdigest()
    instead = leaf_label(step, fingerprint, anchor)
    if instead is not None:
        return (instead,) * len(_CHAIN_LABELS)
    shown = (names.subject, names.issuer, names.dns_names, names.serial)
    return (fingerprint, *map(bounded, shown))


# HTTP


def _http(findings: Findings) -> Iterator[Metric]:
    """blackbox_exporter shows zeros where no response came."""
    answer = findings.answer
    facts = answer.observation.http if answer is not None else None
    body = facts.body if facts is not None else None
    over_tls = answer is not None and answer.target.scheme is Scheme.HTTPS
    announced = 0.0 if body is None else -1.0 if body.announced is None else float(body.announced)
    yield _gauge("probe_http_status_code", float(facts.status) if facts is not None else 0.0)
    yield _gauge("probe_http_version", _version(facts))
    yield _gauge("probe_http_ssl", float(over_tls))
    yield _gauge("probe_http_redirects", float(findings.redirects))
    yield _gauge("probe_http_content_length", announced)
    yield _gauge("probe_http_uncompressed_body_length", float(body.read) if body and findings.body_read else 0.0)
    yield _phases(findings)
    modified = _last_modified(facts)
    if modified is not None:
        yield _gauge("probe_http_last_modified_timestamp_seconds", modified)
    if body is not None:
        yield _gauge("prober_probe_body_cut", float(body.cut))


def _version(facts: HttpFacts | None) -> float:
    return float(facts.version) if facts is not None and facts.version else 0.0


def _phases(findings: Findings) -> Metric:
    """Times by phase. Where the first name could not be resolved there is no other phase; where no name was looked up
    here there is no such phase."""
    phases: dict[str, float] = {}
    lookups = [seconds for step in findings.steps for seconds in _lookups(step)]
    if lookups or any(step.direct for step in findings.steps):
        phases["resolve"] = sum(lookups)
    first = findings.steps[0].observation if findings.steps else None
    unresolved = first is not None and first.failure is not None and first.failure.stage is Stage.DNS
    if not unresolved:
        phases |= dict.fromkeys(("connect", "tls", "processing", "transfer"), 0.0)
        for step in findings.steps:
            timings = step.observation.timings
            phases["connect"] += _until_open(step)
            phases["tls"] += timings.tls or 0.0
            phases["processing"] += timings.ttfb or 0.0
        if findings.answer is not None and findings.body_read:
            phases["transfer"] = findings.answer.observation.timings.transfer or 0.0
    samples = (((phase,), seconds) for phase, seconds in sorted(phases.items()))
    return _labelled("probe_http_duration_seconds", ("phase",), samples)


def _lookups(step: Step) -> list[float]:
    """Seconds for each name looked up here, proxies' names included."""
    own = _lookup(step)
    hops = [hop.dns for hop in step.observation.timings.hops if hop.dns is not None]
    return [*hops, *([] if own is None else [own])]


def _until_open(step: Step) -> float:
    """Seconds until bytes could travel to the target: TCP, and everything that was said to proxies."""
    timings = step.observation.timings
    spent = [part for hop in timings.hops for part in (hop.connect, hop.tls, hop.negotiate)]
    return sum(part for part in (timings.connect, *spent) if part is not None)


def _last_modified(facts: HttpFacts | None) -> float | None:
    value = next((v for name, v in facts.headers if name == "last-modified"), None) if facts is not None else None
    if value is None or len(value) > 64:
        return None
    try:
        return float(int(parsedate_to_datetime(value).timestamp()))
    except (ValueError, TypeError, OverflowError, OSError):
        return None


# our own


def _own(findings: Findings) -> Iterator[Metric]:
    fault = findings.fault
    if fault is not None:
        yield _info("prober_probe_failure_info", stage=fault.stage, hop=str(fault.hop), reason=fault.reason)
    spent: dict[tuple[str, ...], float] = {}
    for step in findings.steps:
        hops = zip(step.route.hops, step.observation.timings.hops, strict=False)
        for index, (hop, timings) in enumerate(hops, 1):
            for phase, seconds_of in _HOP_PHASES.items():
                seconds = seconds_of(timings)
                if seconds is not None:
                    labels = (str(index), hop.scheme.value, phase)
                    spent[labels] = spent.get(labels, 0.0) + seconds
    if spent:
        yield _labelled("prober_probe_hop_duration_seconds", ("hop", "scheme", "phase"), spent.items())
