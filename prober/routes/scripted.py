"""`pac+SCRIPT` and `wpad:DOMAIN` become rules. Pure: nothing is fetched, no file is read."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from prober.routes.rules import ScriptedRoute
from prober.routes.text import LONGEST_URL, RouteError, host_name, name_problem
from prober.routes.wpad import url_problem

_SCRIPTED: Final = re.compile(r"(pac\+|wpad:)", re.IGNORECASE)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def is_scripted(chain: str) -> bool:
    """Whether this is no chain of proxies but a script, or where to look for one."""
    return _SCRIPTED.match(chain) is not None


def parse_scripted(name: str | None, chain: str, errors: list[RouteError], *, where: str) -> ScriptedRoute | None:
    """`pac+URL_OR_FILE` or `wpad:DOMAIN`; unnamed they are called `pac` and `wpad`.

    Returns None if something is wrong, and then `errors` has grown by every reason. Call it where `is_scripted`.
    """
    word, rest = chain[: len("pac")].lower(), chain[len("pac+") :]
    if word != "pac":
        word, rest = "wpad", chain[len("wpad:") :]
    problems = [name_problem(name)] if name is not None else []
    if name in ("direct", "env"):
        problems.append(f'the name "{name}" is taken: --via {name} has a meaning of its own')
    problems.append(script_problem(rest) if word == "pac" else domain_problem(rest))
    found = [RouteError(where, problem) for problem in problems if problem]
    errors += found
    if found:
        return None
    if word == "pac":
        return ScriptedRoute(name or word, script=rest)
    return ScriptedRoute(name or word, domain=rest.strip(".").lower())


def script_problem(script: str) -> str | None:
    """Why this cannot be where a PAC script is, or None. It is not quoted: a URL may hold a password."""
    if not script or len(script) > LONGEST_URL:
        return f"expected the URL or the file of a PAC script behind pac+, of {LONGEST_URL} characters at most"
    if not script.isprintable():
        return "the place of a PAC script has characters that cannot be printed"
    scheme = _SCHEME.match(script)
    if scheme is None or is_script_file(script) or scheme.group(1).lower() == "file":
        return None
    if scheme.group(1).lower() not in ("http", "https"):
        return "a PAC script is fetched by http:// or https://, or read from a file"
    problem = url_problem(script)
    return f"the URL of a PAC script: {problem}" if problem else None


def is_script_file(script: str) -> bool:
    """Whether a script is named by a path, not by a URL; `C:` is a drive."""
    scheme = _SCHEME.match(script)
    return scheme is None or len(scheme.group(1)) == 1


def domain_problem(domain: str) -> str | None:
    """Why WPAD cannot look in this domain, or None."""
    try:
        name = host_name(domain.strip("."))
    except ValueError as error:
        return f"WPAD looks in a DNS domain: {error}"
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return "WPAD looks in a DNS domain, such as corp.example; this is an address"
    return None if "." in name else "WPAD looks in a domain of two labels at least, such as corp.example"


def addresses_problem(addresses: Iterable[str]) -> str | None:
    """Why these cannot be a device's own addresses, or None."""
    for text in addresses:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return f'"{text}" is not an IP address'
    return None
