"""Names that a script wants resolved: asked once, within limits, by a thread that may be left behind."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Iterable, Mapping

from prober.engine.pac.limits import Limits
from prober.routes.text import host_name

Resolve = Callable[[str], Iterable[str]]
"""Addresses of a name (lower case, A-labels) in the order of preference, none if there are none. May raise OSError."""

_MOST_STUCK = 8
"""Threads left behind with a name, beyond which names count as not resolvable."""


def table(addresses: Mapping[str, Iterable[str]]) -> Resolve:
    """A resolver that knows these names and no other."""
    known = {name.lower().removesuffix("."): tuple(found) for name, found in addresses.items()}
    return lambda name: known.get(name, ())


def machine(name: str) -> list[str]:
    """What the machine's own resolver says, /etc/hosts included."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Names:
    """Answers for one sandbox. Not for several threads at once."""

    def __init__(self, resolve: Resolve, limits: Limits) -> None:
        self._limits = limits
        self._desk = _Desk(resolve, limits.name_seconds)
        self._known: dict[str, tuple[str, ...]] = {}
        self._new_names = 0
        self.refused: str | None = None
        """Why a name of the present call was not resolved: its answer is worth nothing."""

    def begin_run(self) -> None:
        """Forget what was known."""
        self._known.clear()
        self.begin_call()

    def begin_call(self) -> None:
        """The names that follow are another URL's."""
        self._new_names = 0
        self.refused = None

    def ask(self, text: str) -> tuple[str, ...] | None:
        """Addresses of a name; None if there were too many names already."""
        if self.refused is not None:
            return None
        try:
            name = host_name(text)
        except ValueError:
            return ()
        if name in self._known:
            return self._known[name]
        self._new_names += 1
        if self._new_names > self._limits.call_names:
            self.refused = f"more than {self._limits.call_names} names to be resolved for one URL"
        elif len(self._known) >= self._limits.run_names:
            self.refused = f"more than {self._limits.run_names:,} names to be resolved in one run"
        else:
            self._known[name] = self._looked_up(name)
        return self._known.get(name)

    def _looked_up(self, name: str) -> tuple[str, ...]:
        kept: list[str] = []
        for text in self._desk.ask(name):
            if len(kept) == self._limits.addresses:
                break
            try:
                kept.append(str(ipaddress.ip_address(text.partition("%")[0])))
            except ValueError:
                continue
        return tuple(dict.fromkeys(kept))


class _Desk:
    """Asks in a thread. One that does not answer in time is left to itself; it ends when its name is answered."""

    def __init__(self, resolve: Resolve, seconds: float) -> None:
        self._resolve = resolve
        self._seconds = seconds
        self._stuck: list[threading.Thread] = []

    def ask(self, name: str) -> list[str]:
        """Addresses; none after the limit, and none for OSError. Other exceptions are the callback's faults."""
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        if len(self._stuck) >= _MOST_STUCK:
            return []
        answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()
        thread = threading.Thread(target=self._work, args=(name, answers), name="pac name", daemon=True)
        thread.start()
        try:
            answer = answers.get(timeout=self._seconds)
        except queue.Empty:
            self._stuck.append(thread)
            return []
        if isinstance(answer, OSError | UnicodeError):
            return []
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _work(self, name: str, answers: queue.SimpleQueue[list[str] | Exception]) -> None:
        try:
            answers.put(list(self._resolve(name)))
        except Exception as error:  # noqa: BLE001 # raised again where it was asked for
            answers.put(error)
