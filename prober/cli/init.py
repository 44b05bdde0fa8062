"""`prober init`: write a commented prober.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prober.cli.options import refuse

_HEAD = """\
## prober's configuration. Lines that begin with # show the defaults, or examples: remove the # to change them.
## Check it with `prober config check`; `prober config show` prints what is in force and where it comes from.
## Relative file names start at this file's directory. Every key: docs/configuration.md
"""

_ROUTES = """\
## The ways out of this network, by name; proxies outermost first, an empty list is direct. A password comes from
## PROBER_PROXY_PASSWORD_<ROUTE>_<HOP> in the environment (upper case, hops count from 1) or from password_file.
routes:
  direct: []
#  hq: [{url: http://10.0.0.6:8080, user: svc, password_file: /run/secrets/hq}]
#  two:
#    - {url: socks5h://10.0.0.7:1080}
#    - {url: https://proxy.corp.example:8443, trust_roots: corp.pem}
"""

_EXAMPLES = {
    "set": ["workspace: [contoso]"],
    "resolve": ["login.example: 203.0.113.7", '"*:443": "[2001:db8::7]:8443"'],
    "trust.roots": ["corp.pem", "{file: vendor.pem, anchor: vendor_private, names: [example.com]}"],
}


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write.")] = Path("prober.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented prober.yaml, which loads as it is.

    Example: prober init && prober config check
    """
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(template())
    except FileExistsError:
        refuse([f"{file} is there already: --force replaces it"])
    except OSError as error:
        refuse([f"{file} cannot be written: {error.strerror}"])
    typer.echo(f"{file} written; next: prober config check")


def template() -> str:
    """The text of a new prober.yaml, made from the keys, meanings and defaults of the settings."""
    import yaml

    from prober.config.keys import keys

    lines = [_HEAD]
    section = ""
    for key in keys():
        head, _, name = key.path.rpartition(".")
        if key.path == "routes":
            lines += ["", _ROUTES]
            continue
        if head != section and head:
            lines += ["", f"#{head}:"]
        section = head
        default = "paris" if key.path == "egress" else key.default
        shown = yaml.safe_dump(default, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")
        indent = "  " if head else ""
        lines += [*([] if head else [""]), f"## {indent}{key.description}", f"#{indent}{name or key.path}: {shown}"]
        lines += [f"##{indent}   for example {example}" for example in _EXAMPLES.get(key.path, ())]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"
