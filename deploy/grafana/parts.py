"""Panels as this house draws them: each has a description, a unit and a legend; a colour means the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, statetimeline, table
from grafana_foundation_sdk.builders import timeseries as series
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATA: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
GOOD, DOUBTFUL, WARNING, FOREIGN, BAD, QUIET = "green", "yellow", "orange", "purple", "red", "text"
STATES: Final = ((0, "works", GOOD), (1, "suspect", DOUBTFUL), (2, "untrusted", WARNING), (3, "intercepted", FOREIGN))
STATE_WORDS: Final = (*STATES, (4, "unreachable", BAD))
"""What the numbers of `promql.state` mean. Words beside colours: not everybody tells red from green."""

Panel = TypeVar(
    "Panel",
    stat.Panel,
    series.Panel,
    table.Panel,
    heatmap.Panel,
    statetimeline.Panel,
    bargauge.Panel,
)
Query = tuple[str, str]
"""An expression and its legend."""


def framed(panel: Panel, title: str, description: str, size: tuple[int, int]) -> Panel:
    """Give a panel its frame; `size` is width (of 24) and height."""
    width, height = size
    return panel.title(title).description(description).datasource(DATA).span(width).height(height)


def _range(number: int, query: Query) -> prometheus.Dataquery:
    expression, legend = query
    return (
        prometheus.Dataquery()
        .expr(expression)
        .legend_format(legend)
        .range()
        .ref_id(chr(ord("A") + number))
        .datasource(DATA)
    )


def steps(*bounds: tuple[float, str], base: str = GOOD) -> dashboard.ThresholdsConfig:
    """Colours from each bound on."""
    first = model.Threshold(value=None, color=base)
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([first, *(model.Threshold(value=value, color=color) for value, color in bounds)])
    )


def meanings(words_of: Sequence[tuple[int, str, str]]) -> list[model.ValueMapping]:
    """Numbers shown as words."""
    return [
        model.ValueMap(
            {
                str(number): model.ValueMappingResult(text=text, color=color, index=index)
                for index, (number, text, color) in enumerate(words_of)
            }
        )
    ]


def number(
    title: str,
    description: str,
    expression: str,
    *,
    bad_from: float | None = 1,
    color: str = BAD,
    unit: str = "short",
    size: tuple[int, int] = (4, 4),
) -> stat.Panel:
    """One number as it is now, with its course behind it; coloured from `bad_from` on."""
    bounds = steps() if bad_from is None else steps((bad_from, color))
    return (
        framed(stat.Panel(), title, description, size)
        .with_target(_range(0, (expression, "")))
        .unit(unit)
        .thresholds(bounds if bad_from is not None else steps(base=QUIET))
        .color_mode(words.BigValueColorMode.VALUE)
        .graph_mode(words.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
    )


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    size: tuple[int, int] = (12, 8),
    stacked: bool = False,
    limit: float | None = None,
    top: float | None = None,
) -> series.Panel:
    """Courses over time. `limit` draws a line where trouble begins; `top` is the axis's end."""
    panel = framed(series.Panel(), title, description, size)
    for place, query in enumerate(queries):
        panel = panel.with_target(_range(place, query))
    panel = (
        panel.unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(60 if stacked else 5)
        .show_points(words.VisibilityMode.NEVER)
        .tooltip(common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(words.SortOrder.DESCENDING))
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(words.LegendDisplayMode.TABLE)
            .placement(words.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
            .sort_by("Max")
            .sort_desc(True)
        )
    )
    if stacked:
        panel = panel.draw_style(words.GraphDrawStyle.BARS).stacking(
            common.StackingConfig().mode(words.StackingMode.NORMAL)
        )
    if top is not None:
        panel = panel.max(top)
    if limit is not None:
        panel = panel.thresholds(steps((limit, BAD))).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(words.GraphThresholdsStyleMode.DASHED)
        )
    return panel


def heatmap_of(title: str, description: str, expression: str, *, size: tuple[int, int] = (8, 9)) -> heatmap.Panel:
    """A histogram over time; `expression` gives increases by `le`."""
    query = _range(0, (expression, "{{le}}")).format(PromQueryFormat.HEATMAP)
    return (
        framed(heatmap.Panel(), title, description, size)
        .with_target(query)
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heat.HeatmapColorMode.SCHEME)
            .scheme("Turbo")
            .scale(heat.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .unit("short")
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .cell_gap(1)
        .show_legend()
    )


def timeline(
    title: str,
    description: str,
    query: Query,
    meaning: Sequence[tuple[int, str, str]] = STATE_WORDS,
    *,
    size: tuple[int, int] = (24, 11),
) -> statetimeline.Panel:
    """States over time, one line each, in words."""
    return (
        framed(statetimeline.Panel(), title, description, size)
        .with_target(_range(0, query))
        .mappings(meanings(meaning))
        .show_value(words.VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.85)
        .line_width(0)
        .fill_opacity(80)
        .per_page(20)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(words.LegendDisplayMode.LIST)
            .placement(words.LegendPlacement.BOTTOM)
        )
    )


def bars(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    thresholds: dashboard.ThresholdsConfig,
    bounds: tuple[float, float],
    size: tuple[int, int] = (12, 9),
) -> bargauge.Panel:
    """Values as they are now (or over the whole range), side by side."""
    expression, legend = query
    asked = prometheus.Dataquery().expr(expression).legend_format(legend).instant().ref_id("A").datasource(DATA)
    return (
        framed(bargauge.Panel(), title, description, size)
        .with_target(asked)
        .unit(unit)
        .min(bounds[0])
        .max(bounds[1])
        .thresholds(thresholds)
        .orientation(words.VizOrientation.HORIZONTAL)
        .display_mode(words.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
    )
