"""`prober lab` and `prober lab origin` as a user runs them: processes of their own."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

PROBER = [sys.executable, "-W", "error", "-m", "prober"]


@contextmanager
def running(*arguments: str, ready: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process of the lab once its ready file is there; killed at the end if it still runs."""
    process = subprocess.Popen(
        [*PROBER, *arguments, "--ready-file", str(ready)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"not ready: {process.communicate()}")
        yield process, json.loads(ready.read_text())
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    return process.returncode, output, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_lab_says_when_it_is_ready_serves_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "prober.yaml"
    with running("lab", "--write-config", str(config), ready=tmp_path / "ready") as (process, ready):
        assert ready["pid"] == process.pid
        assert ready["config"] == str(config)
        settings = yaml.safe_load(config.read_text())
        roots = Path(settings["trust"]["roots"][0]["file"])
        context = ssl.create_default_context(cafile=roots)
        client = http.client.HTTPSConnection("127.0.0.1", ready["ports"]["open"], context=context, timeout=10)
        client.set_tunnel("login.microsoftonline.com", 443)
        client.request("GET", "/")
        assert client.getresponse().headers["Server"] == "prober-lab"
        client.close()
        status, output, errors = ended(process, number)
    assert (status, errors) == (0, "")
    assert yaml.safe_load(output) == settings, "what is printed is a prober.yaml, comments included"
    assert "expired.lab.test" in output
    assert not roots.exists(), "its certificates are gone with it"


def test_the_interceptor_forges_as_the_product_asked_for(tmp_path: Path) -> None:
    config = tmp_path / "prober.yaml"
    arguments = ["lab", "--write-config", str(config), "--interceptor", "mitmproxy", "--directory", str(tmp_path)]
    with running(*arguments, ready=tmp_path / "ready") as (process, ready):
        context = ssl.create_default_context(cafile=tmp_path / "inspection-ca.pem")
        client = http.client.HTTPSConnection("127.0.0.1", ready["ports"]["inspected"], context=context, timeout=10)
        client.set_tunnel("login.microsoftonline.com", 443)
        client.connect()
        der = client.sock.getpeercert(binary_form=True)
        assert der is not None
        leaf = x509.load_der_x509_certificate(der)
        assert "CN=mitmproxy" in leaf.issuer.rfc4514_string()
        client.close()
        assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bare_origin_serves_from_as_many_processes_as_asked_for(tmp_path: Path, workers: int) -> None:
    root = tmp_path / "root.pem"
    arguments = ["lab", "origin", "--size", "5000", "--workers", str(workers), "--write-root", str(root)]
    with running(*arguments, ready=tmp_path / "ready") as (process, ready):
        context = ssl.create_default_context(cafile=root)
        for _ in range(4):
            client = http.client.HTTPSConnection(
                "localhost", ready["ports"]["bare-origin"], context=context, timeout=10
            )
            client.request("GET", "/")
            assert client.getresponse().read() == bytes(5000)
            client.close()
        status, output, errors = ended(process, signal.SIGTERM)
    assert (status, errors) == (0, "")
    assert f"{workers} process(es)" in output


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bare_origin_that_ends_with_its_input(workers: int) -> None:
    process = subprocess.Popen(
        [*PROBER, "lab", "origin", "--until-input-ends", "--workers", str(workers)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("origin on 127.0.0.1:")
    _, errors = process.communicate(timeout=30)  # closes its input
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("address", ["127.0.0.1:99999", ":80", "127.0.0.1:x"])
def test_an_address_that_is_none_is_a_usage_error(address: str) -> None:
    done = subprocess.run(
        [*PROBER, "lab", "origin", "--listen", address], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "127.0.0.1:8443" in done.stderr


def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    with running("lab", "origin", ready=tmp_path / "ready") as (_, ready):
        port = ready["ports"]["bare-origin"]
        done = subprocess.run(
            [*PROBER, "lab", "origin", "--listen", f"127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
