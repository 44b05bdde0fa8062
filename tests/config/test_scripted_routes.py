"""Routes that a PAC script decides, in prober.yaml and by --via."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.config import ConfigErrors, load
from prober.model import Route
from prober.routes.pac.reading import Reading
from prober.routes.rules import ScriptedRoute


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("p.pac", "corp.pem"):
        (tmp_path / name).touch()


def write(routes: str) -> Path:
    file = Path("prober.yaml")
    file.write_text(f"routes:\n  direct: []\n  hq: {routes}\n")
    return file


def errors(routes: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(write(routes), {}, {})
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{pac: 'http://px/p.pac'}", ScriptedRoute("hq", script="http://px/p.pac")),
        (
            "{pac: p.pac, reading: winhttp, my_ip: [10.1.2.3, '2001:db8::7'], trust_roots: corp.pem}",
            ScriptedRoute(
                "hq", script="p.pac", reading=Reading.WINHTTP, my_addresses=("10.1.2.3", "2001:db8::7"),
                trust_roots="corp.pem",
            ),
        ),
        ("{wpad: .Corp.Example}", ScriptedRoute("hq", domain="corp.example")),
        (
            "{wpad: corp.example, option_252: 'http://px/w.dat', reading: chromium}",
            ScriptedRoute("hq", domain="corp.example", option_252="http://px/w.dat"),
        ),
    ],
)  # fmt: skip
def test_in_the_file(text: str, expected: ScriptedRoute) -> None:
    loaded = load(write(text), {}, {})
    assert loaded.routes == (Route("direct"), expected)
    assert loaded.routes_given is False


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("{pac: 'ftp://px/p.pac'}", ["hq.pac: a PAC script is fetched by http:// or https://, or read from a file"]),
        ("{pac: ''}", ["hq.pac: "]),
        ("{wpad: corp}", ["hq.wpad: WPAD looks in a domain of two labels at least, such as corp.example"]),
        ("{pac: p.pac, reading: firefox}", ["hq.reading: "]),
        ("{pac: p.pac, my_ip: [10.0.0.300]}", ['hq.my_ip: "10.0.0.300" is not an IP address']),
        ("{pac: p.pac, my_ip: 10.0.0.3}", ["hq.my_ip: "]),
        ("{pac: p.pac, option_252: x}", ["hq.option_252: "]),
        ("{pac: p.pac, wpad: corp.example}", ["hq.pac: "]),
        ("{pac: p.pac, raeding: winhttp}", ["hq.raeding: "]),
        ("{reading: winhttp}", ["hq.pac: "]),
        ("{pac: 'ftp://x', my_ip: [x], raeding: y}", ["hq.pac: ", "hq.my_ip: ", "hq.raeding: "]),
    ],
)
def test_what_is_wrong_has_its_line(text: str, sentences: list[str]) -> None:
    found = errors(text)
    assert len(found) == len(sentences), found
    for sentence in sentences:
        assert [each for each in found if each.startswith(f"prober.yaml:3: routes.{sentence}")], found


@pytest.mark.parametrize("name", ["direct", "env"])
def test_names_that_are_taken(name: str) -> None:
    Path("prober.yaml").write_text(f"routes: {{{name}: {{pac: p.pac}}}}\n")
    with pytest.raises(ConfigErrors) as caught:
        load(Path("prober.yaml"), {}, {})
    assert f'the name "{name}" is taken' in str(caught.value.errors[0])


def test_by_option_and_by_name() -> None:
    file = write("{pac: p.pac, reading: winhttp}")
    loaded = load(file, {}, {}, via=["hq", "de=wpad:corp.example", "pac+q.pac"])
    assert loaded.routes == (
        Route("direct"),
        ScriptedRoute("hq", script="p.pac", reading=Reading.WINHTTP),
        ScriptedRoute("de", domain="corp.example"),
        ScriptedRoute("pac", script="q.pac"),
    )
    assert loaded.routes_given is True


def test_a_script_is_a_route_without_direct() -> None:
    assert [rule.name for rule in load(write("{pac: p.pac}"), {}, {}, no_direct=True).routes] == ["hq"]


def test_two_routes_of_one_name() -> None:
    with pytest.raises(ConfigErrors):
        load(None, {}, {}, via=["pac+p.pac", "pac+q.pac"])
