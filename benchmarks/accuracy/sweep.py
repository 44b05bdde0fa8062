"""Runs a world as prober would, judges it, and holds every verdict against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.accuracy.pki import Keys
from benchmarks.accuracy.sites import Site
from benchmarks.accuracy.world import Scenario, Seen, Way, World
from prober.interception.baseline import Baseline
from prober.interception.certificates import certificate_facts
from prober.interception.comparison import Comparison
from prober.interception.evidence import CATALOGUE
from prober.interception.verdict import Verdict, Word
from prober.model import TrustClass

Record = tuple[Site, Way, Seen]
ALARMS = (Word.INTERCEPTED, Word.SUSPECT)


@dataclass(frozen=True, slots=True)
class Cell:
    """One target over one route, judged."""

    seed: int
    target: str
    route: str
    adversary: str
    """Its kind; empty where nobody forged."""
    known: str
    """What there was to compare an intercepted cell with; empty for clean ones."""
    traits: tuple[str, ...]
    """What may mislead about the site and the route."""
    word: str
    reason: str
    score: int
    evidence: tuple[str, ...]
    hop: str
    """`right`, `wrong`, `open` (nothing said), or empty where nobody forged."""
    mixed: bool
    story: tuple[str, ...] = ()
    """All that was seen, for verdicts that are wrong."""


@dataclass(slots=True)
class Outcome:
    """All cells of a world."""

    seed: int
    cells: list[Cell] = field(default_factory=list)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Intercepted cells no longer found `intercepted`, by evidence id left out and by what was known."""
    observations: int = 0


_keys = Keys()


def judged(seed: int, leave_out: bool, tell: bool = False) -> Outcome:
    """One world from its seed to its verdicts. `tell` keeps the story of every cell."""
    world = World(seed, _keys)
    store = world.land.store()
    baseline = _baseline(world) if world.scenario is Scenario.BASELINE else None
    comparison = Comparison(store, baseline=baseline)
    records: list[Record] = []
    for site, way, seen in world.attempts_of_all():
        records.append((site, way, seen))
        comparison.add(site.target, way.route, seen.observation)
    _confirm(world, comparison, records)
    outcome = Outcome(seed, observations=len(records))
    truth = _Truth(world, records, baseline)
    verdicts = {(site.target.id, way.route.name): comparison.verdict(site.target.id, way.route.name)
                for site in world.sites for way in world.ways}  # fmt: skip
    for site in world.sites:
        for way in world.ways:
            cell = truth.cell(site, way, verdicts[site.target.id, way.route.name], tell=tell)
            if cell is not None:
                outcome.cells.append(cell)
    found = [cell for cell in outcome.cells if cell.adversary and cell.word == Word.INTERCEPTED]
    if leave_out and found:
        _leave_out(outcome, found, records, lambda id_: Comparison(store, baseline=baseline, without=frozenset({id_})))
    return outcome


def _baseline(world: World) -> Baseline:
    earlier = Comparison(world.land.store())
    for site, way, seen in world.earlier():
        earlier.add(site.target, way.route, seen.observation)
    return Baseline.of(earlier.references())


def _confirm(world: World, comparison: Comparison, records: list[Record]) -> None:
    """What a run probes once more before it believes."""
    ways = {way.route.name: way for way in world.ways}
    sites = {site.target.id: site for site in world.sites}
    wanted: dict[tuple[str, str], None] = {}
    for site in world.sites:
        for way in world.ways:
            wanted.update(dict.fromkeys(comparison.to_confirm(site.target.id, way.route.name)))
    for number, (target_id, route) in enumerate(wanted):
        again = world.confirm(sites[target_id], ways[route], number)
        records.append((sites[target_id], ways[route], again))
        comparison.add(sites[target_id].target, ways[route].route, again.observation)


def _leave_out(
    outcome: Outcome, found: Sequence[Cell], records: Iterable[Record], without: Callable[[str], Comparison]
) -> None:
    for left_out in CATALOGUE:
        if not any(left_out in cell.evidence for cell in found):
            continue
        comparison = without(left_out)
        for site, way, seen in records:
            comparison.add(site.target, way.route, seen.observation)
        for cell in found:
            if comparison.verdict(cell.target, cell.route).word is not Word.INTERCEPTED:
                outcome.lost[left_out, cell.known] += 1


class _Truth:
    """What really was, cell by cell."""

    def __init__(self, world: World, records: Iterable[Record], baseline: Baseline | None) -> None:
        self._world = world
        self._baseline = baseline
        self._seen: dict[tuple[str, str], list[Seen]] = {}
        for site, way, seen in records:
            self._seen.setdefault((site.target.id, way.route.name), []).append(seen)

    def cell(self, site: Site, way: Way, verdict: Verdict, *, tell: bool) -> Cell | None:
        """The cell with its verdict; None where no certificate was seen."""
        looks = [seen for seen in self._of(site, way) if seen.observation.tls is not None]
        if not looks:
            return None
        forged = [seen for seen in looks if seen.forged]
        adversary = self._world.adversary.kind if forged and self._world.adversary is not None else ""
        wrong = (verdict.word in ALARMS) if not forged else verdict.word is not Word.INTERCEPTED
        return Cell(
            seed=self._world.seed,
            target=site.target.id,
            route=way.route.name,
            adversary=adversary,
            known=self._known(site, way, looks) if forged else "",
            traits=self._traits(site, way, looks),
            word=verdict.word.value,
            reason=verdict.reason.value if verdict.reason is not None else "",
            score=verdict.score,
            evidence=tuple(each.id for each in verdict.evidence),
            hop=self._hop(way, verdict) if forged else "",
            mixed=verdict.mixed is not None,
            story=tuple(self._story(looks, verdict)) if tell or wrong else (),
        )

    def _of(self, site: Site, way: Way) -> list[Seen]:
        return self._seen.get((site.target.id, way.route.name), [])

    def _known(self, site: Site, way: Way, looks: list[Seen]) -> str:
        """What an honest judge could compare with."""
        if any(not seen.forged and _is_reference(seen) for seen in looks):
            return "mixed on the route itself"
        others = [each for each in self._world.ways if each.route.name != way.route.name]
        good = [each for each in others if any(_is_reference(seen) for seen in self._of(site, each))]
        if any(not each.route.hops for each in good):
            return "reference: direct"
        if good:
            return "reference: another proxy"
        if self._baseline is not None and self._baseline.looks((site.target.host, site.target.port)):
            return "baseline"
        if not site.owner.backing.vouches:
            return "origin without an anchor"
        return "several targets" if self._several(site, way) else "one target"

    def _several(self, site: Site, way: Way) -> bool:
        """Whether another, unrelated site was intercepted on this route, and catalogs say so."""
        return any(
            _unrelated(site, other) and any(seen.forged for seen in self._of(other, way))
            for other in self._world.sites
            if other is not site
        )

    def _traits(self, site: Site, way: Way, looks: list[Seen]) -> tuple[str, ...]:
        traits = [trait for trait in site.traits if trait != "split"]
        if any(seen.twin for seen in looks):
            traits.append("split: inside")
            if self._twins_of_others(site, way):
                traits.append("split: several families")
        elif site.twin is not None:
            traits.append("split: outside")
        if "authority-s-key" in traits and site.target.trust is None and not self._direct(site):
            traits.append("home-made, proxied only")
        if any(seen.portal for seen in looks):
            traits.append("portal")
        if self._world.skew:
            traits.append("clock")
        if any(seen.observation.tls is not None and not seen.observation.tls.key_proven for seen in looks):
            traits.append("key-not-proven")
        return tuple(traits)

    def _direct(self, site: Site) -> bool:
        """Whether the site showed a certificate without any proxy."""
        ways = (way for way in self._world.ways if not way.route.hops)
        return any(seen.observation.tls is not None for way in ways for seen in self._of(site, way))

    def _twins_of_others(self, site: Site, way: Way) -> bool:
        """Whether unrelated services have twins under the same authority on this route."""
        return any(
            other is not site and other.twin is not None and site.twin is not None
            and other.twin.before[0].chain[-1].issuer == site.twin.before[0].chain[-1].issuer
            and (other.owner is not site.owner or other.domain != site.domain)
            for other in self._world.sites
        ) and way.inside  # fmt: skip

    def _hop(self, way: Way, verdict: Verdict) -> str:
        host = self._world.scenario in (Scenario.HOST, Scenario.EDGE)
        if verdict.hop is None:
            return "open"
        return "right" if verdict.hop == (0 if host else len(way.route.hops)) else "wrong"

    def _story(self, looks: list[Seen], verdict: Verdict) -> Iterable[str]:
        for seen in looks:
            tls = seen.observation.tls
            leaf = certificate_facts(tls.chain[0]) if tls is not None else None
            if tls is None or leaf is None:
                continue
            yield (
                f"{seen.observation.at:.1f} {seen.observation.purpose} {'FORGED' if seen.forged else 'real'} "
                f"key {leaf.spki_sha256[:8]} issuer {leaf.issuer} sent {len(tls.chain)} {tls.version} {tls.alpn} "
                f"asks={tls.client_cert_requested} proven={tls.key_proven}"
            )
        yield f"reference: {verdict.reference}"
        yield f"basis {verdict.basis} hop {verdict.hop} mixed {verdict.mixed}"
        yield from (
            f"{each.id} {each.points}{'' if each.decides else ' (no vote)'}: {each.text}" for each in verdict.evidence
        )


def _is_reference(seen: Seen) -> bool:
    """Whether this is what a forged look can be held against."""
    presented, tls = seen.presented, seen.observation.tls
    if presented is None or tls is None or seen.forged or seen.portal or seen.twin:
        return False
    return presented.anchored and presented.complete and presented.name_fits and tls.key_proven


def _unrelated(one: Site, other: Site) -> bool:
    stated = (one.target.trust, other.target.trust)
    if None in stated or TrustClass.PUBLIC not in stated:
        return False
    return stated[0] is not stated[1] or one.domain != other.domain
