"""Passwords of hops: their environment variables, what is to be said about them, how one could stand in a text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from prober.model import Hop, HopScheme, Route, Secret
from prober.routes.text import RouteError, credential_problem

PREFIX: Final = "PROBER_PROXY_PASSWORD_"


def password_variable(route: str, hop: int) -> str:
    """The variable with the password of a route's hop, counted from 1: `PROBER_PROXY_PASSWORD_<ROUTE>_<HOP>`."""
    return f"{PREFIX}{_upper(route)}_{hop}"


def _upper(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def with_passwords(route: Route, environ: Mapping[str, str], errors: list[RouteError] | None = None) -> Route:
    """The route with the passwords that the environment holds for it; they take the place of any other.

    One that its hop cannot carry is appended to `errors` (which may be left out) and not used.
    """
    hops = []
    for number, hop in enumerate(route.hops, start=1):
        variable = password_variable(route.name, number)
        text = environ.get(variable)
        problem = None if text is None else credential_problem(hop.scheme, hop.user, text)
        if problem and errors is not None:
            errors.append(RouteError(variable, f"route {route.name}, hop {number}: {problem}"))
        hops.append(hop if text is None or problem else replace(hop, password=Secret(text)))
    return replace(route, hops=tuple(hops))


def name_clashes(names: Iterable[str]) -> list[tuple[str, str]]:
    """Each name that is already taken, or shares its password variable with an earlier one, with a sentence."""
    first: dict[str, str] = {}
    clashes = []
    for name in names:
        earlier = first.get(_upper(name))
        if earlier is None:
            first[_upper(name)] = name
        elif earlier == name:
            clashes.append((name, f'two routes are named "{name}": give one of them a NAME='))
        else:
            shared = password_variable(name, 1)
            clashes.append((name, f'routes "{earlier}" and "{name}" would share the variable {shared}: rename one'))
    return clashes


def cleartext_password_warnings(route: Route) -> list[str]:
    """A sentence for each password that some stretch of network sees in the clear.

    A login to an HTTPS proxy travels inside TLS to that very proxy. A login to any other is open at least on the
    stretch before it, whatever the hops further out do.
    """
    warnings = []
    for number, hop in enumerate(route.hops, start=1):
        if hop.password is None or hop.scheme is HopScheme.HTTPS:
            continue
        sender = "this machine" if number == 1 else f"hop {number - 1} ({route.hops[number - 2].url})"
        warnings.append(
            f"route {route.name}, hop {number} ({hop.url}): the password crosses the network in the clear "
            f"between {sender} and this proxy{_cure(hop)}"
        )
    return warnings


def _cure(hop: Hop) -> str:
    return ": use https:// if the proxy offers it" if hop.scheme is HopScheme.HTTP else ""


def spellings(hop: Hop) -> set[str]:
    """Every way in which the password of a hop could stand in a text: clear, percent-encoded, Basic."""
    if hop.password is None:
        return set()
    clear = hop.password.reveal()
    basic = base64.b64encode(f"{hop.user or ''}:{clear}".encode()).decode()
    return {clear, quote(clear, safe=""), quote(clear), basic, repr(clear)[1:-1], json.dumps(clear)[1:-1]}
