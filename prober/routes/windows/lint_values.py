"""Rules about the types and names of values, whoever reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from prober.routes.severity import Severity
from prober.routes.windows import settings
from prober.routes.windows.candidates import Component
from prober.routes.windows.device import RegistryType, RegistryValue
from prober.routes.windows.lint_words import Case, Found

_MISSPELT_KEY: Final = re.compile(
    r"\\CurrentVersion\\Internet ?Setting(?=\\|$)|\\CurrentVersion\\InternetSettings(?=\\|$)", re.IGNORECASE
)


def wrong_type(case: Case) -> Iterator[Found]:
    """Values of another registry type than the documented one."""
    for (key, name), expected in settings.EXPECTED_TYPES.items():
        value = case.device.registry.get(key, name)
        if value is not None and value.type != expected:
            yield from _wrong(value, expected, component_of(key))
    for connection in settings.connection_values(case.device):
        if connection.value.type != RegistryType.BINARY:
            yield from _wrong(connection.value, RegistryType.BINARY, account_of(connection.value))


def _wrong(value: RegistryValue, expected: RegistryType, component: Component) -> Iterator[Found]:
    known = value.type in RegistryType.__members__.values()
    written = f"REG_{RegistryType(value.type).name}" if known else f"number {value.type}"
    expandable = expected is RegistryType.SZ and value.type == RegistryType.EXPAND_SZ
    yield (
        Severity.INFO if expandable else Severity.WARNING,
        component,
        f"{value.path} ({value.place}) is of type {written}, documented is REG_{expected.name}: "
        + ("whether variables in it are expanded is not known." if expandable else "it is probably ignored.")
        + " Delete the value and write it again with the right type.",
    )


def component_of(key: str) -> Component:
    """Whom a key of the machine concerns first."""
    if key.startswith((settings.DATA_COLLECTION, settings.ATP_POLICY)):
        return Component.EDR
    if key.startswith((settings.DEFENDER_POLICY, settings.DEFENDER_LOCAL)):
        return Component.MDAV
    return Component.SYSTEM


def account_of(value: RegistryValue) -> Component:
    """Whom a value of an account's hive concerns first."""
    owner = settings.hive(value).casefold()
    if owner == r"hku\s-1-5-19":
        return Component.MDI_SENSOR
    return Component.MDI_UPDATER if owner in (r"hku\s-1-5-18", r"hku\.default") else Component.SYSTEM


def misspelt(case: Case) -> Iterator[Found]:
    """`InternetSetting` and `DefaultConnectionSetting`, misprints of an old page of the vendor's."""
    keys: dict[str, RegistryValue] = {}
    for value in case.device.registry:
        if _MISSPELT_KEY.search(value.key):
            keys.setdefault(value.key.casefold(), value)
        if value.name.casefold().replace(" ", "") == "defaultconnectionsetting":
            yield _misprint(value, "the value", "DefaultConnectionSettings")
    for value in keys.values():
        yield _misprint(value, "the key", "Internet Settings")


def _misprint(value: RegistryValue, what: str, right: str) -> Found:
    return (
        Severity.WARNING,
        Component.MDI_SENSOR,
        f"{value.path} ({value.place}): {what} is misspelt, as on an old page of the vendor's, and has no effect. The "
        f'name is "{right}".',
    )
