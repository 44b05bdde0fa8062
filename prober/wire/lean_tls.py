"""TLS for load: the same layer as `prober.wire.tls`, without all that only somebody who studies one handshake needs.

What is left out, and what it would cost of a handshake: the info callback (eleven calls into Python), OCSP, the look
into the ServerHello, the chain. What is kept is the leaf, since the keys that a target shows are sampled on every
handshake.
Alerts are read from OpenSSL's error queue instead: the library's own words for them, turned back into its numbers.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

from OpenSSL import SSL, crypto

from prober.model import Reason
from prober.wire.layer import NEED_MORE, Done, Failed, NotTls, Outcome, Step, http_like, http_status
from prober.wire.openssl import give, presented_chain, reason_words, resumed, set_groups
from prober.wire.tls import MAX_HANDSHAKE, RECORD_TYPES, Tls, server_name

_SSL_LIBRARY: Final = 20
_ALERT_REASONS: Final = 1000
"""SSL_AD_REASON_OFFSET: the reason of an alert that came is its number and this."""
_VERSION_REASONS: Final = (258, 266, 267, 396)
"""unsupported_protocol, wrong_ssl_version, wrong_version_number, version_too_low."""
_PROTOCOL_VERSION: Final = 70
_HANDSHAKE_READ: Final = 16384
_ALERT_RECORD: Final = 0x15
_FIRST_OCTETS: Final = tuple(bytes([kind]) for kind in RECORD_TYPES)

DEFAULT_GROUPS: Final = "*X25519:P-256:P-384"
"""One key share, the cheap one that nearly every server takes."""
_CIPHERS: Final = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-GCM-SHA384:@SECLEVEL=0"
)
_SUITES: Final = b"TLS_AES_128_GCM_SHA256"
"""Every server of TLS 1.3 has it (RFC 8446 section 9.1), and SHA-384 would cost twenty rounds of hashing more."""


@lru_cache(maxsize=64)
def lean_context(alpn: tuple[bytes, ...], groups: str = DEFAULT_GROUPS, *, resume: bool = False) -> SSL.Context:
    """A context for all handshakes of a kind, once per process. Nothing is verified and no store is loaded.

    `groups` are those of `prober.wire.tls.Profile`; with `resume` the server's tickets are taken.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_cipher_list(_CIPHERS)
    context.set_tls13_ciphersuites(_SUITES)
    if alpn:
        context.set_alpn_protos(list(alpn))
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_COMPRESSION | (0 if resume else SSL.OP_NO_TICKET))
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle tunnel keeps no record buffers
    set_groups(context, groups)
    return context


class LeanTls(Tls):
    """One of many handshakes. `facts` stay None; `leaf` is the certificate."""

    def __init__(self, host: str, context: SSL.Context, session: SSL.Session | None = None) -> None:
        """`session`: one to resume, of the same context and host."""
        # Not the parent's __init__: all it prepares for is left out here.
        self.host = host
        self.client_cert_requested = False
        self.alert_received: int | None = None
        self.alert_sent: int | None = None
        self.facts = None
        self.closed = False
        self._presented = False
        self._refused_key = None
        self._received = 0
        self._clear = b""
        self._unsent = b""
        connection = self._connection = SSL.Connection(context, None)
        connection.set_connect_state()
        name = server_name(host)
        if name is not None:
            connection.set_tlsext_host_name(name)
        if session is not None:
            connection.set_session(session)

    def start(self) -> bytes:
        """The ClientHello. Nobody is told what happens in the handshake."""
        return self._shake()[0]

    def feed(self, data: bytes) -> Step:
        """Go on with the handshake."""
        if self._clear or (not self._received and data[:1] not in _FIRST_OCTETS):
            self._clear = (self._clear + data)[:64]
            untold = http_like(self._clear) is None or (http_status(self._clear) is None and len(self._clear) < 64)
            return b"", NEED_MORE if untold else NotTls(self._clear)
        self._received += len(data)
        if self._received > MAX_HANDSHAKE:
            return b"", Failed(Reason.TLS_HANDSHAKE, f"{self.host} sent over {MAX_HANDSHAKE} bytes of handshake")
        give(self._connection, data)
        return self._shake()

    def _shake(self) -> Step:
        """What comes behind the handshake stays inside until more is fed: nobody speaks before us."""
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return self.outgoing(), NEED_MORE
        except SSL.Error as error:
            alert = self.outgoing()
            self._read_alerts(error, alert)
            return alert, self._failed(error)
        return self.outgoing(), Done()

    def decrypt(self, data: bytes) -> tuple[bytes, Failed | bool]:
        """Ciphertext to plaintext; as the parent's, with the alert that ended it named."""
        try:
            return self._decrypted(data)
        except SSL.Error as error:
            self._read_alerts(error, b"")
            return b"", self._failed(error)

    def _decrypted(self, data: bytes) -> tuple[bytes, bool]:
        connection = self._connection
        if data:
            give(connection, data)
        pieces: list[bytes] = []
        try:
            while True:
                pieces.append(connection.recv(_HANDSHAKE_READ))  # one record a call
        except SSL.WantReadError:
            if self._unsent:
                self._write()
            return b"".join(pieces), False
        except SSL.ZeroReturnError:
            self.closed = True
            return b"".join(pieces), True

    def eof(self) -> Outcome:
        """The peer closed inside the handshake."""
        if self._clear:
            return NotTls(self._clear)
        return Failed(Reason.TLS_HANDSHAKE_CLOSED, f"{self.host} closed the connection inside the handshake")

    @property
    def leaf(self) -> bytes | None:
        """The server's certificate, DER; None before it came, and in a resumed handshake, which shows none."""
        if self.resumed:
            return None
        found = self._connection.get_peer_certificate()
        return None if found is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, found)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """All certificates that came, DER."""
        return presented_chain(self._connection)

    @property
    def group(self) -> str | None:
        """The group that was agreed on, in OpenSSL's words."""
        return self._connection.get_group_name()

    @property
    def resumed(self) -> bool:
        """Whether an earlier session was taken up."""
        return resumed(self._connection)

    @property
    def session(self) -> SSL.Session | None:
        """What a later handshake can resume; with TLS 1.3 only once the server's ticket has been read."""
        return self._connection.get_session()

    def _read_alerts(self, error: SSL.Error, sent: bytes) -> None:
        queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
        for entry in queue:
            number = _numbers().get(str(entry[-1]))
            if number is not None and number > _ALERT_REASONS:
                self.alert_received = number - _ALERT_REASONS
            elif number is not None:
                self.alert_sent = _PROTOCOL_VERSION
        if len(sent) == 7 and sent[0] == _ALERT_RECORD:  # in the clear: before there are keys
            self.alert_sent = sent[6]


@cache
def _numbers() -> dict[str, int]:
    """The library's words for its reasons, for those that say which alert came or that the version is to blame."""
    return reason_words(_SSL_LIBRARY, (*_VERSION_REASONS, *range(_ALERT_REASONS + 1, _ALERT_REASONS + 256)))
