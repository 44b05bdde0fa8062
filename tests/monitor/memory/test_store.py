"""What goes in comes out again, in another process's lifetime; changes are found by filters and paged."""

# Files and programs are looked at where they are needed, between two steps: nothing else runs on a test's loop. The
# chances taken are the same each time.
# ruff: noqa: ASYNC110, ASYNC240

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.model import Failure, HopFacts, HttpFacts, Reason, Stage
from prober.monitor.held import Held
from prober.monitor.memory.history import Filter, Recorded
from prober.monitor.memory.store import Store
from prober.monitor.memory.writer import TIDY
from prober.monitor.state import Remembered, Track

from ..boards import NOW, board_of, chain_for, key_of, pairs, seen, tls_of
from .stores import NEVER, Clock, World, ask, by_key, change, opened, sound


class TestPairs:
    async def test_a_restart_resets_nothing(self, tmp_path: Path) -> None:
        """Exported state and since when are the same in a board made of what the file knows."""
        world = World()
        async with opened(tmp_path / "prober.db") as store:
            for failing in ((), (3,), (3, 5), (3,)):
                store.remember("paris", world.round(failing=failing))
                await store.flush()
        async with opened(tmp_path / "prober.db") as store:
            loaded = await store.load("paris")
        assert by_key(loaded) == by_key(list(world.board.remembered(world.board.pairs)))
        fresh = board_of(world.of)
        assert fresh.restore(loaded) == len(world.of)
        for key, state in world.board.pairs.items():
            assert fresh.pairs[key].exported == state.exported
            assert fresh.pairs[key].reach == state.reach
            assert fresh.pairs[key].verdict == world.board.comparison.verdict(*key)

    async def test_the_window_moves_on(self, tmp_path: Path) -> None:
        world = World(pairs(targets=2))
        async with opened(tmp_path / "prober.db") as store:
            for _ in range(12):
                store.remember("paris", world.round())
                await store.flush()
        assert ask(tmp_path / "prober.db", "SELECT count(*) FROM samples") == [(10,)]
        async with opened(tmp_path / "prober.db") as store:
            loaded = await store.load("paris")
        assert [each.recent[-1].at for each in by_key(loaded)] == [world.now, world.now + 0.01]
        assert all(len(each.recent) == 5 for each in loaded)

    async def test_steady_pairs_cost_a_sample_each(self, tmp_path: Path) -> None:
        """What is the same is written once: certificates, shapes, states."""
        world = World()
        path = tmp_path / "prober.db"
        counted = []
        for _ in range(3):
            async with opened(path) as store:
                for _ in range(5):
                    store.remember("paris", world.round())
                    await store.flush()
            tables = ("pairs", "shapes", "certificates")
            counted.append(
                [
                    ask(path, f"SELECT count(*), max(id) FROM {table}")[0]  # noqa: S608 # names of this test
                    for table in tables
                ]
            )
        assert counted[0] == counted[1] == counted[2] == [(12, 12), (4, 4), (5, 5)]

    async def test_certificates_that_nobody_shows_any_more_go(self, tmp_path: Path) -> None:
        path = tmp_path / "prober.db"
        (pair,) = pairs()
        board = board_of([pair])
        async with opened(path) as store:
            for number, signer in enumerate(["stranger"] + ["public"] * 5):
                board.take(key_of(pair), seen(pair, at=NOW + number, signer=signer))
                store.remember("paris", list(board.remembered(board.pairs)))
                await store.flush()
        kept = {row[0] for row in ask(path, "SELECT der FROM certificates")}
        assert kept == set(chain_for(pair.target.host))
        assert ask(path, "SELECT count(*) FROM shapes") == [(1,)]

    async def test_certificates_of_an_https_proxy_are_kept(self, tmp_path: Path) -> None:
        pair = pairs(routes=3)[2]
        chain = chain_for("proxy.corp.test")
        hops = (HopFacts(0), HopFacts(200, ("basic",), "accepted", tls_of(chain)))
        board = board_of([pair])
        board.take(key_of(pair), seen(pair, hops=hops))
        async with opened(tmp_path / "prober.db") as store:
            store.remember("paris", list(board.remembered(board.pairs)))
        async with opened(tmp_path / "prober.db") as store:
            (loaded,) = await store.load("paris")
        assert loaded.recent[0].hops == hops

    async def test_each_egress_point_has_its_own(self, tmp_path: Path) -> None:
        paris, rome = World(), World()
        async with opened(tmp_path / "prober.db") as store:
            store.remember("paris", paris.round())
            store.remember("rome", rome.round(failing=(0,)))
        async with opened(tmp_path / "prober.db") as store:
            assert len(await store.load("paris")) == len(await store.load("rome")) == 12
            assert await store.load("berlin") == []

    async def test_another_endpoint_of_the_same_name_is_another(self, tmp_path: Path) -> None:
        """Its observations go, and its state is not taken up under the old identity."""
        (pair,) = pairs()
        moved = replace(pair, target=replace(pair.target, host="other.example.test"))
        old, new = board_of([pair]), board_of([moved])
        async with opened(tmp_path / "prober.db") as store:
            old.take(key_of(pair), seen(pair))
            store.remember("paris", list(old.remembered(old.pairs)))
            await store.flush()
            assert new.restore(await store.load("paris")) == 0
            new.take(key_of(moved), seen(moved, at=NOW + 60))
            store.remember("paris", list(new.remembered(new.pairs)))
        async with opened(tmp_path / "prober.db") as store:
            (loaded,) = await store.load("paris")
        assert "other.example.test" in loaded.identity
        assert [each.at for each in loaded.recent] == [NOW + 60]
        assert ask(tmp_path / "prober.db", "SELECT count(*) FROM samples") == [(1,)]

    async def test_the_newest_wins_before_it_is_written(self, tmp_path: Path) -> None:
        world = World()
        async with opened(tmp_path / "prober.db") as store:
            for _ in range(20):
                store.remember("paris", world.round())
        async with opened(tmp_path / "prober.db") as store:
            assert by_key(await store.load("paris")) == by_key(list(world.board.remembered(world.board.pairs)))

    async def test_pairs_that_nobody_probes_any_more_are_forgotten(self, tmp_path: Path) -> None:
        path, clock, world = tmp_path / "prober.db", Clock(), World()
        stay = world.of[:6]
        async with opened(path, clock, history_days=2) as store:
            store.remember("paris", world.round())
            await store.flush()
            world.of = stay
            for _ in range(50):
                clock.pass_by(3600)
                store.remember("paris", [each for each in world.round() if each.key in set(map(key_of, stay))])
                await store.flush()
        async with opened(path, clock) as store:
            assert {each.key for each in await store.load("paris")} == set(map(key_of, stay))

    async def test_no_password_that_a_proxy_quotes_gets_into_the_file(self, tmp_path: Path) -> None:
        path, secret = tmp_path / "prober.db", "hunter2-correct-horse"
        (pair,) = pairs()
        failure = Failure(Stage.PROXY, 1, Reason.PROXY_AUTH_FAILED, f"407 you said {secret}")
        headers = (("location", f"http://portal.test/?was={secret}"),)
        hops = (HopFacts(407, tls_failure=Failure(Stage.PROXY_TLS, 1, Reason.CERT_EXPIRED, secret)),)
        board = board_of([pair])
        board.take(key_of(pair), seen(pair, failure, http=HttpFacts(302, headers), hops=hops))
        async with opened(path, hide=lambda text: text.replace(secret, "***")) as store:
            store.remember("paris", list(board.remembered(board.pairs)))
            store.record([change(detail=f"it said {secret}")])
            await store.flush()
            files = b"".join(each.read_bytes() for each in tmp_path.iterdir())
            assert b"you said ***" in files
            assert b"portal.test" in files
            assert secret.encode() not in files

    async def test_text_that_is_no_unicode_keeps_nothing_else_from_being_written(self, tmp_path: Path) -> None:
        world = World(pairs(targets=2))
        good, bad = world.round()
        (observation,) = bad.recent
        bad = replace(bad, recent=(replace(observation, peer="\udcff"),))
        async with opened(tmp_path / "prober.db") as store:
            store.remember("paris", [bad, good])
            store.record([change(1, detail="\udcff"), change(2)])
        async with opened(tmp_path / "prober.db") as store:
            assert await store.load("paris") == [good]
            assert [each.transition.detail for each in await store.transitions()] == ["number 2", "?"]
            assert store.trouble is None


class TestFile:
    async def test_only_its_owner_reads_it(self, tmp_path: Path) -> None:
        world = World()
        async with opened(tmp_path / "prober.db") as store:
            store.remember("paris", world.round())
            await store.flush()
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
        assert modes == {"prober.db": 0o600, "prober.db-wal": 0o600}
        assert [each.name for each in tmp_path.iterdir()] == ["prober.db"]
        assert sound(tmp_path / "prober.db")

    async def test_the_mode_of_a_file_that_was_there_is_its_owners_business(self, tmp_path: Path) -> None:
        path = tmp_path / "prober.db"
        path.touch(0o640)
        path.chmod(0o640)
        async with opened(path) as store:
            assert store.trouble is None
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert path.stat().st_size > 0

    async def test_without_a_file_changes_are_known_all_the_same(self, tmp_path: Path) -> None:
        async with opened(None) as store:
            store.remember("paris", World().round())
            store.record([change(number) for number in range(20_000)])
            found = await store.transitions(limit=3)
            assert [each.id for each in found] == [20_000, 19_999, 19_998]
            assert len(await store.transitions(limit=1000, before=10_500)) == 499
            assert await store.load("paris") == []
            assert store.trouble is None
        assert list(tmp_path.iterdir()) == []

    async def test_closing_twice_or_unopened_is_harmless(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "prober.db", history_days=90)
        await store.close()
        assert list(tmp_path.iterdir()) == []
        async with opened(tmp_path / "prober.db") as store:
            await store.close()

    async def test_it_writes_by_itself(self, tmp_path: Path) -> None:
        """Soon after something was put down, and not more often than `every` seconds."""
        store = Store(tmp_path / "prober.db", history_days=90, every=0.01)
        await store.open()
        store.record([change()])
        async with asyncio.timeout(20):
            while store._waiting:
                await asyncio.sleep(0.01)
        await store.close()
        assert ask(tmp_path / "prober.db", "SELECT count(*) FROM transitions") == [(1,)]


class TestChanges:
    async def test_newest_first_in_pages_that_do_not_move(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "prober.db") as store:
            store.record([change(number) for number in range(50)])
            await store.flush()
            store.record([change(number) for number in range(50, 60)])  # these wait
            pages: list[list[Recorded]] = []
            before = None
            while page := await store.transitions(before=before, limit=7):
                pages.append(page)
                before = page[-1].id
                store.record([change(100)])  # comes in between
            found = [each.transition.detail for page in pages for each in page]
        assert found == [f"number {number}" for number in reversed(range(60))]

    async def test_numbers_go_on_after_a_restart(self, tmp_path: Path) -> None:
        for round_ in range(3):
            async with opened(tmp_path / "prober.db") as store:
                store.record([change(round_ * 10 + number) for number in range(10)])
                assert [each.id for each in await store.transitions(limit=1)] == [round_ * 10 + 10]

    @pytest.mark.parametrize("limit", [0, -1, 1, 10**9])
    async def test_limits(self, tmp_path: Path, limit: int) -> None:
        async with opened(tmp_path / "prober.db") as store:
            store.record([change(number) for number in range(1500)])
            await store.flush()
            assert len(await store.transitions(limit=limit)) == max(0, min(limit, 1000))

    async def test_what_a_peer_told_is_bounded(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "prober.db") as store:
            store.record([change(detail="x" * 1_000_000)])
            await store.flush()
            assert len((await store.transitions())[0].transition.detail) == 1000

    async def test_rows_are_bounded(self, tmp_path: Path) -> None:
        clock = Clock()
        async with opened(tmp_path / "prober.db", clock, max_changes=1000) as store:
            for start in range(0, 9000, 1000):
                store.record([change(number) for number in range(start, start + 1000)])
                await store.flush()
                clock.pass_by(TIDY)
            await store.flush()
            found = await store.transitions(limit=1000)
            assert (found[0].id, found[-1].id) == (9000, 8001)
            assert await store.transitions(before=8001) == []

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_filters_against_a_list(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        changes = [
            change(
                number,
                target=data.draw(st.sampled_from("abc")),
                route=data.draw(st.sampled_from(["direct", "hq", "it's"])),
                track=data.draw(st.sampled_from(Track)),
                confirmed_at=NOW + data.draw(st.integers(-5, 5)),
            )
            for number in range(data.draw(st.integers(0, 40)))
        ]
        written = data.draw(st.integers(0, len(changes)))
        asked: dict[str, Any] = {
            "target": data.draw(st.none() | st.sampled_from("abcd")),
            "route": data.draw(st.none() | st.sampled_from(["hq", "it's", "' OR 1 --"])),
            "track": data.draw(st.none() | st.sampled_from(Track)),
            "since": data.draw(st.none() | st.sampled_from([NOW - 3, NOW, NOW + 9])),
            "before": data.draw(st.none() | st.integers(-1, 50)),
        }
        limit = data.draw(st.integers(0, 50))
        path = tmp_path_factory.mktemp("filters") / "prober.db"

        async def found() -> list[Recorded]:
            async with opened(path) as store:
                store.record(changes[:written])
                await store.flush()
                store.record(changes[written:])
                return await store.transitions(**asked, limit=limit)

        every = [Recorded(number, each) for number, each in enumerate(changes, start=1)]
        naive = [each for each in reversed(every) if Filter(**asked).takes(each)]
        assert asyncio.run(found()) == naive[:limit]


class TestClock:
    """History grows old by the time that probers ran, not by what the wall clock says."""

    DAY = 86_400.0

    async def kept(self, store: Store, clock: Clock) -> int:
        clock.pass_by(TIDY)
        await store.flush()
        return len(await store.transitions(limit=1000))

    async def test_it_grows_old(self, tmp_path: Path) -> None:
        clock = Clock()
        async with opened(tmp_path / "prober.db", clock, history_days=2) as store:
            store.record([change(1)])
            assert await self.kept(store, clock) == 1
            clock.pass_by(self.DAY)
            store.record([change(2)])
            assert await self.kept(store, clock) == 2
            clock.pass_by(self.DAY)
            assert [await self.kept(store, clock), await self.kept(store, clock)] == [1, 1]
            clock.pass_by(self.DAY)
            assert await self.kept(store, clock) == 0

    @pytest.mark.parametrize("jump", [10 * 365 * DAY, -10 * 365 * DAY, -NOW])
    async def test_a_jump_deletes_nothing(self, tmp_path: Path, jump: float) -> None:
        clock, world = Clock(), World()
        async with opened(tmp_path / "prober.db", clock) as store:
            store.record([change(1)])
            store.remember("paris", world.round())
            assert await self.kept(store, clock) == 1
            clock.wall += jump
            world.now += jump
            store.record([change(2, confirmed_at=clock.wall)])
            store.remember("paris", world.round())
            assert await self.kept(store, clock) == 2
        async with opened(tmp_path / "prober.db", clock) as store:  # a start while it is wrong
            assert await self.kept(store, clock) == 2
            assert len(await store.load("paris")) == 12
        clock.wall -= jump
        async with opened(tmp_path / "prober.db", clock) as store:  # and one after it was put right
            assert await self.kept(store, clock) == 2
            assert [each.transition.detail for each in await store.transitions()] == ["number 2", "number 1"]

    async def test_time_without_a_prober_counts_up_to_a_day(self, tmp_path: Path) -> None:
        clock, world = Clock(), World()
        async with opened(tmp_path / "prober.db", clock, history_days=2) as store:
            store.record([change(1)])
            world.now = clock.wall
            store.remember("paris", world.round())
        for expected in (1, 0):
            clock.pass_by(self.DAY * 300)
            world.now = clock.wall
            async with opened(tmp_path / "prober.db", clock, history_days=2) as store:
                assert await self.kept(store, clock) == expected
                store.remember("paris", world.round())

    async def test_many_restarts_do_not_make_it_younger(self, tmp_path: Path) -> None:
        """A prober that is restarted every hour still forgets."""
        clock, world = Clock(), World(pairs())
        left = []
        for hour in range(60):
            async with opened(tmp_path / "prober.db", clock, history_days=2) as store:
                if hour == 0:
                    store.record([change(1)])
                clock.pass_by(3600)
                world.now = clock.wall - 30
                store.remember("paris", world.round())
                await store.flush()
                left.append(await self.kept(store, clock))
        assert left[:40] == [1] * 40
        assert left[-1] == 0


def test_states_are_compared_whole() -> None:
    """The tests above would pass on anything if Remembered compared less than all."""
    (one,) = World(pairs()).round()
    assert isinstance(one, Remembered)
    for other in (
        replace(one, reach=None),
        replace(one, leaf=Held("x", 1.0)),
        replace(one, identity=""),
        replace(one, recent=()),
        replace(one, leaves=("x",)),
    ):
        assert other != one


def test_the_pause_between_writes_is_never_reached_in_these_tests() -> None:
    assert NEVER > TIDY * 1000
