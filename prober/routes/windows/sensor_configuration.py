"""MDI's `SensorConfiguration.json`: the proxy that was given when the sensor was installed, or with its module."""

from __future__ import annotations

from prober.routes.windows.device import Place, SensorProxy
from prober.routes.windows.documents import entry
from prober.routes.windows.registry_file import Complain

SECTION = "SensorProxyConfiguration"


def read_sensor_configuration(document: dict[str, object], *, file: str, complain: Complain) -> SensorProxy:
    """The proxy in it; an empty URL where none is configured. Of the encrypted password only that it exists is kept."""
    place = Place(file)
    section = entry(document, SECTION)
    if section is None:
        return SensorProxy("", None, has_password=False, place=place)
    if not isinstance(section, dict):
        complain(None, f'"{SECTION}" is no object: expected Url and UserName in it.')
        return SensorProxy("", None, has_password=False, place=place)
    url, user = _text(section, "Url", complain) or "", _text(section, "UserName", complain)
    has_password = any("password" in key.lower() and _holds(value) for key, value in section.items())
    head, separator, rest = url.partition("://")
    login, at, place_text = rest.rpartition("@")
    if separator and at:
        complain(None, f'"Url" in "{SECTION}" has a login in it, which is not kept: the user belongs into UserName.')
        url = f"{head}://{place_text}"
        name, colon, _ = login.partition(":")
        user, has_password = user or name or None, has_password or bool(colon)
    return SensorProxy(url, user, has_password, place)


def _text(section: dict[str, object], name: str, complain: Complain) -> str | None:
    value = entry(section, name)
    if value is not None and not isinstance(value, str):
        complain(None, f'"{name}" in "{SECTION}" is no text and was left out.')
    return value.strip() or None if isinstance(value, str) else None


def _holds(value: object) -> bool:
    """Whether an encrypted block has octets: an object may be there with nothing in it."""
    if isinstance(value, dict):
        return any(_holds(each) for key, each in value.items() if "bytes" in key.lower() or "data" in key.lower())
    return bool(value)
