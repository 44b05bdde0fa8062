"""Every `prober …` that the documents show is one that the program understands: no option is invented, no word unknown,
and nothing is wrong before the network is asked."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from prober.bench.saved import load
from prober.cli import bench
from prober.cli.main import app

from ..diff.made import failed, result, saved
from .pipelines import EXPRESSION, commands_of, documents

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ("docs/pre-change.md", "docs/diff.md", "docs/reports.md", "README.md")
CHANGE: Final = (ROOT / PAGES[0]).read_text(encoding="utf-8")
KNOWN: Final = {"matrix.egress": "paris", "matrix.proxy": "http://10.10.0.16:8080", "EGRESS": "paris",
                "PROXY": "http://10.10.0.16:8080"}  # fmt: skip
REST: Final = re.compile(r"\s*(\||>>?|&&|  #).*$")
"""What belongs to the shell."""


def shown() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for command in commands_of((ROOT / page).read_text(encoding="utf-8")):
            yield page, command


def argv(command: str) -> list[str]:
    """The words that the program would get, with a runner's variables filled in."""
    filled = EXPRESSION.sub(lambda found: KNOWN[found[1]], REST.sub("", command))
    filled = re.sub(r"\$(\w+)", lambda found: KNOWN[found[1]], filled)
    words = shlex.split(filled)
    assert words[0] == "prober"
    return [each for word in words[1:] for each in _expanded(word)]


def _expanded(word: str) -> list[str]:
    """As the shell does it: two files for a pattern."""
    return [word.replace("*", name) for name in ("lyon", "paris")] if "*" in word and "=" not in word else [word]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the commands name."""
    for side, made in (("before", result), ("after", failed)):
        for name, egress in (("", "paris"), ("-paris", "paris"), ("-lyon", "lyon")):
            saved(tmp_path / f"{side}{name}.json", [made("a.example", egress=egress)], egress)
            data = (tmp_path / f"{side}{name}.json").read_bytes()
            (tmp_path / f"{side}{name}.json.zst").write_bytes(data)  # by its content, not by its name
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
        for egress in ("lyon", "paris"):
            data = (tmp_path / f"{folder}-{egress}.json").read_bytes()
            (tmp_path / folder / f"{egress}.json").write_bytes(data)
    for name, source in (("paris.json", "before-paris.json"), ("lyon.json", "before-lyon.json")):
        (tmp_path / name).write_bytes((tmp_path / source).read_bytes())
    (tmp_path / "edr.reg").write_text("Windows Registry Editor Version 5.00\n")
    (tmp_path / "netsh.txt").write_text("Current WinHTTP proxy settings:\n\n    Direct access (no proxy server).\n")
    monkeypatch.chdir(tmp_path)
    loaded = load(ROOT / "docs" / "bench-example.json.zst")
    monkeypatch.setattr(bench, "carry_out", lambda *_, **__: loaded)  # the machines that examples name are not ours
    return tmp_path


@pytest.mark.parametrize(("page", "command"), list(shown()))
def test_every_command_of_the_documents_is_understood(page: str, command: str, place: Path) -> None:
    words = [word.replace("/var/lib/prober", str(place)) for word in argv(command)]
    if words[0] == "check":
        words.append("--dry-run")
    elif words[0] == "serve":  # which would not end
        words[:1] = ["config", "check"]
    environ = {name: "" for name in os.environ if name.startswith("PROBER_")}
    done = CliRunner().invoke(app, words, env=environ)
    assert done.exception is None or isinstance(done.exception, SystemExit), f"{command}: {done.exception!r}"
    assert done.exit_code in (0, 1), f"{page}: {command} ended with {done.exit_code}: {done.stderr}"


def test_there_is_something_to_look_at() -> None:
    found = list(shown())
    assert len(found) > 25
    assert sum(page == PAGES[0] for page, _ in found) >= 14
    assert {argv(command)[0] for page, command in found if page == PAGES[0]} == {"check", "diff", "merge"}


def test_an_invented_option_would_be_noticed(place: Path) -> None:
    assert CliRunner().invoke(app, argv("prober check --aganist before.json --dry-run")).exit_code == 2
    assert CliRunner().invoke(app, argv("prober diff before.json after.json --format pdf")).exit_code == 2


def test_the_pipeline_of_github() -> None:
    """A job with a matrix; steps with one of `run` and `uses`; what is uploaded is what was written."""
    workflow: dict[Any, Any] = dict(documents(CHANGE)[0])
    assert workflow[True] == "workflow_dispatch", "in YAML 1.1 `on` is a word for true"
    (job,) = workflow["jobs"].values()
    assert {each["egress"] for each in job["strategy"]["matrix"]["include"]} == {"paris", "lyon"}
    assert set(EXPRESSION.findall(CHANGE)) <= set(KNOWN)
    for step in job["steps"]:
        assert len({"run", "uses"} & set(step)) == 1
    first, then, upload = job["steps"]
    assert "\n" not in first["run"].strip(), "one line, folded"
    written = " ".join((first["run"], then["run"]))
    for path in upload["with"]["path"].split():
        assert path in written
    assert then["if"] == upload["if"] == "always()"


def test_the_pipeline_of_gitlab() -> None:
    """Every job has a stage that is listed, extends and needs jobs that are there; artifacts are what scripts write."""
    pipeline: dict[str, Any] = documents(CHANGE)[1]
    stages = pipeline.pop("stages")
    for name, job in pipeline.items():
        whole = {**pipeline.get(job.get("extends", ""), {}), **job}
        assert whole["stage"] in stages
        assert set(whole) <= {"stage", "script", "before_script", "artifacts", "extends", "tags", "variables", "when", "needs"}  # fmt: skip # noqa: E501 # the keys in a row
        assert "extends" not in job or job["extends"] in pipeline
        for needed in job.get("needs", ()):
            assert needed["job"] in pipeline
        if not name.startswith("."):
            assert all(isinstance(line, str) and "\n" not in line.strip() for line in whole["script"])
