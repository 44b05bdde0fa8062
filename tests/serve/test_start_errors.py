"""What keeps it from starting: exit code 2 and a sentence that says what, where and what to do. Never a traceback."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import World


def test_address_in_use(world: World) -> None:
    world.configure()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serving = world.start(port=port)
        assert serving.ended() == 2
    assert serving.log.splitlines()[-1] == (
        f"error: cannot listen on 127.0.0.1:{port}: Address already in use: another program listens there: stop it, or "
        "choose another port"
    )
    assert serving.left() == []
    assert [path.name for path in world.folder.glob("prober.db*")] == ["prober.db"], "no -wal"


def test_the_state_file_is_another_probers(world: World) -> None:
    world.configure()
    first = world.start().ready()
    second = world.start()
    assert second.ended() == 2
    (said,) = second.log.splitlines()
    assert said.startswith("error: ")
    assert f"prober.db is in use by another process (process {first.pid})" in said
    assert "give one of them another serve.state" in said
    assert first.ask("/-/ready").status == 200


def no_folder(world: World) -> list[str]:
    return ["--state", str(world.folder / "nowhere" / "state.db")]


def no_file(world: World) -> list[str]:
    (world.folder / "state").mkdir()
    return ["--state", "state"]


def web_config(text: str) -> Callable[[World], list[str]]:
    def write(world: World) -> list[str]:
        (world.folder / "web.yml").write_text(text)
        return ["--web.config.file", "web.yml"]

    return write


def settings(text: str) -> Callable[[World], list[str]]:
    def write(world: World) -> list[str]:
        path: Path = world.folder / "prober.yaml"
        path.write_text(path.read_text() + text)
        return []

    return write


def options(*given: str) -> Callable[[World], list[str]]:
    return lambda _: list(given)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (no_folder, ["cannot be made: there is no directory", "create it, or set serve.state"]),
        (no_file, ["is no regular file: give serve.state the name of a file"]),
        (web_config("tls_server_config: {cert_file: no.pem, key_file: no.pem}\n"), ["no.pem"]),
        (web_config("basic_auth_users: {ops: secret}\n"), ["basic_auth_users", "bcrypt"]),
        (web_config("what: 1\n"), ["what"]),
        (settings("servce: {interval: 5}\nprobe_: 3\n"), ["servce", "did you mean serve", "probe_"]),
        (settings("select: {service: [NONE]}\n"), ["NONE"]),
        (options("--web.listen-address", "nowhere.invalid:80"), ["cannot listen on nowhere.invalid:80"]),
        (
            options("--web.listen-address", "127.0.0.1:http"),
            ["serve.listen: the port is not between 0 and 65535"],
        ),
        (options("--shard", "3/3"), ["--shard", "I counts from 0"]),
        (options("--state", "x.db", "--no-state"), ["--state, --no-state: give one of them"]),
        (options("--config", "gone.yaml"), ["gone.yaml: no such file"]),
    ],
)
def test_what_keeps_it_from_starting(world: World, prepare: Callable[[World], list[str]], said: list[str]) -> None:
    world.configure()
    serving = world.start(*prepare(world))
    assert serving.ended() == 2
    assert "Traceback" not in serving.log
    for words in said:
        assert words in serving.log
    assert all(line.startswith("error: ") for line in serving.log.splitlines())
    assert "secret" not in serving.log
    assert serving.left() == []
