"""A PAC script from where it is published, fetched as Chromium fetches one, within bounds.

Directly, whatever the environment says of proxies; without any login; status 200 only; at most 1 MB and 30 seconds for
everything; the text must mention `FindProxyForURL`. The content type decides nothing and is remarked upon. Redirects
within http and https are followed, and said. Names are resolved by the run's own resolver, `--resolve` included.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from prober.engine.document_text import ContentCodingError, decode, decompress
from prober.engine.document_web import Body, FetchLimits, NotFetchedError, Resolve, WebFetch, words
from prober.engine.errors import LOCAL, os_reason
from prober.model import Failure, Reason
from prober.routes.text import without_login

ENTRY_POINT: Final = "FindProxyForURL"
MEDIA_TYPES: Final = ("application/x-ns-proxy-autoconfig", "application/x-javascript-config")
"""What a PAC script should be served as; nobody enforces it."""
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Two characters at least: `C:` is a drive."""
_LONGEST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A PAC script that was fetched or read."""

    text: str
    source: str
    """What was asked for, a URL without user and password, or a path."""
    url: str
    """Where it was in the end, a URL or a path: differs from `source` after a redirect."""
    fetched_from: str | None
    """`address:port` of the server that sent it; None for a file."""
    encoding: str
    """The codec's name as Python has it."""
    digest: str
    """SHA-256 of the octets, lower-case hex."""
    remarks: tuple[str, ...] = ()
    """Sentences about what is odd and changed nothing."""
    redirects: tuple[str, ...] = ()
    """URLs that were redirected to, in order; the last one is `url`."""
    hosts: tuple[str, ...] = ()
    """Hosts that were asked on the way, in order: A-labels or IP literals; none for a file."""


async def fetch_script(
    source: str, *, resolve: Resolve, roots: str | None = None, limits: FetchLimits | None = None
) -> Script | Failure:
    """The PAC script at an http or https URL, a `file:` URL or a path.

    TLS is verified under the PEM file `roots`, or under the machine's store. A failure is `pac-fetch-failed` at stage
    `config`, with the status or the system's reason in `detail`; our own exhaustion keeps its own reason.
    """
    limits = limits or FetchLimits()
    web = WebFetch(resolve, roots, limits, asyncio.get_running_loop().time() + limits.seconds)
    shown = without_login(source)[:_LONGEST_SHOWN]
    try:
        async with asyncio.timeout(limits.seconds):
            return await _script(source, shown, web)
    except TimeoutError:
        late = f"{shown}: not there within {limits.seconds:g} s; the last step was: {web.step}"
        return NotFetchedError(late).failure
    except NotFetchedError as error:
        return error.failure


async def _script(source: str, shown: str, web: WebFetch) -> Script:
    scheme = _SCHEME.match(source)
    kind = scheme[1].lower() if scheme else "file"
    if kind in ("http", "https"):
        body = await web.body(source)
        return _made(shown, body, (*web.remarks, *_remarks(body)), web.limits.size)
    if kind != "file":
        raise NotFetchedError(f"{shown}: a PAC script comes by http, https or from a file, not by {kind[:20]}")
    path = _path(source) if scheme else source
    web.step = "reading the file"
    try:
        data = await asyncio.to_thread(_read, path, web.limits.size)
    except (OSError, ValueError) as error:
        reason = os_reason(error)
        detail = f"{shown}: {words(error) if isinstance(error, OSError) else error}"
        raise NotFetchedError(detail, reason=reason if reason in LOCAL else Reason.PAC_FETCH_FAILED) from None
    remark = "Windows takes no PAC address that begins with file: (WinHTTP dropped it): devices will not use this one"
    return _made(shown, Body(data, url=path), (remark,) if scheme else (), web.limits.size)


def _remarks(body: Body) -> list[str]:
    remarks = []
    if body.media_type not in MEDIA_TYPES:
        served = f"served as {body.media_type!r}" if body.media_type else "served without a content type"
        remarks.append(f"{served}, not as {MEDIA_TYPES[0]}: clients do not insist on it")
    if body.coding:
        remarks.append(f"{body.peer} sent it with the content coding {body.coding[:40]!r} without being asked to")
    return remarks


def _made(source: str, body: Body, remarks: tuple[str, ...], limit: int) -> Script:
    try:
        data = decompress(body.data, body.coding, limit)
    except ContentCodingError as error:
        raise NotFetchedError(f"{source}: {error}") from None
    decoded = decode(data, body.charset)
    if ENTRY_POINT not in decoded.text:
        raise NotFetchedError(f"{source}: {_not_a_script(decoded.text, decoded.encoding, body.media_type)}")
    return Script(
        text=decoded.text,
        source=source,
        url=body.url,
        fetched_from=body.peer,
        encoding=decoded.encoding,
        digest=hashlib.sha256(data).hexdigest(),
        remarks=(*remarks, *decoded.remarks),
        redirects=body.redirects,
        hosts=body.hosts,
    )


def _not_a_script(text: str, encoding: str, media_type: str) -> str:
    said = f"{len(text):,} characters, read as {encoding}, without {ENTRY_POINT}"
    if not text.strip():
        return f"it is empty ({said})"
    if "\0" in text[:200]:
        return f"no PAC script: {said}; it may be UTF-16 without a byte-order mark"
    if "html" in media_type or text.lstrip()[:200].lower().startswith(("<!doctype", "<html")):
        return f"a web page and no PAC script: {said}; a portal or a filter may have answered"
    return f"no PAC script: {said}"


def _path(source: str) -> str:
    """The path in a file URL (RFC 8089). Raises NotFetchedError."""
    try:
        parts = urlsplit(source)
    except ValueError as error:
        raise NotFetchedError(f"{source[:_LONGEST_SHOWN]}: not a URL: {error}") from None
    if parts.netloc.lower() not in ("", "localhost"):
        raise NotFetchedError(f"{source[:_LONGEST_SHOWN]}: a file on another machine; copy it here")
    return unquote(parts.path)


def _read(path: str, limit: int) -> bytes:
    """All of a regular file. Raises OSError and ValueError."""
    # not blocking: a pipe that nobody writes to would hold this thread for ever
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        data = bytearray()
        while len(data) <= limit and (piece := os.read(descriptor, limit + 1 - len(data))):
            data += piece
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise ValueError(f"larger than {limit:,} bytes")
    return bytes(data)
