"""The Microsoft 365 endpoints JSON (endpoints.office.com, `/endpoints/{instance}`) into entries."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from prober.catalog.errors import shown
from prober.catalog.intake.columns import slug
from prober.catalog.intake.endpoint_text import read_endpoints
from prober.catalog.intake.findings import Intake, Weight
from prober.catalog.intake.package import UnusableFile
from prober.catalog.intake.spreadsheet import entry_of, one_line
from prober.model import Required, Scheme, Target

MAX_RECORDS: Final = 20_000
MAX_NAMES: Final = 5_000
"""URLs of one record."""
_SCHEMES: Final = {80: Scheme.HTTP, 443: Scheme.HTTPS}
_NAME: Final = re.compile(r"[A-Za-z][\w .-]{0,60}")


def read_microsoft365(data: bytes, file: str, title: str, clouds: Sequence[str] = ()) -> Intake:
    """The entries of the web service's answer, one for each URL and TCP port. `clouds` is `commercial` if empty.

    Raises UnusableFile if it is another JSON.
    """
    records = _records(data)
    about = "Microsoft 365, as its endpoint web service lists it"
    intake = Intake(file, title, None, "M365", about)
    addresses = datagrams = 0
    for index, record in enumerate(records):
        if not isinstance(record, dict):
            intake.unclear(f"record {index + 1}", json.dumps(record)[:80], "expected an object")
            continue
        identity = record.get("id")
        place = f"id {identity}" if isinstance(identity, int) else f"record {index + 1}"
        names = _texts(record, "urls", place, intake)
        networks = _texts(record, "ips", place, intake)
        addresses += len(networks)
        if not names:
            why = f"networks ({len(networks)}) and no URL" if networks else "no URL"
            intake.remark(Weight.UNCLEAR, place, f"{why}: catalogs hold names, so nothing came of it")
            continue
        datagrams += bool(record.get("udpPorts"))
        _record(record, names, place, tuple(clouds) or ("commercial",), intake)
    if datagrams:
        intake.remark(Weight.ASIDE, "udpPorts", f"records with UDP ports, which are not taken: {datagrams}")
    if addresses:
        intake.remark(Weight.ASIDE, "ips", f"{addresses} networks are not taken: catalogs hold names")
    return intake


def _records(data: bytes) -> list[Any]:
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UnusableFile("not UTF-8 text") from None
    except RecursionError:
        raise UnusableFile("JSON nested too deep") from None
    except json.JSONDecodeError as error:
        raise UnusableFile(f"not JSON: {error}") from None
    except ValueError:
        raise UnusableFile("JSON with a number of thousands of digits") from None
    if not isinstance(document, list) or not any(isinstance(each, dict) and "serviceArea" in each for each in document):
        raise UnusableFile(
            "JSON, but not the Microsoft 365 endpoints: expected a list of objects with serviceArea and urls"
        )
    if len(document) > MAX_RECORDS:
        raise UnusableFile(f"{len(document)} records, more than {MAX_RECORDS}")
    return document


def _texts(record: dict[str, Any], key: str, place: str, intake: Intake) -> list[str]:
    value = record.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        intake.unclear(f"{place}, {key}", str(value)[:80], "expected a list of texts")
        return []
    if len(value) > MAX_NAMES:
        intake.remark(Weight.UNCLEAR, f"{place}, {key}", f"{len(value)} values, the first {MAX_NAMES} are read")
    return value[:MAX_NAMES]


def _record(record: dict[str, Any], names: Sequence[str], place: str, clouds: tuple[str, ...], intake: Intake) -> None:
    numbers = _ports(record, place, intake)
    common, note = _shared(record, clouds, place, intake)
    for index, text in enumerate(names):
        where = f"{place}, urls[{index}]"
        reading = read_endpoints(text)
        for failed in reading.failed:
            intake.unclear(where, failed.text, failed.why)
        for adapted in dict.fromkeys(named.adapted for named in reading.named if named.adapted):
            intake.remark(Weight.ADAPTED, where, f"{shown(text)}: {adapted}")
        for named in reading.named:
            for port in [named.port] if named.port else numbers:
                scheme = _SCHEMES.get(port, Scheme.TLS)
                intake.add(entry_of(named, port, scheme, common, note, (intake.file, where)))


def _ports(record: dict[str, Any], place: str, intake: Intake) -> list[int]:
    """The TCP ports; those that are neither 80 nor 443 are named, for prober has a bare TLS handshake for them only."""
    text = record.get("tcpPorts", "")
    parts = [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else ["?"]
    if not parts:
        udp = record.get("udpPorts")
        why = f"no TCP port (UDP {shown(str(udp))}); 443 is taken" if udp else "no TCP port; 443 is taken"
        intake.remark(Weight.UNCLEAR, f"{place}, tcpPorts", why)
        return [443]
    good = [int(part) for part in parts if part.isascii() and part.isdigit() and 1 <= int(part[:6]) <= 65535]
    if len(good) < len(parts):
        intake.unclear(f"{place}, tcpPorts", str(text), "expected port numbers separated by commas")
    others = [str(port) for port in good if port not in (80, 443)]
    if others:
        message = (
            f"port {', '.join(others)}: written with scheme tls; a service that begins in the clear will not answer it"
        )
        intake.remark(Weight.ADAPTED, f"{place}, tcpPorts", message)
    return sorted(dict.fromkeys(good), key=lambda port: port != 443) or [443]  # the plain id is that of 443


def _shared(record: dict[str, Any], clouds: tuple[str, ...], place: str, intake: Intake) -> tuple[Target, str]:
    wanted = record.get("required", True)
    if not isinstance(wanted, bool):
        intake.unclear(f"{place}, required", json.dumps(wanted)[:80], "expected true or false; true is taken")
    area, category, notes = (record.get(key, "") for key in ("serviceArea", "category", "notes"))
    group = slug(area) if isinstance(area, str) and _NAME.fullmatch(area) else ""
    if not group:
        intake.unclear(f"{place}, serviceArea", json.dumps(area)[:80], "expected a name; the group is other")
    parts = [f"endpoint set {place.removeprefix('id ')}"]
    parts += [category] if isinstance(category, str) and category else []
    parts += ["ExpressRoute"] if record.get("expressRoute") is True else []
    parts += [notes] if isinstance(notes, str) and notes else []
    level = Required.OPTIONAL if wanted is False else Required.YES
    target = Target(
        id="",
        scheme=Scheme.HTTPS,
        host="",
        port=0,
        service=intake.service,
        group=group or "other",
        cloud=clouds,
        required=level,
    )
    return target, one_line(", ".join(parts))
