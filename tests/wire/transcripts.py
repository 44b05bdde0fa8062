"""Plays what a peer says to a layer in every way a network may cut it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from prober.model import Reason, Scheme, Target
from prober.wire.layer import NEED_MORE, Challenge, Done, Failed, Layer, LoginLayer, NotTls, Outcome

LOGIN = ("user", "pässword")
Cut = Callable[[bytes], list[bytes]]
"""Cuts one message into segments."""
Verdict = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """How a conversation ended."""

    sent: tuple[bytes, ...]
    """What the layer said before each message of the peer, and after the last one."""
    outcome: Outcome

    @property
    def verdict(self) -> Verdict:
        """The outcome without its text, which may show how much had arrived."""
        return verdict(self.outcome)


def target(
    scheme: Scheme = Scheme.HTTP,
    host: str = "host.test",
    port: int = 0,
    path: str = "/",
    method: str = "GET",
    expected: tuple[int, ...] = (),
) -> Target:
    """A target with nothing special about it; port 0 is the scheme's own."""
    chosen = port or (80 if scheme is Scheme.HTTP else 443)
    return Target(id="t", scheme=scheme, host=host, port=chosen, path=path, method=method, expected=expected)


def verdict(outcome: Outcome) -> Verdict:
    if isinstance(outcome, Done):
        return "done", outcome.leftover
    if isinstance(outcome, Failed):
        return "failed", outcome.reason, outcome.status
    if isinstance(outcome, NotTls):
        return "not-tls", outcome.looks_like_http
    if isinstance(outcome, Challenge):
        return "challenge", outcome.offered, outcome.reusable, outcome.refusal.reason
    return ("need more",)


def whole(message: bytes) -> list[bytes]:
    return [message]


def bytewise(message: bytes) -> list[bytes]:
    return [message[i : i + 1] for i in range(len(message))]


def splits(message: bytes) -> Iterator[list[bytes]]:
    """Two segments, at every boundary."""
    for at in range(1, len(message)):
        yield [message[:at], message[at:]]


def play(layer: Layer, messages: Sequence[Sequence[bytes]], *, login: bool = False) -> Played:
    """Each message is a list of segments, and comes when the layer had its say on the one before.

    Segments behind a Done are bytes of the layer above, so they count as leftover.
    """
    sent = [layer.start()]
    outcome: Outcome = NEED_MORE
    for message in messages:
        said = b""
        for index, segment in enumerate(message):
            out, outcome = layer.feed(segment)
            said += out
            if isinstance(outcome, Done):
                outcome = Done(outcome.leftover + b"".join(message[index + 1 :]))
            if outcome is not NEED_MORE:
                break
        if login and isinstance(outcome, Challenge):
            said += cast("LoginLayer", layer).login(*LOGIN)
            outcome = NEED_MORE
        sent.append(said)
        if outcome is not NEED_MORE:
            break
    return Played(tuple(sent), outcome)


def play_all_cuts(make: Callable[[], Layer], messages: Sequence[bytes], *, login: bool = False) -> Played:
    """Whole, split at every byte boundary, one byte at a time: the same verdict, the same bytes sent."""
    reference = play(make(), [[message] for message in messages], login=login)
    cuts = [[bytewise(message) for message in messages]]
    for index, message in enumerate(messages):
        for split in splits(message):
            cuts.append([[each] for each in messages])
            cuts[-1][index] = split
    for cut in cuts:
        played = play(make(), cut, login=login)
        assert played.verdict == reference.verdict, cut
        assert played.sent == reference.sent, cut
    return reference


def end_early(make: Callable[[], Layer], messages: Sequence[bytes], *, login: bool = False) -> set[Reason | str]:
    """Close after every prefix that does not settle it; returns how it was taken. `eof` always decides."""
    seen: set[Reason | str] = set()
    for index, message in enumerate(messages):
        before = [[each] for each in messages[:index]]
        for size in range(len(message)):
            layer = make()
            played = play(layer, [*before, [message[:size]]] if size else before, login=login)
            if played.outcome is not NEED_MORE:
                continue
            outcome = layer.eof()
            assert outcome is not NEED_MORE
            seen.add(outcome.reason if isinstance(outcome, Failed) else str(verdict(outcome)[0]))
    return seen


def reason_of(outcome: Outcome) -> Reason:
    assert isinstance(outcome, Failed), outcome
    return outcome.reason
