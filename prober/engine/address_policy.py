"""Which addresses may be connected to on behalf of somebody who is not trusted: public unicast ones. Pure.

Sources: IANA's registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and what was added since), and the
addresses at which clouds hand out secrets. The tables are our own: what Python calls private differs by its version.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA: Final = {
    ip_address("169.254.169.254"): "the metadata service of AWS, Azure, Google Cloud and others",
    ip_address("169.254.170.2"): "the credentials service of AWS containers",
    ip_address("169.254.170.23"): "the credentials service of AWS EKS",
    ip_address("fd00:ec2::254"): "the metadata service of AWS",
    ip_address("fd00:ec2::23"): "the credentials service of AWS EKS",
    ip_address("fd20:ce::254"): "the metadata service of Google Cloud",
    ip_address("100.100.100.200"): "the metadata service of Alibaba Cloud",
    ip_address("192.0.0.192"): "the metadata service of Oracle Cloud",
    ip_address("168.63.129.16"): "Azure's platform service, which is reached from inside only",
}
"""Named first: most of them are link-local or private as well."""


def _table(text: str) -> tuple[tuple[Network, str], ...]:
    lines = (line.split(maxsplit=1) for line in text.strip().splitlines())
    return tuple((ip_network(network), words) for network, words in lines)


_NOT_PUBLIC: Final = {
    4: _table("""
0.0.0.0/8          unspecified: "this network" (RFC 791)
10.0.0.0/8         private (RFC 1918)
100.64.0.0/10      shared behind a carrier's NAT (RFC 6598)
127.0.0.0/8        loopback (RFC 1122)
169.254.0.0/16     link-local (RFC 3927)
172.16.0.0/12      private (RFC 1918)
192.0.0.0/24       reserved for protocols (RFC 6890)
192.0.2.0/24       for documentation (RFC 5737)
192.88.99.0/24     a former 6to4 relay (RFC 7526)
192.168.0.0/16     private (RFC 1918)
198.18.0.0/15      for benchmarking (RFC 2544)
198.51.100.0/24    for documentation (RFC 5737)
203.0.113.0/24     for documentation (RFC 5737)
224.0.0.0/4        multicast (RFC 5771)
255.255.255.255/32 broadcast (RFC 919)
240.0.0.0/4        reserved (RFC 1112)
"""),
    6: _table("""
::/128             unspecified (RFC 4291)
::1/128            loopback (RFC 4291)
::/96              an IPv4-compatible address (RFC 4291)
64:ff9b:1::/48     translated to IPv4 within one network (RFC 8215)
100::/64           for discarding (RFC 6666)
fc00::/7           private (RFC 4193)
fe80::/10          link-local (RFC 4291)
fec0::/10          site-local (RFC 3879)
ff00::/8           multicast (RFC 4291)
2001::/32          a Teredo tunnel (RFC 4380)
2001:2::/48        for benchmarking (RFC 5180)
2001:db8::/32      for documentation (RFC 3849)
2001::/23          reserved for protocols (RFC 2928)
3fff::/20          for documentation (RFC 9637)
"""),
}
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""Nothing else of IPv6 is handed out for the internet (RFC 4291, IANA)."""
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")
_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
"""RFC 6761 section 6.3, and what distributions write into /etc/hosts."""
_LONGEST: Final = 60
"""Characters of a text that is quoted."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Refuses what is not a public unicast address, unless it is in one of the `allowed` networks."""

    allowed: tuple[Network, ...] = ()

    def refusal(self, address: str) -> str | None:
        """Why an address (a literal without brackets) may not be connected to, as a sentence; None if it may."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return f"{address[:_LONGEST]!r} is not an IP address"
        return self._refusal(parsed)

    def refusal_of_name(self, host: str) -> str | None:
        """Why a host may not be handed to a proxy that looks names up itself; None if it may.

        What the proxy makes of a name is its own affair, but a literal is judged in every form that a C library takes
        (`0x7f.1`, `2130706433`), and so is `localhost`.
        """
        try:
            meant = meant_address(host)
        except ValueError as error:
            return str(error)
        if meant is None:
            return None
        refused = self._refusal(meant)
        return f"{host[:_LONGEST]!r} means {meant}: {refused}" if refused and host != str(meant) else refused

    def _refusal(self, address: Address) -> str | None:
        if self._is_allowed(address):
            return None
        if isinstance(address, IPv6Address):
            embedded = _embedded(address)
            if embedded is not None:
                refused = self._refusal(embedded)
                return refused and f"{address} stands for {embedded}: {refused}"
        words = _words(address)
        return words and f"{address} is {words}"

    def _is_allowed(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.allowed)


def meant_address(host: str) -> Address | None:
    """The address that a host stands for without being looked up; None for a name.

    As inet_aton(3) and the URL standard read it: one to four numbers, decimal, octal or hexadecimal, the last of which
    fills the rest. Raises ValueError for what ends in a number and is no address: no name does (RFC 1123, RFC 3696).
    """
    name = host.rstrip(".").lower().removeprefix("[").removesuffix("]")
    try:
        return ip_address(name)
    except ValueError:
        if ":" in name:
            raise ValueError(f"{host[:_LONGEST]!r} is not an IP address") from None
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    parts = name.split(".")
    if not (parts[-1].isdecimal() or parts[-1].startswith("0x")):
        return None
    try:
        return _from_numbers([_number(part) for part in parts])
    except ValueError:
        raise ValueError(f"{host[:_LONGEST]!r} ends in a number and is not an IP address") from None


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if len(part) > 1 and part.startswith("0") else int(part)


def _from_numbers(numbers: list[int]) -> IPv4Address:
    *first, last = numbers
    if len(first) > 3 or any(not 0 <= number <= 255 for number in first) or not 0 <= last < 256 ** (4 - len(first)):
        raise ValueError
    return IPv4Address(sum(number << 24 - 8 * place for place, number in enumerate(first)) + last)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets for this one end up at."""
    number = int(address)
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(number & 0xFFFFFFFF)
    return IPv4Address(number >> 80 & 0xFFFFFFFF) if address in _6TO4 else None


def _words(address: Address) -> str | None:
    """What kind of address it is, if it is not public unicast."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "bound to an interface of this machine"
    if address in METADATA:
        return METADATA[address]
    for network, words in _NOT_PUBLIC[address.version]:
        if address in network:
            return words
    return None if address.version == 4 or address in _GLOBAL_UNICAST else "reserved (RFC 4291)"
