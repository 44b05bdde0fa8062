"""The routes in force: chosen by `--via` or the configuration, with their passwords."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from prober.config.document import Path
from prober.config.layers import dotted
from prober.config.texts import Problems
from prober.model import Hop, Route, Secret
from prober.routes.environment import EnvironmentRoute, environment_route
from prober.routes.pac.reading import Reading
from prober.routes.passwords import (
    PREFIX,
    cleartext_password_warnings,
    name_clashes,
    password_variable,
    with_passwords,
)
from prober.routes.rules import NamedRule, ScriptedRoute, fixed_routes
from prober.routes.scripted import addresses_problem, domain_problem, is_scripted, parse_scripted, script_problem
from prober.routes.text import (
    RESERVED_NAMES,
    RouteError,
    credential_problem,
    did_you_mean,
    name_problem,
    parse_hop,
    parse_via,
    split_name,
)

LONGEST_PASSWORD_FILE: Final = 4096
DIRECT: Final = Route("direct")


@dataclass(slots=True)
class Configured:
    """The routes of the file."""

    routes: dict[str, Route | ScriptedRoute] = field(default_factory=dict)
    password_files: dict[tuple[str, int], str] = field(default_factory=dict)
    """By route and hop (from 1)."""
    problems: Problems = field(default_factory=list)


def configured(values: Mapping[str, Any]) -> Configured:
    """The routes under `routes`, read with guards: values of the wrong type are left to others."""
    found = Configured()
    ways = values.get("routes")
    for name, way in ways.items() if isinstance(ways, dict) else ():
        path: Path = ("routes", name)
        problem = name_problem(name)
        if name == "env" or (name == "direct" and way):
            problem = f'the name "{name}" is taken: --via {name} has a meaning of its own'
        if problem:
            found.problems.append((path, problem))
        if isinstance(way, dict) and isinstance(name, str):
            _scripted(name, way, path, found)
        if isinstance(way, list):
            hops = [_hop(name, number, hop, found) for number, hop in enumerate(way) if isinstance(hop, dict)]
            found.routes[name] = Route(name, tuple(hop for hop in hops if hop))
    found.problems += [(("routes", name), sentence) for name, sentence in name_clashes(found.routes)]
    return found


def _scripted(name: str, way: dict[str, Any], path: Path, found: Configured) -> None:
    script, domain, option, reading, addresses, roots = (
        way.get(key) for key in ("pac", "wpad", "option_252", "reading", "my_ip", "trust_roots")
    )
    before = len(found.problems)
    for key, value, problem_of in (("pac", script, script_problem), ("wpad", domain, domain_problem)):
        problem = problem_of(value) if isinstance(value, str) and value else None  # an empty one is told already
        if problem:
            found.problems.append(((*path, key), problem))
    own = tuple(each for each in addresses if isinstance(each, str)) if isinstance(addresses, list) else ()
    if problem := addresses_problem(own):
        found.problems.append(((*path, "my_ip"), problem))
    if len(found.problems) > before or not isinstance(domain if script is None else script, str):
        return
    found.routes[name] = ScriptedRoute(
        name,
        script=script if isinstance(script, str) else None,
        domain=domain.strip(".").lower() if isinstance(domain, str) else None,
        option_252=option if isinstance(option, str) else None,
        reading=Reading(reading) if reading in set(Reading) else Reading.CHROMIUM,
        my_addresses=own,
        trust_roots=roots if isinstance(roots, str) else None,
    )


def _hop(route: str, number: int, raw: dict[str, Any], found: Configured) -> Hop | None:
    path: Path = ("routes", route, number)
    url, user, file, roots = (raw.get(key) for key in ("url", "user", "password_file", "trust_roots"))
    errors: list[RouteError] = []
    hop = parse_hop(url, where="", errors=errors) if isinstance(url, str) else None
    found.problems += [((*path, "url"), error.message) for error in errors]
    if hop is None:
        return None
    if isinstance(user, str):
        if hop.user is not None:
            found.problems.append(((*path, "user"), "the url has a user too: give one of them"))
        hop = replace(hop, user=user)
    if isinstance(file, str):
        if hop.password is not None:
            found.problems.append(((*path, "password_file"), "the url has a password too: give one of them"))
        found.password_files[route, number + 1] = file
    problem = credential_problem(hop.scheme, hop.user, "" if isinstance(file, str) else None)
    if problem:
        key = "user" if isinstance(user, str) and not isinstance(file, str) else "password_file"
        found.problems.append(((*path, key), problem))
    return replace(hop, trust_roots=roots) if isinstance(roots, str) else hop


@dataclass(slots=True)
class InForce:
    """The routes that targets are probed over, and what is to be said about them."""

    rules: list[NamedRule] = field(default_factory=list)
    sources: dict[tuple[str, int], str] = field(default_factory=dict)
    """Where the password of a hop comes from, by route and hop (from 1): `URL`, `file NAME`, `environment NAME`."""
    errors: list[RouteError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def in_force(
    config: Configured, via: Sequence[str], source: str, environ: Mapping[str, str], *, no_direct: bool
) -> InForce:
    """`via` given: direct (unless `no_direct`) and those; else the configured ones; else direct.

    `source` names where `via` comes from in messages (`--via`, `PROBER_VIA`). Password files are read here, those of
    routes in force only.
    """
    found = InForce()
    if via:
        chosen = [_chosen(text, source, config, environ, found) for text in via]
        rules: list[NamedRule] = [rule for rule in chosen if rule is not None]
        names = [rule.name for rule in rules]
        found.rules = [*([] if no_direct or DIRECT.name in names else [DIRECT]), *rules]
    else:
        found.rules = list(config.routes.values()) or [DIRECT]
    if no_direct:
        found.rules = [rule for rule in found.rules if not isinstance(rule, Route) or rule.hops]
    if not found.rules and not found.errors:
        found.errors.append(RouteError("--no-direct", "no route is left: name one with --via or in the configuration"))
    clashes = name_clashes(rule.name for rule in found.rules) if via else []
    found.errors += [RouteError(source, sentence) for _, sentence in clashes]
    found.rules = [_armed(rule, config, environ, found) for rule in found.rules]
    _stray_passwords({*config.routes, *(rule.name for rule in found.rules)}, config, environ, found)
    return found


def _chosen(text: str, source: str, config: Configured, environ: Mapping[str, str], found: InForce) -> NamedRule | None:
    name, chain = split_name(text)
    if name is None and text in config.routes:
        return config.routes[text]
    if chain == "env":
        problem = name_problem(name) if name is not None else None
        if problem or name == "direct":
            found.errors.append(RouteError(source, problem or 'the name "direct" is taken'))
            return None
        return environment_route(environ, found.errors, name=name or "env")
    if is_scripted(chain):
        return parse_scripted(name, chain, found.errors, where=source)
    if name is None and name_problem(text) is None and text not in RESERVED_NAMES:
        hint = did_you_mean(text, dict.fromkeys([*config.routes, *RESERVED_NAMES]))
        found.errors.append(RouteError(source, f'"{text}" is neither a proxy URL nor a configured route{hint}'))
        return None
    route = parse_via(text, found.errors, where=source)
    for number, hop in enumerate(route.hops if route else (), start=1):
        if hop.password is not None and route is not None:
            found.sources[route.name, number] = "URL"
            if source == "--via":
                variable = password_variable(route.name, number)
                found.warnings.append(
                    f"route {route.name}, hop {number}: a password on the command line can be read by every user "
                    f"of this machine: put it into {variable}"
                )
    return route


def _armed(rule: NamedRule, config: Configured, environ: Mapping[str, str], found: InForce) -> NamedRule:
    """The rule with its passwords, warnings noted."""
    if isinstance(rule, EnvironmentRoute):
        armed = replace(rule, https=_route(rule.https, environ, found), http=_route(rule.http, environ, found))
        for route in dict.fromkeys((armed.https, armed.http)):
            _warn(route, found)
        return armed
    if isinstance(rule, ScriptedRoute):
        return rule
    if config.routes.get(rule.name) is rule:
        rule = _from_files(rule, config, environ, found)
    route = _route(rule, environ, found)
    _warn(route, found)
    return route


def _route(route: Route, environ: Mapping[str, str], found: InForce) -> Route:
    armed = with_passwords(route, environ, found.errors)
    for number, (before, after) in enumerate(zip(route.hops, armed.hops, strict=True), start=1):
        if after is not before:
            found.sources[route.name, number] = f"environment {password_variable(route.name, number)}"
        elif after.password is not None:
            found.sources.setdefault((route.name, number), "URL")
    return armed


def _from_files(route: Route, config: Configured, environ: Mapping[str, str], found: InForce) -> Route:
    hops = list(route.hops)
    for number, hop in enumerate(route.hops, start=1):
        name = config.password_files.get((route.name, number))
        if name is not None and password_variable(route.name, number) not in environ:
            hops[number - 1] = replace(hop, password=_password(name, route.name, number, hop, found))
        elif hop.password is not None:
            found.warnings.append(
                f"route {route.name}, hop {number}: the password stands in the configuration: "
                f"password_file or {password_variable(route.name, number)} keeps it apart"
            )
    return replace(route, hops=tuple(hops))


def _password(name: str, route: str, number: int, hop: Hop, found: InForce) -> Secret | None:
    where = dotted(("routes", route, number - 1, "password_file"))
    try:
        with open(name, "rb") as file:  # noqa: PTH123 - the mode is asked of what was opened, not of a name
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(LONGEST_PASSWORD_FILE + 1)
        text = data.decode()
    except UnicodeError:
        found.errors.append(RouteError(where, f"{name} is not UTF-8"))
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        found.errors.append(RouteError(where, f"{name} cannot be read: {reason}"))
        return None
    text = text.removesuffix("\n").removesuffix("\r")
    long = len(data) > LONGEST_PASSWORD_FILE
    problem = (
        f"is longer than {LONGEST_PASSWORD_FILE} bytes" if long else credential_problem(hop.scheme, hop.user, text)
    )
    if problem:
        found.errors.append(RouteError(where, f"{name}: {problem}"))
    if mode & stat.S_IROTH:
        found.warnings.append(f"route {route}, hop {number}: every user can read {name}: chmod o-r it")
    found.sources[route, number] = f"file {name}"
    return Secret(text)


def _warn(route: Route, found: InForce) -> None:
    found.warnings += cleartext_password_warnings(route)
    for number, hop in enumerate(route.hops, start=1):
        if hop.user is not None and hop.password is None and not hop.scheme.startswith("socks4"):
            variable = password_variable(route.name, number)
            found.warnings.append(
                f"route {route.name}, hop {number} ({hop.url}): a user without a password: "
                f"set {variable} or password_file"
            )


def _stray_passwords(names: set[str], config: Configured, environ: Mapping[str, str], found: InForce) -> None:
    hops = {rule.name: _length(rule) for rule in (*config.routes.values(), *found.rules)}
    valid = {password_variable(name, number) for name in names for number in range(1, hops.get(name, 0) + 1)}
    found.warnings += [
        f"{name} in the environment fits no hop of any route{did_you_mean(name, sorted(valid)) if valid else ''}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in valid
    ]


def _length(rule: NamedRule) -> int:
    return max((len(route.hops) for route in fixed_routes(rule)), default=0)
