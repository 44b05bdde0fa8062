"""The header fields that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SERVER: Final = "prober"


def secure(response: web.StreamResponse, configured: Mapping[str, str], *, private: bool = False) -> None:
    """Put them into an answer. What the web configuration sets wins.

    What says nothing of it is not stored. `private` keeps what may be stored from caches that several people share.
    """
    response.headers.update(SECURITY)
    response.headers.update(configured)
    response.headers["Server"] = SERVER
    storing = response.headers.setdefault("Cache-Control", "no-store")
    if private and storing.startswith("public"):
        response.headers["Cache-Control"] = storing.replace("public", "private", 1)


def plain(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer of one sentence as text/plain."""
    return web.Response(status=status, text=f"{sentence}\n", headers=dict(headers or {}), content_type="text/plain")
