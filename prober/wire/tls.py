"""TLS over memory BIOs with pyOpenSSL: a handshake that records everything and verifies nothing.

Why memory BIOs: the handshake must run inside any tunnel, TLS included, so it cannot own a socket. Bytes from
below go into the read BIO, `do_handshake` works on them, and whatever it wants to send is taken out of the write
BIO. The peer's certificates are never verified here: a broken or forged chain is exactly what we came to see,
and the room `interception` judges it later from the same bytes.

Three things are read from OpenSSL's info callback (`wire/openssl.py`), because no getter has them: the alerts as
numbers, that the server asked for a client certificate, and that it proved to hold its key (the states that its state
machine passes through).

A client certificate is presented to the keys that the caller names and to no other: where any other key answers, the
handshake ends before our Certificate message.

The ClientHello is a named profile, the same on all routes: comparing routes means nothing otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from weakref import proxy

from OpenSSL import SSL, crypto

from prober.model import Reason, TlsFacts
from prober.spki import spki_sha256
from prober.wire.alerts import alert_text, reason_of_received, reason_of_sent
from prober.wire.identity import ClientIdentity, read_identity
from prober.wire.layer import NEED_MORE, Done, Failed, NotTls, Outcome, Step, http_like, http_status, printable
from prober.wire.openssl import (
    agreed,
    give,
    has_staple,
    pointer,
    presented_chain,
    set_groups,
    take,
    tell_watchers,
    unread,
    watching,
)
from prober.wire.serverhello import ServerHelloReader

MAX_HANDSHAKE: Final = 512 * 1024
"""Bytes a peer may send before its handshake is done; OpenSSL itself refuses chains over 100 KiB."""
_RECORD: Final = 16 * 1024 + 256
"""Bytes read at once: a record with its content (RFC 8446 section 5.2). glibc tidies up its whole heap whenever a block
of 64 KiB is given back, which would be at every handshake."""
RECORD_TYPES: Final = (0x14, 0x15, 0x16)  # RFC 8446 section 5.1: change_cipher_spec, alert, handshake
# A state is told when the message after its own has come: what its own message had to prove is verified then.
CERTIFICATE_REQUEST_STATE: Final = b"SSLv3/TLS read server certificate request"
CERTIFICATE_VERIFY_STATE: Final = b"TLSv1.3 read server certificate verify"
KEY_EXCHANGE_STATE: Final = b"SSLv3/TLS read server key exchange"
"""TLS 1.2; only ephemeral keys pass through it, and those are signed."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A ClientHello by name."""

    name: str
    groups: str
    """Supported groups in OpenSSL's list syntax; `*` marks those that carry a key share."""
    ciphers: str
    about: str


_SCHANNEL_CIPHERS = (
    # TLS 1.2 suites of Windows 10 / Server 2019 in Schannel's order; those of TLS 1.3 are OpenSSL's default three.
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:"
    "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:"
    "AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES128-SHA256:AES256-SHA:AES128-SHA:@SECLEVEL=0"
)
PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile("schannel", "*X25519:*P-256:P-384", _SCHANNEL_CIPHERS, "resembles Windows Schannel; fits one packet"),
        Profile(
            "schannel-pq",
            "*X25519MLKEM768:*X25519:P-256:P-384",
            _SCHANNEL_CIPHERS,
            "the same with a post-quantum key share: over one packet, which old middleboxes choke on",
        ),
    )
}
"""SECLEVEL 0 lets a weak certificate through the handshake: we are here to record it."""

ALPN_BARE: Final = (b"h2", b"http/1.1")
ALPN_HTTP: Final = (b"http/1.1",)


def new_context(profile: Profile, alpn: tuple[bytes, ...], identity: ClientIdentity | None = None) -> SSL.Context:
    """A context for handshakes of one profile; make it once and share it.

    With an identity, each `Tls` decides for itself whether its server may see it.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_cipher_list(profile.ciphers.encode("ascii"))
    context.set_alpn_protos(list(alpn))
    # A resumed session would show no certificate.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # 8 kB of 70 less for each handshake that waits for its server
    set_groups(context, profile.groups)
    if identity is not None:
        context.set_app_data(identity)
        context.set_verify(SSL.VERIFY_PEER, _on_verify)
        for issuer in identity.issuers:  # of no use to a handshake that has not loaded the certificate itself
            context.add_extra_chain_cert(issuer)
    return context


@lru_cache(maxsize=256)
def shared_context(profile: str, alpn: tuple[bytes, ...], client_certificate: str | None = None) -> SSL.Context:
    """`new_context`, once per process for each kind; `client_certificate` is a file for `read_identity`.

    Raises ClientCertificateError if that file cannot be used.
    """
    identity = None if client_certificate is None else read_identity(client_certificate)
    return new_context(PROFILES[profile], alpn, identity)


def _on_verify(connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
    """Nothing is verified but the leaf's key, against those that may see the client certificate."""
    return depth > 0 or connection.get_app_data().recognise(certificate)


class Tls:
    """One TLS client handshake; afterwards it stays in the stack and de- and encrypts for what is above."""

    timeout_reason = Reason.TLS_TIMEOUT

    def __init__(self, host: str, context: SSL.Context, *, present: frozenset[str] = frozenset()) -> None:
        """`present`: the server keys to which the context's client certificate may be shown (`spki_sha256`)."""
        self.host = host
        self._present = present
        self._presented = False
        self._refused_key: str | None = None
        self.client_cert_requested = False
        self.key_proven = False
        self.watched = True
        self.alert_received: int | None = None
        self.alert_sent: int | None = None
        self.facts: TlsFacts | None = None
        self.closed = False
        """Whether the peer said close_notify."""
        self._received = 0
        self._clear = b""
        self._unsent = b""
        self._hello = ServerHelloReader()
        connection = self._connection = SSL.Connection(context, None)
        self._pointer = pointer(connection)
        if context.get_app_data() is not None:  # an identity, which is shown or withheld by `_on_verify`
            connection.set_app_data(proxy(self))  # a cycle would keep OpenSSL's buffers until some later collection
        connection.set_connect_state()
        name = server_name(host)
        if name is not None:
            connection.set_tlsext_host_name(name)
        connection.request_ocsp()

    def start(self) -> bytes:
        """The ClientHello."""
        hello = self._shake()[0]
        tell_watchers(self._connection)
        return hello

    def feed(self, data: bytes) -> Step:
        """Go on with the handshake."""
        if not data:
            return b"", NEED_MORE
        if self._clear or (not self._received and data[0] not in RECORD_TYPES):
            self._clear = (self._clear + data)[:64]
            untold = http_like(self._clear) is None or (http_status(self._clear) is None and len(self._clear) < 64)
            return b"", NEED_MORE if untold else NotTls(self._clear)
        self._received += len(data)
        if self._received > MAX_HANDSHAKE:
            return b"", Failed(Reason.TLS_HANDSHAKE, f"{self.host} sent over {MAX_HANDSHAKE} bytes of handshake")
        if not self._hello.over:
            self._hello.feed(data)
        give(self._connection, data)
        return self._shake()

    def _shake(self) -> Step:
        watching[self._pointer] = self
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return self.outgoing(), NEED_MORE
        except SSL.Error as error:
            alert = self.outgoing()  # tell the peer why, as the protocol asks
            self.facts = self._capture()
            return alert, self._failed(error)
        finally:
            del watching[self._pointer]
        sent = self.outgoing()
        self.key_proven = True
        self.facts = self._capture()
        if not unread(self._connection):
            return sent, Done()
        leftover, outcome = self.decrypt(b"")
        sent += self.outgoing()
        if isinstance(outcome, Failed):
            return sent, outcome
        return sent, Done(leftover)

    def outgoing(self) -> bytes:
        """What this session wants to send by itself: handshake, key update, alert."""
        return take(self._connection)

    def decrypt(self, data: bytes) -> tuple[bytes, Failed | bool]:
        """Ciphertext to plaintext; the second value is True once the peer said close_notify, or the failure.

        A server of TLS 1.3 complains about a missing client certificate only here, after the handshake.
        Send `outgoing()` afterwards: the peer may have asked for a new handshake or new keys.
        """
        if data:
            give(self._connection, data)
        pieces: list[bytes] = []
        watching[self._pointer] = self
        try:
            while True:
                pieces.append(self._connection.recv(_RECORD))
        except SSL.WantReadError:
            if self._unsent:
                self._write()
            return b"".join(pieces), False
        except SSL.ZeroReturnError:
            self.closed = True
            return b"".join(pieces), True
        except SSL.Error as error:
            return b"".join(pieces), self._failed(error)
        finally:
            del watching[self._pointer]

    def encrypt(self, data: bytes) -> bytes:
        """Plaintext to records; kept back while the peer wants a new handshake first.

        A broken session sends nothing: its failure is noted where it is read.
        """
        if not data:
            return b""
        self._unsent += data
        self._write()
        return self.outgoing()

    def _write(self) -> None:
        try:
            while self._unsent:  # one record a call
                self._unsent = self._unsent[self._connection.send(self._unsent) :]
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self._unsent = b""

    def close_notify(self) -> bytes:
        """The polite end (RFC 8446 section 6.1); empty if the connection cannot say it any more."""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return b""
        return self.outgoing()

    def eof(self) -> Outcome:
        """The peer closed inside the handshake."""
        if self._clear:
            return NotTls(self._clear)
        self.facts = self._capture()
        where = "before any byte of TLS came" if not self._received else f"after {self._received} bytes of handshake"
        return Failed(
            Reason.TLS_HANDSHAKE_CLOSED, f"the connection was closed {where} (ClientHello for {self.host} was sent)"
        )

    def _capture(self) -> TlsFacts | None:
        chain = kept_once(presented_chain(self._connection))
        version, cipher, group, alpn = agreed(self._connection)
        if not chain and not cipher:
            return None  # no ServerHello: whatever the library names as version was never negotiated
        return TlsFacts(
            version=version,
            cipher=cipher,
            group=group or None,
            alpn=alpn or None,
            client_cert_requested=self.client_cert_requested,
            ocsp_stapled=has_staple(self._connection),
            chain=chain,
            hello=self._hello.hello,
            key_proven=self.key_proven,
        )

    def pass_through(self, state: bytes) -> None:
        """OpenSSL's state machine leaves a state. Called by OpenSSL."""
        if state == KEY_EXCHANGE_STATE:
            self.key_proven = True
        elif state == CERTIFICATE_VERIFY_STATE:
            self.key_proven = True
            self.watched = False  # a request comes before it in TLS 1.3, and handshakes are not repeated
        elif state == CERTIFICATE_REQUEST_STATE:
            self.client_cert_requested = True
            if self.facts is not None:  # asked in a second handshake (TLS 1.2)
                self.facts = replace(self.facts, client_cert_requested=True)

    def recognise(self, leaf: crypto.X509) -> bool:
        """Whether the server may see the client certificate, which is then ready for it. Called by OpenSSL."""
        key = spki_sha256(crypto.dump_certificate(crypto.FILETYPE_ASN1, leaf))
        if key not in self._present:
            self._refused_key = key or "unreadable"
            return False
        if not self._presented:
            self._connection.get_context().get_app_data().load(self._connection)
            self._presented = True
        return True

    def _failed(self, error: SSL.Error) -> Failed:
        """Numbers decide: the alert we had to send, else the one that came; OpenSSL's text is only detail."""
        came, sent = self.alert_received, self.alert_sent
        if self._refused_key is not None:
            return Failed(
                Reason.TLS_HANDSHAKE,
                f"the client certificate was withheld from {self.host}: another key answered than the one judged clean "
                f"(SHA-256 of its SPKI: {self._refused_key})",
            )
        queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
        said = printable("; ".join(str(entry[-1]) for entry in queue) or repr(error))
        if sent is not None:  # then what came, if anything, was a warning
            detail = f"the answer of {self.host} was refused with {alert_text(sent)}: {said}"
            return Failed(reason_of_sent(sent), detail)
        if came is not None:
            reason = reason_of_received(came, asked=self.client_cert_requested, presented=self._presented)
            return Failed(reason, f"{self.host} sent {alert_text(came)}")
        return Failed(Reason.TLS_HANDSHAKE, f"the answer of {self.host} could not be processed: {said}")


_USUAL_SIZE: Final = 4096
"""Bytes of a certificate; most have between one and two thousand."""


def kept_once(chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """With the same object for the same certificate: a target shows it on all routes and for weeks, its issuer's stands
    in a thousand chains, and certificates are most of what is kept of a probe. One of unusual size is left alone: what
    is remembered here stays for a while."""
    return tuple([_seen_before(each) if len(each) <= _USUAL_SIZE else each for each in chain])


@lru_cache(maxsize=4096)
def _seen_before(certificate: bytes) -> bytes:
    return certificate


@lru_cache(maxsize=4096)
def is_address(host: str) -> bool:
    """Whether this is an address and no name."""
    try:
        ip_address(host.split("%", 1)[0])
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def server_name(host: str) -> bytes | None:
    """What goes into SNI; literal addresses do not (RFC 6066 section 3)."""
    return None if is_address(host) else host.encode("ascii")
