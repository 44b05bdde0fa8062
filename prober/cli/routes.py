"""`prober routes`: the routes in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from prober.cli import pac, windows, wpad
from prober.cli.config import Format, OutputFormat
from prober.cli.options import ROUTES, Shared, load_or_exit, with_shared

if TYPE_CHECKING:
    from prober.config import Loaded
    from prober.model import Hop, Route

app = typer.Typer(rich_markup_mode="rich", help="Show the routes in force.")
app.command("pac", epilog=pac.EXAMPLES)(pac.pac)
app.command("windows", epilog=windows.EXAMPLES)(windows.windows)
app.command("wpad", epilog=wpad.EXAMPLES)(wpad.wpad)


@app.callback(
    invoke_without_command=True,
    epilog="Examples: prober routes  ·  prober routes --via hq=http://svc@10.0.0.6:8080 --format json",
)
@with_shared(only=ROUTES)
def routes(context: typer.Context, shared: Shared, output: OutputFormat = Format.TEXT) -> None:
    """Show the routes in force: hops, kind of login, where each password comes from, and what to be wary of."""
    if context.invoked_subcommand is not None:
        return
    loaded = load_or_exit(shared)
    if output is Format.TEXT:
        typer.echo(as_text(loaded))
        return
    document = {"origin": loaded.routes_origin, "routes": as_values(loaded), "warnings": list(loaded.warnings)}
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def as_values(loaded: Loaded) -> list[dict[str, Any]]:
    """The routes as plain values, without any password."""
    from prober.model import Route
    from prober.routes.rules import ScriptedRoute
    from prober.routes.text import without_login

    values: list[dict[str, Any]] = []
    for rule in loaded.routes:
        if isinstance(rule, Route):
            values.append({"name": rule.name, "hops": _hops(rule, loaded)})
        elif isinstance(rule, ScriptedRoute):
            values.append(
                {
                    "name": rule.name,
                    "pac": None if rule.script is None else without_login(rule.script),
                    "wpad": rule.domain,
                    "option_252": None if rule.option_252 is None else without_login(rule.option_252),
                    "reading": rule.reading.value,
                    "my_ip": list(rule.my_addresses),
                    "trust_roots": rule.trust_roots,
                }
            )
        else:
            values.append(
                {
                    "name": rule.name,
                    "https": _hops(rule.https, loaded),
                    "http": _hops(rule.http, loaded),
                    "no_proxy": list(rule.no_proxy),
                }
            )
    return values


def _hops(route: Route, loaded: Loaded) -> list[dict[str, Any]]:
    return [
        {
            "scheme": hop.scheme.value,
            "host": hop.host,
            "port": hop.port,
            "auth": hop.auth,
            "user": hop.user,
            "password_from": loaded.password_sources.get((route.name, number)) if hop.password is not None else None,
            "trust_roots": hop.trust_roots,
        }
        for number, hop in enumerate(route.hops, start=1)
    ]


def as_text(loaded: Loaded) -> str:
    """A line a route, and one a hop."""
    from prober.model import Route
    from prober.routes.rules import ScriptedRoute

    lines = [f"routes in force ({loaded.routes_origin}):"]
    for rule in loaded.routes:
        if isinstance(rule, Route):
            lines += [rule.name, *_lines(rule, loaded)]
            continue
        if isinstance(rule, ScriptedRoute):
            read = f"read as {rule.reading} does, asked for each target when a run is planned"
            lines += [f"{rule.name} ({_plain(rule.source)})", f"  {read}"]
            continue
        lines += [f"{rule.name} (environment), https:// and tls:// targets", *_lines(rule.https, loaded)]
        lines += [f"{rule.name} (environment), http:// targets", *_lines(rule.http, loaded)]
        if rule.no_proxy:
            lines.append("  direct to: " + " ".join(map(_plain, rule.no_proxy)))
    return "\n".join(lines)


def _lines(route: Route, loaded: Loaded) -> list[str]:
    if not route.hops:
        return ["  direct: no proxy"]
    return [
        f"  hop {number}: {hop.url}  {_login(hop, loaded.password_sources.get((route.name, number)))}"
        for number, hop in enumerate(route.hops, start=1)
    ]


def _login(hop: Hop, source: str | None) -> str:
    if hop.user is None:
        return "no login"
    kind = f"login {hop.auth} as {_plain(hop.user)}"
    return f"{kind}, password from {source}" if hop.password is not None else f"{kind}, no password"


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
