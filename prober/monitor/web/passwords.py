"""bcrypt, off the loop and under a bound: right passwords are remembered, wrong ones cost little and lock nobody out.

A check takes a core for some 50 ms (cost 10) to seconds (cost 15). Therefore:

* One thread does them, and rests after each wrong one for as long as it took: no flood takes more than half a core.
* A right answer is remembered until its hash is not in force any more: who has logged in once does not wait again.
  A wrong one is remembered too (the newest thousand), so that a scraper with an old password costs nothing. Both are
  kept under a keyed digest of user, password and hash; the key is made at start and never leaves the process.
* Checks wait in a queue for each address, and the queues take turns: an address that tries passwords as fast as it can
  delays a first login from elsewhere by about two checks. Queues are bounded; beyond, the answer is "later".
* A user that does not exist costs what one costs that does.
* A check that broke (no thread, no memory) says nothing of the password: it is not remembered, and can be tried again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv6Network, ip_address
from typing import Final

import bcrypt

from prober.interception.recent import Recent
from prober.model import Secret
from prober.report.sanitize import sanitize

log = logging.getLogger(__name__)

_LONGEST: Final = 72
"""Bytes of a password that bcrypt looks at."""
_ALPHABET: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LONGEST_REST: Final = 1.0
"""Seconds."""


class BusyError(Exception):
    """Too many logins wait. `retry_after` is in seconds; `yours` says that they come from the asker's address."""

    def __init__(self, retry_after: int, *, yours: bool) -> None:
        super().__init__("too many logins are waiting")
        self.retry_after = retry_after
        self.yours = yours


class UncheckedError(Exception):
    """A password could not be checked: nobody knows whether it is right."""


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """How much logging in may cost."""

    waiting: int = 64
    """Checks that wait, at most."""
    each: int = 8
    """Checks that wait from one address."""
    patience: float = 5.0
    """Seconds that one may wait for its turn."""
    wrong: int = 1024
    """Wrong answers remembered."""


@dataclass(slots=True, eq=False)
class _Check:
    digest: bytes
    user: bytes
    password: bytes
    hash: bytes
    source: str
    begun: asyncio.Future[None]
    done: asyncio.Future[bool]
    askers: int = 0


@dataclass(slots=True)
class _Users:
    hashes: dict[bytes, bytes] = field(default_factory=dict)
    decoys: list[bytes] = field(default_factory=list)
    """For users who do not exist: as many as there are users, each with the cost of one of theirs."""


class Passwords:
    """Answers whether a password is right. Belongs to one loop; `close` ends its thread."""

    def __init__(self, limits: LoginLimits | None = None) -> None:
        self._limits = limits or LoginLimits()
        self._key = secrets.token_bytes(32)
        self._users = _Users()
        self._right: set[bytes] = set()
        self._wrong: Recent[bytes, bool] = Recent(self._limits.wrong)
        self._asked: dict[bytes, _Check] = {}
        self._queues: dict[str, deque[_Check]] = {}
        self._running = False
        self._closed = False
        self._resting: asyncio.TimerHandle | None = None
        self._mean = 0.1
        self._threads = ThreadPoolExecutor(1, "bcrypt")
        self.checks = 0
        """How many hashes were worked out."""

    def change(self, users: Mapping[str, Secret]) -> None:
        """Have exactly these users, by name, with their hashes. What was remembered of others is forgotten."""
        hashes = {name.encode(): value.reveal().encode() for name, value in users.items()}
        if hashes == self._users.hashes:
            return
        self._users = _Users(hashes, [_decoy(value) for value in hashes.values()])
        self._right.clear()
        self._wrong = Recent(self._limits.wrong)

    @property
    def waiting(self) -> int:
        """Checks that have not begun."""
        return sum(map(len, self._queues.values()))

    async def right(self, user: bytes, password: bytes, address: str) -> bool:
        """Whether this is the user's password. `address` is where the question comes from.

        Raises BusyError, and UncheckedError where the check itself broke.
        """
        known = self._users.hashes.get(user)
        password = password[:_LONGEST]
        expected = known if known is not None else self._decoy_of(user)
        digest = self._digest(user, password, expected)
        if digest in self._right:
            return True
        if self._wrong.get(digest):
            return False
        check = self._asked.get(digest) or self._enter(digest, user, password, expected, source_of(address))
        check.askers += 1
        try:
            try:
                async with asyncio.timeout(self._limits.patience):
                    await asyncio.shield(check.begun)
            except TimeoutError:
                raise BusyError(self._retry_after(), yours=False) from None
            matches = await asyncio.shield(check.done)
        finally:
            check.askers -= 1
            if not check.askers and not check.begun.done():
                self._leave(check)
        return matches and self._users.hashes.get(user) == expected

    async def close(self) -> None:
        """End the thread, after the check that it is at; what waits is refused."""
        self._closed = True
        if self._resting is not None:
            self._resting.cancel()
        for check in [check for queue in self._queues.values() for check in queue]:
            self._leave(check)
            check.begun.set_exception(BusyError(1, yours=False))
            check.begun.exception()  # whoever waits gets it; nobody may
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    # remembering

    def _digest(self, user: bytes, password: bytes, expected: bytes) -> bytes:
        text = b"%d:%d:" % (len(user), len(password)) + user + password + expected
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()

    def _decoy_of(self, user: bytes) -> bytes:
        decoys = self._users.decoys
        if not decoys:
            return b""
        return decoys[int.from_bytes(hashlib.blake2b(user, key=self._key, digest_size=8).digest()) % len(decoys)]

    # queueing

    def _enter(self, digest: bytes, user: bytes, password: bytes, expected: bytes, source: str) -> _Check:
        queue = self._queues.get(source, ())
        if self._closed or not expected:
            raise BusyError(1, yours=False)
        if len(queue) >= self._limits.each:
            raise BusyError(self._retry_after(), yours=True)
        if self.waiting >= self._limits.waiting:
            largest = max(self._queues.values(), key=len)
            if len(largest) <= len(queue) + 1:
                raise BusyError(self._retry_after(), yours=False)
            self._refuse(largest[-1])  # the newest of whoever has most makes room
        loop = asyncio.get_running_loop()
        check = _Check(digest, user, password, expected, source, loop.create_future(), loop.create_future())
        self._asked[digest] = check
        self._queues.setdefault(source, deque()).append(check)
        self._next()
        return check

    def _refuse(self, check: _Check) -> None:
        self._leave(check)
        check.begun.set_exception(BusyError(self._retry_after(), yours=True))
        check.begun.exception()

    def _leave(self, check: _Check) -> None:
        queue = self._queues[check.source]
        queue.remove(check)
        if not queue:
            del self._queues[check.source]
        self._asked.pop(check.digest, None)

    def _retry_after(self) -> int:
        return min(60, max(1, round(2 * self._mean * (self.waiting + 1))))

    def _next(self) -> None:
        """Begin the check whose turn it is, if the thread is free: the queues take turns, one check each."""
        if self._running or not self._queues or self._closed:
            return
        source = next(iter(self._queues))
        queue = self._queues.pop(source)
        check = queue.popleft()
        if queue:
            self._queues[source] = queue  # to the end of the round
        self._running = True
        check.begun.set_result(None)
        started = time.monotonic()
        try:
            work = asyncio.get_running_loop().run_in_executor(self._threads, _matches, check.password, check.hash)
        except RuntimeError as error:  # there is no thread and none can be started
            self._broke(check, error)
        else:
            work.add_done_callback(lambda work: self._ended(check, work, started))

    def _ended(self, check: _Check, work: asyncio.Future[bool], started: float) -> None:
        error = asyncio.CancelledError("cancelled") if work.cancelled() else work.exception()
        if error is not None:
            self._broke(check, error)
            return
        matches, took = work.result(), time.monotonic() - started
        self.checks += 1
        self._mean += 0.2 * (took - self._mean)
        self._asked.pop(check.digest, None)
        if matches and self._users.hashes.get(check.user) == check.hash:
            self._right.add(check.digest)
        elif not matches:
            self._wrong.put(check.digest, True)
        check.done.set_result(matches)
        self._rest(0.0 if matches else took)

    def _broke(self, check: _Check, error: BaseException) -> None:
        """Nothing is known of this password. The rest keeps what is wrong from filling the log."""
        log.error("a password could not be checked: %s: %s", type(error).__name__, sanitize(str(error)))
        self._asked.pop(check.digest, None)
        check.done.set_exception(UncheckedError())
        check.done.exception()  # whoever waits gets it; nobody may
        self._rest(_LONGEST_REST)

    def _rest(self, seconds: float) -> None:
        if not seconds or self._closed:
            self._rested()
        else:
            self._resting = asyncio.get_running_loop().call_later(min(seconds, _LONGEST_REST), self._rested)

    def _rested(self) -> None:
        self._running, self._resting = False, None
        self._next()


def source_of(address: str) -> str:
    """What counts as one asker: an IPv4 address, an IPv6 network of 64 bits, or whatever else the text says."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))


def _matches(password: bytes, expected: bytes) -> bool:
    return bcrypt.checkpw(password, expected)


def _decoy(like: bytes) -> bytes:
    """A hash that costs as much to check as `like`, and is nobody's."""
    salt = bcrypt.gensalt(int(like[4:6]))
    return salt + "".join(secrets.choice(_ALPHABET) for _ in range(31)).encode()
