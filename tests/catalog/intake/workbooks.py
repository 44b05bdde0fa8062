"""Spreadsheets as the vendor lays them out, and hostile ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import openpyxl

COMMERCIAL_HEADINGS = (
    "Service",
    "Geography",
    "Category",
    "Port",
    "Endpoint/URL",
    "Endpoint/URL Description",
    "Required or Optional",
    "Windows 10, 11; Server 2022, 2019, 2016 (Unified Agent); Server 2012 R2 (Unified Agent)",
    "Windows 7, 8.1",
    "Windows Server 2008 R2, 2012 R2, 2016 (MMA Based)",
    "Mac",
    "Linux",
    "Comments",
)
GOVERNMENT_HEADINGS = (
    *COMMERCIAL_HEADINGS[:6],
    "Required / Optional",
    "Windows 10/11 / Server 2019 -2022 / Server 2012 R2/Server 2016 (Unified Agent)",
    "Windows 7 / 8.1",
    "Windows Server 2008 R2 / 2012 R2 / 2016 (MMA Based)",
    *COMMERCIAL_HEADINGS[10:],
)
C2 = "EDR Command and Control"
MDE, MDAV = "Microsoft Defender for Endpoint", "Microsoft Defender Antivirus"
URLS = "Microsoft Defender URLs"
Row = Sequence[object]


def commercial(path: Path) -> Path:
    """An overview, the list with merged services and several hosts in a cell, the portal's list, the processes."""
    book = openpyxl.Workbook()
    overview = book.active
    assert overview is not None
    overview.title = "Overview"
    overview["A1"] = "This workbook lists what Defender for Endpoint connects to."
    rows: list[Row] = [
        (URLS,),
        COMMERCIAL_HEADINGS,
        (MDE, "WW", "CRL", 80, "crl.microsoft.com", "Lists", "Required", "Yes", None, None, "Yes", "Yes"),
        (None, "WW", "CRL", 80, "www.microsoft.com/pkiops/*\nwww.microsoft.com/pki/*", "", "Required", "Yes"),
        (None, "WW", "Common", 443, "*.wns.windows.com", "Live response", "Optional", "Yes"),
        (None, "WW", "Common (Mac/Linux)", 443, "x.cp.wd.microsoft.com", "", "Required", *[None] * 3, "Yes", "Yes"),
        (None, "US", f"{MDE} US", 443, "winatp-gw-cus.microsoft.com; https://winatp-gw-eus.microsoft.com/", C2,
         "Required", *["Yes"] * 5),
        (None, "EU", f"{MDE} EU", "443", "automatedirstrprdneu.blob.core.windows.net", "AutoIR Sample Storage",
         "Required", "Yes"),
        ("Updates below",),
        (MDAV, "WW", "MU / WU", "80/443", "\\*.update.microsoft.com (see notes)", "", "Optional", *["Yes"] * 3,
         None, None, "Optional with\nWSUS"),
        (MDAV, "WW", "MMA", 443, "*.oms.opinsights.azure.com", "", "Optional", None, "Yes", "Yes"),
    ]  # fmt: skip
    sheet = book.create_sheet(URLS)
    for row in rows:
        sheet.append(list(row))
    sheet.merge_cells("A1:M1")
    sheet.merge_cells("A3:A8")
    sheet.merge_cells("A9:M9")
    portal = book.create_sheet("Defender Portal URLs")
    portal.append(("Service", "Geography", "URL", "Comment"))
    portal.append((MDE, "WW", "https://security.microsoft.com", "Portal"))
    processes = book.create_sheet("Microsoft Defender Processes")
    processes.append(("Process", "Path", "Comment"))
    processes.append(("MsSense.exe", "C:\\Program Files", "service"))
    book.save(path)
    return path


def government(path: Path) -> Path:
    """The list of the government clouds; its last row is worldwide."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = URLS
    rows: list[Row] = [
        GOVERNMENT_HEADINGS,
        (MDE, "US Gov", "CRL", 80, "http://www.microsoft.com/pki/certs", "", "Required", "Yes"),
        (MDE, "GCC", f"{MDE} GCC", 443, "winatp-gw-usmt.microsoft.com", C2, "Required", *["Yes"] * 5),
        (MDE, "GCC High", f"{MDE} GCC High", 443, "winatp-gw-usgt.microsoft.com", C2, "Required", "Yes"),
        (MDE, "DoD", f"{MDE} DoD", 443, "winatp-gw-usgt.microsoft.com", C2, "Required", "Yes"),
        ("Consolidated", "WW", "Streamlined", 443, "*.endpoint.security.microsoft.com", "", "Required", "Yes", "No"),
    ]  # fmt: skip
    for row in rows:
        sheet.append(list(row))
    book.save(path)
    return path


def one_sheet(path: Path, *rows: Row) -> Path:
    """A workbook of these rows below the commercial headings."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "List"
    for row in (COMMERCIAL_HEADINGS, *rows):
        sheet.append(list(row))
    book.save(path)
    return path


def row(endpoint: object, *, geography: object = "WW", port: object = 443, required: object = "Required") -> Row:
    """A row of the list."""
    return (MDE, geography, "Common", port, endpoint, "", required, "Yes")


def parts(data: bytes) -> dict[str, bytes]:
    """The members of a workbook."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A workbook of these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()
