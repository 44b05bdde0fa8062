"""What is said of a discovery, and how gravely."""

from __future__ import annotations

from prober.model import Reason
from prober.routes.severity import Severity
from prober.routes.wpad import Candidates, candidates
from prober.routes.wpad_findings import Finding, Seen, findings

DOMAIN = "dept.example.com"


def said(found: Candidates, *seen: Seen) -> list[tuple[str, str]]:
    return [(each.id, each.severity.value) for each in findings(found, seen)]


def only(found: Candidates, *seen: Seen) -> Finding:
    (finding,) = findings(found, seen)
    return finding


def test_an_answer_from_inside_is_nothing_to_speak_of() -> None:
    found = candidates(DOMAIN)
    assert said(found, Seen(found.each[0], hosts=(found.each[0].host,), digest="1")) == []


def test_an_answer_from_outside_is_high() -> None:
    found = candidates(DOMAIN, option_252="http://u:secret@wpad.evil.net/p.pac")
    finding = only(found, Seen(found.each[0], hosts=("wpad.evil.net",), digest="1"))
    assert (finding.id, finding.severity) == ("foreign-answer", Severity.HIGH)
    assert "wpad.evil.net" in finding.text
    assert "secret" not in finding.text


def test_a_redirect_by_way_of_outside_is_high_even_if_it_comes_back() -> None:
    found = candidates(DOMAIN)
    finding = only(found, Seen(found.each[0], hosts=("wpad.dept.example.com", "a.net", "pac.example.com"), digest="1"))
    assert (finding.id, finding.severity) == ("foreign-answer", Severity.HIGH)
    assert "by way of a.net," in finding.text


def test_own_domains_are_not_foreign() -> None:
    found = candidates(DOMAIN, option_252="http://pac.contoso.net/p.pac", own=["contoso.net"])
    assert said(found, Seen(found.each[0], hosts=("pac.contoso.net",), digest="1")) == []


def test_a_foreign_name_without_an_answer_is_a_warning() -> None:
    found = candidates(DOMAIN, option_252="http://wpad.evil.net/p.pac")
    assert said(found, Seen(found.each[0], dns=Reason.DNS_NXDOMAIN)) == [("foreign-candidate", "warning")]


def test_an_address_says_nothing_of_whose_it_is() -> None:
    found = candidates(DOMAIN, option_252="http://10.0.0.6/p.pac")
    assert said(found, Seen(found.each[0], hosts=("10.0.0.6",), digest="1")) == [("unknown-owner", "info")]


def test_a_public_address_behind_an_inside_name() -> None:
    found = candidates(DOMAIN)
    finding = only(found, Seen(found.each[0], public=("8.8.8.8",), hosts=(found.each[0].host,), digest="1"))
    assert (finding.id, finding.severity) == ("public-address", Severity.WARNING)
    assert "8.8.8.8" in finding.text


def test_devices_that_would_ask_a_public_suffix() -> None:
    finding = only(candidates("a.corp.co.uk", level=2))
    assert (finding.id, finding.severity) == ("asks-outside", Severity.HIGH)
    assert "wpad.co.uk" in finding.text
    assert said(candidates("a.corp.co.uk")) == []
    assert said(candidates("co.uk")) == [("asks-outside", "high")]


def test_names_that_do_not_exist_may_be_held_back() -> None:
    found = candidates(DOMAIN)
    one, two = found.each
    assert said(found, Seen(one, dns=Reason.DNS_NXDOMAIN), Seen(two, dns=Reason.DNS_NXDOMAIN)) == [
        ("query-block-list", "info")
    ]
    assert said(found, Seen(one, dns=Reason.DNS_NXDOMAIN), Seen(two, dns=Reason.DNS_TIMEOUT)) == []
    assert said(found, Seen(one, dns=Reason.DNS_NXDOMAIN), Seen(two)) == []


def test_top_level_domains_that_may_be_sold() -> None:
    assert said(candidates("ad.contoso.corp")) == [("name-collision", "info")]
    for safe in ("ad.contoso.local", "ad.contoso.internal", "contoso.home.arpa", "contoso.test", "contoso.com"):
        assert said(candidates(safe)) == []


def test_scripts_that_differ() -> None:
    found = candidates(DOMAIN)
    one, two = found.each
    seen = [Seen(one, hosts=(one.host,), digest="1"), Seen(two, hosts=(two.host,), digest="2")]
    assert said(found, *seen) == [("scripts-differ", "info")]
    assert said(found, seen[0], Seen(two, hosts=(two.host,), digest="1")) == []


def test_option_252_that_is_of_no_use_is_a_warning_and_the_gravest_comes_first() -> None:
    found = candidates("a.corp.co.uk", level=2, option_252="file:///c:/p.pac")
    assert said(found) == [("asks-outside", "high"), ("option-252-unusable", "warning")]
