"""A lab as a process: its event loop, its descriptor limit, and how it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs `main` on uvloop where there is one, with as many descriptors as the system allows."""
    raise_descriptor_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main)


@contextlib.contextmanager
def ending(*descriptors: int) -> Iterator[asyncio.Event]:
    """An event that is set by SIGTERM, by SIGINT, or when one of the descriptors has something to read."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    try:
        for number in _SIGNALS:
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
                loop.add_signal_handler(number, told.set)
        for descriptor in descriptors:
            loop.add_reader(descriptor, told.set)
        yield told
    finally:
        for descriptor in descriptors:
            loop.remove_reader(descriptor)
        for number in _SIGNALS:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def raise_descriptor_limit() -> None:
    """Lifts the soft limit on open files to the hard one."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS: the hard limit may be more than the kernel takes
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
