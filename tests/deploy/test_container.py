"""The container file, as far as it can be read without building: no root, no build tools, only what is needed."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from prober.config import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "container"
FILE = FOLDER / "Containerfile"
TEXT = FILE.read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its argument, lines joined, comments dropped."""
    lines = [line for line in TEXT.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        (word.upper(), rest) for line in joined.splitlines() if line.strip() for word, _, rest in [line.partition(" ")]
    ]


def stages() -> list[list[tuple[str, str]]]:
    """Instructions by stage; what stands before the first FROM is left out."""
    found: list[list[tuple[str, str]]] = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def only(word: str) -> str:
    [argument] = [rest for each, rest in stages()[-1] if each == word]
    return argument


def test_two_stages_and_the_last_has_no_source_and_no_pip() -> None:
    build, final = stages()
    assert build[0][1].endswith(" AS build")
    assert "AS" not in final[0][1].split()
    assert all(rest.startswith("python:") for word, rest in (build[0], final[0]))
    copies = [rest for word, rest in final if word == "COPY"]
    assert copies == ["--from=build /opt/prober /opt/prober"]
    assert "pip uninstall" in only("RUN")
    assert not re.search(r"apt-get|gcc|curl|pip install", only("RUN"))
    assert not [rest for word, rest in build + final if word == "ADD"]


def test_nobody_is_root_and_the_user_is_a_number() -> None:
    user = only("USER")
    assert re.fullmatch(r"\d+:\d+", user)
    assert int(user.split(":")[0]) >= 10_000
    words = [word for word, _ in stages()[-1]]
    assert "RUN" not in words[words.index("USER") :], "nothing is done as that user while building"
    assert f"-o {user.split(':')[0]}" in only("RUN"), "the state directory is its own"


def test_it_starts_serve_with_settings_that_are_ours(tmp_path: Path) -> None:
    environ = dict(re.findall(r"(\w+)=(\S+)", only("ENV")))
    mine = {name: value for name, value in environ.items() if name.startswith("PROBER_")}
    (tmp_path / "prober.yaml").write_text("{}\n")
    loaded = load(tmp_path / "prober.yaml", mine, {})
    assert not loaded.warnings
    assert loaded.settings.serve.listen == "0.0.0.0:9464"
    assert loaded.settings.serve.state == "/var/lib/prober/prober.db"
    assert mine["PROBER_LOG_FORMAT"] == "json"
    assert json.loads(only("ENTRYPOINT")) == ["prober"]
    assert json.loads(only("CMD"))[0] == "serve"
    assert only("WORKDIR") == "/var/lib/prober"
    assert only("EXPOSE") == "9464"


def test_labels_and_health() -> None:
    labels = dict(re.findall(r'(org\.opencontainers\.image\.\w+)="([^"]*)"', only("LABEL")))
    assert set(labels) >= {
        f"org.opencontainers.image.{each}" for each in ("title", "description", "licenses", "version")
    }
    command = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    assert command == ["/opt/prober/bin/python", "/opt/prober/healthy.py"]
    assert ("COPY", "deploy/container/healthy.py /opt/prober/healthy.py") in stages()[0]


def test_what_is_copied_is_in_the_context_and_nothing_else_is() -> None:
    """The ignore file begins with everything and lets in what COPY names."""
    ignored = [
        line for line in FILE.with_name("Containerfile.dockerignore").read_text().splitlines() if line[:1] != "#"
    ]
    assert ignored[0] == "**"
    let_in = {line[1:].removesuffix("/**") for line in ignored if line.startswith("!")}
    sources = {
        source.removeprefix("./")
        for word, rest in stages()[0]
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert sources == let_in
    assert all((ROOT / source).exists() for source in sources)
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for needed in re.findall(r'readme = "(.+)"|license-files = \["(.+)"\]|^"(targets)" =', pyproject, re.MULTILINE):
        assert any(name in sources for name in needed), "the wheel is built from it"


class Answers(http.server.BaseHTTPRequestHandler):
    """200 at /-/healthy, 503 elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/-/healthy" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name is the base class's
        pass


@pytest.fixture
def server() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://127.0.0.1:{}/-/healthy", 0),
        ("http://127.0.0.1:{}/else", 1),
        ("ftp://127.0.0.1:{}/", 1),
        ("nonsense", 1),
    ],
)
def test_the_health_check_says_what_the_server_says(server: int, url: str, status: int) -> None:
    """Also where a proxy is configured that would lead elsewhere."""
    environ = {
        **os.environ,
        "HEALTH_URL": url.format(server),
        "http_proxy": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }
    done = subprocess.run(
        [sys.executable, FOLDER / "healthy.py"], env=environ, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == status


class Silent(socketserver.BaseRequestHandler):
    """Accepts a connection and says nothing: a process that hangs."""

    def handle(self) -> None:
        self.request.recv(65_536)
        self.request.recv(1)  # until the client gives up


def tls_server(*, client: bool, newest: ssl.TLSVersion) -> ssl.SSLContext:
    """A server's side of TLS with a certificate that nobody knows; `client` is whether it requires one."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    authority.issue_cert("prober.example").configure_cert(context)
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    return context


@contextlib.contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Quiet(http.server.ThreadingHTTPServer):
    """Handshakes that fail are what is tested."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


def checked(port: int, path: str = "/-/healthy") -> int:
    environ = {**os.environ, "HEALTH_URL": f"https://127.0.0.1:{port}{path}"}
    done = subprocess.run(
        [sys.executable, FOLDER / "healthy.py"], env=environ, capture_output=True, timeout=30, check=False
    )
    return done.returncode


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("client", [False, True], ids=["no client certificate", "client certificate required"])
def test_the_health_check_over_tls(client: bool, newest: ssl.TLSVersion) -> None:
    """A server that wants a certificate is alive, but one that answers with trouble is not healthy."""
    server = Quiet(("127.0.0.1", 0), Answers)
    context = tls_server(client=client, newest=newest)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with running(server):
        assert checked(server.server_port) == 0
        assert checked(server.server_port, "/else") == (0 if client else 1), "no answer is seen without a certificate"


def test_the_health_check_of_a_process_that_hangs_fails_over_tls() -> None:
    server = socketserver.TCPServer(("127.0.0.1", 0), Silent)
    with running(server):
        assert checked(server.server_address[1]) == 1


def test_the_health_check_of_something_without_tls_fails(server: int) -> None:
    assert checked(server) == 1


def test_the_health_check_of_nobody_fails() -> None:
    environ = {**os.environ, "HEALTH_URL": "http://127.0.0.1:1/-/healthy"}
    done = subprocess.run(
        [sys.executable, FOLDER / "healthy.py"], env=environ, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert b"not healthy" in done.stderr
