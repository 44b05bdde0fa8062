"""Two results of one pair, and the one difference that is to be told of them."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from prober.diff.saved import SavedHttp, SavedResult, SavedRevocation, SavedTarget
from prober.diff.state import issuer_family
from prober.interception.certificates import certificate_facts
from prober.interception.looks import family_of
from prober.lab.authorities import Authority

from .made import (
    CLEAN,
    DENIED,
    EXPIRED,
    ISSUER,
    OPENED,
    OTHER,
    REFUSED,
    SISTER,
    SPARE,
    SUSPECT,
    TIMED_OUT,
    compared,
    failed,
    kinds,
    over_spare,
    result,
    sample,
    tls,
)

UNTRUSTED: dict[str, Any] = {"trusted": False, "trust_failure": EXPIRED}
LOST = SavedRevocation(False, DENIED, None)
FINE = SavedRevocation(True, None, None)
REVOKED = SavedRevocation(True, None, EXPIRED)
OK = result()

FORTH: list[tuple[SavedResult, SavedResult, str]] = [
    (OK, failed(), "newly-unreachable"),
    (OK, result(interception=OPENED, tls=tls("b"), **UNTRUSTED), "newly-intercepted"),
    (result(interception=SUSPECT), result(interception=OPENED), "newly-intercepted"),
    (OK, result(interception=replace(CLEAN, verdict="blocked"), tls=tls("b")), "newly-blocked"),
    (OK, result(interception=SUSPECT, tls=tls("b")), "newly-suspect"),
    (OK, result(tls=tls("b"), **UNTRUSTED), "newly-untrusted"),
    (result(revocation=FINE), result(revocation=REVOKED), "newly-revoked"),
    (result(revocation=FINE), result(revocation=LOST), "revocation-lost"),
    (OK, result(http=SavedHttp(503, False)), "newly-unexpected-status"),
    (result(http=SavedHttp(404, None)), result(http=SavedHttp(503, None)), "newly-unexpected-status"),
    (result(http=SavedHttp(500, None)), result(http=SavedHttp(503, None)), "status-changed"),
    (result(http=SavedHttp(200)), result(http=SavedHttp(302)), "status-changed"),
    (failed(), failed(failure=REFUSED), "failure-changed"),
    (failed(), failed(failure=replace(DENIED, hop=2)), "failure-changed"),
    (OK, result(tls=tls("b", anchor="vendor_private")), "anchor-changed"),
    (OK, result(tls=tls("b", OTHER)), "issuer-family-changed"),
    (OK, result(tls=tls("b", SISTER)), "issuing-ca-changed"),
    (OK, result(tls=tls("b")), "leaf-key-changed"),
    (OK, result(**over_spare()), "newly-on-fallback"),
    (OK, result(via=(SPARE,)), "way-changed"),
    (OK, result(target=SavedTarget("id.a.example", "MDE", "a.example", 443, "https", "/other")), "target-changed"),
]


@pytest.mark.parametrize(("before", "after", "kind"), FORTH)
def test_each_has_its_kind_and_no_other(before: SavedResult, after: SavedResult, kind: str) -> None:
    assert kinds(before, after) == [kind]
    assert kinds(after, before) == [compared([before], [after]).changes[0].kind.backwards.value]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (failed(), failed(failure=replace(DENIED, detail="another text"))),
        (failed(), failed(failure=replace(DENIED, status=407))),
        (OK, result(tls=tls("a", SISTER))),
        (OK, result(interception=None)),
        (OK, result(revocation=FINE)),
        (result(interception=OPENED, tls=tls("a")), result(interception=replace(OPENED, hop=None), tls=tls("a"))),
        (failed(), failed(interception=OPENED)),
    ],
    ids=["detail", "status of the failure", "same key", "not judged", "not asked", "hop not known", "not reached"],
)
def test_what_is_no_difference(before: SavedResult, after: SavedResult) -> None:
    assert kinds(before, after) == []
    assert kinds(after, before) == []


def probed(*found: Any, **changes: Any) -> SavedResult:
    """A result of several attempts, None for one that got through; the others fail so."""
    samples = tuple(sample(each, at=number) for number, each in enumerate(found))
    up = sum(each is None for each in found) * 2 > len(found)
    if up:
        return result(samples=samples, **changes)
    return failed(samples=samples, failure=next(each for each in found if each is not None), **changes)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (probed(None, None, None), probed(DENIED, DENIED, DENIED), ["newly-unreachable"]),
        (probed(None, None, None), probed(DENIED, None, DENIED), ["newly-unreachable"]),
        (probed(None, None, None), probed(None, DENIED, None), ["newly-flapping"]),
        (probed(None, None), probed(None, DENIED), ["newly-flapping"]),
        (probed(None, DENIED), probed(DENIED, None), []),
        (probed(None, DENIED, None), probed(None, None, None), ["no-longer-flapping"]),
        (probed(DENIED, TIMED_OUT, DENIED), probed(TIMED_OUT, TIMED_OUT, DENIED), []),
        (probed(DENIED, DENIED, DENIED), probed(TIMED_OUT, REFUSED, REFUSED), ["failure-changed"]),
    ],
)
def test_the_majority_counts_and_flapping_is_named(before: SavedResult, after: SavedResult, told: list[str]) -> None:
    assert kinds(before, after) == told


def test_flapping_is_said_of_a_difference_that_the_majority_bears_out() -> None:
    (change,) = compared([OK], [probed(DENIED, None, DENIED)]).changes
    assert change.flapping


def test_a_confirmation_must_not_contradict_the_majority() -> None:
    failures = (sample(DENIED, at=1), sample(DENIED, at=2), sample(DENIED, at=3))
    again = sample(None, at=9, purpose="confirmation")
    assert kinds(OK, failed(samples=failures)) == ["newly-unreachable"]
    assert kinds(OK, failed(samples=(*failures, again))) == ["newly-flapping"]
    agreed = replace(again, reachable=False, failure=DENIED)
    assert kinds(OK, failed(samples=(*failures, agreed))) == ["newly-unreachable"]


def test_a_farm_with_two_keys_has_not_changed_its_key() -> None:
    other = sample(at=2, tls=replace(sample().tls, leaf_spki_sha256="key-b"))  # type: ignore[type-var] # not None here
    assert kinds(result(samples=(sample(at=1), other)), result(tls=tls("b"))) == []


def test_what_is_reached_now_only_because_somebody_opens_it_is_another_cause() -> None:
    (plain,) = compared([failed()], [OK]).changes
    (opened,) = compared([failed()], [result(interception=OPENED)]).changes
    assert plain.kind is opened.kind
    assert plain.cause != opened.cause


def test_where_it_is_to_be_looked_for() -> None:
    (change,) = compared([OK], [failed()]).changes
    assert (change.stage, change.hop, change.reason) == ("proxy", 1, "proxy-denied")
    (change,) = compared([failed()], [OK]).changes
    assert (change.stage, change.hop, change.reason) == ("proxy", 1, "proxy-denied")
    (change,) = compared([OK], [result(interception=OPENED, tls=tls("b"))]).changes
    assert (change.stage, change.hop) == ("tls", 1)


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        (ISSUER, SISTER, True),
        (ISSUER, OTHER, False),
        ("CN=R10,O=Let's Encrypt,C=US", "CN=R11,O=Let's Encrypt,C=US", True),
        ("CN=R10,O=Let's Encrypt,C=US", "CN=E5,O=Let's Encrypt,C=US", False),
        ("O=A\\, Inc.,CN=X 1", "O=A\\, Inc.,CN=X 2", True),
        ("OU=nobody", "OU=somebody", False),
    ],
)
def test_families_of_issuers(one: str, two: str, alike: bool) -> None:
    assert (issuer_family(one) == issuer_family(two)) is alike


def test_families_are_those_of_the_verdicts() -> None:
    leaf = Authority("Prober Lab Public CA 7", key="ecdsa").leaf(["a.example"]).certificate
    facts = certificate_facts(leaf.public_bytes(Encoding.DER))
    assert facts is not None
    assert issuer_family(facts.issuer) == family_of(facts)
