"""Words of Go's crypto/tls and time packages, as the exporter-toolkit's files use them, in this system's terms."""

from __future__ import annotations

import re
import ssl
from enum import StrEnum
from typing import Final

_AEAD: Final = {
    "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
    "AES_128_CBC_SHA": "AES128-SHA",
    "AES_256_CBC_SHA": "AES256-SHA",
}
CIPHERS: Final = {
    f"TLS_ECDHE_{key}_WITH_{name}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for name, openssl in _AEAD.items()
}
"""What Go's `CipherSuites()` lists for TLS 1.2, in OpenSSL's words."""
CIPHERS_13: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Known, and without effect in Go as here: the suites of TLS 1.3 are always on."""
VERSIONS: Final = {
    "TLS13": ssl.TLSVersion.TLSv1_3,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS10": ssl.TLSVersion.TLSv1,
}
CURVES: Final = {"X25519": "X25519", "CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}
"""In OpenSSL's short names."""


class ClientAuth(StrEnum):
    """What is asked of a client's certificate."""

    NONE = "NoClientCert"
    REQUEST = "RequestClientCert"
    ANY = "RequireAnyClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    VERIFY = "RequireAndVerifyClientCert"

    @property
    def verifies(self) -> bool:
        """Whether a certificate is held against an authority."""
        return self in (ClientAuth.IF_GIVEN, ClientAuth.VERIFY)


CLIENT_AUTH: Final = {
    "": ClientAuth.NONE,
    **{word.value: word for word in ClientAuth},
    "RequireClientCert": ClientAuth.ANY,
}
"""The last one is what the toolkit called `RequireAnyClientCert` in its first versions."""
TRUE: Final = frozenset({"true", "yes", "y", "on"})
FALSE: Final = frozenset({"false", "no", "n", "off"})
"""Go's YAML reads version 1.1's booleans, whose words are text in version 1.2."""

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d{1,12}\.?\d{0,12}|\.\d{1,12})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


def seconds_of(text: str) -> float:
    """A duration as Go writes it (`1h30m`, `100ms`, `0`) in seconds. Raises ValueError with a sentence."""
    total, at = 0.0, 0
    while part := _PART.match(text, at):
        total += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    if text == "0" or (at and at == len(text)):
        return total
    raise ValueError("expected a duration such as 100ms, 1s or 1m30s")
