"""Sites are asked how they would probe, and their answers become plans: one for each egress point."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prober.check.plan import Chosen, Plan, revocation_hosts
from prober.check.rejudge import baseline_of
from prober.check.revocation import RevocationSettings
from prober.cluster.errors import ClusterError
from prober.cluster.link import AgentThere, Link
from prober.cluster.ways import Way
from prober.cluster.words import Question, Surveyed, identity
from prober.engine.run import Pair
from prober.engine.stores import ProxyCertificates, mozilla_roots
from prober.interception.holdings import TrustSnapshot
from prober.interception.trust import TrustStore
from prober.interception.views import Views
from prober.report.document import Run as RunDocument

ALL = "all"


async def sites(link: Link, wanted: Sequence[str]) -> dict[str, AgentThere]:
    """One agent for each egress point wanted, by name; `all` = whoever is there.

    Raises ClusterError with every reason: nobody of that name, or agents of one egress with different settings.
    """
    if not wanted:
        raise ClusterError(["--egress names no egress point"])
    there: dict[str, list[AgentThere]] = {}
    for agent in await link.agents():
        there.setdefault(agent.egress, []).append(agent)
    names = sorted(there) if ALL in wanted else list(dict.fromkeys(wanted))
    known = ", ".join(sorted(there)) or "none"
    errors = [f'--egress "{name}": no agent offers it (there are: {known})' for name in names if name not in there]
    for name in names:
        if len({agent.mark for agent in there.get(name, ())}) > 1:
            shown = ", ".join(sorted(agent.name for agent in there[name]))
            errors.append(f"egress {name}: its agents have different settings: {shown}")
    if not names:
        errors.append("no agent is connected to the scheduler (prober agent --scheduler …)")
    if errors:
        raise ClusterError(errors)
    return {name: there[name][0] for name in names}


async def survey(link: Link, agents: Mapping[str, AgentThere], question: Question) -> dict[str, Surveyed]:
    """What each site answers, by its name. Raises ClusterError with every site that cannot probe, and why."""
    from prober.cluster.share import survey as asked

    answers = await asyncio.gather(
        *(link.ask(asked, question, address=agent.address) for agent in agents.values()), return_exceptions=True
    )
    errors: list[str] = []
    found: dict[str, Surveyed] = {}
    for name, answer in zip(agents, answers, strict=True):
        if isinstance(answer, ClusterError):
            errors += answer.errors
        elif isinstance(answer, BaseException):
            raise answer
        elif answer.identity != identity():
            errors.append(f"the agent of {name} is {answer.identity.text}; this is {identity().text}")
        elif answer.errors:
            errors += [f"egress {name}: {each}" for each in answer.errors]
        else:
            found[name] = answer
    if errors:
        raise ClusterError(errors)
    return found


def plans(
    surveyed: Mapping[str, Surveyed],
    chosen: Chosen,
    *,
    attempts: int,
    locate: bool,
    direct: bool,
    baseline: RunDocument | None,
    revocation: Revoking | None = None,
) -> dict[str, Plan]:
    """A plan for each site, to be judged here with the trust of the site. Raises ClusterError."""
    stores: dict[TrustSnapshot, tuple[TrustStore, Views]] = {}
    asked = {} if revocation is None else _revocation(surveyed, revocation)
    return {
        name: _plan(name, answer, chosen, stores, attempts, locate, direct, baseline, asked.get(name))
        for name, answer in surveyed.items()
    }


@dataclass(frozen=True, slots=True)
class Revoking:
    """That the addresses in certificates are to be asked too."""

    over: str | None
    """The route that all of them are asked over; None = each over its target's own."""
    ways: Mapping[str, Way]
    """By site."""


def _revocation(surveyed: Mapping[str, Surveyed], revocation: Revoking) -> dict[str, RevocationSettings]:
    """Which addresses may be asked is the site's own to say (`Site.pairs`)."""
    errors: list[str] = []
    found: dict[str, RevocationSettings] = {}
    for name, answer in surveyed.items():
        wrong: list[str] = []
        hosts = revocation_hosts(answer.rules, revocation.over, wrong)
        errors += [f"egress {name}: {each}" for each in wrong]
        rules = {rule.name: rule for rule in answer.rules}
        found[name] = RevocationSettings(rules, revocation.ways[name], revocation.over, hosts)
    if errors:
        raise ClusterError(errors)
    return found


def _plan(
    name: str,
    answer: Surveyed,
    chosen: Chosen,
    stores: dict[TrustSnapshot, tuple[TrustStore, Views]],
    attempts: int,
    locate: bool,
    direct: bool,
    baseline: RunDocument | None,
    revocation: RevocationSettings | None,
) -> Plan:
    if answer.trust is None or answer.probe is None or answer.descriptors is None or answer.machine is None:
        raise ClusterError([f"egress {name}: its answer is not whole"])
    # sites with the same trust share a store, and so what one of them learns of intermediates
    if answer.trust not in stores:
        store = TrustStore.from_snapshot(answer.trust, mozilla_roots(), targets=len(chosen.targets))
        stores[answer.trust] = (store, Views(store, targets=len(chosen.targets)))
    judge, views = stores[answer.trust]
    return Plan(
        egress=name,
        targets=chosen.targets,
        skipped=chosen.skipped,
        services_without_probes=chosen.services_without_probes,
        rules=answer.rules,
        pairs=tuple(
            Pair(target, answer.routes[place])
            for target, way in zip(chosen.targets, answer.ways, strict=True)
            for place in way
        ),
        probe=answer.probe,
        descriptors=answer.descriptors,
        warnings=answer.warnings,
        attempts=attempts,
        workers=1,
        judge=judge,
        proxies=ProxyCertificates(()),
        baseline=baseline_of(baseline, judge, name),
        locate=locate,
        direct=direct,
        machine=answer.machine,
        views=views,
        revocation=revocation,
    )
