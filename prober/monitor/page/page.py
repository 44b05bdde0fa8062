"""`/`, `/pair`, `/transitions` and what they are drawn with. Every page is whole without a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup

from prober.monitor.page.changes import mark_of, said
from prober.monitor.page.filters import STATES, Filter
from prober.monitor.page.live import Live
from prober.monitor.page.pair import HISTORY, pair_view, revision
from prober.monitor.page.parameters import BadParameters, Parameters
from prober.monitor.page.rendering import page, prepare, rendered, segment
from prober.monitor.page.source import PageSource, TransitionQuery
from prober.monitor.page.static_files import build, static_routes
from prober.monitor.slices import Slices
from prober.monitor.state import PairKey, Track
from prober.monitor.web.shared import Body, Shared

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SLICE: Final = 0.001
"""Seconds for which rows are made at a stretch."""
PAGE: Final = 100
"""Transitions on one page."""
_REFRESH: Final = frozenset({"10", "30", "60", "300"})
_WIDTHS: Final = (2, 4, 6, 9)


def page_routes(source: PageSource, live: Live) -> list[web.RouteDef]:
    """The page. `live` is shared with `api_routes`."""
    prepare()
    pages = _Pages(source, live)
    return [
        web.get("/", pages.matrix),
        web.get("/pair", pages.pair),
        web.get("/transitions", pages.transitions),
        *static_routes(),
    ]


class _Pages:
    def __init__(self, source: PageSource, live: Live) -> None:
        self._source = source
        self._live = live
        self._matrices: Shared[Body] = Shared()
        self._others: Shared[Body] = Shared(keep=False)

    async def matrix(self, request: web.Request) -> web.StreamResponse:
        chosen = Filter.read(request.query)
        refresh = request.query.get("refresh", "")
        refresh = refresh if refresh in _REFRESH else ""
        state = self._live.token, int(self._source.now())  # ages are shown
        body = await self._matrices.get((chosen, refresh), state, partial(self._matrix, chosen, refresh))
        return await body.answer(request)

    async def _matrix(self, chosen: Filter, refresh: str) -> Body:
        live = self._live
        panels = await live.panels()
        token = live.token  # before the matrix is made: what changes meanwhile comes again
        layout = live.layout
        groups, shown_rows = await self._groups(chosen)
        body = rendered(
            "matrix.html",
            **self._about("matrix", refresh),
            token=token,
            build=build(),
            panels=panels,
            layout=layout,
            chosen=chosen,
            states=STATES,
            groups=groups,
            any_shown=bool(shown_rows),
            shown_rows=shown_rows,
            all_rows=sum(len(group.rows) for group in layout.groups),
            width=next((width for width in _WIDTHS if len(layout.routes) <= width), "many"),
        )
        return page(body)

    async def _groups(self, chosen: Filter) -> tuple[list[Markup], int]:
        """Every group with its rows, and how many rows fit."""
        live, now = self._live, self._source.now()
        layout, fragments = live.layout, live.fragments
        groups: list[Markup] = []
        shown = 0
        slices = Slices(SLICE)
        for group in layout.groups:
            rows: list[Markup] = []
            for row in group.rows:
                rows.append(fragments.row(row, group, chosen, now))
                await slices.keep()
            fitting = fragments.count(group, chosen)
            shown += fitting
            broken = fragments.broken(group)
            groups.append(
                rendered(
                    "group.html", group=group, head=fragments.group_head(group), rows=rows, routes=layout.routes,
                    chosen=chosen, broken=broken, shown=fitting > 0, opened=fitting > 0 and (broken or chosen.active),
                )
            )  # fmt: skip
        return groups, shown

    async def pair(self, request: web.Request) -> web.StreamResponse:
        """One pair; with `part=1` only what goes into the drawer."""
        query = request.query
        key: PairKey = (query.get("target", ""), query.get("route", ""))
        known, part, beside = key in self._source.board.pairs, query.get("part") == "1", query.get("with", "")
        if part and known and request.headers.get("If-None-Match") == f'"{(tag := self._tag(key))}"':
            return web.Response(status=304, headers={"ETag": f'"{tag}"'})
        if known:
            make = partial(self._pair, key, beside, part=part)
            body = await self._others.get(("pair", *key, beside, part), None, make)
        else:
            body = await self._others.get("no pair", None, self._no_pair)
        return await body.answer(request)

    def _tag(self, key: PairKey) -> str:
        return f"{self._live.token.partition('.')[0]}-{revision(self._source.board, key[0])}"

    async def _no_pair(self) -> Body:
        return self._missing("No such pair", "This target is not probed over this route. It may have gone with a "
                             "change of the configuration; its history stays.")  # fmt: skip

    async def _pair(self, key: PairKey, beside: str, *, part: bool) -> Body:
        board = self._source.board
        tag = self._tag(key)
        found = await self._source.transitions(TransitionQuery(target=key[0], route=key[1], limit=HISTORY))
        try:
            view = pair_view(board, key, [each.transition for each in found], beside=beside)
        except KeyError:  # gone while the history was read
            return self._missing("No such pair", "It has just gone with a change of the configuration.")
        values = {**self._about("pair"), "view": view, "revision": tag}
        return page(rendered("pair.html" if part else "pair_page.html", **values), headers={"ETag": f'"{tag}"'})

    async def transitions(self, request: web.Request) -> web.StreamResponse:
        """The history."""
        values = {name: value for name, value in request.query.items() if value}
        key = "transitions", frozenset(values.items())
        body = await self._others.get(key, None, partial(self._transitions, values))
        return await body.answer(request)

    async def _transitions(self, values: Mapping[str, str]) -> Body:
        given = Parameters(values, allowed=("target", "route", "track", "since", "before", "cursor"))
        query = TransitionQuery(
            target=given.text("target"), route=given.text("route"), track=given.choice("track", Track),
            since=given.moment("since"), before=given.moment("before"), cursor=given.number("cursor"), limit=PAGE + 1,
        )  # fmt: skip
        errors: list[str] = []
        try:
            given.check()
        except BadParameters as bad:
            errors = [f"{each.parameter}: {each.message}" for each in bad.errors]
        found = [] if errors else list(await self._source.transitions(query))
        listed = found[:PAGE]
        older = {**values, "cursor": str(listed[-1].id)} if len(found) > PAGE else None
        pairs = self._source.board.pairs
        body = rendered(
            "transitions.html",
            **self._about("transitions"),
            query=query,
            since=values.get("since", ""),
            before=values.get("before", ""),
            errors=errors,
            transitions=[each.transition for each in listed],
            older=older and _link(older),
            newest=_link({name: value for name, value in values.items() if name != "cursor"})
            if "cursor" in values
            else "",
            targets=sorted({key[0] for key in pairs}),
            routes=[route.name for route in self._live.layout.routes],
            tracks=list(Track),
            pairs=pairs,
            said=said,
            mark_of=mark_of,
        )
        return page(body, status=400 if errors else 200)

    def _missing(self, heading: str, text: str) -> Body:
        return page(rendered("problem.html", **self._about(""), heading=heading, text=text), status=404)

    def _about(self, here: str, refresh: str = "") -> dict[str, Any]:
        """What every page needs."""
        source = self._source
        return {
            "egress": source.board.egress,
            "now": source.now(),
            "version": source.status().version,
            "here": here,
            "refresh": refresh,
        }


def _link(values: Mapping[str, str]) -> str:
    return f"transitions?{'&'.join(f'{segment(name)}={segment(value)}' for name, value in values.items())}"
