"""Tables: series as they are now, and states as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import common, prometheus, table
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.parts import DATA, STATE_WORDS, framed, meanings

_TO_ROUTE: Final = {
    "title": "This route's proxies",
    "url": "/d/prober-proxy?var-route=${__value.text}&var-egress=${__data.fields.egress}&${datasource:queryparam}"
    "&${__url_time_range}",
}


def _instant(expression: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).instant().format(PromQueryFormat.TABLE).ref_id("A").datasource(DATA)


def rows(
    title: str,
    description: str,
    expression: str,
    columns: Sequence[tuple[str, str]],
    *,
    size: tuple[int, int] = (24, 9),
    value: tuple[str, str] | None = None,
    sort: tuple[str, bool] | None = None,
) -> table.Panel:
    """A table of series as they are now.

    `columns` are labels with their headings, in order; `value` is heading and unit of the value's column (left out if
    None). `sort` is a heading and whether the largest comes first.
    """
    shown = [*columns, *([("Value", value[0])] if value else [])]
    hidden = ["Time", *([] if value else ["Value"])]
    panel = (
        framed(table.Panel(), title, description, size)
        .with_target(_instant(expression))
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": dict.fromkeys(hidden, True),
                    "indexByName": {name: place for place, (name, _) in enumerate(shown)},
                    "renameByName": dict(shown),
                },
            )
        )
        .filterable(True)
        .cell_height(words.TableCellHeight.SM)
        .no_value("nothing")
        .unit("string")
    )
    if {"egress", "route"} <= dict(columns).keys():
        panel = panel.override_by_name("route", [model.DynamicConfigValue("links", [_TO_ROUTE])])
    if value:
        panel = panel.override_by_name(value[0], [model.DynamicConfigValue("unit", value[1])])
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort[0]).desc(sort[1])])
    return panel


def matrix(
    title: str,
    description: str,
    expression: str,
    *,
    row: tuple[str, str],
    column: str,
    size: tuple[int, int] = (24, 11),
) -> table.Panel:
    """A state in words and colour for each pair of values of two labels; `row` is a label with its heading."""
    label, heading = row
    return (
        framed(table.Panel(), title, description, size)
        .with_target(_instant(expression))
        .with_transformation(
            model.DataTransformerConfig(
                id_val="groupingToMatrix",
                options={"columnField": column, "rowField": label, "valueField": "Value", "emptyValue": "null"},
            )
        )
        .mappings(meanings(STATE_WORDS))
        .cell_options(words.TableColoredBackgroundCellOptions(mode=words.TableCellBackgroundDisplayMode.BASIC))
        .cell_height(words.TableCellHeight.SM)
        .override_by_regexp(
            rf"/^{label}\\.*/",
            [
                model.DynamicConfigValue("displayName", heading),
                model.DynamicConfigValue("custom.cellOptions", {"type": "auto"}),
                model.DynamicConfigValue("custom.minWidth", 240),
            ],
        )
        .no_value("–")
    )
