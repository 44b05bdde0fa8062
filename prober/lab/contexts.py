"""TLS settings of the lab's servers and of its interceptor's upstream side, as pyOpenSSL contexts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509
from OpenSSL import SSL, crypto

from prober.lab.authorities import Credential
from prober.wire.openssl import set_groups

HTTP_1_1: Final = b"http/1.1"
_QUICK_GROUPS: Final = "X25519:P-256"
"""An interceptor's handshakes upstream need no post-quantum share, which would double their cost."""


_LOOP: Final = 0x01
_CERTIFICATE_REQUEST_STATE: Final = b"SSLv3/TLS read server certificate request"


@dataclass(slots=True)
class Seen:
    """What an interceptor's handshake with the origin showed beside its certificates."""

    error: int | None = None
    """OpenSSL's code if the chain does not verify."""
    client_certificate_requested: bool = False


class ClientCertificate(StrEnum):
    """What a server wants from its client."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


def server_context(
    credential: Credential,
    *,
    alpn: Sequence[bytes] = (HTTP_1_1,),
    client_certificate: ClientCertificate = ClientCertificate.NONE,
    oldest: int = SSL.TLS1_2_VERSION,
    newest: int = SSL.TLS1_3_VERSION,
) -> SSL.Context:
    """A server's settings. A client's certificate is accepted whoever signed it; only its absence can be refused.

    `oldest` and `newest` are the TLS versions as on the wire (0x0303, 0x0304).
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(oldest)
    context.set_max_proto_version(newest)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_privatekey(credential.key)
    context.use_certificate(credential.certificate)
    for certificate in credential.chain:
        context.add_extra_chain_cert(certificate)
    if alpn:
        # the first of ours that the client offers (RFC 7301)
        context.set_alpn_select_callback(
            lambda _, offered: next((name for name in alpn if name in offered), SSL.NO_OVERLAPPING_PROTOCOLS)
        )
    if client_certificate is not ClientCertificate.NONE:
        mode = SSL.VERIFY_PEER
        if client_certificate is ClientCertificate.REQUIRED:
            mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        context.set_session_id(b"prober-lab")
        context.set_verify(mode, _accept_any)
    return context


def client_context(roots: Sequence[x509.Certificate], alpn: Sequence[bytes] = ()) -> SSL.Context:
    """An interceptor's settings towards the origin: looks at the chain, never stops at it. `seen` says what it saw."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if alpn:
        context.set_alpn_protos(list(alpn))
    store = context.get_cert_store()
    if store is None:
        raise RuntimeError("a fresh context has no certificate store")
    for root in roots:
        store.add_cert(crypto.X509.from_cryptography(root))
    context.set_verify(SSL.VERIFY_PEER, _note_error)
    context.set_info_callback(_note_request)
    set_groups(context, _QUICK_GROUPS)
    return context


def seen(connection: SSL.Connection) -> Seen:
    """What a connection of `client_context` saw so far."""
    noted = connection.get_app_data()
    if not isinstance(noted, Seen):
        noted = Seen()
        connection.set_app_data(noted)
    return noted


def _accept_any(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    return True


def _note_error(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    if not ok:
        seen(connection).error = error
    return True


def _note_request(connection: SSL.Connection, where: int, code: int) -> None:
    if where & _LOOP and connection.get_state_string() == _CERTIFICATE_REQUEST_STATE:
        seen(connection).client_certificate_requested = True
