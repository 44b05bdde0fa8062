"""A run whose direct way is not direct: what is tried, what tells, and what follows from it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType

import msgspec
import pytest
import trustme

from prober.check import conduct as conducting
from prober.check.conduct import Conduct
from prober.check.directness import Directness, direct_note, is_public, went_direct
from prober.check.findings import FailOn, has_findings
from prober.check.rejudge import baseline_of, judge_again
from prober.engine.nobody import answering
from prober.engine.run import OnObservation, Pair
from prober.interception.anchors import UserRoot
from prober.interception.trust import TrustStore
from prober.model import Anchor, Failure, Hop, HopScheme, HttpFacts, Observation, Reason, Route, Stage, TlsFacts
from prober.report.causes import Kind, findings_of
from prober.report.document import Run
from prober.report.glossary import explain
from prober.report.notes import NoteId
from prober.report.table import table_text

SQUID = "1.1 box.corp (squid/5.7)"
PUBLIC = "8.8.4.4:443"
HQ = ["hq=http://10.0.0.1:1", "direct"]
Made = Callable[..., Conduct]


class Asked:
    """Stands in for the connects: how often it was asked, and what it says."""

    def __init__(self, *answered: str) -> None:
        self.times = 0
        self.answered = answered

    async def __call__(self) -> tuple[str, ...]:
        self.times += 1
        return self.answered


def told(conduct: Conduct) -> str | None:
    """The note's text."""
    return next((each.text for each in conduct.document().notes if each.id == NoteId.DIRECT_IS_PROXIED), None)


@pytest.fixture
def run(given: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Conduct]:
    """A conduct in which every pair shows the same."""

    def make(
        directness: Directness,
        targets: Sequence[str],
        via: Sequence[str] = HQ,
        *,
        judge: TrustStore | None = None,
        **by_route: object,
    ) -> Conduct:
        def script(pairs: Sequence[Pair], tell: OnObservation) -> None:
            for pair in pairs:
                facts = by_route.get(pair.route.name, {})
                assert isinstance(facts, dict)
                tell(pair, given.seen(pair, **{"peer": PUBLIC, **facts}))

        monkeypatch.setattr(conducting, "Run", given.ScriptedRun(script))
        plan = given.plan_of(targets, via=list(via), no_direct="direct" not in via)
        plan = plan if judge is None else replace(plan, judge=judge)
        return Conduct(plan, directness=directness)

    return make


@pytest.mark.parametrize(
    ("peer", "public"),
    [
        (PUBLIC, True),
        ("[2606:4700::1111]:443", True),
        ("127.0.0.1:443", False),
        ("[::1]:443", False),
        ("10.1.2.3:443", False),
        ("192.0.2.1:443", False),
        ("100.64.0.1:443", False),
        ("[fe80::1%eth0]:443", False),
        ("[2001:db8::1]:443", False),
        ("168.63.129.16:80", False),
        ("not an address", False),
        (None, False),
    ],
)
def test_only_the_internet_is_public(peer: str | None, public: bool) -> None:
    assert is_public(peer) is public


def test_a_way_is_direct_as_it_was_taken() -> None:
    hop = Hop(HopScheme.HTTP, "10.0.0.1", 1)
    down = Failure(Stage.CONNECT, 1, Reason.TCP_REFUSED)
    listed = Route("edr", (hop,), ((),))
    once = Observation(target="a", route="edr", at=0.0, passed_over=(down,))
    assert not went_direct(listed, Observation(target="a", route="edr", at=0.0))
    assert went_direct(listed, once)
    assert not went_direct(Route("pac", problem=down), Observation(target="a", route="pac", at=0.0))


class TestAsking:
    async def test_what_answers_for_nobody_is_a_note_and_a_finding(self, run: Made) -> None:
        asked = Asked("192.0.2.1:443", "192.0.2.1:80")
        conduct = run(Directness(asked), ["a.example", "b.example"])
        await conduct.probe()
        text = told(conduct)
        assert text is not None
        assert "192.0.2.1:443 and 192.0.2.1:80 accepted a connection, though nobody is at such an address" in text
        assert "no reference for interception" in text
        assert "--baseline" in text
        assert asked.times == 1
        table = " ".join(table_text(conduct.document(), width=100).split())
        assert "Direct is not direct" in table
        assert "direct-is-proxied" in table

    async def test_nothing_answers(self, run: Made) -> None:
        asked = Asked()
        conduct = run(Directness(asked), ["a.example"])
        await conduct.probe()
        assert asked.times == 1
        assert told(conduct) is None
        assert "Direct is not direct" not in table_text(conduct.document())

    @pytest.mark.parametrize(
        ("via", "peer"),
        [(HQ, "127.0.0.1:443"), (HQ, "10.0.0.9:443"), (HQ, None), (HQ[:1], PUBLIC)],
        ids=["loopback", "private", "nobody reached", "no direct route"],
    )
    async def test_nothing_is_tried(self, run: Made, via: list[str], peer: str | None) -> None:
        asked = Asked("192.0.2.1:443")
        conduct = run(Directness(asked), ["a.example"], via, direct={"peer": peer})
        await conduct.probe()
        assert asked.times == 0
        assert told(conduct) is None

    async def test_connects_on_loopback_with_a_listener_for_the_proxy(self, run: Made) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            conduct = run(Directness(partial(answering, [("127.0.0.1", port)])), ["a.example"])
            await conduct.probe()
        assert f"127.0.0.1:{port} accepted" in (told(conduct) or "")

    async def test_a_run_that_ends_early_asks_no_longer(
        self, given: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, before = asyncio.Event(), asyncio.all_tasks()

        async def for_ever() -> tuple[str, ...]:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        class Waiting(given.ScriptedRun):  # type: ignore[name-defined,misc] # a module of the tests
            async def probe(self, pairs: Sequence[Pair], tell: OnObservation, *, attempts: int = 1) -> None:
                tell(pairs[0], given.seen(pairs[0], peer=PUBLIC))
                await begun.wait()
                raise KeyboardInterrupt

        monkeypatch.setattr(conducting, "Run", Waiting(lambda *_: None))
        conduct = Conduct(given.plan_of(["a.example"]), directness=Directness(for_ever))
        with pytest.raises(KeyboardInterrupt):
            await conduct.probe()
        assert asyncio.all_tasks() == before
        assert told(conduct) is None


class TestVia:
    """`http://` targets: a proxy that names itself."""

    @staticmethod
    def answer(*via: str) -> dict[str, object]:
        return {"peer": "8.8.4.4:80", "http": HttpFacts(200, tuple(("via", each) for each in via))}

    async def noted(self, run: Made, hosts: int, *, answered: Sequence[str] = (), **by_route: object) -> str | None:
        names = [f"http://{name}.example/" for name in "abc"[:hosts]]
        conduct = run(Directness(Asked(*answered)), names, **by_route)
        await conduct.probe()
        return told(conduct)

    async def test_another_route_shows_no_such_entry(self, run: Made) -> None:
        text = await self.noted(run, 1, direct=self.answer(f"1.1 varnish, {SQUID}"), hq=self.answer("1.1 varnish"))
        assert text is not None
        assert f'1 answer over plain HTTP named a forward proxy (Via: "{SQUID}", Squid)' in text
        assert "which other routes do not show" in text

    async def test_two_hosts_share_it(self, run: Made) -> None:
        assert await self.noted(run, 2, direct=self.answer(SQUID), hq={}) is not None
        assert await self.noted(run, 1, direct=self.answer(SQUID), hq={}) is None, "the origin's own, perhaps"

    async def test_one_host_is_enough_beside_an_accepted_connection(self, run: Made) -> None:
        text = await self.noted(run, 1, answered=["192.0.2.1:80"], direct=self.answer(SQUID), hq={})
        assert text is not None
        assert "192.0.2.1:80 accepted" in text
        assert "Squid" in text

    async def test_the_origins_own_squid_shows_on_every_route(self, run: Made) -> None:
        both = self.answer(SQUID)
        assert await self.noted(run, 3, direct=both, hq=both) is None

    @pytest.mark.parametrize(
        "entry",
        ["1.1 varnish", "2 f0.cloudfront.net (CloudFront)", "1.1 google", "1.1 akamai.net(ghost) (AkamaiGHost)", ""],
    )
    async def test_content_networks_are_none(self, run: Made, entry: str) -> None:
        assert await self.noted(run, 3, direct=self.answer(entry), hq=self.answer()) is None

    async def test_a_proxy_on_the_other_route_is_none_of_directs(self, run: Made) -> None:
        assert await self.noted(run, 3, direct=self.answer(), hq=self.answer(SQUID)) is None

    async def test_within_ones_own_network_nothing_is_said(self, run: Made) -> None:
        answer = {**self.answer(SQUID), "peer": "10.0.0.7:80"}
        assert await self.noted(run, 3, direct=answer, hq=self.answer()) is None

    async def test_what_a_note_quotes_is_bounded_and_does_not_steer(self, run: Made) -> None:
        text = await self.noted(run, 2, direct=self.answer("1.1 \x1b[2J" + "x" * 900 + " (squid/5)"), hq={})
        assert text is None or ("\x1b" not in text and len(text) < 900)
        text = await self.noted(run, 2, direct=self.answer("1.1 \x1b[2J (squid/5)"), hq={})
        assert text is not None
        assert "\x1b" not in text


class TestConsequences:
    """The same key over direct and over a proxy."""

    @pytest.fixture
    async def conduct(self, request: pytest.FixtureRequest, run: Made) -> Conduct:
        made = self.unprobed(run, *request.param)
        await made.probe()
        return made

    @staticmethod
    def unprobed(run: Made, *answered: str) -> Conduct:
        authority = trustme.CA()
        certificate = authority.issue_cert("a.example")
        pems = [*certificate.cert_chain_pems, authority.cert_pem]
        chain = tuple(ssl.PEM_cert_to_DER_cert(each.bytes().decode()) for each in pems)
        tls = TlsFacts("TLSv1.3", "c", None, None, client_cert_requested=False, ocsp_stapled=False, chain=chain)
        tls = replace(tls, key_proven=True)
        facts = {"tls": tls, "at": time.time()}
        judge = TrustStore(b"", None, [UserRoot(authority.cert_pem.bytes(), Anchor.PUBLIC)], with_shipped=False)
        return run(Directness(Asked(*answered)), ["a.example"], judge=judge, hq=facts, direct=facts)

    async def test_no_line_that_rests_on_a_comparison_is_told_before_the_answer_is_there(self, run: Made) -> None:
        early: dict[str, bool] = {}
        conduct = self.unprobed(run, "192.0.2.1:80")

        def on_pair(pair: Pair, _seen: Observation, _number: int) -> None:
            early[pair.route.name] = conduct.result_when_done(pair) is not None

        await conduct.probe(on_pair)
        assert early == {"hq": True, "direct": False}, "hq came first, and nothing to compare it with"
        (left,) = conduct.results_left()
        assert left.route == "direct"

    def bases(self, document: Run) -> dict[str, str]:
        return {each.route: each.interception.basis for each in document.results if each.interception is not None}

    @pytest.mark.parametrize(
        ("conduct", "hq"), [((), "proven"), (("192.0.2.1:80",), "authority")], indirect=["conduct"]
    )
    async def test_direct_vouches_for_others_or_not_also_when_judged_again(
        self, given: ModuleType, conduct: Conduct, hq: str
    ) -> None:
        document = conduct.document()
        assert self.bases(document) == {"hq": hq, "direct": "proven"}
        again = judge_again(document, given.loaded()).run
        assert self.bases(again) == {"hq": hq, "direct": "proven"}
        assert ("direct-is-proxied" in {each.id for each in again.notes}) is (hq == "authority")

    @pytest.mark.parametrize("conduct", [(), ("192.0.2.1:80",)], indirect=True)
    async def test_as_a_baseline(self, conduct: Conduct) -> None:
        document = conduct.document()
        baseline = baseline_of(document, conduct._plan.judge, document.egress)
        assert baseline is not None
        routes = {look.route for look in baseline.looks(("a.example", 443))}
        assert routes == ({"hq"} if told(conduct) else {"direct"}), "one look for each key, the nearest"


def test_the_finding_counts_what_went_direct(given: ModuleType) -> None:
    plan = given.plan_of(["a.example"], via=HQ)
    conduct = Conduct(plan)
    for pair in plan.pairs:
        conduct._keep(pair, given.seen(pair))
    document = msgspec.structs.replace(conduct.document(), notes=(direct_note(["x accepted a connection"] * 5),))
    (finding,) = [each for each in findings_of(document) if each.kind is Kind.DIRECT]
    assert [route for _, (_, route) in finding.members] == ["direct"]
    assert finding.words == "direct-is-proxied"
    assert "and 2 more" in document.notes[0].text
    assert not has_findings(document, (FailOn.INTERCEPTED, FailOn.SUSPECT)), "no word of --fail-on"


def test_the_word_can_be_explained() -> None:
    found = explain("direct-is-proxied")
    assert found is not None
    assert found.kind == "note"
    assert "no reference" in found.meaning
