"""What came of a PAC script, for each URL."""

from __future__ import annotations

from dataclasses import dataclass

from prober.model import Failure


@dataclass(frozen=True, slots=True)
class PacCall:
    """A call of one of the functions that scripts may use."""

    function: str
    arguments: tuple[str, ...]
    """As JavaScript writes them, cut to 200 characters: `"www.example.com"`, `8080`, `[object]`."""
    result: str
    """As the arguments; `threw` if it threw."""

    def __str__(self) -> str:
        return f"{self.function}({', '.join(self.arguments)}) = {self.result}"


@dataclass(frozen=True, slots=True)
class Trace:
    """What a script did on the way to an answer."""

    calls: tuple[PacCall, ...] = ()
    """In order; empty if calls were not recorded."""
    calls_left_out: int = 0
    """Beyond what is recorded."""
    alerts: tuple[str, ...] = ()
    alerts_left_out: int = 0
    random: bool = False
    """Math.random was called: a device may get another answer than this one."""


@dataclass(frozen=True, slots=True)
class PacAnswer:
    """What the script said of one URL: a result or a failure, never both."""

    url: str
    """As it was given."""
    asked: str
    """As the script saw it."""
    host: str
    result: str | None
    """The text it returned, ASCII."""
    failure: Failure | None
    entry: str | None = None
    """The function that was called: FindProxyForURL or FindProxyForURLEx."""
    trace: Trace = Trace()

    @property
    def calls(self) -> tuple[PacCall, ...]:
        """The calls recorded, in order."""
        return self.trace.calls

    @property
    def alerts(self) -> tuple[str, ...]:
        """What the script said by `alert`."""
        return self.trace.alerts
