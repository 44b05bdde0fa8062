"""Names under which public authorities, the vendor and the user's own sign.

A chain that lacks its issuer's certificate proves nothing. If the issuer's name is one of these, a certificate was most
likely left out, as servers do by mistake: the chain is `incomplete`. If it is none of them, somebody signs whom nobody
knows: `unknown`. Names only choose between these two; they never make anything trusted, and anybody may claim them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

from prober.interception.certificates import CertificateFacts
from prober.interception.middleboxes import attribution

_VENDOR: Final = "microsoft"
"""However its next issuers will be called, so far all of them begin like this."""


@dataclass(frozen=True, slots=True)
class KnownIssuer:
    """A row of `data/issuers.tsv`."""

    common_name: str
    """Empty where the row stands for all issuers of an organisation."""
    organisation: str
    source: str


@lru_cache(maxsize=1)
def known_issuers() -> tuple[KnownIssuer, ...]:
    """The issuers shipped with this package."""
    text = resources.files("prober.interception").joinpath("data", "issuers.tsv").read_text("utf-8")
    rows = csv.DictReader((line for line in text.splitlines() if not line.startswith("#")), delimiter="\t")
    return tuple(KnownIssuer(row["common_name"], row["organisation"], row["source"]) for row in rows)


class IssuerNames:
    """A set of names that grows with what is learned."""

    def __init__(self) -> None:
        self._names: set[tuple[str, str]] = set()
        self._ids: set[str] = set()
        for issuer in known_issuers():
            self._names |= {("CN", _folded(issuer.common_name)), ("O", _folded(issuer.organisation))}
        self._names -= {("CN", ""), ("O", "")}

    def add(self, certificates: Iterable[CertificateFacts], *, organisations: bool) -> None:
        """Know these authorities; with `organisations` also others of the same common name or organisation.

        Not so for pinned roots of the user's and what is learned under them: a company's inspection authority bears
        the company's name as well. (Where such a root may vouch for certain names only, see `of_one_house`.)
        """
        for facts in certificates:
            if organisations:
                self._names |= {(kind, _folded(value)) for kind, value in facts.subject_names if kind != "OU" and value}
            self._ids.add(facts.subject_id)
        self._ids.discard("")

    def named_by(self, facts: CertificateFacts) -> bool:
        """Whether the issuer that a certificate names is one of them, or would be the vendor's."""
        if facts.issuer_id in self._ids:
            return True
        names = {(kind, _folded(value)) for kind, value in facts.issuer_names if kind != "OU"}
        if not names.isdisjoint(self._names):
            return True
        like_the_vendors = any(value.startswith(_VENDOR) for _, value in names)
        return like_the_vendors and not _is_a_product(facts)


def of_one_house(facts: CertificateFacts, authority: CertificateFacts) -> bool:
    """Whether the issuer that a certificate names bears an authority's common name or organisation."""
    names = {(kind, _folded(value)) for kind, value in facts.issuer_names if kind != "OU" and value}
    return not names.isdisjoint((kind, _folded(value)) for kind, value in authority.subject_names)


def _is_a_product(facts: CertificateFacts) -> bool:
    """Whether the issuer's name is that of an inspection product, by a name that is no guess: the vendor made some."""
    found = attribution(facts)
    return found is not None and found.confidence != "low"


def _folded(value: str) -> str:
    return " ".join(value.split()).casefold()
