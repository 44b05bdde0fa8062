"""Who is let in: the Host field, a rate, a password. Client certificates come before, in the TLS handshake."""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from aiohttp import web

from prober.monitor.reloads import Prepared
from prober.monitor.web.config_file import InForce, WebConfigFile
from prober.monitor.web.headers import plain
from prober.monitor.web.origin import by_browser, foreign, is_known, is_local, is_loopback, names_of_this_machine
from prober.monitor.web.passwords import BusyError, LoginLimits, Passwords, UncheckedError
from prober.monitor.web.web_config import RateLimit
from prober.report.sanitize import sanitize

_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="prober", charset="UTF-8"'}


class Access:
    """The rules in force for requests and for new connections.

    `file` is the web configuration file, None for none. `names` are further host names under which a browser may use
    the page where neither TLS nor a password protects it.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        names: Iterable[str] = (),
        logins: LoginLimits | None = None,
        look_every: float = 1.0,
    ) -> None:
        self._names = names_of_this_machine(names)
        self._file = WebConfigFile(file, every=look_every)
        self._passwords = Passwords(logins)
        self._bucket: _Bucket | None = None
        self._file.listen(self._changed)

    # what is in force

    @property
    def current(self) -> InForce:
        """The web configuration in force, as of the last look at its file."""
        return self._file.current

    @property
    def trouble(self) -> tuple[str, ...]:
        """What keeps the newest version of the file from being in force; empty if it is."""
        return self._file.trouble

    @property
    def hashes_checked(self) -> int:
        """How many passwords were checked with bcrypt."""
        return self._passwords.checks

    async def fresh(self) -> InForce:
        """The web configuration in force, after a look at the files if the last one is a second ago."""
        return await self._file.fresh()

    async def reload(self) -> list[str]:
        """Read the file at once. Every error, or none: then it is in force."""
        return await self._file.reload()

    async def prepare(self) -> Prepared:
        """Read the file at once, to be put in force together with the rest (SIGHUP, POST /-/reload)."""
        return await self._file.prepare()

    def listen(self, listener: Callable[[InForce, InForce], None]) -> None:
        """Have `listener` called with what was in force and what is now."""
        self._file.listen(listener)

    async def close(self) -> None:
        """Stop watching, and end the thread that checks passwords."""
        await self._file.close()
        await self._passwords.close()

    def _changed(self, before: InForce, after: InForce) -> None:
        self._passwords.change(after.config.users)
        if before.config.rate != after.config.rate:
            rate = after.config.rate
            self._bucket = None if rate is None else _Bucket(rate)

    # letting in

    async def refusal(self, request: web.Request) -> web.Response | None:
        """The answer for who is not let in; None for who is."""
        in_force = await self.fresh()
        return self._misnamed(request, in_force) or self._too_often() or await self._unknown(request, in_force)

    def may_order(self, request: web.Request) -> bool:
        """Whether somebody who was let in may also change something: reload.

        Not a stranger from the network: that takes a user or a client certificate. A loopback address and a socket in
        the file system are for this machine only.
        """
        own, transport = _own_address(request), request.transport
        proven = transport is not None and bool(transport.get_extra_info("peercert"))
        return bool(self.current.config.users) or proven or is_local(own)

    def _misnamed(self, request: web.Request, in_force: InForce) -> web.Response | None:
        host = request.headers.get("Host")
        if host is None and request.version >= (1, 1):
            return plain(400, "A request of HTTP/1.1 needs the field Host.")
        if (reason := foreign(request)) != "":
            return plain(403, f"Refused: {reason}.")
        if host is None or request.secure or in_force.config.users:
            return None
        if (is_loopback(_own_address(request)) or by_browser(request)) and not is_known(host, self._names):
            said = sanitize(host, limit=80, ascii_only=True)
            return plain(421, f"This is not {said}. If it is to be, add that name to serve.host_names.")
        return None

    def _too_often(self) -> web.Response | None:
        wait = 0.0 if self._bucket is None else self._bucket.take()
        if not wait:
            return None
        return plain(429, "More requests than rate_limit allows.", {"Retry-After": str(math.ceil(wait))})

    async def _unknown(self, request: web.Request, in_force: InForce) -> web.Response | None:
        if not in_force.config.users:
            return None
        login = credentials(request.headers.get("Authorization", ""))
        if login is None:
            return plain(401, "A user's name and password are needed.", _CHALLENGE)
        try:
            if await self._passwords.right(*login, request.remote or ""):
                return None
        except BusyError as busy:
            where = " from your address" if busy.yours else ""
            status = 429 if busy.yours else 503
            return plain(status, f"Too many logins{where} are waiting.", {"Retry-After": str(busy.retry_after)})
        except UncheckedError:
            return plain(503, "The password could not be checked; the log says why.", {"Retry-After": "5"})
        return plain(401, "The user's name or the password is wrong.", _CHALLENGE)


def credentials(field: str) -> tuple[bytes, bytes] | None:
    """User and password of an Authorization field (RFC 7617); None if it has none."""
    scheme, _, token = field.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def _own_address(request: web.Request) -> object:
    transport = request.transport
    name = None if transport is None else transport.get_extra_info("sockname")
    return name[0] if isinstance(name, tuple) and name else name


class _Bucket:
    """One token every `interval` seconds, `burst` fit in."""

    def __init__(self, rate: RateLimit) -> None:
        self._rate = rate
        self._tokens = float(rate.burst)
        self._at = time.monotonic()

    def take(self) -> float:
        """Take one: 0, or the seconds until there is one."""
        now = time.monotonic()
        self._tokens = min(float(self._rate.burst), self._tokens + (now - self._at) / self._rate.interval)
        self._at = now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) * self._rate.interval
        self._tokens -= 1.0
        return 0.0
