"""An interceptor in front of an honest proxy: it sees a tunnel in a tunnel, and is blind to it or breaks it.

Facts only: what came of the probe, whose certificate was served, and at whose door a failure is laid.
"""

from __future__ import annotations

import pytest

from prober.model import Reason, Stage

from .names import EXEMPT, ONE, ONE_NAME, TWO
from .seeing import Seen
from .sites import Sites
from .ways import BEHIND_SQUID, DIRECT, FIRST_BLIND, FIRST_MITMPROXY, FIRST_STRICT, FIRST_TLS, OUTER_TLS

pytestmark = pytest.mark.real

HOSTS = [ONE, TWO, ONE_NAME, EXEMPT]


@pytest.mark.parametrize("host", HOSTS)
def test_squid_that_lets_pass_what_is_not_tls_is_blind(host: str, seen: Seen, sites: Sites) -> None:
    """`on_unsupported_protocol tunnel`: a CONNECT to the next proxy is not TLS, nor is anything that follows it."""
    assert seen.of(host, FIRST_BLIND).reachable
    assert seen.tls(host, FIRST_BLIND).chain == seen.tls(host, DIRECT).chain
    assert seen.leaf(host, FIRST_BLIND).spki_sha256 == sites[host].leaf.spki


def test_the_same_squid_as_the_last_hop_is_not(seen: Seen, sites: Sites) -> None:
    assert seen.leaf(ONE, BEHIND_SQUID).spki_sha256 != sites[ONE].leaf.spki


@pytest.mark.parametrize(
    ("way", "reason"),
    [(FIRST_STRICT, Reason.PROXY_CLOSED), (FIRST_MITMPROXY, Reason.PROXY_UPSTREAM_CONNECT)],
)
@pytest.mark.parametrize("host", HOSTS)
def test_nested_tunnel_is_broken(host: str, way: str, reason: Reason, seen: Seen) -> None:
    """squid closes; mitmproxy answers the second CONNECT itself, with 502. No certificate, so nothing to judge."""
    failure = seen.of(host, way).failure
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY, 2, reason)
    assert seen.of(host, way).tls is None


def test_tls_of_the_next_proxy_is_opened(seen: Seen) -> None:
    """Then the failure is the first proxy's doing, and the certificate at the second door gives it away."""
    found = seen.of(ONE, FIRST_TLS)
    assert found.failure is not None
    assert (found.failure.stage, found.failure.hop) == (Stage.PROXY, 2)
    assert found.tls is None
    untrusted = found.hops[1].tls_failure
    assert untrusted is not None
    assert (untrusted.stage, untrusted.hop, untrusted.reason) == (Stage.PROXY_TLS, 2, Reason.CERT_UNTRUSTED)


@pytest.mark.parametrize("host", HOSTS)
def test_opened_tls_of_a_proxy_leaves_the_session_inside_whole(host: str, seen: Seen, sites: Sites) -> None:
    """sslsplit between prober and proxy reads CONNECT, but the tunnel behind it is the origin's."""
    found = seen.of(host, OUTER_TLS)
    assert found.reachable, found.failure
    untrusted = found.hops[0].tls_failure
    assert untrusted is not None
    assert (untrusted.stage, untrusted.hop, untrusted.reason) == (Stage.PROXY_TLS, 1, Reason.CERT_UNTRUSTED)
    assert seen.leaf(host, OUTER_TLS).spki_sha256 == sites[host].leaf.spki
