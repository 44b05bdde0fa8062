"""Interception: who signs what on which route, since when, what is not trusted, what changes and what ends soon."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.parts import BAD, DOUBTFUL, FOREIGN, GOOD, QUIET, WARNING, lines, number, timeline
from deploy.grafana.promql import BY_PAIR, PAIR, RATE, SERVED, good, verdicts
from deploy.grafana.shared import base, egress, geography, route, service
from deploy.grafana.tables import rows

UID: Final = "prober-interception"
VERDICTS: Final = (
    (0, "clean", GOOD),
    (1, "inconclusive", QUIET),
    (2, "blocked", WARNING),
    (3, "suspect", DOUBTFUL),
    (4, "intercepted", FOREIGN),
)
_WHO: Final = [
    ("egress", "egress"),
    ("route", "route"),
    ("service", "service"),
    ("geography", "geography"),
    ("host", "host"),
    ("port", "port"),
]


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = base(
        UID,
        "prober: interception",
        "Whether TLS reaches the vendor's own servers: verdicts, issuers, who intercepts, certificates and their ends.",
        since="now-24h",
    )
    for variable in (egress(), service(), geography(), route("egress", "service", "geography")):
        board = board.with_variable(variable)
    board = _verdicts(board.with_row(dashboard.Row("Verdicts")))
    board = _issuers(board.with_row(dashboard.Row("Who signs")))
    return _certificates(board.with_row(dashboard.Row("Certificates")))


def _verdicts(board: dashboard.Dashboard) -> dashboard.Dashboard:
    for title, description, verdict, color in (
        ("Intercepted", "Pairs whose TLS is opened on the way.", "intercepted", FOREIGN),
        ("Suspect", "Pairs with some evidence of it, but not enough.", "suspect", DOUBTFUL),
        ("Blocked", "Pairs that show a block page's certificate instead of the target's.", "blocked", WARNING),
        ("Inconclusive", "Pairs of which nothing can be said: no TLS, no reference, an outage.", "inconclusive", QUIET),
    ):
        board = board.with_panel(
            number(
                title,
                f"{description} Confirmed.",
                verdicts(verdict),
                color=color,
            )
        )
    board = board.with_panel(
        number(
            "Untrusted",
            "Pairs whose certificate a client would refuse, intercepted ones included.",
            f"sum(1 - {good('prober_target_trusted')})",
            color=BAD,
        )
    ).with_panel(
        number(
            "Issuers",
            "Different issuers seen on the selected pairs now.",
            f"count(count by (issuer) (prober_tls_issuer_info{{{PAIR}}}))",
            bad_from=None,
        )
    )
    ranked = "\nor ".join(
        f'(prober_interception_verdict{{{PAIR}, verdict="{word}"}} == 1) + {rank - 1}'
        for rank, word, _ in reversed(VERDICTS)
    )
    return board.with_panel(
        lines(
            "Verdicts over time",
            "Pairs by the verdict in force. `blocked` and `inconclusive` come from outages as well.",
            (
                f"sum by (verdict) (max by ({BY_PAIR}, verdict) (prober_interception_verdict{{{PAIR}}})) > 0",
                "{{verdict}}",
            ),
            stacked=True,
            size=(24, 8),
        )
    ).with_panel(
        timeline(
            "Worst verdict by service and route",
            "Over all targets of a service on a route.",
            (
                f"max by (egress, service, route) (\n{ranked}\n)",
                "{{egress}} · {{service}} · {{route}}",
            ),
            VERDICTS,
            size=(24, 10),
        )
    )


def _issuers(board: dashboard.Dashboard) -> dashboard.Dashboard:
    issued = f"max by ({BY_PAIR}, issuer, anchor) (prober_tls_issuer_info{{{PAIR}}})"
    intercepted = f"on ({BY_PAIR}) (prober_target_intercepted{{{PAIR}}} == 1)"
    return (
        board.with_panel(
            rows(
                "Who intercepts",
                "Issuers of the certificates that intercepted pairs show, as they call themselves: it proves nothing.",
                f"count by (egress, route, issuer, anchor) ({issued} and {intercepted})",
                [("egress", "egress"), ("route", "route"), ("issuer", "issuer"), ("anchor", "anchor")],
                value=("pairs", "short"),
                sort=("pairs", True),
                size=(12, 9),
            )
        )
        .with_panel(
            rows(
                "All issuers",
                "Who signs for how many of the selected pairs, and where their chains end: public, vendor_private and "
                "pinned are known, unknown is nobody's.",
                f"count by (route, issuer, anchor) ({issued})",
                [("route", "route"), ("issuer", "issuer"), ("anchor", "anchor")],
                value=("pairs", "short"),
                sort=("pairs", True),
                size=(12, 9),
            )
        )
        .with_panel(
            lines(
                "Issuers over time",
                "Pairs by issuer. A new colour on one route only is what to look at.",
                (f"count by (issuer) (max by ({BY_PAIR}, issuer) (prober_tls_issuer_info{{{PAIR}}}))", "{{issuer}}"),
                stacked=True,
                size=(12, 10),
            )
        )
        .with_panel(
            lines(
                "Chains that end nowhere known, by route",
                "Pairs whose chain has no anchor that anybody vouches for.",
                (
                    f"count by (egress, route, anchor) (max by ({BY_PAIR}, anchor) (prober_tls_issuer_info{{{PAIR}, "
                    'anchor!~"public|public_legacy|vendor_private|pinned"}))',
                    "{{egress}} · {{route}}: {{anchor}}",
                ),
                stacked=True,
                size=(12, 10),
            )
        )
        .with_panel(
            rows(
                "Intercepted and suspect pairs",
                "Confirmed. The prober's own page has the evidence for each.",
                f"max by ({BY_PAIR}, verdict) (prober_interception_verdict"
                f'{{{PAIR}, verdict=~"intercepted|suspect"}} == 1)',
                [*_WHO, ("verdict", "verdict"), ("target", "target")],
            )
        )
        .with_panel(
            rows(
                "Untrusted and not intercepted",
                "Certificates that a client would refuse though nobody opens the connection: ended, wrong name, or "
                "signed by nobody known.",
                f"({good('prober_target_trusted')} == 0) unless {intercepted}",
                [*_WHO, ("target", "target")],
            )
        )
    )


def _certificates(board: dashboard.Dashboard) -> dashboard.Dashboard:
    left = (
        "min by (egress, service, host, port, target) (\n"
        f"  prober_tls_leaf_not_after_timestamp_seconds{{{PAIR}}}\n"
        "  unless on (egress, target, route) (prober_target_intercepted == 1)\n"
        ") - time()"
    )
    return (
        board.with_panel(
            lines(
                "Changes of certificate keys",
                "How often a pair showed another key than before. Renewals and farms with several keys look like this "
                "too; many on one route at once do not.",
                (
                    "sum by (egress, route, service) (increase(prober_transitions_total"
                    f'{{{SERVED}, track="certificate"}}{RATE})) > 0',
                    "{{egress}} · {{route}} · {{service}}",
                ),
                stacked=True,
                size=(12, 9),
            )
        )
        .with_panel(
            lines(
                "Changes of trust and interception",
                "Confirmed changes of these two kinds, in either direction.",
                (
                    "sum by (egress, route, track) (increase(prober_transitions_total"
                    f'{{{SERVED}, track=~"trust|interception"}}{RATE})) > 0',
                    "{{egress}} · {{route}}: {{track}}",
                ),
                stacked=True,
                size=(12, 9),
            )
        )
        .with_panel(
            rows(
                "Next to end",
                "The 25 certificates that end first, over all routes; not those of interceptors. A minus sign: "
                "ended. Alerts come at 30 and 7 days.",
                f"bottomk(25, {left})",
                [(each, each) for each in ("egress", "service", "host", "port", "target")],
                value=("left", "s"),
                sort=("left", False),
                size=(12, 10),
            )
        )
        .with_panel(
            lines(
                "Certificates that end within 30 days",
                "Targets whose own certificate ends within 30 and within 7 days.",
                (f"sum(({left}) < bool 30 * 86400)", "30 days"),
                (f"sum(({left}) < bool 7 * 86400)", "7 days"),
                size=(12, 10),
            )
        )
    )
