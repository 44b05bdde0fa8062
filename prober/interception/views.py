"""Chains as they stand for hosts, each worked out once for as long as it is known."""

from __future__ import annotations

from typing import Final

from prober.interception.looks import View, view_of
from prober.interception.recent import Recent
from prober.interception.trust import Trust, TrustStore

_KEPT: Final = 12_288
"""Enough for a monitor of 10,000 targets."""


class Views:
    """Judged by one store. Comparisons of egress points that have the same one may share it."""

    def __init__(self, judge: TrustStore, *, targets: int = 0) -> None:
        """Where several egress points see so many `targets` one after another, each chain is worked out once."""
        self._judge = judge
        self._known: Recent[tuple[tuple[bytes, ...], str], tuple[Trust, View]] = Recent(max(_KEPT, 2 * targets))

    def of(self, chain: tuple[bytes, ...], host: str, at: float) -> View:
        """The chain with all that is known by now; its intermediates are learned."""
        trust = self._judge.judge(chain, host, at)
        known = self._known.get((chain, host))
        if known is not None and known[0] is trust:
            return known[1]
        self._judge.learn(chain)
        trust = self._judge.judge(chain, host, at)
        view = view_of(chain, trust, self._judge)
        if known is not None and known[1].same_as(view):
            view = known[1]
        self._known.put((chain, host), (trust, view))
        return view
