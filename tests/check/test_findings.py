"""What makes the exit code 1."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import msgspec
import pytest

from prober.check.findings import DEFAULT, FailOn, has_findings, parse_fail_on
from prober.interception.certificates import certificate_facts
from prober.model import Failure, HttpFacts, Reason, Stage
from prober.report.build import build_result
from prober.report.document import Result, RouteDoc, Run
from prober.report.failure_document import FailureDoc
from prober.report.judgement import InterceptionDoc
from prober.report.revocation_document import RevocationDoc


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unreachable,intercepted", DEFAULT),
        (" suspect , untrusted,", (FailOn.SUSPECT, FailOn.UNTRUSTED)),
        ("none", ()),
        (",".join(FailOn), tuple(FailOn)),
    ],
)
def test_words_are_read(text: str, words: tuple[FailOn, ...]) -> None:
    assert parse_fail_on(text) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty list"),
        (" , ", "empty list"),
        ("unreachible", '"unreachible": did you mean unreachable?'),
        ("xyzzy,trusted", '"xyzzy"; "trusted": did you mean untrusted?'),
        ("none,suspect", '"none"'),
    ],
)
def test_every_unknown_word_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="known: unreachable") as refused:
        parse_fail_on(text)
    assert said in str(refused.value)


def judged(word: str) -> InterceptionDoc:
    return InterceptionDoc(word, "none", None, None, 0, (), None, None, None, None, False)


def result_of(given: ModuleType, **changes: Any) -> Result:
    pair = given.plan_of(["https://a.example/"]).pairs[0]
    built = build_result(
        pair.target, pair.route, [given.seen(pair, http=HttpFacts(200))], None, "here", facts=certificate_facts
    )
    return msgspec.structs.replace(built, **changes)


def run_of(given: ModuleType, result: Result) -> Run:
    document: Run = given.Conduct(given.plan_of(["a.example"])).document()
    return msgspec.structs.replace(document, results=(result,))


def test_each_word_has_its_own_finding(given: ModuleType) -> None:
    clean = result_of(given)
    assert clean.http is not None
    assert clean.reachable
    untrusted = FailureDoc("tls", 0, Reason.CERT_EXPIRED.value, "", "", None)
    failure = Failure(Stage.TLS, 0, Reason.TLS_TIMEOUT, "silence")
    bad = {
        FailOn.UNREACHABLE: msgspec.structs.replace(clean, reachable=False, failure=_failure(failure)),
        FailOn.UNTRUSTED: msgspec.structs.replace(clean, trusted=False, trust_failure=untrusted),
        FailOn.UNEXPECTED_STATUS: msgspec.structs.replace(
            clean, http=msgspec.structs.replace(clean.http, as_expected=False)
        ),
        FailOn.INTERCEPTED: msgspec.structs.replace(clean, interception=judged("intercepted")),
        FailOn.SUSPECT: msgspec.structs.replace(clean, interception=judged("suspect")),
        FailOn.REVOCATION: msgspec.structs.replace(clean, revocation=RevocationDoc(False, untrusted, None, "hq", ())),
    }
    for kind, result in bad.items():
        run = run_of(given, result)
        assert [word for word in FailOn if has_findings(run, (word,))] == [kind]
        assert has_findings(run, tuple(FailOn))
        assert not has_findings(run, ())


def test_a_revoked_certificate_is_one_too(given: ModuleType) -> None:
    revoked = FailureDoc("tls", 0, Reason.CERT_REVOKED.value, "", "", None)
    result = msgspec.structs.replace(result_of(given), revocation=RevocationDoc(True, None, revoked, "hq", ()))
    assert has_findings(run_of(given, result), (FailOn.REVOCATION,))
    for reachable in (True, None):
        fine = msgspec.structs.replace(result, revocation=RevocationDoc(reachable, None, None, "hq", ()))
        assert not has_findings(run_of(given, fine), (FailOn.REVOCATION,))


def test_a_clean_result_is_no_finding(given: ModuleType) -> None:
    assert not has_findings(run_of(given, result_of(given)), tuple(FailOn))
    clean = result_of(given, trusted=None, interception=judged("inconclusive"))
    assert not has_findings(run_of(given, clean), tuple(FailOn))


def _failure(failure: Failure) -> FailureDoc:
    return FailureDoc(failure.stage.value, failure.hop, failure.reason.value, failure.detail, "", None)


def test_what_one_candidate_of_a_device_would_do_is_no_finding(given: ModuleType) -> None:
    """The device goes by its component's whole list; on a network with proxies `edr.direct` fails as it should."""
    direct = RouteDoc("edr.direct", (), rule="device: fallback", candidate=True)
    whole = RouteDoc("edr", (), rule="device: fallback")
    for name, counts in (("edr.direct", False), ("edr", True)):
        run = run_of(given, result_of(given, reachable=False, route=name))
        run = msgspec.structs.replace(run, routes=(whole, direct))
        assert has_findings(run, (FailOn.UNREACHABLE,)) is counts
