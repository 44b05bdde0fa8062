"""Waking a loop at a moment, closer than its own timers: those of libuv count whole milliseconds.

Linux has timers that are descriptors (timerfd_create(2)); Python offers them from 3.13 on, so the C library is asked.
Elsewhere the loop's timer has to do, and its lateness is measured like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Final, Protocol

_CLOCK_MONOTONIC: Final = 1
_ABSOLUTE: Final = 1  # TFD_TIMER_ABSTIME
_FLAGS: Final = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)  # TFD_NONBLOCK, TFD_CLOEXEC


class Alarm(Protocol):
    """Calls back once at each moment that was set; a new one replaces the old one."""

    def set(self, moment: float) -> None:
        """The next moment, on `time.perf_counter`."""

    def close(self) -> None:
        """Give everything back."""


class _Span(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Span), ("value", _Span))


class DescriptorAlarm:
    """With a timer descriptor of Linux. Raises OSError where there is none to be had."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._library.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = loop
        self._ring = ring
        self._setting = _Setting()
        self._reference = ctypes.byref(self._setting)
        loop.add_reader(self._fd, self._rings)

    def set(self, moment: float) -> None:
        """The next moment; one that has passed rings at once."""
        value = self._setting.value
        value.seconds = seconds = int(moment)
        value.nanoseconds = int((moment - seconds) * 1e9) or 1  # both zero would switch it off
        self._library.timerfd_settime(self._fd, _ABSOLUTE, self._reference, None)

    def _rings(self) -> None:
        with contextlib.suppress(BlockingIOError):  # set anew after it rang
            os.read(self._fd, 8)
        self._ring()

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


class TimerAlarm:
    """With the loop's own timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, moment: float) -> None:
        """The next moment."""
        self.close()
        self._handle = self._loop.call_later(max(0.0, moment - time.perf_counter()), self._ring)

    def close(self) -> None:
        """Ring no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def alarm(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> Alarm:
    """The best there is here. `time.perf_counter` is the monotonic clock on Linux."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            return DescriptorAlarm(loop, ring)
    return TimerAlarm(loop, ring)
