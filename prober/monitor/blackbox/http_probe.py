"""`prober: http`: one request and the redirects it leads to, each of them looked at by the guard."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from prober.config.modules import HttpModule
from prober.model import HttpFacts, Scheme, Target
from prober.model.inquiry import REDIRECTS, Inquiry
from prober.monitor.blackbox.aim import Aim, RefusedError, admit, elsewhere
from prober.monitor.blackbox.asking import Asking, StoppedError
from prober.monitor.blackbox.findings import Fault, Findings, Step

MOST_REDIRECTS: Final = 10
_SENSITIVE: Final = frozenset({"authorization", "cookie", "cookie2", "www-authenticate"})
"""Headers that Go's client does not take to another host."""


async def probe_http(asking: Asking, aim: Aim, host: str | None, findings: Findings) -> None:
    """Fill in the findings. `host` is the request's `hostname` parameter."""
    inquiry = asking.ready.inquiry(host)
    first = aim.target
    try:
        while True:
            step = await asking.ask(_as_asked(aim, asking), inquiry)
            findings.steps.append(step)
            findings.fault = asking.doubt(step, aim)
            facts = step.observation.http
            if facts is not None and asking.believes(step, aim) and not asking.too_old(step):
                findings.answer, findings.body_read = step, True
            if findings.fault is not None or facts is None:
                break
            asking.logbook.info("Received HTTP response", status_code=facts.status)
            location = _header(facts, "location") if facts.status in REDIRECTS else None
            if not location:
                break
            onward = _onward(asking, aim, location, findings)
            if onward is None:
                findings.body_read = False
                break
            findings.answer, findings.body_read = None, False
            inquiry = _for_redirect(inquiry, first, aim.target, onward.target)
            aim = onward
    except StoppedError as stopped:
        findings.fault = stopped.fault
        findings.denied = None if findings.steps else stopped.denied
        asking.logbook.error("Stopped", reason=stopped.fault.reason, detail=stopped.fault.detail)
        return
    if findings.fault is None and findings.answer is not None:
        findings.fault = _complaint(asking.ready.module.http, asking.ready.body_limit, findings.answer)
    if findings.fault is not None:
        asking.logbook.error("Not as the module asks", reason=findings.fault.reason, detail=findings.fault.detail)


def _as_asked(aim: Aim, asking: Asking) -> Aim:
    """With the module's method, and the statuses that a proxy on the way may be taken at its word for."""
    http = asking.ready.module.http
    return replace(aim, target=replace(aim.target, method=http.method, expected=tuple(http.valid_status_codes)))


def _onward(asking: Asking, aim: Aim, location: str, findings: Findings) -> Aim | None:
    """Where a redirect leads; None if it is not followed, for which the fault says why unless the module says so."""
    findings.redirects += 1
    asking.logbook.info("Received redirect", location=location)
    if not asking.ready.module.http.follows:
        asking.logbook.info("Not following redirect")
        return None
    if findings.redirects > MOST_REDIRECTS:
        findings.fault = Fault.module("too-many-redirects", f"more than {MOST_REDIRECTS}")
        return None
    try:
        return admit(elsewhere(location, aim.target), asking.scope)
    except RefusedError as refused:
        findings.fault = Fault.module("redirect-refused", str(refused))
        return None


def _for_redirect(inquiry: Inquiry, first: Target, before: Target, onward: Target) -> Inquiry:
    """What is asked elsewhere: another host gets neither the first one's name nor what proves who asks.

    Nor does anybody get that in the clear after TLS, which is stricter than Go's client.
    """
    same = (onward.host, onward.port) == (before.host, before.port)
    home = onward.host == first.host and not (onward.scheme is Scheme.HTTP and first.scheme is Scheme.HTTPS)
    headers = tuple((name, value) for name, value in inquiry.headers if home or name.lower() not in _SENSITIVE)
    if same:
        return replace(inquiry, headers=headers)
    return replace(inquiry, headers=headers, host=None, server_name=None)


def _complaint(http: HttpModule, limit: int, answer: Step) -> Fault | None:
    """What the module finds wrong with the last response, the first finding first."""
    facts = answer.observation.http
    if facts is None:
        return None
    faults: list[Fault] = []
    valid = http.valid_status_codes
    if facts.status not in valid if valid else not 200 <= facts.status < 300:
        faults.append(Fault.module("status", f"{facts.status}, wanted {', '.join(map(str, valid)) or '2xx'}"))
    if facts.body is not None and facts.body.cut and 0 < http.body_size_limit <= limit:
        faults.append(Fault.module("body-size", f"the body is larger than {http.body_size_limit} bytes"))
    if http.valid_http_versions and f"HTTP/{facts.version}" not in http.valid_http_versions:
        faults.append(Fault.module("http-version", f"HTTP/{facts.version}"))
    over_tls = answer.target.scheme is Scheme.HTTPS
    if http.fail_if_ssl and over_tls:
        faults.append(Fault.module("ssl", "the last request went over TLS"))
    if http.fail_if_not_ssl and not over_tls:
        faults.append(Fault.module("not-ssl", "the last request went in the clear"))
    return faults[0] if faults else None


def _header(facts: HttpFacts, name: str) -> str | None:
    return next((value for key, value in facts.headers if key == name), None)
