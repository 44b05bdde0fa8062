"""Addresses, and which certificates each side comes with."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.cluster.authority import Role, make_certificates
from prober.cluster.errors import ClusterError
from prober.cluster.security import Place, parse_place, security_for


@pytest.mark.parametrize(
    ("text", "place", "url"),
    [
        ("tls://prober.corp", Place("tls", "prober.corp", 8786), "tls://prober.corp:8786"),
        ("tls://10.0.0.5:1", Place("tls", "10.0.0.5", 1), "tls://10.0.0.5:1"),
        ("tls://[fd00::1]:8786", Place("tls", "fd00::1", 8786), "tls://[fd00::1]:8786"),
        ("tcp://localhost", Place("tcp", "localhost", 8786), "tcp://localhost:8786"),
    ],
)
def test_an_address(text: str, place: Place, url: str) -> None:
    assert parse_place(text, "--scheduler") == place
    assert place.url == url


@pytest.mark.parametrize(
    "text", ["", "prober.corp:8786", "https://a", "tls://", "tls://a:b", "tls://a:99999", "tls://a/b", "tls://u@a"]
)
def test_no_address(text: str) -> None:
    with pytest.raises(ClusterError, match="--scheduler"):
        parse_place(text, "--scheduler")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_plain_tcp_stays_here(host: str) -> None:
    assert security_for(Place("tcp", host, 1), None, Role.CLIENT, "--scheduler") is None


@pytest.mark.parametrize("host", ["10.0.0.1", "0.0.0.0", "::", "prober.corp", "localhost.corp"])  # refused
def test_plain_tcp_goes_nowhere_else(host: str, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with pytest.raises(ClusterError, match="can run code"):
        security_for(Place("tcp", host, 1), tmp_path, Role.AGENT, "--scheduler")


def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    place = Place("tls", "prober.corp", 1)
    with pytest.raises(ClusterError, match="--tls DIR"):
        security_for(place, None, Role.CLIENT, "--scheduler")
    with pytest.raises(ClusterError) as missing:
        security_for(place, tmp_path, Role.CLIENT, "--scheduler")
    assert len(missing.value.errors) == 2
    make_certificates(tmp_path)
    (tmp_path / "client.pem").write_text("nothing")
    with pytest.raises(ClusterError, match="with its key"):
        security_for(place, tmp_path, Role.CLIENT, "--scheduler")
    assert security_for(place, tmp_path, Role.AGENT, "--scheduler").require_encryption


def test_certificates_that_have_ended(tmp_path: Path) -> None:
    make_certificates(tmp_path / "old", days=0)
    with pytest.raises(ClusterError) as caught:
        security_for(Place("tls", "10.0.0.1", 1), tmp_path / "old", Role.AGENT, "--scheduler")
    assert [error.rpartition(" ended on ")[0] for error in caught.value.errors] == [
        f"--tls: {tmp_path / 'old' / name}" for name in ("ca.pem", "agent.pem")
    ]
