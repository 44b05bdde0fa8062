"""Files become a `Device`: each is recognised by what stands in it, whatever it is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from prober.routes.windows import console, environment_text, managed_json, netsh, sensor_configuration
from prober.routes.windows.device import Complaint, Device, Place
from prober.routes.windows.documents import has, json_object
from prober.routes.windows.encoding import MAX_FILE, OEM, Decoded, code_page_problem, decode
from prober.routes.windows.registry_file import lines_of, read_registry_file
from prober.routes.windows.registry_query import read_registry_query

MAX_COMPLAINTS: Final = 100
"""Of one file."""
KNOWN: Final = (
    "a .reg export, the text of reg query or of netsh winhttp (show proxy, show advproxy, dump), "
    "SensorConfiguration.json, mdatp_managed.json, or variables such as HTTPS_PROXY=…"
)
_REG_HEADER: Final = re.compile(r"REGEDIT|Windows Registry Editor", re.IGNORECASE)
_REG_KEY: Final = re.compile(r"\[-?(?:HK|Computer\\|Registry::)", re.IGNORECASE)
_REG_LINE: Final = re.compile(r"""^[ \t]*(\[-?HK|"[^"\r\n]*"[ \t]*=|@[ \t]*=)""", re.MULTILINE)
"""Enough to read a file as .reg if it is called so."""
_FOREIGN: Final = (
    (b"PReg", "a Group Policy Registry.pol, which is not read: take reg export on the device"),
    (b"regf", "a registry hive, which is not read: load it and take reg export"),
    (b"PK\x03\x04", "a zip archive: unpack it and name the files in it"),
    (b"<Objs ", "PowerShell's CLIXML, which is not read: take reg export"),
    (b"\x1f\x8b", "a gzip archive: unpack it and name the files in it"),
)
_SCRIPT_MARKS: Final = (b"function", b"FindProxyForURL")
"""What a PAC script has in it, and nothing else that is read here."""


def script_text(data: bytes) -> str | None:
    """The text of a file that is a PAC script: no part of a device, but there are lints for it. None if it is none."""
    return data[:MAX_FILE].decode("utf-8", "replace") if all(mark in data for mark in _SCRIPT_MARKS) else None


def read_device(files: Sequence[tuple[str, bytes]], *, code_page: str = "cp1252", oem_code_page: str = OEM) -> Device:
    """What files, given by name and octets, say of one device; of registry values later files win over earlier ones.

    Never raises for what stands in a file: that is in `Device.complaints`. `code_page` is that of texts which are
    neither UTF-16 nor UTF-8, `oem_code_page` that of a console's output. Raises ValueError if one is no code page.
    """
    for name in (code_page, oem_code_page):
        if problem := code_page_problem(name):
            raise ValueError(f'"{name}": {problem}')
    device = Device()
    for file, data in files:
        _File(device, file, code_page, oem_code_page).read(data)
    return device


class _File:
    """One file on its way into the device."""

    def __init__(self, device: Device, file: str, code_page: str, oem_code_page: str) -> None:
        self._device = device
        self._file = file
        self._code_page = code_page
        self._oem = oem_code_page
        self._complaints = 0

    def _complain(self, line: int | None, message: str) -> None:
        self._complaints += 1
        if self._complaints <= MAX_COMPLAINTS:
            self._device.complaints.append(Complaint(Place(self._file, line), message))
        elif self._complaints == MAX_COMPLAINTS + 1:
            self._device.complaints.append(
                Complaint(Place(self._file), "There is more to complain of; it was left out.")
            )

    def _refuse(self, message: str, line: int | None = None) -> None:
        """The whole file is of no use."""
        self._device.carriers.pop(self._file, None)
        self._device.complaints.append(Complaint(Place(self._file, line), message, fatal=True))

    def read(self, data: bytes) -> None:
        if len(data) > MAX_FILE:
            self._refuse(f"{len(data):,} octets: a file has at most {MAX_FILE:,}. Export only the keys that matter.")
            return
        for magic, what in _FOREIGN:
            if data.startswith(magic):
                self._refuse(f"This is {what}.")
                return
        text = decode(data, code_page=self._code_page)
        if not text.text.strip("\0 \t\r\n\ufeff"):
            self._refuse(f"The file is empty. Expected {KNOWN}.")
        elif text.text.lstrip().startswith("{"):
            self._json(text)
        elif _is_registry_file(text.text) or (self._is_called(".reg") and _REG_LINE.search(text.text)):
            self._registry_file(text)
        else:
            self._console(data, text)

    def _taken_for(self, what: str, text: Decoded) -> None:
        self._device.carriers[self._file] = what
        for remark in text.remarks:
            self._complain(None, remark)

    def _registry_file(self, text: Decoded) -> None:
        self._taken_for("registry export", text)
        refused = read_registry_file(
            text.text,
            file=self._file,
            registry=self._device.registry,
            complain=self._complain,
            code_page=self._code_page,
        )
        if refused:
            line, message = refused
            self._refuse(message, line)

    def _json(self, text: Decoded) -> None:
        document = json_object(text.text)
        if isinstance(document, tuple):
            line, problem = document
            self._refuse(f"It begins like JSON, but is {problem}. Expected {KNOWN}.", line)
        elif has(document, sensor_configuration.SECTION) or self._is_called("sensorconfiguration"):
            self._taken_for("MDI sensor configuration", text)
            self._device.sensor = sensor_configuration.read_sensor_configuration(
                document, file=self._file, complain=self._complain
            )
        elif has(document, *managed_json.SECTIONS) or self._is_called("mdatp_managed"):
            self._taken_for("mdatp_managed.json", text)
            self._device.linux = managed_json.read_managed_json(document, complain=self._complain) or self._device.linux
        elif has(document, *netsh.TELLING_KEYS):
            self._taken_for(console.Printout.ADVANCED, text)
            place = Place(self._file, 1)
            self._device.advanced.append(netsh.advanced_from(document, place, self._complain))
        else:
            keys = f"{sensor_configuration.SECTION}, {managed_json.SECTION} or {netsh.TELLING_KEYS[0]}"
            self._refuse(f"JSON with none of the entries looked for: {keys}. Expected {KNOWN}.")

    def _is_called(self, word: str) -> bool:
        return word in re.split(r"[\\/]", self._file)[-1].lower()

    def _console(self, data: bytes, text: Decoded) -> None:
        lines = lines_of(text.text)
        if text.encoding == self._code_page:
            # No letter matters for what this is; once it is known to come from a console, so is its code page.
            again = data.decode(self._oem, "replace")
            oem = Decoded(again, self._oem, (f"Read in the console's code page {self._oem}, which no file names.",))
        else:
            oem = text
        numbered = list(enumerate(lines_of(oem.text), start=1))
        if any(netsh.is_dump(line) for line in lines):
            self._taken_for("netsh winhttp dump", oem)
            shown, advanced = netsh.read_dump(numbered, file=self._file, complain=self._complain)
            self._device.shown = shown or self._device.shown
            self._device.advanced += advanced
        elif found := console.sections(lines_of(oem.text)):
            self._taken_for(" + ".join(dict.fromkeys(section.kind for section in found)), oem)
            for section in found:
                self._section(section)
        elif any(environment_text.ASSIGNMENT.fullmatch(line) for line in lines):
            self._taken_for("environment variables", text)
            given = environment_text.read_environment(enumerate(lines, start=1), complain=self._complain)
            self._device.environment = {**self._device.environment, **given}
        else:
            self._refuse(f"Not recognised. Expected {KNOWN}.")

    def _section(self, section: console.Section) -> None:
        if section.kind is console.Printout.QUERY:
            read_registry_query(section.lines, file=self._file, registry=self._device.registry, complain=self._complain)
        elif section.kind is console.Printout.ADVANCED:
            self._device.advanced += netsh.read_advanced(section.lines, file=self._file, complain=self._complain)
        else:
            shown = netsh.read_shown(section.lines, file=self._file, complain=self._complain)
            self._device.shown = shown or self._device.shown


def _is_registry_file(text: str) -> bool:
    """Whether a header or a key in brackets stands before anything else but comments."""
    for line in lines_of(text[:65_536]):
        start = line.lstrip(" \t\ufeff")
        if start and not start.startswith(";"):
            return bool(_REG_HEADER.match(start) or _REG_KEY.match(start))
    return False
