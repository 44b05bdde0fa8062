"""The proxies: how long each hop takes, what it refuses, and what it adds to the direct way."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.parts import WARNING, bars, heatmap_of, lines, steps
from deploy.grafana.promql import EGRESS, PAIR, RATE, ROUTE, quantile, worst
from deploy.grafana.shared import base, chosen, egress, geography, route, service
from deploy.grafana.tables import rows

UID: Final = "prober-proxy"
HOP: Final = f'{ROUTE}, hop=~"$hop"'
ANY_HOP: Final = f'{PAIR}, hop!="0", hop=~"$hop"'


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = base(
        UID,
        "prober: proxies",
        "Every proxy of every route: what fails there, how long each phase takes, and what it adds to the direct way.",
    )
    hop = chosen(
        "hop",
        "Hop",
        "prober_hop_duration_seconds_count",
        ["egress", "route"],
        description="Proxies of a route, counted from 1, outermost first",
    )
    for variable in (egress(), service(), geography(), route("egress", "service", "geography"), hop):
        board = board.with_variable(variable)
    board = _failing(board.with_row(dashboard.Row("What fails at proxies")))
    board = _latency(board.with_row(dashboard.Row("How long they take")))
    return _compared(board.with_row(dashboard.Row("Compared with the direct way")))


def _failing(board: dashboard.Dashboard) -> dashboard.Dashboard:
    by_pair = "egress, target, route"
    return (
        board.with_panel(
            bars(
                "Targets failing at each hop",
                "Share of a route's targets whose confirmed failure is at this hop. Many at once mean the proxy, not "
                "the targets: above one half the alert ProberProxyDown fires.",
                (
                    f"count by (egress, route, hop) (max by ({by_pair}, hop) (prober_failure_info{{{ANY_HOP}}}))\n"
                    "/ on (egress, route) group_left ()\n"
                    f"count by (egress, route) (max by ({by_pair}) (prober_target_reachable{{{PAIR}}}))\n"
                    f"or 0 * max by (egress, route, hop) (prober_hop_duration_seconds_count{{{HOP}}})",
                    "{{egress}} · {{route}} · hop {{hop}}",
                ),
                unit="percentunit",
                thresholds=steps((0.01, WARNING), (0.5, "red")),
                bounds=(0, 1),
            )
        )
        .with_panel(
            rows(
                "What proxies refuse now",
                "Targets that fail at a hop, by reason: `proxy-denied` is a rule of the proxy, `proxy-upstream-…` is "
                "what the proxy says of the way behind it, `tcp-…` means that the proxy itself does not answer.",
                f"count by (egress, route, hop, stage, reason) (max by ({by_pair}, hop, stage, reason) "
                f"(prober_failure_info{{{ANY_HOP}}}))",
                [("egress", "egress"), ("route", "route"), ("hop", "hop"), ("stage", "stage"), ("reason", "reason")],
                value=("targets", "short"),
                sort=("targets", True),
                size=(12, 9),
            )
        )
        .with_panel(
            lines(
                "Failures at proxies by hop and reason",
                "Pairs that fail at a proxy, confirmed, over time.",
                (
                    "count by (route, hop, reason) "
                    f"(max by ({by_pair}, hop, reason) (prober_failure_info{{{ANY_HOP}}}))",
                    "{{route}} · hop {{hop}}: {{reason}}",
                ),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Last probes that ended at a proxy",
                "Pairs whose last probe failed at a hop, raw: proxies that could not be connected to, their TLS, and "
                "what they refused.",
                (
                    "count by (route, hop, reason) "
                    f"(max by ({by_pair}, hop, reason) (prober_last_probe_failure_info{{{ANY_HOP}}}))",
                    "{{route}} · hop {{hop}}: {{reason}}",
                ),
                stacked=True,
            )
        )
    )


def _latency(board: dashboard.Dashboard) -> dashboard.Dashboard:
    for phase, title, description in (
        ("connect", "TCP to the proxy", "How long it took to connect to a route's first proxy."),
        ("tls", "TLS to the proxy", "Handshakes with HTTPS proxies themselves; empty where there are none."),
        (
            "negotiate",
            "The proxy's answer",
            "From the request to the answer: the proxy's way to the next hop is in it.",
        ),
    ):
        board = board.with_panel(
            heatmap_of(
                title,
                f"{description} Brighter: more probes.",
                f'sum by (le) (increase(prober_hop_duration_seconds_bucket{{{HOP}, phase="{phase}"}}{RATE}))',
            )
        )
    for share, name in ((0.5, "Median"), (0.95, "95th percentile"), (0.99, "99th percentile")):
        board = board.with_panel(
            lines(
                f"{name} by hop and phase",
                "Over all probes of a route. Above two seconds for long the alert ProberProxySlow fires.",
                (
                    quantile(share, "prober_hop_duration_seconds", HOP, "egress, route, hop, phase"),
                    "{{egress}} · {{route}} · hop {{hop}} {{phase}}",
                ),
                unit="s",
                size=(8, 9),
            )
        )
    return board


def _compared(board: dashboard.Dashboard) -> dashboard.Dashboard:
    duration = "prober_probe_duration_seconds"
    pair = "egress, target, route"
    reached = f"and on (egress, target, route) (prober_target_reachable{{{PAIR}}} == 1)"
    through = f'max by ({pair}) ({duration}{{{PAIR}, route!="direct"}} {reached})'
    direct = (
        f'max by (egress, target) ({duration}{{{EGRESS}, route="direct"}} '
        f'and on (egress, target, route) (prober_target_reachable{{{EGRESS}, route="direct"}} == 1))'
    )
    return (
        board.with_panel(
            lines(
                "What a route adds to the direct way",
                "Seconds by which probes take longer over the route than directly: the mean over targets reached both "
                "ways. Empty where nothing is reached directly.",
                (
                    f"avg by (egress, route) (\n{through}\n- on (egress, target) group_left ()\n{direct}\n)",
                    "{{egress}} · {{route}}",
                ),
                unit="s",
            )
        )
        .with_panel(
            lines(
                "The proxy's answer against connecting directly",
                "Median of each hop's answer, which has the proxy's own DNS and TCP in it, beside the median of TCP "
                "to the targets on direct.",
                (
                    quantile(0.5, "prober_hop_duration_seconds", f'{HOP}, phase="negotiate"', "egress, route, hop"),
                    "{{egress}} · {{route}} · hop {{hop}}",
                ),
                (
                    quantile(
                        0.5, "prober_stage_duration_seconds", f'{EGRESS}, route="direct", stage="connect"', "egress"
                    ),
                    "{{egress}} · direct TCP",
                ),
                unit="s",
            )
        )
        .with_panel(
            rows(
                "Slowest pairs now",
                "The twenty longest last probes of targets that are reached.",
                f"topk(20, {worst(duration)} {reached})",
                [
                    ("egress", "egress"),
                    ("route", "route"),
                    ("service", "service"),
                    ("geography", "geography"),
                    ("host", "host"),
                    ("port", "port"),
                    ("target", "target"),
                ],
                value=("last probe", "s"),
                sort=("last probe", True),
            )
        )
    )
