"""Style sheet, scripts and picture of the page: read once, under names that change with their content."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

FOLDER: Final = Path(__file__).parent / "static"
FOREVER: Final = "public, max-age=31536000, immutable"
"""The name changes with the content. Where users are asked for a password, it becomes `private` (headers.py)."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file."""

    name: str
    """With its digest: `page.0a1b2c3d4e.css`."""
    kind: str
    """Its media type."""
    data: bytes
    packed: bytes
    """The same, by gzip."""


@cache
def static_files() -> Mapping[str, StaticFile]:
    """All of them, by the name without a digest."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in (".css", ".js", ".svg")}


@cache
def build() -> str:
    """A digest of all of them: a page that runs with others is of another version."""
    return hashlib.sha256("".join(file.name for file in static_files().values()).encode()).hexdigest()[:10]


def address(name: str) -> str:
    """Where a file is, relative to the page. Raises KeyError for a file that is not there."""
    return f"static/{static_files()[name].name}"


def static_routes() -> list[web.RouteDef]:
    """`/static/…`."""
    served = {file.name: file for file in static_files().values()}

    async def answer(request: web.Request) -> web.Response:
        file = served.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound(text="There is no such file; the page's own names change with every version.\n")
        packed = "gzip" in request.headers.get("Accept-Encoding", "").lower()
        response = web.Response(body=file.packed if packed else file.data, content_type=file.kind, charset="utf-8")
        response.headers["Cache-Control"] = FOREVER
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["X-Content-Type-Options"] = "nosniff"
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        return response

    return [web.get("/static/{name}", answer)]


def _read(path: Path) -> StaticFile:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:10]
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return StaticFile(f"{path.stem}.{digest}{path.suffix}", kind, data, gzip.compress(data, mtime=0))
