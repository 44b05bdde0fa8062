"""The process of a script, its end of the pipes without a process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.engine.pac import child, framing
from prober.engine.pac.child import ParentGone, Pipes, in_net, sorted_addresses


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    source, sink = os.pipe()
    yield source, sink
    for number in (source, sink):
        try:
            os.close(number)
        except OSError:  # the test closed it
            continue


def test_messages_there_and_back(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    pipes = Pipes(source, sink)
    pipes.write(framing.QUESTION, json.dumps("name"))
    pipes.write(framing.ANSWER, "{}")
    assert pipes.read() == (framing.QUESTION, "name")
    assert pipes.read() == (framing.ANSWER, {})
    os.close(sink)
    with pytest.raises(ParentGone):
        pipes.read()
    with pytest.raises(ParentGone):
        pipes.write(framing.ANSWER, "{}")


@pytest.mark.parametrize("data", [b"\x00", framing.HEAD.pack(4, b"S") + b"12", framing.HEAD.pack(1 << 31, b"S")])
def test_half_a_message_and_one_too_many(pipe: tuple[int, int], data: bytes) -> None:
    source, sink = pipe
    os.write(sink, data)
    os.close(sink)
    with pytest.raises(ParentGone):
        Pipes(source, -1).read()


def test_a_parent_that_wants_something_else_is_left(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    os.write(sink, framing.framed(framing.BATCH, b"{}"))
    child.serve(Pipes(source, -1))
    assert os.read(source, 0) == b""


def test_a_fault_of_its_own_is_told(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_: Pipes) -> Any:
        raise RuntimeError("unheard of")

    monkeypatch.setattr(child, "serve", serve)
    pipes = Pipes(*pipe)
    child._work(pipes)
    assert pipes.read() == (framing.BROKEN, "RuntimeError: unheard of")


@given(st.text(max_size=50), st.text(max_size=50), st.booleans())
def test_any_text_is_in_a_net_or_not(address: str, prefix: str, mapped: bool) -> None:
    assert in_net(address, prefix, mapped=mapped) in (True, False)


@given(st.lists(st.ip_addresses(), max_size=8))
def test_sorting_keeps_all_and_orders(addresses: list[Any]) -> None:
    text = sorted_addresses(";".join(map(str, addresses)))
    expected = sorted(addresses, key=lambda each: (-each.version, int(each)))
    assert text == ";".join(map(str, expected))


@given(st.text(max_size=50))
def test_any_text_is_sorted_or_not(text: str) -> None:
    assert isinstance(sorted_addresses(text), str)
