"""The web configuration in force: read at start, again when its files change, and when somebody asks for it.

A broken new file leaves the old configuration in force and is logged. A new one that asks *less* of clients (no TLS, no
users, no client certificates) is not taken up by itself: an editor that empties a file before it fills it would open
the server for a moment. It counts from a reload on, which somebody has ordered who may.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from prober.config.load import ConfigError
from prober.monitor.aside import aside
from prober.monitor.reloads import Prepared
from prober.monitor.web.go_names import ClientAuth
from prober.monitor.web.tls import TlsErrors, server_context, tls_files
from prober.monitor.web.web_config import LARGEST, WebConfig, read_web_config
from prober.report.sanitize import sanitize

log = logging.getLogger(__name__)

_EVERY: Final = 1.0
"""Seconds between two looks at the files."""
_PATIENCE: Final = 0.25
"""Seconds that a request waits for such a look; a file system that hangs does not hang the server."""
_UNSETTLED: Final = 2.0
"""Seconds after its last change in which a file may change again without its time and size saying so."""

Stamp = tuple[int, ...]
Stamps = dict[Path, Stamp | None]


@dataclass(frozen=True, slots=True)
class InForce:
    """What new connections and requests are held to."""

    config: WebConfig = field(default_factory=WebConfig)
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """One reading of the file and those that it names."""

    found: InForce | None
    errors: tuple[ConfigError, ...]
    warnings: tuple[str, ...]
    stamps: Stamps
    settled: bool


class WebConfigFile:
    """Watches one file; None stands for no file at all. Belongs to the loop, works in threads."""

    def __init__(
        self,
        path: Path | None,
        *,
        every: float = _EVERY,
        patience: float = _PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._clock = clock
        self.current = InForce()
        self.trouble: tuple[str, ...] = ()
        """What is wrong with the newest version of the file, if it is not in force."""
        self._every, self._patience = every, patience
        self._stamps: Stamps = {}
        self._settled = True
        self._next_look = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._listeners: list[Callable[[InForce, InForce], None]] = []

    def listen(self, listener: Callable[[InForce, InForce], None]) -> None:
        """Have `listener` called with what was in force and what is now."""
        self._listeners.append(listener)

    async def fresh(self) -> InForce:
        """What is in force, after a look at the files if the last one is a second ago."""
        if self.path is None:
            return self.current
        now = self._clock()
        if self._looking is None and now >= self._next_look:
            self._next_look = now + self._every
            task = asyncio.get_running_loop().create_task(self._look(), name="web-config")
            self._looking = task
            task.add_done_callback(self._looked)
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=self._patience)
        return self.current

    async def reload(self) -> list[str]:
        """Read everything anew; what was ordered also counts if it asks less of clients.

        Returns every error, which the caller shows or logs; none means that the new version is in force.
        """
        prepared = await self.prepare()
        if not prepared.errors:
            prepared.commit()
        return list(prepared.errors)

    async def prepare(self) -> Prepared:
        """Read everything anew, but change nothing yet. What is wrong is known from now on as `trouble`."""
        if self.path is None:
            return Prepared()
        async with self._turn:
            read = await aside(partial(_read, self.path))
        if read.errors:
            self._take(read, ordered=True)
        return Prepared(tuple(map(str, read.errors)), partial(self._take, read, ordered=True))

    async def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: cannot be looked at: %s", self.path, sanitize(repr(error)))

    async def _look(self) -> None:
        path = self.path
        async with self._turn:
            if path is None or (self._settled and await aside(partial(_same, self._stamps))):
                return
            self._take(await aside(partial(_read, path)), ordered=False)

    def _take(self, read: _Read, *, ordered: bool) -> None:
        self._stamps, self._settled = read.stamps, read.settled
        trouble = tuple(map(str, read.errors))
        before = self.current
        if read.found is not None and not ordered and (less := _less(before, read.found)):
            trouble = (f"{self.path}: {less}: this counts from a reload (or a restart) on, not by itself",)
        if trouble:
            if trouble != self.trouble and not ordered:
                for line in trouble:
                    log.error("%s; what was in force stays so", line)
            self.trouble = trouble
            return
        self.trouble = ()
        if read.found is None:
            return
        for warning in read.warnings:
            log.warning("%s: %s", self.path, warning)
        self.current = read.found
        for listener in self._listeners:
            listener(before, read.found)


def _less(before: InForce, after: InForce) -> str:
    """What the new configuration asks no longer; empty if it asks as much as the old one."""
    old, new = before.config, after.config
    if old.tls is not None and new.tls is None:
        return "TLS is switched off"
    if old.users and not new.users:
        return "no user is left, so that nobody is asked for a password"
    if old.tls is not None and new.tls is not None and old.tls.client_auth is ClientAuth.VERIFY:
        if new.tls.client_auth is not ClientAuth.VERIFY:
            return "client certificates are not required any more"
        if old.tls.allowed_sans and not new.tls.allowed_sans:
            return "client certificates with any name are let in"
    return ""


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _same(stamps: Stamps) -> bool:
    return all(_stamp(path) == stamp for path, stamp in stamps.items())


def _read(path: Path) -> _Read:
    """Reads the file and what it names. Stamps are taken before reading, so that no later change goes unseen."""
    stamps: Stamps = {path: _stamp(path)}
    config, errors = _read_text(path)
    found: InForce | None = None
    warnings: list[str] = []
    if config is not None:
        warnings += config.warnings
        if config.tls is None:
            found = InForce(config)
        else:
            stamps.update({file: _stamp(file) for file in tls_files(config.tls)})
            try:
                context, more = server_context(config.tls)
                warnings += more
                found = InForce(config, context)
            except TlsErrors as wrong:
                for each in wrong.errors:
                    line = config.lines.get(each.key)
                    errors.append(_error(path, f"tls_server_config.{each.key}", each.message, line))
    newest = max((stamp[3] for stamp in stamps.values() if stamp is not None), default=0)
    settled = abs(time.time() - newest / 1e9) > _UNSETTLED
    return _Read(found, tuple(errors), tuple(warnings), stamps, settled)


def _read_text(path: Path) -> tuple[WebConfig | None, list[ConfigError]]:
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        return None, [_error(path, "", f"cannot be read: {reason}")]
    if len(data) > LARGEST:
        return None, [_error(path, "", f"is larger than {LARGEST} bytes")]
    try:
        return read_web_config(data.decode("utf-8-sig"), path)
    except UnicodeError:
        return None, [_error(path, "", "is not UTF-8")]


def _error(path: Path, key: str, message: str, line: int | None = None) -> ConfigError:
    place = str(path) if line is None else f"{path}:{line}"
    return ConfigError(key, sanitize(message), str(path), line, sanitize(place))
