"""A failure in the run document: its fields, and how they are filled."""

from __future__ import annotations

from msgspec import Struct

from prober.failures import hint, windows_code
from prober.model import Failure, Route, Stage, Target
from prober.report.scalars import Count, wire_text


class WindowsDoc(Struct, frozen=True):
    """What a component on Windows would show about; a mapping, not an observation."""

    code: int | None
    """WinHTTP's decimal number."""
    hresult: str
    name: str


class FailureDoc(Struct, frozen=True):
    """Why a target was not reached, or why a certificate is not trusted."""

    stage: str
    hop: Count
    """0 = the target itself, 1… = proxies, outermost first."""
    reason: str
    detail: str
    """What was tried and what came back, as it came: escape before showing."""
    hint: str
    """What to do."""
    windows: WindowsDoc | None
    status: int | None = None
    """The HTTP status that was the failure."""


def failure_document(failure: Failure | None, route: Route, target: Target) -> FailureDoc | None:
    """A failure with its hint and what Windows would show about it; None stays None."""
    if failure is None:
        return None
    return FailureDoc(
        stage=failure.stage.value,
        hop=failure.hop,
        reason=failure.reason.value,
        detail=wire_text(failure.detail),
        hint=hint(failure, route=route, target=target),
        windows=_windows(failure, route),
        status=failure.status,
    )


def _windows(failure: Failure, route: Route) -> WindowsDoc | None:
    """Nothing for what a SOCKS proxy answers: Defender's services on Windows do not speak SOCKS 5."""
    at_proxy = failure.stage is Stage.PROXY and 1 <= failure.hop <= len(route.hops)
    if at_proxy and not route.hops[failure.hop - 1].scheme.is_http:
        return None
    code = windows_code(failure)
    return None if code is None else WindowsDoc(code.code, code.hresult, code.name)
