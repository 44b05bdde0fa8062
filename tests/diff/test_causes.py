"""Forty lines or one: differences with one cause are told together, with the part of the DNS they are."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from prober.diff import DiffDoc
from prober.diff.saved import SavedHop, SavedResult
from prober.diff.suffixes import covering, suffixes_in

from .made import DENIED, HQ, OPENED, OTHER, SISTER, TIMED_OUT, failed, result, sample, tls, told

BLOBS = [f"store-{number}.blob.core.example" for number in range(40)]
OTHERS = ["a.wdcp.example", "b.wdcp.example", "c.update.example", "core.example"]


def only(document: DiffDoc) -> str:
    (difference,) = document.differences
    return difference.sentence


def everywhere(hosts: list[str], *routes: str, egress: str = "paris") -> list[SavedResult]:
    return [result(host, route, egress) for host in hosts for route in routes]


def test_a_denied_suffix_is_one_line() -> None:
    before = everywhere([*BLOBS, *OTHERS], "direct", "hq")
    after = [
        failed(each.target.host, each.route) if "blob" in each.target.host and each.route == "hq" else each
        for each in before
    ]
    document = told(before, after)
    (difference,) = document.differences
    assert (difference.kind, difference.stage, difference.hop) == ("newly-unreachable", "proxy", 1)
    assert difference.suffixes == ("blob.core.example",)
    assert "proxy hq (hop 1, http://10.0.0.6:8080)" in difference.sentence
    assert "40 of 44 targets" in difference.sentence
    assert "all the targets under blob.core.example" in difference.sentence
    assert len(difference.pairs) == 40
    assert document.summary.text.startswith("REGRESSION: 40 of 88 pairs of target and route are worse than before.")


def test_one_proxy_over_several_routes_and_egress_points_is_one_line() -> None:
    before = [
        each for egress in ("paris", "rome") for each in everywhere([*BLOBS[:5], *OTHERS], "hq", "two", egress=egress)
    ]
    gone = {("hq", BLOBS[0]), ("two", BLOBS[1]), ("hq", OTHERS[0])}
    after = [
        failed(each.target.host, each.route, each.egress) if (each.route, each.target.host) in gone else each
        for each in before
    ]
    (difference,) = told(before, after).differences
    assert len(difference.pairs) == 6
    assert difference.suffixes == ()


def two_proxies(*denied: tuple[str, str]) -> DiffDoc:
    """Two egress points with a proxy each, of which these refuse these hosts now."""
    vias = {"paris": (HQ,), "rome": (SavedHop("http", "10.9.9.9", 3128),)}
    before = [result(host, "hq", egress, via=vias[egress]) for egress in vias for host in BLOBS[:3]]
    after = [
        failed(each.target.host, "hq", each.egress, via=each.via) if (each.egress, each.target.host) in denied else each
        for each in before
    ]
    return told(before, after)


def test_proxies_that_do_the_same_are_one_line() -> None:
    sentence = only(two_proxies(*((egress, host) for egress in ("paris", "rome") for host in BLOBS[:2])))
    assert "the proxy at hop 1 refused 2 of 3 targets over" in sentence
    assert "(2 proxies: http://10.0.0.6:8080, http://10.9.9.9:3128)" in sentence


def test_proxies_that_do_not_are_two() -> None:
    assert len(two_proxies(("paris", BLOBS[0]), ("rome", BLOBS[1])).differences) == 2


def test_a_target_s_own_trouble_is_one_line_over_all_routes() -> None:
    before = everywhere(OTHERS, "direct", "hq")
    after = [
        failed(each.target.host, each.route, failure=TIMED_OUT) if each.target.host == OTHERS[0] else each
        for each in before
    ]
    document = told(before, after)
    assert "a.wdcp.example over both routes" in only(document)


def test_everything_over_a_way_needs_no_suffix() -> None:
    before = everywhere(BLOBS, "hq")
    assert "all 40 targets" in only(told(before, [failed(host) for host in BLOBS]))


def test_other_kinds_of_cause() -> None:
    before = everywhere(OTHERS, "hq")
    opened = told(before, [result(host, interception=OPENED, tls=tls("b"), trusted=False) for host in OTHERS])
    assert "signed by Corp Root" in only(opened)
    assert "hop 1, http://10.0.0.6:8080" in only(opened)
    rotated = only(told(before, [result(host, tls=tls("b", SISTER)) for host in OTHERS]))
    assert "Issuing CA 08 now" in rotated
    assert "Issuing CA 07" in rotated


def test_the_paragraph_has_the_causes_of_warnings_behind_the_count() -> None:
    before = everywhere(OTHERS, "hq")
    text = told(before, [failed(OTHERS[0]), *[result(host, tls=tls("b", OTHER)) for host in OTHERS[1:]]]).summary.text
    assert text.startswith("REGRESSION: 1 of 4 pairs of target and route is worse than before. Newly unreachable: ")
    assert "Beside that: 3 warnings. Another family of issuers: 3 of 4 targets: issued by DigiCert" in text
    gone = told(before, before[:1]).summary.text
    assert gone.startswith(
        "No regression: 1 pair of target and route compared. NOT COVERED: 3 pairs of before were not probed after."
    )


def test_a_proxy_that_flaps_with_two_faces_is_one_line() -> None:
    faces = (DENIED, msgspec.structs.replace(DENIED, reason="proxy-closed"))
    hosts = OTHERS[:2]
    steady = [result(host, samples=(sample(at=1), sample(at=2))) for host in hosts]
    torn = [result(host, samples=(sample(at=1), sample(face, at=2))) for host, face in zip(hosts, faces, strict=True)]
    assert only(told(steady, torn)).startswith("all 2 targets: some probes get through and some do not (")
    assert "(proxy-closed, proxy-denied)" in only(told(steady, torn))
    assert "before, some failed (proxy-closed, proxy-denied)" in only(told(torn, steady))


def test_good_news_that_are_none_say_so() -> None:
    assert "but TLS is opened" in only(told([failed()], [result(interception=OPENED)]))


def test_what_is_gone_is_told_as_the_largest_thing() -> None:
    before = [*everywhere(OTHERS, "direct", "hq"), *everywhere(OTHERS, "hq", egress="rome")]

    def kinds(after: list[SavedResult]) -> list[str]:
        assert [each.kind for each in told(after, before).differences] == [
            each.kind.replace("gone", "added") for each in told(before, after).differences
        ]
        return [each.kind for each in told(before, after).differences]

    assert kinds([each for each in before if each.egress == "paris"]) == ["egress-gone"]
    assert kinds([each for each in before if each.route == "hq"]) == ["route-gone"]
    assert kinds([each for each in before if each.target.host != OTHERS[0]]) == ["target-gone"]
    assert kinds(before[1:]) == ["pair-gone"]


def test_what_nobody_looked_at_is_not_well() -> None:
    before = [*everywhere(OTHERS, "direct", "hq"), *everywhere(OTHERS, "hq", egress="rome")]
    number = len(OTHERS)

    def summary(after: list[SavedResult]) -> tuple[str, int, int]:
        found = told(before, after).summary
        return found.text.split(" Egress ")[0], found.regressions, found.warnings

    text, *counts = summary([each for each in before if each.egress == "paris"])
    assert text == (
        f"REGRESSION: {2 * number} pairs of target and route compared and none of them worse, "
        "but not all of before was probed again. "
        f"NOT COVERED: {number} pairs of before were not probed after (egress rome)."
    )
    assert counts == [number, 0]
    text, *counts = summary(before[1:])
    assert text == (
        f"No regression: {3 * number - 1} pairs of target and route compared. "
        "NOT COVERED: 1 pair of before was not probed after."
    )
    assert counts == [0, 1]
    (gone,) = told(before, [each for each in before if each.route == "hq"]).differences
    assert "probe it again" in gone.hint


def test_nothing_in_common_is_said() -> None:
    document = told([result("a.example", "hq")], [result("b.example", "direct")])
    assert document.summary.compared == 0
    assert document.summary.text.startswith("Nothing was compared")


def test_the_table_has_egress_and_service() -> None:
    before = [*everywhere(OTHERS, "hq"), *everywhere(OTHERS, "hq", egress="rome")]
    after = [failed(*_place(each)) if each.egress == "rome" else each for each in before]
    rows = told(before, after).table
    assert [
        (row.egress, row.service, row.pairs, row.reached_before, row.reached_after, row.regressions) for row in rows
    ] == [
        ("paris", "MDE", 4, 4, 4, 0),
        ("rome", "MDE", 4, 4, 0, 4),
    ]


def _place(each: SavedResult) -> tuple[str, str, str]:
    return each.target.host, each.route, each.egress


def test_an_unknown_reason_of_a_later_version_is_told_by_its_name() -> None:
    later = replace(DENIED, reason="proxy-moody")
    assert "proxy-moody" in only(told([result()], [failed(failure=later)]))


def covered(hosts: list[str], others: list[str]) -> tuple[str, ...]:
    return covering(hosts, [(suffixes_in(hosts), suffixes_in([*hosts, *others]))])


def test_suffixes() -> None:
    assert covered(["a.x.example", "b.x.example"], ["c.example"]) == ("x.example",)
    assert covered(["a.x.example", "b.x.example"], ["c.other"]) == ("x.example",)
    assert covered(["a.x.example", "b.x.example", "a.y.test", "b.y.test"], ["c.example"]) == ("x.example", "y.test")
    assert covered(["a.x.example", "b.x.example"], ["c.x.example"]) == ()
    assert covered(["a.b.x.example", "c.b.x.example"], ["c.other"]) == ("b.x.example",)
    assert covered(["a.x.example", "b.y.example"], ["c.example"]) == ()
    assert covered(["a.x.example"], ["c.example"]) == ()
    assert covered(["a.x.example", "b.x.example"], []) == ()
    assert covered(["10.0.0.1", "10.0.0.2"], ["10.0.0.3"]) == ()
    assert covered(["x", "y"], ["z"]) == ()
