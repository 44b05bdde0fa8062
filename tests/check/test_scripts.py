"""PAC scripts of a plan: fetched once, asked in batches, and what they resolve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from prober.check import scripts as module
from prober.check.scripts import ScriptKey, Scripts
from prober.engine.pac.answers import PacAnswer
from prober.engine.pac.sandbox import PacSandbox
from prober.model import Failure, Reason, Stage
from prober.routes.pac.reading import Reading
from tests.published import Published, published

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
A, B, C = (f"https://{letter}.contoso.test/" for letter in "abc")


@pytest.fixture
def pac() -> Iterator[Published]:
    with published() as server:
        yield server


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What each sandbox was asked."""
    found: list[list[str]] = []

    class Watched(PacSandbox):
        def evaluate(self, urls: Sequence[str], *, now: datetime | None = None) -> list[PacAnswer]:
            found.append(list(urls))
            return super().evaluate(urls, now=now)

    monkeypatch.setattr(module, "PacSandbox", Watched)
    return found


def key(script: str | None = None, **changes: object) -> ScriptKey:
    values = {
        "script": script, "domain": None, "option_252": None, "trust_roots": None, "my_addresses": (),
        "reading": Reading.CHROMIUM,
    }  # fmt: skip
    return ScriptKey(**values | changes)  # type: ignore[arg-type] # fields of a key


def results(answers: Failure | dict[str, PacAnswer]) -> dict[str, str | None]:
    assert not isinstance(answers, Failure), answers
    return {url: answer.result for url, answer in answers.items()}


def scripts(given: ModuleType, **overrides: object) -> Scripts:
    return Scripts(given.loaded({name.replace("__", "."): value for name, value in overrides.items()}), lambda: NOON)


def test_fetched_once_and_asked_in_one_go(given: ModuleType, pac: Published, batches: list[list[str]]) -> None:
    made, asked = scripts(given), key(pac.put("PROXY a:1"))
    assert results(made.ask(asked, [A, B, A])) == {A: "PROXY a:1", B: "PROXY a:1"}
    assert results(made.ask(asked, [B])) == {B: "PROXY a:1"}
    assert results(made.ask(asked, [A, C])) == {A: "PROXY a:1", C: "PROXY a:1"}
    assert batches == [[A, B], [C]]
    assert pac.asked == ["/proxy.pac"]


def test_another_reading_is_another_question_to_the_same_script(
    given: ModuleType, pac: Published, batches: list[list[str]]
) -> None:
    made, url = scripts(given), pac.put("DIRECT")
    made.ask(key(url), [A])
    made.ask(key(url, reading=Reading.WINHTTP), [A])
    made.ask(key(url, my_addresses=("10.1.1.1",)), [A])
    assert batches == [[A]] * 3
    assert pac.asked == ["/proxy.pac"]


def test_a_script_that_is_not_there_is_not_asked_for_twice(given: ModuleType, pac: Published) -> None:
    made = scripts(given)
    for _ in range(2):
        failure = made.ask(key(pac.url("/gone.pac")), [A])
        assert isinstance(failure, Failure)
        assert (failure.stage, failure.hop, failure.reason) == (Stage.CONFIG, 0, Reason.PAC_FETCH_FAILED)
        assert "404" in failure.detail
    assert pac.asked == ["/gone.pac"]


def test_a_file(given: ModuleType) -> None:
    Path("own.pac").write_text('function FindProxyForURL(url, host) { return "PROXY " + host + ":1"; }')
    assert results(scripts(given).ask(key("own.pac"), [A])) == {A: "PROXY a.contoso.test:1"}
    failure = scripts(given).ask(key("gone.pac"), [A])
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.PAC_FETCH_FAILED


def test_inputs_of_a_script(given: ModuleType, pac: Published) -> None:
    """Clock, own address and names: those of the device meant where they are given."""
    url = pac.put_script('return "PROXY " + myIpAddress() + ":" + new Date().getFullYear() + "; " + dnsResolve(host);')
    made = scripts(given, resolve={"a.contoso.test": "192.0.2.77"})
    assert results(made.ask(key(url, my_addresses=("10.1.2.3",)), [A])) == {A: "PROXY 10.1.2.3:2026; 192.0.2.77"}


def test_wpad(given: ModuleType, pac: Published) -> None:
    pac.put("PROXY w:1", "/wpad.dat")
    made = scripts(given, resolve={"*:80": f"127.0.0.1:{pac.port}"})
    assert results(made.ask(key(domain="lab.corp.example"), [A])) == {A: "PROXY w:1"}
    assert set(pac.asked) == {"/wpad.dat"}


def test_option_252_comes_first(given: ModuleType, pac: Published) -> None:
    pac.put("PROXY w:1", "/wpad.dat")
    told = pac.put("PROXY dhcp:1", "/told.dat")
    made = scripts(given, resolve={"*:80": f"127.0.0.1:{pac.port}"})
    assert results(made.ask(key(domain="corp.example", option_252=told), [A])) == {A: "PROXY dhcp:1"}


def test_no_wpad(given: ModuleType, pac: Published) -> None:
    made = scripts(given, resolve={"*:80": f"127.0.0.1:{pac.port}"})
    failure = made.ask(key(domain="corp.example"), [A])
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == (Stage.CONFIG, Reason.WPAD_NONE)


def test_remarks_become_warnings(given: ModuleType) -> None:
    file = Path("own.pac")
    file.write_text('function FindProxyForURL(url, host) { return "DIRECT"; }')
    made = scripts(given)
    made.ask(key(file.resolve().as_uri()), [A])
    (warning,) = made.warnings
    assert warning.startswith(f"PAC {file.resolve().as_uri()}: Windows takes no PAC address that begins with file:")
