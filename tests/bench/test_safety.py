"""Whom a load is never aimed at, and what needs a word of its owner."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from prober import catalog
from prober.bench.safety import (
    MAX_RATE_ELSEWHERE,
    MAX_RATE_HERE,
    Looked,
    Place,
    Vendor,
    look,
    rate_cap,
    refusals,
    unconsented,
    vendor_addresses,
)
from prober.engine.resolver import Resolver
from prober.model import Hop, HopScheme, Route, Scheme, Target
from prober.routes.overrides import Overrides, parse_override

ENTRIES = catalog.load().entries
VENDOR = Vendor(ENTRIES)
THEIRS = next(e.target.host for e in ENTRIES if "*" not in e.target.host and "{" not in e.target.host)


def target(host: str) -> Target:
    return Target(id=host, scheme=Scheme.TLS, host=host, port=443)


def route(*hosts: str, scheme: HopScheme = HopScheme.HTTP) -> Route:
    return Route("hq", tuple(Hop(scheme, host, 3128) for host in hosts))


def overrides(*texts: str) -> Overrides:
    return Overrides(parse_override(*text.split("=")) for text in texts)


async def looked(at: Target, *routes: Route, resolve: Overrides | None = None) -> Looked:
    given = resolve or Overrides()
    resolver = Resolver("ipv4-first", given)
    try:
        return await look(at, routes, given, resolver)
    finally:
        await resolver.close()


# the vendor's


def test_every_entry_of_every_cloud_is_claimed() -> None:
    assert len(ENTRIES) > 300
    assert len({cloud for entry in ENTRIES for cloud in entry.target.cloud}) > 3
    for entry in ENTRIES:
        host = entry.target.host.replace("*", "some").replace("{", "").replace("}", "")
        for form in (host, host.upper(), f"{host}."):
            assert VENDOR.claims(form) is not None, form


@pytest.mark.parametrize("host", ["origin.corp", "127.0.0.1", "example.com", "com", "notmicrosoft.example", ""])
def test_others_are_not(host: str) -> None:
    assert VENDOR.claims(host) is None


def test_a_wildcard_claims_all_below_it_and_its_own_name() -> None:
    wildcard = next(e.target.host for e in ENTRIES if e.target.host.startswith("*."))
    below = wildcard[2:]
    assert VENDOR.claims(f"a.b.c.{below}") is not None
    assert VENDOR.claims(below) is not None
    assert VENDOR.claims(f"x{below}") is None or VENDOR.claims(f"x{below}") != f"*.{below}"


def test_names_are_refused_wherever_they_lead_and_as_proxies_too() -> None:
    (line,) = refusals(target(THEIRS), [Route("direct"), route("127.0.0.1")], VENDOR)
    assert line.startswith(f"--target {THEIRS}: this is the vendor's")
    (line,) = refusals(target("127.0.0.1"), [route("127.0.0.1", THEIRS)], VENDOR)
    assert line.startswith("--via hq, hop 2 ")
    assert refusals(target("127.0.0.1"), [route("127.0.0.1")], VENDOR) == []


async def test_an_address_that_is_given_to_a_host_of_the_vendors_is_refused() -> None:
    given = overrides(f"{THEIRS}=203.0.113.9")
    seen = await looked(target("203.0.113.9"), Route("direct"), resolve=given)
    assert "the vendor's" in vendor_addresses(seen, given, VENDOR)[0]
    given = overrides(f"{THEIRS}=127.0.0.1")  # a lab's
    assert vendor_addresses(await looked(target("127.0.0.1"), Route("direct"), resolve=given), given, VENDOR) == []


def certificate(*names: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "leaf")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def test_a_certificate_tells_whose_host_it_is_whatever_it_was_called() -> None:
    above = THEIRS.partition(".")[2]
    assert VENDOR.claims_certificate(certificate("origin.corp", THEIRS)) == THEIRS
    assert VENDOR.claims_certificate(certificate(f"*.{above}")) == f"*.{above}"
    assert VENDOR.claims_certificate(certificate("origin.corp", "*.lab.corp")) is None
    assert VENDOR.claims_certificate(b"nonsense") is None


# this machine


@pytest.mark.parametrize(
    ("addresses", "here"),
    [
        (("127.0.0.1",), True),
        (("127.9.9.9", "::1"), True),
        (("::ffff:127.0.0.1",), True),
        (("127.0.0.1", "10.0.0.1"), False),
        (("::ffff:10.0.0.1",), False),
        (("0.0.0.0",), False),
        ((), False),
    ],
)
def test_here_is_what_is_loopback_alone(addresses: tuple[str, ...], here: bool) -> None:
    assert Place("target", "x", addresses).here is here


async def test_loopback_needs_no_word() -> None:
    seen = await looked(target("127.0.0.1"), Route("direct"), route("127.0.0.1"), route("::1", "127.0.0.1"))
    assert seen.here
    assert unconsented(seen) == []
    assert rate_cap(seen, None) == MAX_RATE_HERE


async def test_everything_else_does() -> None:
    seen = await looked(target("192.0.2.7"), Route("direct"), route("198.51.100.1"), route("198.51.100.1"))
    assert [line.split(":")[0] for line in unconsented(seen)] == ["target 192.0.2.7", "proxy 1 of hq 198.51.100.1"]
    assert all("--i-may-load-this" in line for line in unconsented(seen))
    assert rate_cap(seen, None) == MAX_RATE_ELSEWHERE
    assert rate_cap(seen, 900.0) == 900.0


async def test_a_name_that_the_proxy_looks_up_may_be_anywhere() -> None:
    seen = await looked(target("origin.corp"), route("127.0.0.1"))
    (line,) = unconsented(seen)
    assert "the proxy before it looks the name up" in line
    assert unconsented(await looked(target("localhost"), route("127.0.0.1"))) == []
    assert unconsented(await looked(target("127.1"), route("127.0.0.1"))) == []
    (line,) = unconsented(await looked(target("1.2.3.999"), route("127.0.0.1")))
    assert "is not an IP address" in line


async def test_what_was_looked_at_is_what_is_loaded() -> None:
    """A name that is looked up here is bound to its address: a second answer of DNS would change nothing."""
    given = overrides("origin.corp=127.0.0.5", "gw.corp=127.0.0.6:99")
    seen = await looked(target("origin.corp"), Route("direct"), route("gw.corp"), resolve=given)
    assert seen.target == ("127.0.0.5",)
    found = seen.overrides.find("gw.corp", 3128)
    assert found is not None
    assert (found.address, found.to_port) == ("127.0.0.6", 99)


class Changing(Resolver):
    """Answers a name with another address each time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def resolve(self, host, port, family=None):  # type: ignore[no-untyped-def] # as the one it stands for
        from prober.engine.resolver import Resolved

        self.asked += 1
        return Resolved(((f"127.0.0.{self.asked}", port),))


async def test_a_name_that_rebinds_is_asked_for_once() -> None:
    resolver = Changing()
    try:
        seen = await look(target("rebinding.corp"), [Route("direct"), Route("again")], Overrides(), resolver)
    finally:
        await resolver.close()
    found = seen.overrides.find("rebinding.corp", 443)
    assert found is not None
    assert seen.target == (found.address,)
