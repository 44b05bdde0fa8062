"""What the lab's origins answer over HTTP: the status the catalog documents, a body of the right kind. Pure."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPResponseBuilder, OCSPResponseStatus

from prober.lab.authorities import Authorities, Authority
from prober.model import Scheme, Target

SERVER: Final = ("Server", "prober-lab")
CABINET: Final = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, 36, 0, 36, 0, 3, 1, 0, 0, 0, 1, 0)
"""A cabinet file with nothing in it: the header alone."""
_RESPONDER: Final = "/ocsp/"
_PING_PATHS: Final = ("/ping", "/api/report")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


class Answers:
    """The vendor's side of the catalog."""

    def __init__(self, targets: Sequence[Target], authorities: Authorities) -> None:
        self._authorities = authorities
        self._statuses: dict[tuple[str, str, str], int] = {}
        for target in targets:
            if target.expected and target.scheme is not Scheme.TLS:
                self._statuses.setdefault((target.host, target.method, target.path), target.expected[0])

    def answer(self, host: str, method: str, path: str) -> Answer:
        """The answer to a request; 200 for whatever the catalog does not know."""
        status = self._statuses.get((host, method, path), 200)
        kind, body = self._content(host, path) if status == 200 else ("text/plain", f"{status}\n".encode())
        extra: tuple[tuple[str, str], ...] = ()
        if 300 <= status < 400:
            extra = (("Location", f"https://{host}/"),)
        elif status == 401:
            extra = (("WWW-Authenticate", 'Bearer realm="prober-lab"'),)
        return Answer(status, body, (SERVER, ("Content-Type", kind), *extra))

    def _content(self, host: str, path: str) -> tuple[str, bytes]:
        if path.startswith(_RESPONDER):
            return "application/ocsp-response", self._ocsp(path.removeprefix(_RESPONDER))
        name = path.partition("?")[0].lower()
        if name.endswith(".crl"):
            return "application/pkix-crl", self._authority(name).crl()
        if name.endswith((".crt", ".cer")):
            return "application/pkix-cert", self._authority(name).certificate_der()
        if name.endswith(".cab"):
            return "application/vnd.ms-cab-compressed", CABINET
        if name.endswith(_PING_PATHS):
            return "text/plain", b"OK"
        return "text/plain", f"prober lab, playing {host}\n".encode()

    def _ocsp(self, rest: str) -> bytes:
        """The answer to a GET of `SLUG/REQUEST` (RFC 6960 appendix A.1)."""
        slug, _, request = rest.partition("/")
        authority = self._authorities.by_slug.get(slug)
        try:
            if authority is not None:
                return authority.ocsp(b64decode(unquote(request), validate=True))
        except ValueError:
            pass
        malformed = OCSPResponseBuilder.build_unsuccessful(OCSPResponseStatus.MALFORMED_REQUEST)
        return malformed.public_bytes(Encoding.DER)

    def _authority(self, name: str) -> Authority:
        """The authority that a file of the lab's own is named after, the vendor's root for all other names."""
        slug = name.rpartition("/")[2].rpartition(".")[0]
        vendor_root = self._authorities.vendor.issuer or self._authorities.vendor
        return self._authorities.by_slug.get(slug, vendor_root)
