"""Sentences and hints that a cold review found to mislead: each must fit the route and the verdict it is said of."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from prober.interception.verdict import Basis, Verdict, Why, Word
from prober.report.finding import Kind
from prober.report.names import quoted

from .test_interceptions import Bench


@pytest.fixture
def bench(world: ModuleType) -> Bench:
    return Bench(world)


@pytest.mark.parametrize("reason", [Why.NOT_RETERMINATED_BY_PROXY, Why.CONSISTENT_UNANCHORED])
def test_a_private_authority_on_all_routes_is_nothing_to_exempt(world: ModuleType, bench: Bench, reason: Why) -> None:
    bench.add(world.ROUTES[1], 1, Verdict(word=Word.INCONCLUSIVE, reason=reason))
    (finding,) = bench.findings(Kind.UNTRUSTED)
    assert "xempt" not in finding.hint
    assert "--trust-roots" in finding.hint


def test_an_unknown_authority_that_nobody_judged_may_be_an_inspection(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 1, None)
    (finding,) = bench.findings(Kind.UNTRUSTED)
    assert "exempt" in finding.hint


def test_the_direct_route_is_not_told_to_add_itself(world: ModuleType, bench: Bench) -> None:
    weak = replace(world.suspect(Why.WEAK, "E1"), reference=None, basis=Basis.NONE, hop=0)
    bench.add(world.ROUTES[0], 1, weak)
    bench.add(world.ROUTES[1], 1, replace(weak, hop=None), skip=1)
    direct, hq = bench.findings(Kind.SUSPECT)
    assert "a direct route" not in direct.hint
    assert "--via" in direct.hint
    assert "a direct route" in hq.hint
    assert "proxy" not in direct.detail


def test_a_block_page_on_the_direct_route_is_not_to_be_allowed_on_a_proxy(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[0], 1, Verdict(word=Word.BLOCKED))
    (finding,) = bench.findings(Kind.BLOCKED)
    assert "Allow" not in finding.hint
    assert "set up wrongly" in finding.sentence


def test_of_a_chain_the_very_proxy_is_named_where_it_is_known(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[2], 1, world.intercepted(hop=2))
    (finding,) = bench.findings(Kind.INTERCEPTED)
    assert "TLS inspection at proxy two (hop 2, https://proxy.corp:8443)" in finding.hint


@pytest.mark.parametrize(("name", "said"), [("two[:1]", "two up to its hop 1"), ("two[:0]", "two without its proxies")])
def test_the_beginning_of_a_chain_is_named_in_words(world: ModuleType, bench: Bench, name: str, said: str) -> None:
    bench.add(world.ROUTES[2], 1, world.intercepted(hop=2, reference=world.reference(name)))
    (finding,) = bench.findings(Kind.INTERCEPTED)
    assert f"; {said} shows Microsoft TLS RSA Root G2" in finding.sentence


def test_quotes_in_a_name_do_not_end_the_quotation() -> None:
    assert quoted(['Not trusted by "Corp CA"']) == "\"Not trusted by 'Corp CA'\""


def test_who_cannot_be_read_is_not_called_a_private_twin(world: ModuleType, bench: Bench) -> None:
    bench.add(world.ROUTES[1], 1, world.suspect(Why.UNREADABLE, "E2"))
    (finding,) = bench.findings(Kind.SUSPECT)
    assert "cannot be read" in finding.sentence
    assert "twin" not in finding.hint
