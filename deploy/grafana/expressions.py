"""Every expression of every dashboard and rule, ready to be asked: variables filled in, each with its place.

For the tests that run all of them against a live Prometheus: an expression that returns nothing there is wrong, unless
it is one that shows trouble only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.grafana.build import FOLDER

RULES: Final = Path(__file__).parents[1] / "prometheus" / "rules"
EVERYTHING: Final = {"egress": ".*", "service": ".*", "geography": ".*", "route": ".*", "hop": ".*"}
"""What "All" stands for in each variable."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression and where it stands."""

    place: str
    """`prober-overview: Broken now [A]`, `alert ProberDown` or `record egress:…`."""
    text: str
    """PromQL without variables."""

    @property
    def of_alert(self) -> bool:
        """Whether it is to return nothing as long as all is well."""
        return self.place.startswith("alert ")


def expressions(*, window: str = "1m", span: str = "5m", chosen: Mapping[str, str] = EVERYTHING) -> list[Expression]:
    """All of them. `window` stands for Grafana's `$__rate_interval`, `span` for `$__range`."""
    values = {**chosen, "__rate_interval": window, "__interval": window, "__range": span}
    found = [Expression(each.place, substituted(each.text, values)) for each in _of_dashboards()]
    return [*found, *of_rules()]


def substituted(text: str, values: Mapping[str, str]) -> str:
    """An expression with its variables filled in. KeyError for one that is not known."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: values[match[1] or match[2]], text)


def of_rules(folder: Path = RULES) -> Iterator[Expression]:
    """Of every recording and alerting rule below `folder`."""
    for file in sorted(folder.glob("*.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                place = f"alert {rule['alert']}" if "alert" in rule else f"record {rule['record']}"
                yield Expression(place, rule["expr"])


def _of_dashboards() -> Iterator[Expression]:
    for file in sorted(FOLDER.glob("*.json")):
        board = json.loads(file.read_text(encoding="utf-8"))
        yield from _of_board(board)


def _of_board(board: Mapping[str, Any]) -> Iterator[Expression]:
    uid = board["uid"]
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield Expression(f"{uid}: {panel['title']} [{target['refId']}]", target["expr"])
    for annotation in board["annotations"]["list"]:
        yield Expression(f"{uid}: annotation {annotation['name']}", annotation["expr"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield Expression(f"{uid}: variable {variable['name']}", _selector(variable["query"]["query"]))


def _selector(query: str) -> str:
    """The series of `label_values(SERIES, LABEL)`, as a count by that label."""
    match = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    if match is None:
        raise ValueError(f"not a query for label values: {query}")
    return f"count by ({match[2]}) ({match[1]})"
