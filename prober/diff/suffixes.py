"""Which part of the DNS a set of hosts is: the fewest suffixes that hold them all and none of the others."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

NAMED: Final = 3
"""Suffixes that are worth naming at most: more of them explain nothing."""
_LEAST_LABELS: Final = 2
"""A whole top-level domain is nobody's rule."""
_MOST_LABELS: Final = 127
"""More of them do not fit into a name (RFC 1035 section 2.3.4: 255 octets)."""


def suffixes_in(hosts: Iterable[str]) -> Counter[str]:
    """How many of these hosts, each counted once, lie at or beneath each suffix."""
    return Counter(suffix for host in set(hosts) for suffix in _suffixes(host))


def covering(hosts: Sequence[str], counted: Sequence[tuple[Mapping[str, int], Mapping[str, int]]]) -> tuple[str, ...]:
    """The fewest suffixes that hold these hosts and nobody else, in order; none where there is no such rule to see.

    `counted` has, for each way out, the hosts of these that each suffix holds there, and of all that were probed.
    """
    if len(set(hosts)) < 2 or all(mine.get("", 0) == total.get("", 0) for mine, total in counted):
        return ()
    found: dict[str, list[str]] = {}
    for host in set(hosts):
        for suffix in _suffixes(host):
            if suffix and all(mine.get(suffix, 0) == total.get(suffix, 0) for mine, total in counted):
                found.setdefault(suffix, []).append(host)
                break
        else:
            return ()
        if len(found) > NAMED + 1:
            return ()
    if len(found) > NAMED or max(map(len, found.values())) == 1:
        return ()
    return tuple(sorted(map(_common, found.values())))


def _common(hosts: Sequence[str]) -> str:
    """The longest suffix that all of them have: a rule is rather `blob.core.example` than all of `example`."""
    return max(set.intersection(*(set(_suffixes(host)) for host in hosts)), key=len)


@lru_cache(maxsize=65536)
def _suffixes(host: str) -> tuple[str, ...]:
    """Every suffix of whole labels, shortest first; the empty one holds everything."""
    if _is_address(host):
        return "", host
    labels = host.rstrip(".").lower().split(".")
    if len(labels) > _MOST_LABELS:
        return "", host
    lengths = range(min(_LEAST_LABELS, len(labels)), len(labels) + 1)
    return "", *(".".join(labels[-length:]) for length in lengths)


def _is_address(host: str) -> bool:
    if not host[-1:].isdigit() and ":" not in host:
        return False
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
