"""What the process of a script reports, read with distrust, and the words for what went wrong."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from prober.engine.pac.answers import PacCall, Trace
from prober.engine.pac.framing import LIBRARY_AFTER
from prober.engine.pac.limits import MIB, Limits
from prober.model import Failure, Reason, Stage

_PLACE: Final = re.compile(r"<input>:(\d{1,9}):\d{1,9}")
_OUT_OF_MEMORY: Final = "out of memory"
ENTRY: Final = "FindProxyForURL"


class Report(msgspec.Struct, frozen=True):
    """The JSON of a report; fields that are missing have nothing to say."""

    calls: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    calls_left_out: int = 0
    alerts: tuple[str, ...] = ()
    alerts_left_out: int = 0
    random: bool = False
    entry: str = ""
    """The function that was, or would be, called; empty = there is none."""
    other: bool = False
    """Of a loaded script without that function: FindProxyForURLEx is there."""
    missing: bool = False
    """The function is gone since the script was loaded."""
    type: str = ""
    """What was returned, by `typeof`."""
    length: int | None = None
    """Characters, if too many to be handed over."""
    result: str | None = None
    name: str | None = None
    """Of an exception, with `message` and `stack`."""
    message: str | None = None
    stack: str = ""
    parsing: bool = False
    """The exception is the parser's."""

    @property
    def out_of_memory(self) -> bool:
        """Whether the engine had no memory left: what it holds now is worth nothing."""
        return self.result is None and self.message is not None and self.message.startswith(_OUT_OF_MEMORY)

    @property
    def trace(self) -> Trace:
        """What the script did."""
        calls = tuple(PacCall(*each) for each in self.calls)
        return Trace(calls, self.calls_left_out, self.alerts, self.alerts_left_out, self.random)


_decode: Final = msgspec.json.Decoder(Report).decode


def read_report(payload: bytes) -> Report | None:
    """A report, or None if it is none."""
    try:
        return _decode(payload)
    except msgspec.MsgspecError:
        return None


def script_error(detail: str) -> Failure:
    """The failure of a script."""
    return Failure(Stage.CONFIG, 0, Reason.PAC_SCRIPT_ERROR, detail[:700])


def load_fault(report: Report, limits: Limits) -> str | None:
    """Why a script cannot be used, from the report on loading it; None if it can."""
    if report.out_of_memory:
        return _memory(limits)
    if report.message is not None:
        what = "the script has a syntax error" if report.parsing else "the script threw while it was loaded"
        return f"{what}: {_exception(report)}"
    if not report.entry:
        more = "; it has FindProxyForURLEx, which only Windows calls" if report.other else ""
        return f"the script has no function {ENTRY}{more}"
    return None


def call_fault(report: Report, limits: Limits) -> str | None:
    """Why there is no answer for a URL, from the report on it; None if there is one."""
    if report.out_of_memory:
        return _memory(limits)
    if report.message is not None:
        return f"{report.entry or 'the script'} threw {_exception(report)}"
    if report.missing:
        return f"the script has removed its function {ENTRY}"
    if report.length is not None:
        return f"{report.entry} returned {report.length:,} characters, at most {limits.result:,} are taken"
    if report.result is None:
        return f"{report.entry} returned {report.type or 'nothing'}, not a text"
    if len(report.result) > limits.result:
        return f"{report.entry} returned more than {limits.result:,} characters"
    if not report.result.isascii():
        return f"{report.entry} returned a text that is not ASCII: {report.result[:100]!a}"
    return None


def _memory(limits: Limits) -> str:
    return f"out of memory: the script wanted more than {limits.memory // MIB} MiB"


def _exception(report: Report) -> str:
    name, message = report.name or "", report.message or ""
    text = f"{name}: {message}" if name and message else name or message
    line = next((int(line) for line in _PLACE.findall(report.stack) if int(line) <= LIBRARY_AFTER), None)
    return text if line is None else f"{text} (line {line})"
