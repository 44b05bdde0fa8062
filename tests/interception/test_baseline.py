"""A saved run as references."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from prober.interception.baseline import Baseline
from prober.interception.route_index import site_of
from prober.interception.verdict import Basis, Word

from .forging import DAY, NOW, Made, forge
from .scenes import BRANCH, CORP, DIRECT, HQ, ISSUING, OTHER_ISSUING, Scene, face

HOST = "a.alpha.test"
OLD, NEW = ISSUING.server(HOST), ISSUING.server(HOST)


def test_newest_first_and_each_key_once() -> None:
    scene = Scene()
    looks = [
        scene.look(HOST, DIRECT, face(OLD, ISSUING), at=NOW),
        scene.look(HOST, DIRECT, face(NEW, ISSUING), at=NOW + 1),
        scene.look(HOST, HQ, face(OLD, ISSUING), at=NOW + 2),
    ]
    for order in permutations(looks):
        baseline = Baseline.of(order)
        found = baseline.looks((HOST, 443))
        assert [(look.view.key, look.at) for look in found] == [(OLD.spki, NOW + 2), (NEW.spki, NOW + 1)]
        assert len(baseline) == 1


def test_of_looks_at_one_moment_it_is_always_the_same_one() -> None:
    scene = Scene()
    looks = [scene.look(HOST, route, face(OLD, ISSUING)) for route in (BRANCH, DIRECT, HQ)]
    assert {Baseline.of(order).looks((HOST, 443))[0].route for order in permutations(looks)} == {"direct"}


EGRESSES = ("paris", "berlin", "rome")


@given(st.lists(st.tuples(st.sampled_from(EGRESSES), st.sampled_from([OLD, NEW]), st.integers(0, 3)), max_size=9))
def test_what_the_others_saw(seen: list[tuple[str, Made, int]]) -> None:
    """One table of all sites is for each of them what a baseline of all others' looks would be."""
    scene = Scene()
    looks = [(egress, scene.look(HOST, HQ, face(made, ISSUING), at=NOW + at)) for egress, made, at in seen]
    own = [scene.look(HOST, DIRECT, face(OLD, ISSUING), at=NOW - DAY)]
    table = Baseline.among(looks)
    for egress in (*EGRESSES, "nowhere"):
        others = [replace(look, egress=name) for name, look in looks if name != egress]
        expected = Baseline.of(others).looks((HOST, 443))
        found = table.seen_from(egress, None).looks((HOST, 443))
        assert [(look.view.key, look.at) for look in found] == [(look.view.key, look.at) for look in expected]
        assert all(look.egress not in ("", egress) for look in found)
        assert table.seen_from(egress, Baseline.of(own)).looks((HOST, 443)) == (*own, *found)


def test_sites_are_kept_apart() -> None:
    scene = Scene()
    baseline = Baseline.of([scene.look(HOST, DIRECT, face(OLD, ISSUING))])
    assert site_of(scene.target(HOST)) == (HOST, 443)
    assert baseline.looks((HOST, 8443)) == baseline.looks(("b.beta.test", 443)) == ()
    assert len(Baseline.of(())) == 0


def test_a_key_of_long_ago_is_still_the_origins() -> None:
    """Two keys of a farm, both in the saved run: either is clean, and says which route it is known from."""
    scene = Scene(start=NOW - DAY)
    scene.shows(HOST, DIRECT, lambda number, _: face((OLD, NEW)[number % 2], ISSUING))
    baseline = Baseline.of(scene.run(attempts=2, shuffled=0).comparison.references())
    for leaf in (OLD, NEW):
        later = Scene(baseline=baseline)
        later.shows(HOST, HQ, face(leaf))
        verdict = later.run().verdicts[HOST, "hq"]
        assert (verdict.word, verdict.basis) == (Word.CLEAN, Basis.BASELINE)
        assert verdict.reference is not None
        assert (verdict.reference.kind, verdict.reference.spki_sha256) == ("baseline", leaf.spki)


def test_families_of_the_saved_run_tell_who_is_unrelated() -> None:
    """Only by the baseline is it known that two targets have different authorities; nothing is stated of them."""

    before = Scene(start=NOW - DAY)
    hosts = {HOST: ISSUING, "b.beta.test": OTHER_ISSUING}
    real = {host: issuing.server(host) for host, issuing in hosts.items()}
    for host, issuing in hosts.items():
        before.shows(host, DIRECT, face(real[host], issuing))
    baseline = Baseline.of(before.run(shuffled=0).comparison.references())
    words = []
    for known in (baseline, None):
        scene = Scene(baseline=known)
        for host in hosts:
            scene.target(host, None)
            scene.shows(host, HQ, face(forge(real[host], CORP, host=host, copies=()), CORP))
        words.append(set(scene.run().words.values()))
    assert words == [{Word.INTERCEPTED}, {Word.SUSPECT}]
