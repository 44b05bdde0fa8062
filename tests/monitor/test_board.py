"""The board over scripted observations: what is confirmed, since when, what is told, and what a reload leaves alone."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.engine.run import Pair
from prober.interception import TrustStore
from prober.interception import certificates as certificates_module
from prober.interception import trust as trust_module
from prober.interception import views as views_module
from prober.interception.recent import Recent
from prober.interception.verdict import Why, Word
from prober.model import Failure, Hop, HopFacts, HopScheme, Observation, Reason, Route, Secret, Stage, TrustClass
from prober.monitor import board as board_module
from prober.monitor.board import Board, Taken
from prober.monitor.graves import MEMORY
from prober.monitor.held import Held, Unsettled
from prober.monitor.leaves import MANY, WITHIN
from prober.monitor.state import REACHED, WINDOW, Outcome, PairState, Track, Transition

from ..interception.forging import Made, forge, new_key, root
from .boards import (
    DIRECT,
    HQ,
    ISSUING,
    NOW,
    PUBLIC,
    REFUSED,
    STRANGER,
    board_of,
    chain_for,
    key_of,
    leaf,
    pairs,
    seen,
    tls_of,
)

TIMEOUT = Failure(Stage.CONNECT, 0, Reason.TCP_TIMEOUT, "connect to 203.0.113.7:443: no answer in 10 s")
INSPECTION = root("Acme Inspection Root", "Acme Networks")
INSPECTING = INSPECTION.authority("Acme Inspection CA", "Acme Networks")
NO_CHAIN = {"tls": None, "http": None}


class Script:
    """One board, fed second by second."""

    def __init__(self, *of: Pair, confirm: int = 2, trust: TrustClass | None = TrustClass.PUBLIC) -> None:
        self.of = [replace(one, target=replace(one.target, trust=trust)) for one in (of or pairs())]
        self.board = board_of(self.of, confirm=confirm)
        self.now = NOW

    def see(self, *failures: Failure | None, of: int = 0, **more: object) -> list[Taken]:
        """Probe a pair, once for each outcome, thirty seconds apart; None is a success."""
        told: list[Taken] = []
        for failure in failures:
            self.now += 30
            taken = self.board.take(key_of(self.of[of]), seen(self.of[of], failure, at=self.now, **more))  # type: ignore[arg-type] # as seen() takes them
            assert taken is not None
            told.append(taken)
        return told

    def state(self, of: int = 0) -> PairState:
        return self.board.pairs[key_of(self.of[of])]

    def forged(self, of: int = 0, times: int = 1) -> list[Taken]:
        """What an inspecting proxy shows: all is copied, with a key and a signature of its own."""
        host = self.of[of].target.host
        fake = forge(leaf(host, "public"), INSPECTING, host=host)
        return self.see(*[None] * times, of=of, tls=tls_of((fake.der, INSPECTING.der, INSPECTION.der)))


def both_routes() -> tuple[Pair, Pair]:
    direct, hq = pairs(routes=(DIRECT, HQ))
    return direct, hq


class TestReach:
    def test_one_failure_is_contradicted_and_wants_another_look(self) -> None:
        script = Script()
        script.see(None, None)
        (taken,) = script.see(REFUSED)
        assert taken.transitions == ()
        assert taken.confirm == (script.state().key,)
        state = script.state()
        assert state.contradicted
        assert state.exported is not None
        assert (state.exported.reachable, state.exported.failure) == (True, None)
        assert state.exported.last == Outcome("connect", 0, "tcp-refused")
        (taken,) = script.see(None)
        assert (len(taken.confirm), len(taken.transitions)) == (0, 0)
        assert script.state().exported.since == NOW + 30  # type: ignore[union-attr] # it was seen

    def test_two_are_a_change_since_the_first(self) -> None:
        script = Script()
        script.see(None, REFUSED)
        (taken,) = script.see(REFUSED)
        (change,) = taken.transitions
        assert (change.at, change.confirmed_at, change.since) == (NOW + 60, NOW + 90, NOW + 30)
        assert (change.track, change.before, change.after) == (Track.REACHABLE, "reached", "connect/0/tcp-refused")
        assert (change.target, change.route) == script.state().key
        assert change.detail == REFUSED.detail
        exported = script.state().exported
        assert exported is not None
        assert (exported.reachable, exported.since) == (False, NOW + 60)
        assert str(exported.failure) == "connect/0/tcp-refused"
        assert taken.confirm == ()

    def test_recovery_is_confirmed_as_well(self) -> None:
        script = Script()
        script.see(None, REFUSED, REFUSED)
        once, twice = script.see(None, None)
        assert once.transitions == ()
        assert once.confirm == (script.state().key,)
        (change,) = twice.transitions
        assert (change.before, change.after, change.at) == ("connect/0/tcp-refused", "reached", NOW + 120)
        assert script.state().exported.failure is None  # type: ignore[union-attr] # it was seen

    def test_another_reason_is_neither_a_change_nor_hurried(self) -> None:
        """It is exported when it was seen twice in a row; the outage goes on, and ends as what it was at last."""
        script = Script()
        script.see(None, REFUSED, REFUSED)
        for taken in script.see(TIMEOUT, REFUSED, TIMEOUT):
            assert (taken.transitions, taken.confirm) == ((), ())
            assert not taken.state.contradicted
            assert taken.state.exported.failure.reason == "tcp-refused"  # type: ignore[union-attr] # it is down
        (taken,) = script.see(TIMEOUT)
        assert (taken.transitions, taken.confirm) == ((), ())
        exported = script.state().exported
        assert exported is not None
        assert exported.since == NOW + 60
        assert exported.failure is not None
        assert exported.failure.reason == "tcp-timeout"
        (change,) = script.see(None, None)[-1].transitions
        assert (change.before, change.after, change.since) == ("connect/0/tcp-timeout", "reached", NOW + 60)

    def test_who_flaps_is_hurried_a_few_times_and_then_waits_his_turn(self) -> None:
        script = Script()
        script.see(None, REFUSED, REFUSED)
        assert sum(bool(taken.confirm) for taken in script.see(*[None, TIMEOUT] * 50)) == 2
        assert script.state().exported.reachable is False  # type: ignore[union-attr] # it was seen
        assert script.see(None)[0].confirm == ()
        assert script.see(None)[0].transitions
        assert script.see(REFUSED)[0].confirm == (script.state().key,)  # something was confirmed

    def test_what_was_confirmed_anew_is_hurried_again(self) -> None:
        script = Script()
        script.see(None, None)
        assert [bool(each.confirm) for each in script.see(REFUSED, None, REFUSED, None, REFUSED)] == [
            True, False, True, False, False,
        ]  # fmt: skip
        script.see(None, None)
        assert script.see(REFUSED)[0].confirm

    def test_who_flaps_in_one_is_not_late_in_another(self) -> None:
        script = Script()
        script.see(None, None)
        for _ in range(10):
            script.see(None, signer="stranger")
            script.see(None)
        assert script.see(None, signer="stranger")[0].confirm == ()
        assert script.see(REFUSED)[0].confirm == (script.state().key,)

    def test_different_failures_in_a_row_are_failures(self) -> None:
        script = Script()
        script.see(None, REFUSED)
        (change,) = script.see(TIMEOUT)[0].transitions
        assert (change.after, change.at) == ("connect/0/tcp-timeout", NOW + 60)

    def test_what_never_answered_is_unknown_until_confirmed(self) -> None:
        script = Script()
        (taken,) = script.see(REFUSED)
        assert script.state().reach == Unsettled(Outcome("connect", 0, "tcp-refused"), 1, NOW + 30)
        assert script.state().exported.reachable is None  # type: ignore[union-attr] # it was seen
        assert taken.confirm == (script.state().key,)
        (taken,) = script.see(REFUSED)
        assert taken.transitions == ()  # it has not changed: it was never otherwise
        assert script.state().exported.reachable is False  # type: ignore[union-attr] # it was seen

    def test_each_pair_has_its_own(self) -> None:
        script = Script(*pairs(targets=3))
        for number in range(3):
            script.see(None, of=number)
        script.see(REFUSED, REFUSED, of=1)
        assert [script.state(each).exported.reachable for each in range(3)] == [True, False, True]  # type: ignore[union-attr] # all were seen

    def test_a_pair_that_is_not_in_force(self) -> None:
        script = Script()
        (stranger,) = pairs(routes=(HQ,))
        assert script.board.take(key_of(stranger), seen(stranger)) is None


OWN = [
    Failure(Stage.LOCAL, 0, Reason.LOCAL_DESCRIPTORS, "no descriptors"),
    Failure(Stage.CONFIG, 1, Reason.PROXY_AUTH_REQUIRED, "a bug"),
    Failure(Stage.TLS, 0, Reason.INTERNAL, "a bug"),
]


class TestOwnTrouble:
    """A probe that was not made for a reason of the prober's own is nobody else's outage, nor its end."""

    @pytest.mark.parametrize("own", OWN, ids=lambda own: own.reason)
    def test_it_is_shown_as_the_last_probe_and_changes_nothing(self, own: Failure) -> None:
        script = Script(*both_routes())
        for _ in range(3):
            script.see(None, of=0)
            script.forged(of=1)
        script.see(REFUSED, of=1)
        state = script.state(1)
        before, known = state.exported, list(script.board.remembered(script.board.pairs))
        assert before is not None
        for taken in script.see(*[own] * (WINDOW + 1), of=1):
            assert (taken.transitions, taken.confirm) == ((), ())
        assert list(script.board.remembered(script.board.pairs)) == known
        assert state.verdict == script.board.comparison.verdict(*state.key)
        after = state.exported
        assert after is not None
        assert (after.reachable, after.trusted, after.intercepted, after.since) == (True, False, True, before.since)
        assert (after.not_after, after.issuer) == (before.not_after, before.issuer)
        assert (after.last, after.last_at) == (Outcome(own.stage, own.hop, own.reason), script.now + 0.5)
        assert (after.last_reachable, after.last_trusted, after.last_verdict, after.status) == (None,) * 4
        assert state.revision > 0
        (taken,) = script.see(REFUSED, of=1)  # the second in a row
        assert [each.track for each in taken.transitions] == [Track.REACHABLE]
        assert state.exported.last_reachable is False  # type: ignore[union-attr] # it was seen

    def test_where_nothing_else_is_known_nothing_is(self) -> None:
        script = Script()
        script.see(*OWN)
        state = script.state()
        assert (state.reach, state.last, list(script.board.remembered([state.key]))) == (None, None, [])
        assert state.exported is not None
        assert (state.exported.reachable, state.exported.last_reachable) == (None, None)
        script.board.change("paris", script.of, script.board.judge, confirm=2)
        assert state.exported.last.own

    def test_a_reload_keeps_it(self) -> None:
        script = Script()
        script.see(None, None, OWN[0])
        before = script.state().exported
        script.board.change("paris", script.of, script.board.judge, confirm=2)
        assert script.state().exported == before


class TestTrust:
    def test_bad_in_two_ways_by_turns_is_bad(self) -> None:
        script = Script()
        host = script.of[0].target.host
        old = ISSUING.server(host, days=(-90, -1))
        script.see(None)
        told: list[Taken] = []
        for _ in range(20):
            told += script.see(None, tls=tls_of((old.der, ISSUING.der)))
            told += script.see(None, signer="stranger")
        changes = [each for taken in told for each in taken.transitions if each.track is Track.TRUST]
        assert [(each.before, each.at) for each in changes] == [("trusted", NOW + 60)]
        trust = script.state().trust
        assert isinstance(trust, Held)
        assert (trust.kind_since, trust.contradicted) == (NOW + 60, False)
        assert script.state().exported.trusted is False  # type: ignore[union-attr] # it was seen
        assert sum(bool(taken.confirm) for taken in told) <= 4  # trust and interception, twice each

    def test_untrusted_once_and_twice(self) -> None:
        script = Script()
        script.see(None)
        (once, twice) = script.see(None, None, signer="stranger")
        assert Track.TRUST not in {each.track for each in once.transitions}
        change = next(each for each in twice.transitions if each.track is Track.TRUST)
        assert (change.before, change.after, change.at) == ("trusted", "cert-untrusted", NOW + 60)
        assert change.detail
        exported = script.state().exported
        assert exported is not None
        assert (exported.reachable, exported.trusted, exported.last_trusted) == (True, False, False)

    def test_an_outage_keeps_what_was_known(self) -> None:
        script = Script()
        script.see(None, None, signer="stranger")
        script.see(REFUSED, REFUSED)
        exported = script.state().exported
        assert exported is not None
        assert (exported.trusted, exported.last_trusted) == (False, None)
        script.see(*[REFUSED] * WINDOW)
        assert script.state().exported.trusted is None  # type: ignore[union-attr] # nothing of it is left

    def test_an_expired_certificate(self) -> None:
        script = Script()
        host = script.of[0].target.host
        script.see(None)
        old = ISSUING.server(host, days=(-90, -1))
        changes = script.see(None, None, tls=tls_of((old.der, ISSUING.der)))[-1].transitions
        assert [each.after for each in changes if each.track is Track.TRUST] == ["cert-expired"]


class TestInterception:
    def test_a_forged_chain_after_clean_ones(self) -> None:
        """The proxy begins to inspect: seen against the direct route, confirmed, told with its evidence."""
        script = Script(*both_routes())
        for _ in range(3):
            script.see(None, of=0)
            script.see(None, of=1)
        assert script.state(1).interception == Held(Word.CLEAN, NOW + 60)
        (first,) = script.forged(of=1)
        assert Track.INTERCEPTION not in {each.track for each in first.transitions}
        assert first.confirm == tuple(map(key_of, script.of))  # the reference first, then itself
        began = script.now
        changes = []
        for _ in range(3):
            script.see(None, of=0)
            changes += [each for each in script.forged(of=1)[0].transitions if each.track is Track.INTERCEPTION]
        assert [(each.before, each.after) for each in changes] == [("clean", "intercepted")]
        assert changes[0].at == began
        assert changes[0].detail
        exported = script.state(1).exported
        assert exported is not None
        assert exported.intercepted is True
        assert (exported.issuer, exported.anchor) == ("CN=Acme Inspection CA,O=Acme Networks", "unknown")
        assert script.state(0).exported.intercepted is False  # type: ignore[union-attr] # it was seen

    def test_and_it_ends_when_clean_ones_have_come_again(self) -> None:
        script = Script(*both_routes())
        for _ in range(3):
            script.see(None, of=0)
            script.forged(of=1)
        assert script.state(1).exported.intercepted is True  # type: ignore[union-attr] # it was seen
        changes = []
        for _ in range(WINDOW + 2):
            script.see(None, of=0)
            changes += [each for each in script.see(None, of=1)[0].transitions if each.track is Track.INTERCEPTION]
        assert [(each.before, each.after) for each in changes] == [("intercepted", "clean")]

    def test_references_may_come_later(self) -> None:
        """Without one a private authority is no finding; the direct route shows what is behind."""
        script = Script(*both_routes())
        script.forged(of=1, times=3)
        assert script.state(1).exported.intercepted is not True  # type: ignore[union-attr] # it was seen
        for _ in range(3):
            script.see(None, of=0)
            script.forged(of=1)
        assert script.state(1).exported.intercepted is True  # type: ignore[union-attr] # it was seen

    def test_an_outage_neither_ends_nor_confirms_it(self) -> None:
        script = Script(*both_routes())
        for _ in range(3):
            script.see(None, of=0)
            script.see(None, of=1)
        script.forged(of=1)
        state = script.state(1).interception
        assert isinstance(state, Held)
        assert (state.value, state.seen) == (Word.CLEAN, 1)
        for failure in [REFUSED] * (WINDOW + 1):
            for taken in script.see(failure, of=1, **NO_CHAIN):
                assert Track.INTERCEPTION not in {each.track for each in taken.transitions}
        assert script.state(1).interception == state
        verdict = script.state(1).verdict
        assert verdict is not None
        assert verdict.reason is Why.NO_TLS
        exported = script.state(1).exported
        assert exported is not None
        assert exported.intercepted is None  # not exported while nothing is seen of it

    def test_a_known_interception_outlives_an_outage(self) -> None:
        script = Script(*both_routes())
        for _ in range(3):
            script.see(None, of=0)
            script.forged(of=1)
        held = script.state(1).interception
        script.see(*[REFUSED] * (WINDOW + 1), of=1, **NO_CHAIN)
        assert script.state(1).interception == held
        told = script.forged(of=1)[0].transitions
        assert [each for each in told if each.track is Track.INTERCEPTION] == []

    def words(self, script: Script, of: int = 1) -> tuple[Word, Word | None, Word | None]:
        """Of all looks together, of the newest, and what is confirmed."""
        state = script.state(of)
        assert state.verdict is not None
        assert state.exported is not None
        return state.verdict.word, state.exported.last_verdict, state.exported.verdict

    def test_one_forged_look_confirms_nothing(self) -> None:
        """However often it is judged again: that it was there is in the verdict, with how many of how many."""
        script = Script(*both_routes())
        for _ in range(2):
            script.see(None, of=0)
            script.see(None, of=1)
        (taken,) = script.forged(of=1)
        assert taken.confirm
        assert self.words(script)[1:] == (Word.SUSPECT, Word.CLEAN)
        mixed = 0
        for _ in range(WINDOW + 3):
            script.see(None, of=0)
            (taken,) = script.see(None, of=1)
            assert {each.track for each in taken.transitions} <= {Track.CERTIFICATE}
            assert self.words(script)[1:] == (Word.CLEAN, Word.CLEAN)
            mixed += script.state(1).verdict.mixed is not None  # type: ignore[union-attr] # it was judged
        assert mixed == WINDOW - 1

    def test_the_end_is_hurried_and_since_the_first_clean_look(self) -> None:
        script = Script(*both_routes())
        for _ in range(4):
            script.see(None, of=0)
            script.forged(of=1)
        (first,) = script.see(None, of=1)
        assert script.state(1).key in first.confirm
        ended = script.now
        assert self.words(script) == (Word.INTERCEPTED, Word.CLEAN, Word.INTERCEPTED)
        (second,) = script.see(None, of=1)
        (change,) = (each for each in second.transitions if each.track is Track.INTERCEPTION)
        assert (change.before, change.after, change.at, change.detail) == ("intercepted", "clean", ended, "")
        assert self.words(script) == (Word.INTERCEPTED, Word.CLEAN, Word.CLEAN)

    def test_one_member_in_five_becomes_visible_and_stays(self) -> None:
        """By turns, so that never two are among the five looks that are judged together."""
        script = Script(*both_routes())
        script.see(None, None, of=0)
        script.see(None, None, of=1)
        told: list[tuple[str, str]] = []
        for number in range(60):
            script.see(None, of=0)
            (taken,) = script.forged(of=1) if number % 5 == 0 else script.see(None, of=1)
            told += [(each.before, each.after) for each in taken.transitions if each.track is Track.INTERCEPTION]
        assert told == [("clean", "suspect"), ("suspect", "intercepted")]
        assert script.state(1).exported.intercepted is True  # type: ignore[union-attr] # it was seen
        assert script.state(1).verdict.mixed is not None  # type: ignore[union-attr] # it was judged
        script.board, left = board_of(script.of), list(script.board.remembered(script.board.pairs))
        script.board.restore(left)
        for number in range(4, MEMORY):  # those four before the restart count
            assert script.state(1).exported.intercepted is True, number  # type: ignore[union-attr] # it was seen
            script.see(None, of=1)
        assert script.state(1).exported.intercepted is False  # type: ignore[union-attr] # it was seen


class TestCertificate:
    def renewed(self, script: Script, number: int = 0) -> object:
        host = script.of[0].target.host
        made = _renewals(host, number)
        return tls_of((made.der, ISSUING.der))

    def test_a_new_key_is_a_change_at_once(self) -> None:
        script = Script()
        script.see(None, None)
        before = script.state().leaf
        (taken,) = script.see(None, tls=self.renewed(script))
        (change,) = taken.transitions
        assert before is not None
        assert (change.track, change.at, change.since) == (Track.CERTIFICATE, script.now, NOW + 30)
        assert (change.before, change.after) == (before.value, script.state().leaf.value)  # type: ignore[union-attr] # it was seen

    def test_a_farm_shows_its_keys_by_turns_and_is_told_once_each(self) -> None:
        script = Script()
        told: list[Transition] = []
        for number in range(100):
            told += script.see(None, tls=self.renewed(script, number * 7 % 5))[0].transitions
        assert len(told) == 4
        assert len(script.state().leaves) == 5

    def test_the_same_key_in_another_certificate_is_no_change(self) -> None:
        script = Script()
        host, key = script.of[0].target.host, new_key()
        told: list[Transition] = []
        for _ in range(3):
            made = ISSUING.server(host, key=key)
            told += script.see(None, tls=tls_of((made.der, ISSUING.der)))[0].transitions
        assert told == []

    def test_who_makes_a_key_for_every_connection_is_told_of_ten_times_an_hour(self) -> None:
        script = Script()
        host = script.of[0].target.host
        told: list[Transition] = []
        for _ in range(40):
            made = ISSUING.server(host)
            told += script.see(None, tls=tls_of((made.der, ISSUING.der)))[0].transitions
        assert len(told) == MANY
        script.now += WITHIN
        made = ISSUING.server(host)
        assert len(script.see(None, tls=tls_of((made.der, ISSUING.der)))[0].transitions) == 1


_made: dict[tuple[str, int], Made] = {}


def _renewals(host: str, number: int) -> Made:
    return _made.setdefault((host, number), ISSUING.server(host))


class TestListening:
    def test_each_change_is_told_until_one_has_enough(self) -> None:
        script, told = Script(), []
        enough = script.board.listen(lambda state: told.append(state.revision))
        script.see(None, REFUSED)
        enough()
        script.see(None)
        assert told == [1, 2]
        assert script.state().revision == 3

    def test_one_that_raises_costs_nobody_anything(self, caplog: pytest.LogCaptureFixture) -> None:
        script, told = Script(*both_routes()), []

        def broken(state: PairState) -> None:
            raise LookupError(state.revision)

        script.board.listen(broken)
        script.board.listen(lambda state: told.append(state.revision))
        (*_, taken) = script.see(None, REFUSED, REFUSED)
        assert [each.after for each in taken.transitions] == ["connect/0/tcp-refused"]
        assert told == [1, 2, 3]
        assert [each.message for each in caplog.records if "broken" in each.message] == [
            each.message for each in caplog.records
        ]
        assert len(caplog.records) == 1  # not for each observation
        fresh = board_of(script.of)
        fresh.listen(broken)
        fresh.listen(lambda state: told.append(-state.revision))
        assert fresh.restore(script.board.remembered(script.board.pairs)) == 1
        assert told[3:] == [-1]


class TestRestore:
    def script(self) -> Script:
        script = Script(*both_routes(), *pairs(targets=3)[1:])
        for _ in range(3):
            script.see(None, of=0)
            script.forged(of=1)
            script.see(None, TIMEOUT, of=2)
            script.see(REFUSED, of=3)
        return script

    def test_all_is_as_it_was(self) -> None:
        script = self.script()
        fresh = board_of(script.of)
        assert fresh.restore(list(script.board.remembered(script.board.pairs))[::-1]) == 4
        for key, state in script.board.pairs.items():
            again = fresh.pairs[key]
            assert (again.reach, again.trust, again.interception) == (state.reach, state.trust, state.interception)
            assert (again.leaf, again.leaves, tuple(again.recent)) == (state.leaf, state.leaves, tuple(state.recent))
            assert again.exported == state.exported
            assert again.trust_now == state.trust_now
            assert again.verdict == script.board.comparison.verdict(*key)
        assert list(fresh.remembered(fresh.pairs)) == list(script.board.remembered(script.board.pairs))

    def test_and_goes_on_as_if_nothing_had_been(self) -> None:
        script, other = self.script(), self.script()
        other.board = board_of(other.of)
        other.board.restore(list(script.board.remembered(script.board.pairs)))
        for failures in ((REFUSED,), (None, None), (REFUSED, REFUSED)):
            for of in range(4):
                told = [each.transitions for each in script.see(*failures, of=of)]
                assert [each.transitions for each in other.see(*failures, of=of)] == told
        assert [each.exported for each in other.board.pairs.values()] == [
            each.exported for each in script.board.pairs.values()
        ]

    def test_what_is_out_of_date_is_neither_told_nor_a_reference(self) -> None:
        """Since when is kept, and what is confirmed; but nothing is exported before the first probe."""
        script = self.script()
        stale = key_of(script.of[0])  # the direct route: what hq is compared with
        fresh = board_of(script.of)
        last = script.state(0).recent[-1].at
        remembered = list(script.board.remembered(script.board.pairs))
        told: list[PairState] = []
        fresh.listen(told.append)
        assert fresh.restore(remembered, valid_from=lambda key: last + (key == stale) - 0.5) == 4
        state, other = fresh.pairs[stale], fresh.pairs[key_of(script.of[1])]
        assert (state.exported, state.last, len(told)) == (None, None, 4)
        assert (state.reach, state.interception, state.leaves) == (
            script.state(0).reach, script.state(0).interception, script.state(0).leaves,
        )  # fmt: skip
        assert other.exported is not None
        assert other.verdict is not None
        assert other.verdict.word is not Word.INTERCEPTED  # with nothing to compare it with
        assert other.exported.verdict is Word.INTERCEPTED  # which it was confirmed to be
        script.board = fresh
        script.see(REFUSED, of=0)
        assert state.exported is not None
        assert (state.exported.reachable, state.exported.trusted, state.exported.not_after) == (True, None, None)
        (taken,) = script.see(None, of=0)
        assert taken.transitions == ()
        assert state.exported.since == NOW + 30

    def test_after_a_long_break_nothing_follows_on(self) -> None:
        """A failure before it and one after it are not two in a row."""
        script = Script()
        script.see(None, REFUSED)
        remembered = list(script.board.remembered(script.board.pairs))
        script.now += 86_400
        script.board = board_of(script.of)
        script.board.restore(remembered, valid_from=lambda _: script.now - 300)
        assert script.see(REFUSED)[0].transitions == ()
        assert [each.at for each in script.see(REFUSED)[0].transitions] == [script.now - 30]
        unsettled = Script()
        unsettled.see(REFUSED)
        remembered = list(unsettled.board.remembered(unsettled.board.pairs))
        unsettled.board = board_of(unsettled.of)
        unsettled.board.restore(remembered, valid_from=lambda _: unsettled.now + 1)
        assert unsettled.state().reach is None

    def test_what_was_seen_since_counts_more(self) -> None:
        script = self.script()
        fresh = board_of(script.of)
        fresh.take(key_of(script.of[2]), seen(script.of[2], at=script.now + 999))
        assert fresh.restore(script.board.remembered(script.board.pairs)) == 3
        assert fresh.pairs[key_of(script.of[2])].recent[-1].at == script.now + 999

    def test_nothing_of_strangers_or_of_nothing(self) -> None:
        script = self.script()
        remembered = list(script.board.remembered(script.board.pairs))
        assert board_of(pairs(targets=9)[5:]).restore(remembered) == 0
        assert board_of(script.of).restore([replace(each, recent=()) for each in remembered]) == 0

    @pytest.mark.parametrize("change", ["host", "port", "path", "scheme", "way"])
    def test_another_endpoint_or_way_under_the_same_name(self, change: str) -> None:
        script = Script(*both_routes())
        script.see(None, of=1)
        (_, pair) = script.of
        route = Route("hq", (Hop(HopScheme.HTTP, "other.corp.test", 3128),)) if change == "way" else pair.route
        values = {"host": "h.test", "port": 8443, "path": "/x", "scheme": "tls"}
        target = pair.target if change == "way" else replace(pair.target, **{change: values[change]})  # type: ignore[arg-type] # one of these
        board = board_of([Pair(target, route)])
        assert board.restore(script.board.remembered(script.board.pairs)) == 0

    def test_logins_and_what_catalogs_tell_make_no_difference(self) -> None:
        script = Script(*both_routes())
        script.see(None, of=1)
        pair = script.of[1]
        login = replace(pair.route.hops[0], user="svc", password=Secret("x"))
        told = Pair(replace(pair.target, dated="2027-01", geography="EU"), Route("hq", (login,)))
        assert board_of([told]).restore(script.board.remembered(script.board.pairs)) == 1


class TestChange:
    def change(self, script: Script, of: list[Pair], **more: object) -> tuple[set[str], set[str]]:
        values = {"egress": "paris", "judge": script.board.judge, "confirm": 2, "same_trust": True, **more}
        fresh, gone = script.board.change(pairs=of, **values)  # type: ignore[arg-type] # as change() takes them
        return {"|".join(key) for key in fresh}, {"|".join(key) for key in gone}

    def test_unchanged_pairs_are_the_very_same(self) -> None:
        script = Script(*pairs(targets=3))
        for of in range(3):
            script.see(None, REFUSED, of=of)
        first, second, third = script.board.pairs.values()
        (added,) = pairs(targets=4)[3:]
        fresh, gone = self.change(script, [added, script.of[2], script.of[0]])
        assert (fresh, gone) == ({"mde.c2.t3|direct"}, {"mde.c2.t1|direct"})
        assert list(script.board.pairs.values())[1:] == [third, first]
        assert script.board.pairs[first.key] is first
        assert first.contradicted
        assert script.board.take(second.key, seen(script.of[1])) is None
        assert script.board.pairs[key_of(added)].exported is None

    def test_what_has_gone_is_no_reference_any_more(self) -> None:
        script = Script(*both_routes())
        script.see(None, None, of=0)
        script.forged(of=1, times=2)
        script.see(None, of=0)
        script.forged(of=1)
        assert script.state(1).exported.intercepted is True  # type: ignore[union-attr] # it was seen
        self.change(script, [script.of[1]])
        assert script.board.comparison.verdict(*key_of(script.of[1])).word is not Word.INTERCEPTED

    def test_another_endpoint_under_the_name_begins_anew(self) -> None:
        script = Script()
        script.see(None)
        moved = replace(script.of[0], target=replace(script.of[0].target, host="t9.example.test"))
        fresh, gone = self.change(script, [moved])
        assert fresh == gone == {"mde.c2.t0|direct"}
        assert not script.state().recent
        script.of = [moved]
        script.see(None)
        assert script.state().exported.trusted is True  # type: ignore[union-attr] # by its own name

    def test_a_catalog_that_tells_more_of_it_changes_no_state(self) -> None:
        """Labels and what is expected are new; since when is not."""
        script = Script(*both_routes())
        script.see(None, of=0)
        told = [replace(one, target=replace(one.target, geography="EU", trust=None)) for one in script.of]
        since = script.state().exported.since  # type: ignore[union-attr] # it was seen
        assert self.change(script, told) == (set(), set())
        assert script.state().labels.geography == "EU"
        assert script.state().exported.since == since  # type: ignore[union-attr] # it was seen
        assert script.state().target is told[0].target
        assert script.board.comparison.verdict(*key_of(told[0])).word is Word.CLEAN

    def test_another_egress_renames_the_labels(self) -> None:
        script = Script()
        script.see(None)
        self.change(script, script.of, egress="rome")
        assert script.state().labels.egress == script.board.egress == "rome"

    def test_other_roots_judge_anew(self) -> None:
        """What is confirmed changes only with new observations; what is raw is judged by the new roots at once."""
        script = Script()
        script.see(None, None)
        strangers = TrustStore(STRANGER.pem, b"", (), None, with_shipped=False)
        revision = script.state().revision
        self.change(script, script.of, judge=strangers, same_trust=False)
        exported = script.state().exported
        assert exported is not None
        assert (exported.trusted, exported.last_trusted) == (True, False)
        assert exported.anchor not in (None, "public")
        assert script.state().revision > revision
        script.see(None, None)
        assert script.state().exported.trusted is False  # type: ignore[union-attr] # it was seen
        again = TrustStore(PUBLIC.pem, b"", (), None, with_shipped=False)
        self.change(script, script.of, judge=again, same_trust=False)
        assert script.state().exported.last_trusted is True  # type: ignore[union-attr] # it was seen

    def test_confirm_is_taken_over(self) -> None:
        script = Script()
        script.see(None)
        self.change(script, script.of, confirm=1)
        assert len(script.see(REFUSED)[0].transitions) == 1


class TestMemory:
    def test_certificates_are_held_once(self) -> None:
        """An HTTPS proxy's, too: each probe brings octets of its own."""
        pair = pairs(routes=3)[2]
        board = board_of([pair])
        for number in range(WINDOW):
            chain = tuple(bytes(bytearray(der)) for der in chain_for(pair.target.host))
            proxys = tuple(bytes(bytearray(der)) for der in chain_for("proxy.corp.test"))
            hops = (HopFacts(0), HopFacts(200, tls=tls_of(proxys)))
            board.take(key_of(pair), seen(pair, at=NOW + number, tls=tls_of(chain), hops=hops))
        recent = board.pairs[key_of(pair)].recent
        for chains in (
            [each.tls.chain for each in recent if each.tls is not None],
            [each.hops[1].tls.chain for each in recent if each.hops[1].tls is not None],
        ):
            assert len(chains) == WINDOW
            assert len({id(der) for chain in chains for der in chain}) == 2

    def test_ever_new_forged_chains_leave_it_flat(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each with a certificate of its own. Limits are made small, to be met soon; a run of 100,000 with those in
        force is told of in docs/monitoring-state.md."""
        monkeypatch.setattr(board_module, "_CERTIFICATES", 64)
        monkeypatch.setattr(views_module, "_KEPT", 64)
        monkeypatch.setattr(trust_module, "_JUDGED", 64)
        monkeypatch.setattr(trust_module, "_ENDINGS", 64)
        monkeypatch.setattr(certificates_module, "_cache", Recent(64))
        script = Script(*pairs(targets=2, routes=2))
        host = script.of[0].target.host
        fake = forge(leaf(host, "public"), INSPECTING, host=host)

        def take(start: int, end: int) -> int:
            for number in range(start, end):
                der = fake.der[:-8] + number.to_bytes(8)  # the signature's end: it parses, and is wrong
                one = script.of[number % 4]
                tls = tls_of((der, INSPECTING.der))
                observation = Observation(target=one.target.id, route=one.route.name, at=NOW + number, tls=tls)
                script.board.take(key_of(one), observation)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        take(0, 70)
        tracemalloc.start()
        try:
            first = take(70, 150)
            last = take(150, 350)
        finally:
            tracemalloc.stop()
        assert last < first + 200 * len(fake.der) / 2  # one held of each would be more than twice that


outcomes = st.sampled_from([None, REFUSED, TIMEOUT])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), outcomes, st.booleans()), max_size=40), st.integers(1, 3))
def test_what_always_holds(steps: list[tuple[int, Failure | None, bool]], confirm: int) -> None:
    """Changes connect to one another, end in what is exported, and a board made of what is remembered is the same."""
    script = Script(*pairs(targets=2, routes=2), confirm=confirm)
    last: dict[tuple[str, str, Track], str] = {}
    for of, failure, forged in steps:
        (taken,) = script.forged(of) if forged and failure is None else script.see(failure, of=of)
        for change in taken.transitions:
            place = change.target, change.route, change.track
            assert change.before != change.after
            earlier = last.get(place, change.before)
            if change.track is Track.REACHABLE:
                assert (earlier == "reached") is (change.before == "reached") is not (change.after == "reached")
            else:
                assert earlier == change.before
            assert change.since <= change.at <= change.confirmed_at
            last[place] = change.after
        state = script.state(of)
        assert len(state.recent) <= WINDOW
        reach = state.reach
        if isinstance(reach, Held) and (place := (*state.key, Track.REACHABLE)) in last:
            assert reach.value.reached is (last[place] == "reached")
            assert (reach.value == REACHED) is state.exported.reachable  # type: ignore[union-attr] # it was seen
        assert set(taken.confirm) <= set(script.board.pairs)
    fresh: Board = board_of(script.of, confirm=confirm)
    fresh.restore(script.board.remembered(script.board.pairs))
    for key, state in script.board.pairs.items():
        assert fresh.pairs[key].reach == state.reach
        shown, again = state.exported, fresh.pairs[key].exported
        if shown is not None and again is not None:
            assert replace(shown, last_verdict=None, issuer=None) == replace(again, last_verdict=None, issuer=None)
