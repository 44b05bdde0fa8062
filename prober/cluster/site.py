"""An agent's own side: its configuration, what it answers when asked how it would probe, and the pairs of a share."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from prober.check.errors import PlanErrors
from prober.check.plan import Chosen, make_plan, probe_settings
from prober.check.revocation import named_addresses
from prober.check.ways import Settled, serves, settle
from prober.cluster.words import Question, Share, Surveyed, identity
from prober.config import Loaded, is_fingerprint
from prober.engine.address_policy import AddressPolicy
from prober.engine.limits import reserve_descriptors
from prober.engine.run import Pair
from prober.engine.settings import ProbeSettings
from prober.engine.stores import ProxyCertificates
from prober.engine.terms import AS_SET, Terms
from prober.engine.workers import fair_share
from prober.interception.location import prefixes
from prober.model import Hop, Route, Target
from prober.model.inquiry import Inquiry
from prober.routes.environment import EnvironmentRoute
from prober.routes.overrides import Overrides
from prober.routes.rules import RouteRule, ScriptedRoute, fixed_hops
from prober.routes.text import without_login

_SETTLED: Final = 4
"""Runs whose scripted ways are remembered."""
_NOT_ALIKE: Final = frozenset({"serve"})
"""Settings that play no part in a run."""


class UnlikeError(Exception):
    """A share made for other settings than these."""


class Site:
    """One egress point: its settings in force, with its passwords, which stay here."""

    def __init__(self, loaded: Loaded, egress: str) -> None:
        self._loaded = loaded
        self.egress = egress
        self.mark = _mark(loaded, egress)
        self._settled: OrderedDict[tuple[Target, ...], Settled] = OrderedDict()

    @property
    def no_direct(self) -> bool:
        """Whether nothing may go without a proxy from here."""
        return self._loaded.no_direct

    def survey(self, question: Question) -> Surveyed:
        """How it would probe these targets. Blocks: scripts are fetched and asked."""
        loaded = self._with(no_direct=question.no_direct)
        try:
            plan = make_plan(loaded, Chosen(question.targets), ask_scripts=question.ask_scripts)
        except PlanErrors as error:
            return self._unable(tuple(error.errors))
        routes: dict[Route, int] = {}
        ways: dict[str, list[int]] = {target.id: [] for target in question.targets}
        for pair in plan.pairs:
            ways[pair.target.id].append(routes.setdefault(without_passwords(pair.route), len(routes)))
        kept: dict[tuple[int, ...], tuple[int, ...]] = {}
        each = (tuple(ways[target.id]) for target in question.targets)
        return Surveyed(
            egress=self.egress,
            identity=identity(),
            mark=self.mark,
            errors=(),
            rules=tuple(map(_rule_without_passwords, plan.rules)),
            routes=tuple(routes),
            ways=tuple(kept.setdefault(way, way) for way in each),
            probe=_without_files(plan.probe),
            descriptors=plan.descriptors,
            warnings=plan.warnings,
            trust=plan.judge.snapshot(None),
            machine=plan.machine,
        )

    def _unable(self, errors: tuple[str, ...]) -> Surveyed:
        return Surveyed(self.egress, identity(), self.mark, errors)

    def pairs(self, share: Share) -> list[Pair]:
        """A share's pairs with this site's own routes. Raises UnlikeError for one made for other settings."""
        if share.mark != self.mark or share.egress != self.egress:
            raise UnlikeError(f"the agents of {share.egress} have other settings than when the run began")
        loaded = self._with(no_direct=share.no_direct)
        rules = {rule.name: rule for rule in loaded.routes}
        settled = self._settle(tuple(rules.values()), share.targets, loaded)
        found = []
        for item in share.items:
            rule = rules.get(item.rule)
            if rule is None:
                raise UnlikeError(f"egress {share.egress} has no route {item.rule}")
            target = share.targets[item.target]
            route = settled.route(rule, target)
            if item.first is not None:
                route = prefixes(route)[item.first]
            terms = AS_SET if item.body_limit is None else self._fetching(item.body_limit)
            found.append(Pair(target, route, present=item.present, purpose=item.purpose, terms=terms))
        return found

    def _fetching(self, limit: int) -> Terms:
        """For an address that a certificate names: only public ones, and those that this site's owner led names to."""
        guard = AddressPolicy(named_addresses(self._loaded.resolve))
        return Terms(guard=guard, inquiry=Inquiry(body_limit=limit, keep_body=True))

    def way(self, rule: str, target: Target, *, no_direct: bool) -> Route | None:
        """How it would go to a target over a route of its own, as others may know it; None where it has no such route.
        Blocks: a script is asked."""
        loaded = self._with(no_direct=no_direct)
        found = next((each for each in loaded.routes if each.name == rule), None)
        return (
            None if found is None else without_passwords(self._settle((found,), (target,), loaded).route(found, target))
        )

    def _settle(self, rules: Sequence[RouteRule], targets: tuple[Target, ...], loaded: Loaded) -> Settled:
        """Scripts are asked once about the same targets: attempts and what follows from them take the same way."""
        settled = self._settled.get(targets)
        if settled is None:
            settled = settle(rules, [each for each in targets if any(serves(r, each) for r in rules)], loaded)
            self._settled[targets] = settled
            while len(self._settled) > _SETTLED:
                self._settled.popitem(last=False)
        return settled

    def probe_settings(self, of: int) -> ProbeSettings:
        """For one of so many shares at once."""
        allowed = reserve_descriptors(self._loaded.settings.probe.concurrency).allowed
        return fair_share(probe_settings(self._loaded, allowed), of)

    def proxies(self) -> ProxyCertificates:
        """Whose certificates the proxies of this site may have."""
        return ProxyCertificates([hop for rule in self._loaded.routes for hop in fixed_hops(rule)])

    def _with(self, *, no_direct: bool) -> Loaded:
        if not no_direct:
            return self._loaded
        kept = tuple(rule for rule in self._loaded.routes if not isinstance(rule, Route) or rule.hops)
        return replace(self._loaded, routes=kept, no_direct=True)


def without_passwords(route: Route) -> Route:
    """The same way as others may know it: that there is a login, and nothing of it."""
    return replace(
        route,
        hops=tuple(map(_bare, route.hops)),
        fallbacks=tuple(tuple(map(_bare, way)) for way in route.fallbacks),
    )


def _bare(hop: Hop) -> Hop:
    return replace(hop, user=None if hop.user is None else "", password=None, trust_roots=None)


def _rule_without_passwords(rule: RouteRule) -> RouteRule:
    if isinstance(rule, Route):
        return without_passwords(rule)
    if isinstance(rule, EnvironmentRoute):
        return replace(rule, https=without_passwords(rule.https), http=without_passwords(rule.http))
    if isinstance(rule, ScriptedRoute):
        return replace(rule, script=None if rule.script is None else without_login(rule.script), trust_roots=None)
    return rule


def _without_files(probe: ProbeSettings) -> ProbeSettings:
    """For which hosts there is a client certificate, but not where it is."""
    return replace(probe, overrides=Overrides(), client_certificates=dict.fromkeys(probe.client_certificates, ""))


def _mark(loaded: Loaded, egress: str) -> str:
    """A digest of all settings that play a part: agents with the same one can take each other's shares."""
    settings = loaded.settings.model_dump(mode="json", exclude=set(_NOT_ALIKE))
    files = [_digest(path) for path in _files(loaded)]
    routes = [repr(_rule_without_passwords(rule)) for rule in loaded.routes]
    told: Iterable[object] = (egress, identity().text, settings, routes, files, loaded.no_direct)
    return hashlib.sha256(msgspec.json.encode(list(told), order="deterministic")).hexdigest()[:16]


def _files(loaded: Loaded) -> list[str]:
    """Files whose content plays a part: trust, and certificates of clients. What a script says is no setting."""
    trust = loaded.settings.trust
    hops = [hop for rule in loaded.routes for hop in fixed_hops(rule)]
    named = [root.file for root in trust.roots] + [
        text for text in trust.known_interceptors if not is_fingerprint(text)
    ]
    named += [hop.trust_roots for hop in hops if hop.trust_roots is not None]
    return sorted({*named, *loaded.client_certificates.values()})


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"  # which whoever reads it for a run says with its name
