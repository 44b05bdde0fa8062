from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from prober.cli.init import init, template
from prober.config import ConfigErrors, Settings, load
from prober.model import Route

app = typer.Typer()
app.command()(init)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_it_writes_loads_and_changes_nothing() -> None:
    assert CliRunner().invoke(app, []).exit_code == 0
    loaded = load(None, {}, {})
    assert loaded.file == "prober.yaml"
    assert loaded.routes == (Route("direct"),)
    assert loaded.settings.model_copy(update={"routes": {}}) == Settings()
    assert loaded.warnings == ()


def test_with_every_comment_sign_removed_it_states_the_defaults() -> None:
    Path("prober.yaml").write_text(re.sub(r"^#(?!#)", "", template(), flags=re.MULTILINE))
    Path("corp.pem").write_text("")
    with pytest.raises(ConfigErrors) as caught:
        load(None, {}, {})
    assert [error.path for error in caught.value.errors] == ["routes.hq[0].password_file"]
    loaded = load(None, {"PROBER_PROXY_PASSWORD_HQ_1": "x"}, {})
    assert [rule.name for rule in loaded.routes] == ["direct", "hq", "two"]
    assert loaded.settings.model_copy(update={"routes": {}}) == Settings(egress="paris")
    assert {origin.partition(" ")[0] for key, origin in loaded.origin.items()} == {"file"}


def test_it_does_not_overwrite_unless_told_to() -> None:
    Path("prober.yaml").write_text("mine")
    refused = CliRunner().invoke(app, [])
    assert refused.exit_code == 2
    assert refused.stderr == "error: prober.yaml is there already: --force replaces it\n"
    assert Path("prober.yaml").read_text() == "mine"
    assert CliRunner().invoke(app, ["--force"]).exit_code == 0
    assert Path("prober.yaml").read_text() == template()


def test_where_it_cannot_write() -> None:
    refused = CliRunner().invoke(app, ["gone/prober.yaml"])
    assert refused.exit_code == 2
    assert refused.stderr == "error: gone/prober.yaml cannot be written: No such file or directory\n"
