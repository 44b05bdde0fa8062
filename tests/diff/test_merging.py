"""Several runs become one document."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.diff import SidesError
from prober.diff.merging import join, merge
from prober.report.document import Run
from prober.report.files import decode

from .made import document, failed, result, sample

NAMES = ("paris", "rome", "oslo", "bonn")


def encoded(egress: str, **changes: Any) -> tuple[str, bytes]:
    results = [result(host, egress=egress) for host in ("a.example", "b.example")]
    return f"{egress}.json", msgspec.json.encode(document(results, egress, **changes))


def joined(*runs: tuple[str, bytes]) -> Run:
    return decode(msgspec.json.encode(merge(runs).document))


def test_everything_is_in_it_and_counted_again() -> None:
    run = joined(encoded("paris"), encoded("rome"))
    assert {(each.egress, each.target.host) for each in run.results} == {
        (egress, host) for egress in ("paris", "rome") for host in ("a.example", "b.example")
    }
    assert (run.egress, run.summary.probes, run.summary.targets, run.summary.reachable) == ("paris, rome", 4, 2, 4)
    assert [route.name for route in run.routes] == ["direct", "hq"]
    assert run.notes[-1].id == "merged"


def test_order_makes_no_difference() -> None:
    runs = [encoded(name) for name in NAMES[:3]]
    texts = {msgspec.json.encode(merge(order).document) for order in itertools.permutations(runs)}
    assert len(texts) == 1


def test_many_egress_points_have_a_short_name() -> None:
    assert joined(*map(encoded, NAMES)).egress == "bonn, oslo, paris and 1 other"


@pytest.mark.parametrize("count", [1, 2, 4])
def test_joined_in_memory_it_is_the_same(count: int) -> None:
    """Runs of one process never were files: the document is that of their files, joined."""
    runs = [encoded(name) for name in NAMES[:count]]
    for order in itertools.permutations(runs):
        assert join(decode(data) for _, data in order) == joined(*runs)


def test_one_run_stays_as_it_is() -> None:
    name, data = encoded("paris", weather="fine")
    assert msgspec.json.encode(merge([(name, data)]).document) == data


def test_unknown_fields_travel_on_wherever_they_are() -> None:
    odd = document([result(egress="rome")], "rome", weather="rain", certificates={})
    odd["results"][0]["mood"] = {"good": True}
    odd["results"][0]["target"]["colour"] = "blue"
    merged = merge([encoded("paris"), ("rome.json", msgspec.json.encode(odd))])
    assert merged.document["weather"] == "rain"
    assert merged.document["results"][-1]["mood"] == {"good": True}
    assert merged.document["results"][-1]["target"]["colour"] == "blue"
    assert not [said for said in merged.said if "weather" in said]


def test_unknown_fields_that_contradict_each_other_are_told() -> None:
    merged = merge([encoded("paris", weather="fine"), encoded("rome", weather="rain")])
    assert merged.document["weather"] == "fine"
    assert any("the field weather is not the same in all runs; that of egress paris is kept" in s for s in merged.said)


def test_conflicting_duplicates_name_both_files() -> None:
    again = ("again.json", msgspec.json.encode(document([failed(egress="paris")], "paris")))
    with pytest.raises(SidesError) as refused:
        merge([encoded("paris"), again])
    (error,) = refused.value.errors
    assert "paris.json" in error
    assert "again.json" in error
    assert "id.a.example over hq from paris" in error


def test_equal_duplicates_are_one() -> None:
    _, data = encoded("paris")
    assert len(joined(("a.json", data), ("b.json", data)).results) == 2


def test_every_file_that_is_no_run_is_named() -> None:
    with pytest.raises(SidesError) as refused:
        merge([encoded("paris"), ("broken.json", b"{}"), ("cut.json", encoded("rome")[1][:-1])])
    assert [error.split()[0] for error in refused.value.errors] == ["broken.json", "cut.json"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
"""What a later version might write."""
LATER = ("later", "a.b", "ünknown")
OPTIONAL = {
    (): ("notes", "environment", "certificates", "trust"),
    ("results",): ("hops", "attempts", "ipv6_only", "prefixes", "via", "passed_over", "revocation"),
    ("results", "target"): ("method", "os", "inspection_bypass", "trust", "client_certificate", "proxy_login"),
}
"""What the first documents of the schema had not."""


def objects(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every object in a document whose fields the schema lists."""
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            yield from objects(inner, (*path, key))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from objects(inner, (*path, number))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@settings(max_examples=60, deadline=None)
@given(st.data(), st.booleans())
def test_unknown_fields_survive_a_round_trip(data: st.DataObject, older: bool) -> None:
    """Read, joined and read again, wherever in a result or beside the results they are, whatever is absent."""
    shown = sample(at=1)
    whole = document([result(egress="rome", samples=(shown, shown)), failed("b.example", egress="rome")], "rome")
    for path, names in OPTIONAL.items() if older else ():
        for each in [whole] if not path else whole["results"]:
            for name in names:
                at(each, path[1:]).pop(name, None)
    whole = msgspec.json.decode(msgspec.json.encode(whole))  # as it is read
    inside = [path for path in objects(whole) if path[:1] == ("results",)]
    added = data.draw(st.dictionaries(st.sampled_from([(), *inside]), VALUES, min_size=1, max_size=5))
    name = data.draw(st.sampled_from(LATER))
    for path, value in added.items():
        at(whole, path)[name] = value
    merged = merge([encoded("paris"), ("rome.json", msgspec.json.encode(whole))]).document
    again = msgspec.json.decode(msgspec.json.encode(merge([("all.json", msgspec.json.encode(merged))]).document))
    theirs = {each["target"]["id"]: each for each in again["results"] if each["egress"] == "rome"}
    for path, value in added.items():
        home = again if not path else theirs[whole["results"][path[1]]["target"]["id"]]
        assert at(home, path[2:])[name] == value


def test_a_route_with_other_proxies_elsewhere_keeps_them_by_result() -> None:
    hop = {"scheme": "http", "host": "10.7.7.7", "port": 3128, "auth": "none"}
    elsewhere = document([result(egress="rome", via=None)], "rome", routes=[{"name": "hq", "hops": [hop]}])
    run = joined(encoded("paris"), ("rome.json", msgspec.json.encode(elsewhere)))
    hq = next(route for route in run.routes if route.name == "hq")
    assert hq.rule is not None
    vias = {each.egress: each.via for each in run.results}
    assert {egress: via[0].host for egress, via in vias.items() if via} == {"paris": "10.0.0.6", "rome": "10.7.7.7"}


def test_notes_are_of_somebody_unless_of_all() -> None:
    shared = {"id": "device", "text": "Something odd."}
    own = {"id": "loop-lag", "text": "It was late."}
    run = joined(encoded("paris", notes=[shared, own]), encoded("rome", notes=[shared]))
    assert [each.text for each in run.notes[:-1]] == ["Something odd.", "paris: It was late."]


def test_the_environment_is_what_was_alike_with_the_worst_lag() -> None:
    runs = [
        encoded(name, environment={"loop_lag_max": lag, "timeout": 10.0, "attempts": attempts})
        for name, lag, attempts in (("paris", 0.01, 3), ("rome", 0.5, 1))
    ]
    merged = merge(runs)
    environment = decode(msgspec.json.encode(merged.document)).environment
    assert environment is not None
    assert (environment.loop_lag_max, environment.timeout, environment.attempts) == (0.5, 10.0, None)
    assert [said for said in merged.said if "environment" in said] == [
        "environment.attempts is not the same in all runs; the joined run has none"
    ]


def test_trust_is_that_of_all() -> None:
    root, other = ({"sha256": letter * 64, "anchor": "public", "names": [], "store": "os"} for letter in "ab")
    runs = [
        encoded("paris", trust={"roots": [root], "pins": {"a.example": ["1"]}, "mozilla_sha256": "x"}),
        encoded("rome", trust={"roots": [root, other], "pins": {"a.example": ["2"]}, "mozilla_sha256": "x"}),
    ]
    merged = merge(runs)
    trust = decode(msgspec.json.encode(merged.document)).trust
    assert trust is not None
    assert [each.sha256[0] for each in trust.roots] == ["a", "b"]
    assert trust.pins == {"a.example": ("1", "2")}
    assert any("trust" in said for said in merged.said)
    same = encoded("rome", trust={"roots": [root]})
    assert merge([encoded("paris", trust={"roots": [root]}), same]).said == ()


def test_services_without_a_probe_anywhere() -> None:
    def run(egress: str, *services: str) -> tuple[str, bytes]:
        whole = document([result(egress=egress)], egress)
        whole["summary"]["services_without_probes"] = list(services)
        return f"{egress}.json", msgspec.json.encode(whole)

    assert joined(run("paris", "MDI", "MDE"), run("rome", "AMA")).summary.services_without_probes == ("MDI", "AMA")
