"""What a browser says of where a request comes from: against foreign pages that use it as their hands.

* A name that was rebound: a page of evil.example whose name suddenly points to 127.0.0.1 is "same origin" to the
  browser. The Host field still says evil.example. Where nothing else stands in the way (no TLS, no password), what
  comes from a browser must name this machine; on a loopback address, whatever comes.
* Cross-site requests: Fetch Metadata (W3C) and Origin (RFC 6454) say so.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

READS = frozenset({"GET", "HEAD"})
_OF_BROWSERS = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Origin", "Referer", "Accept-Language")


def is_loopback(address: object) -> bool:
    """Whether a socket's own address is one that only this machine reaches."""
    try:
        found = ip_address(str(address).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def is_local(address: object) -> bool:
    """Whether only this machine reaches a socket: by a loopback address, or by a name in the file system."""
    return is_loopback(address) or (isinstance(address, (str, bytes)) and b"/" in os.fsencode(address))


def names_of_this_machine(further: Iterable[str]) -> frozenset[str]:
    """Names under which a browser may ask; `*.localhost` (RFC 6761) and addresses may always."""
    own = platform.node().lower()
    return frozenset({"localhost", *(each.lower().rstrip(".") for each in further), *([own] if own else [])})


def is_known(host: str, names: frozenset[str]) -> bool:
    """Whether a Host field names this machine: an address (which nobody can rebind) or one of the names."""
    name = None if set(host) & set("@/?#\\") else _hostname(f"//{host}")
    if not name:
        return False
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return name in names or name.endswith(".localhost")
    return True


def by_browser(request: web.BaseRequest) -> bool:
    """Whether a request has fields that browsers send and programs do not.

    A page can leave out Referer and choose Accept, and Sec-Fetch-* is sent to localhost and over TLS only. Browsers put
    Accept-Language into every request, and no page can take it out.
    """
    headers = request.headers
    return (
        any(field in headers for field in _OF_BROWSERS)
        or "text/html" in headers.get("Accept", "").lower()
        or headers.get("User-Agent", "").startswith("Mozilla/")
    )


def foreign(request: web.BaseRequest) -> str:
    """Why a request is not one of our own pages', of a person or of a program; empty if it is.

    Reading is refused to foreign pages that embed or fetch; a link to us may be followed. Anything else may only
    come from our own pages.
    """
    site = request.headers.get("Sec-Fetch-Site", "").lower()
    reads = request.method in READS
    if reads:
        if site == "cross-site" and request.headers.get("Sec-Fetch-Mode", "").lower() != "navigate":
            return "another site's page asks for it"
        return ""
    if site not in ("", "same-origin", "none"):
        return "another site's page asks for it"
    for field in ("Origin", "Referer"):
        value = request.headers.get(field)
        if value is not None:
            here = _place(f"{request.scheme}://{request.headers.get('Host', '')}")
            return "" if here is not None and _place(value) == here else "another site's page asks for it"
    return ""


def _place(url: str) -> tuple[str, int] | None:
    """Host and port. The scheme only gives the port: a proxy in front may speak TLS where we do not."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "", parts.port or 0) if parts.hostname else None
    except ValueError:
        return None


def _hostname(url: str) -> str | None:
    try:
        name = urlsplit(url).hostname
    except ValueError:
        return None
    return None if name is None else name.rstrip(".")
