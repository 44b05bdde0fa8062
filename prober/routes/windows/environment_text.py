"""Proxy variables out of what `set`, `env` or `export` print, /etc/environment, or a unit file's `Environment=`.

Nothing but these four variables is kept: an environment is full of other people's secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from prober.routes.windows.registry_file import Complain

VARIABLES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
MAX_TEXT: Final = 32_767
"""Characters of a variable, as Windows has it."""
ASSIGNMENT: Final = re.compile(
    r"\s*(?:(?:export|declare -x|set|setx)\s+)?(?P<unit>Environment=)?(?P<quote>[\"']?)"
    r"(?P<name>(?:https?|all|no)_proxy)=(?P<value>.*)",
    re.IGNORECASE | re.DOTALL,
)


def read_environment(lines: Iterable[tuple[int, str]], *, complain: Complain) -> dict[str, str]:
    """The variables by name in upper case. Of two letter cases the lower one counts, as for curl."""
    found: dict[str, str] = {}
    lower: set[str] = set()
    for number, line in lines:
        match = ASSIGNMENT.fullmatch(line)
        if match is None:
            continue
        written = match["name"]
        name = written.upper()
        value = _value(match["value"].strip(), match["quote"])
        if len(value) > MAX_TEXT:
            complain(number, f"{written} is longer than {MAX_TEXT:,} characters and was left out.")
            continue
        if name in found and found[name] != value:
            if name in lower and not written.islower():
                complain(number, f"{name} differs from {name.lower()} above, which comes first.")
                continue
            complain(number, f"{written} stands above with another value; this one is taken.")
        found[name] = value
        if written.islower():
            lower.add(name)
    return found


def _value(text: str, opened: str) -> str:
    """Without its quotes: around the whole assignment (`"A=b"`) or around the value (`A="b"`)."""
    if opened:
        return text.partition(opened)[0]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
