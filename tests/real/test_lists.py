"""Debian's squid takes each list that `prober targets export --format squid` writes, without a word of complaint."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from prober.catalog import load, select
from prober.catalog.allow_list import allowed
from prober.catalog.export import ExportFormat, export
from prober.catalog.vocabulary import CLOUDS

from .programs import require
from .squid import PACKAGE

pytestmark = pytest.mark.real

CONFIGURATION = """
http_port 127.0.0.1:{port}
pid_filename {room}/squid.pid
acl to_defender dstdomain "{room}/list.txt"
acl leave_alone ssl::server_name "{room}/list.txt"
http_access allow to_defender
http_access deny all
ssl_bump splice leave_alone
ssl_bump bump all
"""


def complaints(room: Path, listed: str) -> list[str]:
    """What `squid -k parse` has against a list."""
    squid = require("squid", PACKAGE)
    (room / "list.txt").write_text(listed)
    configuration = room / "squid.conf"
    configuration.write_text(CONFIGURATION.format(room=room, port=3128))
    done = subprocess.run(
        [squid, "-k", "parse", "-f", str(configuration)], capture_output=True, text=True, timeout=60, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert any("Processing Configuration File" in line for line in lines), lines
    bad = [line for line in lines if any(word in line for word in ("WARNING", "ERROR", "FATAL", "Bungled"))]
    return bad + ([f"exit code {done.returncode}"] if done.returncode else [])


def test_squid_complains_of_what_is_wrong(tmp_path: Path) -> None:
    """The premise of the other tests."""
    assert complaints(tmp_path, ".a.example\nx.a.example\n")
    assert complaints(tmp_path, ".a.example\n.x.a.example\n")


@pytest.mark.parametrize("bypass", [False, True])
@pytest.mark.parametrize("cloud", [*CLOUDS, "all"])
def test_squid_takes_every_list(tmp_path: Path, cloud: str, bypass: bool) -> None:
    catalog = load()
    selection = select(catalog, cloud=cloud, required="all", placeholders={"workspace": ["contoso"]})
    rows = allowed(selection, inspection_bypass=bypass)
    assert rows
    assert complaints(tmp_path, export(ExportFormat.SQUID, rows)) == []


def test_squid_takes_an_empty_list(tmp_path: Path) -> None:
    assert [line for line in complaints(tmp_path, export(ExportFormat.SQUID, [])) if "empty" not in line.lower()] == []
