"""What is said of verdicts: who signs, in whose place, where, and what to do.

Texts quote peers: escape before showing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from prober.failures import proxy_name
from prober.interception.verdict import Why
from prober.model import Route
from prober.report.document import Result
from prober.report.finding import Kind, display_name
from prober.report.judgement import AttributionDoc, InterceptionDoc, ReferenceDoc, SignerDoc
from prober.report.names import common_name, commonest, quoted

_STORES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mozilla": "Mozilla's store",
        "legacy": "a public store until lately",
        "vendor": "the vendor's own roots",
        "user": "the roots you named",
        "os": "this machine's own store",
    }
)
_BUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        Why.NOT_REPEATED.value: "it was seen once and did not come again",
        Why.WEAK.value: "there is too little beside that to be sure",
        Why.UNREADABLE.value: "its certificate cannot be read, so there is nothing more to go by",
    }
)
"""Why `suspect` is not `intercepted`."""
_BEGINNING: Final = re.compile(r"(.*)\[:(\d+)\]")
"""The name of a route that is the beginning of another (`prober.interception.location.prefixes`)."""
_UNKNOWN_SIGNER: Final = "somebody who is not named"


@dataclass(frozen=True, slots=True)
class Told:
    """Results of one cause, with what their sentence needs."""

    results: tuple[Result, ...]
    over: str
    """The ways by name."""
    count: str
    """`12 of 65 targets`, or the only one's name."""
    routes: tuple[Route, ...]
    """The ways' routes."""

    @property
    def verdicts(self) -> list[InterceptionDoc]:
        """Of all results."""
        return [result.interception for result in self.results if result.interception is not None]

    @property
    def targets(self) -> int:
        """How many there are."""
        return len({result.target.id for result in self.results})

    @property
    def through(self) -> str:
        """How the sentence begins: `through hq: `."""
        return f"{self.over}: " if self.direct else f"through {self.over}: "

    def verb(self, one: str, many: str) -> str:
        """The verb that fits the count."""
        return one if self.targets == 1 else many

    @property
    def meant(self) -> str:
        """The targets in a hint: the name, or `the 12 names below`."""
        names = list(dict.fromkeys(map(display_name, self.results)))
        return names[0] if len(names) == 1 else f"the {len(names)} names below"

    @property
    def direct(self) -> bool:
        """Whether no proxy is on any of the ways."""
        return not any(route.hops for route in self.routes)

    @property
    def place(self) -> str:
        """Where the inspection is to be looked for, with its preposition."""
        hop = self.verdicts[0].hop
        if self.direct:
            return "on this machine or on its way out" if hop == 0 else "on the way out of this machine"
        if hop == 0:
            return "on this machine or in front of its first proxy"
        if hop and len(self.routes) == 1 and len(self.routes[0].hops) > 1:
            return f"at {proxy_name(hop, self.routes[0])}"
        return f"on {self.over}"

    @property
    def words(self) -> str:
        """The closed words: verdict, reason, basis, confidence, score, with how many there are of each."""
        verdicts = self.verdicts
        reasons = _spread(each.reason for each in verdicts if each.reason)
        scores = [each.score for each in verdicts]
        score = f"{min(scores)}" if min(scores) == max(scores) else f"{min(scores)} to {max(scores)}"
        parts = (
            f"basis {_spread(each.basis for each in verdicts)}",
            confidence if (confidence := _confidence(verdicts)) else "",
            f"score {score}" if max(scores) else "",
            "policy_mismatch" if any(each.policy_mismatch for each in verdicts) else "",
        )
        what = _spread(each.verdict for each in verdicts)
        return f"{what}{f', {reasons}' if reasons else ''} ({', '.join(filter(None, parts))})"


def said(kind: Kind, told: Told) -> tuple[str, str, str]:
    """Sentence, hint and detail of a finding."""
    sayings: dict[Kind, Callable[[Told], tuple[str, str]]] = {
        Kind.INTERCEPTED: _intercepted,
        Kind.SUSPECT: _suspect,
        Kind.BLOCKED: _blocked,
        Kind.CLIENT_CERTIFICATE: _client_certificate,
        Kind.UNTRUSTED: _not_pinned,
    }
    sentence, hint = sayings[kind](told)
    return sentence, hint, _where(told)


def certificate_name(result: Result) -> str:
    """The name a certificate was made for: its first alternative name, else its subject; empty without a chain."""
    chain = result.tls.chain if result.tls is not None else ()
    if not chain:
        return ""
    return chain[0].sans[0] if chain[0].sans else common_name(chain[0].subject or "")


def _intercepted(told: Told) -> tuple[str, str]:
    sentence = f"{told.through}{_at_times(told)}{told.count} {told.verb('is', 'are')} {_signed(told)}"
    return "; ".join((sentence, *_more(told))), _exempt(told)


def _suspect(told: Told) -> tuple[str, str]:
    reason = told.verdicts[0].reason
    if reason == Why.CONTRADICTING:
        odd, _ = commonest(each.evidence[0].text for each in told.verdicts if each.evidence)
        head = f"{told.count} {told.verb('has', 'have')} an anchored certificate, {_signed(told, stores=False)}"
        parts = (f"{head}; yet {odd}" if odd else head, *_more(told))
    else:
        head = f"{_at_times(told)}{told.count} {told.verb('looks', 'look')} intercepted: {_signed(told)}"
        parts = (head, *_more(told), _BUT.get(reason or "", ""))
    return f"{told.through}{'; '.join(filter(None, parts))}", _doubt(told, reason)


def _doubt(told: Told, reason: str | None) -> str:
    """What makes sure."""
    if reason == Why.NOT_REPEATED:
        return "Probe again with --attempts 10: a cluster may open some connections only."
    if reason == Why.UNREADABLE:
        return f"Ask who runs {told.over} what answers there: no service shows a certificate like this."
    if reason == Why.CONTRADICTING:
        return f"Ask who runs {told.over} whether it opens these connections; -v shows the evidence."
    meant = (
        "If this authority is meant to sign these names, name it with --trust-roots; if it is your own inspection, "
        "with --known-interceptor."
    )
    if _references(told):
        return (
            f"Ask who runs {told.over} whose authority that is: a private twin of the service looks the same. {meant}"
        )
    way = "another way out (--via)" if told.direct else "a direct route"
    return f"Give it something to compare with: {way}, --baseline with a run that was clean, --pin. {meant}"


def _blocked(told: Told) -> tuple[str, str]:
    name = certificate_name(told.results[0])
    issuer, _ = commonest(_issuer(result) for result in told.results)
    by = f', signed by "{issuer}"' if issuer else ""
    sentence = (
        f"{told.through}{told.count} {told.verb('was', 'were')} answered with the certificate of "
        f"{name or 'another name'}{by}: a block page, a captive portal, or a front end that is set up wrongly"
    )
    if told.direct:
        return sentence, (
            f"See where {told.meant} {told.verb('leads', 'lead')} from this machine, and whether something on its way "
            "out wants a login; then probe again."
        )
    return sentence, f"Allow {told.meant} {told.place}, or sign in where the portal wants it; then probe again."


def _client_certificate(told: Told) -> tuple[str, str]:
    other = _reference_name(told) or "another route"
    sentence = (
        f"{told.through}{told.count} no longer {told.verb('asks', 'ask')} for a client certificate, as over {other}: "
        "somebody on the way answers in the service's place"
    )
    if any(result.target.client_certificate for result in told.results):
        sentence += "; the service knows its clients by their certificates and cannot work like this"
    return sentence, (
        f"Exempt {told.meant} from TLS inspection {told.place}: no inspection can pass a client's certificate on"
        f"{_demanded(told)}."
    )


def _not_pinned(told: Told) -> tuple[str, str]:
    sentence = (
        f"{told.through}{told.count} {told.verb('shows', 'show')} none of the pinned keys; "
        f"{_signed(told, stores=False)}"
    )
    return sentence, (
        "Learn from a second source whether the key was changed on purpose. If so, pin the new one with --pin; if not, "
        "somebody else answers here."
    )


def _signed(told: Told, *, stores: bool = True) -> str:
    """`signed by "Corp CA 07" under "Corp Root" (Fortinet FortiGate, high confidence), in no public store`."""
    signers = [each.signer for each in told.verdicts if each.signer is not None]
    if not signers:
        return f"signed by {quoted(_issuer(result) for result in told.results) or _UNKNOWN_SIGNER}"
    subjects = [common_name(signer.subject) for signer in signers]
    root = common_name(signers[0].root)
    under = f' under "{root}"' if signers[0].root and root not in subjects else ""
    product = told.verdicts[0].attribution
    whose = f" ({_product(product)}, {product.confidence} confidence)" if product is not None else ""
    return f"signed by {quoted(subjects)}{under}{whose}{f', {_stores(signers[0])}' if stores else ''}"


def _stores(signer: SignerDoc) -> str:
    if signer.root_spki_sha256 is None:
        return "whose own certificate was not sent and is in no store"
    if set(signer.stores) == {"os"}:
        return "in no public store but in this machine's own"
    if not signer.stores:
        return "in no public store"
    return f"in {', '.join(_STORES.get(store, store) for store in signer.stores)}"


def _product(attribution: AttributionDoc) -> str:
    if attribution.product.startswith(attribution.vendor) or not attribution.product:
        return attribution.product or attribution.vendor
    return f"{attribution.vendor} {attribution.product}"


def _more(told: Told) -> Iterator[str]:
    """What there is besides who signed: the reference, the shared key, the pins."""
    if reference := _reference(told):
        yield reference
    if shared := _shared(told):
        yield shared
    if any(each.policy_mismatch for each in told.verdicts):
        yield "none of the pinned keys is on the path"


def _references(told: Told) -> list[ReferenceDoc]:
    return [each.reference for each in told.verdicts if each.reference is not None]


def _reference(told: Told) -> str:
    """`direct shows Microsoft TLS G2 RSA CA OCSP 04`."""
    references = _references(told)
    if not references:
        return ""
    first = references[0]
    issuer, others = commonest(common_name(each.issuer) for each in references if each.issuer)
    if first.kind == "pin" or not issuer:
        return "another key is pinned" if first.kind == "pin" else ""
    shown = f"{issuer}{' and others' if others else ''}"
    if first.kind in ("baseline", "egress"):
        return f"the baseline has {shown}" if first.kind == "baseline" else f"{first.name} shows {shown}"
    return f"{_reference_name(told)} shows {shown}"


def _reference_name(told: Told) -> str:
    """The route of the references; of the beginning of a chain (`--locate`) the chain and how much of it."""
    name, _ = commonest(each.name for each in _references(told) if each.kind == "route")
    beginning = _BEGINNING.fullmatch(name)
    if beginning is None:
        return name
    chain, hops = beginning[1], int(beginning[2])
    return f"{chain} up to its hop {hops}" if hops else f"{chain} without its proxies"


def _shared(told: Told) -> str:
    """`the same key was served for 3 unrelated hosts`: of the key that serves most."""
    hosts: defaultdict[str, set[str]] = defaultdict(set)
    unrelated = False
    for result in told.results:
        verdict, tls = result.interception, result.tls
        if verdict is not None and verdict.shared_key_with and tls is not None and tls.chain:
            hosts[tls.chain[0].spki_sha256 or ""].update((display_name(result), *verdict.shared_key_with))
            unrelated = unrelated or any(each.id == "E4" for each in verdict.evidence)
    if not hosts:
        return ""
    most = max(map(len, hosts.values()))
    return f"the same key was served for {most} {'unrelated ' if unrelated else ''}hosts"


def _at_times(told: Told) -> str:
    """`on 1 of 10 connections ` where not all of them were opened."""
    mixed = [each.mixed for each in told.verdicts if each.mixed is not None]
    if not mixed:
        return ""
    return f"on {sum(each.intercepted for each in mixed):,} of {sum(each.of for each in mixed):,} connections "


def _exempt(told: Told) -> str:
    text = f"Exempt {told.meant} from TLS inspection {told.place}{_demanded(told)}."
    if any(result.target.service for result in told.results):
        text += " Defender checks who signed."
    located = told.verdicts[0].hop is not None or any(result.prefixes for result in told.results)
    if not located and any(len(route.hops) > 1 for route in told.routes):
        text += " --locate finds out which proxy of the chain it is."
    return text


def _demanded(told: Told) -> str:
    """What the catalog says of it."""
    demanded = {display_name(result) for result in told.results if result.target.inspection_bypass}
    if not demanded:
        return ""
    all_of_them = demanded == set(map(display_name, told.results))
    return f"; the vendor demands it{'' if all_of_them else f' for {len(demanded)} of them'}"


def _where(told: Told) -> str:
    """Where the signer first appears, if that is known."""
    hop = told.verdicts[0].hop
    if hop is None or not told.routes:
        return ""
    if told.direct:
        return ""  # where else
    if not hop:
        return "it begins before the first proxy: on this machine, or on the way out of it"
    return f"it begins at {proxy_name(hop, told.routes[0])}"


def _issuer(result: Result) -> str:
    chain = result.tls.chain if result.tls is not None else ()
    return common_name(chain[0].issuer) if chain and chain[0].issuer else ""


def _confidence(verdicts: list[InterceptionDoc]) -> str:
    words = _spread(each.confidence for each in verdicts if each.confidence)
    return f"confidence {words}" if "," in words else f"{words} confidence" if words else ""


def _spread(words: Iterator[str]) -> str:
    """`proven`, or `proven 10, convergence 2` where they are not all the same."""
    counted = Counter(words)
    if len(counted) == 1:
        return next(iter(counted))
    return ", ".join(f"{word} {number}" for word, number in counted.most_common())
