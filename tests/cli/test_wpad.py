"""`prober routes wpad`: every place and what came of it, for people and for programs."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from .conftest import RunProber

SCRIPT = b'function FindProxyForURL(url, host) { return "DIRECT"; }'
DOMAIN = "dept.corp.example.com"


@contextmanager
def web(*, location: str = "", kind: str = "application/x-ns-proxy-autoconfig", only: str = "") -> Iterator[str]:
    """A web server on loopback as `127.0.0.1:PORT`: the script, or a redirect for /wpad.dat; `only` serves one host."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if only and self.headers["Host"] != only:
                self.send_error(404)
                return
            elsewhere = location and self.path == "/wpad.dat"
            self.send_response(302 if elsewhere else 200)
            if elsewhere:
                self.send_header("Location", location)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(SCRIPT)))
            self.end_headers()
            self.wfile.write(SCRIPT)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def script() -> Iterator[str]:
    with web() as place:
        yield place


@pytest.fixture
def nowhere() -> str:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


def test_a_script_is_found(prober: RunProber) -> None:
    with web(only="wpad.corp.example.com") as place:
        done = prober("routes", "wpad", DOMAIN, "--resolve", f"*={place}")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == f"WPAD in {DOMAIN} (organisation: example.com)"
    assert lines[2] == f"1 DNS http://wpad.{DOMAIN}/wpad.dat (inside)"
    assert lines[3] == "  at 127.0.0.1"
    assert lines[4].startswith("  pac-fetch-failed: ")
    assert "answered 404 instead of 200" in lines[4]
    assert lines[6] == "2 DNS http://wpad.corp.example.com/wpad.dat (inside)"
    assert lines[8].startswith("  script: 56 characters, iso8859-1, from 127.0.0.1:")
    assert lines[8].endswith("  <- taken")
    assert lines[-1].startswith("A device uses http://wpad.corp.example.com/wpad.dat: ")
    assert done.out.count("<- taken") == 1


def test_none_is_found(prober: RunProber, nowhere: str) -> None:
    done = prober("routes", "wpad", DOMAIN, "--resolve", f"*={nowhere}")
    assert done.code == 1
    assert done.out.count("ECONNREFUSED") == 3
    assert done.out.splitlines()[-1] == "No script (wpad-none): a device goes on with its other settings."


def test_for_programs(prober: RunProber, script: str) -> None:
    url = "http://u:secret@pac.example.com:8080/p.pac"
    done = prober(
        "routes", "wpad", DOMAIN, "--option-252", url, "--level", "3", "--resolve", f"*={script}", "--format", "json"
    )
    assert done.code == 0, done.err
    assert "secret" not in done.out + done.err
    document = json.loads(done.out)
    assert (document["domain"], document["level"], document["organisation"]) == (DOMAIN, 3, "example.com")
    assert [(each["origin"], each["host"], each["whose"], each["chosen"]) for each in document["candidates"]] == [
        ("dhcp", "pac.example.com", "inside", True),
        ("dns", f"wpad.{DOMAIN}", "inside", False),
        ("dns", "wpad.corp.example.com", "inside", False),
    ]
    assert document["not_asked"] == [
        {"host": "wpad.example.com", "why": "below the devolution level 3", "by_devices": False}
    ]
    assert document["script"]["url"] == "http://pac.example.com:8080/p.pac"
    assert document["script"]["fetched_from"] == script
    assert document["script"] == document["candidates"][0]["script"]
    assert document["failure"] is None
    assert document["findings"] == []


def test_none_for_programs(prober: RunProber, nowhere: str) -> None:
    done = prober("routes", "wpad", "example.com", "--resolve", f"*={nowhere}", "--format", "json")
    assert done.code == 1
    document = json.loads(done.out)
    assert document["script"] is None
    assert (document["failure"]["stage"], document["failure"]["reason"]) == ("config", "wpad-none")
    assert document["candidates"][0]["failure"]["reason"] == "pac-fetch-failed"


def test_a_foreign_answer_makes_the_exit_code_1(prober: RunProber) -> None:
    with web(location="http://pac.evil.net/p.pac") as place:
        done = prober("routes", "wpad", "example.com", "--resolve", f"*={place}")
        own = prober("routes", "wpad", "example.com", "--resolve", f"*={place}", "--own", "evil.net")
    assert done.code == 1
    assert "  high: " in done.out
    assert "[foreign-answer]" in done.out
    assert own.code == 0
    assert "redirected to http://pac.evil.net/p.pac" in own.out


def test_what_a_server_says_does_not_reach_the_terminal(prober: RunProber) -> None:
    with web(kind="text/\x1b[2J\x9b31m", location="http://a.example/\x1b]0;x\x07") as place:
        done = prober(
            "routes", "wpad", "example.com", "--resolve", f"*={place}", "--option-252", f"http://{place}/\u202e"
        )
    assert done.code == 1
    assert done.out.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["10.0.0.1"], "is an address"),
        (["corp"], "two labels at least"),
        (["a b.example"], "DNS name"),
        (["\x1b[2J.example"], "DNS name"),
        (["example.com", "--level", "1"], "2 at least"),
        (["example.com", "--own", "co.uk"], "co.uk is a public suffix"),
        (["example.com", "--resolve", "x"], "--resolve"),
        (["example.com", "--level", "many"], "level"),
        ([], "DOMAIN"),
    ],
)
def test_mistakes(prober: RunProber, arguments: list[str], said: str) -> None:
    done = prober("routes", "wpad", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.replace("\n", "").isprintable()
