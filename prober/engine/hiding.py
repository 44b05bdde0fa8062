"""Passwords that a peer quotes do not get into an observation: a proxy may repeat the login it was given in any header.

It is the one place through which all that peers say comes in; pages, documents, state files and logs are made from it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from prober.model import Failure, Hop, Observation
from prober.routes.passwords import spellings

_SHORTEST = 4
"""Characters. What is shorter stands in any text by chance."""


def hidden(observation: Observation, hops: tuple[Hop, ...]) -> Observation:
    """The observation with `***` where a text of a peer's has the password of one of these hops."""
    secrets = _secrets(hops)
    if secrets is None:
        return observation
    failure, http = observation.failure, observation.http
    passed = tuple(_without(each, secrets) for each in observation.passed_over)
    if http is not None and http.headers:
        http = replace(http, headers=tuple((name, secrets.sub("***", value)) for name, value in http.headers))
    facts = tuple(
        replace(
            hop,
            offered=tuple(secrets.sub("***", scheme) for scheme in hop.offered),
            tls_failure=None if hop.tls_failure is None else _without(hop.tls_failure, secrets),
        )
        for hop in observation.hops
    )
    failure = None if failure is None else _without(failure, secrets)
    return replace(observation, failure=failure, http=http, hops=facts, passed_over=passed)


def _without(failure: Failure, secrets: re.Pattern[str]) -> Failure:
    return replace(failure, detail=secrets.sub("***", failure.detail))


@lru_cache(maxsize=1024)
def _secrets(hops: tuple[Hop, ...]) -> re.Pattern[str] | None:
    """Every way in which their passwords may stand in a text, the longer ones first; None without any. In whichever
    case: `%2f` is `%2F`, and what we read ourselves is put in lower case.

    What is no hop at all, by a bug of ours, has none: another place tells of it.
    """
    found = {
        text for hop in hops if getattr(hop, "password", None) for text in spellings(hop) if len(text) >= _SHORTEST
    }
    if not found:
        return None
    return re.compile("|".join(map(re.escape, sorted(found, key=len, reverse=True))), re.IGNORECASE)
