"""Whether a client that checks revocation could do so for a chain: facts about its sources, and what follows from them.

A certificate can be looked up if one of its sources works, as a client tries one after the other. What was not looked
at counts neither way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prober.interception.revocation_sources import SourceKind
from prober.model import Failure, Reason, Route, Stage

_MOST_TOLD: Final = 4
"""Sources that a failure's detail names."""
_DETAIL: Final = 300
"""Characters of each of their own details."""


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """What became of one address of one certificate."""

    kind: SourceKind
    url: str
    works: bool | None
    """Whether a client can rest on what it answers; None = not known."""
    failure: Failure | None = None
    """Why it does not work; None unless `works` is False."""
    says: str = ""
    """What it answered, or why nothing is known."""
    route: Route | None = None
    """The way it was asked over; None where it was not."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that its authority has revoked, as one of its sources says."""

    url: str
    at: float | None
    """When, in seconds since the epoch; None where it is not said."""


@dataclass(frozen=True, slots=True)
class CertificateRevocation:
    """One certificate with its sources."""

    sha256: str
    outcomes: tuple[SourceOutcome, ...]
    ignored: tuple[str, ...] = ()
    """Addresses in it that are not followed, each as a sentence."""
    revoked: Revoked | None = None

    @property
    def reachable(self) -> bool | None:
        """Whether its revocation can be looked up; None = not known, or it names no source at all."""
        found = [each.works for each in self.outcomes if each.kind.tells_revocation]
        if any(found):
            return True
        return False if found and not self.ignored and all(each is False for each in found) else None

    @property
    def has_sources(self) -> bool:
        """Whether it names any place where its revocation is published."""
        return bool(self.ignored) or any(each.kind.tells_revocation for each in self.outcomes)


@dataclass(frozen=True, slots=True)
class Revocation:
    """A chain's certificates that a client looks up: all but the root, leaf first."""

    route: str
    """The name of the route over which the sources were asked."""
    certificates: tuple[CertificateRevocation, ...]

    @property
    def reachable(self) -> bool | None:
        """False if the revocation of one of them cannot be looked up, True if that of all can which name a source; None
        = not known, or none of them names one."""
        found = [each.reachable for each in self.certificates if each.has_sources]
        if any(each is False for each in found):
            return False
        return True if found and all(found) else None

    @property
    def failure(self) -> Failure | None:
        """Why not, with stage and hop of the first source that failed; None unless `reachable` is False."""
        failed = self.failed
        return _unreachable(failed) if failed else None

    @property
    def failed(self) -> tuple[SourceOutcome, ...]:
        """The sources of the first certificate that cannot be looked up; none unless `reachable` is False."""
        for each in self.certificates:
            if each.reachable is False:
                return tuple(outcome for outcome in each.outcomes if outcome.kind.tells_revocation)
        return ()

    @property
    def revoked(self) -> Failure | None:
        """That one of them is revoked, if one is."""
        for place, each in enumerate(self.certificates):
            if each.revoked is not None:
                who = "the certificate" if not place else f"the authority's certificate {each.sha256[:16]}…"
                return Failure(Stage.TLS, 0, Reason.CERT_REVOKED, f"{who} is revoked, says {each.revoked.url}")
        return None


def _unreachable(outcomes: Iterable[SourceOutcome]) -> Failure:
    failed = [(each, each.failure) for each in outcomes if each.failure is not None]
    told = "; ".join(f"{each.kind} {each.url}: {_where(failure)}" for each, failure in failed[:_MOST_TOLD])
    more = f"; and {len(failed) - _MOST_TOLD} more" if len(failed) > _MOST_TOLD else ""
    first = failed[0][1]
    return Failure(first.stage, first.hop, Reason.REVOCATION_UNREACHABLE, told + more)


def _where(failure: Failure) -> str:
    place = f"hop {failure.hop}" if failure.hop else "target"
    reason = "" if failure.reason is Reason.REVOCATION_UNREACHABLE else f"{failure.reason} "
    return f"{reason}(stage {failure.stage}, {place}): {failure.detail[:_DETAIL]}"
