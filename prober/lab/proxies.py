"""HTTP proxies of the lab: CONNECT and absolute-form requests; login, TLS to the proxy, a block list, a delay."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from OpenSSL import SSL

from prober.lab.addresses import Addresses, NameUnknownError, NotOursError, proxy_host
from prober.lab.http1 import END_OF_HEAD, HEAD_LIMIT, BadRequestError, Request, parse_request, response, split_authority
from prober.lab.link import Link
from prober.lab.listener import Listener

REQUEST_SECONDS: Final = 30.0
TUNNEL_IDLE_SECONDS: Final = 120.0
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_NOT_FORWARDED: Final = frozenset(
    {"connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "upgrade"}
)


class RefusedError(Exception):
    """A request that the proxy answers itself: status, squid's word, RFC 9209's word."""

    def __init__(self, status: int, squid: str, error: str) -> None:
        super().__init__(status, squid, error)
        self.status, self.squid, self.error = status, squid, error


class HttpProxy(Listener):
    """A forward proxy. Plain unless `tls` is given; anonymous unless `login` (user, password) is."""

    def __init__(
        self,
        name: str,
        addresses: Addresses,
        *,
        login: tuple[str, str] | None = None,
        tls: SSL.Context | None = None,
        blocked: Sequence[str] = (),
        delay: float = 0.0,
    ) -> None:
        super().__init__(name)
        self._addresses = addresses
        self._login = f"Basic {base64.b64encode(':'.join(login).encode()).decode()}" if login else None
        self._tls = tls
        self._blocked = tuple(blocked)
        self._delay = delay

    async def serve(self, link: Link) -> None:
        """Requests until one becomes a tunnel or the client leaves."""
        if self._tls is not None:
            async with asyncio.timeout(REQUEST_SECONDS):
                await link.start_tls(self._tls, server=True)
        await asyncio.sleep(self._delay)
        while await self._handle(link):
            pass

    async def tunnel(self, link: Link, upstream: Link, host: str) -> None:
        """What happens after the 200 to CONNECT: bytes pass unchanged."""
        await link.join(upstream, idle=TUNNEL_IDLE_SECONDS)

    async def _handle(self, link: Link) -> bool:
        """One request; whether another may follow on this connection."""
        async with asyncio.timeout(REQUEST_SECONDS):
            head = await link.read_until(END_OF_HEAD, HEAD_LIMIT)
            try:
                request = parse_request(head)
                body = b"" if request.method == "CONNECT" else await link.read_exactly(request.content_length)
                if not self._admits(request):
                    link.write(self._demand(request))
                    return request.keep_alive
                host, port, path = _destination(request)
            except BadRequestError as error:
                link.write(response(400, f"{error}\n".encode(), self._headers("ERR_INVALID_REQ"), close=True))
                return False
        try:
            upstream = await self._connect(host, port)
        except RefusedError as refusal:
            link.write(self._refusal(request, refusal))
            return request.keep_alive
        try:
            if request.method == "CONNECT":
                link.write(_ESTABLISHED)
                await self.tunnel(link, upstream, host)
            else:
                await self._forward(link, upstream, _onward(request, path, self.name) + body)
        finally:
            upstream.close()
        return False

    def _admits(self, request: Request) -> bool:
        if self._login is None:
            return True
        return hmac.compare_digest((request.get("proxy-authorization") or "").encode(), self._login.encode())

    async def _connect(self, host: str, port: int) -> Link:
        if any(fnmatchcase(host, pattern) for pattern in self._blocked):
            raise RefusedError(403, "ERR_ACCESS_DENIED 0", "http_request_denied")
        try:
            return await self._addresses.connect(self, host, port)
        except NameUnknownError:
            raise RefusedError(503, "ERR_DNS_FAIL 0", "dns_error") from None
        except NotOursError:
            raise RefusedError(403, "ERR_ACCESS_DENIED 0", "destination_ip_prohibited") from None
        except TimeoutError:
            raise RefusedError(504, "ERR_CONNECT_FAIL 110", "connection_timeout") from None
        except OSError as error:
            raise RefusedError(503, f"ERR_CONNECT_FAIL {error.errno or 0}", "connection_refused") from None

    async def _forward(self, link: Link, upstream: Link, request: bytes) -> None:
        upstream.write(request)
        async with asyncio.timeout(TUNNEL_IDLE_SECONDS):
            while data := await upstream.read_some():
                link.write(data)
                await link.drain()

    def _demand(self, request: Request) -> bytes:
        headers = (*self._headers("ERR_CACHE_ACCESS_DENIED 0"), ("Proxy-Authenticate", 'Basic realm="prober lab"'))
        return response(407, b"login needed\n", headers, head_only=_no_body(request), close=not request.keep_alive)

    def _refusal(self, request: Request, refusal: RefusedError) -> bytes:
        headers = (*self._headers(refusal.squid), ("Proxy-Status", f"{proxy_host(self.name)}; error={refusal.error}"))
        body = f"{refusal.squid}\n".encode()
        return response(refusal.status, body, headers, head_only=_no_body(request), close=not request.keep_alive)

    def _headers(self, squid: str) -> tuple[tuple[str, str], ...]:
        return (("Server", "prober-lab"), ("X-Squid-Error", squid), ("Content-Type", "text/plain"))


def _no_body(request: Request) -> bool:
    return request.method == "HEAD"


def _destination(request: Request) -> tuple[str, int, str]:
    """Host, port and path that a request to a proxy asks for. Raises BadRequestError."""
    if request.method == "CONNECT":
        return (*split_authority(request.target), "")
    if not request.target.lower().startswith("http://"):
        raise BadRequestError("not a request to a proxy")
    place, slash, path = request.target[len("http://") :].partition("/")
    return (*split_authority(place, default_port=80), slash + path or "/")


def _onward(request: Request, path: str, name: str) -> bytes:
    """The head of the request as it goes to the origin; one request a connection keeps the answer's end plain."""
    kept = [f"{key}: {value}" for key, value in request.headers if key not in _NOT_FORWARDED]
    lines = [f"{request.method} {path} HTTP/1.1", *kept, f"via: 1.1 {proxy_host(name)}", "connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
