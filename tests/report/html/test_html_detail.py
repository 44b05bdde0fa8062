"""What the drawer of a target says: stages, chains, verdicts, samples, ways passed over, revocation."""

from __future__ import annotations

from types import ModuleType

import msgspec
import pytest

from prober.report.causes import findings_of
from prober.report.document import (
    HopDoc,
    HopTlsDoc,
    PassedOverDoc,
    Result,
    RouteHopDoc,
    Run,
    SampleDoc,
)
from prober.report.failure_document import FailureDoc
from prober.report.html.chains import MAX_CHAINS, MAX_LEVELS, chains_of, names_of
from prober.report.html.detail import MAX_HEADERS, MAX_SAMPLES, Detail, detail_of
from prober.report.html.page import render_html
from prober.report.html.view import causes_of, explained_by, groups_of, hops_text, ways_view
from prober.report.revocation_document import RevocationCertificateDoc, RevocationDoc, SourceDoc

REFUSED = FailureDoc("connect", 1, "tcp-refused", "10.0.0.6:8080 refused", "Start the proxy.", None)
PROXY = RouteHopDoc("http", "fd00::6", 8080, "none")


@pytest.fixture(scope="module")
def run(world: ModuleType) -> Run:
    made: Run = world.run_of(world.ROUTES[:4], 9, judged=True)
    return made


def details(run: Run) -> list[Detail]:
    causes = causes_of(findings_of(run))
    groups = groups_of(run, causes)
    ways = ways_view(run, groups)
    return [detail_of(row, ways, explained_by(causes)) for group in groups for row in group.rows]


def one(run: Run, result: Result) -> Detail:
    """Of a run with this result alone."""
    (found,) = details(msgspec.structs.replace(run, results=(result,)))
    return found


def reached(run: Run) -> Result:
    return next(each for each in run.results if each.reachable and each.tls is not None)


def test_every_way_of_a_target_is_there_with_its_stages(run: Run) -> None:
    found = details(run)
    assert len(found) == 9
    for each in found:
        assert [over.name for over in each.over] == ["direct", "hq", "two", "inspected"]
        assert all(over.waterfall is not None and over.bars for over in each.over)
    refused = next(over for each in found for over in each.over if over.result.failure is not None)
    assert refused.waterfall is not None
    assert refused.waterfall.bars[-1].kind == "failed"
    assert refused.bars.rsplit("f", 1)[1]
    assert refused.causes == (1,)


def test_facts_that_all_ways_share_are_told_once(run: Run) -> None:
    for each in details(run):
        for over in each.over:
            assert not set(over.facts) & set(each.facts)
    shared = details(run)[0].facts
    assert "TLSv1.3, TLS_AES_256_GCM_SHA384, x25519, ALPN http/1.1" in shared


def test_the_reference_stands_first_and_differences_are_marked(run: Run) -> None:
    chains = next(each.chains for each in details(run) if each.chains is not None and len(each.chains.columns) == 2)
    assert [column.reference for column in chains.columns] == [True, False]
    assert chains.columns[1].over == "inspected"
    assert chains.columns[1].trust == "cert-untrusted"
    leaf = {field.name: field.cells for field in chains.levels[0].fields}
    assert [differs for _, differs in leaf["Issuer"]] == [False, True]
    assert [differs for _, differs in leaf["Subject"]] == [False, False]


def test_one_chain_over_all_routes_has_one_column(run: Run) -> None:
    direct = reached(run)
    chains = chains_of({"a": direct, "b": direct, "c": direct})
    assert chains is not None
    assert [column.over for column in chains.columns] == ["a, b, c"]
    assert not any(level.same for level in chains.levels)


def test_chains_and_levels_are_bounded(run: Run) -> None:
    direct = reached(run)
    assert direct.tls is not None
    leaf, issuer = direct.tls.chain
    results = {}
    for number in range(MAX_CHAINS + 3):
        other = msgspec.structs.replace(leaf, sha256=f"{number:064x}")
        tls = msgspec.structs.replace(direct.tls, chain=(other, *[issuer] * 20))
        results[f"way-{number}"] = msgspec.structs.replace(direct, tls=tls)
    chains = chains_of(results)
    assert chains is not None
    assert (len(chains.columns), chains.more, len(chains.levels), chains.longer) == (MAX_CHAINS, 3, MAX_LEVELS, True)
    assert [level.same for level in chains.levels[:2]] == [False, True]


def test_a_certificate_that_was_not_sent_is_named(run: Run) -> None:
    direct = reached(run)
    assert direct.tls is not None
    alone = msgspec.structs.replace(direct, tls=msgspec.structs.replace(direct.tls, chain=direct.tls.chain[:1]))
    page = render_html(msgspec.structs.replace(run, results=(direct, msgspec.structs.replace(alone, route="hq"))))
    assert "not sent" in page


def test_nothing_but_failures_has_no_chains(run: Run) -> None:
    failed = next(each for each in run.results if each.failure is not None)
    assert one(run, failed).chains is None


def test_long_lists_of_ways_are_cut_where_the_others_tell() -> None:
    few, many = ["x", "y"], [f"way-{number}" for number in range(9)]
    assert names_of([few, many]) == {"x": "x, y", "way-0": "9 routes (way-0, way-1, way-2 and others)"}
    assert names_of([]) == {}


def test_verdicts_are_told_once_for_all_ways_the_worst_first(run: Run) -> None:
    for each in details(run):
        words = [judged.verdict.verdict for judged in each.judged]
        order = ["intercepted", "blocked", "suspect", "inconclusive", "clean"]
        assert words == sorted(words, key=order.index)
        clean = [judged for judged in each.judged if judged.plain]
        assert len({judged.verdict.basis for judged in clean}) == len(clean)


def test_samples_are_listed_where_they_differ_and_summed_up_where_not(run: Run) -> None:
    result = reached(run)
    sample = SampleDoc(result.at, True, None, result.timings, result.peer, None, 200)
    failed = msgspec.structs.replace(sample, reachable=False, failure=REFUSED, purpose="confirmation")
    alike = one(run, msgspec.structs.replace(result, samples=(sample,) * 3))
    assert alike.over[0].samples == ()
    assert "3 probes, 40 ms to 40 ms" in alike.over[0].facts
    mixed = one(run, msgspec.structs.replace(result, samples=(failed, *[sample] * 30))).over[0]
    assert mixed.samples[0].endswith("(confirmation) tcp-refused at hop 1, 40 ms")
    assert len(mixed.samples) == MAX_SAMPLES + 1
    assert mixed.samples[-1] == "and 11 more"


def test_ways_passed_over_and_what_proxies_wanted_are_told(run: Run) -> None:
    login = HopDoc(200, ("basic", "ntlm"), "accepted", HopTlsDoc("TLSv1.3", "x", (), REFUSED))
    result = msgspec.structs.replace(
        reached(run), passed_over=(PassedOverDoc((PROXY,), REFUSED),), via=(PROXY,), hops=(login,)
    )
    over = one(run, result).over[0]
    assert over.via == "http://[fd00::6]:8080"
    assert over.passed_over == (("http://[fd00::6]:8080", REFUSED),)
    assert over.hops[0].startswith("Hop 1 http://[fd00::6]:8080 asked for a login (basic, ntlm): accepted; its own")
    assert [sign.word for sign in over.cell.signs] == ["fallback", "login"]
    page = render_html(msgspec.structs.replace(run, results=(result,)))
    assert "Tried before: <code>http://[fd00::6]:8080</code>" in page


def test_revocation_has_its_sources(run: Run) -> None:
    failure = msgspec.structs.replace(REFUSED, reason="revocation-unreachable")
    sources = (
        SourceDoc("ocsp", "http://ocsp.example/", False, failure, ""),
        SourceDoc("crl", "http://crl.example/a.crl", True, None, "a list of 3"),
    )
    certificate = RevocationCertificateDoc("0" * 64, False, sources, ("ldap://x is not followed",))
    revoked = msgspec.structs.replace(REFUSED, reason="cert-revoked", detail="revoked on 2026-11-01")
    revocation = RevocationDoc(False, failure, revoked, "direct", (certificate,))
    result = msgspec.structs.replace(reached(run), revocation=revocation)
    found = one(run, result)
    assert found.revocations == ((("direct",), revocation),)
    assert [sign.word for sign in found.over[0].cell.signs] == ["revoked", "revocation"]
    page = render_html(msgspec.structs.replace(run, results=(result,)))
    for text in ("it cannot be looked up.", "Revoked: revoked on 2026-11-01", "http://crl.example/a.crl", "a list of 3",
                 "ldap://x is not followed", "revocation-unreachable"):  # fmt: skip
        assert text in page


def test_hops_are_written_as_addresses() -> None:
    assert hops_text(()) == "direct"
    assert hops_text((PROXY, RouteHopDoc("socks5h", "a.example", 1080, "password"))) == (
        "http://[fd00::6]:8080 → socks5h://a.example:1080"
    )


def test_headers_are_told_of_odd_answers_only_and_not_all_of_them(run: Run) -> None:
    result = reached(run)
    assert result.http is not None
    many = tuple((f"x-{number}", "value") for number in range(30))
    plain = msgspec.structs.replace(result.http, headers=many, as_expected=True)
    odd = msgspec.structs.replace(plain, as_expected=False)
    assert one(run, msgspec.structs.replace(result, http=plain)).over[0].headers == ()
    assert one(run, msgspec.structs.replace(result, http=odd)).over[0].headers == many[:MAX_HEADERS]


def test_a_login_that_led_nowhere_is_no_reached_only_with_a_login(run: Run) -> None:
    login = HopDoc(200, ("basic",), "accepted", None)
    failed = next(each for each in run.results if each.failure is not None)
    over = one(run, msgspec.structs.replace(failed, hops=(login,))).over[0]
    assert [sign.word for sign in over.cell.signs] == ["unreachable"]


def test_each_egress_point_has_its_own_pairs(run: Run) -> None:
    good, bad = reached(run), next(each for each in run.results if each.failure is not None)
    bad = msgspec.structs.replace(bad, target=good.target, route=good.route, egress="rome")
    both = msgspec.structs.replace(run, results=(good, bad))
    groups = groups_of(both, causes_of(findings_of(both)))
    assert [(way.name, way.total, way.reached) for way in ways_view(both, groups)] == [
        (f"paris/{good.route}", 1, 1),
        (f"rome/{good.route}", 1, 0),
    ]
    (found,) = details(both)
    assert [(over.name, over.result.egress, over.cell.sign.word) for over in found.over] == [
        (f"paris/{good.route}", "paris", "ok"),
        (f"rome/{good.route}", "rome", "unreachable"),
    ]
    assert [over.causes for over in found.over] == [(), (1,)]
