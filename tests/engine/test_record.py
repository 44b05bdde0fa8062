from __future__ import annotations

import pytest

from prober.engine import record as module
from prober.engine.record import Record
from prober.model import Failure, Reason, Stage
from prober.wire.connect import Connect
from prober.wire.exchange import Exchange
from prober.wire.socks import Socks5
from prober.wire.stack import Rung, Stack

from .peers import OPENED, response
from .world import hop, route, target

AIM = target(80, "http")
WAY = route(hop(8080, host="first.test"), hop(1080, "socks5h", "second.test"))


def stack() -> Stack:
    """CONNECT, SOCKS 5, a request in the clear: no TLS, so that the bytes are plain."""
    return Stack(
        [
            Rung(Connect("second.test:1080", user_agent="t", can_login=True), Stage.PROXY, 1),
            Rung(Socks5("origin.example.com", 80), Stage.PROXY, 2),
            Rung(Exchange(AIM, user_agent="t", via_proxy=True), Stage.HTTP, 0),
        ],
        last_hop=2,
    )


class Clock:
    """Seconds that pass only when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 100.0
        monkeypatch.setattr(module, "now", lambda: self.at)

    def connected(self) -> Record:
        """A record whose connection took 2 s after 1 s of DNS."""
        record = Record(AIM, WAY, 1_790_000_000.0, started=self.at)
        record.dns[1] = 1.0
        record.connect = 2.0
        record.connections = 1
        self.at += 3.0
        record.stack = stack()
        record.reached = [self.at]
        record.stack.start()
        return record

    def feed(self, record: Record, data: bytes, after: float) -> None:
        """The peer says this so much later."""
        self.at += after
        assert record.stack is not None
        before = record.stack.position
        record.stack.receive(data)
        record.note_progress(before)


SOCKS_OPENED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_each_span_stands_where_it_was_spent(clock: Clock) -> None:
    record = clock.connected()
    clock.feed(record, OPENED, 3)
    clock.feed(record, b"\x05\x00", 1)
    clock.feed(record, SOCKS_OPENED, 3)
    clock.feed(record, b"HTTP/1.1 ", 8)
    clock.feed(record, b"204 No Content\r\n\r\n", 16)
    clock.at += 32
    observation = record.observation()
    timings = observation.timings
    assert observation.failure is None
    assert [(each.dns, each.connect, each.tls, each.negotiate) for each in timings.hops] == [
        (1.0, 2.0, None, 3.0),
        (None, None, None, 4.0),
    ]
    assert (timings.dns, timings.connect, timings.tls) == (None, None, None)
    assert timings.ttfb == 8.0
    assert timings.total == 3 + 3 + 4 + 8 + 16 + 32
    assert observation.http is not None
    assert observation.http.status == 204
    assert [facts.status for facts in observation.hops] == [200, 0]


def test_everything_in_one_piece(clock: Clock) -> None:
    record = clock.connected()
    clock.feed(record, OPENED + b"\x05\x00" + SOCKS_OPENED + response("200 OK"), 1)
    timings = record.observation().timings
    assert [each.negotiate for each in timings.hops] == [1.0, 0.0]
    assert timings.ttfb == 0.0


def test_without_a_connection_there_are_no_spans(clock: Clock) -> None:
    record = Record(AIM, WAY, 0.0, started=clock.at)
    clock.at += 1
    observation = record.observation()
    assert observation.timings.total == 1.0
    assert [(each.connect, each.negotiate) for each in observation.timings.hops] == [(None, None)] * 2
    assert observation.attempts == 1
    assert [facts.login for facts in observation.hops] == ["none", "none"]


def test_the_first_failure_stands(clock: Clock) -> None:
    record = Record(AIM, WAY, 0.0)
    record.stage, record.hop = Stage.CONNECT, 1
    record.fail(Reason.TCP_REFUSED, "first")
    record.fail(Reason.TCP_RESET, "second", Stage.TLS, 0)
    record.expire(10)
    assert record.observation().failure == Failure(Stage.CONNECT, 1, Reason.TCP_REFUSED, "first")


@pytest.mark.parametrize(
    ("stage", "hop_number", "reason", "words"),
    [
        (Stage.DNS, 0, Reason.DNS_TIMEOUT, "resolving the name of origin.example.com:80"),
        (Stage.DNS, 1, Reason.DNS_TIMEOUT, "resolving the name of hop 1 (http://first.test:8080)"),
        (Stage.CONNECT, 1, Reason.TCP_TIMEOUT, "connecting to hop 1 (http://first.test:8080)"),
    ],
)
def test_a_deadline_before_the_connection(stage: Stage, hop_number: int, reason: Reason, words: str) -> None:
    record = Record(AIM, WAY, 0.0)
    record.stage, record.hop = stage, hop_number
    record.expire(2.5)
    assert record.failure == Failure(stage, hop_number, reason, f"no end after 2.5 s while {words}")


def test_a_deadline_inside_each_layer(clock: Clock) -> None:
    said = [OPENED, b"\x05\x00" + SOCKS_OPENED]
    expected = [
        (Stage.PROXY, 1, Reason.PROXY_TIMEOUT, "waiting for hop 1 (http://first.test:8080) to open the way"),
        (Stage.PROXY, 2, Reason.PROXY_TIMEOUT, "waiting for hop 2 (socks5h://second.test:1080) to open the way"),
        (Stage.HTTP, 0, Reason.HTTP_TIMEOUT, "waiting for the answer of origin.example.com:80"),
    ]
    for done, (stage, number, reason, words) in enumerate(expected):
        record = clock.connected()
        for data in said[:done]:
            clock.feed(record, data, 1)
        record.expire(10)
        failure = record.observation().failure
        assert failure == Failure(stage, number, reason, f"no end after 10 s while {words}")


def test_a_deadline_after_the_end_changes_nothing(clock: Clock) -> None:
    record = clock.connected()
    clock.feed(record, OPENED + b"\x05\x00" + SOCKS_OPENED + response("200 OK"), 1)
    record.expire(10)
    assert record.observation().failure is None


def test_the_demand_for_a_login_is_kept(clock: Clock) -> None:
    record = clock.connected()
    record.refused_anonymous = Failure(Stage.PROXY, 2, Reason.PROXY_AUTH_REQUIRED, "407", 407)
    clock.feed(record, OPENED + b"\x05\x00" + SOCKS_OPENED + response("200 OK"), 1)
    failure = record.observation().failure
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason, failure.status) == ("proxy", 2, "proxy-auth-required", 407)
    assert failure.detail.startswith("407; with the login of this route the target was reached")


def test_the_demand_is_kept_with_what_followed(clock: Clock) -> None:
    record = clock.connected()
    record.refused_anonymous = Failure(Stage.PROXY, 2, Reason.PROXY_AUTH_REQUIRED, "4" * 900, 407)
    record.expire(1)
    failure = record.observation().failure
    assert failure is not None
    assert failure.reason is Reason.PROXY_AUTH_REQUIRED
    assert len(failure.detail) == 600


def test_hops_without_ipv4_are_told_once(clock: Clock) -> None:
    record = Record(AIM, WAY, 0.0)
    record.ipv6_only = (2, 0, 2)
    assert record.observation().ipv6_only == (0, 2)


def test_schemes_on_offer_outlive_their_connection(clock: Clock) -> None:
    record = clock.connected()
    record.offered = {2: ("basic", "ntlm")}
    assert [facts.offered for facts in record.observation().hops] == [(), ("basic", "ntlm")]
