"""Errors at a rate that is known."""

from __future__ import annotations

from prober.bench.criteria import Fault
from prober.model import Reason, Stage, Target

from .apparatus import steady_load, undisturbed
from .scripted_proxy import Script

SHARE = 0.01


async def test_one_percent_refused(target: Target) -> None:
    run = await undisturbed(Script(service=0.005, refused=SHARE), steady_load(200, 6), target)
    [failure] = run.kpis.failures
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY.value, 1, Reason.PROXY_DENIED.value)
    assert failure.low <= SHARE <= failure.high
    assert failure.share == failure.count / 1200
    refused = sum(each.how == "refused" for each in run.answered)
    assert sum(each.failed.total() for each in run.measured.slices) == refused > 0
    assert sum(each.succeeded for each in run.measured.slices) == len(run.answered) - refused
    assert Fault.FAILED in [reason.word for reason in run.validity.reasons]
    assert not run.validity.generator_limited
