"""What a PAC script gets to see of a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from prober.model import DEFAULT_PORTS, Scheme, authority
from prober.routes.text import host_name, port_number, split_port

LONGEST: Final = 8192
"""Characters of a URL."""
_SHAPE: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,31})://(?P<authority>[^/?#]*)(?P<rest>[^#]*)", re.DOTALL
)
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f]")
_KEPT: Final = "!$%&'()*+,/:;=?@[]^`{|}~\\\"<>"
"""Beside letters, digits and `-._~`: what stays as it is. Only what is not ASCII is encoded."""


@dataclass(frozen=True, slots=True)
class PacUrl:
    """The two arguments of FindProxyForURL."""

    url: str
    host: str
    """Lower case, without port, an IPv6 address without brackets."""


def pac_url(text: str) -> PacUrl:
    """The arguments for a URL. Raises ValueError with a sentence, which quotes no part of the URL but its scheme.

    User and password, fragment and the scheme's own port are gone. Of https (and `tls://`, which is shown as https)
    nothing but the origin is left, as Chromium does since version 52; http is whole. Whether WinHTTP cuts is not known.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a URL is at most {LONGEST} characters long")
    if not text or _UNFIT.search(text):
        raise ValueError("expected a URL such as https://host/path, without blanks and control characters")
    parts = _SHAPE.match(text)
    if parts is None:
        raise ValueError("expected a URL such as https://host/path: the scheme is missing")
    try:
        scheme = Scheme(parts["scheme"].lower())
    except ValueError:
        raise ValueError(f'"{parts["scheme"]}" is not a scheme of a target: expected http, https or tls') from None
    host_text, port_text = split_port(parts["authority"].rpartition("@")[2])
    if ":" in host_text and not host_text.startswith("["):
        raise ValueError("an IPv6 address needs brackets: https://[::1]/")
    host = host_name(host_text)
    port = DEFAULT_PORTS[scheme] if not port_text else port_number(port_text)
    whole = scheme is Scheme.HTTP
    shown = "http" if whole else "https"
    place = authority(host, port)
    if port == DEFAULT_PORTS[scheme]:
        place = place.removesuffix(f":{port}")
    rest = quote(parts["rest"], safe=_KEPT, errors="replace") if whole else ""
    return PacUrl(f"{shown}://{place}{rest if rest.startswith('/') else '/' + rest}", host)
