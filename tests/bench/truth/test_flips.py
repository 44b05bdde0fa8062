"""A proxy that changes its mind about TLS inspection at a rate that is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from prober.bench.flips import Flip, flips
from prober.load.arrivals import rate_at
from prober.load.words import Load, Phase, PhaseKind, Workload
from prober.model import Target

from .apparatus import forged_certificate, steady_load, undisturbed
from .scripted_proxy import Script

THRESHOLD = 200.0
RAMP = Load(
    workload=Workload.HANDSHAKE,
    phases=(
        Phase(PhaseKind.RAMP_UP, 5, 115, 265),  # 200 a second are offered 2.8 s after the beginning
        Phase(PhaseKind.SUSTAIN, 1, 265, 265),
        Phase(PhaseKind.COLLECTION, 5, 0, 0),
    ),
    seed=7,
)


@pytest.mark.parametrize(
    ("kind", "limit", "before", "after"),
    [
        (Flip.FAILS_OPEN, {"bump_below": THRESHOLD}, "bumped", "passed"),
        (Flip.BEGINS, {"bump_above": THRESHOLD}, "passed", "bumped"),
    ],
)
async def test_the_second_and_the_rate_of_the_flip(
    kind: Flip, limit: dict[str, float], before: str, after: str, target: Target, tmp_path: Path
) -> None:
    script = replace(Script(certificate=forged_certificate(tmp_path)), **limit)  # type: ignore[arg-type] # both floats
    direct = await undisturbed(Script(), steady_load(30, 1), target)
    run = await undisturbed(script, RAMP, target)
    assert {each.how for each in run.answered} == {before, after}
    truth = next(each.at for each in run.answered if each.how == after) - run.measured.begun
    [finding] = flips(run.load, run.measured, [direct.measured])
    assert finding.kind is kind
    assert finding.second is not None
    assert int(finding.second) == int(truth)
    assert f"from second {int(truth)} on" in finding.text
    assert finding.rate is not None
    assert abs(finding.rate / rate_at(RAMP.phases, truth) - 1) <= 0.05
    assert abs(finding.rate / THRESHOLD - 1) <= 0.2, "CONNECTs that come in a crowd are faster than they were due"
    assert finding.count == sum(each.how == after for each in run.answered)
    assert "Inspection" in finding.text or kind is Flip.FAILS_OPEN
