"""A proxy's password stands where the operator put it and nowhere else: not even where a peer quotes it."""

from __future__ import annotations

import base64
import json
import signal
from pathlib import Path
from urllib.parse import quote

import psutil

from .conftest import World
from .stage import PASSWORD, USER

QUOTED = "p@ss/word:with%signs"
"""In the URL of a route whose proxy quotes whatever it is given."""
MODULE = "Bearer of-a-module-0123456789"


def spellings(user: str, password: str) -> list[str]:
    return [password, quote(password, safe=""), base64.b64encode(f"{user}:{password}".encode()).decode()]


def test_a_password_comes_out_nowhere(world: World) -> None:
    hq = world.stage.proxy("hq", login=True)
    echo = world.stage.echo()
    (world.folder / "password").write_text(PASSWORD + "\n")
    login = {"user": USER, "password_file": str(world.folder / "password")}
    settings = world.configure(
        routes={
            "direct": [],
            "hq": [{"url": f"http://127.0.0.1:{hq}", **login}],
            "echo": [{"url": f"http://{USER}:{quote(QUOTED, safe='')}@127.0.0.1:{echo}"}],
        },
        serve={"modules": {"web": {"prober": "http", "http": {"headers": {"Authorization": MODULE}}}},
               "allow_networks": ["127.0.0.0/8"]},
    )  # fmt: skip
    serving = world.start("-vv", "--log-format", "json", "--workers", "2").ready()
    samples = serving.seen()
    target = "contoso.web.a"
    assert samples.value("prober_target_reachable", target=target, route="hq") == 1.0, "the login works"
    serving.until(
        lambda: serving.scrape().value("prober_target_reachable", target=target, route="echo") == 0.0, "refused"
    )
    assert world.stage.echoed() > 0, "the login was given"
    paths = [
        "/metrics",
        "/",
        "/transitions",
        f"/pair?target={target}&route=echo",
        f"/pair?target={target}&route=hq",
        f"/api/v1/pairs/{target}/echo",
        f"/api/v1/pairs/{target}/hq",
        "/api/v1/pairs",
        "/api/v1/results",
        "/api/v1/transitions",
        "/api/v1/status",
        *(f"/probe?target={target}&module=web&debug=true&route={route}" for route in settings["routes"]),
    ]
    told = {path: serving.ask(path, timeout=30) for path in paths}
    assert {answer.status for answer in told.values()} == {200}, {path: each.status for path, each in told.items()}
    assert "403" in told[f"/api/v1/pairs/{target}/echo"].body
    # and what a reload says, good or bad
    world.rewrite({**settings, "nonsense": {"url": f"http://{USER}:{QUOTED}@x"}})
    told["reload"] = serving.ask("/-/reload", "POST", timeout=30)
    world.rewrite({**settings, "routes": {**settings["routes"], "bad": [{"url": f"htp://{USER}:{PASSWORD}@x:1"}]}})
    told["reload, a bad route"] = serving.ask("/-/reload", "POST", timeout=30)
    assert told["reload, a bad route"].status == 500
    outputs = {name: answer.body + json.dumps(dict(answer.headers)) for name, answer in told.items()}
    family = [psutil.Process(serving.pid), *serving.workers()]
    for process in family:
        outputs[f"arguments of {process.pid}"] = " ".join(process.cmdline())
        outputs[f"environment of {process.pid}"] = Path(f"/proc/{process.pid}/environ").read_text()
    outputs["state"] = state(world.folder)
    serving.signal(signal.SIGTERM)
    assert serving.ended() == 0
    outputs["state after the end"] = state(world.folder)
    outputs["stderr"] = serving.log
    assert "echo" in serving.log
    secrets = [*spellings(USER, PASSWORD), *spellings(USER, QUOTED), MODULE]
    found = [(name, secret) for name, text in outputs.items() for secret in secrets if secret in text]
    assert found == []


def state(folder: Path) -> str:
    """All octets of the state's files."""
    return "".join(path.read_bytes().decode("latin-1") for path in folder.glob("prober.db*"))
