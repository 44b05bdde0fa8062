"""The overview: can each region work, by route; what is broken now, since when and why."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.parts import DOUBTFUL, FOREIGN, WARNING, bars, lines, number, steps, timeline
from deploy.grafana.promql import (
    BY_PAIR,
    PAIR,
    RATE,
    ROUTE,
    SERVED,
    availability,
    failures,
    good,
    mean,
    quantile,
    state,
    verdicts,
    worst,
)
from deploy.grafana.shared import base, egress, geography, route, service
from deploy.grafana.tables import matrix, rows

UID: Final = "prober-overview"
GROUPS: Final = "egress, service, geography, route"


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = base(
        UID,
        "prober: overview",
        "Whether every service can work in every region, over every way out of the network; what is broken, and since "
        "when.",
    )
    for variable in (egress(), service(), geography(), route("egress", "service", "geography")):
        board = board.with_variable(variable)
    board = _now(board.with_row(dashboard.Row("Now")))
    board = _regions(board.with_row(dashboard.Row("Can each region work?")))
    return _course(board.with_row(dashboard.Row("Course")))


def _now(board: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        board.with_panel(
            number(
                "Pairs watched",
                "Targets × routes whose state is known. One that two replicas probe counts once.",
                f"count({good('prober_target_reachable')})",
                bad_from=None,
            )
        )
        .with_panel(
            number(
                "Unreachable",
                "Pairs that are unreachable, confirmed: as often in a row as serve.confirm says.",
                f"sum(1 - {good('prober_target_reachable')})",
            )
        )
        .with_panel(
            number(
                "Intercepted",
                "Pairs whose TLS is opened on the way, confirmed. See the dashboard on interception.",
                f"sum({worst('prober_target_intercepted')})",
                color=FOREIGN,
            )
        )
        .with_panel(
            number(
                "Suspect",
                "Pairs with evidence of interception that is not enough to say so.",
                verdicts("suspect"),
                color=DOUBTFUL,
            )
        )
        .with_panel(
            number(
                "Untrusted",
                "Pairs whose certificate a client would refuse, intercepted ones included.",
                f"sum(1 - {good('prober_target_trusted')})",
                color=WARNING,
            )
        )
        .with_panel(
            number(
                "Not probed lately",
                "Pairs whose last probe is more than three intervals old: what is said of them is out of date.",
                f"sum((time() - {worst('prober_last_probe_timestamp_seconds')})\n"
                f"> bool 3 * {worst('prober_target_interval_seconds')})",
                color=WARNING,
            )
        )
    )


def _regions(board: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        board.with_panel(
            matrix(
                "Services × routes",
                "The worst state of all targets of a service in a region, for each route. A dash: nothing is known, or "
                "it is not probed there. A service works in a region if its row does, and that of WW.",
                f'label_join({state(GROUPS)}, "what", " · ", "egress", "service", "geography")',
                row=("what", "egress · service · geography"),
                column="route",
            )
        )
        .with_panel(
            rows(
                "Broken now",
                "Unreachable pairs, confirmed, the newest first. Stage and hop say where it fails (0 is the target, "
                "others are proxies, outermost first), the reason says why: `prober explain REASON` says what to do.",
                f"max by ({BY_PAIR}, stage, hop, reason) (prober_failure_info{{{PAIR}}})\n"
                f"* on ({BY_PAIR}) group_left ()\n"
                f"{worst('prober_target_state_since_timestamp_seconds')} * 1000",
                [
                    ("egress", "egress"),
                    ("route", "route"),
                    ("service", "service"),
                    ("geography", "geography"),
                    ("host", "host"),
                    ("port", "port"),
                    ("stage", "stage"),
                    ("hop", "hop"),
                    ("reason", "reason"),
                    ("target", "target"),
                ],
                value=("since", "dateTimeFromNow"),
                sort=("since", True),
            )
        )
        .with_panel(
            timeline(
                "Services × routes over time",
                "As the table above, over time. A gap: nothing was known.",
                (state(GROUPS), "{{egress}} · {{service}} · {{geography}} · {{route}}"),
                size=(24, 12),
            )
        )
    )


def _course(board: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        board.with_panel(
            bars(
                "Probes that reached their target",
                "By service and route, over the whole time shown: what a service level is agreed on. Probes that the "
                "prober itself could not make are left out. The rules alert on an objective of 99.5 %.",
                (availability("[$__range]", "egress, service, route"), "{{egress}} · {{service}} · {{route}}"),
                unit="percentunit",
                thresholds=steps((0.99, WARNING), (0.995, "green"), base="red"),
                bounds=(0, 1),
            )
        )
        .with_panel(
            lines(
                "Probes that failed",
                "Share of probes that did not reach their target, by route.",
                (f"1 - ({availability(RATE, 'egress, route')})", "{{egress}} · {{route}}"),
                unit="percentunit",
                top=1,
                size=(12, 9),
            )
        )
        .with_panel(
            lines(
                "Why probes fail",
                "Failed probes by stage and reason, counted over four scrapes or a step, whichever is longer. Raw: "
                "before any confirmation.",
                (failures("", "stage, reason"), "{{stage}}: {{reason}}"),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Changes of state",
                "Confirmed changes, by what changed: reachable, trust, interception, the certificate's key.",
                (
                    f"sum by (track, route) (increase(prober_transitions_total{{{SERVED}}}{RATE})) > 0",
                    "{{track}} · {{route}}",
                ),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Seen, not confirmed",
                "Pairs whose last probe contradicts their confirmed state: the next probe decides. Always some where a "
                "proxy or a line is unsteady.",
                (
                    f"sum by (egress, route) (\n{good('prober_last_probe_reachable')}\n"
                    f"!= bool {good('prober_target_reachable')}\n)",
                    "{{egress}} · {{route}}",
                ),
            )
        )
        .with_panel(
            lines(
                "Answers by HTTP status",
                "Pairs by the status of their last answer. Which one is right depends on the target: 403 and 404 are "
                "often what is documented.",
                (
                    f'count_values by (route) ("status", {worst("prober_http_status_code")})',
                    "{{route}}: {{status}}",
                ),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "How long a probe takes",
                "Median and 95th percentile of whole probes that reached their target, by route.",
                (
                    quantile(0.5, "prober_stage_duration_seconds", f'{ROUTE}, stage="total"', "egress, route"),
                    "{{egress}} · {{route}} p50",
                ),
                (
                    quantile(0.95, "prober_stage_duration_seconds", f'{ROUTE}, stage="total"', "egress, route"),
                    "{{egress}} · {{route}} p95",
                ),
                unit="s",
            )
        )
        .with_panel(
            lines(
                "Where the time goes",
                "Mean seconds a probe spends in each stage that it finishes, over all selected routes.",
                (
                    mean("prober_stage_duration_seconds", f'{ROUTE}, stage!="total"', "stage"),
                    "{{stage}}",
                ),
                unit="s",
            )
        )
    )
