"""How a server is looked at where somebody asks for more than reachability: `/probe` of the monitor.

A probe without an inquiry ends as soon as the target is reached; one with an inquiry reads the whole answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prober.model.words import Secret

REDIRECTS: Final = (301, 302, 303, 307, 308)
"""Statuses that send a client elsewhere (RFC 9110 section 15.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What one probe asks for beside its target and route. Plain data: it travels to the worker processes."""

    body_limit: int = 0
    """Bytes of the body that are read, and counted."""
    keep_body: bool = False
    """Whether the body itself is wanted as well. One that is longer than the limit is not kept."""
    host: str | None = None
    """The Host header; None = the target's own."""
    headers: tuple[tuple[str, Secret], ...] = ()
    """Further headers of the request; one that is named `User-Agent` or `Accept` replaces ours."""
    server_name: str | None = None
    """The name sent in the TLS handshake (SNI); None = the target's host."""
    only_tls_1_3: bool = False
    """Nothing is said over an older version."""
    keys: frozenset[str] | None = None
    """The server's keys (SHA-256 of the SubjectPublicKeyInfo, lower-case hex) to which the request may be said; with
    any other the probe ends after the handshake, without a failure and without an answer. None = whoever answers."""
    connect_only: bool = False
    """End once the connection to the target stands; nothing is said to it."""
