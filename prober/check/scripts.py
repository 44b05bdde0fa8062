"""PAC scripts of one plan: each fetched once, each asked in batches. Blocks; not for an event loop.

What a script resolves (`dnsResolve`, `isInNet`) is looked up by this machine, `--resolve` first.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from prober.config import Loaded
from prober.engine.pac.answers import PacAnswer
from prober.engine.pac.names import machine
from prober.engine.pac.sandbox import PacSandbox
from prober.engine.resolver import Resolver
from prober.model import Failure
from prober.routes.pac.reading import Reading
from prober.routes.text import without_login

if TYPE_CHECKING:
    from prober.engine.documents import Script


@dataclass(frozen=True, slots=True)
class ScriptKey:
    """Which script, asked how."""

    script: str | None
    """URL or file; None = WPAD looks for it."""
    domain: str | None
    option_252: str | None
    trust_roots: str | None
    my_addresses: tuple[str, ...]
    reading: Reading


class Scripts:
    """Fetches and asks. `warnings` grows by what is to be said of them."""

    def __init__(self, loaded: Loaded, now: Callable[[], datetime]) -> None:
        self.warnings: list[str] = []
        self._loaded = loaded
        self._now = now
        self._fetched: dict[tuple[str | None, ...], Script | Failure] = {}
        self._answers: dict[tuple[ScriptKey, str], PacAnswer] = {}

    def ask(self, key: ScriptKey, urls: Iterable[str]) -> Failure | dict[str, PacAnswer]:
        """The answers by URL, or why there is no script."""
        script = self._script(key)
        if isinstance(script, Failure):
            return script
        wanted = list(dict.fromkeys(urls))
        missing = [url for url in wanted if (key, url) not in self._answers]
        if missing:
            for answer in self._evaluate(key, script, missing):
                self._answers[key, answer.url] = answer
        return {url: self._answers[key, url] for url in wanted}

    def _script(self, key: ScriptKey) -> Script | Failure:
        place = (key.script, key.domain, key.option_252, key.trust_roots)
        if place not in self._fetched:
            self._fetched[place] = _in_a_thread(self._fetch(key))
        return self._fetched[place]

    async def _fetch(self, key: ScriptKey) -> Script | Failure:
        # an HTTP client is an eighth of a command's start; most runs have no script
        from prober.engine.documents import Script, fetch_script
        from prober.engine.wpad import discover

        loaded = self._loaded
        resolver = Resolver(loaded.settings.probe.family, loaded.resolve)
        fetch = partial(fetch_script, resolve=resolver.resolve, roots=key.trust_roots)
        try:
            if key.script is not None:
                found = await fetch(key.script)
                name = f"PAC {without_login(key.script)}"
            else:
                domain = key.domain or ""
                name = f"WPAD in {domain}"
                discovery = await discover(domain, option_252=key.option_252, resolve=resolver.resolve, fetch=fetch)
                found = discovery.result
                self.warnings += [f"{name}: {each.severity}: {each.text}" for each in discovery.findings]
        finally:
            await resolver.close()
        if isinstance(found, Script):
            self.warnings += [f"{name}: {remark}" for remark in found.remarks]
        return found

    def _evaluate(self, key: ScriptKey, script: Script, urls: list[str]) -> list[PacAnswer]:
        with PacSandbox(
            script.text,
            now=self._now(),
            resolve=self._addresses,
            my_addresses=key.my_addresses or _own_addresses(),
            reading=key.reading,
            trace=False,
        ) as sandbox:
            return sandbox.evaluate(urls)

    def _addresses(self, name: str) -> list[str]:
        """What a script sees under a name: `--resolve`, else the machine's own answer."""
        replaced = self._loaded.resolve.find(name, 443)
        return [replaced.address] if replaced is not None else machine(name)


def _in_a_thread(work: Coroutine[Any, Any, Script | Failure]) -> Script | Failure:
    """Run it on a loop of its own: whoever plans may be in a thread of a program whose loop runs."""
    found: list[Script | Failure] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 # handed on to the caller as it is
            failed.append(error)

    thread = threading.Thread(target=run, name="fetching a PAC script")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _own_addresses() -> tuple[str, ...]:
    """The address that this machine would send from; none where there is no way out. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1 (RFC 5737): a route is looked up, nothing goes out
        except OSError:
            return ()
        return (str(probe.getsockname()[0]),)
