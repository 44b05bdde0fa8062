"""The metrics of `prober serve`: names, types, labels and what they say.

HELP texts, `prober explain` and the tables of docs/monitoring.md are written from this one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Scope(StrEnum):
    """Which labels a metric has beside its own, and where it is found."""

    PAIR = "pair"
    """At `/metrics`, one series or more for each target and route: all of `PAIR_LABELS`."""
    PROGRAM = "program"
    """At `/metrics`: `egress` and its own labels."""
    PROBE = "probe"
    """At `/probe`, as blackbox_exporter has it: its own labels only."""


PAIR_LABELS: Final = ("egress", "target", "service", "group", "geography", "host", "port", "route")
"""Labels of the metrics on a target over a route: from the configuration only."""


class Metric(NamedTuple):
    """One metric."""

    kind: str
    """Prometheus type."""
    labels: str
    """Its own labels, separated by commas; closed values may follow one in brackets."""
    meaning: str
    """A sentence without its full stop."""
    scope: Scope = Scope.PROBE

    @property
    def own_labels(self) -> tuple[str, ...]:
        """The names of its own labels."""
        bare = "".join(part.partition(")")[2] if ")" in part else part for part in self.labels.split("("))
        return tuple(name for each in bare.split(",") if (name := each.strip()))

    @property
    def label_names(self) -> tuple[str, ...]:
        """All its labels."""
        return {Scope.PAIR: PAIR_LABELS, Scope.PROGRAM: PAIR_LABELS[:1], Scope.PROBE: ()}[self.scope] + self.own_labels

    @property
    def sentence(self) -> str:
        """The meaning as a sentence: its HELP text."""
        return f"{self.meaning[0].upper()}{self.meaning[1:]}."


_CLOSED_VERDICTS: Final = "verdict (clean, intercepted, suspect, blocked, inconclusive)"

_PAIRS: Final[dict[str, tuple[str, str, str]]] = {
    "prober_target_reachable": (
        "gauge",
        "",
        "confirmed: 1 if the target is reached, else 0; changes after `serve.confirm` equal results in a row",
    ),
    "prober_target_trusted": (
        "gauge",
        "",
        "confirmed: 1 if its certificate is trusted, else 0; absent where none has been seen lately",
    ),
    "prober_target_intercepted": (
        "gauge",
        "",
        "confirmed: 1 if TLS to it is intercepted, 0 if not; absent while the verdict is inconclusive",
    ),
    "prober_interception_verdict": (
        "gauge",
        _CLOSED_VERDICTS,
        "confirmed: 1 for the verdict in force, 0 for the others",
    ),
    "prober_failure_info": (
        "gauge",
        "stage, hop, reason",
        "confirmed: 1 while the target is not reached, with the newest reason; gone when it is over",
    ),
    "prober_target_state_since_timestamp_seconds": (
        "gauge",
        "",
        "since when prober_target_reachable has been as it is, seconds since the epoch",
    ),
    "prober_target_interval_seconds": ("gauge", "", "configured seconds between two probes; there from the start"),
    "prober_last_probe_reachable": (
        "gauge",
        "",
        "raw: 1 if the last probe reached the target, else 0; absent if it was not made for a reason of the "
        "prober's own",
    ),
    "prober_last_probe_trusted": (
        "gauge",
        "",
        "raw: 1 if the last probe's certificate is trusted, else 0; absent if it saw none",
    ),
    "prober_last_probe_intercepted": (
        "gauge",
        "",
        "raw: 1 if TLS was intercepted as the last probe alone shows it, else 0; absent if that is inconclusive",
    ),
    "prober_last_probe_failure_info": (
        "gauge",
        "stage, hop, reason",
        "raw: 1 with the last probe's failure; gone if it reached the target",
    ),
    "prober_last_probe_timestamp_seconds": ("gauge", "", "when the last probe ended, seconds since the epoch"),
    "prober_probe_duration_seconds": ("gauge", "", "seconds the last probe took, all stages, failed or not"),
    "prober_tls_leaf_not_after_timestamp_seconds": (
        "gauge",
        "",
        "end of the validity of the certificate seen last, seconds since the epoch; also of one that is not trusted",
    ),
    "prober_tls_issuer_info": (
        "gauge",
        "issuer, anchor",
        "1 with the issuer of the certificate seen last, as it names itself: sanitised, 128 bytes at most, and "
        "`(churning)` after ten unknown ones within an hour",
    ),
    "prober_http_status_code": ("gauge", "", "status of the last probe's HTTP answer; absent if there was none"),
}
_PROGRAM: Final[dict[str, tuple[str, str, str]]] = {
    "prober_probes_total": (
        "counter",
        "route, service, result (success, failure, error)",
        "probes made: reached, not reached, or not made for a reason of the prober's own (stages config and local, "
        "reason internal), which says nothing about the network; an SLO is success / (success + failure)",
    ),
    "prober_failures_total": (
        "counter",
        "route, service, stage, reason",
        "probes that did not reach their target, by stage and reason; those of the prober's own included",
    ),
    "prober_transitions_total": (
        "counter",
        "route, service, track (reachable, trust, interception, certificate)",
        "confirmed changes of state; another reason for the same outage or distrust is none",
    ),
    "prober_stage_duration_seconds": (
        "histogram",
        "route, stage (dns, connect, proxy-tls, proxy, tls, http, total)",
        "seconds a probe spent in a stage that it finished, all proxies together; http is the time to the first byte "
        "of the answer, total the whole of a probe that reached its target",
    ),
    "prober_hop_duration_seconds": (
        "histogram",
        "route, hop, scheme, phase (connect, tls, negotiate)",
        "seconds spent on one proxy in a phase that was finished; negotiate includes what the proxy does to get on",
    ),
    "prober_schedule_lateness_seconds": (
        "histogram",
        "",
        "seconds by which probes began later than planned, without the wait for admission: the prober's own trouble",
    ),
    "prober_admission_wait_seconds": (
        "histogram",
        "",
        "seconds for which probes were held back, once their moment had come, by `probe.concurrency`, "
        "`probe.per_route`, `probe.per_host` or `probe.rate`",
    ),
    "prober_event_loop_lag_seconds": (
        "histogram",
        "process (front, worker-1, …)",
        "seconds by which a process's event loop was late: large values of a worker make its timings doubtful",
    ),
    "prober_process_resident_memory_bytes": (
        "gauge",
        "process (worker-1, …)",
        "memory that a worker holds, in bytes; the front's own is process_resident_memory_bytes; Linux",
    ),
    "prober_process_cpu_seconds_total": (
        "counter",
        "process (worker-1, …)",
        "processor time that a worker has used, those before it included",
    ),
    "prober_process_open_fds": ("gauge", "process (worker-1, …)", "descriptors that a worker has open; Linux"),
    "prober_schedule_skipped_total": ("counter", "", "starts left out because the pair's last probe was still running"),
    "prober_scheduled_pairs": ("gauge", "", "pairs of target and route that are probed"),
    "prober_shards": (
        "gauge",
        "shard (0, 1, …)",
        "among how many shards the targets are divided; the label says which of them this is",
    ),
    "prober_probes_in_flight": ("gauge", "", "probes running now"),
    "prober_probes_lost_total": (
        "counter",
        "",
        "probes that came to nothing with their worker, which died or stood still; not in prober_probes_total",
    ),
    "prober_worker_restarts_total": ("counter", "", "workers started again after they had died"),
    "prober_state_store_ok": (
        "gauge",
        "",
        "1 if the state file can be read and written, else 0; absent if there is to be none",
    ),
    "prober_build_info": (
        "gauge",
        "version, python, openssl",
        "1, with the versions of the program and what it runs on",
    ),
    "prober_config_last_reload_successful": ("gauge", "", "1 if the last load of the configuration worked, else 0"),
    "prober_config_last_reload_success_timestamp_seconds": (
        "gauge",
        "",
        "when the configuration was last loaded with success, seconds since the epoch",
    ),
}
METRICS: Final[dict[str, Metric]] = {
    **{name: Metric(*row, Scope.PAIR) for name, row in _PAIRS.items()},
    **{name: Metric(*row, Scope.PROGRAM) for name, row in _PROGRAM.items()},
    "probe_success": Metric("gauge", "", "1 if the module's conditions were met (as blackbox_exporter has it)"),
    "probe_duration_seconds": Metric("gauge", "", "seconds the probe took"),
    "probe_dns_lookup_time_seconds": Metric("gauge", "", "seconds spent on DNS"),
    "probe_ip_protocol": Metric("gauge", "", "4 or 6"),
    "probe_ip_addr_hash": Metric("gauge", "", "a hash of the address, to see when it changes"),
    "probe_http_duration_seconds": Metric(
        "gauge", "phase (resolve, connect, tls, processing, transfer)", "seconds spent in each phase"
    ),
    "probe_http_status_code": Metric("gauge", "", "the HTTP status, 0 if there was none"),
    "probe_http_ssl": Metric("gauge", "", "1 if TLS was used for the last request"),
    "probe_http_version": Metric("gauge", "", "the HTTP version of the answer"),
    "probe_ssl_earliest_cert_expiry": Metric("gauge", "", "when the first certificate of the chain ends"),
    "probe_ssl_last_chain_expiry_timestamp_seconds": Metric("gauge", "", "when the longest-lived chain ends"),
    "probe_ssl_last_chain_info": Metric(
        "gauge", "fingerprint_sha256, subject, issuer, subjectalternative, serialnumber", "the target's certificate"
    ),
    "probe_tls_version_info": Metric("gauge", "version", "the TLS version (`TLS 1.3`)"),
    "probe_tls_cipher_info": Metric("gauge", "cipher", "the TLS cipher"),
}
