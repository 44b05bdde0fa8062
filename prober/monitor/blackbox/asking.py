"""One question after another within one time limit: over which route, on which terms, and whom the answer is from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from prober.config.allowance import is_literal
from prober.engine.run import Pair
from prober.engine.terms import Probed, Terms
from prober.interception.endings import Standing
from prober.interception.trust import Trust, TrustStore
from prober.model import Failure, Observation, Reason, Route, Stage, Timings
from prober.model.inquiry import Inquiry
from prober.monitor.blackbox.aim import Aim
from prober.monitor.blackbox.findings import Fault, Step
from prober.monitor.blackbox.logbook import Logbook
from prober.monitor.blackbox.modules import ReadyModule
from prober.monitor.blackbox.scope import ProbeScope
from prober.report.sanitize import sanitize
from prober.routes.rules import FixedRule, route_for
from prober.spki import spki_sha256

log = logging.getLogger(__name__)

_MOST_KEYS: Final = 8
"""Keys of one server, of which a farm may have several, before giving up."""
_GRACE: Final = 0.2
"""Seconds in which a probe whose time is up says what it was doing; it may also wait for others to the same host."""
_OTHER_FAMILY: Final[dict[int | None, str]] = {4: "ipv6", 6: "ipv4"}
_OS_ROOT_ONLY: Final = (Reason.CERT_UNTRUSTED,)


class StoppedError(Exception):
    """The probe cannot go on: `fault` says why, `denied` that it was kept from an address."""

    def __init__(self, fault: Fault, denied: str | None = None) -> None:
        super().__init__(fault.detail)
        self.fault = fault
        self.denied = denied


@dataclass(frozen=True, slots=True)
class Asking:
    """What all questions of one probe have in common."""

    scope: ProbeScope
    ready: ReadyModule
    rule: FixedRule
    logbook: Logbook
    remaining: Callable[[], float]
    """Seconds that are left."""

    async def ask(self, aim: Aim, inquiry: Inquiry) -> Step:
        """Ask, and judge who answered. Raises StoppedError.

        What is secret in a question goes only to a key that has been judged: the first connection ends with the
        handshake, the next one says it.
        """
        verified = not self.ready.module.tls_config.insecure_skip_verify
        secret = verified and bool(inquiry.headers or "?" in aim.target.path) and not inquiry.connect_only
        keys: frozenset[str] = frozenset()
        for _ in range(_MOST_KEYS):
            step = await self._once(aim, replace(inquiry, keys=keys) if secret else inquiry)
            tls = step.observation.tls
            withheld = secret and tls is not None and step.observation.reachable and step.observation.http is None
            if tls is None or not withheld or not self.believes(step, aim) or self.too_old(step):
                return step
            keys |= {spki_sha256(tls.chain[0]) or ""}
            self.logbook.info("Certificate verified, asking on a connection of its own")
        raise StoppedError(Fault.module("keys-changing", "the server showed another key on every connection"))

    async def _once(self, aim: Aim, inquiry: Inquiry) -> Step:
        route = route_for(self.rule, aim.target)
        left = self.remaining()
        if left <= 0:
            raise StoppedError(Fault.module("timeout", "the time was up"))
        family = self.ready.family(self.scope.family)
        if not route.hops and family == _OTHER_FAMILY.get(_version(aim.target.host)):
            return self._of_another_family(aim, route)
        terms = Terms(left, family, self.scope.policy, inquiry)
        self.logbook.info("Asking", address=aim.target.address, route=route.name, hops=len(route.hops))
        try:
            async with asyncio.timeout(left + _GRACE):
                probed = await self.scope.ask(Pair(aim.target, route), terms)
        except TimeoutError:
            raise StoppedError(Fault.module("timeout", "it was not this probe's turn in time")) from None
        if probed is None:
            raise StoppedError(Fault.module("lost", "the process that probed has ended; the next probe has a new one"))
        self._refuse(aim, probed)
        step = self._judged(aim, route, probed.observation, inquiry)
        self._tell(step, probed.observation)
        return step

    def _of_another_family(self, aim: Aim, route: Route) -> Step:
        """A literal that the module rules out, as blackbox_exporter has it; else literals are used as they are."""
        failure = Failure(Stage.DNS, 0, Reason.DNS_NODATA, f"{aim.target.host} is not of the module's address family")
        self.logbook.error("Resolution with IP protocol failed", detail=failure.detail)
        nothing = Observation(
            target=aim.target.id, route=route.name, at=self.scope.wall(), failure=failure, timings=Timings(total=0.0)
        )
        return Step(aim.target, route, nothing, None)

    def _refuse(self, aim: Aim, probed: Probed) -> None:
        """The address that was found is not said: whoever may ask is not told what is inside."""
        if probed.refused is None:
            return
        log.info("/probe kept from %s: %s", aim.target.address, sanitize(probed.refused))
        denied = (
            f"{aim.target.host} leads to an address that is not public: add its network to serve.allow_networks (the "
            "log of this prober names the address)"
        )
        raise StoppedError(Fault.module("redirect-refused", denied), denied)

    def _judged(self, aim: Aim, route: Route, observation: Observation, inquiry: Inquiry) -> Step:
        tls = observation.tls
        if tls is None or not tls.chain:
            return Step(aim.target, route, observation, None)
        at = self.scope.wall()
        name = inquiry.server_name or aim.target.host
        trust = self._judge.judge(tls.chain, name, at)
        locally = not aim.listed and _by_this_machine(trust)
        good = trust.trusted or locally
        expiry = self._judge.last_expiry(tls.chain, name, at, with_machine=locally) if good else None
        return Step(aim.target, route, observation, trust, expiry)

    @property
    def _judge(self) -> TrustStore:
        return self.ready.own_roots or self.scope.judge

    def believes(self, step: Step, aim: Aim) -> bool:
        """Whether what the step shows may be believed: the certificate is trusted, or nobody asked for that."""
        if step.trust is None or self.ready.module.tls_config.insecure_skip_verify:
            return True
        return step.trust.trusted or (not aim.listed and _by_this_machine(step.trust))

    def too_old(self, step: Step) -> bool:
        """Whether the module asks for a newer version of TLS."""
        tls = step.observation.tls
        return tls is not None and self.ready.module.tls_config.min_version == "TLS13" and tls.version != "TLSv1.3"

    def doubt(self, step: Step, aim: Aim) -> Fault | None:
        """Why the step is no success so far, the answer itself apart."""
        if step.observation.failure is not None:
            return Fault.of(step.observation.failure)
        if step.trust is not None and step.trust.failure is not None and not self.believes(step, aim):
            return Fault.of(step.trust.failure)
        return Fault.module("tls-version", "older than min_version") if self.too_old(step) else None

    def _tell(self, step: Step, observation: Observation) -> None:
        timings = observation.timings
        self.logbook.info(
            "Timings",
            peer=observation.peer if step.direct else None,
            resolve=timings.dns,
            connect=timings.connect,
            tls=timings.tls,
            processing=timings.ttfb,
            transfer=timings.transfer,
            total=timings.total,
        )
        if observation.failure is not None:
            failure = observation.failure
            self.logbook.error(
                "Failed", stage=failure.stage, hop=failure.hop, reason=failure.reason, detail=failure.detail
            )
        if step.trust is not None and observation.tls is not None:
            why = step.trust.failure
            self.logbook.info(
                "Certificate",
                trusted=str(step.trust.trusted).lower(),
                anchor=step.trust.anchor,
                reason=why and why.reason,
                detail=why and why.detail,
                version=observation.tls.version,
                cipher=observation.tls.cipher,
            )


def _version(host: str) -> int | None:
    """4 or 6 for a literal address."""
    return None if not is_literal(host) else 6 if ":" in host else 4


def _by_this_machine(trust: Trust) -> bool:
    """Whether nothing is wrong but that only this machine's store has the root: what counts for a target of the
    allow-list, as with blackbox_exporter, and not for the vendor's, whose names no local root may vouch for."""
    return (
        trust.problems == _OS_ROOT_ONLY
        and trust.standing is Standing.OS_ONLY
        and trust.known_bad is None
        and trust.interceptor is None
    )
