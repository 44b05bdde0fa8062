"""Roots of this machine, and what HTTPS proxies are trusted under."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from prober.engine import stores
from prober.engine.stores import ProxyCertificates, machine_roots, mozilla_roots
from prober.model import Hop, HopScheme, Reason, Stage

from .world import authority

NOW = float(int(time.time()) // 86400 * 86400 + 43200)  # the same in every process of one test run


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Stores are read once a process; each of these tests has its own."""
    machine_roots.cache_clear()
    yield
    machine_roots.cache_clear()


def machine(monkeypatch: pytest.MonkeyPatch, cafile: str | None, *bundles: str) -> None:
    monkeypatch.setattr(stores, "_BUNDLES", bundles)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(cafile=cafile))


def proxy(trust_roots: Path | None = None, host: str = "proxy.example.com") -> Hop:
    return Hop(HopScheme.HTTPS, host, 8443, trust_roots=None if trust_roots is None else str(trust_roots))


def chain_of(issuer: trustme.CA, host: str = "proxy.example.com") -> tuple[bytes, ...]:
    """A server's certificate with its root, DER."""
    blobs = [*issuer.issue_cert(host).cert_chain_pems, issuer.cert_pem]
    return tuple(ssl.PEM_cert_to_DER_cert(blob.bytes().decode()) for blob in blobs)


def roots(path: Path, issuer: trustme.CA) -> Path:
    path.write_bytes(issuer.cert_pem.bytes())
    return path


def test_mozilla_s_store_is_one() -> None:
    assert mozilla_roots().count(b"BEGIN CERTIFICATE") > 100


def test_the_first_store_there_is_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = tmp_path / "first.pem", tmp_path / "second.pem"
    second.write_bytes(b"second")
    machine(monkeypatch, str(first), str(tmp_path), str(second))
    assert machine_roots() == b"second"
    machine_roots.cache_clear()
    first.write_bytes(b"first")
    assert machine_roots() == b"first"


def test_no_store_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine(monkeypatch, None, str(tmp_path / "ghost.pem"))
    assert machine_roots() is None


def test_a_store_that_is_no_store_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    large, right = tmp_path / "large.pem", tmp_path / "right.pem"
    large.write_bytes(b"x" * 100)
    right.write_bytes(b"right")
    monkeypatch.setattr(stores, "_MAX_BUNDLE", 99)
    machine(monkeypatch, str(large), str(right))
    assert machine_roots() == b"right"


def test_a_store_that_cannot_be_read_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    locked, right = tmp_path / "locked.pem", tmp_path / "right.pem"
    locked.write_bytes(b"locked")
    right.write_bytes(b"right")
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    machine(monkeypatch, str(locked), str(right))
    assert machine_roots() == b"right"


def test_the_file_of_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(roots(tmp_path / "own.pem", authority())))
    assert machine_roots() == authority().cert_pem.bytes()


def test_the_system_store_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    der = chain_of(authority())[0]
    kept = {"ROOT": [(der, "x509_asn", True), (b"pkcs", "pkcs_7_asn", True)], "CA": [(der, "x509_asn", True)]}
    monkeypatch.setattr(ssl, "enum_certificates", kept.__getitem__, raising=False)
    found = machine_roots()
    assert found is not None
    assert found.count(b"BEGIN CERTIFICATE") == 2


def test_a_proxy_is_trusted_under_its_own_roots_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = authority(), authority("strangers")
    own = proxy(roots(tmp_path / "corp.pem", ours))
    plain = proxy()
    machine(monkeypatch, str(roots(tmp_path / "os.pem", theirs)))
    judge = ProxyCertificates([own, plain, Hop(HopScheme.HTTP, "h", 1)])
    assert judge.failure(own, 1, chain_of(ours), NOW) is None
    assert judge.failure(plain, 1, chain_of(theirs), NOW) is None
    for hop, issuer in ((own, theirs), (plain, ours)):
        failure = judge.failure(hop, 2, chain_of(issuer), NOW)
        assert failure is not None
        assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY_TLS, 2, Reason.CERT_UNTRUSTED)


@pytest.mark.parametrize(
    ("host", "age", "reason"),
    [
        ("other.example.com", 0.0, Reason.CERT_NAME_MISMATCH),
        ("proxy.example.com", 40 * 365 * 86400.0, Reason.CERT_NOT_YET_VALID),
    ],
)
def test_name_and_date_of_a_proxy_count(tmp_path: Path, host: str, age: float, reason: Reason) -> None:
    hop = proxy(roots(tmp_path / "corp.pem", authority()), host)
    failure = ProxyCertificates([hop]).failure(hop, 1, chain_of(authority()), NOW - age)
    assert failure is not None
    assert (failure.stage, failure.hop, failure.reason) == (Stage.PROXY_TLS, 1, reason)


def test_without_a_store_mozilla_s_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, None)
    failure = ProxyCertificates([proxy()]).failure(proxy(), 1, chain_of(authority()), NOW)
    assert failure is not None
    assert failure.reason is Reason.CERT_UNTRUSTED


def test_roots_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ProxyCertificates([proxy(tmp_path / "ghost.pem")])
    (tmp_path / "empty.pem").touch()
    with pytest.raises(ValueError, match=r"."):
        ProxyCertificates([proxy(tmp_path / "empty.pem")])


def test_further_hops_bring_their_roots(tmp_path: Path) -> None:
    roots = tmp_path / "corp.pem"
    corp = authority("corp proxies")
    roots.write_bytes(corp.cert_pem.bytes())
    proxies = ProxyCertificates(())
    with pytest.raises(KeyError):
        proxies.failure(proxy(roots), 1, chain_of(corp), NOW)
    proxies.know([proxy(roots)])
    roots.unlink()
    proxies.know([proxy(roots)])  # what is known is not read again
    assert proxies.failure(proxy(roots), 1, chain_of(corp), NOW) is None
