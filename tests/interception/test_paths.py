"""Path finding by names: complete on what is real, bounded on what is hostile."""

from __future__ import annotations

from typing import Any

from prober.interception.anchors import Authority, Certificate, by_subject
from prober.interception.certificates import certificate_facts
from prober.interception.paths import MAX_DEPTH, MAX_STEPS, End, bag, find
from prober.model import Anchor


def made(issued: Any) -> Certificate:
    facts = certificate_facts(issued.der)
    assert facts is not None
    return Certificate(issued.der, facts)


def test_every_way_is_found_shortest_first(pki: Any) -> None:
    old, new = pki.root("Old"), pki.root("New")
    cross = old.ca("New", key=new.key)
    middle = new.ca("Middle")
    leaf = middle.leaf("a.example")
    anchors = by_subject([Authority(made(root), Anchor.PUBLIC) for root in (old, new)])
    paths = find(
        made(leaf), [bag([made(middle), made(cross), made(new)])], lambda subject: anchors.get(subject, ()), pki.now
    )
    ends = [[c.facts.sha256 for c in path.certificates[1:]] for path in paths if path.end is End.ANCHOR]
    sha = [made(x).facts.sha256 for x in (middle, new, cross, old)]
    assert ends == [[sha[0], sha[1]], [sha[0], sha[2], sha[3]]]


def test_missing_and_self_issued_ends(pki: Any) -> None:
    root = pki.root("Root")
    leaf = made(root.ca("Middle").leaf("a.example"))
    assert [path.end for path in find(leaf, [], lambda _: (), pki.now)] == [End.MISSING]
    below = made(root.leaf("a.example"))
    (path,) = find(below, [bag([made(root)])], lambda _: (), pki.now)
    assert (path.end, len(path.certificates), path.authority) == (End.SELF_ISSUED, 2, None)


def test_depth_and_steps_are_bounded(pki: Any) -> None:
    line = [pki.root("0")]
    for number in range(1, 15):
        line.append(line[-1].ca(str(number)))
    deep = find(made(line[-1].leaf("a.example")), [bag(map(made, line))], lambda _: (), pki.now)
    assert max(len(path.certificates) for path in deep) == MAX_DEPTH
    authorities = {name: pki.root(name) for name in "AB"}
    ring = [made(authorities[other].ca(name)) for name in "AB" for other in "AB" for _ in range(25)]
    paths = find(made(authorities["A"].leaf("a.example")), [bag(ring)], lambda _: (), pki.now)
    assert len(paths) <= MAX_STEPS


def test_fitting_key_identifiers_come_first(pki: Any) -> None:
    good, *others = [pki.root("Same") for _ in range(4)]
    leaf = made(good.leaf("a.example"))
    paths = find(leaf, [bag(map(made, [*others, good]))], lambda _: (), pki.now)
    assert paths[0].certificates[1] == made(good)
