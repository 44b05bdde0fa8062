"""Runs TLS handshakes between the layer and the server."""

from __future__ import annotations

from pathlib import Path

from prober.model import TlsFacts
from prober.wire.layer import NEED_MORE, Done, Failed, Outcome
from prober.wire.tls import ALPN_HTTP, Tls, shared_context

from .tls_peer import TlsPeer
from .transcripts import Cut, whole


def client(
    alpn: tuple[bytes, ...] = ALPN_HTTP, certificate: Path | None = None, present: frozenset[str] = frozenset()
) -> Tls:
    """A layer; the certificate in that file is for servers with these keys."""
    context = shared_context("schannel", alpn, str(certificate) if certificate else None)
    return Tls("host.test", context, present=present)


def shake(layer: Tls, peer: TlsPeer, cut: Cut = whole, *, with_last: bytes = b"") -> tuple[list[int], Outcome]:
    """Run the handshake; returns the sizes of what the client sent (its bytes are random) and the outcome."""
    said = layer.start()
    sizes = [len(said)]
    outcome: Outcome = NEED_MORE
    while said and outcome is NEED_MORE:
        reply = peer(said)
        if peer.done and with_last:
            reply += peer.say(with_last)
        said = b""
        segments = cut(reply)
        for index, segment in enumerate(segments):
            out, outcome = layer.feed(segment)
            said += out
            if outcome is not NEED_MORE:
                if isinstance(outcome, Done):
                    rest, ended = layer.decrypt(b"".join(segments[index + 1 :]))
                    assert ended is False
                    outcome = Done(outcome.leftover + rest)
                break
        sizes.append(len(said))
    if said:
        late = peer(said)  # session tickets, or a late complaint
        if isinstance(outcome, Done) and late:
            _, ended = layer.decrypt(late)
            if isinstance(ended, Failed):
                outcome = ended
    return sizes, outcome


def facts(layer: Tls) -> TlsFacts:
    assert layer.facts is not None
    return layer.facts
