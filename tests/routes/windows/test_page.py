"""docs/windows.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from prober.routes.windows import settings
from prober.routes.windows.components import CAPABILITIES, Ability, Answer, Component, Kind
from prober.routes.windows.lints import RULES
from prober.routes.windows.route import SERVICES

from .test_lints import ROWS

PAGE = (Path(__file__).parents[3] / "docs" / "windows.md").read_text("utf-8")


def rows(head: str) -> list[list[str]]:
    """The rows of the table under a head."""
    _, _, rest = PAGE.partition(f"\n| {head} |")
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_lints() -> None:
    order = ("high", "warning", "info")
    tried = {row[:2] for row in ROWS} | {("pac-unusable", "warning")}  # the latter needs a script
    assert rows("lint") == [
        [f"`{rule.id}`", ", ".join(each for each in order if (rule.id, each) in tried), rule.about] for rule in RULES
    ]


def told(ability: Ability) -> str:
    return "?" if ability.answer is Answer.UNKNOWN else ability.answer.value


def test_what_each_can_use() -> None:
    head = " | ".join(["component", *Kind])
    assert rows(head) == [
        [
            f"`{component}`",
            *(told(about.kinds[kind]) for kind in Kind),
            *map(told, (about.authentication, about.socks, about.tls_to_proxy, about.inspection)),
        ]
        for component, about in CAPABILITIES.items()
    ]


def test_the_orders_are_of_all_components() -> None:
    assert [row[0] for row in rows("component | order")] == [f"`{component}`" for component in Component]
    assert [row[0] for row in rows("kind")] == [f"`{kind}`" for kind in Kind]


def test_every_key_that_is_read_is_exported() -> None:
    keys = {key for key, _ in settings.EXPECTED_TYPES} | {settings.ENVIRONMENT}
    keys |= {rf"HKU\S-1-5-{number}\{settings.INTERNET}" for number in (18, 19, 20)}
    commands = [match.casefold() for match in re.findall(r'reg (?:export|query) "([^"]+)"', PAGE)]
    one_liner = PAGE.partition("```powershell")[2].partition("```")[0].casefold()
    for key in keys:
        assert [each for each in commands if f"{key}\\".casefold().startswith(each + "\\")], key
        exported = [
            each for each in re.findall(r"'(h[^']+)'", one_liner) if f"{key}\\".casefold().startswith(each + "\\")
        ]
        assert exported or key == settings.ENVIRONMENT, key


def test_the_services_of_a_component() -> None:
    order = ("MDE", "MDAV", "MDI", "COMMON")
    assert rows("component | services") == [
        [f"`{component}`", ", ".join(sorted(services, key=order.index))] for component, services in SERVICES.items()
    ]
