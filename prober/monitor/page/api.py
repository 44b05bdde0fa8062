"""`/api/v1/…`: the state as data. docs/monitoring-page.md describes every path; a test keeps it complete.

Errors are JSON too: `{"error": {"status": 400, "message": "…", "errors": [{"parameter": "limit", "message": "…"}]}}`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial, wraps
from typing import Any, Final

import msgspec
from aiohttp import web

from prober.monitor.page.events import Events, Pace
from prober.monitor.page.live import Live
from prober.monitor.page.pair_states import PATH, pair_document, transition_document
from prober.monitor.page.parameters import BadParameter, BadParameters, Parameters
from prober.monitor.page.rendering import segment
from prober.monitor.page.results import Selection, document_of, encoded, result_of
from prober.monitor.page.source import PageSource, TransitionQuery
from prober.monitor.page.times import machine
from prober.monitor.slices import Slices
from prober.monitor.state import PairKey, PairState, Track
from prober.monitor.web.shared import Body, Shared, body_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MOST: Final = 500
"""Transitions in one answer."""
_encoder: Final = msgspec.json.Encoder()
_KIND: Final = "application/json"
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def api_routes(source: PageSource, live: Live, pace: Pace | None = None) -> list[web.RouteDef]:
    """The API. `live` is shared with `page_routes`; `pace` is for tests."""
    api = _Api(source, live)
    return [
        web.get("/api/v1/results", answered(api.results)),
        web.get("/api/v1/pairs", answered(api.pairs)),
        web.get("/api/v1/pairs/{target}/{route}", answered(api.pair)),
        web.get("/api/v1/transitions", answered(api.transitions)),
        web.get("/api/v1/status", answered(api.status)),
        web.get("/api/v1/events", answered(Events(live, pace).stream), allow_head=False),
    ]


def answered(handler: Handler) -> Handler:
    """What a handler refuses becomes JSON."""

    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except BadParameters as bad:
            return _error(400, "The request has parameters that cannot be used.", bad.errors)
        except web.HTTPServiceUnavailable as full:
            return _error(503, (full.text or "").strip(), headers={"Retry-After": full.headers["Retry-After"]})

    return answer


def _error(
    status: int, message: str, errors: Sequence[BadParameter] = (), headers: dict[str, str] | None = None
) -> web.Response:
    listed = [{"parameter": each.parameter, "message": each.message} for each in errors]
    body = {"error": {"status": status, "message": message, "errors": listed}}
    return _json(body, status=status, headers=headers)


def _json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    fields = {**_HEADERS, **(headers or {}), "Content-Type": _KIND}
    return web.Response(body=_encoder.encode(value) + b"\n", status=status, headers=fields)


class _Api:
    def __init__(self, source: PageSource, live: Live) -> None:
        self._source = source
        self._live = live
        self._documents: Shared[Body] = Shared(keep=False)
        self._lists: Shared[Body] = Shared(keep=False)
        self._others: Shared[Body] = Shared(keep=False)
        self._pairs: dict[PairKey, tuple[PairState, int, float, bytes]] = {}
        """Encoded, with what they were made of."""
        self._egress = ""

    async def results(self, request: web.Request) -> web.StreamResponse:
        """The current state as a run document."""
        selection = self._selection(request, ("target", "service", "route"))
        states = [state for state in self._source.board.pairs.values() if selection.takes(state)]
        tag = self._tag(states, selection)
        headers = {**_HEADERS, "ETag": tag}
        if tag in _tags(request.headers.get("If-None-Match", "")):
            return web.Response(status=304, headers=headers)
        if request.method == "HEAD":
            return web.Response(headers={**headers, "Content-Type": _KIND})
        body = await self._documents.get(selection, tag, partial(self._document, states, headers))
        return await body.answer(request)

    async def _document(self, states: Sequence[PairState], headers: Mapping[str, str]) -> Body:
        run = await document_of(self._source, states)
        return body_of([piece async for piece in encoded(run)], _KIND, headers=headers)

    async def pairs(self, request: web.Request) -> web.StreamResponse:
        """The state of every pair, in short."""
        selection = self._selection(request, ("target", "service", "route"))
        body = await self._lists.get(selection, None, partial(self._list, selection))
        return await body.answer(request)

    async def _list(self, selection: Selection) -> Body:
        board, slices = self._source.board, Slices()
        known, made = self._pairs if self._egress == board.egress else {}, {}
        parts: list[bytes] = [b'{"egress":' + _encoder.encode(board.egress) + b',"pairs":[']
        # Asked for all at once: a reload may come between two slices, and then there is none of a pair that has gone.
        for state, interval in [(state, self._source.interval(key)) for key, state in board.pairs.items()]:
            kept = known.get(state.key)
            if kept is None or kept[0] is not state or kept[1:3] != (state.revision, interval):
                text = _encoder.encode(pair_document(state, board.egress, interval))
                kept = state, state.revision, interval, text
                await slices.keep()
            made[state.key] = kept
            if selection.takes(state):
                parts += (kept[3], b",")
        self._pairs, self._egress = made, board.egress
        if parts[-1] == b",":
            parts.pop()
        return body_of([*parts, b"]}\n"], _KIND, headers=_HEADERS)

    async def pair(self, request: web.Request) -> web.StreamResponse:
        """One pair with its result and its last observations."""
        Parameters(request.query, allowed=()).check()
        key: PairKey = (request.match_info["target"], request.match_info["route"])
        if key not in self._source.board.pairs:
            return _error(404, f"The target {key[0][:200]!r} is not probed over a route {key[1][:80]!r}: {PATH} lists "
                          "what is.")  # fmt: skip
        state, interval = self._source.board.pairs[key], self._source.interval(key)
        body = await self._others.get(("pair", key), None, partial(self._pair, state, interval))
        return await body.answer(request)

    async def _pair(self, state: PairState, interval: float) -> Body:
        board = self._source.board
        document = pair_document(state, board.egress, interval)
        return _body({"pair": document, "result": result_of(state, board.comparison, board.egress)})

    async def transitions(self, request: web.Request) -> web.StreamResponse:
        """What changed, newest first, page by page. Pairs that have gone keep their history: no name is refused."""
        given = Parameters(request.query, allowed=("target", "route", "track", "since", "before", "cursor", "limit"))
        limit = given.count("limit", 100, MOST)
        query = TransitionQuery(
            target=given.text("target"), route=given.text("route"), track=given.choice("track", Track),
            since=given.moment("since"), before=given.moment("before"), cursor=given.number("cursor"), limit=limit + 1,
        )  # fmt: skip
        given.check()
        make = partial(self._transitions, query, dict(request.query), limit)
        body = await self._others.get(("transitions", query), None, make)
        return await body.answer(request)

    async def _transitions(self, query: TransitionQuery, given: Mapping[str, str], limit: int) -> Body:
        found = list(await self._source.transitions(query))
        following = None
        if len(found) > limit:
            values = {**given, "cursor": str(found[limit - 1].id)}
            joined = "&".join(f"{segment(name)}={segment(value)}" for name, value in values.items())
            following = f"/api/v1/transitions?{joined}"
        return _body({"transitions": list(map(transition_document, found[:limit])), "next": following})

    async def status(self, request: web.Request) -> web.StreamResponse:
        """How the prober itself fares."""
        Parameters(request.query, allowed=()).check()
        facts, board = self._source.status(), self._source.board
        return _json(
            {
                "version": facts.version,
                "egress": board.egress,
                "now": machine(self._source.now()),
                "started": machine(facts.started),
                "ready": facts.ready,
                "pairs": len(board.pairs),
                "seen": sum(state.exported is not None for state in board.pairs.values()),
                "routes": [route.name for route in self._live.layout.routes],
                "in_flight": facts.in_flight,
                "lateness": facts.late,
                "loop_lag": facts.lag,
                "skipped_starts": facts.skipped,
                "workers": {"processes": facts.workers, "restarts": facts.restarts, "lost_probes": facts.lost},
                "reload": {"ok": facts.reload_ok, "at": machine(facts.reload_at), "errors": facts.reload_errors},
                "store": {"file": facts.store, "ok": facts.store_trouble is None, "trouble": facts.store_trouble},
                "streams": self._live.clients,
            }
        )

    def _selection(self, request: web.Request, allowed: tuple[str, ...]) -> Selection:
        """The pairs that a query asks for. Raises BadParameters."""
        pairs = self._source.board.pairs
        given = Parameters(request.query, allowed=allowed)
        selection = Selection(
            given.text("target", _names(state.target.id for state in pairs.values())) or "",
            given.text("service", _names(state.target.service for state in pairs.values())) or "",
            given.text("route", _names(key[1] for key in pairs)) or "",
        )
        given.check()
        return selection

    def _tag(self, states: Iterable[PairState], selection: Selection) -> str:
        """Another one whenever the document would be another: weak, since it may be compressed."""
        board = self._source.board
        place = self._live.token.rpartition(".")[0]  # of this process and this set of pairs
        content: tuple[Any, ...] = (selection, board.egress, sum(state.revision for state in states))
        return f'W/"{place}-{hash(content) & 0xFFFFFFFFFFFF:012x}"'


def _names(names: Iterable[str]) -> Iterable[str]:
    """Sorted, and not before they are wanted."""
    yield from sorted(set(names))


def _body(value: object) -> Body:
    return body_of([_encoder.encode(value), b"\n"], _KIND, headers=_HEADERS)


def _tags(header: str) -> set[str]:
    """The tags of If-None-Match; compared weakly, so that how they are marked makes no difference."""
    return {f"W/{tag.strip().removeprefix('W/')}" for tag in header.split(",")}
