"""How a batch is dealt out: every pair once, whole hosts as long as they fit, within bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from prober.catalog import parse_target
from prober.cluster.agents import Agents
from prober.cluster.cargo import Kept
from prober.cluster.link import Link
from prober.engine.run import Pair
from prober.engine.terms import Terms
from prober.interception.location import prefixes
from prober.model import Hop, HopScheme, Purpose, Route
from prober.model.inquiry import Inquiry

CHAIN = Route("chain", (Hop(HopScheme.HTTP, "a", 1), Hop(HopScheme.HTTP, "b", 2)))


def agents(there: int = 1) -> Any:
    made = Agents(cast("Link", None), "paris", "mark", no_direct=False, kept=Kept())
    made._there = there
    return made


def pairs(hosts: int, ports: int) -> list[Pair]:
    return [
        Pair(parse_target(f"tls://h{host}.test:{port}"), CHAIN) for port in range(1, ports + 1) for host in range(hosts)
    ]


@given(st.integers(1, 40), st.integers(1, 30), st.sampled_from([1, 2, 7, 1000]), st.integers(1, 5))
def test_every_pair_once(hosts: int, ports: int, attempts: int, there: int) -> None:
    batch = pairs(hosts, ports)
    shares = list(agents(there)._shares(batch, attempts))
    dealt = [pair for own, _ in shares for pair in own]
    assert sorted(map(id, dealt)) == sorted(map(id, batch))
    for own, share in shares:
        assert len(own) * attempts <= max(400, attempts)
        assert len(share.items) == len(own)
        assert [share.targets[item.target] for item in share.items] == [pair.target for pair in own]
        assert share.of == there * 2
    if ports * attempts <= 20:
        homes = [
            {id(own) for own, _ in shares if any(p.target.host == f"h{n}.test" for p in own)} for n in range(hosts)
        ]
        assert all(len(home) == 1 for home in homes)


def test_beginnings_of_chains_are_told_by_their_length() -> None:
    route = prefixes(CHAIN)[1]
    (_, share), *_ = agents()._shares([Pair(parse_target("tls://a.test"), route, purpose=Purpose.LOCATE)], 1)
    assert (share.items[0].rule, share.items[0].first, share.items[0].purpose) == ("chain", 1, Purpose.LOCATE)


def test_lists_of_revoked_certificates_come_few_at_a_time() -> None:
    """Each may have some megabytes. One that was redirected over one route keeps its id, and is another address."""
    inquiry = Terms(inquiry=Inquiry(body_limit=4_000_000, keep_body=True))
    here, there = parse_target("http://a.test/ca.crl"), parse_target("http://a.test/moved.crl")
    batch = [
        Pair(replace(target, id=f"crl {number}"), CHAIN, purpose=Purpose.REVOCATION, terms=inquiry)
        for number in range(10)
        for target in (here, there)
    ]
    shares = list(agents(4)._shares(batch, 1))
    assert [pair for own, _ in shares for pair in own] == batch
    for own, share in shares:
        assert len(own) <= 8
        assert [share.targets[item.target] for item in share.items] == [pair.target for pair in own]
        assert {item.body_limit for item in share.items} == {4_000_000}


def test_what_is_missing_is_one_sentence() -> None:
    made = agents()
    assert made.shortfall is None
    made._asked = 40
    made._missed = {"no agent of egress paris was left": 14}
    assert made.shortfall == "14 of 40 probes were not made: no agent of egress paris was left."
