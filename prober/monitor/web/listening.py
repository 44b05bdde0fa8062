"""The sockets that are listened on: an address as text, or what systemd hands over."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import MutableMapping, Sequence
from contextlib import ExitStack
from typing import Final

from prober.config.texts import listen_address

_BACKLOG: Final = 1024
_FIRST_DESCRIPTOR: Final = 3  # sd_listen_fds(3)
_ADVICE: Final = {
    errno.EADDRINUSE: "another program listens there: stop it, or choose another port",
    errno.EACCES: "ports below 1024 are for root, or for whom CAP_NET_BIND_SERVICE is given: choose a higher one",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


class ListenError(Exception):
    """An address cannot be listened on; the text says which, why, and what to do."""


def bound(listen: str) -> list[socket.socket]:
    """Listening sockets for ADDRESS:PORT. An empty address, and `[::]`, are all of IPv4 and IPv6.

    A name may have several addresses: all of them, with one port. Resolves names, so not for the loop. Raises
    ListenError.
    """
    try:
        host, port = listen_address(listen)
    except ValueError as error:
        raise ListenError(f"cannot listen on {listen}: {error}") from None
    try:
        found = socket.getaddrinfo(host or "::", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        if host:
            raise ListenError(f"cannot listen on {listen}: {getattr(error, 'strerror', error)}") from None
        found = []
    places = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    if not host and not (places and socket.has_dualstack_ipv6()):
        places = [(socket.AF_INET, ("0.0.0.0", port))]
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, address in places:
            where = (address[0], sockets[0].getsockname()[1] if sockets else port, *address[2:])
            try:
                sockets.append(opened.enter_context(_socket(family, where)))
            except OSError as error:
                if len(places) > 1 and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    continue  # localhost is often both, on machines without IPv6 too
                advice = _ADVICE.get(error.errno or 0, "")
                said = f"{error.strerror}{': ' if advice else ''}{advice}"
                raise ListenError(f"cannot listen on {listen}: {said}") from None
        if not sockets:
            raise ListenError(f"cannot listen on {listen}: this machine has no such address")
        opened.pop_all()
        return sockets


def _socket(family: int, address: tuple[object, ...]) -> socket.socket:
    with ExitStack() as opened:
        listening = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
        opened.pop_all()
        return listening


def inherited(environ: MutableMapping[str, str], *, first: int = _FIRST_DESCRIPTOR) -> list[socket.socket]:
    """Sockets by systemd's socket activation; empty without. Takes the variables away: they are for this process.

    Raises ListenError for a descriptor that is not a listening stream socket.
    """
    mine = environ.get("LISTEN_PID") == str(os.getpid())
    count = environ.get("LISTEN_FDS", "")
    if not mine or not (count.isascii() and count.isdigit()):
        return []
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(name, None)
    sockets: list[socket.socket] = []
    for descriptor in range(first, first + min(int(count), 64)):
        try:
            taken = socket.socket(fileno=descriptor)
        except OSError as error:
            raise ListenError(f"LISTEN_FDS: descriptor {descriptor}: {error.strerror}") from None
        if taken.type != socket.SOCK_STREAM or not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            taken.detach()
            raise ListenError(f"LISTEN_FDS: descriptor {descriptor} is not a listening stream socket")
        taken.set_inheritable(False)
        taken.setblocking(False)
        sockets.append(taken)
    return sockets


def shown(sockets: Sequence[socket.socket]) -> list[str]:
    """The addresses in force, as HOST:PORT or a path."""
    return [_shown(each) for each in sockets]


def _shown(listening: socket.socket) -> str:
    name = listening.getsockname()
    if not isinstance(name, tuple):
        return str(name)
    return f"[{name[0]}]:{name[1]}" if listening.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"
