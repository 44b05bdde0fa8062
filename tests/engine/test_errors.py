from __future__ import annotations

import errno

import pycares
import pytest

from prober.engine.errors import BY_ARES, BY_ERRNO, LOCAL, ares_reason, os_reason, os_text, stage_of
from prober.model import Reason, Stage


@pytest.mark.parametrize(
    ("error", "reason", "text"),
    [
        (OSError(errno.EMFILE, "x"), Reason.LOCAL_DESCRIPTORS, "EMFILE: "),
        (OSError(errno.ENFILE, "x"), Reason.LOCAL_DESCRIPTORS, "ENFILE: "),
        (OSError(errno.EADDRNOTAVAIL, "x"), Reason.LOCAL_PORTS, "EADDRNOTAVAIL: "),
        (OSError(errno.EAGAIN, "x"), Reason.LOCAL_PORTS, "EAGAIN: "),
        (OSError(errno.ENOMEM, "x"), Reason.LOCAL_MEMORY, "ENOMEM: "),
        (MemoryError(), Reason.LOCAL_MEMORY, "MemoryError"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Reason.TCP_REFUSED, "ECONNREFUSED: "),
        (ConnectionResetError(errno.ECONNRESET, "x"), Reason.TCP_RESET, "ECONNRESET: "),
        (BrokenPipeError(errno.EPIPE, "x"), Reason.TCP_RESET, "EPIPE: "),
        (TimeoutError(errno.ETIMEDOUT, "x"), Reason.TCP_TIMEOUT, "ETIMEDOUT: "),
        (OSError(errno.EHOSTUNREACH, "x"), Reason.TCP_UNREACHABLE, "EHOSTUNREACH: "),
        (PermissionError(errno.EPERM, "x"), Reason.TCP_UNREACHABLE, "EPERM: "),
        (OSError(errno.EXDEV, "x"), Reason.INTERNAL, "EXDEV: "),
        (OSError(99999, "x"), Reason.INTERNAL, "99999: "),
        (OSError("no number"), Reason.INTERNAL, "OSError: no number"),
        (KeyError("k"), Reason.INTERNAL, "KeyError: 'k'"),
    ],
)
def test_numbers_decide(error: BaseException, reason: Reason, text: str) -> None:
    assert os_reason(error) is reason
    assert os_text(error).startswith(text)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (pycares.errno.ARES_ENOTFOUND, Reason.DNS_NXDOMAIN),
        (pycares.errno.ARES_ENODATA, Reason.DNS_NODATA),
        (pycares.errno.ARES_ETIMEOUT, Reason.DNS_TIMEOUT),
        (pycares.errno.ARES_ESERVFAIL, Reason.DNS_SERVFAIL),
        (pycares.errno.ARES_EREFUSED, Reason.DNS_SERVFAIL),
        (pycares.errno.ARES_ECONNREFUSED, Reason.DNS_SERVFAIL),
        (pycares.errno.ARES_ENOMEM, Reason.LOCAL_MEMORY),
        (-1, Reason.DNS_SERVFAIL),
    ],
)
def test_answers_of_the_resolver(number: int, reason: Reason) -> None:
    assert ares_reason(number) is reason


def test_our_own_exhaustion_is_local_wherever_it_is_met() -> None:
    for reason in Reason:
        assert stage_of(reason, Stage.DNS) is (Stage.LOCAL if reason in LOCAL else Stage.DNS)
    assert {reason for reason in Reason if reason.startswith("local-")} == LOCAL


def test_tables_hold_only_their_own_words() -> None:
    assert {reason.split("-")[0] for reason in BY_ERRNO.values()} == {"local", "tcp"}
    assert {reason.split("-")[0] for reason in BY_ARES.values()} == {"dns", "local"}
