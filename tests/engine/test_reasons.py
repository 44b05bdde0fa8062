"""Every reason of the contract is provoked with a peer, or stands below with why no probe can meet it."""

from __future__ import annotations

import pytest

from prober.interception.anchors import UserRoot
from prober.interception.trust import Trust, TrustStore
from prober.model import Anchor, Observation, Reason

from ..interception.conftest import NOW
from .case import Case
from .cases_connection import CASES as CONNECTION
from .cases_http import CASES as HTTP
from .cases_names import CASES as NAMES
from .cases_proxy import CASES as PROXY
from .cases_tls import CASES as TLS
from .cases_trust import UNTRUSTED, Chain, Untrusted, root, serving, trusted
from .peers import shaking
from .world import ORIGIN, World, target

ALL = [*NAMES, *CONNECTION, *PROXY, *TLS, *HTTP]

NO_PROBE_MEETS = {
    Reason.CERT_REVOKED: "told of other hosts' answers, after the probes: tests/check/test_revocation_in_lab.py",
    Reason.REVOCATION_UNREACHABLE: "as before: several probes of other hosts together say so",
    Reason.HTTP_AUTH_REQUIRED: "a 401 of the target itself is an answer: the target is reachable",
    Reason.PAC_FETCH_FAILED: "routes from PAC files do not exist yet",
    Reason.PAC_SCRIPT_ERROR: "routes from PAC files do not exist yet",
    Reason.WPAD_NONE: "routes from WPAD do not exist yet",
}


@pytest.mark.parametrize("case", ALL, ids=str)
async def test_a_reason(case: Case, world: World) -> None:
    observation = await case.provoke(world)
    failure = observation.failure
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason) == (case.stage, case.hop, case.reason), failure.detail
    assert case.detail in failure.detail
    assert failure.status == case.status
    assert not observation.reachable
    assert observation.timings.total is not None


async def captured(chain: Chain, world: World) -> Observation:
    """What a probe of a server with this chain saw."""
    server = await world.peer(shaking(serving(chain)))
    return await world.probe(target(server.port))


def judged(observation: Observation) -> Trust:
    assert observation.tls is not None
    store = TrustStore(b"", None, [UserRoot(root().pem, names=(ORIGIN,))])
    return store.judge(observation.tls.chain, ORIGIN, NOW)


@pytest.mark.parametrize("case", UNTRUSTED, ids=str)
async def test_a_reason_not_to_trust(case: Untrusted, world: World) -> None:
    chain = case.chain()
    observation = await captured(chain, world)
    assert observation.reachable
    assert observation.tls is not None
    assert observation.tls.chain == tuple(issued.der for issued in chain)
    trust = judged(observation)
    assert not trust.trusted
    assert trust.failure is not None
    assert (trust.failure.stage, trust.failure.hop, trust.failure.reason) == ("tls", 0, case.reason)
    assert trust.anchor is case.anchor
    assert case.detail in trust.failure.detail


async def test_a_chain_without_any_of_these_faults_is_trusted(world: World) -> None:
    trust = judged(await captured(trusted(), world))
    assert trust.failure is None
    assert trust.trusted
    assert trust.anchor is Anchor.PINNED


def test_no_reason_is_left_out() -> None:
    provoked = {case.reason for case in ALL} | {case.reason for case in UNTRUSTED}
    assert provoked | set(NO_PROBE_MEETS) == set(Reason)
    assert not provoked & set(NO_PROBE_MEETS)
    assert all(NO_PROBE_MEETS.values())
