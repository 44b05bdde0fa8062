"""Every failure word has its texts, and they hold together with the docs."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from prober.failure_table import ADVICE
from prober.failures import advice, hint, is_transient, proxy_name, sentence
from prober.model import Failure, Hop, HopScheme, Reason, Route, Scheme, Secret, Stage, Target
from prober.report.pages import failures_page

DOCS = Path(__file__).parent.parent / "docs"
HQ = Route("hq", (Hop(HopScheme.HTTP, "10.0.0.6", 8080, "svc", Secret("hunter2")),))
TARGET = Target(id="x", scheme=Scheme.HTTPS, host="a.example.com", port=443)


def test_every_reason_has_advice() -> None:
    assert list(ADVICE) == list(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_the_texts_are_whole(reason: Reason) -> None:
    entry = advice(reason)
    assert entry.meaning.endswith(".")
    assert entry.meaning[0].isupper()
    assert entry.action.endswith(".")
    assert entry.causes
    assert all(cause and not cause.endswith(".") for cause in entry.causes)
    assert entry.retry.startswith(("yes: ", "no: "))
    fields = {name for _, name, _, _ in string.Formatter().parse(entry.action) if name is not None}
    assert fields <= {"peer", "name", "via"}


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("hop", [0, 1, 2, 7])
@pytest.mark.parametrize("route", [None, Route("direct"), HQ], ids=["unknown", "direct", "hq"])
def test_hint_and_sentence_fit_every_place(reason: Reason, hop: int, route: Route | None) -> None:
    failure = Failure(Stage.PROXY if hop else Stage.TLS, hop, reason, "detail", 403)
    for text in (
        hint(failure, route=route, target=TARGET),
        hint(failure, route=route),
        hint(failure),
        sentence(failure, route=route, count="14 of 57 targets"),
    ):
        assert text
        assert "{" not in text
        assert "None" not in text
        assert "hunter2" not in text
    assert "14 of 57 targets" in sentence(failure, route=route, count="14 of 57 targets")


def test_what_is_tried_again() -> None:
    assert {reason.value for reason in Reason if is_transient(reason)} == {
        "local-descriptors",
        "local-ports",
        "dns-servfail",
        "tcp-reset",
        "proxy-busy",
        "proxy-internal",
        "proxy-upstream-connect",
        "proxy-closed",
        "tls-handshake-closed",
        "http-closed",
    }


def test_nothing_that_used_up_the_deadline_is_tried_again() -> None:
    assert not [reason for reason in Reason if reason.endswith("-timeout") and is_transient(reason)]


def test_the_sentence_of_a_refusal() -> None:
    refused = Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "", 403)
    assert (
        sentence(refused, route=HQ, count="14 of 57 targets")
        == "proxy hq (hop 1, http://10.0.0.6:8080) refused 14 of 57 targets with 403"
    )


def test_the_hint_names_proxy_and_target() -> None:
    text = hint(Failure(Stage.PROXY, 1, Reason.PROXY_DENIED, "", 403), route=HQ, target=TARGET)
    assert text.startswith("Allow a.example.com:443 at proxy hq (hop 1, http://10.0.0.6:8080)")


def test_the_hint_of_a_dns_failure_names_what_was_looked_up() -> None:
    route = Route("hq", (Hop(HopScheme.HTTP, "proxy.corp", 8080),))
    assert "for proxy.corp:" in hint(Failure(Stage.DNS, 1, Reason.DNS_NXDOMAIN), route=route, target=TARGET)
    assert "for a.example.com:" in hint(Failure(Stage.DNS, 0, Reason.DNS_NXDOMAIN), route=route, target=TARGET)


def test_a_trust_hint_behind_a_proxy_names_the_route() -> None:
    untrusted = Failure(Stage.TLS, 0, Reason.CERT_UNTRUSTED)
    assert "on or behind route hq" in hint(untrusted, route=HQ, target=TARGET)
    assert "route" not in hint(untrusted, route=Route("direct"), target=TARGET)


def test_a_hostile_name_is_not_a_template() -> None:
    assert "{peer.__class__}" in hint(Failure(Stage.TLS, 0, Reason.TCP_RESET), target="{peer.__class__}")


def test_proxy_names() -> None:
    assert proxy_name(1, HQ) == "proxy hq (hop 1, http://10.0.0.6:8080)"
    assert proxy_name(2, HQ) == "proxy hq (hop 2)"
    assert proxy_name(1, None) == "the proxy at hop 1"


def test_the_page_of_failure_words_is_up_to_date() -> None:
    """`python -m prober.report.pages > docs/failures.md` brings it up to date."""
    assert (DOCS / "failures.md").read_text(encoding="utf-8") == failures_page()
