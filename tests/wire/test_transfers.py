"""Answers are counted, however they are cut, and only a whole one with status 200 is one."""

from __future__ import annotations

import gc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Reason
from prober.wire.http1 import MAX_HEAD
from prober.wire.layer import NEED_MORE, Done, Failed, Outcome
from prober.wire.transfers import Held, Transfers

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\nbody"


def feed(layer: Transfers, data: bytes, cuts: set[int] | None = None) -> Outcome:
    """In pieces."""
    outcome: Outcome = NEED_MORE
    places = [0, *sorted(cuts or ()), len(data)]
    for start, end in pairwise(places):
        if start < end and outcome is NEED_MORE:
            sent, outcome = layer.feed(data[start:end])
            assert sent == b""
    return outcome


@given(
    st.lists(st.sampled_from([OK, CHUNKED, INTERIM + OK, INTERIM * 3 + CHUNKED]), min_size=1, max_size=4),
    st.sets(st.integers(1, 200)),
)
def test_one_after_the_other(answers: list[bytes], cuts: set[int]) -> None:
    layer = Transfers(GET, expected=4)
    assert layer.start() == b""
    for answer in answers:
        assert layer.ask() == GET
        assert (layer.asked, layer.answering, layer.whole) == (True, False, False)
        assert feed(layer, answer, {cut for cut in cuts if cut < len(answer)}) is NEED_MORE
        assert (layer.asked, layer.answering, layer.whole, layer.body) == (False, True, True, 4)
        assert layer.reusable
    assert layer.received == sum(map(len, answers))
    assert isinstance(layer.eof(), Done)


def failed(layer: Transfers, data: bytes) -> Failed:
    """What is wrong with it."""
    layer.ask()
    outcome = feed(layer, data)
    assert isinstance(outcome, Failed)
    assert not layer.whole
    return outcome


@pytest.mark.parametrize(
    ("said", "reason", "status"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", Reason.HTTP_PROTOCOL_ERROR, 500),
        (b"HTTP/1.1 206 Part\r\nContent-Length: 4\r\n\r\nbody", Reason.HTTP_PROTOCOL_ERROR, 206),
        (b"HTTP/1.1 401 No\r\n", None, None),
        (b"HTTP/1.1 401 No\r\n\r\n", Reason.HTTP_AUTH_REQUIRED, 401),
        (b"HTTP/1.1 101 Other\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Reason.HTTP_PROTOCOL_ERROR, 101),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", Reason.HTTP_PROTOCOL_ERROR, 200),
        (OK + OK, Reason.HTTP_PROTOCOL_ERROR, None),
        (b"\0\0\0\0", Reason.HTTP_PROTOCOL_ERROR, None),
        (INTERIM * 40, Reason.HTTP_PROTOCOL_ERROR, None),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD, Reason.HTTP_PROTOCOL_ERROR, None),
    ],
)
def test_what_will_not_do(said: bytes, reason: Reason | None, status: int | None) -> None:
    layer = Transfers(GET, expected=4)
    if reason is None:
        layer.ask()
        assert feed(layer, said) is NEED_MORE
        return
    found = failed(layer, said)
    assert (found.reason, found.status) == (reason, status)


def test_a_proxy_answers_for_itself() -> None:
    for status, reason in ((407, Reason.PROXY_AUTH_REQUIRED), (504, Reason.PROXY_UPSTREAM_TIMEOUT)):
        layer = Transfers(GET, proxied=True)
        assert not Transfers(GET).unattributed
        assert layer.unattributed
        assert failed(layer, b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status).reason is reason
        assert layer.blames_proxy
    layer = Transfers(GET, proxied=True)
    assert failed(layer, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n").reason is Reason.HTTP_PROTOCOL_ERROR
    assert not layer.blames_proxy


def test_the_end_of_the_connection_ends_a_body_without_length() -> None:
    layer = Transfers(GET)
    layer.ask()
    assert feed(layer, ENDLESS) is NEED_MORE
    assert not layer.whole
    assert isinstance(layer.eof(), Done)
    assert (layer.whole, layer.reusable, layer.body) == (True, False, 4)
    short = Transfers(GET, expected=5)
    short.ask()
    feed(short, ENDLESS)
    assert isinstance(short.eof(), Failed)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", OK[:-1], CHUNKED[:-1]])
def test_cut_short(said: bytes) -> None:
    layer = Transfers(GET)
    layer.ask()
    assert feed(layer, said) is NEED_MORE
    outcome = layer.eof()
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.HTTP_CLOSED


def test_not_asked() -> None:
    outcome = feed(Transfers(GET), OK)
    assert isinstance(outcome, Failed)
    assert "without being asked" in outcome.detail


def test_the_last_on_this_connection() -> None:
    layer = Transfers(GET)
    layer.ask()
    assert feed(layer, OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) is NEED_MORE
    assert layer.whole
    assert not layer.reusable


@given(st.binary(max_size=400), st.booleans())
def test_any_octets(data: bytes, asked: bool) -> None:
    layer = Transfers(GET, expected=4)
    if asked:
        layer.ask()
    outcome = feed(layer, data, {1, 7, 50})
    assert outcome is NEED_MORE or isinstance(outcome, Failed)
    assert not isinstance(layer.eof(), type(NEED_MORE))


def test_nothing_waits_for_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        layer = Transfers(GET)
        layer.ask()
        feed(layer, OK)
        del layer
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_held() -> None:
    layer = Held()
    assert layer.start() == b""
    assert layer.feed(b"anything") == (b"", NEED_MORE)
    outcome = layer.eof()
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.HTTP_CLOSED
