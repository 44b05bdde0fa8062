"""The one place where errors of the operating system and of DNS become reasons. Numbers decide, never text."""

from __future__ import annotations

import errno
import os
from typing import Final

import pycares

from prober.model import Reason, Stage

BY_ERRNO: Final = {
    errno.EMFILE: Reason.LOCAL_DESCRIPTORS,
    errno.ENFILE: Reason.LOCAL_DESCRIPTORS,
    errno.EADDRNOTAVAIL: Reason.LOCAL_PORTS,
    errno.EADDRINUSE: Reason.LOCAL_PORTS,
    errno.EAGAIN: Reason.LOCAL_PORTS,  # connect(2): no free entry in the routing cache or port range
    errno.ENOMEM: Reason.LOCAL_MEMORY,
    errno.ENOBUFS: Reason.LOCAL_MEMORY,
    errno.ECONNREFUSED: Reason.TCP_REFUSED,
    errno.ECONNRESET: Reason.TCP_RESET,
    errno.ECONNABORTED: Reason.TCP_RESET,
    errno.EPIPE: Reason.TCP_RESET,
    errno.ETIMEDOUT: Reason.TCP_TIMEOUT,
    errno.EHOSTUNREACH: Reason.TCP_UNREACHABLE,
    errno.ENETUNREACH: Reason.TCP_UNREACHABLE,
    errno.EHOSTDOWN: Reason.TCP_UNREACHABLE,
    errno.ENETDOWN: Reason.TCP_UNREACHABLE,
    errno.EACCES: Reason.TCP_UNREACHABLE,  # a local firewall rule refuses the packet
    errno.EPERM: Reason.TCP_UNREACHABLE,
    errno.EAFNOSUPPORT: Reason.TCP_UNREACHABLE,
    errno.EPROTONOSUPPORT: Reason.TCP_UNREACHABLE,
    errno.ENOPROTOOPT: Reason.TCP_UNREACHABLE,  # what Linux makes of ICMP's rarer ways to say unreachable
    errno.EOPNOTSUPP: Reason.TCP_UNREACHABLE,
    errno.EPROTO: Reason.TCP_UNREACHABLE,
}

BY_ARES: Final = {
    pycares.errno.ARES_ENODATA: Reason.DNS_NODATA,
    pycares.errno.ARES_ENOTFOUND: Reason.DNS_NXDOMAIN,
    pycares.errno.ARES_ENONAME: Reason.DNS_NXDOMAIN,
    pycares.errno.ARES_ETIMEOUT: Reason.DNS_TIMEOUT,
    pycares.errno.ARES_ENOMEM: Reason.LOCAL_MEMORY,
}
"""Everything else a resolver answers with (SERVFAIL, REFUSED, FORMERR, no server reachable) is `dns-servfail`."""

LOCAL: Final = frozenset({Reason.LOCAL_DESCRIPTORS, Reason.LOCAL_PORTS, Reason.LOCAL_MEMORY})
"""Our own exhaustion."""


def os_reason(error: BaseException) -> Reason:
    """The reason for an OSError (or MemoryError); `internal` for a number nobody has thought of."""
    if isinstance(error, MemoryError):
        return Reason.LOCAL_MEMORY
    number = error.errno if isinstance(error, OSError) else None
    return BY_ERRNO.get(number, Reason.INTERNAL) if number is not None else Reason.INTERNAL


def os_text(error: BaseException) -> str:
    """The number's name and the system's words for it."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        return f"{type(error).__name__}: {error}"
    return f"{errno.errorcode.get(number, number)}: {os.strerror(number)}"


def stage_of(reason: Reason, stage: Stage) -> Stage:
    """Our own exhaustion is stage `local`, wherever it was met: it is nobody else's outage."""
    return Stage.LOCAL if reason in LOCAL else stage


def ares_reason(number: int) -> Reason:
    """The reason for a c-ares status."""
    return BY_ARES.get(number, Reason.DNS_SERVFAIL)
