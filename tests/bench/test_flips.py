"""Inspection that ends or begins under load is found with its second and rate; farms are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.bench.flips import Flip, family, flips
from prober.bench.profiles import steady, steps
from prober.load.arrivals import rate_at
from prober.load.slices import KeySeen, Measured, Slice
from prober.load.words import Load, Phase, PhaseKind, Workload
from tests.bench.simulated import Proxy

OWN = ("aa" * 32, "CN=Contoso Issuing CA 03,O=Contoso,C=DE")
SISTER = ("bb" * 32, "CN=Contoso Issuing CA 07,O=Contoso,C=DE")
INSPECTION = ("cc" * 32, "CN=Contoso Inspection CA,O=Contoso,C=DE")
RISING = Load(
    workload=Workload.HANDSHAKE,
    phases=(Phase(PhaseKind.RAMP_UP, 20, 0, 400), Phase(PhaseKind.SUSTAIN, 10, 400, 400)),
    seed=1,
)
FLAT = Load(workload=Workload.HANDSHAKE, phases=steady(100, 20), seed=1)


def run(load: Load, key: Callable[[float], tuple[str, str]]) -> Measured:
    return Proxy(0.001, servers=50, key=key).run(load)


DIRECT = run(FLAT, lambda _: OWN)


def test_fails_open_above_200_a_second() -> None:
    """The rate passes 200/s in second 10."""
    measured = run(RISING, lambda moment: OWN if rate_at(RISING.phases, moment) > 200 else INSPECTION)
    (found,) = flips(RISING, measured, [DIRECT])
    assert found.kind is Flip.FAILS_OPEN
    assert found.second is not None
    assert int(found.second) == 10
    assert found.rate == pytest.approx(200, abs=1)
    assert found.until == 30
    assert found.count == found.of == 7_000
    assert "second 10 on, at 200/s" in found.text


def test_fails_open_for_every_tenth_only() -> None:
    def key(moment: float) -> tuple[str, str]:
        return OWN if rate_at(RISING.phases, moment) > 200 and int(moment * 1e4) % 10 == 0 else INSPECTION

    (found,) = flips(RISING, run(RISING, key), [DIRECT])
    assert found.kind is Flip.FAILS_OPEN
    assert found.second is not None
    assert 10 <= found.second < 11
    assert 0.05 < found.count / found.of < 0.15


def test_begins_to_intercept() -> None:
    measured = run(FLAT, lambda moment: INSPECTION if 7.5 <= moment < 9 else OWN)
    (found,) = flips(FLAT, measured, [DIRECT])
    assert (found.kind, found.until, found.count) == (Flip.BEGINS, 9, 150)
    assert found.second == pytest.approx(7.5, abs=0.02)
    assert "Contoso Inspection CA" in found.text


def test_each_episode_is_a_finding() -> None:
    load = Load(workload=Workload.HANDSHAKE, phases=steps([50, 300, 50, 300], 8), seed=1)
    measured = run(load, lambda moment: OWN if rate_at(load.phases, moment) > 200 else INSPECTION)
    found = flips(load, measured, [DIRECT])
    assert [each.kind for each in found] == [Flip.FAILS_OPEN] * 2
    assert [int(each.second or 0) for each in found] == [11, 31]


def test_inspected_all_the_time_has_no_second() -> None:
    (found,) = flips(FLAT, run(FLAT, lambda _: INSPECTION), [DIRECT])
    assert (found.kind, found.second) == (Flip.INTERCEPTED, None)
    assert f"{found.count:,}" in found.text


def test_some_from_the_start_is_said_once() -> None:
    measured = run(FLAT, lambda moment: INSPECTION if int(moment * 100) % 3 else OWN)
    (found,) = flips(FLAT, measured, [DIRECT])
    assert (found.kind, found.second) == (Flip.MIXED, None)


@pytest.mark.parametrize("reference", [(), (DIRECT,)])
def test_a_farm_that_rotates_its_keys_is_no_finding(reference: tuple[Measured, ...]) -> None:
    """New keys all the time, of sister authorities."""

    def key(moment: float) -> tuple[str, str]:
        return (f"{int(moment) // 2:064x}", (OWN if int(moment) % 4 < 2 else SISTER)[1])

    assert flips(FLAT, run(FLAT, key), reference) == ()


def test_several_keys_from_the_start_are_no_finding() -> None:
    """Two authorities that have nothing in common, taking turns: a farm behind two certificates."""
    measured = run(FLAT, lambda moment: OWN if int(moment * 100) % 2 else INSPECTION)
    assert flips(FLAT, measured) == ()
    assert flips(FLAT, measured, [measured]) == ()


def test_without_a_reference_a_change_has_a_second_and_no_direction() -> None:
    measured = run(RISING, lambda moment: OWN if rate_at(RISING.phases, moment) > 200 else INSPECTION)
    (found,) = flips(RISING, measured)
    assert found.kind is Flip.ISSUER_CHANGED
    assert found.second is not None
    assert int(found.second) == 10
    assert found.count == found.of == pytest.approx(7_000, abs=1)
    assert "without a proxy" in found.text


def test_nothing_seen_nothing_found() -> None:
    assert flips(FLAT, Measured("r", 0, [Slice(0), Slice(1)], [])) == ()
    assert flips(FLAT, DIRECT, [DIRECT]) == ()


def test_an_issuer_from_the_wire_is_shown_escaped_and_short() -> None:
    evil = ("dd" * 32, "CN=\x1b[31mred\u202e" + "x" * 280)
    (found,) = flips(FLAT, run(FLAT, lambda moment: OWN if moment < 9 else evil), [DIRECT])
    assert "\x1b" not in found.text
    assert "\u202e" not in found.text
    assert len(found.text) < 400


def test_an_issuer_without_a_name() -> None:
    (found,) = flips(FLAT, run(FLAT, lambda _: ("ee" * 32, "")), [DIRECT])
    assert found.kind is Flip.INTERCEPTED
    assert "without a name" in found.text


def test_findings_are_bounded() -> None:
    load = Load(workload=Workload.HANDSHAKE, phases=(Phase(PhaseKind.SUSTAIN, 400, 40, 40),), seed=1)
    slices = [
        Slice(second, keys={"a": KeySeen(40, f"CN={'abc'[second % 3] * (1 + second)}", second)})
        for second in range(400)
    ]
    assert len(flips(load, Measured("r", 0, slices, []))) == 20


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("CN=R10,O=Let's Encrypt,C=US", "CN=R11,O=Let's Encrypt,C=US", True),
        ("CN=Microsoft Azure RSA TLS Issuing CA 03,O=M", "CN=Microsoft Azure RSA TLS Issuing CA 07,O=M", True),
        (OWN[1], INSPECTION[1], False),
        ("CN=One CA,O=Acme\\, Inc.", "CN=One CA,O=Acme\\, Ltd.", False),
        ("O=Acme", "O=Acme,C=DE", True),
        ("CN=1", "CN=2", False),
        ("", "CN=x", False),
    ],
)
def test_family(one: str, other: str, same: bool) -> None:
    assert (family(one) == family(other)) is same


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_issuer_has_a_family(issuer: str) -> None:
    assert family(issuer) == family(issuer)
    assert family("CN=" + issuer) is not None
