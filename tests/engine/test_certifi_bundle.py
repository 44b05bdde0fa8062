"""certifi's bundle as people leave it: with their inspecting proxy's root appended, or another store in its place."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import certifi
import pytest

from prober.engine import stores
from prober.engine.stores import machine_roots, mozilla_roots
from prober.interception.anchors import certificates_in, mozilla_digests
from prober.interception.trust import TrustStore
from prober.model import Anchor

from .test_stores import NOW, chain_of
from .world import authority

RELEASED = Path(certifi.where()).read_bytes()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    for known in (stores._certifi, machine_roots, mozilla_roots):
        known.cache_clear()
    yield
    for known in (stores._certifi, machine_roots, mozilla_roots):
        known.cache_clear()


def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    bundle = tmp_path / "cacert.pem"
    bundle.write_bytes(content)
    monkeypatch.setattr(certifi, "where", lambda: str(bundle))
    monkeypatch.setattr(stores, "_BUNDLES", ())
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: type("Paths", (), {"cafile": None}))


def test_as_released_it_counts_whole() -> None:
    """Also where certifi is newer than this package, and has roots that are not on its list."""
    assert mozilla_roots() == RELEASED


def test_a_root_appended_to_it_is_this_machine_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = authority()
    installed(monkeypatch, tmp_path, RELEASED + own.cert_pem.bytes())
    chain = chain_of(own)
    trust = TrustStore(mozilla_roots(), machine_roots()).judge(chain, "proxy.example.com", NOW)
    assert (trust.trusted, trust.anchor) == (False, Anchor.OS_ONLY)
    kept = {certificate.facts.sha256 for certificate in certificates_in(mozilla_roots())}
    assert len(kept) > 100
    assert kept == mozilla_digests() & {certificate.facts.sha256 for certificate in certificates_in(RELEASED)}


def test_without_any_of_mozilla_s_roots_nothing_is_public(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, tmp_path, authority().cert_pem.bytes())
    assert mozilla_roots() == b""
    assert machine_roots() is not None


def test_without_a_record_of_its_files_it_is_held_against_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_name: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "files", unknown)
    assert b"BEGIN CERTIFICATE" in mozilla_roots()
    assert mozilla_roots() != RELEASED
