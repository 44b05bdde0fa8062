"""What is to be said of an automatic discovery: who answered that should not, and what devices would ask. Pure.

A name says whose it is, an address does not. So an answer from a name outside the organisation is certain and high; a
public address behind a name inside is worth a look; CNAMEs that lead outside are not seen at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prober.model import Reason
from prober.routes.severity import Severity
from prober.routes.text import without_login
from prober.routes.wpad import Candidate, Candidates, Origin, Whose


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to be said."""

    id: str
    """Kebab-case, public."""
    severity: Severity
    text: str
    """A sentence or two. May quote DHCP or a server: escape it before it is shown."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one candidate."""

    candidate: Candidate
    public: tuple[str, ...] = ()
    """Its addresses that are public ones."""
    dns: Reason | None = None
    """Why its name was not resolved."""
    hosts: tuple[str, ...] = ()
    """Hosts that had a part in the answer, where a script came: redirects, and who sent it."""
    digest: str | None = None
    """Of the script."""


def findings(candidates: Candidates, seen: Sequence[Seen]) -> tuple[Finding, ...]:
    """All of them, the gravest first."""
    found = [
        *_foreign(candidates, seen),
        *_devices(candidates),
        *(_finding("option-252-unusable", Severity.WARNING, problem) for problem in candidates.problems),
        *_addresses(seen),
        *_names(candidates, seen),
        *_scripts(seen),
    ]
    order = [Severity.HIGH, Severity.WARNING, Severity.INFO]
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _finding(id_: str, severity: Severity, text: str) -> Finding:
    return Finding(id_, severity, text)


def _foreign(candidates: Candidates, seen: Sequence[Seen]) -> Iterator[Finding]:
    inside = ", ".join(candidates.own) or "no domain"
    for each in seen:
        name = without_login(each.candidate.url)
        strangers = [host for host in dict.fromkeys(each.hosts) if candidates.whose(host) is Whose.OUTSIDE]
        if each.digest is not None and strangers:
            yield _finding(
                "foreign-answer",
                Severity.HIGH,
                f"the script of {name} came by way of {', '.join(strangers)}, outside the organisation ({inside}). "
                "Whoever is there decides about every device's proxies. If it is yours, name its domain with --own.",
            )
        elif each.candidate.whose is Whose.OUTSIDE:
            yield _finding(
                "foreign-candidate",
                Severity.WARNING,
                f"DHCP sends devices to {name}, outside the organisation ({inside}). It gave no script now; whoever is "
                "there may give one later.",
            )
        elif each.digest is not None and each.candidate.whose is Whose.UNKNOWN:
            yield _finding(
                "unknown-owner",
                Severity.INFO,
                f"{name} gave a script; nothing in {each.candidate.host} says whether it is the organisation's",
            )


def _devices(candidates: Candidates) -> Iterator[Finding]:
    for each in candidates.not_asked:
        if each.by_devices:
            yield _finding(
                "asks-outside",
                Severity.HIGH,
                f"a device of {candidates.domain} would ask {each.host}: {each.why}. It was not asked here. "
                "Raise the devolution level, or block the name in DNS.",
            )


def _addresses(seen: Sequence[Seen]) -> Iterator[Finding]:
    for each in seen:
        if each.public and each.candidate.whose is not Whose.OUTSIDE:
            yield _finding(
                "public-address",
                Severity.WARNING,
                f"{each.candidate.host} is at {', '.join(each.public[:4])}, on the internet: see whether that is "
                "the organisation's; from here it cannot be told",
            )


def _names(candidates: Candidates, seen: Sequence[Seen]) -> Iterator[Finding]:
    missing = [each for each in seen if each.candidate.origin is Origin.DNS]
    if missing and all(each.dns in (Reason.DNS_NXDOMAIN, Reason.DNS_NODATA) for each in missing):
        yield _finding(
            "query-block-list",
            Severity.INFO,
            "no wpad name exists. A DNS server on Windows says so too where its global query block list holds back the "
            "name, as it does by default, although the record is there (dnscmd /info /globalqueryblocklist)",
        )
    top = candidates.undelegated
    if top is not None:
        yield _finding(
            "name-collision",
            Severity.INFO,
            f".{top} is no top-level domain today and not reserved either: a laptop outside asks the internet for "
            f"wpad.{candidates.domain}, and somebody may get that domain one day (US-CERT TA16-144A)",
        )


def _scripts(seen: Sequence[Seen]) -> Iterator[Finding]:
    scripts = {each.digest: each.candidate for each in reversed(seen) if each.digest is not None}
    if len(scripts) > 1:
        places = ", ".join(without_login(each.url) for each in scripts.values())
        yield _finding(
            "scripts-differ",
            Severity.INFO,
            f"there are {len(scripts)} different scripts ({places}): a device's domain decides which one it gets",
        )
