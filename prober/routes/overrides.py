"""`resolve`: where a name is to be found instead of asking DNS (`HOST=IP[:PORT]`, as curl's --connect-to)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prober.routes.text import host_name, port_number, split_port


@dataclass(frozen=True, slots=True)
class Override:
    """One entry: who is meant, and where it is."""

    host: str
    """DNS name in lower case or IP literal without brackets; `*` is every host."""
    port: int | None
    """Only connections to this port; None = any."""
    address: str
    """IP literal without brackets."""
    to_port: int | None
    """Connect to this port instead; None = the port asked for."""


def parse_override(key: str, value: str) -> Override:
    """`HOST[:PORT]`, `*` or `*:PORT`, and `IP[:PORT]` (IPv6 in brackets when a port follows).

    Raises ValueError with a sentence.
    """
    host_text, port_text = split_port(key.strip())
    host = "*" if host_text == "*" else host_name(host_text)
    port = None if port_text is None else port_number(port_text)
    address_text, to_text = split_port(value.strip())
    try:
        address = str(ipaddress.ip_address(address_text.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise ValueError(f'"{value}" is not IP[:PORT] (an IPv6 address with a port needs brackets)') from None
    return Override(host, port, address, None if to_text is None else port_number(to_text))


class Overrides:
    """All entries, found by precedence: `host:port`, then `host`, then `*:port`, then `*`."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[Override] = ()) -> None:
        self._entries = {(entry.host, entry.port): entry for entry in entries}

    def find(self, host: str, port: int) -> Override | None:
        """The entry for a connection to `host:port`, or None. The host as in `Override.host`."""
        found = self._entries.get
        return found((host, port)) or found((host, None)) or found(("*", port)) or found(("*", None))

    def __iter__(self) -> Iterator[Override]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)
