"""From `tls_server_config` to what a handshake needs: certificate, key, and what is asked of clients.

Reads files, therefore never on the loop. TLS 1.3 gets no session tickets: their key would live as long as the context,
and whoever connects shows a certificate anew.
"""

from __future__ import annotations

import contextlib
import os
import platform
import ssl
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from prober.monitor.web.go_names import ClientAuth
from prober.monitor.web.web_config import LARGEST, TlsSettings


class TlsError(Exception):
    """A key of `tls_server_config` whose content cannot be used."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


class TlsErrors(Exception):
    """All of them."""

    def __init__(self, errors: list[TlsError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


def tls_files(settings: TlsSettings) -> tuple[Path, ...]:
    """The files whose change makes a new context necessary."""
    named = (settings.cert_file, settings.key_file, settings.client_ca_file)
    return tuple(file for file in named if file is not None)


def server_context(settings: TlsSettings, now: datetime | None = None) -> tuple[ssl.SSLContext, list[str]]:
    """A context for new connections, and warnings. Raises TlsErrors."""
    warnings: list[str] = []
    errors: list[TlsError] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = settings.minimum, settings.maximum
    context.num_tickets = 0
    context.options |= ssl.OP_NO_RENEGOTIATION
    if settings.server_order:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    if settings.ciphers:
        context.set_ciphers(":".join(settings.ciphers))
    elif settings.ciphers is not None:
        context.minimum_version = ssl.TLSVersion.TLSv1_3  # only suites of that version were named
    try:
        _curves(context, settings)
    except TlsError as error:
        errors.append(error)
    try:
        _own_certificate(context, settings, now or datetime.now(UTC), warnings)
    except TlsError as error:
        errors.append(error)
    try:
        _clients(context, settings)
    except TlsError as error:
        errors.append(error)
    if errors:
        raise TlsErrors(errors)
    return context, warnings


def _curves(context: ssl.SSLContext, settings: TlsSettings) -> None:
    for curve in settings.curves:
        try:
            context.set_ecdh_curve(curve)
        except ssl.SSLError:  # Python 3.11.2 asks for a key of the curve, and X25519 has none
            version = platform.python_version()
            raise TlsError(
                "curve_preferences",
                f"Python {version} cannot be held to {curve}: name another curve, leave the key out, or update Python",
            ) from None


def _own_certificate(context: ssl.SSLContext, settings: TlsSettings, now: datetime, warnings: list[str]) -> None:
    cert_key = "cert" if settings.cert else "cert_file"
    key_key = "key_file" if settings.key is None else "key"
    certificate_pem = _content(cert_key, settings.cert_file, settings.cert)
    key_pem = _content(key_key, settings.key_file, "" if settings.key is None else settings.key.reveal())
    leaf = _certificates(cert_key, certificate_pem)[0]
    if leaf.not_valid_after_utc < now:
        warnings.append(f"{cert_key}: the certificate has expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    elif leaf.not_valid_before_utc > now:
        warnings.append(f"{cert_key}: the certificate is not valid before {leaf.not_valid_before_utc:%Y-%m-%d}")
    try:
        load_pem_private_key(key_pem, None)
    except TypeError:
        raise TlsError(key_key, "the private key is protected by a passphrase: nobody is here to enter it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise TlsError(key_key, "has no private key in PEM that can be read") from None
    try:
        with _as_file(certificate_pem) as certificate, _as_file(key_pem) as key:
            context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(key_key, "the private key does not belong to the certificate") from None
        reason = (error.reason or "not understood").lower().replace("_", " ")
        raise TlsError(cert_key, f"OpenSSL refuses the certificate or its key: {reason}") from None


def _clients(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if not settings.client_auth.verifies:
        return
    key = "client_ca" if settings.client_ca else "client_ca_file"
    authorities = _certificates(key, _content(key, settings.client_ca_file, settings.client_ca))
    context.load_verify_locations(cadata=b"".join(each.public_bytes(Encoding.DER) for each in authorities))
    # as Go: whatever stands in the file is trusted, also an intermediate authority without its root
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    required = settings.client_auth is ClientAuth.VERIFY
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL


def _content(key: str, file: Path | None, inline: str) -> bytes:
    if file is None:
        return inline.encode()
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise TlsError(key, f"{file}: {getattr(error, 'strerror', None) or 'not a file name'}") from None
    if len(data) > LARGEST:
        raise TlsError(key, f"{file}: is larger than {LARGEST} bytes")
    return data


def _certificates(key: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise TlsError(key, "has no certificate in PEM that can be read") from None


def _no_passphrase() -> bytes:
    raise ValueError("OpenSSL asked for a passphrase")


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """`ssl` loads certificates from files only: one in memory, where there is such a thing."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("prober", os.MFD_CLOEXEC), "wb") as stream:
            stream.write(content)
            stream.flush()
            yield f"/proc/self/fd/{stream.fileno()}"
    else:
        with tempfile.TemporaryDirectory(prefix="prober-") as folder:  # mode 0700
            path = Path(folder) / "pem"
            path.write_bytes(content)
            yield str(path)


def names_in(certificate: bytes) -> frozenset[str]:
    """The alternative names of a certificate in DER: DNS names, addresses, e-mail addresses, URIs, as Go writes them.

    Empty for one that cannot be read.
    """
    try:
        extensions = x509.load_der_x509_certificate(certificate).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        texts = [*names.get_values_for_type(x509.DNSName), *names.get_values_for_type(x509.RFC822Name)]
        texts += names.get_values_for_type(x509.UniformResourceIdentifier)
        return frozenset([*texts, *map(str, names.get_values_for_type(x509.IPAddress))])
    except (ValueError, x509.ExtensionNotFound):
        return frozenset()


def is_allowed(certificate: bytes | None, allowed: tuple[str, ...]) -> bool:
    """Whether a client's certificate has one of the names; no list allows everybody."""
    if not allowed:
        return True
    if certificate is None:
        return False
    wanted = frozenset(map(_normal, allowed))
    return not wanted.isdisjoint(names_in(certificate))


def _normal(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name
