"""Facts of the machine that probes which a run has to tell: at an agent it is another one than the one that reports."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass

from prober.engine.egress import has_way_out
from prober.engine.stores import machine_roots


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run's notes and its environment say of it."""

    has_roots: bool
    """Whether a certificate store of the operating system was found."""
    has_ipv4: bool
    """Whether IPv4 has a way out."""
    platform: str
    """As `sys.platform`."""


def this_machine() -> Machine:
    """The one this program runs on."""
    return Machine(machine_roots() is not None, has_way_out(socket.AF_INET), sys.platform)
