"""From one look and what it is compared with to a verdict.

The rule. Whoever holds the leaf's private key terminated the connection; so the same key on another, anchored route
proves that nobody else did. Failing that, an authority that may vouch for the name is enough. Only a chain without one
is looked at for evidence, and `intercepted` takes THRESHOLD points of deciding evidence, from two families other than
names, seen more than once. The worst honest case, split DNS with a private twin of the service, reaches 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from prober.interception.evidence import (
    CERTIFICATE,
    STRUCTURAL,
    Surroundings,
    against,
    contradictions,
    cross_path,
    missing_only,
    of_chain,
    stale,
)
from prober.interception.looks import Ground, Look, View
from prober.interception.middleboxes import Middleboxes
from prober.interception.text import shown
from prober.interception.verdict import Basis, Confidence, Evidence, Family, Reference, Verdict, Why, Word
from prober.model import Anchor

THRESHOLD: Final = 8
"""Points of deciding evidence that `intercepted` takes."""
_THE_SERVICES_OWN: Final = frozenset({"E8", "E11"})
"""What another front end of the service itself shows as well. It decides nothing where the signer may be a familiar
authority's next one: its own names are not copied, and what stands before it is no second kind of evidence."""
SURE: Final = 12
"""Points from which, with three families, the confidence is high."""


@dataclass(frozen=True, slots=True)
class Comparable:
    """What a look is compared with."""

    same_key: Look | None = None
    """An anchored look at the same host over another route, with the same leaf key."""
    reference: Look | None = None
    """An anchored look at the same host over another route, with another key."""
    baseline: Look | None = None
    """The same of a saved run, or of another egress point of this one; its key may be the same or another."""
    baseline_has_key: bool = False
    """Whether an anchored look of the baseline has this look's key."""
    others: Callable[[], Sequence[Look]] = tuple
    """Every look at the same host over other routes. Asked for only where no authority settles it."""
    around: Callable[[], Surroundings] = Surroundings
    settled: bool = False
    """Whether the contradiction was seen again, between references that kept their key."""
    steady: bool = False
    """Whether at least two looks of this kind agree in what the protocol shows: chance is ruled out."""
    pins: frozenset[str] | None = None


def decide(look: Look, among: Comparable, middleboxes: Middleboxes, without: frozenset[str] = frozenset()) -> Verdict:
    """The verdict on one look. `without` leaves evidence ids out, for measuring what each contributes."""
    view = look.view
    mismatch = _mismatch(view, among.pins)
    verdict = _proven_clean(look, among) or _by_authority(look, among, middleboxes, without)
    if verdict is None:
        verdict = _not_judged(look, among) or _weigh(look, among, middleboxes, without)
    return replace(verdict, policy_mismatch=True) if mismatch else verdict


def _mismatch(view: View, pins: frozenset[str] | None) -> bool:
    return pins is not None and not any(facts.spki_sha256 in pins for facts in view.path)


def _proven_clean(look: Look, among: Comparable) -> Verdict | None:
    """C1 and C3: a key that an anchored look elsewhere, a baseline or a pin vouches for."""
    view = look.view
    marked = view.trust.known_bad is not None or view.trust.interceptor is not None
    if not look.tls.key_proven or view.ground is Ground.UNREADABLE or marked:
        return None
    if among.same_key is not None:
        return Verdict(word=Word.CLEAN, basis=Basis.PROVEN, reference=reference_to(among.same_key))
    if among.pins is not None and view.key in among.pins:
        pin = Reference("pin", look.target.host, view.key, "", None)
        return Verdict(word=Word.CLEAN, basis=Basis.PINNED, reference=pin)
    earlier = among.baseline
    if among.baseline_has_key and earlier is not None:
        return Verdict(word=Word.CLEAN, basis=Basis.BASELINE, reference=reference_to(earlier, _kind(earlier)))
    return None


def _by_authority(look: Look, among: Comparable, middleboxes: Middleboxes, without: frozenset[str]) -> Verdict | None:
    """C2: an authority vouches for it, unless the handshake contradicts another route throughout."""
    view = look.view
    if not (view.anchored and view.dates_fit and look.tls.key_proven):
        return None
    basis = Basis.PINNED if view.trust.anchor is Anchor.PINNED else Basis.AUTHORITY
    reference = among.reference
    if reference is None:
        return Verdict(word=Word.CLEAN, basis=basis)
    against_it = [each for each in contradictions(look, reference, middleboxes) if each.id not in without]
    changed = view.family != reference.view.family
    if against_it and among.steady:
        return _verdict(Word.SUSPECT, basis, against_it, reference=reference, reason=Why.CONTRADICTING)
    return Verdict(word=Word.CLEAN, basis=basis, reference=reference_to(reference), issuer_changed=changed)


def unsettled(look: Look, among: Comparable, middleboxes: Middleboxes) -> bool:
    """Whether a look is clean by its authority only as long as what contradicts another route was not seen again."""
    reference = among.reference
    if reference is None or among.steady or _proven_clean(look, among) is not None or not look.view.anchored:
        return False
    return any(contradictions(look, reference, middleboxes))


def _not_judged(look: Look, among: Comparable) -> Verdict | None:
    """What says nothing about interception, or is something else."""
    view = look.view
    if look.unreadable:
        return _unreadable(look, among)
    if not look.tls.key_proven:
        return Verdict(word=Word.INCONCLUSIVE, reason=Why.KEY_NOT_PROVEN)
    if look.for_another_name and not (among.around().names_fit or _names_as_elsewhere(look, among)):
        if any(other.view.key == view.key for other in among.others()):
            return Verdict(word=Word.INCONCLUSIVE, reason=Why.WRONG_NAME)
        reference = reference_to(among.reference) if among.reference is not None else None
        return Verdict(word=Word.BLOCKED, reference=reference)
    if view.ground is Ground.UNFIT:
        return Verdict(word=Word.INCONCLUSIVE, reason=Why.UNREADABLE)
    if view.ground is Ground.ANCHORED:
        return Verdict(word=Word.INCONCLUSIVE, reason=Why.CLOCK)
    if missing_only(view) and among.reference is None:
        return Verdict(word=Word.INCONCLUSIVE, reason=Why.CHAIN_INCOMPLETE)
    return None


def _names_as_elsewhere(look: Look, among: Comparable) -> bool:
    """Whether an unknown signer's certificate has the wrong names of the anchored one over another route: the service
    itself is set up like this, and who copies it is no block page. Where an anchored one fits, the service is not, and
    the wrong name over the other route is that of a page as well."""
    leaf = look.view.leaf
    if leaf is None or not (look.unanchored and leaf.sans_digest):
        return False
    real = [other for other in among.others() if other.view.ground is Ground.ANCHORED and other.tls.key_proven]
    if not all(other.for_another_name for other in real):
        return False
    found = (other.view.leaf for other in real)
    return any(each is not None and each.sans_digest == leaf.sans_digest for each in found)


def _unreadable(look: Look, among: Comparable) -> Verdict:
    """A certificate that does not parse tells nothing; but where the service shows a sound one elsewhere, somebody else
    made this one."""
    if among.reference is None or not look.tls.key_proven:
        return Verdict(word=Word.INCONCLUSIVE, reason=Why.UNREADABLE)
    found = [cross_path(among.reference)]
    reference = among.reference
    return _verdict(Word.SUSPECT, Basis.PROVEN, found, reference=reference, reason=Why.UNREADABLE, live=reference)


def _weigh(look: Look, among: Comparable, middleboxes: Middleboxes, without: frozenset[str]) -> Verdict:
    """A signer that may not vouch for the name: the evidence decides."""
    view = look.view
    found = [each for each in _evidence(look, among, middleboxes) if each.id not in without]
    ids = {each.id for each in found}
    nobody = _nobody_on_the_route(look, among)
    if (nobody is not None or look.hops == 0) and not among.around().stated:
        # A home-made server often has one key for everything, and nobody said that this one should not.
        found = [replace(each, decides=False) if each.id == "E3" else each for each in found]
    if nobody is not None and not {each.id for each in found if each.decides} & STRUCTURAL:
        return Verdict(word=Word.INCONCLUSIVE, reason=nobody, score=sum(each.points for each in found))
    reference = among.reference or among.baseline
    basis = _basis(found, among)
    strict = _mismatch(view, among.pins) and view.ground is Ground.FOREIGN
    if not (strict or reaches(found)):
        return _verdict(Word.SUSPECT, basis, found, reference=reference, reason=Why.WEAK, live=among.reference)
    if not (among.settled or "E14" in ids):
        return _verdict(Word.SUSPECT, basis, found, reference=reference, reason=Why.NOT_REPEATED, live=among.reference)
    return _verdict(Word.INTERCEPTED, basis, found, reference=reference, live=among.reference)


def reaches(found: Sequence[Evidence]) -> bool:
    """Whether evidence suffices for `intercepted`."""
    if any(each.id == "E14" for each in found):
        return True
    deciding = [each for each in found if each.decides]
    families = {each.family for each in deciding} - {Family.NAME}
    # squid says so itself, in a name that no honest server bears
    own_word = {"E1", "E16"} <= {each.id for each in deciding}
    return sum(each.points for each in deciding) >= THRESHOLD and (len(families) >= 2 or own_word)


def _evidence(look: Look, among: Comparable, middleboxes: Middleboxes) -> Iterable[Evidence]:
    yield from of_chain(look, middleboxes, among.around())
    if among.reference is not None:
        yield cross_path(among.reference)
    elif among.baseline is not None:
        yield stale(_place(among.baseline), [among.baseline.view.key])
    elif _mismatch(look.view, among.pins):
        yield stale("a pin", among.pins or ())
    reference = among.reference or among.baseline
    if reference is not None:
        there = "" if among.reference is not None else _place(reference)
        found = list(against(look, reference, middleboxes, there=there))
        own = look.view.familiar and not look.view.forged and all(each.id != "E18" for each in found)
        for each in found:
            chance = each.family in (Family.PROTOCOL, Family.HTTP) and not among.steady
            yield replace(each, decides=False) if chance or (own and each.id in _THE_SERVICES_OWN) else each


def _nobody_on_the_route(look: Look, among: Comparable) -> Why | None:
    """Where the direct route, or every other one, shows the same, the proxies are not the ones who put it there.

    Against the direct route the signer counts (a farm has many keys); between proxies only the key does, since two of
    them may well share one inspection authority. A route that shows another, anchored key throughout says that somebody
    did put this one there, be it in front of several routes.
    """
    others = among.others()
    foreign = [other for other in others if other.unanchored and other.tls.key_proven]
    alike = {other.route for other in foreign if other.view.key == look.view.key}
    direct = [other for other in foreign if other.is_direct]
    alike |= {other.route for other in direct if look.hops and other.view.signer == look.view.signer}
    if {other.route for other in others if other.is_reference} - alike:
        return None
    if look.hops and any(other.is_direct for other in others):
        return Why.NOT_RETERMINATED_BY_PROXY if alike & {other.route for other in direct} else None
    routes = {other.route for other in others}
    if look.is_direct and alike:
        return Why.CONSISTENT_UNANCHORED  # an honest proxy shows the same; others may well put in their own
    return Why.CONSISTENT_UNANCHORED if routes and routes == alike else None


def _basis(found: Sequence[Evidence], among: Comparable) -> Basis:
    ids = {each.id for each in found}
    if "E2" in ids:
        return Basis.PROVEN
    if "E2b" in ids:
        return Basis.BASELINE if among.baseline is not None else Basis.PINNED
    if "E5" in ids:
        return Basis.CONVERGENCE
    return Basis.AUTHORITY if ids & (CERTIFICATE | {"E4"}) else Basis.NONE


def _verdict(
    word: Word,
    basis: Basis,
    found: Sequence[Evidence],
    *,
    reference: Look | None,
    reason: Why | None = None,
    live: Look | None = None,
) -> Verdict:
    ordered = tuple(sorted(found, key=lambda each: (-each.points, each.id)))
    score = sum(each.points for each in ordered)
    families = {each.family for each in ordered}
    sure = score >= SURE and len(families) >= 3
    of_route = live is not None or reason is Why.CONTRADICTING or reference is None
    kind = "route" if of_route or reference is None else _kind(reference)
    return Verdict(
        word=word,
        basis=basis,
        reason=reason,
        confidence=(Confidence.HIGH if sure else Confidence.MEDIUM) if word is Word.INTERCEPTED else None,
        score=score,
        evidence=ordered,
        reference=reference_to(reference, kind) if reference is not None else None,
    )


def _kind(earlier: Look) -> str:
    """Of a reference that is not of this egress point's own looks."""
    return "egress" if earlier.egress else "baseline"


def _place(earlier: Look) -> str:
    return f"egress {shown(earlier.egress, 60)}" if earlier.egress else "the baseline"


def reference_to(look: Look, kind: str = "route") -> Reference:
    """A look as the reference of a verdict."""
    leaf = look.view.leaf
    name = f"{look.egress}/{look.route}" if look.egress else look.route
    return Reference(kind, name, look.view.key, leaf.issuer if leaf is not None else "", look.at)
