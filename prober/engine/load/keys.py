"""Which key a target shows, looked at on every handshake and worked out once for each certificate."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography import x509

from prober.load.slices import OTHER_KEYS, KeySeen, Slice
from prober.spki import spki_sha256

_KNOWN: Final = 1024
"""Certificates that are remembered; an inspecting proxy may make a new one for every connection."""
_IN_A_SECOND: Final = 64
"""Keys that a second tells apart."""
_ISSUER: Final = 300


class Keys:
    """Counts keys into slices."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, str]] = {}
        """By the certificate's own digest: its key's digest, and its issuer."""

    def count(self, leaf: bytes, into: Slice, at: float) -> None:
        """A handshake showed this certificate (DER), `at` seconds since the run's start."""
        digest = hashlib.sha256(leaf).digest()
        found = self._known.get(digest)
        if found is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            found = self._known[digest] = (spki_sha256(leaf) or OTHER_KEYS, _issuer(leaf))
        key, issuer = found
        seen = into.keys.get(key)
        if seen is None:
            if len(into.keys) >= _IN_A_SECOND:
                key, issuer = OTHER_KEYS, ""
            seen = into.keys.setdefault(key, KeySeen(issuer=issuer, first=at))
        seen.count += 1


def _issuer(leaf: bytes) -> str:
    try:
        return x509.load_der_x509_certificate(leaf).issuer.rfc4514_string()[:_ISSUER]
    except ValueError:  # OpenSSL takes what cryptography does not
        return ""
