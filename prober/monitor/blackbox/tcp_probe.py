"""`prober: tcp`: a connection, and a TLS handshake where the module asks for one."""

from __future__ import annotations

from dataclasses import replace

from prober.model import Scheme
from prober.monitor.blackbox.aim import Aim
from prober.monitor.blackbox.asking import Asking, StoppedError
from prober.monitor.blackbox.findings import Findings


async def probe_tcp(asking: Asking, aim: Aim, host: str | None, findings: Findings) -> None:
    """Fill in the findings. `host` is the request's `hostname` parameter."""
    aim = replace(aim, target=replace(aim.target, scheme=Scheme.TLS))
    try:
        step = await asking.ask(aim, asking.ready.inquiry(host))
    except StoppedError as stopped:
        findings.fault, findings.denied = stopped.fault, stopped.denied
        asking.logbook.error("Stopped", reason=stopped.fault.reason, detail=stopped.fault.detail)
        return
    findings.steps.append(step)
    findings.fault = asking.doubt(step, aim)
    if findings.fault is None:
        findings.answer = step
