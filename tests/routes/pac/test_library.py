"""The library is part of the package."""

from __future__ import annotations

import quickjs

from prober.routes.pac.library import library


def test_it_is_one_expression() -> None:
    assert library() is library()
    assert library().isascii() or "…" in library()
    assert isinstance(quickjs.Context().eval("typeof " + library()[library().index("(function") :]), str)
