"""The functions that scripts may call, in the process where scripts run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

import pytest

from prober.engine.pac.answers import PacAnswer
from prober.engine.pac.names import table
from prober.engine.pac.sandbox import PacSandbox
from prober.routes.pac.reading import Reading
from tests.engine.pac.vectors import ADDRESSES, ALL, DIFFERENT, DNS, NOON, THROWING, Vector

ECHO = """
function FindProxyForURL(url, host) {
  return "" + eval(decodeURIComponent(url.slice(url.indexOf("/", 8) + 1)));
}
"""


class Asker:
    """Evaluates expressions; those of one moment in one run."""

    def __init__(self) -> None:
        now = datetime.fromisoformat(NOON)
        self.sandboxes = {
            reading: PacSandbox(ECHO, now=now, resolve=table(DNS), my_addresses=ADDRESSES, reading=reading)
            for reading in Reading
        }
        self.known: dict[tuple[Reading, Vector], PacAnswer] = {}

    def learn(self, vectors: list[Vector]) -> None:
        moments: defaultdict[str, list[Vector]] = defaultdict(list)
        for vector in vectors:
            moments[vector.now].append(vector)
        for reading, sandbox in self.sandboxes.items():
            for moment, some in moments.items():
                urls = ["http://x/" + quote(vector.expression, safe="") for vector in some]
                answers = sandbox.evaluate(urls, now=datetime.fromisoformat(moment))
                self.known |= {(reading, vector): answer for vector, answer in zip(some, answers, strict=True)}

    def answer(self, reading: Reading, vector: Vector) -> PacAnswer:
        if (reading, vector) not in self.known:
            self.learn([*ALL, *THROWING, *(Vector(expression, "") for expression, _ in DIFFERENT)])
        return self.known[reading, vector]


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    asker = Asker()
    yield asker
    for sandbox in asker.sandboxes.values():
        sandbox.close()


def named(vector: Vector) -> str:
    return f"{vector.expression.encode('ascii', 'backslashreplace').decode()} {vector.now}"


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("vector", ALL, ids=named)
def test_a_function(asker: Asker, vector: Vector, reading: Reading) -> None:
    answer = asker.answer(reading, vector)
    assert (answer.result, answer.failure) == (vector.expected, None)


@pytest.mark.parametrize("vector", THROWING, ids=named)
def test_a_function_that_throws(asker: Asker, vector: Vector) -> None:
    failure = asker.answer(Reading.CHROMIUM, vector).failure
    assert failure is not None
    assert failure.detail.startswith(f"FindProxyForURL threw {vector.expected}")


@pytest.mark.parametrize(("expression", "expected"), DIFFERENT)
def test_where_readings_differ(asker: Asker, expression: str, expected: dict[Reading, str]) -> None:
    found = {reading: asker.answer(reading, Vector(expression, "")).result for reading in Reading}
    assert found == expected


def test_there_are_enough_of_them() -> None:
    assert len({*ALL, *THROWING}) + len(DIFFERENT) > 200
