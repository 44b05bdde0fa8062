"""The whole of an answer: whatever the network cuts, the same facts; nothing without a bound."""

from __future__ import annotations

import dataclasses

import pytest

from prober.model import Reason, Scheme, Secret, Target, TlsFacts
from prober.model.inquiry import Inquiry
from prober.model.observation import BodyFacts
from prober.wire.exchange import Exchange
from prober.wire.fetch import Fetch, may_speak
from prober.wire.layer import NEED_MORE, Challenge, Done

from .transcripts import bytewise, play, target, whole

ASK = Inquiry(body_limit=10)


def fetch(aim: Target | None = None, ask: Inquiry = ASK, **how: bool) -> Fetch:
    return Fetch(aim or target(), ask, user_agent="ua", **how)


def in_three(message: bytes) -> list[bytes]:
    return [part for part in (message[:7], message[7:40], message[40:]) if part]


def body_of(answer: bytes, aim: Target | None = None, ask: Inquiry = ASK) -> tuple[BodyFacts | None, str]:
    """What is noted of the body, and how it ended; the same however the bytes are cut."""
    seen = []
    for cut in (whole, bytewise, in_three):
        layer = fetch(aim, ask)
        outcome = play(layer, [cut(answer)]).outcome
        if outcome is NEED_MORE:
            outcome = layer.eof()
        assert layer.facts is not None
        seen.append((layer.facts.body, "done" if isinstance(outcome, Done) else str(getattr(outcome, "reason", ""))))
    assert all(each == seen[0] for each in seen)
    return seen[0]


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (HEAD + b"Content-Length: 5\r\n\r\nhello", BodyFacts(5, 5)),
        (HEAD + b"Content-Length: 0\r\n\r\n", BodyFacts(0, 0)),
        (HEAD + b"Content-Length: 10\r\n\r\n0123456789", BodyFacts(10, 10)),
        (HEAD + b"\r\nto the end", BodyFacts(None, 10)),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n1\r\nd\r\n0\r\nT: x\r\n\r\n", BodyFacts(None, 4)),
        (b"HTTP/1.1 204 No\r\n\r\n", BodyFacts(0, 0)),
        (b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", BodyFacts(0, 0)),
        (b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", BodyFacts(2, 2)),
        (b"HTTP/1.1 302 Go\r\nLocation: /x\r\nContent-Length: 9\r\n\r\n", BodyFacts(9, 0)),
        (b"HTTP/1.1 302 Go\r\nContent-Length: 2\r\n\r\nno", BodyFacts(2, 2)),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok", BodyFacts(2, 2)),
    ],
)
def test_bodies(answer: bytes, expected: BodyFacts) -> None:
    assert body_of(answer) == (expected, "done")


def test_a_body_beyond_the_limit_is_cut() -> None:
    assert body_of(HEAD + b"Content-Length: 30\r\n\r\n" + b"x" * 30) == (BodyFacts(30, 10, cut=True), "done")
    assert body_of(HEAD + b"\r\n" + b"x" * 30) == (BodyFacts(None, 10, cut=True), "done")


KEEP = Inquiry(body_limit=10, keep_body=True)


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (HEAD + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (HEAD + b"Content-Length: 0\r\n\r\n", b""),
        (HEAD + b"\r\nto the end", b"to the end"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n1\r\nd\r\n0\r\nT: x\r\n\r\n", b"abcd"),
        (HEAD + b"Content-Length: 30\r\n\r\n" + b"x" * 30, None),
        (HEAD + b"\r\n" + b"x" * 11, None),
        (b"HTTP/1.1 302 Go\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nno", None),
    ],
)
def test_a_body_is_kept_whole_or_not_at_all(answer: bytes, content: bytes | None) -> None:
    body, ended = body_of(answer, ask=KEEP)
    assert body is not None
    assert (body.content, ended) == (content, "done")
    assert "hello" not in repr(body), "a body is not for logs"


def test_a_body_cut_short_is_not_kept() -> None:
    body, ended = body_of(HEAD + b"Content-Length: 9\r\n\r\nhello", ask=KEEP)
    assert body is not None
    assert (body.content, ended) == (None, "http-closed")


def test_framing_alone_has_a_limit_too() -> None:
    flood = b"1;" + b"e" * 2000 + b"\r\nx\r\n"
    layer = fetch()
    outcome = play(layer, [in_three(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + flood * 60)]).outcome
    assert isinstance(outcome, Done)
    assert layer.facts is not None
    assert layer.facts.body is not None
    assert layer.facts.body.cut


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HEAD + b"Content-Length: 9\r\n\r\nshort", Reason.HTTP_CLOSED),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", Reason.HTTP_PROTOCOL_ERROR),
    ],
)
def test_a_broken_body_leaves_the_head(answer: bytes, reason: Reason) -> None:
    facts, ended = body_of(answer)
    assert ended == reason
    assert facts is not None


def test_to_head_comes_no_body() -> None:
    aim = target(method="HEAD")
    assert body_of(HEAD + b"Content-Length: 77\r\n\r\n", aim) == (BodyFacts(77, 0), "done")
    assert body_of(b"HTTP/1.1 204 No\r\n\r\n", aim) == (BodyFacts(None, 0), "done")


def test_everything_of_the_head_is_kept_and_nothing_of_the_body() -> None:
    layer = fetch(ask=Inquiry(body_limit=1 << 20))
    play(layer, [[HEAD + b"X-Odd: \xff" + b"\r\nX-Odd: 2\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900000]])
    assert layer.facts is not None
    assert layer.facts.headers == (("x-odd", "\xff"), ("x-odd", "2"), ("content-length", "900000"))
    assert layer.facts.version == "1.1"
    assert layer.facts.body == BodyFacts(900000, 900000)
    assert len(layer._reader.body) == 0


def test_a_document_s_path_makes_no_difference() -> None:
    """Whether a CRL is a CRL is not asked here."""
    assert body_of(HEAD + b"Content-Length: 2\r\n\r\nok", target(path="/a.crl")) == (BodyFacts(2, 2), "done")


# requests


def test_headers_of_the_inquiry() -> None:
    ask = Inquiry(host="other.test:8", headers=(("X-Key", Secret("k")), ("user-agent", Secret("mine"))))
    assert fetch(ask=ask).start() == (
        b"GET / HTTP/1.1\r\nHost: other.test:8\r\nuser-agent: mine\r\nAccept: */*\r\nX-Key: k\r\n"
        b"Connection: close\r\n\r\n"
    )


def test_the_address_given_to_a_proxy_is_the_target_s_whatever_the_name() -> None:
    sent = fetch(ask=Inquiry(host="other.test"), proxied=True, via_proxy=True).start()
    assert sent.startswith(b"GET http://host.test/ HTTP/1.1\r\nHost: other.test\r\n")


def test_without_headers_it_asks_as_ever() -> None:
    assert fetch().start() == Exchange(target(), user_agent="ua").start()


def test_a_proxy_may_still_demand_a_login_first() -> None:
    layer = fetch(proxied=True, via_proxy=True, can_login=True)
    layer.start()
    demand = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nbody"
    _, outcome = layer.feed(demand)
    assert isinstance(outcome, Challenge)
    assert b"Proxy-Authorization: Basic " in layer.login("u", "p")
    _, outcome = layer.feed(HEAD + b"Content-Length: 2\r\n\r\nok")
    assert isinstance(outcome, Done)
    assert layer.facts is not None
    assert (layer.facts.status, layer.facts.body) == (200, BodyFacts(2, 2))


# to whom


def test_to_whom_one_may_speak() -> None:
    facts = TlsFacts("TLSv1.2", "c", None, None, False, False, ())
    newer = dataclasses.replace(facts, version="TLSv1.3")
    assert may_speak(Inquiry(), facts)
    assert not may_speak(Inquiry(only_tls_1_3=True), facts)
    assert may_speak(Inquiry(only_tls_1_3=True), newer)
    assert not may_speak(Inquiry(keys=frozenset()), newer)
    assert not may_speak(Inquiry(keys=frozenset({"ab"})), dataclasses.replace(newer, chain=(b"no certificate",)))
    assert target(Scheme.HTTPS).port == 443
