"""Which addresses may be connected to for strangers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.engine.address_policy import AddressPolicy, meant_address

STRICT = AddressPolicy()


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "carrier"),
        ("100.127.255.255", "carrier"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("169.254.1.1", "link-local"),
        ("192.0.0.8", "protocols"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.255", "documentation"),
        ("192.88.99.1", "6to4"),
        ("198.18.0.1", "benchmarking"),
        ("198.19.255.255", "benchmarking"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("169.254.169.254", "metadata"),
        ("169.254.170.2", "credentials"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "platform"),
        ("fd00:ec2::254", "metadata"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::127.0.0.1", "IPv4-compatible"),
        ("::8.8.8.8", "IPv4-compatible"),
        ("::ffff:0:8.8.8.8", "reserved"),
        ("fc00::1", "private"),
        ("fdff::1", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "interface"),
        ("2606:4700::1%eth0", "interface"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("100::1", "discarding"),
        ("2001:2::1", "benchmarking"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("2001:10::1", "protocols"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
        ("64:ff9b:1::808:808", "translated"),
        ("5f00::1", "reserved"),
        ("4000::1", "reserved"),
        # other ways to write an IPv4 address
        ("::ffff:127.0.0.1", "stands for 127.0.0.1: 127.0.0.1 is loopback"),
        ("::ffff:a9fe:a9fe", "metadata"),
        ("::ffff:10.1.2.3", "private"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("2002:7f00:1::", "loopback"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("2002:c0a8:101::1", "private"),
        # no addresses
        ("", "not an IP address"),
        ("2130706433", "not an IP address"),
        ("0x7f.1", "not an IP address"),
        ("0177.0.0.1", "not an IP address"),
        ("localhost", "not an IP address"),
        ("[::1]", "not an IP address"),
        ("1.1.1.1\n", "not an IP address"),
    ],
)
def test_what_is_not_public_is_refused_with_a_reason(address: str, word: str) -> None:
    refused = STRICT.refusal(address)
    assert refused is not None
    assert word in refused


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.17",
        "2606:4700::1111",
        "2001:200::1",
        "2a00::1",
        "3ffe::1",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
    ],
)
def test_what_is_public_is_not(address: str) -> None:
    assert STRICT.refusal(address) is None


def test_allowed_networks_open_what_is_in_them_and_nothing_else() -> None:
    policy = AddressPolicy((ip_network("10.0.0.0/8"), ip_network("fd00:1::/32"), ip_network("fe80::/10")))
    for address in ("10.255.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "fd00:1::5", "fe80::1%eth0"):
        assert policy.refusal(address) is None, address
    for address in ("127.0.0.1", "192.168.0.1", "fd00:2::1", "::ffff:127.0.0.1", "::10.0.0.1", "169.254.169.254"):
        assert policy.refusal(address) is not None, address
    assert policy.refusal("1.1.1.1") is None
    assert AddressPolicy((ip_network("169.254.169.254/32"),)).refusal("169.254.169.254") is None
    mapped = AddressPolicy((ip_network("::ffff:0:0/96"),))
    assert mapped.refusal("::ffff:127.0.0.1") is None
    assert mapped.refusal("127.0.0.1") is not None


@given(st.ip_addresses())
def test_nothing_that_python_calls_special_gets_through(address: IPv4Address | IPv6Address) -> None:
    special = (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (address.version == 4 and (address.is_private or address.is_reserved))
        or (isinstance(address, IPv6Address) and address.is_site_local)
    )
    if special:
        assert STRICT.refusal(str(address)) is not None


@given(st.ip_addresses(v=4))
def test_every_form_of_an_address_is_judged_as_the_address_is(address: IPv4Address) -> None:
    number = int(address)
    refused = STRICT.refusal(str(address)) is not None
    forms = (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80 | 1)
    for form in forms:
        assert (STRICT.refusal(str(IPv6Address(form))) is not None) is refused
    low = number & 0xFFFF
    first, second = number >> 24, number >> 16 & 255
    for text in (str(number), hex(number), f"0{number:o}", f"{first}.{number & 0xFFFFFF}", f"{first}.{second}.{low}"):
        assert meant_address(text) == address
        assert (STRICT.refusal_of_name(text) is not None) is refused


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("2130706433", "127.0.0.1"),
        ("0x7F000001", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("0x", "0.0.0.0"),
        ("localhost", "127.0.0.1"),
        ("LocalHost.", "127.0.0.1"),
        ("a.localhost", "127.0.0.1"),
        ("localhost.localdomain", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("1.1.1.1", "1.1.1.1"),
        ("example.com", None),
        ("x0x7f", None),
        ("1.example", None),
        ("127.0.0.1.nip.io", None),
        ("3com", None),
    ],
)
def test_hosts_that_stand_for_addresses(host: str, meant: str | None) -> None:
    assert meant_address(host) == (None if meant is None else ip_address(meant))


@pytest.mark.parametrize(
    "host", ["256.256.256.256", "1.2.3.4.5", "0xg", "09.1", "1.2.3.256", "4294967296", "a.b.1", "::g", "1..2", "-1.1"]
)
def test_what_ends_in_a_number_and_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="IP address"):
        meant_address(host)
    assert STRICT.refusal_of_name(host) is not None


def test_names_for_a_proxy() -> None:
    assert STRICT.refusal_of_name("a.example.com") is None
    assert STRICT.refusal_of_name("1.1.1.1") is None
    assert STRICT.refusal_of_name("10.0.0.1") == "10.0.0.1 is private (RFC 1918)"
    assert STRICT.refusal_of_name("0xa.1") == "'0xa.1' means 10.0.0.1: 10.0.0.1 is private (RFC 1918)"
    assert AddressPolicy((ip_network("127.0.0.0/8"),)).refusal_of_name("localhost") is None


def test_what_is_quoted_is_short_and_on_one_line() -> None:
    refused = STRICT.refusal("x\n" * 1000)
    assert refused is not None
    assert len(refused) < 200
    assert refused.isprintable()
