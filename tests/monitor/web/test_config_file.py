"""The file is read again when it or what it names changes; what is broken, or asks less, is not taken up."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from prober.monitor.web import config_file
from prober.monitor.web.config_file import InForce, WebConfigFile
from prober.monitor.web.tls import is_allowed, names_in

from .serving import HASH, TLS, USERS, authority, client_certificate, put, put_certificate, server_certificate


def replace(path: Path, text: str) -> None:
    """Write a file so that it changes at one moment."""
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)


def overwrite(path: Path, text: str) -> None:
    """Write into the same inode, and leave its time as it was."""
    before = path.stat()
    with path.open("r+") as stream:
        stream.write(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def put_bytes(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


def aged(path: Path) -> None:
    """As if its last change had been a minute ago."""
    then = path.stat().st_mtime - 60
    os.utime(path, (then, then))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


async def test_without_a_file_nothing_is_asked() -> None:
    watched = WebConfigFile(None)
    assert await watched.reload() == []
    assert await watched.fresh() == InForce()
    await watched.close()


async def test_a_change_is_taken_up_by_itself(file: Path) -> None:
    replace(file, USERS)
    watched = WebConfigFile(file, every=0)
    changes: list[tuple[list[str], list[str]]] = []
    watched.listen(lambda before, after: changes.append((list(before.config.users), list(after.config.users))))
    assert await watched.reload() == []
    assert list((await watched.fresh()).config.users) == ["alice"]
    replace(file, f"basic_auth_users: {{bob: {HASH}}}")
    assert list((await watched.fresh()).config.users) == ["bob"]
    assert changes[0] == ([], ["alice"])
    assert changes[-1] == (["alice"], ["bob"])
    await watched.close()


async def test_the_files_are_looked_at_once_a_second_at_most(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(file, USERS)
    aged(file)
    now = 1000.0
    watched = WebConfigFile(file, every=1.0, clock=lambda: now)
    looks = 0
    same = config_file._same

    def counting(stamps: config_file.Stamps) -> bool:
        nonlocal looks
        looks += 1
        return same(stamps)

    monkeypatch.setattr(config_file, "_same", counting)
    await watched.reload()
    await asyncio.gather(*(watched.fresh() for _ in range(50)))
    assert looks == 1
    now += 0.9
    await watched.fresh()
    assert looks == 1
    now += 0.1
    await watched.fresh()
    assert looks == 2
    await watched.close()


async def test_a_change_within_the_same_moment_and_of_the_same_size_is_seen(file: Path) -> None:
    replace(file, USERS)
    watched = WebConfigFile(file, every=0)
    await watched.reload()
    overwrite(file, USERS.replace("alice", "carol"))
    assert list((await watched.fresh()).config.users) == ["carol"]
    await watched.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("basic_auth_users: {alice: plain}", "web.yml:1: basic_auth_users.alice: expected a bcrypt hash"),
        ("a: [", "not YAML"),
        ("\xff", "is not UTF-8"),
        ("x" * (1024 * 1024 + 1), "is larger than"),
        (None, "cannot be read: No such file or directory"),
    ],
)
async def test_a_broken_new_file_leaves_the_old_one_in_force(
    file: Path, text: str | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    replace(file, USERS)
    watched = WebConfigFile(file, every=0)
    await watched.reload()
    put_bytes(file, None if text is None else text.encode("latin-1"))
    for _ in range(3):
        assert list((await watched.fresh()).config.users) == ["alice"]
    assert said in watched.trouble[0]
    assert len(caplog.records) == 1, "said once, not at every look"
    assert said in caplog.records[0].getMessage()
    assert said in str((await watched.reload())[0])
    replace(file, f"basic_auth_users: {{bob: {HASH}}}")
    assert list((await watched.fresh()).config.users) == ["bob"]
    assert watched.trouble == ()
    await watched.close()


async def test_what_is_prepared_counts_once_it_is_committed(file: Path) -> None:
    replace(file, USERS)
    watched = WebConfigFile(file, every=3600)
    assert await watched.reload() == []
    before = watched.current
    replace(file, "rate_limit: {interval: 1s}")
    broken = await watched.prepare()
    assert broken.errors == tuple(watched.trouble)
    assert "must be at least 1" in broken.errors[0]
    replace(file, "")
    prepared = await watched.prepare()
    assert prepared.errors == ()
    assert watched.current is before
    prepared.commit()
    assert watched.current == InForce()
    assert watched.trouble == ()
    await watched.close()
    nothing = await WebConfigFile(None).prepare()
    nothing.commit()
    assert nothing.errors == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (USERS, "", "no user is left"),
        (TLS, "", "TLS is switched off"),
        (TLS + USERS, TLS, "no user is left"),
        (
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n",
            TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n",
            "client certificates are not required any more",
        ),
        (
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
            "  client_allowed_sans: [a]\n",
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n",
            "client certificates with any name are let in",
        ),
    ],
)
async def test_a_file_that_asks_less_counts_from_a_reload_on(
    file: Path, tmp_path: Path, before: str, after: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    put_certificate(tmp_path, server_certificate())
    put(tmp_path, "ca.pem", authority("clients").cert_pem)
    replace(file, before)
    watched = WebConfigFile(file, every=0)
    assert await watched.reload() == []
    old = watched.current.config
    replace(file, after)
    assert (await watched.fresh()).config == old
    assert said in watched.trouble[0]
    assert said in caplog.text
    assert await watched.reload() == []
    assert watched.current.config != old
    assert watched.trouble == ()
    await watched.close()


async def test_a_certificate_and_a_key_that_change_one_after_the_other(file: Path, tmp_path: Path) -> None:
    put_certificate(tmp_path, server_certificate("first"))
    replace(file, TLS)
    watched = WebConfigFile(file, every=0)
    await watched.reload()
    first = watched.current.tls
    second = server_certificate("second")
    put(tmp_path, "cert.pem", *second.cert_chain_pems)
    assert (await watched.fresh()).tls is first
    assert "key_file: the private key does not belong to the certificate" in watched.trouble[0]
    assert "web.yml:3" in watched.trouble[0]
    put(tmp_path, "key.pem", second.private_key_pem)
    assert (await watched.fresh()).tls is not first
    assert watched.trouble == ()
    await watched.close()


async def test_a_file_system_that_hangs_does_not_hang_requests(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(file, USERS)
    watched = WebConfigFile(file, every=0, patience=0.05)
    await watched.reload()
    let_go = asyncio.Event()
    loop = asyncio.get_running_loop()
    read = config_file._read

    def hanging(path: Path) -> config_file._Read:
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result(30)
        return read(path)

    monkeypatch.setattr(config_file, "_read", hanging)
    replace(file, f"basic_auth_users: {{bob: {HASH}}}")
    assert list((await watched.fresh()).config.users) == ["alice"]
    let_go.set()
    while list((await watched.fresh()).config.users) != ["bob"]:
        pass
    await watched.close()


def encrypted(key: trustme.Blob) -> bytes:
    plain = load_pem_private_key(key.bytes(), None)
    return plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cert.pem", None, "web.yml:2: tls_server_config.cert_file: {}: No such file or directory"),
        ("key.pem", None, "web.yml:3: tls_server_config.key_file: {}: No such file or directory"),
        ("ca.pem", None, "web.yml:5: tls_server_config.client_ca_file: {}: No such file or directory"),
        ("cert.pem", b"rubbish", "web.yml:2: tls_server_config.cert_file: has no certificate in PEM"),
        ("key.pem", b"rubbish", "web.yml:3: tls_server_config.key_file: has no private key in PEM"),
        ("ca.pem", b"", "web.yml:5: tls_server_config.client_ca_file: has no certificate in PEM"),
        (
            "key.pem",
            encrypted(server_certificate().private_key_pem),
            "web.yml:3: tls_server_config.key_file: the private key is protected by a passphrase",
        ),
        (
            "key.pem",
            server_certificate("second").private_key_pem.bytes(),
            "web.yml:3: tls_server_config.key_file: the private key does not belong to the certificate",
        ),
        ("cert.pem", b"x" * (1024 * 1024 + 1), "web.yml:2: tls_server_config.cert_file: {}: is larger than"),
    ],
)
async def test_files_that_cannot_be_used(
    file: Path, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    put_certificate(tmp_path, server_certificate())
    put(tmp_path, "ca.pem", authority("clients").cert_pem)
    put_bytes(tmp_path / name, content)
    replace(file, TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")
    watched = WebConfigFile(file)
    (error,) = await watched.reload()
    assert str(error).startswith(f"{tmp_path}/" + said.format(tmp_path / name))
    await watched.close()


async def test_all_of_them_at_once(file: Path) -> None:
    replace(file, TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")
    watched = WebConfigFile(file)
    assert [error.split(": ")[1] for error in await watched.reload()] == [
        "tls_server_config.cert_file",
        "tls_server_config.client_ca_file",
    ]
    await watched.close()


async def test_certificate_and_key_may_stand_in_the_file_itself(file: Path) -> None:
    leaf = server_certificate()
    texts = {"cert": b"".join(blob.bytes() for blob in leaf.cert_chain_pems), "key": leaf.private_key_pem.bytes()}
    blocks = {name: "".join(f"    {line}\n" for line in pem.decode().splitlines()) for name, pem in texts.items()}
    replace(file, "tls_server_config:\n" + "".join(f"  {name}: |\n{block}" for name, block in blocks.items()))
    watched = WebConfigFile(file)
    assert await watched.reload() == []
    assert isinstance(watched.current.tls, ssl.SSLContext)
    assert "PRIVATE" not in repr(watched.current)
    await watched.close()


async def test_an_expired_certificate_is_pointed_out(
    file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from datetime import UTC, datetime

    put_certificate(tmp_path, authority().issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC)))
    replace(file, TLS)
    watched = WebConfigFile(file)
    assert await watched.reload() == []
    assert "cert_file: the certificate has expired on 2020-01-01" in caplog.text
    await watched.close()


def der(leaf: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def test_names_of_a_certificate_as_go_writes_them() -> None:
    leaf = client_certificate("prometheus.corp", "10.0.0.1", "fd00::1", "ops@corp.example")
    assert names_in(der(leaf)) == {"prometheus.corp", "10.0.0.1", "fd00::1", "ops@corp.example"}
    assert names_in(b"rubbish") == frozenset()


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ((), True),
        (("prometheus.corp",), True),
        (("other", "FD00:0::1"), True),
        (("PROMETHEUS.corp",), False),  # exactly, as the toolkit compares
        (("corp",), False),
        (("*.corp",), False),
    ],
)
def test_allowed_names(allowed: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(der(client_certificate("prometheus.corp", "fd00::1")), allowed) is expected
    assert is_allowed(None, allowed) is not bool(allowed)


async def test_a_curve_that_this_python_cannot_be_held_to(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is with Debian's Python 3.11.2."""

    def refuse(self: ssl.SSLContext, name: str) -> None:
        raise ssl.SSLError(1, "[EC: UNKNOWN_GROUP] unknown group")

    put_certificate(file.parent, server_certificate())
    replace(file, TLS + "  curve_preferences: [X25519]\n")
    monkeypatch.setattr(ssl.SSLContext, "set_ecdh_curve", refuse)
    watched = WebConfigFile(file)
    (error,) = await watched.reload()
    assert error.startswith(f"{file}:4: tls_server_config.curve_preferences: Python 3.")
    assert "cannot be held to X25519" in error
    await watched.close()
