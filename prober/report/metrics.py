"""The metrics of contract.md, for `prober explain`; `prober serve`, which exports them, comes with a later version."""

from __future__ import annotations

from typing import Final, NamedTuple


class Metric(NamedTuple):
    """One metric."""

    kind: str
    """Prometheus type."""
    labels: str
    """Labels beside the target's and the route's."""
    meaning: str


_HISTOGRAM: Final = "histogram"
METRICS: Final[dict[str, Metric]] = {
    "prober_target_reachable": Metric("gauge", "", "1 if the target was reached by the last probe, else 0"),
    "prober_target_trusted": Metric("gauge", "", "1 if its certificate is trusted, else 0"),
    "prober_target_intercepted": Metric("gauge", "", "1 if TLS to it is intercepted, else 0"),
    "prober_interception_verdict": Metric("gauge", "verdict", "1 for the verdict in force, 0 for the others"),
    "prober_failure_info": Metric("gauge", "stage, hop, reason", "1 while a failure lasts; gone when it is over"),
    "prober_probe_duration_seconds": Metric("gauge", "", "seconds the last probe took"),
    "prober_tls_leaf_not_after_timestamp_seconds": Metric("gauge", "", "when the target's certificate ends"),
    "prober_tls_issuer_info": Metric("gauge", "issuer, anchor", "who issued the target's certificate"),
    "prober_http_status_code": Metric("gauge", "", "the last HTTP status"),
    "prober_last_probe_timestamp_seconds": Metric("gauge", "", "when the last probe ended"),
    "prober_probes_total": Metric("counter", "route, service, result", "probes made"),
    "prober_failures_total": Metric("counter", "route, service, stage, reason", "probes that failed"),
    "prober_stage_duration_seconds": Metric(_HISTOGRAM, "route, stage", "seconds spent in each stage"),
    "prober_hop_duration_seconds": Metric(
        _HISTOGRAM, "route, hop, scheme, phase (connect, tls, negotiate)", "seconds spent on each proxy"
    ),
    "prober_schedule_lateness_seconds": Metric(
        _HISTOGRAM, "", "seconds by which probes started late: the prober's own trouble"
    ),
    "prober_event_loop_lag_seconds": Metric(
        _HISTOGRAM, "", "seconds by which the event loop was late: large values make the timings doubtful"
    ),
    "prober_probes_in_flight": Metric("gauge", "", "probes running now"),
    "prober_build_info": Metric("gauge", "", "1, with the program's version in the labels"),
    "prober_config_last_reload_successful": Metric("gauge", "", "1 if the last reload of the configuration worked"),
    "prober_config_last_reload_success_timestamp_seconds": Metric("gauge", "", "when a reload last worked"),
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
