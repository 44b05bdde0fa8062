"""What all dashboards have in common: variables, links to one another, time, alerts as annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.parts import DATA

TAG: Final = "prober"
ALL: Final = ".*"
"""The value of "All": shorter than listing every value, and it lets series through that lack the label."""
EVERY: Final = model.VariableOption(selected=True, text=["All"], value=["$__all"])


def base(uid: str, title: str, description: str, *, since: str = "now-6h", refresh: str = "1m") -> dashboard.Dashboard:
    """An empty dashboard of the family."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .time(since, "now")
        .refresh(refresh)
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink("prober")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(False)
            .include_vars(True)
            .keep_time(True)
            .tooltip("The same selection and time, seen from another side")
        )
        .annotation(
            dashboard.AnnotationQuery()
            .name("Alerts")
            .datasource(DATA)
            .enable(True)
            .icon_color("red")
            .expr(
                "max by (alertname, egress, service, route) "
                '(ALERTS{alertname=~"Prober.+", alertstate="firing", egress=~"$egress"})'
            )
        )
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus").description("Prometheus")
        )
    )


def chosen(
    name: str, label: str, metric: str, before: Sequence[str] = (), *, description: str
) -> dashboard.QueryVariable:
    """A variable with the values of a label of the same name, narrowed down by the variables `before` it."""
    narrowed = ", ".join(f'{each}=~"${each}"' for each in before)
    query = f"label_values({metric}{{{narrowed}}}, {name})" if narrowed else f"label_values({metric}, {name})"
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(DATA)
        .query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(EVERY)
    )


def egress() -> dashboard.QueryVariable:
    """Where a prober stands."""
    return chosen("egress", "Egress", "prober_build_info", description="The places where a prober stands")


def service() -> dashboard.QueryVariable:
    """Narrowed down by egress."""
    return chosen(
        "service", "Service", "prober_target_interval_seconds", ["egress"], description="Services watched there"
    )


def geography() -> dashboard.QueryVariable:
    """Narrowed down by egress and service."""
    return chosen(
        "geography",
        "Geography",
        "prober_target_interval_seconds",
        ["egress", "service"],
        description="Regions of these services; WW is needed everywhere",
    )


def route(*before: str) -> dashboard.QueryVariable:
    """Narrowed down by what stands before it."""
    return chosen(
        "route", "Route", "prober_target_interval_seconds", before or ("egress",), description="Ways out of the network"
    )
