"""The prober itself: is it on time, does it keep up, does it report; how far its own timings can be believed."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.parts import BAD, GOOD, heatmap_of, lines, number, timeline
from deploy.grafana.promql import EGRESS, RATE, quantile, with_egress
from deploy.grafana.shared import base, egress
from deploy.grafana.tables import rows

UID: Final = "prober-health"
UP: Final = ((0, "down", BAD), (1, "up", GOOD))
WORKED: Final = ((0, "failed", BAD), (1, "works", GOOD))


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = base(
        UID,
        "prober: health",
        "The probers themselves: on time, keeping up, reporting; and how far their timings can be believed.",
    ).with_variable(egress())
    board = _now(board.with_row(dashboard.Row("Now")))
    board = _time(board.with_row(dashboard.Row("On time")))
    board = _work(board.with_row(dashboard.Row("Keeping up")))
    return _process(board.with_row(dashboard.Row("Processes and scrapes")))


def _now(board: dashboard.Dashboard) -> dashboard.Dashboard:
    late = quantile(0.99, "prober_schedule_lateness_seconds", EGRESS, "egress")
    return (
        board.with_panel(
            number(
                "Probers up",
                "Instances of the selected egresses that can be scraped; the panel Scrapes shows those that cannot.",
                f"count(group by (job, instance) (prober_build_info{{{EGRESS}}}))",
                bad_from=None,
            )
        )
        .with_panel(
            number(
                "Pairs scheduled",
                "Targets × routes that are probed, over all shards; replicas of a shard do not count again.",
                "sum(max by (egress, shard) (\n"
                f"  prober_scheduled_pairs{{{EGRESS}}} * on (egress, job, instance) group_left (shard)\n"
                f"  (0 * prober_shards{{{EGRESS}}} + 1)\n"
                "))",
                bad_from=None,
            )
        )
        .with_panel(
            number(
                "Late starts",
                "99th percentile of how late probes begin, the worst egress. 50 ms is what is promised.",
                f"max({late})",
                bad_from=0.05,
                unit="s",
            )
        )
        .with_panel(
            number(
                "Reload failed",
                "Instances whose last reload failed: they run with the configuration before it.",
                f"sum(1 - prober_config_last_reload_successful{{{EGRESS}}})",
            )
        )
        .with_panel(
            number(
                "State not kept",
                "Instances that cannot write or read their state file. Instances without one do not count.",
                f"sum(1 - prober_state_store_ok{{{EGRESS}}})",
            )
        )
        .with_panel(
            number(
                "Worker restarts",
                "Workers that had to be started again, in the time shown.",
                f"sum(increase(prober_worker_restarts_total{{{EGRESS}}}[$__range]))",
                bad_from=0.5,
            )
        )
        .with_panel(
            timeline(
                "Scrapes",
                "Whether Prometheus could scrape each instance. Instances that service discovery forgets end here.",
                ('max by (instance) (up{job="prober"})', "{{instance}}"),
                UP,
                size=(12, 7),
            )
        )
        .with_panel(
            rows(
                "Shards",
                "Who probes which share of the targets; shards count from 0. One that is missing here is watched by "
                "nobody: the alert ProberShardAbsent fires. Several lines of one shard are its replicas.",
                f"max by (egress, instance, shard) (prober_shards{{{EGRESS}}})",
                [("egress", "egress"), ("shard", "shard"), ("instance", "instance")],
                value=("of shards", "short"),
                sort=("shard", False),
                size=(12, 7),
            )
        )
        .with_panel(
            lines(
                "Targets that are watched",
                "The share of each egress's targets that the shards which report have between them.",
                (f"sum by (egress) (1 / max by (egress, shard) (prober_shards{{{EGRESS}}}))", "{{egress}}"),
                unit="percentunit",
                top=1,
                size=(12, 7),
            )
        )
        .with_panel(
            rows(
                "Versions",
                "What runs where: differences between egresses are seen at once.",
                f"max by (egress, instance, version, python, openssl) (prober_build_info{{{EGRESS}}})",
                [
                    ("egress", "egress"),
                    ("instance", "instance"),
                    ("version", "prober"),
                    ("python", "Python"),
                    ("openssl", "OpenSSL"),
                ],
                size=(12, 7),
            )
        )
    )


def _time(board: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        board.with_panel(
            lines(
                "Lateness of probes",
                "How much later than planned probes are due to begin, and what they then wait at limits. "
                "The dashed line is the promise for the former: 99 of 100 within 50 ms.",
                (
                    quantile(0.5, "prober_schedule_lateness_seconds", EGRESS, "egress, instance"),
                    "{{egress}} {{instance}} p50",
                ),
                (
                    quantile(0.99, "prober_schedule_lateness_seconds", EGRESS, "egress, instance"),
                    "{{egress}} {{instance}} p99",
                ),
                (
                    quantile(0.99, "prober_admission_wait_seconds", EGRESS, "egress, instance"),
                    "{{egress}} {{instance}} p99 of waiting at a limit",
                ),
                unit="s",
                limit=0.05,
            )
        )
        .with_panel(
            lines(
                "Lag of event loops, p99",
                "By process: `front` has scrapes and pages, workers have the probes. A worker's lag is in its timings. "
                "The dashed line is 20 ms.",
                (
                    quantile(0.99, "prober_event_loop_lag_seconds", EGRESS, "egress, instance, process"),
                    "{{egress}} {{instance}} {{process}}",
                ),
                unit="s",
                limit=0.02,
            )
        )
        .with_panel(
            heatmap_of(
                "Lateness",
                "All probes of the selected egresses.",
                f"sum by (le) (increase(prober_schedule_lateness_seconds_bucket{{{EGRESS}}}{RATE}))",
                size=(12, 8),
            )
        )
        .with_panel(
            heatmap_of(
                "Lag of workers",
                "All workers of the selected egresses; the front process is left out.",
                f'sum by (le) (increase(prober_event_loop_lag_seconds_bucket{{{EGRESS}, process!="front"}}{RATE}))',
                size=(12, 8),
            )
        )
    )


def _work(board: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        board.with_panel(
            lines(
                "Probes a second",
                "Made, and planned by the configured intervals. Confirmations come on top of the plan.",
                (f"sum by (egress) (rate(prober_probes_total{{{EGRESS}}}{RATE}))", "{{egress}} made"),
                (
                    "sum by (egress) (1 / max by (egress, instance, target, route) "
                    f"(prober_target_interval_seconds{{{EGRESS}}}))",
                    "{{egress}} planned",
                ),
                unit="ops",
            )
        )
        .with_panel(
            lines(
                "Probes in flight",
                "Running at the moment of the scrape.",
                (f"sum by (egress, instance) (prober_probes_in_flight{{{EGRESS}}})", "{{egress}} {{instance}}"),
            )
        )
        .with_panel(
            lines(
                "Probes that were not made",
                "Skipped: the pair's last probe still ran. Lost: its worker died. Error: the prober's own shortage, of "
                "descriptors or ports for example.",
                (f"sum by (egress) (rate(prober_schedule_skipped_total{{{EGRESS}}}{RATE}))", "{{egress}} skipped"),
                (f"sum by (egress) (rate(prober_probes_lost_total{{{EGRESS}}}{RATE}))", "{{egress}} lost"),
                (f'sum by (egress) (rate(prober_probes_total{{{EGRESS}, result="error"}}{RATE}))', "{{egress}} error"),
                unit="ops",
            )
        )
        .with_panel(
            lines(
                "Age of the oldest last probe, in intervals",
                "The pair of each instance that waits longest. Above three the alert ProberTargetsNotProbed fires.",
                (
                    "max by (egress, instance) (\n"
                    f"  (time() - prober_last_probe_timestamp_seconds{{{EGRESS}}})\n"
                    f"  / prober_target_interval_seconds{{{EGRESS}}}\n"
                    ")",
                    "{{egress}} {{instance}}",
                ),
                limit=3,
            )
        )
    )


def _process(board: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        board.with_panel(
            timeline(
                "Configuration",
                "Whether the last reload worked.",
                (
                    f"min by (egress, instance) (prober_config_last_reload_successful{{{EGRESS}}})",
                    "{{egress}} {{instance}}",
                ),
                WORKED,
                size=(8, 7),
            )
        )
        .with_panel(
            rows(
                "Configuration in force",
                "When each instance last loaded its configuration with success.",
                f"max by (egress, instance) (prober_config_last_reload_success_timestamp_seconds{{{EGRESS}}}) * 1000",
                [("egress", "egress"), ("instance", "instance")],
                value=("loaded", "dateTimeFromNow"),
                size=(8, 7),
            )
        )
        .with_panel(
            timeline(
                "State file",
                "Whether state and history can be kept. Instances without a state file are not shown.",
                (f"min by (egress, instance) (prober_state_store_ok{{{EGRESS}}})", "{{egress}} {{instance}}"),
                WORKED,
                size=(8, 7),
            )
        )
        .with_panel(
            lines(
                "Workers started again",
                "Each had died, and its probes were lost.",
                (
                    f"sum by (egress, instance) (increase(prober_worker_restarts_total{{{EGRESS}}}{RATE}))",
                    "{{egress}} {{instance}}",
                ),
                size=(8, 8),
            )
        )
        .with_panel(
            lines(
                "Duration of scrapes",
                "As Prometheus sees it. 20,000 series take less than half a second.",
                (with_egress("scrape_duration_seconds"), "{{egress}} {{instance}}"),
                unit="s",
                limit=0.5,
                size=(8, 8),
            )
        )
        .with_panel(
            lines(
                "Series a scrape",
                "Bounded by the configuration: what grows here for ever is a fault.",
                (with_egress("scrape_samples_post_metric_relabeling"), "{{egress}} {{instance}}"),
                size=(8, 8),
            )
        )
        .with_panel(
            lines(
                "Memory",
                "Resident memory of the front process, and of each worker.",
                (with_egress("process_resident_memory_bytes"), "{{egress}} {{instance}} front"),
                (
                    f"sum by (egress, instance, process) (prober_process_resident_memory_bytes{{{EGRESS}}})",
                    "{{egress}} {{instance}} {{process}}",
                ),
                unit="bytes",
                size=(8, 8),
            )
        )
        .with_panel(
            lines(
                "Processor",
                "Processor seconds a second that the front process uses, and each worker.",
                (with_egress(f"rate(process_cpu_seconds_total{RATE})"), "{{egress}} {{instance}} front"),
                (
                    f"sum by (egress, instance, process) (rate(prober_process_cpu_seconds_total{{{EGRESS}}}{RATE}))",
                    "{{egress}} {{instance}} {{process}}",
                ),
                unit="percentunit",
                size=(8, 8),
            )
        )
        .with_panel(
            lines(
                "Open files",
                "Descriptors of the front process, its limit, and those of each worker.",
                (with_egress("process_open_fds"), "{{egress}} {{instance}} front"),
                (with_egress("process_max_fds"), "{{egress}} {{instance}} limit"),
                (
                    f"sum by (egress, instance, process) (prober_process_open_fds{{{EGRESS}}})",
                    "{{egress}} {{instance}} {{process}}",
                ),
                size=(8, 8),
            )
        )
    )
