"""What is lost in the middle of a run, and what becomes of the run: no pair lost, none counted twice.

The origin holds every connection until the test lets go, so that a loss falls into the middle whatever the machine's
pace. The link is a relay that can be cut.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .relay import Relay
from .stage import PATIENCE, Origin, Stage, family, notes_of, pairs_of, staged, wait_until, with_signal, worker_of

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("cluster")]
COUNT = 60
ENDLESS = ("--timeout", "600")
"""No probe ends by its own deadline while a test waits for its end."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Stage, Origin]]:
    with staged(tmp_path) as both:
        yield both


def wanted(origin: Origin, *egresses: str) -> list[tuple[str, str, str]]:
    """The local run's pairs, at each of these."""
    return sorted((egress, target, "direct") for egress in egresses for target in origin.targets(COUNT))


def in_the_middle(origin: Origin) -> None:
    wait_until(lambda: len(origin.accepted) >= 10, "the middle of the run")


def end(check: subprocess.Popen[bytes]) -> int:
    return check.wait(PATIENCE * 2)


def test_nothing_is_lost(place: tuple[Stage, Origin]) -> None:
    """Two sites, one of them with two agents: the same pairs as two runs made there would have."""
    stage, origin = place
    origin.open_up()
    for egress, name in (("paris", "paris"), ("paris", "paris2"), ("berlin", "berlin")):
        stage.agent(egress, name=name)
    assert end(stage.check(origin.targets(COUNT))) == 0
    run = stage.saved()
    assert pairs_of(run) == wanted(origin, "paris", "berlin")
    assert run.complete
    assert end(stage.check(origin.targets(COUNT), "--egress", "berlin", name="one")) == 0
    assert pairs_of(stage.saved("one")) == wanted(origin, "berlin")


@pytest.mark.parametrize("agents", [1, 2])
def test_a_worker_is_killed(place: tuple[Stage, Origin], agents: int) -> None:
    """Its nanny starts another one; the share is probed again, by whoever comes first."""
    stage, origin = place
    started = [stage.agent("paris", name=f"paris{number}") for number in range(agents)]
    check = stage.check(origin.targets(COUNT))
    in_the_middle(origin)
    worker_of(started[0]).kill()
    origin.open_up()
    assert end(check) == 0
    assert pairs_of(stage.saved()) == wanted(origin, "paris")
    assert not notes_of(stage.saved())


def test_a_nanny_is_killed_beside_another_agent(place: tuple[Stage, Origin]) -> None:
    stage, origin = place
    first, _ = stage.agent("paris", name="paris1"), stage.agent("paris", name="paris2")
    worker = worker_of(first)
    check = stage.check(origin.targets(COUNT))
    in_the_middle(origin)
    first.kill()
    wait_until(lambda: not worker.is_running(), "the end of a worker without its nanny")
    origin.open_up()
    assert end(check) == 0
    assert pairs_of(stage.saved()) == wanted(origin, "paris")


def test_the_only_agent_of_a_site_is_gone_for_good(place: tuple[Stage, Origin]) -> None:
    """What is missing is named with its number, the other site's results are whole, and the exit code is 3."""
    stage, origin = place
    lost = stage.agent("paris")
    stage.agent("berlin")
    check = stage.check(origin.targets(COUNT))
    in_the_middle(origin)
    for process in family(lost):
        with_signal(process, signal.SIGKILL)
    origin.open_up()
    assert end(check) == 3
    run = stage.saved()
    assert pairs_of(run) == wanted(origin, "berlin")
    assert not run.complete
    (told,) = notes_of(run)
    assert f"{COUNT} of {COUNT} probes were not made: no agent of egress paris was left" in told
    assert "paris" in told


def test_the_scheduler_is_killed(place: tuple[Stage, Origin]) -> None:
    """The run ends at once with what came back before; the agents wait for another scheduler and serve that one."""
    stage, origin = place
    agent = stage.agent("paris")
    check = stage.check(origin.targets(COUNT))
    in_the_middle(origin)
    stage.scheduler.kill()
    assert end(check) == 3
    (told,) = notes_of(stage.saved())
    assert "the scheduler" in told
    origin.open_up()
    stage.start_scheduler(int(stage.url.rpartition(":")[2]))
    offers = stage.log("paris.log").count("offering egress:paris")
    wait_until(lambda: stage.log("paris.log").count("offering egress:paris") > offers or _serves(stage, origin), "it")
    assert agent.poll() is None
    wait_until(lambda: _serves(stage, origin), "a run after the scheduler came back")


def _serves(stage: Stage, origin: Origin) -> bool:
    return end(stage.check(origin.targets(3), name="again")) == 0


def test_a_worker_stands_still_for_a_while(place: tuple[Stage, Origin]) -> None:
    """A slow agent costs time and nothing else."""
    stage, origin = place
    worker = worker_of(stage.agent("paris"))
    check = stage.check(origin.targets(COUNT))
    in_the_middle(origin)
    with_signal(worker, signal.SIGSTOP)
    origin.open_up()
    time.sleep(5)  # what is tested is that these seconds pass
    assert check.poll() is None
    with_signal(worker, signal.SIGCONT)
    assert end(check) == 0
    assert pairs_of(stage.saved()) == wanted(origin, "paris")


@pytest.mark.parametrize("seconds", [5.0, None], ids=["for five seconds", "for ever"])
def test_a_link_is_cut(place: tuple[Stage, Origin], seconds: float | None) -> None:
    """Between an agent and its scheduler, without a word to either: some seconds are waited for, not for ever."""
    stage, origin = place
    stage.agent("berlin")
    relay = Relay(stage.url)
    try:
        stage.agent("paris", url=relay.url)
        check = stage.check(origin.targets(COUNT))
        wait_until(lambda: len(origin.accepted) >= COUNT + 10, "the middle of the run at both sites")
        relay.cut()
        origin.open_up()
        if seconds is not None:
            time.sleep(seconds)  # as above
            relay.mend()
            assert end(check) == 0
            assert pairs_of(stage.saved()) == wanted(origin, "berlin", "paris")
        else:
            assert end(check) == 3
            found = pairs_of(stage.saved())
            here = [pair for pair in found if pair[0] == "paris"]  # what came back before, on a slow machine
            assert found == sorted([*wanted(origin, "berlin"), *here])
            assert set(here) < set(wanted(origin, "paris"))
            (told,) = notes_of(stage.saved())
            assert f"{COUNT - len(here)} of {COUNT} probes were not made" in told
    finally:
        relay.close()


def test_ctrl_c_ends_it_everywhere(place: tuple[Stage, Origin]) -> None:
    """The client within two seconds and what agents probe as well; what came back is saved."""
    stage, origin = place
    stage.agent("paris", *ENDLESS)
    check = stage.check(origin.targets(COUNT))
    in_the_middle(origin)
    began = time.monotonic()
    os.kill(check.pid, signal.SIGINT)
    wait_until(origin.left_alone, "the end of the probes at the agent")
    assert end(check) == 3
    assert time.monotonic() - began < 30  # the two seconds are measured alone: test_pace.py
    assert not stage.saved().complete


def test_a_client_that_dies_is_not_probed_for(place: tuple[Stage, Origin]) -> None:
    stage, origin = place
    stage.agent("paris", *ENDLESS)
    check = stage.check(origin.targets(COUNT))
    in_the_middle(origin)
    check.kill()
    wait_until(origin.left_alone, "the end of the probes at the agent")
