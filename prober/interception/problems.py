"""All that is wrong with a chain for a host at a time, most telling first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from prober.interception.anchors import Certificate
from prober.interception.certificates import shown
from prober.interception.endings import Ending
from prober.interception.names import name_problem
from prober.model import Failure, Reason, Stage

Problem = tuple[Reason, str]


def failure_of(problems: Sequence[Problem]) -> Failure | None:
    """The first one's reason with the text of all; None if there are none."""
    if not problems:
        return None
    return Failure(Stage.TLS, 0, problems[0][0], "; also: ".join(text for _, text in problems))


def problems_of(leaf: Certificate, ending: Ending, host: str, at: int) -> Iterator[Problem]:
    """What speaks against the chain that ended like this."""
    if ending.reason is not None:
        yield ending.reason, ending.detail
    if "extensions" in leaf.facts.unreadable:
        yield Reason.CERT_INVALID, "its extensions cannot be read"
    yield from _date_problems(ending, at)
    if "extensions" not in leaf.facts.unreadable:
        mismatch = name_problem(leaf.der, host)
        if mismatch is not None:
            yield Reason.CERT_NAME_MISMATCH, mismatch
    links = ending.path.certificates[:-1] if ending.path.authority else ending.path.certificates
    for link in (leaf, *(other for other in links if other != leaf)):
        if not link.facts.serves_tls:
            text = f"{_whose(link, leaf)} may not be used for TLS servers (extended key usage)"
            yield Reason.CERT_WRONG_USAGE, text


def _date_problems(ending: Ending, at: int) -> Iterator[Problem]:
    leaf = ending.path.certificates[0]
    found = False
    for link in ending.path.certificates:
        if at < link.facts.not_before:
            found = True
            yield Reason.CERT_NOT_YET_VALID, f"{_whose(link, leaf)} is not valid before {_utc(link.facts.not_before)}"
        elif at > link.facts.not_after:
            found = True
            yield Reason.CERT_EXPIRED, f"{_whose(link, leaf)} expired {_utc(link.facts.not_after)}"
    if ending.late and not found:
        yield Reason.CERT_EXPIRED, "a certificate on the path ends its validity this second"


def _whose(link: Certificate, leaf: Certificate) -> str:
    return "its certificate" if link == leaf else f"its issuer {shown(link.facts.subject)}"


def _utc(instant: float) -> str:
    return dt.datetime.fromtimestamp(instant, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
