"""The HTTP request to the target itself, in origin form through a tunnel or in absolute form to an HTTP proxy.

Over TLS any well-formed response proves the target. In the clear a proxy, a portal or a block page can answer in
its place, so a plain response must be attributed to the origin before it counts (contract.md, *reachable*).
"""

from __future__ import annotations

from cryptography import x509

from prober.model import HttpFacts, Reason, Scheme, Target
from prober.wire import http1
from prober.wire.layer import NEED_MORE, Done, Failed, Outcome, Step, printable
from prober.wire.login import BasicLogin
from prober.wire.refusal import proxy_status_error, refusal, squid_error

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a body that is read to be sure whose it is; the vendor's largest CRLs are well below."""
_DOCUMENTS = (".crl", ".crt", ".cab")
_KEPT_HEADERS = frozenset(
    (
        "server",
        "via",
        "location",
        "content-type",
        "x-cache",
        "x-squid-error",
        "proxy-status",
        "www-authenticate",
        "age",
    )
)
_UPSTREAM_TROUBLE = (500, 502, 503, 504)
"""What proxies answer when the way behind them fails; tinyproxy says 500 without any mark of its own."""


class Exchange(BasicLogin):
    """One request, one response head; the body only where it must be looked at.

    `proxied` is True where an HTTP proxy gets the request itself (absolute form, RFC 9112 section 3.2.2);
    `via_proxy` where any proxy stands in the path and the exchange is in the clear.
    """

    timeout_reason = Reason.HTTP_TIMEOUT

    def __init__(
        self,
        target: Target,
        *,
        user_agent: str,
        proxied: bool = False,
        via_proxy: bool = False,
        can_login: bool = False,
    ) -> None:
        super().__init__(can_login=can_login)
        self._target = target
        self._user_agent = user_agent
        self.proxied = proxied
        self._via_proxy = via_proxy
        self._file = target.path.partition("?")[0]
        self._in_body = False
        self.facts: HttpFacts | None = None
        self.blames_proxy = False
        """Set with a failure that is the proxy's answer, not the target's."""

    @property
    def answering(self) -> bool:
        """Whether the first byte of the response has come."""
        return self._reader.started

    @property
    def unattributed(self) -> bool:
        """Whether the request went to a proxy and no answer of the target has come: what happens is the proxy's."""
        return self.proxied and not self._in_body

    @property
    def _tried(self) -> str:
        return f"{self._target.method} http://{self._target.address}"

    def login(self, user: str, password: str) -> bytes:
        """Ask again, with credentials, on this connection."""
        self.blames_proxy = False
        return super().login(user, password)

    def start(self) -> bytes:
        """The request."""
        target = self._target
        default = 80 if target.scheme is Scheme.HTTP else 443
        place = target.address if target.port != default else target.address.rsplit(":", 1)[0]
        form = f"http://{place}{target.path}" if self.proxied else target.path
        host, headers = self._fields(place)
        if self.proxied:
            headers.append(("Proxy-Connection", "keep-alive" if self._can_login else "close"))
        headers += self._login_headers
        if not self._can_login:  # a login may follow on this connection
            headers.append(("Connection", "close"))
        return http1.request(target.method, form, host, headers)

    def _fields(self, place: str) -> tuple[str, http1.Headers]:
        """The Host header and those that do not depend on the way."""
        return place, [("User-Agent", self._user_agent), ("Accept", "*/*")]

    def feed(self, data: bytes) -> Step:
        """Read the head, and the body where it is needed."""
        if self._draining:
            return b"", self._drain(data)
        reader = self._reader
        try:
            if self._in_body:
                return b"", self._read(data)
            return b"", self._on_head() if reader.feed(data) else NEED_MORE
        except http1.MessageError as error:
            return b"", self._malformed(str(error))

    def _read(self, data: bytes) -> Outcome:
        """Body bytes came."""
        done = self._reader.body_done or self._reader.read_body(data, MAX_BODY)
        return self._on_body() if done else NEED_MORE

    def _malformed(self, what: str) -> Failed:
        if self.unattributed:
            self.blames_proxy = True
            return Failed(Reason.PROXY_PROTOCOL_ERROR, printable(f"the proxy {what} (to {self._tried})"))
        return Failed(Reason.HTTP_PROTOCOL_ERROR, printable(f"{self._target.host} {what}"))

    def _on_head(self) -> Outcome:
        reader = self._reader
        self.status = reader.status
        self.facts = self._noted()
        # After a login some proxies (tinyproxy) say 401 where they mean 407; an origin's 401 names its own scheme.
        refused = reader.status == 401 and self._authorization is not None and not reader.all("www-authenticate")
        if self.proxied and (reader.status == 407 or refused):
            self.blames_proxy = True
            return self._demanded()
        self._accepted()
        if self._target.scheme is not Scheme.HTTPS:
            failed = self._not_the_origin()
            if failed is not None:
                self.blames_proxy = True
                return failed
        if self._wants_body():
            self._in_body = True
            return self._read(reader.rest)
        return Done(reader.rest)

    def _noted(self) -> HttpFacts:
        """What of the head is kept."""
        reader = self._reader
        kept = tuple((name, printable(value, 256)) for name, value in reader.headers if name in _KEPT_HEADERS)
        return HttpFacts(reader.status, kept[:16], reader.version)

    def _wants_body(self) -> bool:
        """Whether the body must be looked at to be sure whose answer it is."""
        plain = self._target.scheme is not Scheme.HTTPS
        return plain and self._reader.status == 200 and self._target.method == "GET" and self._is_document()

    def _is_document(self) -> bool:
        return self._file.lower().endswith(_DOCUMENTS)

    def _not_the_origin(self) -> Failed | None:
        """Signs that somebody between answered a plain request: the proxy, or a portal that poses as the target."""
        reader, target = self._reader, self._target
        tried = f"{target.method} http://{target.address}{target.path}"
        if reader.status == 407 or squid_error(reader) or proxy_status_error(reader):
            return refusal(reader, tried)
        if not self._via_proxy or reader.status in target.expected:
            return None
        if reader.status in (401, 403, 511) or reader.status in _UPSTREAM_TROUBLE:
            return refusal(reader, tried)
        return None

    def _on_body(self) -> Outcome:
        body = bytes(self._reader.body)
        if document_parses(self._file, body):
            return Done(b"")
        self.blames_proxy = True
        what = printable(body[:60])
        return Failed(Reason.PROXY_CAPTIVE, f"200 for {self._target.path}, but the body is no such file: {what!r}", 200)

    def eof(self) -> Outcome:
        """The peer closed: the end of a body without a length, or too early."""
        challenge = self._hung_up()
        if challenge is not None:
            return challenge
        if self._in_body and self._reader.ends_with_connection:
            return self._on_body()
        so_far = f"after {self._reader.said!r}" if self._reader.started else "without an answer"
        if self.unattributed:
            self.blames_proxy = True
            return Failed(Reason.PROXY_CLOSED, f"the proxy closed the connection {so_far} to {self._tried}")
        tried = f"{self._target.method} {printable(self._target.path, 80)}"
        return Failed(Reason.HTTP_CLOSED, f"{self._target.host} closed the connection {so_far} to {tried}")


def document_parses(path: str, body: bytes) -> bool:
    """Whether a body is what its path says: a CRL, a certificate (DER or PEM), or a cabinet file."""
    name = path.lower()
    if name.endswith(".cab"):
        return body.startswith(b"MSCF")
    pem = body.lstrip().startswith(b"-----BEGIN")
    try:
        if name.endswith(".crl"):
            x509.load_pem_x509_crl(body) if pem else x509.load_der_x509_crl(body)
        elif name.endswith(".crt"):
            x509.load_pem_x509_certificate(body) if pem else x509.load_der_x509_certificate(body)
    except ValueError:
        return False
    return True
