"""Stand-in until the branch `trust` is merged."""

from __future__ import annotations

from collections.abc import Sequence

from prober.interception.certificates import CertificateFacts
from prober.interception.verdict import Attribution


class Middleboxes:
    @classmethod
    def shipped(cls) -> Middleboxes:
        return cls()

    def attribution(self, leaf: CertificateFacts, others: Sequence[CertificateFacts]) -> Attribution | None:
        return None

    def names_product(self, organisation: str) -> str | None:
        return None


def http_product(headers: Sequence[tuple[str, str]]) -> str | None:
    return None
