"""Rules about WinINET and WinHTTP values: whose they are, what their flags say, which copies disagree."""

from __future__ import annotations

from collections.abc import Iterator

from prober.routes.severity import Severity
from prober.routes.windows import settings
from prober.routes.windows.candidates import Component
from prober.routes.windows.device import ConnectionFlag, Device, RegistryValue
from prober.routes.windows.lint_values import account_of
from prober.routes.windows.lint_words import Case, Found
from prober.routes.windows.winhttp_ways import use

_SERVICES = ("aatpsensor", "azure advanced threat protection sensor")
"""Names of the Identity sensor's services and of its folder, as keys show them."""


def user_only(case: Case) -> Iterator[Found]:
    """WinINET settings for a user and none for the accounts of the Identity sensor, which is there."""
    device = case.device
    if not _identity_sensor(device) or settings.machine_wide(device) or (device.sensor and device.sensor.url.strip()):
        return
    if any(_names_proxy(device, account) for account in (settings.LOCAL_SYSTEM, settings.LOCAL_SERVICE)):
        return
    users = [each for each in settings.connection_values(device) if each.names_proxy and _is_user(each.value)]
    if users:
        yield (
            Severity.HIGH,
            Component.MDI_SENSOR,
            f"{users[0].value.path} ({users[0].value.place}) names a proxy for a user, S-1-5-19 (the sensor) and "
            "S-1-5-18 (its updater) have none. Give the sensor its own (Set-MDISensorProxyConfiguration), or copy "
            "the value to both accounts.",
        )


def _identity_sensor(device: Device) -> bool:
    return device.sensor is not None or any(
        service in value.key.casefold() for value in device.registry for service in _SERVICES
    )


def _names_proxy(device: Device, account: str) -> bool:
    found = settings.connection(device, account)
    return found is not None and found.names_proxy


def _is_user(value: RegistryValue) -> bool:
    owner = settings.hive(value).casefold()
    return owner.startswith(("hkcu", r"hku\s-1-5-21-", r"hku\s-1-12-1-"))


def accounts_differ(case: Case) -> Iterator[Found]:
    """WinINET settings of S-1-5-18 and S-1-5-19 that do not mean the same."""
    device = case.device
    if settings.machine_wide(device):
        return
    updater, sensor = (settings.connection(device, each) for each in (settings.LOCAL_SYSTEM, settings.LOCAL_SERVICE))
    configured = device.sensor is not None and bool(device.sensor.url.strip())
    severity = Severity.INFO if configured else Severity.WARNING
    advice = (
        "SensorConfiguration.json names a proxy for both, so that this matters only if it is taken away."
        if configured
        else "The sensor runs as S-1-5-19 and its updater as S-1-5-18. Make them equal, or set the sensor's own proxy."
    )
    if sensor is not None and updater is not None:
        if sensor.settings is None or updater.settings is None or sensor.settings.meaning == updater.settings.meaning:
            return
        yield (
            severity,
            Component.MDI_UPDATER,
            f"The WinINET settings of S-1-5-18 ({updater.value.place}: {_says(updater)}) and S-1-5-19 "
            f"({sensor.value.place}: {_says(sensor)}) differ. {advice}",
        )
        return
    one = sensor or updater
    if one is None or not one.names_proxy or (one is updater and not _identity_sensor(device)):
        return
    missing = "S-1-5-18" if one is sensor else "S-1-5-19"
    yield (
        severity,
        Component.MDI_UPDATER if one is sensor else Component.MDI_SENSOR,
        f"{one.value.path} ({one.value.place}) has {_says(one)}, and {missing} has no such value in these files. "
        f"{advice}",
    )


def _says(found: settings.Connection) -> str:
    if found.settings is None:
        return "not decoded"
    proxy, pac, detect, server, bypass, url = found.settings.meaning
    exceptions = f' with the exceptions "{settings.shown(bypass)}"' if bypass else ""
    parts = [
        f'proxy "{settings.shown(server)}"{exceptions}' if proxy else "",
        f'PAC "{settings.shown(url)}"' if pac else "",
        "WPAD" if detect else "",
    ]
    return ", ".join(filter(None, parts)) or "direct"


def flags_and_texts(case: Case) -> Iterator[Found]:
    """A proxy or PAC text whose flag is off; a flag whose text is empty."""
    for view in (64, 32):
        found = settings.win_http(case.device, view=view)
        if found is not None and found.settings is not None:
            decoded = found.settings
            on = bool(decoded.flags & ConnectionFlag.PROXY)
            yield from _flag(found.value, on, decoded.proxy, "proxy", Component.SYSTEM)
    for connection in settings.connection_values(case.device):
        if connection.settings is None or connection.value.name.casefold() == "savedlegacysettings":
            continue
        flags, value = connection.settings.flags, connection.value
        component = account_of(value)
        yield from _flag(value, bool(flags & ConnectionFlag.PROXY), connection.settings.proxy, "proxy", component)
        yield from _flag(value, bool(flags & ConnectionFlag.PAC), connection.settings.pac_url, "PAC URL", component)


def _flag(value: RegistryValue, on: bool, text: str, what: str, component: Component) -> Iterator[Found]:
    where = f"{value.path} ({value.place})"
    if text.strip() and not on:
        yield (
            Severity.INFO,
            component,
            f'{where} keeps the {what} "{settings.shown(text.strip())}", but its flag is off: it is not used. Switch '
            "it on, or take the text away.",
        )
    if on and not text.strip():
        yield (
            Severity.WARNING,
            component,
            f"{where} has the flag of a {what} on and no text: it goes direct, as far as is known. Set the {what}, or "
            "switch it off.",
        )


def exporter_only(case: Case) -> Iterator[Found]:
    """WinINET settings of the account that ran the export, and none of a service's."""
    owners: dict[str, RegistryValue] = {}
    for value in case.device.registry:
        if "\\internet settings" in value.key.casefold():
            owners.setdefault(settings.hive(value).casefold(), value)
    services = (r"hku\s-1-5-18", r"hku\.default", r"hku\s-1-5-19", r"hku\s-1-5-20")
    if "hkcu" in owners and not any(each in owners for each in services):
        value = owners["hkcu"]
        yield (
            Severity.WARNING,
            Component.MDI_SENSOR,
            f"{value.path} ({value.place}) is of the account that ran the export. No Defender service runs as it. "
            r"Export HKU\S-1-5-18, HKU\S-1-5-19 and HKU\S-1-5-20 as well.",
        )


def views_differ(case: Case) -> Iterator[Found]:
    """WinHttpSettings of 32-bit and 64-bit programs that do not mean the same."""
    main, copy = (settings.win_http(case.device, view=view) for view in (64, 32))
    if main is None or copy is None or main.settings is None or copy.settings is None or use(main) == use(copy):
        return
    said = [f'"{settings.shown(use(each)[0])}"' if use(each)[0] else "direct access" for each in (main, copy)]
    yield (
        Severity.WARNING,
        Component.SYSTEM,
        f"WinHTTP of 64-bit programs ({main.value.place}) has {said[0]}, of 32-bit programs ({copy.value.place}) "
        f"{said[1]}, or their exceptions differ. Run netsh winhttp set proxy once more, from a 64-bit prompt.",
    )
