from __future__ import annotations

import pytest

from .case import Case
from .cases_connection import CASES as CONNECTION
from .cases_http import CASES as HTTP
from .cases_names import CASES as NAMES
from .cases_proxy import CASES as PROXY
from .cases_tls import CASES as TLS
from .world import World

ALL = [*NAMES, *CONNECTION, *PROXY, *TLS, *HTTP]


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
