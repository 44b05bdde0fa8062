"""OpenSSL's own functions under pyOpenSSL, for what is asked of every handshake.

pyOpenSSL's getters wrap each certificate in an object, and its callbacks look up the connection in a weak dictionary at
each of the sixteen states of a handshake: together a tenth of a handshake's instructions. Nearly all functions used
here are among those that pyOpenSSL itself calls, so a version of it that lacks one would break itself first; those that
are not are asked for with care (`set_groups`, `resumed`), or are the inner half of one that it calls (a test reads its
source for them).

The pointers given to OpenSSL are kept alive by what pyOpenSSL holds, or by this module for ever.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol

from OpenSSL import SSL

_LOOP: Final = 0x01
_READ_ALERT: Final = 0x4004
_WRITE_ALERT: Final = 0x4008

_lib: Final[Any] = SSL._lib  # type: ignore[attr-defined] # pyOpenSSL's own way down; it has no public one
_ffi: Final[Any] = SSL._ffi  # type: ignore[attr-defined] # the same


class Watcher(Protocol):
    """Is told by OpenSSL what happens in a handshake."""

    watched: bool
    """Whether the state machine can still tell something; asking it costs as much as all the rest of a callback."""
    alert_received: int | None
    alert_sent: int | None

    def pass_through(self, state: bytes) -> None:
        """OpenSSL's state machine leaves a state."""


watching: Final[dict[Any, Watcher]] = {}
"""By SSL pointer, who is told: only while a call into OpenSSL for that connection is under way. Threads have different
connections, so they never meet here."""
_states: Final[dict[Any, bytes]] = {}
"""OpenSSL's words for its states by their addresses, which are constants of the library: some fifty."""


def _on_info(ssl: Any, where: int, code: int) -> None:
    watcher = watching.get(ssl)
    if watcher is None:
        return
    if where & _LOOP:
        if watcher.watched:
            words = _lib.SSL_state_string_long(ssl)
            state = _states.get(words)
            if state is None:
                state = _states[words] = _ffi.string(words)
            watcher.pass_through(state)
    elif where == _READ_ALERT:
        watcher.alert_received = code & 0xFF
    elif where == _WRITE_ALERT:
        watcher.alert_sent = code & 0xFF


_INFO_CALLBACK: Final = _ffi.callback("void (*)(const SSL *, int, int)", _on_info)


def tell_watchers(connection: SSL.Connection) -> None:
    """Have a handshake tell what happens to whoever is `watching` it. To be called once the ClientHello is out: until
    then there is nothing to tell, in five of the sixteen callbacks."""
    _lib.SSL_set_info_callback(connection._ssl, _INFO_CALLBACK)


def pointer(connection: SSL.Connection) -> Any:
    """What `watching` is keyed by."""
    return connection._ssl


_ANYWHERE: Final = _ffi.new("char **")
"""Where OpenSSL writes an address that nobody reads."""


def unread(connection: SSL.Connection) -> int:
    """How many bytes were written to the connection that OpenSSL has not read yet. A message of TLS 1.2 that shares a
    record with Finished is not among them: it is read with whatever comes next."""
    return int(_lib.BIO_get_mem_data(connection._into_ssl, _ANYWHERE))


def give(connection: SSL.Connection, data: bytes) -> None:
    """Bytes from the peer, for OpenSSL to read; as `bio_write`. Raises MemoryError."""
    if _lib.BIO_write(connection._into_ssl, data, len(data)) != len(data):  # it takes all or nothing
        raise MemoryError


def take(connection: SSL.Connection) -> bytes:
    """All that OpenSSL wants to send; as `bio_read`, without an exception where that is nothing."""
    bio = connection._from_ssl
    size = _lib.BIO_get_mem_data(bio, _ANYWHERE)
    if size <= 0:
        return b""
    into = _ffi.new("char[]", size)
    return bytes(_ffi.buffer(into, _lib.BIO_read(bio, into, size)))


def presented_chain(connection: SSL.Connection) -> tuple[bytes, ...]:
    """The certificates that the server sent, DER, in its order."""
    stack = _lib.SSL_get_peer_cert_chain(connection._ssl)  # borrowed: it stays with the session
    if stack == _ffi.NULL:
        return ()
    bio = _lib.BIO_new(_lib.BIO_s_mem())
    if bio == _ffi.NULL:
        raise MemoryError
    try:
        ends = []
        start = _ffi.new("char **")
        for index in range(_lib.sk_X509_num(stack)):
            _lib.i2d_X509_bio(bio, _lib.sk_X509_value(stack, index))
            ends.append(_lib.BIO_get_mem_data(bio, start))
        whole = bytes(_ffi.buffer(start[0], ends[-1])) if ends else b""
    finally:
        _lib.BIO_free(bio)
    return tuple(whole[begin:end] for begin, end in zip([0, *ends], ends, strict=False))


class Agreed(NamedTuple):
    """What client and server agreed on, in OpenSSL's words; empty where nothing was."""

    version: str
    cipher: str
    group: str
    """In lower case; empty also where the library cannot tell."""
    alpn: str


def agreed(connection: SSL.Connection) -> Agreed:
    """The parameters of a handshake, as far as it came."""
    ssl = connection._ssl
    cipher = _lib.SSL_get_current_cipher(ssl)
    return Agreed(
        _constant(_lib.SSL_get_version(ssl)),
        "" if cipher == _ffi.NULL else _constant(_lib.SSL_CIPHER_get_name(cipher)),
        _group(ssl),
        connection.get_alpn_proto_negotiated().decode("ascii", "replace"),
    )


def _group(ssl: Any) -> str:
    name = getattr(_lib, "SSL_get0_group_name", None)  # of OpenSSL 3.2
    if name is None or _lib.SSL_get_session(ssl) == _ffi.NULL:  # without a session OpenSSL follows a null pointer
        return ""
    words = name(ssl)  # not a constant: it belongs to the context
    return "" if words == _ffi.NULL else _ffi.string(words).decode("ascii", "replace").lower()


_texts: Final[dict[Any, str]] = {}
"""OpenSSL's names by their addresses: constants of the library, a few dozen."""


def _constant(words: Any) -> str:
    found = _texts.get(words)
    if found is None:
        found = _texts[words] = _ffi.string(words).decode("ascii", "replace")
    return found


def has_staple(connection: SSL.Connection) -> bool:
    """Whether an OCSP response came with the certificates (RFC 6066 section 8)."""
    return bool(_lib.SSL_get_tlsext_status_ocsp_resp(connection._ssl, _ffi.new("unsigned char **")) > 0)


def resumed(connection: SSL.Connection) -> bool:
    """Whether an earlier session was taken up; False where the library cannot tell."""
    reused = getattr(_lib, "SSL_session_reused", None)
    return reused is not None and bool(reused(connection._ssl))


def set_groups(context: SSL.Context, groups: str) -> bool:
    """Set the supported groups and key shares; False where the library offers no way.

    pyOpenSSL has no public setter. The list syntax with `*` came with OpenSSL 3.5; older libraries get the plain
    list, and one that knows neither keeps its default ClientHello, which still works.
    """
    setter = getattr(_lib, "SSL_CTX_set1_curves_list", None)
    if setter is None:
        return False
    for text in (groups, groups.replace("*", "")):
        if setter(context._context, text.encode("ascii")) == 1:
            return True
        while _lib.ERR_get_error() != 0:  # a refused list must not look like the next call's error
            pass
    return False


def reason_words(library: int, reasons: tuple[int, ...]) -> dict[str, int]:
    """OpenSSL's words for the reasons of one of its libraries, as its error queue gives them, back to their numbers."""
    found: dict[str, int] = {}
    for reason in reasons:
        words = _lib.ERR_reason_error_string(library << 23 | reason)
        if words != _ffi.NULL:
            found[_ffi.string(words).decode("ascii")] = reason
    return found
