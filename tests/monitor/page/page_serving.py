"""The page and the API behind the real server, and readers of what they send."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from aiohttp import ClientResponse, ClientSession, DummyCookieJar, web

from prober.monitor.page.api import api_routes
from prober.monitor.page.events import Pace
from prober.monitor.page.live import Live
from prober.monitor.page.page import page_routes
from prober.monitor.web.access import Access
from prober.monitor.web.app import make_app
from prober.monitor.web.server import Server

from .page_boards import Play

EVENTS = "/api/v1/events"
VOID = frozenset({"meta", "link", "input", "img", "br", "rect", "col", "hr"})


@dataclass
class Visit:
    """A client of a running site."""

    play: Play
    live: Live
    server: Server
    session: ClientSession
    url: str
    begun: asyncio.Semaphore
    """Released at the beginning of each stream."""
    ended: asyncio.Semaphore
    """Released at the end of each."""

    async def get(self, path: str, **headers: str) -> tuple[ClientResponse, str]:
        async with self.session.get(self.url + path, headers=headers) as response:
            return response, await response.text()

    async def page(self, path: str) -> Element:
        response, text = await self.get(path)
        assert response.content_type == "text/html", text
        return read_html(text)

    async def json(self, path: str) -> Any:
        response, text = await self.get(path)
        assert response.content_type == "application/json", text
        return json.loads(text)

    @contextlib.asynccontextmanager
    async def events(self, token: str = "", last: str | None = None) -> AsyncIterator[Events]:
        headers = {} if last is None else {"Last-Event-ID": last}
        async with self.session.get(f"{self.url}/api/v1/events?from={token}", headers=headers) as response:
            yield Events(response)


@contextlib.asynccontextmanager
async def visiting(play: Play, pace: Pace | None = None) -> AsyncIterator[Visit]:
    """The site of a play on loopback."""
    live = Live(play)
    access = Access()
    assert not await access.reload()

    async def reload() -> list[str]:
        return []

    begun, ended = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def watched(request: web.Request) -> web.StreamResponse:
        begun.release()
        try:
            return await stream(request)
        finally:
            ended.release()

    routes = [*page_routes(play, live), *api_routes(play, live, pace)]
    stream = next(each.handler for each in routes if each.path == EVENTS)
    routes = [each for each in routes if each.path != EVENTS] + [web.get(EVENTS, watched, allow_head=False)]
    app = make_app(routes, access=access, ready=lambda: True, reload=reload)
    server = Server(app, "127.0.0.1:0", access=access)
    async with server, ClientSession(cookie_jar=DummyCookieJar()) as session:
        try:
            yield Visit(play, live, server, session, f"http://{server.addresses[0]}", begun, ended)
        finally:
            live.close()


@dataclass
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: Any


class Events:
    """Reads a stream."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def next(self, *names: str) -> Event:
        """The next event, of these names if any are given; fails where the stream ends before it."""
        while True:
            event = await asyncio.wait_for(self._one(), 20)
            assert event is not None, "the stream has ended"
            if not names or event.name in names:
                return event

    async def ended(self) -> bool:
        """Whether the stream ends now."""
        return await asyncio.wait_for(self._one(), 20) is None

    async def _one(self) -> Event | None:
        fields: dict[str, str] = {}
        while True:
            line = (await self.response.content.readline()).decode()
            if not line:
                return None
            line = line.rstrip("\r\n")
            if not line and "data" in fields:
                return Event(fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"]))
            name, _, value = line.partition(": ")
            fields[name] = value


@dataclass
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, tag: str = "", cls: str = "") -> list[Element]:
        return [
            each
            for each in self.walk()
            if tag in ("", each.tag) and (not cls or cls in (each.attributes.get("class") or "").split())
        ]

    def one(self, tag: str = "", cls: str = "", id: str = "") -> Element:  # noqa: A002 # as in HTML
        found = [each for each in self.all(tag, cls) if not id or each.attributes.get("id") == id]
        assert len(found) == 1, f"{len(found)} of {tag} {cls} {id}"
        return found[0]

    @property
    def text(self) -> str:
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return " ".join(" ".join(parts).split())

    @property
    def hidden(self) -> bool:
        return "hidden" in self.attributes


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, dict(attrs))
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)

    def close(self) -> None:
        super().close()
        assert self._open == [self.root], [each.tag for each in self._open]


def read_html(text: str) -> Element:
    """A page as elements; fails where tags are not closed in order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.root
