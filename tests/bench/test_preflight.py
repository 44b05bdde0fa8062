"""One probe before any load: what does not work is left out, and whose certificate is at the end decides."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from prober import catalog
from prober.bench.preflight import preflight
from prober.bench.safety import Vendor
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.model import Hop, HopScheme, Route, Scheme, Target

ENTRIES = catalog.load().entries
VENDOR = Vendor(ENTRIES)
THEIRS = next(e.target.host for e in ENTRIES if "*" not in e.target.host and "{" not in e.target.host)
SETTINGS = ProbeSettings(
    timeout=20, retries=0, profile="schannel", family="ipv4-first", concurrency=4, per_route=4, per_host=4, rate=None
)


def context(name: str, folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "leaf")])
    begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begun)
        .not_valid_after(begun + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(file)
    return settings


@contextlib.asynccontextmanager
async def serving(name: str, folder: Path) -> AsyncIterator[Target]:
    """A TLS server on loopback whose certificate is for this name."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context(name, folder))
    port = server.sockets[0].getsockname()[1]
    try:
        yield Target(id="x", scheme=Scheme.TLS, host="127.0.0.1", port=port)
    finally:
        server.close()
        await server.wait_closed()


NOWHERE = Route("closed", (Hop(HopScheme.HTTP, "127.0.0.1", 9),))


async def test_what_works_is_loaded_and_what_does_not_is_said(tmp_path: Path) -> None:
    async with serving("origin.corp", tmp_path) as target:
        seen = await preflight(target, [Route("direct"), NOWHERE], SETTINGS, ProxyCertificates(NOWHERE.hops), VENDOR)
    assert [route.name for route in seen.works] == ["direct"]
    assert seen.theirs == ()
    (line,) = seen.broken
    assert line.startswith("closed is not loaded, a single probe over it fails: tcp-refused (connect, hop 1): ")


@pytest.mark.parametrize("name", [THEIRS, f"*.{THEIRS.partition('.')[2]}"])
async def test_the_vendor_behind_whatever_address_is_never_loaded(name: str, tmp_path: Path) -> None:
    """As over a port that is forwarded to it."""
    async with serving(name, tmp_path) as target:
        seen = await preflight(target, [Route("direct")], SETTINGS, ProxyCertificates(()), VENDOR)
    (line,) = seen.theirs
    assert f"shows a certificate for {name}, which is the vendor's" in line
    assert seen.works == ()
