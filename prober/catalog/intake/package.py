"""The parts of an .xlsx file (ECMA-376, Open Packaging Conventions): found, unpacked and parsed within limits.

A spreadsheet comes by mail or from a download, so nothing in it is trusted: its packed and unpacked size, its members
and its XML are bounded, a document type (and with it every entity) is refused, and only the parts that are asked for
are unpacked at all. No formula, macro, link or picture is ever looked at.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from xml.parsers import expat

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
"""Over all parts that are read."""
MAX_MEMBERS: Final = 2000
MAX_XML_ELEMENTS: Final = 2_000_000
"""Of one part; empty formatted cells are elements too."""
MAX_XML_DEPTH: Final = 64
_MAX_XML_NAMES: Final = 1000
_CHUNK: Final = 64 * 1024
_OLE2: Final = bytes.fromhex("d0cf11e0a1b11ae1")

Start = Callable[[str, Mapping[str, str]], None]


class UnusableFile(Exception):
    """A file that cannot be read as what it claims to be; the message is a sentence for its owner."""


def read_bounded(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a file. Raises UnusableFile if it cannot be read or has more than `limit` bytes."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise UnusableFile(f"cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise UnusableFile(f"larger than {limit // 1024 // 1024} MiB")
    return data


def looks_like_workbook(data: bytes) -> bool:
    """Whether these are the first bytes of a ZIP file or of an old or encrypted workbook."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06", _OLE2))


class Package:
    """The members of a workbook. Raises UnusableFile wherever it breaks a limit or its own format."""

    def __init__(self, data: bytes) -> None:
        if data.startswith(_OLE2):
            raise UnusableFile("an old .xls or a workbook with a password: open it and save it as .xlsx without one")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, UnicodeDecodeError) as error:
            raise UnusableFile(f"not an .xlsx file, or cut short or damaged: {error}") from None
        members = self._zip.infolist()
        if len(members) > MAX_MEMBERS:
            raise UnusableFile(
                f"{len(members)} files are packed in it, more than {MAX_MEMBERS}: not a list of endpoints"
            )
        # Part names are compared without regard to case (ECMA-376 part 2, 6.2.2.3); the first of a name counts.
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            self._members.setdefault(member.filename.lstrip("/").lower(), member)
        self._left = MAX_UNPACKED_BYTES

    def has(self, name: str) -> bool:
        """Whether there is such a part."""
        return name.lower() in self._members

    def parse(self, name: str, start: Start, end: Callable[[str], None], text: Callable[[str], None]) -> None:
        """Hand the elements of a part to the three functions, without their namespaces; attributes keep theirs."""
        member = self._members.get(name.lower())
        if member is None:
            raise UnusableFile(f"not an .xlsx workbook: {name} is missing")
        if member.flag_bits & 0x1:
            raise UnusableFile("packed with a password: save it without one")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnusableFile(f"{name} is packed in a way that .xlsx does not have (ECMA-376 part 2, annex B)")
        parser = _parser(name, start, end, text)
        try:
            with self._zip.open(member) as stream:
                while chunk := stream.read(_CHUNK):
                    self._left -= len(chunk)
                    if self._left < 0:
                        limit = MAX_UNPACKED_BYTES // 1024 // 1024
                        raise UnusableFile(f"unpacks to more than {limit} MiB: not a list of endpoints")
                    parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            message = expat.errors.messages.get(error.code, "unknown error")
            raise UnusableFile(f"{name} is no well-formed XML: line {error.lineno}: {message}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise UnusableFile(f"{name} cannot be unpacked: {error}") from None

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Of a part, by id: the last word of each relation's type, and the part it leads to."""
        folder, base = posixpath.split(part)
        name = posixpath.join(folder, "_rels", f"{base}.rels")
        found: dict[str, tuple[str, str]] = {}

        def start(element: str, attributes: Mapping[str, str]) -> None:
            if element == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                path = (
                    target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
                )
                found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)

        if self.has(name):
            self.parse(name, start, _ignore, _ignore)
        return found


def _ignore(_: str) -> None:
    pass


def _parser(name: str, start: Start, end: Callable[[str], None], text: Callable[[str], None]) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    depth = count = 0
    local: dict[str, str] = {}
    """Names without their namespaces; a sheet has a dozen."""

    def name_of(qualified: str) -> str:
        if len(local) > _MAX_XML_NAMES:
            raise UnusableFile(f"{name} has more than {_MAX_XML_NAMES} kinds of elements: not a workbook")
        return local.setdefault(qualified, qualified.rpartition(" ")[2])

    def opened(element: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if count > MAX_XML_ELEMENTS:
            raise UnusableFile(f"{name} has more than {MAX_XML_ELEMENTS:,} elements: not a list of endpoints")
        if depth > MAX_XML_DEPTH:
            raise UnusableFile(f"{name} is nested deeper than {MAX_XML_DEPTH} elements")
        start(local.get(element) or name_of(element), attributes)

    def closed(element: str) -> None:
        nonlocal depth
        depth -= 1
        end(local.get(element) or name_of(element))

    def doctype(*_: object) -> None:
        raise UnusableFile(f"{name} declares a document type, which no workbook has: its entities are not expanded")

    parser.buffer_text = True
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    return parser
