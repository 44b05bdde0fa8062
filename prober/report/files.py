"""Runs on disk: written atomically, read back with bounds and clear errors.

The suffix chooses the form (`.json`, `.json.gz`, `.json.zst`); on reading the content does. A new file is readable by
its owner only, since it names proxies and addresses of the inside; a file that was there keeps its mode.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar

import msgspec

from prober.report.document import SCHEMA, Result, Run

MAX_BYTES: Final = 1 << 30
"""A document larger than this, decompressed, is refused."""
MAX_RATIO: Final = 1000
"""Large runs compress up to two-hundredfold (zstd); more than this is an attack on the reader's memory."""
RATIO_FROM: Final = 64 << 20
"""Bytes up to which any ratio passes."""
SUFFIXES: Final = (".json", ".json.gz", ".json.zst")
_RESULTS: Final = 500
"""Written at a time."""
_CHUNK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"

_encoder: Final = msgspec.json.Encoder()


class _HasSchema(Protocol):
    @property
    def schema(self) -> str: ...


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


_Document = TypeVar("_Document", bound=_HasSchema)


class RunFileError(Exception):
    """A run that cannot be written or read; the message is a sentence that names the file."""


class _Header(msgspec.Struct):
    schema: str


def encode(run: Run, *, indent: int | None = None) -> bytes:
    """The document as JSON, without a line end; on several lines with `indent`."""
    data = _encoder.encode(run)
    return data if indent is None else msgspec.json.format(data, indent=indent)


def encode_result(result: Result) -> bytes:
    """One line of `jsonl`, its line end included."""
    return _encoder.encode(result) + b"\n"


def decode(data: bytes, name: str = "the document") -> Run:
    """A run from JSON. Raises RunFileError for what is cut off, edited, foreign, or from a later schema."""
    run = decode_as(Run, data, name)
    for digest, der in run.certificates.items():
        if hashlib.sha256(der).hexdigest() != digest:
            raise RunFileError(f"{name} does not fit {SCHEMA}: certificates.{digest} holds another certificate")
    return run


def decode_as(kind: type[_Document], data: bytes, name: str = "the document") -> _Document:
    """The same as values of another type, which has a part of the fields of `Run`. Raises RunFileError as `decode`."""
    try:
        document = msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        _refuse_foreign(data, name)  # whose fields are no wonder
        raise RunFileError(f"{name} does not fit {SCHEMA}: {_placed(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunFileError(f"{name} is not a whole JSON document (cut off or damaged): {error}") from None
    except RecursionError:
        raise RunFileError(f"{name} is no prober run: it is nested too deeply") from None
    if document.schema != SCHEMA:
        raise RunFileError(_foreign(document.schema, name))
    return document


def _refuse_foreign(data: bytes, name: str) -> None:
    """Raises RunFileError for whole JSON that is no run of this schema."""
    try:
        schema = msgspec.json.decode(data, type=_Header).schema
    except msgspec.ValidationError:
        raise RunFileError(f'{name} is JSON but no prober run: it has no "schema"') from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunFileError(f"{name} is not a whole JSON document (cut off or damaged): {error}") from None
    except RecursionError:
        raise RunFileError(f"{name} is no prober run: it is nested too deeply") from None
    if schema != SCHEMA:
        raise RunFileError(_foreign(schema, name))


def save(run: Run, path: Path) -> None:
    """Write a run: whole or not at all. Raises RunFileError."""
    _write(encode_in_pieces(run), path)


def write(document: bytes, path: Path) -> None:
    """Write a run that is JSON already: whole or not at all. Raises RunFileError."""
    _write((document,), path)


def encode_in_pieces(run: Run) -> Iterator[bytes]:
    """The same as `encode`, a part at a time: 100,000 results are some 200 MB."""
    opening = b"{"
    for name in run.__struct_fields__:
        yield opening + _encoder.encode(name) + b":"
        if name == "results" and run.results:
            for start in range(0, len(run.results), _RESULTS):
                yield b"[" if start == 0 else b","
                yield _encoder.encode(run.results[start : start + _RESULTS])[1:-1]
            yield b"]"
        else:
            yield _encoder.encode(getattr(run, name))
        opening = b","
    yield b"}"


def _write(document: Iterable[bytes], path: Path) -> None:
    suffix = next((suffix for suffix in reversed(SUFFIXES) if path.name.endswith(suffix)), None)
    if suffix is None:
        raise RunFileError(f"{path}: the name of a saved run ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    try:
        _replace_file(path, _compressed(document, suffix))
    except OSError as error:
        raise RunFileError(f"{path} could not be written: {error.strerror or error}") from None


def load(path: Path) -> Run:
    """Read a run that `save` wrote. Raises RunFileError."""
    return decode(content(path), str(path))


def content(path: Path) -> bytes:
    """A saved run's JSON, unpacked and not yet looked at. Raises RunFileError."""
    try:
        with path.open("rb") as file:
            return _read(file, str(path))
    except OSError as error:
        raise RunFileError(f"{path} could not be read: {error.strerror or error}") from None


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in the place of `path`: whole or not at all. What is new has this mode. Raises OSError."""
    _replace_file(path, (data,), mode=mode)


def _replace_file(path: Path, pieces: Iterable[bytes], *, mode: int = 0o600) -> None:
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError("it is not a regular file")
    mode = path.stat().st_mode & 0o7777 if path.exists() else mode
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Make the new name last through a power cut, where directories can be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compressed(pieces: Iterable[bytes], suffix: str) -> Iterator[bytes]:
    if suffix == ".json":
        yield from pieces
        return
    compress = _compressor(suffix)
    for piece in pieces:
        yield compress.compress(piece)
    yield compress.flush()


def _compressor(suffix: str) -> _Compressor:
    if suffix == ".json.gz":
        return zlib.compressobj(6, wbits=31)
    import zstandard

    return zstandard.ZstdCompressor(level=9, write_checksum=True).compressobj()


def _read(file: BinaryIO, name: str) -> bytes:
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(_GZIP):
        return _bounded(_gunzip(file, name), name)
    if magic == _ZSTD:
        return _bounded(_unzstd(file, name), name)
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
        return file.read(status.st_size)  # at once: pieces would have to be copied together
    return _bounded(((chunk, MAX_BYTES) for chunk in iter(lambda: file.read(_CHUNK), b"")), name)


def _bounded(chunks: Iterator[tuple[bytes, int]], name: str) -> bytes:
    """Join chunks that come with the number of bytes read from the file so far."""
    data = bytearray()
    for chunk, read in chunks:
        data += chunk
        if len(data) > MAX_BYTES or (len(data) > RATIO_FROM and len(data) > MAX_RATIO * read):
            raise RunFileError(f"{name} is no prober run: it unpacks to far more than a run can hold")
    return bytes(data)


def _gunzip(file: BinaryIO, name: str) -> Iterator[tuple[bytes, int]]:
    inflate = zlib.decompressobj(wbits=31)
    read = 0
    pending = b""
    try:
        while not inflate.eof:
            if not pending:
                pending = file.read(_CHUNK)
                read += len(pending)
                if not pending:
                    raise RunFileError(f"{name} is cut off: the end of the compressed data is missing")
            yield inflate.decompress(pending, _CHUNK), read
            pending = inflate.unconsumed_tail
    except zlib.error as error:
        raise RunFileError(f"{name} is damaged: {error}") from None
    if inflate.unused_data or file.read(1):
        raise RunFileError(f"{name} is damaged: something follows the compressed data")


def _unzstd(file: BinaryIO, name: str) -> Iterator[tuple[bytes, int]]:
    import zstandard

    inflate = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    read = 0
    try:
        while not inflate.eof:
            # Small pieces, because one piece of input unpacks at once: at worst some 130 MB for 4 KiB.
            pending = file.read(4096)
            read += len(pending)
            if not pending:
                raise RunFileError(f"{name} is cut off: the end of the compressed data is missing")
            yield inflate.decompress(pending), read
    except zstandard.ZstdError as error:
        raise RunFileError(f"{name} is damaged: {error}") from None
    if inflate.unused_data or file.read(1):
        raise RunFileError(f"{name} is damaged: something follows the compressed data")


def _foreign(schema: str, name: str) -> str:
    if schema.startswith("prober.run/"):
        return f"{name} was written by another version of prober ({schema[:40]!r}); this one reads {SCHEMA}"
    return f"{name} is no prober run: its schema is {schema[:40]!r}, not {SCHEMA!r}"


def _placed(message: str) -> str:
    """`Expected `int`, got `str` - at `$.results[3].at`` with the path first."""
    text, _, place = message.rpartition(" - at `$")
    return f"{place.rstrip('`').lstrip('.') or 'the document'}: {text}" if text else message
