"""The client's connection to a scheduler: who is there, and questions to them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from prober.cluster.authority import Role
from prober.cluster.errors import ClusterError
from prober.cluster.quiet import SILENT, settle
from prober.cluster.reach import reach
from prober.cluster.security import Place, security_for
from prober.cluster.words import MARK, PREFIX, identity

T = TypeVar("T")
_CONNECT: Final = 15.0
_ANSWER: Final = 10.0
"""Seconds for an answer of the scheduler's own."""
_SURVEY: Final = 120.0
"""Seconds for a site's answer: it may have to fetch and ask scripts."""
_CLOSE: Final = 1.0
"""Seconds for a goodbye, within the two in which Ctrl-C has to be over."""


@dataclass(frozen=True, slots=True)
class AgentThere:
    """An agent's worker, as the scheduler knows it."""

    address: str
    name: str
    egress: str
    mark: str
    heard: float
    """When the scheduler last heard of it, by the scheduler's clock: only that it changes means anything here."""


class Link:
    """An asynchronous context. Raises ClusterError where there is no scheduler, or one of another version."""

    def __init__(self, place: Place, folder: Path | None) -> None:
        self._place = place
        self._folder = folder
        self._client: Any = None
        self.name = secrets.token_hex(4)
        """Of this run: keys of its shares begin with it."""

    async def __aenter__(self) -> Self:
        settle()
        security = security_for(self._place, self._folder, Role.CLIENT, "--scheduler")
        await reach(self._place, self._folder, Role.CLIENT)
        from distributed import Client

        client = Client(
            self._place.url,
            security=security,
            asynchronous=True,
            timeout=_CONNECT,
            set_as_default=False,
            name=f"prober-{self.name}",
        )
        try:
            await client
        except Exception as error:  # noqa: BLE001 # as for `agents`
            await client.close(timeout=_CLOSE)
            advice = " (one with certificates is reached by tls:// and --tls)" if self._place.scheme == "tcp" else ""
            raise ClusterError([f"no scheduler at {self._place.url}: {error}{advice}"]) from None
        self._client = client
        try:
            await self._same_version()
        except BaseException:
            await client.close(timeout=_CLOSE)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):  # the scheduler is gone: what dask met on its way back to it comes out here
            async with asyncio.timeout(_CLOSE):
                await self._client.close(timeout=_CLOSE)

    @property
    def is_up(self) -> bool:
        """Whether the scheduler is still there, as far as is known."""
        return bool(self._client.status == "running")

    async def _same_version(self) -> None:
        from prober.cluster.share import who

        try:
            theirs = await asyncio.wait_for(self._client.run_on_scheduler(who), _ANSWER)
        except TimeoutError:
            raise ClusterError([f"the scheduler at {self._place.url} does not answer"]) from None
        except Exception as error:  # noqa: BLE001 # whatever its own Python raised, an import of ours to begin with
            raise ClusterError([f"the scheduler at {self._place.url} has no prober like this one: {error}"]) from None
        if theirs != identity():
            raise ClusterError([f"the scheduler at {self._place.url} is {theirs.text}; this is {identity().text}"])

    async def agents(self) -> tuple[AgentThere, ...]:
        """Everybody there. Raises ClusterError where the scheduler does not answer."""
        try:
            found = await asyncio.wait_for(self._client.scheduler.identity(n_workers=-1), SILENT)
        except Exception as error:  # noqa: BLE001 # a connection that ends has many types in dask and tornado
            raise ClusterError([f"the scheduler at {self._place.url} is gone: {str(error) or 'no answer'}"]) from None
        agents = (_agent(address, worker) for address, worker in found["workers"].items())
        return tuple(each for each in agents if each is not None)

    async def ask(self, what: Callable[..., Awaitable[T]], *given: object, address: str, within: float = _SURVEY) -> T:
        """Run one of our coroutines at an agent's worker, `within` seconds. Raises ClusterError."""
        try:
            answers: Mapping[str, T] = await asyncio.wait_for(self._client.run(what, *given, workers=[address]), within)
        except TimeoutError:
            raise ClusterError([f"the agent at {address} does not answer"]) from None
        except Exception as error:  # noqa: BLE001 # as above: of another version, or gone
            raise ClusterError([f"the agent at {address}: {type(error).__name__}: {error}"]) from None
        if address not in answers:
            raise ClusterError([f"the agent at {address} is gone"])
        return answers[address]

    def submit(self, what: Callable[..., T], given: object, *, key: str, resources: Mapping[str, float]) -> Any:
        """Have our function called at an agent that has these resources: a future of dask's."""
        return self._client.submit(what, given, key=key, resources=resources, pure=False, retries=0)

    async def result(self, future: Any) -> object:
        """What the function gave; None where its agent or the scheduler was lost meanwhile."""
        try:
            return await self._client.gather(future, errors="skip")
        except Exception:  # noqa: BLE001 # as for `agents`; the watch finds out what is left
            return None

    async def cancel(self, future: Any) -> None:
        """Nobody waits for it any more, as far as somebody is there to be told."""
        with suppress(Exception):  # the scheduler is gone: so is the share
            async with asyncio.timeout(_CLOSE):
                await self._client.cancel([future], asynchronous=True, force=True)


def _agent(address: str, worker: Mapping[str, Any]) -> AgentThere | None:
    resources: Sequence[str] = list(worker.get("resources", {}))
    egress = next((each.removeprefix(PREFIX) for each in resources if each.startswith(PREFIX)), None)
    mark = next((each.removeprefix(MARK) for each in resources if each.startswith(MARK)), None)
    if egress is None or mark is None:
        return None
    return AgentThere(address, str(worker["name"]), egress, mark, float(worker["last_seen"]))
