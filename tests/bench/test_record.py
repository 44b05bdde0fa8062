"""What was measured as documents: seconds, health, keys, and the test bed."""

from __future__ import annotations

from pathlib import Path

from prober.bench.kpis import kpis
from prober.bench.lateness import lateness
from prober.bench.machine import machine
from prober.bench.profiles import steady
from prober.bench.record import LEAST_FOR_P99, MAX_KEYS, health_document, key_documents, run_document, second_document
from prober.bench.validity import validity
from prober.load.encoded import read
from prober.load.slices import HealthSample, KeySeen, Slice
from prober.load.words import Load, Measure, Span, Workload

from .queues import FORGED_KEY, ORIGIN_KEY, Queue, measured

LOAD = Load(workload=Workload.HANDSHAKE, phases=steady(50, 6), seed=3)


def test_seconds_are_whole_and_without_gaps() -> None:
    seen = measured(LOAD, Queue())
    figures = kpis(LOAD, seen)
    document = run_document(LOAD, seen, figures, validity(LOAD, seen, figures), purpose="run", rate=50)
    assert [each.second for each in document.seconds] == list(range(14))
    assert sum(each.offered for each in document.seconds) == sum(each.offered for each in seen.slices)
    assert document.kpis.offered == 50
    assert [phase.kind for phase in document.phases] == ["ramp-up", "ramp-up", "sustain", "collection"]
    assert set(document.histograms) == {"connect[1]", "tunnel[1]", "target-tls", "response", "service", "lateness"}
    assert read(document.histograms["tunnel[1]"]).count == 300  # the sustain phase alone


def test_a_second_without_anything_has_no_percentile() -> None:
    empty = second_document(Slice(3), None)
    assert (empty.p50, empty.p99, empty.response, empty.cpu) == (None, None, None, None)
    few = Slice(4)
    for _ in range(LEAST_FOR_P99 - 1):
        few.span(Measure(Span.RESPONSE)).record(0.01)
    assert second_document(few, 0.5).p50 is not None
    assert second_document(few, 0.5).p99 is None


def test_the_worst_process_of_the_sustain_phase_tells_of_health() -> None:
    seen = measured(LOAD, Queue())
    seen.health = [
        HealthSample(0, 0, 1.0, 9.0, 500, 1.0),  # still starting
        *(HealthSample(second, 0, 0.2, 0.001, 10, 0.5) for second in range(3, 9)),
        *(HealthSample(second, 1, 0.6, 0.002, 20, 0.5) for second in range(3, 9)),
    ]
    health = health_document(LOAD, seen)
    assert (round(health.cpu, 6), health.machine_cpu, health.lag, health.descriptors) == (0.6, 0.5, 0.002, 20)
    assert health.lateness_p99 is None  # of 300 starts


def test_a_p99_of_lateness_is_one_and_the_same_everywhere() -> None:
    load = Load(workload=Workload.HANDSHAKE, phases=steady(200, 6), seed=3)
    seen = measured(load, Queue())
    found = kpis(load, seen)
    run = run_document(load, seen, found, validity(load, seen, found), purpose="run", rate=200)
    figure = lateness(run.kpis.spans["lateness"])
    assert figure is not None
    assert figure == ("p99", run.health.lateness_p99)


def test_keys_are_counted_over_the_run_and_bounded() -> None:
    seen = measured(LOAD, Queue(key=lambda at: FORGED_KEY if at > 6 else ORIGIN_KEY))
    keys = key_documents(seen.slices)
    assert {each.key for each in keys} == {ORIGIN_KEY, FORGED_KEY}
    assert keys[0].count > keys[1].count > 0
    assert next(each for each in keys if each.key == FORGED_KEY).first >= 6
    farm = Slice(0)
    farm.keys = {f"{place:064x}": KeySeen(place + 1, "CN=\ud800", 0.5) for place in range(300)}
    assert len(key_documents([farm])) == MAX_KEYS
    assert key_documents([farm])[0].count == 300
    assert "\ud800" not in key_documents([farm])[0].issuer


def test_the_test_bed(tmp_path: Path) -> None:
    place = tmp_path / "sys/net/ipv4"
    place.mkdir(parents=True)
    (place / "ip_local_port_range").write_text("32768\t60999\n")
    (tmp_path / "cpuinfo").write_text("processor: 0\nmodel name\t: Some CPU @ 2 GHz\n")
    found = machine(tmp_path)
    assert found.settings == {"net.ipv4.ip_local_port_range": "32768 60999"}
    assert found.cpu == "Some CPU @ 2 GHz"
    assert found.cores >= 1
    assert found.memory > 1 << 20
    assert "uvloop" in found.libraries
    assert machine(tmp_path / "nothing").settings == {}
