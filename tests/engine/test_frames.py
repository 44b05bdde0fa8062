"""Messages between processes, however the pipe cuts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.engine.frames import Frames, frame

MESSAGES = st.lists(st.one_of(st.integers(), st.binary(max_size=40), st.tuples(st.text(max_size=5), st.none())))


@given(MESSAGES, st.lists(st.integers(1, 50)))
def test_they_arrive_whole_and_in_order(messages: list[object], cuts: list[int]) -> None:
    data = b"".join(map(frame, messages))
    frames, arrived = Frames(), list[object]()
    for cut in cuts:
        arrived += frames.feed(data[:cut])
        data = data[cut:]
    arrived += frames.feed(data)
    assert arrived == messages
    assert list(frames.feed(frame("next"))) == ["next"]


def test_bytes_one_by_one() -> None:
    frames = Frames()
    arrived = [message for byte in frame(["a", 1]) + frame(None) for message in frames.feed(bytes([byte]))]
    assert arrived == [["a", 1], None]


def test_who_stops_reading_messages_loses_none() -> None:
    """A reader that breaks at one message finds the next ones where they were."""
    frames = Frames()
    first = next(iter(frames.feed(frame(1) + frame(2) + frame(3)[:3])))
    assert first == 1
    assert list(frames.feed(frame(3)[3:])) == [2, 3]


def test_a_length_nobody_sends_is_an_error() -> None:
    with pytest.raises(ValueError, match="something else has written"):
        list(Frames().feed(b"HTTP/1.1 400 Bad Request"))
