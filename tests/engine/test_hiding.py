"""What a peer quotes of a password is taken out of everything it says."""

from __future__ import annotations

import base64
from dataclasses import replace
from urllib.parse import quote

import pytest

from prober.engine.hiding import hidden
from prober.model import (
    Failure,
    Hop,
    HopFacts,
    HopScheme,
    HttpFacts,
    Observation,
    Reason,
    Secret,
    Stage,
)

PASSWORD = 'p@ss "word" 100%'
HOP = Hop(HopScheme.HTTP, "p.test", 8080, "svc", Secret(PASSWORD))
OPEN = Hop(HopScheme.HTTP, "q.test", 8080)


def saying(text: str) -> Observation:
    failure = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, f"403 to CONNECT; server: {text}!")
    return Observation(
        target="t",
        route="r",
        at=0,
        failure=failure,
        http=HttpFacts(403, (("server", f"x {text}"), ("via", "1.1 proxy"))),
        hops=(HopFacts(403, ("basic", text), tls_failure=replace(failure, detail=f"CN={text}")), HopFacts()),
    )


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        PASSWORD.upper(),
        quote(PASSWORD),
        quote(PASSWORD, safe="").lower(),
        base64.b64encode(f"svc:{PASSWORD}".encode()).decode(),
    ],
)
def test_every_spelling(text: str) -> None:
    assert hidden(saying(text), (OPEN, HOP)) == saying("***")


def test_nothing_else_is_touched() -> None:
    other = saying("not a secret")
    assert hidden(other, (HOP,)) == other
    assert hidden(saying(PASSWORD), (OPEN,)) == saying(PASSWORD), "of no hop of this route"
    short = replace(HOP, password=Secret("403"))
    assert hidden(other, (short,)) == other, "would stand in any text"


def test_one_password_within_another() -> None:
    inner = replace(HOP, password=Secret("word"))
    assert hidden(saying("xword"), (replace(HOP, password=Secret("xword")), inner)) == saying("***")
