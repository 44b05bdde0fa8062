"""Whether the direct way of a run is direct: a transparent proxy leaves nobody a way around it.

Two things give one away. It accepts connections to addresses at which nobody is; and a forward proxy writes its name
into the answers of port 80. The first is tried once in a run, as soon as a direct connection went to a public address:
a laboratory on loopback, or a network of its own, is asked nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import lru_cache
from typing import Final

from prober.engine.address_policy import AddressPolicy
from prober.engine.nobody import answering
from prober.engine.run import Pair
from prober.interception.middleboxes import http_product
from prober.interception.text import shown
from prober.model import HttpFacts, Observation, Route, Scheme
from prober.report.directness import TO_DO
from prober.report.document import NoteDoc
from prober.report.notes import NOTES, NoteId, note
from prober.report.sanitize import several

Ask = Callable[[], Coroutine[None, None, tuple[str, ...]]]
_QUOTED: Final = 120
"""Characters of a header that a note quotes."""
_SHOWN: Final = 3
"""Pieces of evidence that a note quotes."""


def is_public(peer: str | None) -> bool:
    """Whether a peer (`address:port`) is one of the internet's."""
    return peer is not None and _is_public(peer.rsplit(":", 1)[0].strip("[]"))


@lru_cache(maxsize=4096)
def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global and AddressPolicy().refusal(address) is None
    except ValueError:
        return False


def went_direct(route: Route, observation: Observation) -> bool:
    """Whether an observation was made without any proxy of the route's."""
    return route.problem is None and not route.after(len(observation.passed_over)).hops


class Directness:
    """Asks, at most once, whether something answers for everybody, and keeps what speaks for it.

    `ask` gives the places that answered; `public` says whether a peer is on the internet.
    """

    def __init__(self, ask: Ask = answering, public: Callable[[str | None], bool] = is_public) -> None:
        self._ask = ask
        self._public = public
        self._task: asyncio.Task[tuple[str, ...]] | None = None
        self._direct: dict[str, dict[str, str]] = {}
        """Entries of Via that name a forward proxy, seen on the direct way: target id to host."""
        self._elsewhere: dict[str, set[str]] = {}
        """What other routes show, by target id."""

    @property
    def pending(self) -> bool:
        """Whether an answer is still to come."""
        return self._task is not None and not self._task.done()

    def notice(self, pair: Pair, observation: Observation) -> None:
        """Take an observation in; ask with the first direct connection to a public address. To be called on the run's
        loop."""
        direct = went_direct(pair.route, observation)
        public = direct and self._public(observation.peer)
        if self._task is None and public:
            asking = asyncio.get_running_loop().create_task(self._ask(), name="is direct direct")
            self._task = asking
        if pair.target.scheme is Scheme.HTTP and observation.http is not None:
            entries = set(_via(observation.http))
            if not direct:
                self._elsewhere.setdefault(pair.target.id, set()).update(entries)
            elif public:
                for entry in filter(_product, entries):
                    self._direct.setdefault(entry, {})[pair.target.id] = pair.target.host

    async def settle(self) -> None:
        """Wait for the answer, if anybody was asked."""
        if self._task is not None:
            await self._task

    async def close(self) -> None:
        """Ask no longer; what is known stays."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What says that direct is not direct, a clause each; empty if nothing does."""
        task = self._task
        over = task is not None and task.done() and not task.cancelled() and task.exception() is None
        answered = task.result() if task is not None and over else ()
        accepted = f"{_listed(answered)} accepted a connection, though nobody is at such an address (RFC 5737)"
        return (*((accepted,) if answered else ()), *self._named(enough=1 if answered else 2))

    def _named(self, *, enough: int) -> Iterator[str]:
        """Forward proxies that name themselves in answers of plain HTTP over the direct way.

        An origin may stand behind such a program itself, and content networks write Via, too. So the product must be
        known as a forward proxy, no other route may show the same entry for the target, and it counts where another
        route's answer lacks it, or where `enough` hosts share it.
        """
        for entry, hosts in sorted(self._direct.items()):
            compared = [self._elsewhere[target_id] for target_id in hosts if target_id in self._elsewhere]
            if any(entry in entries for entries in compared):
                continue
            if compared or len(set(hosts.values())) >= enough:
                lacking = ", which other routes do not show" if compared else ""
                answers = several(len(hosts), "answer")
                named = f'Via: "{shown(entry, _QUOTED)}", {_product(entry)}'
                yield f"{answers} over plain HTTP named a forward proxy ({named}){lacking}"


def direct_note(evidence: Sequence[str]) -> NoteDoc:
    """The note on a run whose direct way is not direct."""
    more = f"; and {len(evidence) - _SHOWN} more" if len(evidence) > _SHOWN else ""
    return note(
        NoteId.DIRECT_IS_PROXIED,
        f"{NOTES[NoteId.DIRECT_IS_PROXIED]} Seen over the direct route: {'; '.join(evidence[:_SHOWN])}{more}. {TO_DO}",
    )


def _listed(words: Sequence[str]) -> str:
    *rest, last = words or ("",)
    return f"{', '.join(rest)} and {last}" if rest else last


def _via(http: HttpFacts) -> Iterator[str]:
    """The entries of an answer's Via (RFC 9110 section 7.6.3)."""
    for name, value in http.headers:
        if name == "via":
            yield from filter(None, map(str.strip, value.split(",")))


def _product(entry: str) -> str | None:
    return http_product([("via", entry)])
