"""Benchmarks on disk: the forms and bounds of saved runs (`prober.report.files`), another schema."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from prober.bench.document import SCHEMA, Bench
from prober.report import files
from prober.report.files import RunFileError

MAX_RUNS: Final = 2_000
MAX_SECONDS: Final = 200_000
"""Over all runs: two days."""


class _Header(msgspec.Struct):
    schema: str = ""


def encode(bench: Bench, *, indent: int | None = None) -> bytes:
    """The document as JSON, without a line end; on several lines with `indent`."""
    data = msgspec.json.encode(bench)
    return data if indent is None else msgspec.json.format(data, indent=indent)


def save(bench: Bench, path: Path) -> None:
    """Write it: whole or not at all. Raises RunFileError."""
    files.write(encode(bench), path)


def load(path: Path) -> Bench:
    """Read what `save` wrote. Raises RunFileError."""
    return decode(files.content(path), str(path))


def decode(data: bytes, name: str = "the document") -> Bench:
    """A benchmark from JSON. Raises RunFileError for what is cut off, edited, foreign, or from a later schema."""
    try:
        schema = msgspec.json.decode(data, type=_Header).schema
        if schema != SCHEMA:
            raise RunFileError(_foreign(schema, name))
        bench = msgspec.json.decode(data, type=Bench)
    except msgspec.ValidationError as error:
        raise RunFileError(f"{name} does not fit {SCHEMA}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunFileError(f"{name} is not a whole JSON document (cut off or damaged): {error}") from None
    except RecursionError:
        raise RunFileError(f"{name} is no benchmark: it is nested too deeply") from None
    if len(bench.runs) > MAX_RUNS or sum(len(run.seconds) for run in bench.runs) > MAX_SECONDS:
        raise RunFileError(f"{name} is no benchmark: more than {MAX_RUNS:,} runs or {MAX_SECONDS:,} seconds")
    return bench


def _foreign(schema: str, name: str) -> str:
    if schema.startswith("prober.bench/"):
        return f"{name} was written by another version of prober ({schema[:40]!r}); this one reads {SCHEMA}"
    if schema.startswith("prober.run/"):
        return f"{name} is a run of `prober check`, no benchmark (prober report shows it)"
    return f"{name} is no benchmark of prober: its schema is {schema[:40]!r}, not {SCHEMA!r}"
