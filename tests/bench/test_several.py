"""Several machines make one load: each is judged by itself, and whether they began together is told."""

from __future__ import annotations

import pytest

from prober.bench.criteria import Fault, Remark
from prober.bench.kpis import kpis
from prober.bench.record import run_document
from prober.bench.validity import Validity, validity
from prober.load.slices import GeneratorShare, Measured, Slice
from prober.load.words import Measure, Skip, Span

from .test_validity import LOAD, sample, seconds, starts


def share(name: str, worker: int = 0, *, late: int = 0, **health: float) -> GeneratorShare:
    """Half of LOAD: so many of its thousand starts late."""
    slices = seconds([50] * 20, offered=50)
    slices[5].spans[Measure(Span.LATENESS)] = starts(1_000, 0.0005, late)
    measured = Measured("r", 0, slices, [sample(5, worker, **health)], ports=28_000, descriptor_limit=1_000)
    return GeneratorShare(name, measured, processes=1)


def joined(*shares: GeneratorShare) -> Measured:
    whole = Measured("r", 0, [], [], ports=28_000, descriptor_limit=1_000, generators=list(shares))
    for second in range(23):
        one = Slice(second)
        for each in shares:
            one.add(each.measured.slices[second])
        whole.slices.append(one)
    whole.health += [each for part in shares for each in part.measured.health]
    return whole


def judged(*shares: GeneratorShare) -> Validity:
    measured = joined(*shares)
    return validity(LOAD, measured, kpis(LOAD, measured))


def test_all_are_well() -> None:
    found = judged(share("paris"), share("berlin", 1))
    assert (found.valid, found.reasons) == (True, ())
    assert {each.word for each in found.remarks} == {Remark.SHORT, Remark.FEW_SAMPLES}


@pytest.mark.parametrize(
    ("ill", "fault"),
    [
        (share("berlin", 1, late=15), Fault.LATE),
        (share("berlin", 1, cpu=0.9), Fault.CPU),
        (share("berlin", 1, machine_cpu=0.99), Fault.MACHINE),
        (share("berlin", 1, lag=0.05), Fault.LAG),
    ],
    ids=["late", "process", "machine", "loop"],
)
def test_one_that_is_unwell_beside_one_that_is_not(ill: GeneratorShare, fault: Fault) -> None:
    """Of all 2,000 starts 15 late ones are less than one in a hundred, and a mean over machines hides a busy one."""
    found = judged(share("paris"), ill)
    assert (found.valid, found.generator_limited) == (False, True)
    (reason,) = found.reasons
    assert reason.word == fault
    assert reason.text.startswith("Generator berlin: ")
    together = joined(share("paris"), ill)
    together.generators = []
    hidden = validity(LOAD, together, kpis(LOAD, together))
    assert fault in (Fault.CPU, Fault.LAG) or hidden.valid


def test_operations_that_one_left_out() -> None:
    ill = share("berlin", 1)
    ill.measured.slices[7].skipped[Skip.LATE] += 3
    ill.measured.slices[7].succeeded -= 3
    (reason,) = [each for each in judged(share("paris"), ill).reasons if each.word == Fault.SKIPPED_LATE]
    assert reason.text.startswith("Generator berlin: The generator came to 3 operations")


def test_what_their_clocks_say_makes_nothing_invalid() -> None:
    late, unsure, off = share("late"), share("unsure", 1), share("off", 2)
    late.late, unsure.uncertainty, off.skew = 0.4, 0.3, -90.0
    found = judged(late, unsure, off)
    told = {each.word: each.text for each in found.remarks if each.word in (Remark.LATE_BEGIN, Remark.CLOCK)}
    assert found.valid
    assert told[Remark.LATE_BEGIN].startswith("Generator late heard 400 ms after")
    clocks = [each.text for each in found.remarks if each.word == Remark.CLOCK]
    assert clocks[0].startswith("Generator unsure may have begun 300 ms before or after")
    assert clocks[1].startswith("The clock of generator off is -90.0 s off")


def test_ports_are_each_machine_s_own() -> None:
    """Together they have enough; one of them has not."""
    small, large = share("small"), share("large")
    small.measured.ports, large.measured.ports = 1_000, 28_000
    for each in (*small.measured.slices, *large.measured.slices):
        each.connections = 50
    found = [each for each in judged(small, large).remarks if each.word is Remark.PORTS]
    assert [each.text.partition(":")[0] for each in found] == ["Generator small"]
    assert "Use more machines" in found[0].text
    assert "--source" not in found[0].text


def test_a_machine_s_own_remarks_have_its_name() -> None:
    found = judged(share("paris"), share("berlin", 1, machine_cpu=0.9, descriptors=950))
    texts = {each.word: each.text for each in found.remarks}
    assert texts[Remark.MACHINE].startswith("Generator berlin: 90 % of this machine's cores")
    assert texts[Remark.DESCRIPTORS].startswith("Generator berlin: A generator process had 950")


def test_the_document_has_each_and_the_worst_of_all() -> None:
    ill = share("berlin", 1, cpu=0.7, machine_cpu=0.9, lag=0.015, descriptors=500)
    ill.late, ill.uncertainty, ill.skew = 0.1, 0.002, 0.5
    measured = joined(share("paris", cpu=0.1, machine_cpu=0.1), ill)
    figures = kpis(LOAD, measured)
    run = run_document(LOAD, measured, figures, validity(LOAD, measured, figures), purpose="run", rate=100)
    assert [(each.name, each.processes, each.offered) for each in run.generators] == [
        ("paris", 1, 50.0), ("berlin", 1, 50.0)
    ]  # fmt: skip
    assert (run.health.cpu, run.health.machine_cpu, run.health.lag, run.health.descriptors) == (0.7, 0.9, 0.015, 500)
    assert run.generators[0].health.machine_cpu == 0.1
    berlin = run.generators[1]
    assert (berlin.late, berlin.uncertainty, berlin.skew) == (0.1, 0.002, 0.5)
