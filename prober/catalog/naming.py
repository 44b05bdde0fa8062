"""Ids for entries that have none: made once, from the host, and written out (docs/catalogs.md, "Ids")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from prober.catalog.entry import Entry
from prober.model import Scheme, Target

_SHARED_SUFFIXES: Final = (
    ".blob.core.windows.net",
    ".blob.core.usgovcloudapi.net",
    ".microsoft.com",
    ".microsoft.us",
    ".azure.com",
    ".azure.us",
)
"""What a host shares with its neighbours. Otherwise it is the last label."""

_USUAL: Final = Target(id="", scheme=Scheme.HTTPS, host="", port=443)
"""What an entry is compared with whose name is taken by one that is not at hand."""


def name_entries(entries: Sequence[Entry], taken: frozenset[tuple[str, str, str]] = frozenset()) -> list[str]:
    """The id of each entry without service and group, in order; none is in `taken` (with these two) or comes twice."""
    used: dict[tuple[str, str, str], Target] = dict.fromkeys(taken, _USUAL)
    numbers: dict[tuple[str, str, str], int] = {}
    names: list[str] = []
    for entry in entries:
        group, plainest = (entry.target.service, entry.target.group), stem(entry.target.host)
        candidates = _candidates(plainest, entry.target, used.get((*group, plainest), _USUAL))
        name = next((name for name in candidates if (*group, name) not in used), None)
        if name is None:
            last = candidates[-1]
            number = numbers.get((*group, last), 2)
            while (*group, f"{last}.{number}") in used:
                number += 1
            numbers[*group, last] = number + 1
            name = f"{last}.{number}"
        used[*group, name] = entry.target
        names.append(name)
    return names


def _candidates(plainest: str, target: Target, other: Target) -> list[str]:
    """The stem; then, one after the other, what tells the target apart from the one that has that name already."""
    cloud = "usgov" if set(target.cloud) == {"gcc", "gcc-high", "dod"} else "-".join(target.cloud)
    parts = (
        (target.path != other.path, _words(target.path)),
        (target.cloud != other.cloud, cloud),
        (target.geography != other.geography, _words(target.geography)),
        (target.port != other.port, str(target.port)),
    )
    names = [plainest]
    for differs, word in parts:
        if differs and word:
            names.append(f"{names[-1]}.{word}")
    return names


def stem(host: str) -> str:
    """A host without what it shares with its neighbours, dots as hyphens; `any-` stands for a wildcard's `*.`."""
    suffix = next((each for each in _SHARED_SUFFIXES if host.endswith(each) and host != f"*{each}"), None)
    short = host.removesuffix(suffix) if suffix else host.rpartition(".")[0]
    return _words(short.replace("*.", "any-")) or "host"


def _words(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))
