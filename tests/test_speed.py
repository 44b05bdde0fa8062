"""What `benchmarks/speed/` makes of what it reads: limits, histograms between two scrapes, libraries in a profile."""

from __future__ import annotations

import pytest

from benchmarks.speed.commands import _CONNECTIONS
from benchmarks.speed.figures import Figure, Part, difference, lines, ratio
from benchmarks.speed.instructions import by_library
from benchmarks.speed.profile import Where, where
from benchmarks.speed.serving import LAG, LATENESS, between, buckets, quantile

BEFORE = """\
prober_schedule_lateness_seconds_bucket{le="0.001"} 10.0
prober_schedule_lateness_seconds_bucket{le="0.005"} 10.0
prober_schedule_lateness_seconds_bucket{le="+Inf"} 10.0
prober_event_loop_lag_seconds_bucket{process="front",le="0.001"} 0.0
prober_event_loop_lag_seconds_bucket{process="front",le="+Inf"} 1.0
"""
AFTER = """\
prober_schedule_lateness_seconds_bucket{le="0.001"} 60.0
prober_schedule_lateness_seconds_bucket{le="0.005"} 110.0
prober_schedule_lateness_seconds_bucket{le="+Inf"} 110.0
prober_event_loop_lag_seconds_bucket{process="front",le="0.001"} 4.0
prober_event_loop_lag_seconds_bucket{process="front",le="+Inf"} 9.0
"""


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure(name="a", unit="", values=(1.0, 3.0, 2.0)), None),
        (Figure(name="a", unit="", values=(1.0, 3.0, 2.0), at_least=2.0), True),
        (Figure(name="a", unit="", values=(1.0, 3.0, 2.0), at_least=2.1), False),
        (Figure(name="a", unit="", values=(1.0, 3.0, 2.0), at_most=2.0), True),
        (Figure(name="a", unit="", values=(1.0, 3.0, 2.0), below=2.0), False),
        (Figure(name="a", unit="", values=(), at_most=2.0), False),
    ],
)
def test_limits(figure: Figure, met: bool | None) -> None:
    assert figure.met is met


def test_rounds_are_compared_with_their_own() -> None:
    assert ratio("r", [2.0, 30.0], [1.0, 10.0]).values == (2.0, 3.0)
    assert difference("d", [2.0, 30.0], [1.0, 10.0]).values == (1.0, 20.0)
    with pytest.raises(ValueError, match="argument"):
        ratio("r", [2.0], [1.0, 10.0])


def test_the_table() -> None:
    missed = Figure(name="ratio", unit="×", values=(1.25, 1.0, 1.5), at_least=1.5)
    nothing = Figure(name="nothing", unit="µs", values=(), below=3.0)
    part = Part(name="engine", about="x", notes=["a note"], figures=[missed, nothing])
    _, title, note, _, first, second = lines(part)
    assert (title, note) == ("engine: x", "  (a note)")
    assert first.split() == ["ratio", "1.25", "1", "1.5", "×", "≥", "1.5", "MISSED"]
    assert second.split() == ["nothing", "not", "measured", "µs", "<", "3", "MISSED"]
    assert not part.met
    document = part.document()
    assert document["figures"][0]["median"] == 1.25  # type: ignore[index] # a list of mappings, for JSON


def test_between_two_scrapes() -> None:
    late = between(buckets(BEFORE, LATENESS), buckets(AFTER, LATENESS))
    assert late == {"all": {0.001: 50.0, 0.005: 100.0, float("inf"): 100.0}}
    assert quantile(late["all"], 0.5) == pytest.approx(0.001)
    assert quantile(late["all"], 0.99) == pytest.approx(0.001 + 0.004 * 49 / 50)
    lag = between(buckets(BEFORE, LAG), buckets(AFTER, LAG))
    assert quantile(lag["front"], 0.99) == 0.001, "above all bounds: the last one"
    assert quantile({}, 0.99) == 0.0


@pytest.mark.parametrize(
    ("library", "whose"),
    [
        ("[kernel.kallsyms]", Where.KERNEL),
        ("[nf_conntrack]", Where.KERNEL),
        ("[vdso]", Where.REST),
        ("/x/site-packages/cryptography/hazmat/bindings/_rust.abi3.so", Where.OPENSSL),
        ("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", Where.OPENSSL),
        ("/x/site-packages/uvloop/loop.cpython-311-x86_64-linux-gnu.so", Where.UVLOOP),
        ("/x/lib/libpython3.11.so.1.0", Where.CPYTHON),
        ("/usr/bin/python3.11", Where.CPYTHON),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", Where.REST),
        ("/x/site-packages/_cffi_backend.cpython-311-x86_64-linux-gnu.so", Where.REST),
    ],
)
def test_whose_a_library_is(library: str, whose: Where) -> None:
    assert where(library) is whose


def test_what_s_time_says() -> None:
    said = "386 connections in 0.98s; 393.88 connections/user sec, bytes read 0\n386 connections in 2 real seconds, 0\n"
    found = _CONNECTIONS.search(said)
    assert found is not None
    assert found[1] == "386"


def test_a_part_that_broke_off_meets_nothing() -> None:
    part = Part(name="limit", about="x", broken="perf saw nothing")
    assert not part.met
    assert list(lines(part))[-1] == "  BROKE OFF: perf saw nothing"


def test_instructions_are_those_of_the_library_they_are_in() -> None:
    """A call's own line counts in the caller, what it cost in the one called; names are given once."""
    lines = """
events: Ir
ob=(1) /usr/lib/libpython3.11.so.1.0
fn=(1) _PyEval
0 100
cob=(2) /venv/cryptography/hazmat/bindings/_rust.abi3.so
cfn=(2) SSL_do_handshake
calls=1 0
0 9000
+3 7
ob=(2)
fn=(2)
0 9000
ob=(1)
fn=(3) other
* 5
ob=(3) /lib/libc.so.6
fn=(4) malloc
-2 40
"""
    found = by_library(lines.splitlines(keepends=True))
    assert found == {Where.CPYTHON: 112, Where.OPENSSL: 9000, Where.REST: 40}
