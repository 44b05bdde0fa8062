"""The state file: what a restart finds, a disk that fills, files that are damaged. None of it stops the probes."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from prober.lab.authorities import Authorities

from .conftest import Through, World
from .places import small_disk
from .serving import Serving
from .stage import Stage

HOSTS = ("a.contoso.test", "b.contoso.test", "c.contoso.test")
IDS = ("contoso.web.a", "contoso.web.b", "contoso.web.c")


def store_ok(serving: Serving) -> float | None:
    return serving.scrape().value("prober_state_store_ok")


def probes(serving: Serving) -> float:
    return serving.scrape().sum("prober_probes_total")


def still_probing(serving: Serving) -> None:
    before = probes(serving)
    serving.until(lambda: probes(serving) > before + len(IDS), "probing goes on")


def confirmed(serving: Serving, routes: Sequence[str] = ("direct",)) -> dict[tuple[str, str], Any]:
    return {(target, route): serving.confirmed(target, route) for target in IDS for route in routes}


def all_unreachable(serving: Serving, route: str) -> bool:
    return serving.scrape().sum("prober_target_reachable", route=route) == 0


def test_killed_outright_it_goes_on_where_it_was(world: World, through: Through) -> None:
    """Since when, what is confirmed, what servers showed, the history: at most the last seconds are lost."""
    hq = world.stage.proxy("hq")
    settings = world.configure(HOSTS, {"direct": [], "hq": through(hq)})
    first = world.start().ready()
    first.seen()
    world.stage.kill("hq")
    first.until(lambda: all_unreachable(first, "hq"), "hq unreachable")
    before = confirmed(first, ("direct", "hq"))
    history = first.transitions(track="reachable")
    assert len(history) == len(IDS)
    written = {key: each["since"] for key, each in before.items()}
    # what is known is written once a second: by the next probe of every pair it is
    still_probing(first)
    first.until(lambda: on_disk(world.folder) >= {(target, "hq", "reachable") for target in IDS}, "written down")
    first.signal(signal.SIGKILL)
    first.ended()

    world.rewrite({**settings, "serve": {**settings["serve"], "interval": 3600}})
    second = world.start("-v").ready()
    assert f"state of {2 * len(IDS)} pairs taken up" in second.log
    assert second.scrape().sum("prober_probes_total") < len(IDS), "an hour lies between two: most is from before"
    after = confirmed(second, ("direct", "hq"))
    assert {key: each["since"] for key, each in after.items()} == written
    assert after == before
    assert second.transitions(track="reachable") == history
    samples = second.scrape()
    for target in IDS:
        assert samples.value("prober_target_reachable", target=target, route="hq") == 0.0
        assert samples.value("prober_target_reachable", target=target, route="direct") == 1.0
        assert samples.value("prober_tls_leaf_not_after_timestamp_seconds", target=target, route="direct")
    assert samples.all("prober_failure_info", route="hq", reason="tcp-refused")
    cells = Counter(re.findall(r'<td id="[^"]+" class="cell ([\w-]+)"', second.ask("/").body))
    assert cells == {"unreachable": len(IDS), "ok": len(IDS)}, "the page knows it as well"


def on_disk(folder: Path) -> set[tuple[str, str, str]]:
    """Changes in the file; the program has it open and locked, so its files are copied."""
    copy = folder / "copy"
    copy.mkdir(exist_ok=True)
    for name in ("prober.db", "prober.db-wal"):
        (copy / name).write_bytes((folder / name).read_bytes())
    try:
        connection = sqlite3.connect(copy / "prober.db")
        try:
            return set(connection.execute("SELECT target, route, track FROM transitions"))
        finally:
            connection.close()
    except sqlite3.Error:  # copied while it was written
        return set()


def test_a_disk_that_fills_and_has_room_again(world: World) -> None:
    place = world.folder / "disk"
    world.configure(HOSTS, serve={"state": str(place / "prober.db")})
    serving = world.start(wrap=small_disk(place, "512k")).ready()
    serving.seen()
    assert store_ok(serving) == 1.0
    inside = Path(f"/proc/{serving.pid}/root{place}")
    with (inside / "ballast").open("wb", buffering=0) as ballast:
        while True:
            try:
                ballast.write(b"x" * 4096)
            except OSError:
                break
    serving.until(lambda: store_ok(serving) == 0.0, "the trouble told")
    still_probing(serving)
    store = serving.json("/api/v1/status")["store"]
    assert store["ok"] is False
    assert "no room left" in store["trouble"]
    assert "no room left" in serving.ask("/").body
    assert serving.ask("/-/ready").status == 200
    assert serving.log.count("no room left") == 1, "said once, not each second"

    (inside / "ballast").unlink()
    serving.until(lambda: store_ok(serving) == 1.0, "written again")
    assert serving.json("/api/v1/status")["store"]["trouble"] is None
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0


DAMAGE = {
    "cut": lambda content: content[:3000],
    "zeros in the middle": lambda content: content[:4096] + bytes(8192) + content[12288:],
    "other octets": lambda content: content[:100] + os.urandom(len(content) - 100),
    "no head": lambda content: bytes(100) + content[100:],
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, authorities: Authorities) -> bytes:
    """A state file as a prober leaves it."""
    folder = tmp_path_factory.mktemp("written")
    with Stage(folder, authorities) as stage:
        world = World(folder, stage)
        try:
            world.configure(HOSTS)
            serving = world.start().ready()
            serving.seen()
            serving.signal(signal.SIGTERM)
            assert serving.ended() == 0
        finally:
            world.close()
    return (folder / "prober.db").read_bytes()


@pytest.mark.parametrize("how", DAMAGE)
def test_a_file_that_was_damaged_before_the_start(world: World, how: str, written: bytes) -> None:
    state = world.folder / "prober.db"
    damaged = DAMAGE[how](written)
    state.write_bytes(damaged)
    world.configure(HOSTS)
    serving = world.start().ready()
    serving.seen()
    assert store_ok(serving) == 1.0
    (aside,) = [path for path in world.folder.glob("prober.db.corrupt-*") if not path.name.endswith("-wal")]
    assert aside.read_bytes() == damaged, "nothing is thrown away"
    assert re.findall(r"prober\.db is damaged \(.+\): it now is (\S+), and", serving.log) == [aside.name]
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0
    assert "Traceback" not in serving.log


def test_a_row_that_was_damaged_before_the_start_is_left_out(world: World, written: bytes) -> None:
    """SQLite finds nothing wrong with it, its checksum does: the file goes on without it."""
    state = world.folder / "prober.db"
    state.write_bytes(written)
    connection = sqlite3.connect(state)
    try:
        [(data,)] = connection.execute("SELECT data FROM samples ORDER BY id DESC LIMIT 1").fetchall()
    finally:
        connection.close()
    assert written.count(data) == 1
    state.write_bytes(written.replace(data, bytes([*data[:-1], data[-1] ^ 0xFF])))
    world.configure(HOSTS)
    serving = world.start("-v").ready()
    assert re.findall(r"(\d+ rows?) of \S+prober\.db are damaged and were left out", serving.log) == ["1 row"]
    [taken] = re.findall(r"state of (\d+) pairs taken up", serving.log)
    assert int(taken) >= len(IDS) - 1, "what is sound is not lost with it"
    serving.seen()
    assert store_ok(serving) == 1.0
    assert list(world.folder.glob("prober.db.corrupt-*")) == []
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0
    assert "Traceback" not in serving.log


def test_a_file_that_is_overwritten_while_it_runs(world: World) -> None:
    """By somebody else, in place. It is set aside at the end if its first page is still what was written over it, and
    otherwise by the restart, which reads the others."""
    world.configure(HOSTS)
    serving = world.start().ready()
    serving.seen()
    before = confirmed(serving)
    for path in world.folder.glob("prober.db*"):
        path.write_bytes(os.urandom(65536))
    still_probing(serving)
    assert confirmed(serving) == before, "what is known is in memory"
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0
    assert "Traceback" not in serving.log
    again = world.start().ready()
    again.seen()
    assert store_ok(again) == 1.0, again.log
    assert list(world.folder.glob("prober.db.corrupt-*")), serving.log


def test_a_file_that_is_taken_away_while_it_runs(world: World) -> None:
    """Another is begun with all that is known; where that cannot be, it is told, and done when it can."""
    state = world.folder / "prober.db"
    world.configure(HOSTS)
    serving = world.start().ready()
    serving.seen()
    before = confirmed(serving)
    for path in world.folder.glob("prober.db*"):
        path.unlink()
    serving.until(lambda: state.exists() and store_ok(serving) == 1.0, "another file")
    for path in world.folder.glob("prober.db*"):
        path.unlink()
    state.mkdir()
    still_probing(serving)
    serving.until(lambda: store_ok(serving) == 0.0, "the trouble told")
    assert serving.json("/api/v1/status")["store"]["trouble"]
    state.rmdir()
    serving.until(lambda: store_ok(serving) == 1.0, "written again")
    assert confirmed(serving) == before, "what is known is in memory"
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0
    again = world.start().ready()
    assert confirmed(again) == before
    for each in (serving, again):
        assert "Traceback" not in each.log
