"""A small document over http or https: directly, anonymously, bounded, from addresses that the run's resolver names.

The connection goes to the very address that is reported: aiohttp is given the address in place of the host, and the
host for the Host header (RFC 9110 section 7.2) and for the certificate's name. It would resolve names itself, but never
literals, and `--resolve` concerns those as well.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

from prober.engine.errors import LOCAL, os_reason, os_text, stage_of
from prober.engine.resolver import ResolutionError, Resolved
from prober.engine.stores import machine_roots, mozilla_roots
from prober.model import Failure, Reason, Stage, authority
from prober.routes.text import host_name, without_login

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MOST_ADDRESSES: Final = 8
_LONGEST_WORDS: Final = 200

Resolve = Callable[[str, int], Awaitable[Resolved]]
"""Where `host:port` is, as `Resolver.resolve` says it; raises ResolutionError."""


class NotFetchedError(Exception):
    """A document did not come; carries the failure."""

    def __init__(self, detail: str, *, status: int | None = None, reason: Reason = Reason.PAC_FETCH_FAILED) -> None:
        super().__init__(detail)
        self.failure = Failure(stage_of(reason, Stage.CONFIG), 0, reason, detail, status)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one fetch."""

    seconds: float = 30.0
    """For all of it: names, connections, redirects, the body."""
    size: int = 1024 * 1024
    """Octets of the body, also once decompressed."""
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Body:
    """What came, undecoded."""

    data: bytes
    media_type: str = ""
    """Lower case, without parameters; empty where none was named."""
    charset: str | None = None
    coding: str = ""
    """Content-Encoding."""
    url: str = ""
    """Where it was in the end."""
    peer: str | None = None
    """`address:port` of who sent it."""
    redirects: tuple[str, ...] = ()
    """URLs redirected to, in order."""
    hosts: tuple[str, ...] = ()
    """Hosts that were asked, in order."""


@dataclass(slots=True)
class WebFetch:
    """One document; `step` says what is going on. The caller keeps the clock: `ends` is on the loop's."""

    resolve: Resolve
    roots: str | None
    """PEM file in place of the machine's store."""
    limits: FetchLimits
    ends: float
    step: str = "none"
    remarks: list[str] = field(default_factory=list)
    _visited: list[str] = field(default_factory=list)
    _hosts: list[str] = field(default_factory=list)

    async def body(self, text: str) -> Body:
        """What is at a URL, redirects followed. Raises NotFetchedError."""
        url = _parsed(text)
        if url.user is not None or url.password is not None:
            self.remarks.append("the user and password in the URL were not sent: PAC scripts are fetched without login")
        while True:
            answer = await self._ask(_bare(url))
            if isinstance(answer, Body):
                return answer
            url = self._next(url, answer)

    def _next(self, url: URL, location: str) -> URL:
        here, there = _shown(url), without_login(location)[:_LONGEST_WORDS]
        if len(self._visited) >= self.limits.redirects:
            raise NotFetchedError(f"{here}: redirected more than {self.limits.redirects} times")
        try:
            target = url.join(URL(location))
        except ValueError:
            raise NotFetchedError(f"{here}: redirected to what is no URL, {there!r}") from None
        if target.scheme not in _DEFAULT_PORTS:
            raise NotFetchedError(f"{here}: redirected to {there!r}, which is neither http nor https")
        _place(target)
        self._visited.append(str(_bare(target)))
        self.remarks.append(f"redirected to {_shown(target)}")
        if url.scheme == "https" and target.scheme == "http":
            self.remarks.append(f"{url.raw_host} redirected from https to http: the script came in the clear")
        return target

    async def _ask(self, url: URL) -> Body | str:
        """The body of a 200, or where a redirect leads to."""
        host, port = _place(url)
        self._hosts.append(host)
        self.step = f"looking up {host}"
        try:
            found = await self.resolve(host, port)
        except ResolutionError as error:
            reason = error.reason if error.reason in LOCAL else Reason.PAC_FETCH_FAILED
            raise NotFetchedError(f"{_shown(url)}: {error.reason}: {error.detail}", reason=reason) from None
        endpoints = found.endpoints[:_MOST_ADDRESSES]
        problems: list[str] = []
        for number, endpoint in enumerate(endpoints):
            left = self.ends - asyncio.get_running_loop().time()
            try:
                return await self._ask_at(url, host, endpoint, max(0.001, left / (len(endpoints) - number)))
            except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as error:
                problems.append(_connection_problem(url, authority(*endpoint), error))
        raise NotFetchedError(f"{_shown(url)}: {'; '.join(problems) or 'no address'}")

    async def _ask_at(self, url: URL, host: str, endpoint: tuple[str, int], connect: float) -> Body | str:
        """Asks one address; what it answers is final. Raises aiohttp's connection errors and NotFetchedError."""
        peer = authority(*endpoint)
        self.step = f"connecting to {peer}"
        try:
            async with (
                self._session(url) as session,
                session.get(
                    url.with_host(endpoint[0]).with_port(endpoint[1]),
                    headers={"Host": _host_header(url, host), "Accept-Encoding": "identity"},
                    allow_redirects=False,
                    server_hostname=host,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect),
                ) as response,
            ):
                return await self._answer(url, response, peer)
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
            raise
        except aiohttp.ServerDisconnectedError:
            problem = f"{peer} closed the connection without an answer"
        except aiohttp.ClientResponseError:  # whose status aiohttp makes up
            problem = f"what {peer} answered is not HTTP"
        except aiohttp.ClientPayloadError:
            problem = f"{peer} ended its answer too early"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = f"{peer}: {words(error)}"
        raise NotFetchedError(f"{_shown(url)}: {problem}")

    def _session(self, url: URL) -> aiohttp.ClientSession:
        context = True if url.scheme == "http" else self._tls()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, force_close=True, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "prober", "Accept": "*/*"},
            trust_env=False,  # neither proxies nor netrc
            auto_decompress=False,
        )

    async def _answer(self, url: URL, response: aiohttp.ClientResponse, peer: str) -> Body | str:
        self.step = f"{peer} answered {response.status}"
        location = response.headers.get("Location")
        if response.status in _REDIRECTS and location is not None:
            return location
        if response.status != 200:
            login = ": it wants a login, and PAC scripts are fetched without" if response.status in (401, 407) else ""
            detail = f"{_shown(url)}: {peer} answered {response.status} instead of 200{login}"
            raise NotFetchedError(detail, status=response.status)
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            self.step = f"{len(data):,} bytes of the answer of {peer}"
            if len(data) > self.limits.size:
                raise NotFetchedError(f"{_shown(url)}: larger than {self.limits.size:,} bytes", status=200)
        return Body(
            bytes(data),
            response.headers.get("Content-Type", "").split(";")[0].strip().lower()[:_LONGEST_WORDS],
            response.charset,
            response.headers.get("Content-Encoding", ""),
            str(url),
            peer,
            tuple(self._visited),
            tuple(self._hosts),
        )

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name
        try:
            if self.roots is None:
                context.load_verify_locations(cadata=(machine_roots() or mozilla_roots()).decode("ascii", "ignore"))
            else:
                context.load_verify_locations(cafile=self.roots)
        except (OSError, ValueError) as error:
            place = self.roots or "the system's store"
            raise NotFetchedError(f"{place}: no roots can be read there: {words(error)}") from None
        return context


def words(error: Exception) -> str:
    """An error's number and name, or what there is of it, bounded."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error))[:_LONGEST_WORDS]
    return os_text(error)[:_LONGEST_WORDS]


def _parsed(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError as error:
        raise NotFetchedError(f"{without_login(text)[:_LONGEST_WORDS]}: not a URL: {words(error)}") from None
    _place(url)
    return url


def _bare(url: URL) -> URL:
    return url.with_user(None).with_fragment(None)


def _shown(url: URL) -> str:
    return str(_bare(url))[:_LONGEST_WORDS]


def _place(url: URL) -> tuple[str, int]:
    """Host (A-labels, IPv6 without brackets) and port. Raises NotFetchedError."""
    try:
        host = host_name(url.raw_host or "")
    except ValueError as error:
        raise NotFetchedError(f"{without_login(str(url))[:_LONGEST_WORDS]}: {error}") from None
    if not url.port:
        raise NotFetchedError(f"{_shown(url)}: a port is between 1 and 65535")
    return host, url.port


def _host_header(url: URL, host: str) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if url.port == _DEFAULT_PORTS[url.scheme] else f"{bracketed}:{url.port}"


def _connection_problem(url: URL, peer: str, error: aiohttp.ClientError) -> str:
    """What kept one address from being asked; our own exhaustion is raised as what it is."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        code = getattr(cause, "verify_code", None)
        message = getattr(cause, "verify_message", "") or type(cause).__name__
        return f"the certificate of {peer} is not trusted for {url.raw_host}: X509_V_ERR {code}, {message}"
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = os_reason(error.os_error)
        if reason in LOCAL and not isinstance(error.os_error, ssl.SSLError):
            raise NotFetchedError(f"{_shown(url)}: {words(error.os_error)}", reason=reason)
        kind = "TLS failed: " if isinstance(error.os_error, ssl.SSLError) else ""
        return f"{peer}: {kind}{words(error.os_error)}"
    return f"{peer}: no connection in time"
