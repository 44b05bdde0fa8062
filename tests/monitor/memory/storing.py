"""A process of its own that keeps a state file, for tests that kill it, fill its disk or take its rights.

    python -m tests.monitor.memory.storing PATH [--limit-file OCTETS] [--user UID] [--rounds N] [--hold]

Each round, all pairs are probed and one change is recorded, numbered; what was handed over is told on stdout
(`handed N`), and what was certainly written (`written N`). Trouble is told as `trouble …`; `ready` when it is open;
`refused …` with exit code 2 if it cannot be. Without --rounds it goes on until it is killed; --hold writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
import time
from pathlib import Path

from prober.monitor.memory.store import Store, StoreError

from .stores import World, change


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def keep(arguments: argparse.Namespace) -> int:
    """Open, tell, write."""
    store = Store(
        arguments.path,
        history_days=90,
        every=arguments.every,
        patience=0.0,
        on_trouble=lambda text: say(f"trouble {text}"),
    )
    try:
        await store.open()
    except StoreError as error:
        say(f"refused {error}")
        return 2
    loaded = await store.load("paris")
    say(f"ready {len(loaded)}")
    if arguments.hold:
        await asyncio.Event().wait()
    world = World()
    world.now = time.time()
    number = 0
    while arguments.rounds is None or number < arguments.rounds:
        number += 1
        store.remember("paris", world.round())
        store.record([change(number)])
        say(f"handed {number}")
        if arguments.every > 100:
            await store.flush()
            say(f"written {number}" if store.trouble is None else f"trouble {store.trouble}")
        else:
            await asyncio.sleep(0.002)
    await store.close()
    say("closed")
    return 0


def main() -> int:
    """As the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--limit-file", type=int)
    parser.add_argument("--user", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--every", type=float, default=1.0)
    parser.add_argument("--hold", action="store_true")
    arguments = parser.parse_args()
    if arguments.limit_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (arguments.limit_file, arguments.limit_file))
    World().round()  # what is imported late is imported while that is allowed
    if arguments.user is not None:
        os.setgid(arguments.user)
        os.setuid(arguments.user)
    return asyncio.run(keep(arguments))


if __name__ == "__main__":
    sys.exit(main())
