"""From the text of `target=` to what is probed: read strictly, normalised, then looked up in the catalog and the
allow-list. What is looked up is what is connected to: nothing reads the text a second time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from prober.catalog.adhoc import parse_target
from prober.config.allowance import is_literal, plain_host
from prober.model import Scheme, Target
from prober.monitor.blackbox.scope import ProbeScope

_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_PLACE: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]+):[0-9]+")
_URL_BLANKS: Final = str.maketrans({" ": "%20"})


class RefusedError(Exception):
    """A target that /probe is not to be sent to; the sentence is for the client."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A target that may be probed."""

    target: Target
    listed: bool
    """Whether its host and port are the catalog's, rather than the allow-list's alone."""


def aim_at(text: str, scope: ProbeScope, *, web: bool) -> Aim:
    """What `target=` names: the id of a target in force, a URL or a host (`web`), or `HOST:PORT`.

    Raises RefusedError.
    """
    known = scope.by_id.get(text)
    if known is not None:
        scheme = known.scheme if not web or known.scheme is Scheme.HTTP else Scheme.HTTPS
        return Aim(replace(known, scheme=scheme), listed=True)
    return admit(_web_target(text) if web else _place(text), scope)


def admit(target: Target, scope: ProbeScope) -> Aim:
    """The target, if the catalog or the allow-list has it. Raises RefusedError."""
    target = _plain(target)
    if (target.host, target.port) in scope.places:
        return Aim(target, listed=True)
    if any(entry.covers(target.host, target.port) for entry in scope.allow):
        return Aim(target, listed=False)
    raise RefusedError(
        f"{target.address} is neither a target in force nor in serve.allow: add it there, with its port if that is "
        "neither 80 nor 443"
    )


def elsewhere(location: str, base: Target) -> Target:
    """Where a Location header leads (RFC 9110 section 10.2.2). Raises RefusedError for what is no web address."""
    try:
        text = location.encode("latin-1").decode("utf-8")
    except ValueError:
        text = location
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text) or "\\" in text:
        raise RefusedError("the Location header has a character in it that no address has")
    try:
        split = urlsplit(urljoin(_url(base), text))
    except ValueError:
        raise RefusedError("the Location header is not an address") from None
    if split.scheme not in ("http", "https"):
        raise RefusedError("the Location header leads to something that is neither http nor https")
    path = split.path.translate(_URL_BLANKS)
    query = split.query.translate(_URL_BLANKS)
    return _parsed(urlunsplit((split.scheme, split.netloc, path, query, "")))


def host_parameter(text: str, aim: Aim, scope: ProbeScope) -> str:
    """`hostname=`, normalised: whose name the request bears. It needs to be allowed as the target itself: at a front
    of many sites the name is what decides whom one reaches. Raises RefusedError.
    """
    named = _parsed(f"tls://{text}")
    admit(replace(named, port=aim.target.port), scope)
    return named.address if _PLACE.fullmatch(text) else named.address.rsplit(":", 1)[0]


def _web_target(text: str) -> Target:
    return _parsed(text if _WEB.match(text) else f"http://{text}")


def _place(text: str) -> Target:
    bare = text.removeprefix("tls://")
    if bare == text and _PLACE.fullmatch(bare) is None:
        raise RefusedError("a tcp module takes HOST:PORT, tls://HOST[:PORT] or the id of a target in force")
    return _parsed(f"tls://{bare}")


def _parsed(text: str) -> Target:
    try:
        return parse_target(text)
    except ValueError as error:
        raise RefusedError(str(error)) from None


def _plain(target: Target) -> Target:
    """Without forms that mean another host to some program behind us."""
    host = plain_host(target.host)
    if host.rsplit(".", 1)[-1].startswith("0x") and not is_literal(host):
        raise RefusedError("the host ends in a number, which some programs take for an IP address")
    return replace(target, host=host)


def _url(target: Target) -> str:
    return f"{target.scheme}://{target.address}{target.path}"
