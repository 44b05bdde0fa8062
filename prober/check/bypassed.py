"""What a device's bypass lists do to the targets of a run: who goes direct, and by which entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prober.model import Target
from prober.report.sanitize import several
from prober.routes.rules import RouteRule
from prober.routes.windows.proxy_list import masked
from prober.routes.windows.route import DeviceRoute, bypassed_by

MOST: Final = 20
"""Entries that are told of one component."""
_NAMED: Final = 5
"""Hosts that are named for an entry."""


def bypass_sentences(rules: Iterable[RouteRule], targets: Sequence[Target]) -> Iterator[str]:
    """A sentence for each component's whole list and entry by which targets of its own go direct, the entry with most
    of them first."""
    for rule in rules:
        if isinstance(rule, DeviceRoute) and not rule.alone:
            yield from _sentences(rule, [target for target in targets if rule.serves(target)])


def _sentences(rule: DeviceRoute, targets: Iterable[Target]) -> Iterator[str]:
    found: dict[tuple[str, str], list[Target]] = defaultdict(list)
    for target in targets:
        by = bypassed_by(rule, target)
        if by is not None:
            candidate, entry = by
            where = str(candidate.place) if candidate.place is not None else candidate.source or candidate.kind.value
            found[masked(entry), where].append(target)
    ordered = sorted(found.items(), key=lambda each: -len(each[1]))
    for (entry, where), sent in ordered[:MOST]:
        go = "goes" if len(sent) == 1 else "go"
        yield (
            f"{rule.component}: {several(len(sent), 'target')} {go} direct by the bypass entry {entry} ({where}): "
            f"{_hosts(sent)}"
        )
    if len(ordered) > MOST:
        rest = several(len(ordered) - MOST, "further bypass entry", "further bypass entries")
        yield f"{rule.component}: {rest} likewise"


def _hosts(targets: Iterable[Target]) -> str:
    hosts = list(dict.fromkeys(target.host for target in targets))
    more = f" and {len(hosts) - _NAMED:,} more" if len(hosts) > _NAMED else ""
    return ", ".join(hosts[:_NAMED]) + more
