"""Which addresses are asked, in which order and how many; what redirects, portals and long answers lead to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from prober.check.revocation import MAX_BYTES, MAX_URLS, RevocationRound, RevocationSettings, named_addresses
from prober.check.revocation_fetch import LIMITS, MAX_REDIRECTS
from prober.engine.run import Pair
from prober.interception.revocation import CertificateRevocation, Revocation, SourceOutcome
from prober.interception.revocation_sources import SourceKind
from prober.interception.trust import Trust
from prober.model import (
    Anchor,
    Failure,
    Hop,
    HopScheme,
    HttpFacts,
    Observation,
    Purpose,
    Reason,
    Route,
    Scheme,
    Stage,
    Target,
)
from prober.model.observation import BodyFacts
from prober.routes.environment import EnvironmentRoute
from prober.routes.overrides import Overrides, parse_override
from prober.routes.rules import RouteRule, is_fixed, route_for

from ..interception.conftest import NOW, Issued, build

DIRECT = Route("direct")
HQ = Route("hq", (Hop(HopScheme.HTTP, "10.0.0.6", 8080),))
KEY = ("a", "direct")
ROOT = build("root", ca=True)


def way_of(rule: RouteRule, target: Target) -> Route:
    assert is_fixed(rule)
    return route_for(rule, target)


def published(*crls: str, ocsp: Sequence[str] = (), issuers: Sequence[str] = ()) -> tuple[x509.ExtensionType, ...]:
    kinds = ((AuthorityInformationAccessOID.OCSP, ocsp), (AuthorityInformationAccessOID.CA_ISSUERS, issuers))
    access = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, urls in kinds for url in urls
    ]
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in crls]
    found: list[x509.ExtensionType] = []
    if points:
        found.append(x509.CRLDistributionPoints(points))
    if access:
        found.append(x509.AuthorityInformationAccess(access))
    return tuple(found)


def leaf(*crls: str, **more: Sequence[str]) -> Issued:
    return ROOT.leaf("a.example", extra=published(*crls, **more))


def trust(anchor: Anchor = Anchor.PUBLIC) -> Trust:
    return Trust(True, None, anchor, ())


def watching(
    *leaves: Issued, anchor: Anchor = Anchor.PUBLIC, over: str | None = None, **more: object
) -> RevocationRound:
    """Each leaf under a key of its own over `direct`."""
    settings = RevocationSettings({"direct": DIRECT, "hq": HQ}, way_of, over)
    found = RevocationRound(replace(settings, **more))  # type: ignore[arg-type] # fields of the settings
    for number, each in enumerate(leaves):
        found.watch((f"t{number}" if number else KEY[0], "direct"), (each.der, ROOT.der), trust(anchor), {})
    return found


def seen(pair: Pair, status: int = 200, body: bytes | None = b"", **more: object) -> Observation:
    http = HttpFacts(status, tuple(more.pop("headers", ())), "1.1", BodyFacts(None, len(body or b""), content=body))  # type: ignore[arg-type]
    values = {"target": pair.target.id, "route": pair.route.name, "at": NOW, "http": http, "purpose": pair.purpose}
    return Observation(**{**values, **more})  # type: ignore[arg-type]


def crl(signer: Issued = ROOT) -> bytes:
    now = dt.datetime.fromtimestamp(NOW, dt.UTC)
    day = dt.timedelta(days=1)
    builder = x509.CertificateRevocationListBuilder(signer.certificate.subject, now - day, now + day)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def ask(asking: RevocationRound, answer: Callable[[Pair], Observation]) -> list[list[str]]:
    """All waves, each as the URLs that were asked."""
    waves = []
    while wave := asking.next_wave():
        waves.append([f"{pair.target.scheme}://{pair.target.address}{pair.target.path}" for pair in wave])
        for pair in wave:
            asking.keep(pair, answer(pair))
    return waves


def of(asking: RevocationRound, key: tuple[str, str] = KEY) -> Revocation:
    found = asking.of(key)
    assert found is not None
    return found


def outcomes(asking: RevocationRound) -> list[SourceOutcome]:
    return [each for certificate in of(asking).certificates for each in certificate.outcomes]


def test_one_working_source_is_enough() -> None:
    asking = watching(leaf("http://one.example/a.crl", "http://two.example/a.crl"))
    waves = ask(asking, lambda pair: seen(pair, 404) if pair.target.host == "one.example" else seen(pair, body=crl()))
    assert waves == [["http://one.example:80/a.crl", "http://two.example:80/a.crl"]]
    assert [each.works for each in outcomes(asking)] == [False, True]
    assert of(asking).reachable is True
    assert of(asking).failure is None


def test_without_one_the_first_failure_tells_where() -> None:
    asking = watching(leaf("http://one.example/a.crl", "http://two.example/a.crl"), over="hq")
    refused = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "403 Forbidden", 403)
    ask(asking, lambda pair: seen(pair, http=None, failure=refused))
    failure = of(asking).failure
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.REVOCATION_UNREACHABLE)
    assert failure.detail.count("403 Forbidden") == 2
    assert of(asking).route == "hq"


def test_pairs_are_made_on_guarded_terms() -> None:
    (pair,) = watching(leaf("http://one.example/a.crl")).next_wave()
    assert pair.purpose is Purpose.REVOCATION
    assert pair.terms.guard is not None
    assert pair.terms.guard.refusal("127.0.0.1")
    assert pair.terms.guard.refusal("10.0.0.1")
    assert pair.terms.guard.refusal("169.254.169.254")
    assert pair.terms.inquiry is not None
    assert pair.terms.inquiry.body_limit == LIMITS[SourceKind.CRL]
    assert not pair.target.proxy_login


def test_addresses_that_the_user_named_may_be_asked() -> None:
    overrides = Overrides([parse_override("crl.corp", "10.1.2.3:8080"), parse_override("*:80", "[::1]:81")])
    allowed = named_addresses(overrides)
    assert allowed == (ip_network("10.1.2.3/32"), ip_network("::1/128"))
    (pair,) = watching(leaf("http://crl.corp/a.crl"), allowed=allowed).next_wave()
    assert pair.terms.guard is not None
    assert pair.terms.guard.refusal("10.1.2.3") is None
    assert pair.terms.guard.refusal("10.1.2.4")


def test_what_the_guard_keeps_away_is_not_known() -> None:
    asking = watching(leaf("http://one.example/a.crl"))
    kept = Failure(Stage.CONNECT, 0, Reason.TCP_UNREACHABLE, "not connected to: loopback")
    ask(asking, lambda pair: seen(pair, http=None, failure=kept))
    (outcome,) = outcomes(asking)
    assert (outcome.works, outcome.failure) == (None, None)
    assert "loopback" in outcome.says
    assert of(asking).reachable is None


def test_a_network_that_is_unreachable_is_a_failure() -> None:
    asking = watching(leaf("http://one.example/a.crl"))
    failed = Failure(Stage.CONNECT, 0, Reason.TCP_UNREACHABLE, "no route to host")
    ask(asking, lambda pair: seen(pair, http=None, failure=failed, tried="192.0.32.1:80"))
    assert of(asking).reachable is False


def test_our_own_exhaustion_is_nobodys_outage() -> None:
    asking = watching(leaf("http://one.example/a.crl"))
    ours = Failure(Stage.LOCAL, 0, Reason.LOCAL_DESCRIPTORS, "too many open files")
    ask(asking, lambda pair: seen(pair, http=None, failure=ours))
    assert of(asking).reachable is None


@pytest.mark.parametrize("anchor", [Anchor.UNKNOWN, Anchor.INCOMPLETE, Anchor.SELF_SIGNED_LEAF])
def test_chains_without_a_known_anchor_are_not_followed(anchor: Anchor) -> None:
    asking = watching(leaf("http://one.example/a.crl", "http://crl.microsoft.com/b.crl"), anchor=anchor)
    assert asking.next_wave() == []
    assert {each.works for each in outcomes(asking)} == {None}
    asking = watching(
        leaf("http://one.example/a.crl", "http://crl.microsoft.com/b.crl"),
        anchor=anchor,
        hosts=frozenset({"crl.microsoft.com"}),
    )
    assert ask(asking, seen) == [["http://crl.microsoft.com:80/b.crl"]]
    assert of(asking).reachable is None, "one was not followed"


def test_the_users_own_inspection_authority_counts_as_known() -> None:
    asking = RevocationRound(RevocationSettings({"direct": DIRECT}, way_of))
    own = Trust(False, None, Anchor.UNKNOWN, (), interceptor="Corp Inspection CA")
    asking.watch(KEY, (leaf("http://pki.corp.example/a.crl").der, ROOT.der), own, {})
    assert len(asking.next_wave()) == 1


def test_each_address_once_and_what_most_depend_on_first() -> None:
    rare = leaf("http://rare.example/a.crl", ocsp=["http://ocsp.example/"], issuers=["http://pki.example/a.crt"])
    often = leaf("http://often.example/a.crl")
    asking = watching(rare, often, often)
    (wave,) = ask(asking, lambda pair: seen(pair, 404))
    hosts = [url.split("/")[2] for url in wave]
    assert hosts == ["often.example:80", "rare.example:80", "ocsp.example:80", "pki.example:80"]


def test_the_number_is_limited() -> None:
    leaves = [leaf(f"http://crl{number}.example/a.crl") for number in range(MAX_URLS + 7)]
    asking = watching(*leaves)
    waves = ask(asking, lambda pair: seen(pair, body=crl()))
    assert sum(map(len, waves)) == MAX_URLS
    assert asking.left_out == {"direct": 7}
    reachable = [of(asking, (f"t{number}" if number else "a", "direct")).reachable for number in range(MAX_URLS + 7)]
    assert reachable == [True] * MAX_URLS + [None] * 7
    last = of(asking, (f"t{MAX_URLS}", "direct")).certificates[0].outcomes[0]
    assert "the limit" in last.says


def test_never_more_bytes_than_the_limit() -> None:
    """Whatever is under way at the same time may bring all it is allowed to."""
    leaves = [leaf(f"http://crl{number}.example/a.crl") for number in range(MAX_URLS)]
    asking = watching(*leaves)
    large = LIMITS[SourceKind.CRL]
    read = 0
    while wave := asking.next_wave():
        assert read + sum(pair.terms.inquiry.body_limit for pair in wave if pair.terms.inquiry) <= MAX_BYTES
        for pair in wave:
            body = BodyFacts(None, large, cut=True)
            asking.keep(pair, seen(pair, http=HttpFacts(200, (), "1.1", body)))
            read += large
    assert read == MAX_BYTES
    assert asking.left_out == {"direct": MAX_URLS - MAX_BYTES // large}
    (outcome,) = of(asking).certificates[0].outcomes
    assert outcome.works is None
    assert "more than" in outcome.says


def test_redirects_are_followed_a_few_times() -> None:
    asking = watching(leaf("http://one.example/a.crl"))
    waves = ask(
        asking,
        lambda pair: (
            seen(pair, body=crl())
            if pair.target.scheme is Scheme.HTTPS
            else seen(pair, 302, headers=[("location", "https://two.example/b.crl")])
        ),
    )
    assert waves == [["http://one.example:80/a.crl"], ["https://two.example:443/b.crl"]]
    assert of(asking).reachable is True
    assert outcomes(asking)[0].url == "http://one.example/a.crl", "as the certificate has it"


def test_redirects_in_a_circle_end() -> None:
    asking = watching(leaf("http://one.example/a.crl"))
    waves = ask(asking, lambda pair: seen(pair, 301, headers=[("location", "/a.crl")]))
    assert len(waves) == MAX_REDIRECTS + 1
    assert of(asking).reachable is False


def test_a_redirect_to_a_file_is_refused() -> None:
    asking = watching(leaf("http://one.example/a.crl"))
    assert len(ask(asking, lambda pair: seen(pair, 302, headers=[("location", "file:///etc/passwd")]))) == 1
    assert of(asking).reachable is False


def test_a_portal_is_the_last_proxys() -> None:
    asking = watching(leaf("http://one.example/a.crl"), over="hq")
    ask(asking, lambda pair: seen(pair, body=b"<html>Sign in</html>"))
    failure = outcomes(asking)[0].failure
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 1, Reason.PROXY_CAPTIVE)


def test_a_list_that_the_authority_did_not_sign_does_not_work() -> None:
    asking = watching(leaf("http://one.example/a.crl"))
    ask(asking, lambda pair: seen(pair, body=crl(build("root", ca=True))))
    assert of(asking).reachable is False
    failure = of(asking).failure
    assert failure is not None
    assert "did not sign" in failure.detail


def test_ldap_only_is_not_known_and_nothing_at_all_is_none() -> None:
    only_ldap = watching(leaf("ldap:///CN=x"))
    assert only_ldap.next_wave() == []
    assert of(only_ldap).reachable is None
    assert of(only_ldap).certificates[0].has_sources
    none = watching(ROOT.leaf("a.example"))
    assert of(none).reachable is None
    assert not of(none).certificates[0].has_sources


def test_the_issuers_certificate_is_no_revocation() -> None:
    asking = watching(leaf(issuers=["http://pki.example/a.crt"]))
    ask(asking, lambda pair: seen(pair, body=ROOT.der))
    assert outcomes(asking)[0].works is True
    assert of(asking).reachable is None


def test_a_responder_asked_about_one_speaks_for_its_sisters() -> None:
    from cryptography.x509 import ocsp

    one, two = (leaf(ocsp=["http://ocsp.example/r"]) for _ in range(2))
    asking = watching(one, two)

    def answer(pair: Pair) -> Observation:
        now = dt.datetime.fromtimestamp(NOW, dt.UTC)
        response = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                one.certificate,
                ROOT.certificate,
                hashes.SHA1(),  # noqa: S303 # names the issuer, signs nothing
                ocsp.OCSPCertStatus.REVOKED,
                now,
                now + dt.timedelta(days=1),
                now,
                None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, ROOT.certificate)
            .sign(ROOT.key, hashes.SHA256())
        )
        return seen(pair, body=response.public_bytes(Encoding.DER))

    ((url,),) = ask(asking, answer)
    assert url.startswith("http://ocsp.example:80/r/M")
    assert of(asking).reachable is True
    assert of(asking).revoked is not None
    sister = of(asking, ("t1", "direct"))
    assert sister.reachable is True
    assert sister.revoked is None
    assert "another certificate" in sister.certificates[0].outcomes[0].says


def test_the_environment_decides_for_the_address_not_the_target() -> None:
    rule = EnvironmentRoute("env", https=Route("env"), http=Route("env", HQ.hops), no_proxy=("two.example",))
    asking = RevocationRound(RevocationSettings({"env": rule}, way_of))
    found = leaf("http://one.example/a.crl", "http://two.example/a.crl", "https://three.example/a.crl")
    asking.watch(("a", "env"), (found.der, ROOT.der), trust(), {})
    ways = {pair.target.host: pair.route.hops for pair in asking.next_wave()}
    assert ways == {"one.example": HQ.hops, "two.example": (), "three.example": ()}


def test_one_certificate_out_of_reach_is_enough_for_a_chain() -> None:
    works = CertificateRevocation("00", (SourceOutcome(SourceKind.CRL, "http://a/", works=True),))
    down = Failure(Stage.DNS, 0, Reason.DNS_NXDOMAIN, "no such name")
    fails = CertificateRevocation("01", (SourceOutcome(SourceKind.CRL, "http://b/", works=False, failure=down),))
    silent = CertificateRevocation("02", ())
    unknown = CertificateRevocation("03", (SourceOutcome(SourceKind.CRL, "http://c/", works=None),))
    assert Revocation("r", (works, fails)).reachable is False
    assert Revocation("r", (works, silent)).reachable is True
    assert Revocation("r", (works, unknown)).reachable is None
    assert Revocation("r", (unknown, fails)).reachable is False
    assert Revocation("r", (silent,)).reachable is None
    assert Revocation("r", ()).reachable is None
