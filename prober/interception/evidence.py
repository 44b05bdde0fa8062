"""What speaks for interception: single facts with points, each computed from one look and what it is compared with.

Points order and reach the threshold; families keep facts apart that depend on each other (`decision` has the rule).
Facts with `decides` False are told and ordered by, but never lift a verdict over the threshold: a private twin of a
service behind split DNS (own authority, own server software) shows all of them without anybody having opened anything.
Sources and reasons: docs/interception.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from prober.interception.certificates import CertificateFacts, certificate_facts, shown
from prober.interception.looks import Ground, Look, View, common_name, organisation
from prober.interception.middleboxes import Middleboxes, http_product
from prober.interception.verdict import Attribution, Evidence, Family
from prober.interception.verify import signed_by
from prober.model import Anchor

DAY: Final = 86_400


class Kind(NamedTuple):
    """An entry of the catalogue."""

    family: Family
    points: int
    meaning: str
    decides: bool = True


CATALOGUE: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "E1": Kind(Family.ANCHOR, 3, "The chain does not end at an authority that may vouch for this name."),
        "E2": Kind(Family.CROSS_PATH, 4, "Another route shows another key, and that one is anchored."),
        "E2b": Kind(Family.CROSS_PATH, 3, "The baseline or a pin names another key."),
        "E3": Kind(Family.KEY, 6, "The certificate carries the key of the very authority that signs on this route."),
        "E4": Kind(Family.KEY, 5, "The same key is served for hosts that have different keys."),
        "E5": Kind(Family.CONVERGENCE, 5, "Targets of different families end at the same unknown signer."),
        "E6": Kind(Family.NAME, 4, "The signer bears the name of an inspection product (2 points if less sure)."),
        "E7": Kind(Family.PROTOCOL, 4, "The server asks for a client certificate elsewhere, not here.", False),
        "E8": Kind(Family.SHAPE, 3, "Names or organisation are the real certificate's, signed by somebody else."),
        "E9": Kind(Family.PROTOCOL, 2, "The handshake differs: ALPN, TLS version, key type, ServerHello.", False),
        "E10": Kind(Family.SHAPE, 4, "Validity is the real certificate's to the second, signed by somebody else."),
        "E11": Kind(Family.HTTP, 3, "The answer inside the tunnel bears a proxy's header that others do not show."),
        "E12": Kind(Family.SHAPE, 3, "The certificate's subject names an inspection product, the real one's does not."),
        "E13": Kind(Family.ANCHOR, 2, "Only a root installed on this machine vouches for the chain.", False),
        "E14": Kind(Family.ANCHOR, 6, "A known interceptor's authority signs: listed as such, or named as your own."),
        "E15": Kind(Family.SHAPE, 1, "Root sent along, validity too long for public authorities, or new.", False),
        "E16": Kind(Family.NAME, 6, "The issuer is called 'Not trusted by …': squid's mark for what it opened."),
        "E17": Kind(Family.KEY, 6, "The issuer is named by name and key identifier, and its key did not sign: forged."),
        "E18": Kind(Family.NAME, 3, "The issuer bears the name of the one that signs the reference, but not its key."),
    }
)  # fmt: skip
STRUCTURAL: Final = frozenset({"E3", "E4", "E5", "E6", "E14", "E16", "E17", "E18"})
"""Evidence that stands even where all routes show the same key."""
CERTIFICATE: Final = frozenset({"E3", "E14", "E16", "E17"})
"""Evidence that one certificate gives by itself."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else was seen on the same route, and what is expected: the part of evidence that needs other targets."""

    sharing: tuple[str, ...] = ()
    """Unrelated hosts that were served the same leaf key in another certificate on this route, some of them."""
    converging: tuple[str, ...] = ()
    """Hosts of other families that end at the same unknown signer on this route, some of them."""
    signing_key: bool = False
    """The leaf's key is that of an authority which signs for other hosts on this route."""
    names_fit: bool = False
    """The same signer serves other hosts of this route, which are none of its business, certificates in their right
    names."""
    stated: bool = True
    """It is known that somebody else should sign for the look's own host: by a reference, a baseline, or because its
    catalog expects a public authority."""


def of_chain(look: Look, middleboxes: Middleboxes, around: Surroundings) -> Iterator[Evidence]:
    """Evidence that needs no reference. Only for looks that are not anchored."""
    view = look.view
    leaf = view.leaf
    if leaf is None:
        return
    yield _evidence("E1", f"signed by {_signer(view)}, {_standing(view)}", observed=view.trust.anchor.value)
    issuer = view.issuer
    own = issuer is not None and issuer.spki_sha256 == leaf.spki_sha256 and not leaf.self_issued
    if own or around.signing_key:
        yield _evidence("E3", "the certificate's key is the key of the authority that signs on this route")
    if around.sharing:
        yield _evidence("E4", f"the same key was served for {_hosts(around.sharing)}")
    if around.converging:
        yield _evidence("E5", f"{_hosts(around.converging)} end at the same signer on this route")
    trust = view.trust
    if trust.known_bad is not None or trust.interceptor is not None:
        whose = trust.known_bad or f"your own inspection ({trust.interceptor})"
        yield _evidence("E14", f"its authority is known to intercept: {whose}")
    if view.forged:
        yield _evidence("E17", f"{view.forged} is named as issuer, by name and key identifier, and did not sign")
    yield from _names(view, middleboxes)
    if trust.anchor is Anchor.OS_ONLY:
        yield _evidence("E13", "the root is installed on this machine and in no public store")


def _names(view: View, middleboxes: Middleboxes) -> Iterator[Evidence]:
    leaf = view.leaf
    if leaf is None:
        return
    issuer = dict(reversed(leaf.issuer_names)).get("CN", "")
    if issuer.startswith('Not trusted by "'):
        yield _evidence("E16", f"the issuer is called {shown(issuer, 120)}")
    found = middleboxes.attribution(leaf, view.path[1:])
    if found is not None and found.confidence in ("high", "medium"):
        points = 4 if found.confidence == "high" else 2
        yield _evidence("E6", f"the signer's name is that of {named(found)}", points=points, observed=found.pattern)


def against(look: Look, reference: Look, middleboxes: Middleboxes, *, there: str = "") -> Iterator[Evidence]:
    """Evidence from comparing with an anchored look at the same host: another route's, or one from `there`."""
    view, other = look.view, reference.view
    leaf, real = view.leaf, other.leaf
    if leaf is None or real is None:
        return
    if not missing_only(view):
        yield from _copied(view, leaf, real)
    if _borrowed_name(view, other):
        text = f"the issuer is called {common_name(leaf, of_issuer=True)} like the reference's, with another key"
        yield _evidence("E18", text)
    yield from _protocol(look, reference, there or reference.route)
    yield from _foreign_marks(look, reference, middleboxes)
    weak = list(_weak_shape(look, leaf, real))
    if weak:
        yield _evidence("E15", "; ".join(weak))


def contradictions(look: Look, reference: Look, middleboxes: Middleboxes) -> Iterator[Evidence]:
    """Evidence that counts even against an anchored chain with another key than the reference's."""
    for each in (*_protocol(look, reference, reference.route), *_foreign_marks(look, reference, middleboxes)):
        if each.id == "E7" or (each.id in ("E11", "E12") and each.decides):
            yield each


def missing_only(view: View) -> bool:
    """Whether the chain merely lacks a certificate of a known name: a real server's neglect looks like this."""
    return view.ground is Ground.INCOMPLETE and view.trust.forged is None


def cross_path(reference: Look) -> Evidence:
    """E2: a live reference shows another key."""
    leaf = reference.view.leaf
    issuer = common_name(leaf, of_issuer=True) if leaf is not None else ""
    text = f"over {reference.route} another key is served, signed by {issuer} ({reference.view.trust.anchor})"
    return _evidence("E2", text, expected=reference.view.key)


def stale(what: str, keys: Iterable[str]) -> Evidence:
    """E2b: a baseline or a pin names other keys."""
    return _evidence("E2b", f"{what} names another key", expected=", ".join(sorted(keys)[:4]))


def named(found: Attribution) -> str:
    """Vendor and product as a person says them."""
    product = found.product if found.product.startswith(found.vendor) else f"{found.vendor} {found.product}"
    return found.vendor if found.vendor == found.product else product


def _copied(view: View, leaf: CertificateFacts, real: CertificateFacts) -> Iterator[Evidence]:
    what = []
    if real.san_count >= 2 and leaf.sans_digest == real.sans_digest:
        what.append(f"all {real.san_count} names")
    if organisation(real) and organisation(leaf) == organisation(real):
        what.append(f"the organisation {shown(organisation(real), 60)}")
    if what:
        yield _evidence("E8", f"{' and '.join(what)} are those of the real certificate, the signer is not")
    if (leaf.not_before, leaf.not_after) == (real.not_before, real.not_after):
        yield _evidence("E10", "it is valid from and until the same second as the real certificate")


def _borrowed_name(view: View, other: View) -> bool:
    """The reference's own issuer is named, and did not sign. Asked of the key itself: path building has budgets."""
    leaf, real, issuer = view.leaf, other.leaf, other.issuer
    if leaf is None or real is None or issuer is None or leaf.issuer_id != real.issuer_id:
        return False
    encoded = next((der for der in other.chain if der and _is(der, issuer)), None)
    return encoded is not None and not signed_by(view.chain[0], encoded)


def _is(der: bytes, facts: CertificateFacts) -> bool:
    found = certificate_facts(der)
    return found is not None and found.sha256 == facts.sha256


def _protocol(look: Look, reference: Look, where: str) -> Iterator[Evidence]:
    here, there = look.tls, reference.tls
    if there.client_cert_requested and not here.client_cert_requested:
        over = "over" if where == reference.route else "in"
        text = f"{over} {where} the server asks for a client certificate, here nobody does"
        yield _evidence("E7", text)
    differs = []
    points = 0
    if there.alpn and not here.alpn:
        differs.append(f"no ALPN where {where} agrees on {shown(there.alpn, 20)}")
        points += 1
    if here.version != there.version:
        differs.append(f"{here.version} where {where} has {there.version}")
        points += 2 if here.version < there.version else 1
    leaf, real = look.view.leaf, reference.view.leaf
    if leaf is not None and real is not None and leaf.key_type != real.key_type:
        differs.append(f"an {leaf.key_type} key where {where} has {real.key_type}")
        points += 1
    hello, other = here.hello, there.hello
    if hello and other and hello.version == other.version and hello.extensions != other.extensions:
        differs.append("the ServerHello's extensions come in another order or are others")
        points += 1
    if differs:
        yield _evidence("E9", "; ".join(differs), points=min(points, 2))


def _foreign_marks(look: Look, reference: Look, middleboxes: Middleboxes) -> Iterator[Evidence]:
    here = look.http.headers if look.http is not None else ()
    there = reference.http.headers if reference.http is not None else ()
    product = http_product(here)
    if product is not None and product != http_product(there):
        yield _evidence("E11", f"a header inside the tunnel names {product}")
    elif reference.http is not None and (via := _via(here)) and not _via(there):
        yield _evidence("E11", f"inside the tunnel there is Via: {shown(via, 80)}", decides=False)
    leaf, real = look.view.leaf, reference.view.leaf
    if leaf is None or real is None:
        return
    vendor = middleboxes.names_product(organisation(leaf))
    if vendor is not None and middleboxes.names_product(organisation(real)) != vendor:
        yield _evidence("E12", f"the certificate's subject belongs to {vendor}")


def _via(headers: Iterable[tuple[str, str]]) -> str:
    return next((value for name, value in headers if name == "via"), "")


def _weak_shape(look: Look, leaf: CertificateFacts, real: CertificateFacts) -> Iterator[str]:
    roots = [facts for facts in look.view.path[1:] if facts.self_issued]
    if any(_is(der, facts) for facts in roots for der in look.view.chain[1:]):
        yield "the self-signed root was sent along"
    allowed = longest_validity(leaf.not_before)
    if leaf.not_after - leaf.not_before > allowed * DAY:
        yield f"it is valid for more than the {allowed} days that public authorities may give"
    if 0 <= look.at - leaf.not_before < 3 * DAY and leaf.not_before != real.not_before:
        yield "it was issued within the last three days"


def longest_validity(not_before: float) -> int:
    """Days that a public TLS certificate issued then may last (Baseline Requirements, section 6.3.2)."""
    steps = ((1_868_227_200, 47), (1_805_068_800, 100), (1_773_532_800, 200), (1_598_918_400, 398))
    return next((limit for since, limit in steps if not_before >= since), 825)


def _evidence(
    id_: str,
    text: str,
    *,
    points: int | None = None,
    observed: str = "",
    expected: str = "",
    decides: bool | None = None,
) -> Evidence:
    kind = CATALOGUE[id_]
    return Evidence(
        id=id_,
        family=kind.family,
        points=kind.points if points is None else points,
        text=text,
        decides=kind.decides if decides is None else decides,
        observed=observed,
        expected=expected,
    )


def _signer(view: View) -> str:
    return common_name(view.leaf, of_issuer=True) if view.leaf is not None else "nobody"


def _standing(view: View) -> str:
    if view.ground is Ground.INCOMPLETE:
        return "whose certificate was not sent and is not known"
    match view.trust.anchor:
        case Anchor.OS_ONLY:
            return "which only this machine's own store has"
        case Anchor.SELF_SIGNED_LEAF:
            return "by its own key alone"
        case Anchor.UNKNOWN:
            return "which no store has"
    return "which may not vouch for this name"


def _hosts(hosts: tuple[str, ...]) -> str:
    listed = ", ".join(shown(host, 80) for host in hosts[:3])
    return f"{listed} and others" if len(hosts) > 3 else listed
