"""How often a pair is probed before its turn. Who contradicts himself for ever waits his turn after a few times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Patience:
    """The hurried looks that are left to one pair: `confirm` of them, until something is confirmed again.

    Confirmed is a change, or what is known by `confirm` observations in a row that do not contradict it. A change needs
    `confirm - 1` hurried looks, so nothing that can be confirmed is ever delayed; but a pair that is up and down by
    turns costs no more than its interval says.
    """

    asked: int = 0
    """Hurried looks since something was confirmed."""
    calm: int = 0
    """Observations in a row that contradicted nothing."""

    def hurries(self, contradicted: bool, changed: bool, confirm: int) -> bool:
        """Whether another look is wanted soon, after one more observation. `changed`: it confirmed a change."""
        self.calm = 0 if contradicted else self.calm + 1
        if changed or self.calm >= confirm:
            self.asked = 0
        if not contradicted or self.asked >= confirm:
            return False
        self.asked += 1
        return True
