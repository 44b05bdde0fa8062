"""TLS settings of the lab's servers and of its interceptor's upstream side, as pyOpenSSL contexts."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from cryptography import x509
from OpenSSL import SSL, crypto

from prober.lab.authorities import Credential
from prober.wire.tls import set_groups

HTTP_1_1: Final = b"http/1.1"
_QUICK_GROUPS: Final = "X25519:P-256"
"""An interceptor's handshakes upstream need no post-quantum share, which would double their cost."""


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
) -> SSL.Context:
    """A server's settings. A client's certificate is accepted whoever signed it; only its absence can be refused."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
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


def client_context(roots: Sequence[x509.Certificate]) -> SSL.Context:
    """An interceptor's settings towards the origin: looks at the chain, never stops at it, offers no ALPN."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    store = context.get_cert_store()
    if store is None:
        raise RuntimeError("a fresh context has no certificate store")
    for root in roots:
        store.add_cert(crypto.X509.from_cryptography(root))
    context.set_verify(SSL.VERIFY_PEER, _note_error)
    set_groups(context, _QUICK_GROUPS)
    return context


def _accept_any(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    return True


def _note_error(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    if not ok:
        connection.set_app_data(error)
    return True
