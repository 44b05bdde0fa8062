"""Whether what was seen once was seen again: chance, rotation and a farm's odd member ruled out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prober.interception.looks import Look


def is_settled(look: Look, looks: Iterable[Look], references: Sequence[Look]) -> bool:
    """Whether chance and rotation are ruled out: seen again on this route, and a reference (if there is one) twice; or
    seen once, with references before and after it that had one key."""
    again = sum(each.unanchored for each in looks) >= 2
    if not references:
        return again
    if again:
        return len(references) >= 2
    before = {each.view.key for each in references if each.at <= look.at}
    after = {each.view.key for each in references if each.at >= look.at}
    return bool(before & after) and len(references) >= 2


def is_steady(look: Look, looks: Iterable[Look]) -> bool:
    """Whether the looks of this kind are at least two and agree in what the protocol shows."""
    alike = [each for each in looks if each.unanchored == look.unanchored]
    shown = {(each.tls.version, each.tls.alpn, each.tls.client_cert_requested) for each in alike}
    return len(alike) >= 2 and len(shown) == 1
